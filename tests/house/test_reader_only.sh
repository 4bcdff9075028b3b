#!/usr/bin/env bash
# The build without sockets: configures, builds and runs where liburing and libsocketcan are not asked for,
# and its library needs neither.
# usage: test_reader_only.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake -S "$1" -B "$work" -G Ninja -DCANP_CAPTURE=OFF -DBUILD_TESTING=OFF -DCANP_WERROR=ON >/dev/null
cmake --build "$work" >/dev/null
! readelf -d "$work/libcanp.so" | grep -E 'NEEDED.*(uring|socketcan)'
"$work/tools/canp" --version
! "$work/tools/canp" help | grep -w record
echo "reader-only build: no liburing, no libsocketcan"
