#!/usr/bin/env bash
# Every golden file, read by libcanp (canp_text) and by the independent reader (canp_read.py): both print what
# stands in its .txt. usage: test_golden.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
text=$(readlink -f "$2/tests/canp_text")
cd "$(dirname "$(readlink -f "$0")")/golden" || exit 1
failed=0 count=0

sha256sum --quiet --check SHA256SUMS || { echo "golden files are never changed"; failed=1; }
for file in *.canp; do
    count=$((count + 1))
    grep -q " $file\$" SHA256SUMS || { echo "$file is not in SHA256SUMS"; failed=1; }
    "$text" "$file" | diff -u "${file%.canp}.txt" - | head -20 || { echo "libcanp reads $file differently"; failed=1; }
    python3 ../canp_read.py "$file" | diff -u "${file%.canp}.txt" - | head -20 ||
        { echo "canp_read.py reads $file differently"; failed=1; }
done
echo "$count golden files"
[ "$failed" -eq 0 ] && [ "$count" -ge 3 ]
