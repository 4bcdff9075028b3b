#!/usr/bin/env bash
# The memory toolkit compiles for musl and for 32 bits, without a warning about sizes, where a compiler for that is
# installed (Debian: musl-tools, gcc-i686-linux-gnu, gcc-arm-linux-gnueabihf).
# usage: test_pools_portable.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The kernel's headers, which musl does not bring, and nothing of the other C library's.
mkdir "$work/kernel"
ln -s /usr/include/linux /usr/include/asm-generic "$work/kernel/"
asm=$(find /usr/include -path '*-linux-gnu/asm' | head -n 1)
[ -z "$asm" ] || ln -s "$asm" "$work/kernel/asm"

tried=0
try() {
    command -v "$1" >/dev/null || { echo "skip $1: not installed"; return; }
    for source in "$source_dir"/pools/*.c "$source_dir"/pools/diagnostics/*.c; do
        "$@" -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Wconversion -Wsign-conversion -Werror -Wno-psabi \
            -I"$source_dir/pools" -I"$source_dir/pools/include" -I"$source_dir/pools/private" -I"$build_dir/include" \
            -c "$source" -o "$work/object.o"
    done
    tried=$((tried + 1))
}
try musl-gcc -idirafter "$work/kernel"
try i686-linux-gnu-gcc
try i686-linux-gnu-gcc -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
try arm-linux-gnueabihf-gcc
[ "$tried" -gt 0 ] || { echo "no compiler for another system is installed"; exit 77; }
echo "compiled in $tried ways"
