#!/usr/bin/env bash
# A build without NDEBUG, as Debian makes it (CMAKE_BUILD_TYPE=None), has its assertions and no other debug aid: no
# stack trace is taken for an allocation unless the ledger's mode was asked for.
# usage: test_debug_aids.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -UNDEBUG -O1 -Wall -Werror -I"$source_dir/pools" -I"$source_dir/pools/include" -I"$source_dir/pools/private" -I"$build_dir/include" \
    "$source_dir"/pools/*.c "$source_dir"/pools/diagnostics/*.c "$source_dir/tests/house/debug_aids.c" \
    -o "$work/debug_aids" -lpthread
"$work/debug_aids"

# Nor does the build file define more for that build type: but for NDEBUG the definitions are those of a release.
definitions() { # BUILD_DIR
    grep '"command"' "$1/compile_commands.json" | grep -oE ' -D[A-Za-z_][^ ]*' | grep -vE 'NDEBUG|=\\"' | sort -u
}
for type in None RelWithDebInfo; do
    cmake -S "$source_dir" -B "$work/$type" -DCMAKE_BUILD_TYPE=$type -DBUILD_TESTING=OFF -DCMAKE_C_COMPILER="${CC:-cc}" >"$work/log" ||
        { cat "$work/log" >&2; exit 1; }
    definitions "$work/$type" >"$work/$type.definitions"
done
test -s "$work/None.definitions"
diff "$work/RelWithDebInfo.definitions" "$work/None.definitions"
! grep -q NDEBUG "$work/None/compile_commands.json" || { echo "a build of no type has no assertions" >&2; exit 1; }
