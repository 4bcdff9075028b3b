#!/bin/sh
# The independent reader of packed payloads against the packer: random blocks of this run, and the golden blocks.
# usage: test_packed.sh SOURCE_DIR BUILD_DIR
set -eu
here=$(dirname "$(readlink -f "$0")")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$2/tests/pack_samples" "$tmp/small" "${CANP_TEST_STEPS:-300}" 60 ${CANP_SEED:-}
"$2/tests/pack_samples" "$tmp/large" 6 4000 ${CANP_SEED:-}
python3 "$here/canp_unpack.py" "$tmp/small" "$tmp/large"
cd "$here/golden/packed"
sha256sum --quiet --check SHA256SUMS
python3 "$here/canp_unpack.py" small-blocks large-blocks following-blocks
