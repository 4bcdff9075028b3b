#!/usr/bin/env bash
# Public symbols: the headers' CANP_API declarations, the symbol map and what the shared library exports are the same,
# and no global symbol of the static library lacks canp_. Then each of these rules is broken, and must be noticed.
# usage: test_symbols.sh SOURCE_DIR BUILD_DIR; CC is the compiler
set -euo pipefail
source_dir=$1 build_dir=$2
here=$source_dir/tests/house
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"

check() { # SOURCE_DIR STATIC_LIBRARY
    python3 "$here/symbols.py" check "$1" "$build_dir/libcanp.so" "$2"
}

check "$source_dir" "$build_dir/libcanp.a"

# libcanp-stream has a map of its own: what its header declares, and no more.
if [ -e "$build_dir/tools/libcanp-stream.so" ]; then
    diff <(grep -o 'canp_\(stream\|ship\|collect\)_[a-z_]*(' "$source_dir/tools/stream/include/canp/stream.h" | tr -d '(' | sort -u) \
        <(nm -D --defined-only "$build_dir/tools/libcanp-stream.so" | awk '$2 == "T" {print $3}' | sed 's/@.*//' | sort -u)
fi

for room in pools engine capture; do
    mkdir -p "$work/tree/$room" && cp -r "$source_dir/$room/include" "$work/tree/$room/"
done
cp "$source_dir/pools/version.h.in" "$work/tree/pools/"
plant() { cp "$source_dir/engine/libcanp.map" "$work/tree/engine/"; }

plant && sed -i '/ canp_strerror;/d' "$work/tree/engine/libcanp.map"
must_fail "a symbol that the map lacks" 'canp_strerror: headers: CANP_0.1; map: not there' check "$work/tree" "$build_dir/libcanp.a"
plant && sed -i 's/ canp_strerror;/ canp_strerror; canp_gone;/' "$work/tree/engine/libcanp.map"
must_fail "a symbol that is gone" 'canp_gone: headers: not there' check "$work/tree" "$build_dir/libcanp.a"
plant && sed -i 's/ canp_strerror;/ canp_st*;/' "$work/tree/engine/libcanp.map"
must_fail "a wildcard" wildcard check "$work/tree" "$build_dir/libcanp.a"
plant && sed -i '/ canp_buf_share;/d; s/ canp_strerror;/ canp_strerror; canp_buf_share;/' "$work/tree/engine/libcanp.map"
must_fail "a symbol of pools/ in the other node" 'canp_buf_share: headers: CANP_POOLS' check "$work/tree" "$build_dir/libcanp.a"
plant && echo 'CANP_API int canp_new(void);' >>"$work/tree/engine/include/canp/rows.h"
must_fail "a declaration that nothing exports" 'canp_new: headers: CANP_0.1' check "$work/tree" "$build_dir/libcanp.a"
cp "$source_dir/engine/include/canp/rows.h" "$work/tree/engine/include/canp/"

echo 'unsigned crc32c(void); unsigned crc32c(void) { return 0; }' | "${CC:-cc}" -x c -c - -o "$work/bare.o"
cp "$build_dir/libcanp.a" "$work/" && ar q "$work/libcanp.a" "$work/bare.o"
plant
must_fail "a global symbol without the prefix" 'crc32c: a global symbol' check "$work/tree" "$work/libcanp.a"
