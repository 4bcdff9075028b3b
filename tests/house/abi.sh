#!/usr/bin/env bash
# Renews the dump of the last release's ABI, which test_abi.sh compares with: at each release, once, and commit it.
# usage: abi.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
headers=()
for room in pools engine capture; do headers+=(--headers-dir "$1/$room/include"); done
abidw --drop-private-types --no-corpus-path --no-comp-dir-path --no-show-locs --short-locs --exported-interfaces-only \
    "${headers[@]}" "$2/libcanp.so" >"$1/tests/house/libcanp.abi"
