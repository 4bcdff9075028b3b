#!/usr/bin/env bash
# The man pages, generated from the headers and the list of commands: nothing exported is missing, groff takes them.
# usage: test_man.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2 library=$2/libcanp.so

nm -D --defined-only "$library" | awk '$2 == "T" {print $3}' | sed 's/@.*//' | sort -u >"$build_dir/man/exported"
test -s "$build_dir/man/exported"
while read -r name; do
    grep -q "\<$name(" "$build_dir/man/canp.3" || { echo "canp(3) does not have $name" && exit 1; }
done <"$build_dir/man/exported"
while read -r name; do
    grep -qx "\.B $name" "$build_dir/man/canp.1" || { echo "canp(1) does not have $name" && exit 1; }
done < <("$build_dir/tools/canp" help | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
for name in $("$build_dir/tools/canp" convert --help | sed -n 's/^Formats: //p' | sed 's/([a-z]*)//g'); do
    grep -q "^\.BR $name " "$build_dir/man/canp.1" || { echo "canp(1) does not have the format $name" && exit 1; }
done
while read -r name; do
    grep -qx "\.B $name" "$build_dir/man/canp-bench.1" || { echo "canp-bench(1) does not have $name" && exit 1; }
done < <("$build_dir/tools/canp-bench" --help | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
for page in canp.1 canp-bench.1 canp.3; do
    said=$(groff -man -Tutf8 -ww "$build_dir/man/$page" 2>&1 >"$build_dir/man/$page.txt")
    [ -z "$said" ] || { echo "$page: $said" && exit 1; }
    test -s "$build_dir/man/$page.txt"
done
grep -q "$(sed -n 's/^project(canp VERSION \([0-9.]*\).*/\1/p' "$source_dir/CMakeLists.txt")" "$build_dir/man/canp.1"
echo "man pages: $(wc -l <"$build_dir/man/exported") functions"
