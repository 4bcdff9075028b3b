#!/usr/bin/env bash
# The library's ABI beside the last release's (libcanp.abi; abi.sh renews it): additions are fine, nothing else.
# usage: test_abi.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
case $(basename "${CC:-cc}") in *clang*) echo "the dump is of gcc's library"; exit 77 ;; esac
command -v abidiff >/dev/null || { echo "abidiff is not there (Debian: abigail-tools)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$1/tests/house/lib.sh"
dump=$1/tests/house/libcanp.abi
compare() { abidiff --no-added-syms "$1" "$2"; }

compare "$dump" "$2/libcanp.so"
sed "s/name='canp_strerror'/name='canp_gone'/g" "$dump" >"$work/gone.abi"
must_fail "a function that is gone" canp_gone compare "$work/gone.abi" "$2/libcanp.so"
sed "/name='canp_cursor_opts'/,/<\\/class-decl>/s/layout-offset-in-bits='64'/layout-offset-in-bits='72'/" "$dump" >"$work/moved.abi"
must_fail "a field that moved" from_ns compare "$work/moved.abi" "$2/libcanp.so"
