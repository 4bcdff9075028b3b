#!/usr/bin/env bash
# The direction pools <- engine <- capture <- tools: each room, linked with those below it alone, leaves no
# canp_ symbol open, and includes nothing of a room above.
# usage: test_rooms.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
below=()
for room in pools engine capture; do
    mapfile -t objects < <(find "$build_dir/$room" -name '*.o')
    below+=("${objects[@]}")
    nm --undefined-only "${below[@]}" | awk '$1 == "U" && $2 ~ /^canp_/ {print $2}' | sort -u >"$build_dir/wanted.txt"
    nm --defined-only "${below[@]}" | awk 'NF == 3 {print $3}' | sort -u >"$build_dir/there.txt"
    missing=$(comm -23 "$build_dir/wanted.txt" "$build_dir/there.txt")
    [ -z "$missing" ] || { echo "$room uses what is not below it: $missing"; exit 1; }
done
# A header of a room above must not even be found.
cd "$source_dir"
! grep -rnE --include='*.[ch]' '#include "\.\./' pools engine capture
! grep -rnE --include='*.c' '\b(printf|fprintf|puts|exit|abort)\(' pools engine capture
echo "rooms: each stands on those below it"
