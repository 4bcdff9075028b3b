#!/usr/bin/env bash
# The memory toolkit is a part of its own of libcanp: each function of <canp/pools/...> is exported under a node of
# the toolkit's, no other symbol is, and the toolkit exports no variable.
# usage: test_pools_symbols.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Names of the functions that the headers in a folder declare with CANP_API.
declared() {
    cat "$1"/*.h | tr '\n' ' ' | grep -oE 'CANP_API [^;()]*\(' | sed -E 's/.*[ *](canp_[a-z0-9_]+)\($/\1/' | sort -u
}

# compare LIBRARY FOLDER: fails, and says what is missing or too much.
compare() {
    nm -D --defined-only --with-symbol-versions "$1" | sed -nE 's/^[0-9a-f]+ T (.*)@@CANP_POOLS_.*/\1/p' | sort -u >"$work/exported"
    declared "$2" >"$work/declared"
    [ -s "$work/declared" ] || { echo "no function declared in $2"; return 1; }
    diff "$work/declared" "$work/exported" >"$work/diff" || {
        echo "declared (<) and exported under CANP_POOLS_ (>) differ:"
        cat "$work/diff"
        return 1
    }
}
compare "$build_dir/libcanp.so" "$source_dir/pools/include/canp/pools"
[ "$(wc -l <"$work/declared")" -gt 80 ] || { echo "only $(wc -l <"$work/declared") functions found"; exit 1; }
if nm -D --defined-only --with-symbol-versions "$build_dir/libcanp.so" | grep -E ' [BDRVWbdrvw] .*CANP_POOLS_'; then
    echo "the toolkit exports variables"
    exit 1
fi

# The comparison itself: one function more in a header must not pass.
cp -r "$source_dir/pools/include/canp/pools" "$work/headers"
echo 'CANP_API void canp_planted(void);' >>"$work/headers/clock.h"
! compare "$build_dir/libcanp.so" "$work/headers" >"$work/said" || { echo "a function that is not exported passes"; exit 1; }
grep -q '< canp_planted' "$work/said"
echo "the toolkit's symbols: $(wc -l <"$work/exported")"
