#!/usr/bin/env bash
# The README's figures are those of the bench's results. Then one that is not must be noticed.
# usage: test_front.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$source_dir/tests/house/lib.sh"

python3 "$source_dir/scripts/bench.d/front.py" --check
mkdir -p "$work/scripts" "$work/tools/docs"
cp -r "$source_dir/scripts/bench.d" "$work/scripts/"
cp "$source_dir/tools/docs/benchmarks.md" "$work/tools/docs/"
sed '/^- .*BLF/s/[0-9][0-9]* %/1 %/' "$source_dir/README.md" >"$work/README.md"
must_fail "a figure that is none of the results'" "not those of the results" python3 "$work/scripts/bench.d/front.py" --check
echo "the README's figures are the results'"
