#!/usr/bin/env bash
# The memory toolkit compiles for musl and for 32 bits, without a warning about sizes, where a compiler for that is
# installed (Debian: musl-tools, gcc-i686-linux-gnu, gcc-arm-linux-gnueabihf). Then a file that is wrong on 32 bits, and one
# that needs glibc, must be noticed.
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

# shellcheck source=tests/house/lib.sh
. "$source_dir/tests/house/lib.sh"

tried=0
compile() { # SOURCE COMPILER...
    "${@:2}" -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Wconversion -Wsign-conversion -Werror -Wno-psabi \
        -I"$source_dir/pools" -I"$source_dir/pools/include" -I"$source_dir/pools/private" -I"$build_dir/include" \
        -c "$1" -o "$work/object.o"
}
try() { # COMPILER...
    command -v "$1" >/dev/null || { echo "skip $1: not installed"; return; }
    for source in "$source_dir"/pools/*.c "$source_dir"/pools/diagnostics/*.c; do
        compile "$source" "$@"
    done
    case $1 in
    musl-gcc) must_fail "glibc's alone, $1" execinfo compile "$work/glibc.c" "$@" ;;
    *) must_fail "a size of 64 bits, $1" onversion compile "$work/wide.c" "$@" ;;
    esac
    tried=$((tried + 1))
}
printf '#include <execinfo.h>\nint canp_planted;\n' >"$work/glibc.c"
cat >"$work/wide.c" <<'C'
#include <stddef.h>
#include <stdint.h>
size_t canp_planted(uint64_t bytes);
size_t canp_planted(uint64_t bytes) { return bytes; }
C
try musl-gcc -idirafter "$work/kernel"
try i686-linux-gnu-gcc
try i686-linux-gnu-gcc -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
try arm-linux-gnueabihf-gcc
[ "$tried" -gt 0 ] || { echo "no compiler for another system is installed"; exit 77; }
echo "compiled in $tried ways"
