#!/usr/bin/env bash
# A build without NDEBUG, as Debian makes it (CMAKE_BUILD_TYPE=None), has its assertions and no other debug aid: no
# stack trace is taken for an allocation unless the ledger's mode was asked for. Then a program that asks at once, and a
# definition that only that build has, must be noticed.
# usage: test_debug_aids.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$source_dir/tests/house/lib.sh"
traces() { # SOURCE...
    "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -UNDEBUG -O1 -Wall -Werror -I"$source_dir/pools" -I"$source_dir/pools/include" \
        -I"$source_dir/pools/private" -I"$build_dir/include" "$source_dir"/pools/*.c "$source_dir"/pools/diagnostics/*.c \
        "$@" -o "$work/debug_aids" -lpthread || return
    "$work/debug_aids"
}
program=$source_dir/tests/house/debug_aids.c
traces "$program"
cat >"$work/planted.c" <<'C'
#include <canp/pools/ledger.h>
__attribute__((constructor)) static void canp_planted(void) { canp_ledger_set_modes(CANP_LEDGER_STACKS); }
C
must_fail "traces that nobody asked for" '[1-9][0-9]* stack traces unasked' traces "$program" "$work/planted.c"

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
{ echo ' -DCANP_PLANTED' && cat "$work/None.definitions"; } >"$work/planted.definitions"
must_fail "a debug aid by definition" CANP_PLANTED diff "$work/RelWithDebInfo.definitions" "$work/planted.definitions"
! grep -q NDEBUG "$work/None/compile_commands.json" || { echo "a build of no type has no assertions" >&2; exit 1; }
