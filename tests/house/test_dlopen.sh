#!/usr/bin/env bash
# The shared library can be loaded at any time, by any thread, again and again: no part of it needs the static TLS
# that a process reserves when it starts, and threads that used it may end after dlclose().
# usage: test_dlopen.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
library=$build_dir/libcanp.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Fails if the library wants static TLS or may be unloaded.
check() {
    local dynamic
    dynamic=$(readelf -dW "$1")
    if grep -q STATIC_TLS <<<"$dynamic"; then
        echo "$1: has the flag STATIC_TLS: a variable with the initial-exec TLS model"
        return 1
    fi
    grep -q NODELETE <<<"$dynamic" || { echo "$1: lacks the flag NODELETE: its thread-exit hook would be unmapped"; return 1; }
}
check "$library"

# The check itself: a library that is wrong on purpose must not pass.
echo '__thread int a __attribute__((tls_model("initial-exec"))); int *f(void) { return &a; }' >"$work/wrong.c"
"${CC:-cc}" -shared -fPIC "$work/wrong.c" -o "$work/wrong.so" -Wl,-z,nodelete
! check "$work/wrong.so" >"$work/said" || { echo "a library with static TLS passes"; exit 1; }
grep -q STATIC_TLS "$work/said"
echo 'int f(void) { return 1; }' >"$work/wrong.c"
"${CC:-cc}" -shared -fPIC "$work/wrong.c" -o "$work/wrong.so"
! check "$work/wrong.so" >"$work/said" || { echo "a library that can be unloaded passes"; exit 1; }
grep -q NODELETE "$work/said"

"${CC:-cc}" -std=gnu11 -Wall -Wextra -Werror -O2 -I"$source_dir/pools/include" \
    "$source_dir/tests/house/dlopen.c" -o "$work/dlopen" -ldl -lpthread
"$work/dlopen" "$library"
