#!/usr/bin/env bash
# Spelling, by codespell's list of common mistakes, of all text in the tree. Then a planted mistake must be noticed.
# usage: test_words.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$source_dir/tests/house/lib.sh"

command -v codespell >/dev/null || { echo "skip: no codespell"; exit 77; }
git -C "$source_dir" rev-parse --git-dir >/dev/null 2>&1 || { echo "skip: no git repository to ask for its files"; exit 77; }
# Words of ours: BU_ of DBC files, canN, CARBUS Analyzer, to and fro.
spelled_well() { # FILE...
    codespell --quiet-level 3 --ignore-words-list bu,cann,carbus,fro "$@"
}
cd "$source_dir"
git ls-files -z | grep -zvE '\.(canp|blf|mf4|mdf|pcap|pcapng|svg|png|map|abi|gz|zst|db)$|corpus/|golden/|samples/|house/test_words' >"$work/files"
mapfile -d '' files <"$work/files"
spelled_well "${files[@]}"
printf 'We recieve a frame.\n' >"$work/planted"
must_fail "a misspelled word" 'recieve ==> receive' spelled_well "$work/planted"
echo "spelling: ${#files[@]} files"
