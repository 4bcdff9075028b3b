#!/bin/sh
# The pages of all commands, canp-NAME.1, made of what the built program says of itself.
# usage: commands.sh AWK_SCRIPT VERSION OUT_DIR CANP... (the program, behind an emulator where it needs one)
set -eu
script=$1 version=$2 out=$3
shift 3
rm -rf "$out"
mkdir -p "$out"
"$@" help | sed -n 's/^  \([a-z][a-z]*\)  *\(.*\)/\1 \2/p' | while read -r name summary; do
    "$@" "$name" --help </dev/null | awk -v name="$name" -v summary="$summary" -v version="$version" -f "$script" >"$out/canp-$name.1"
done
