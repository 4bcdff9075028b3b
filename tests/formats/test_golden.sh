#!/usr/bin/env bash
# Every golden/NAME/input* is recognised by content and read as golden/NAME/expected* says: input -> expected,
# input-2 -> expected-2. With GOLDEN_UPDATE=1 what is missing among the expected files is written, never what is there.
# usage: test_golden.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
export TZ=UTC # formats that have local time
source_dir=$1 build_dir=$2
read_log=$build_dir/tests/read_log
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
bad=0 count=0
for input in "$source_dir"/tests/formats/golden/*/input*; do
    name=$(basename "$input")
    name=${name#input}
    expected=$(dirname "$input")/expected${name%%.*}
    # The file is named without its folder, so that a sentence with its name is the same everywhere.
    (cd "$(dirname "$input")" && "$read_log" - "$(basename "$input")") >"$work/got"
    if [ ! -e "$expected" ] && [ "${GOLDEN_UPDATE:-}" = 1 ]; then
        cp "$work/got" "$expected"
        echo "written: $expected"
    elif ! diff -u "$expected" "$work/got" >"$work/diff" 2>&1; then
        echo "not ok $input"
        head -n 20 "$work/diff"
        bad=1
    fi
    count=$((count + 1))
done
[ "$count" -gt 1 ] || { echo "only $count inputs"; exit 1; }
echo "$count inputs read as expected"
exit "$bad"
