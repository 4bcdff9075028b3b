#!/usr/bin/env bash
# The build without sockets: configures, builds and runs where liburing and libsocketcan are not asked for,
# and its library needs neither. The full build, which does need them, shows that this would be noticed.
# usage: test_reader_only.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$1/tests/house/lib.sh"

judge() { # BUILD_DIR
    readelf -d "$1/libcanp.so" >"$work/needs"
    must_not_match 'NEEDED.*(uring|socketcan)' "$work/needs"
    "$1/tools/canp" --version
    "$1/tools/canp" help >"$work/help"
    must_not_match '^  record ' "$work/help"
}
without_libraries() { must_not_match 'NEEDED.*(uring|socketcan)' "$work/needs"; }
without_record() { must_not_match '^  record ' "$work/help"; }

cmake -S "$1" -B "$work" -G Ninja -DCANP_CAPTURE=OFF -DBUILD_TESTING=OFF -DCANP_WERROR=ON >/dev/null
cmake --build "$work" >/dev/null
judge "$work"
readelf -d "$2/libcanp.so" >"$work/needs"
must_fail "a library that needs liburing" uring noticed_in_subshell without_libraries
"$2/tools/canp" help >"$work/help"
must_fail "a command that records" record noticed_in_subshell without_record
echo "reader-only build: no liburing, no libsocketcan"
