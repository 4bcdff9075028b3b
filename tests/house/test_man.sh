#!/usr/bin/env bash
# The man pages, generated from the headers and the list of commands: nothing exported is missing, groff takes them.
# Then pages without a function, a command, or groff's approval must be noticed.
# usage: test_man.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2 library=$2/libcanp.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$source_dir/tests/house/lib.sh"

nm -D --defined-only "$library" | awk '$2 == "T" {print $3}' | sed 's/@.*//' | sort -u >"$build_dir/man/exported"
test -s "$build_dir/man/exported"
has_functions() { # PAGE
    local name
    while read -r name; do
        grep -q "\<$name(" "$1" || { echo "canp(3) does not have $name" && return 1; }
    done <"$build_dir/man/exported"
}
has_commands() { # PAGE
    local name
    while read -r name; do
        grep -qx "\.B $name" "$1" || { echo "canp(1) does not have $name" && return 1; }
    done < <("$build_dir/tools/canp" help | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
}
formats_well() { # PAGE
    local said
    said=$(groff -man -Tutf8 -ww "$1" 2>&1 >"$work/page.txt")
    [ -z "$said" ] || { echo "$1: $said" && return 1; }
    test -s "$work/page.txt"
}
has_functions "$build_dir/man/canp.3"
has_commands "$build_dir/man/canp.1"
for name in $("$build_dir/tools/canp" convert --help | sed -n 's/^Formats: //p' | sed 's/([a-z]*)//g'); do
    grep -q "^\.BR $name " "$build_dir/man/canp.1" || { echo "canp(1) does not have the format $name" && exit 1; }
done
while read -r name; do
    grep -qx "\.B $name" "$build_dir/man/canp-bench.1" || { echo "canp-bench(1) does not have $name" && exit 1; }
done < <("$build_dir/tools/canp-bench" --help | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
while read -r option; do
    grep -qF -- "${option//-/\\-}" "$build_dir/man/canp-extcap.1" || { echo "canp-extcap(1) does not have $option" && exit 1; }
done < <(for iface in canp:can0 canp-recording; do
    "$build_dir/tools/canp-extcap" --extcap-interface "$iface" --extcap-config | grep -o 'call=--[a-z-]*' | cut -c6-
done)
has_pages() { # DIR: one of each command
    local name
    while read -r name; do
        test -s "$1/canp-$name.1" || { echo "no canp-$name(1)" && return 1; }
    done < <("$build_dir/tools/canp" help | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
}
has_pages "$build_dir/man/commands"
# What mandoc and the indexer of man pages say; a date would be another at each commit.
lints_well() { # PAGE
    local said
    said=$(mandoc -T lint -W warning "$1" 2>&1 | grep -v 'missing date' || true)
    [ -z "$said" ] || { echo "$1: $said" && return 1; }
    lexgrog "$1" >/dev/null || { echo "lexgrog(1) finds no name in $1" && return 1; }
}
for page in canp.1 canp-bench.1 canp-extcap.1 canp.3 canp.conf.5 canp-recording.5 commands/canp-{info,convert,decode,sql,diff,report}.1; do
    formats_well "$build_dir/man/$page"
    lints_well "$build_dir/man/$page"
done
for page in "$build_dir"/man/commands/*.1; do lints_well "$page"; done
for name in $("$build_dir/tools/canp" convert --help | sed -n 's/^  \(-., \)\{0,1\} *--\([a-z-]*\).*/\2/p'); do
    sed 's/\\-/-/g' "$build_dir/man/commands/canp-convert.1" | grep -q -e "^\.B.*--$name" || { echo "canp-convert(1) does not have --$name" && exit 1; }
done
grep -q "$(sed -n 's/^project(canp VERSION \([0-9.]*\).*/\1/p' "$source_dir/CMakeLists.txt")" "$build_dir/man/canp.1"

sed 's/canp_strerror(/canp_gone(/g' "$build_dir/man/canp.3" >"$work/planted"
must_fail "a page without a function" 'does not have canp_strerror' has_functions "$work/planted"
sed 's/^\.B record$/.B gone/' "$build_dir/man/canp.1" >"$work/planted"
must_fail "a page without a command" 'does not have record' has_commands "$work/planted"
{ cat "$build_dir/man/canp.1" && echo '.PLANTED'; } >"$work/planted"
must_fail "a macro that does not exist" PLANTED formats_well "$work/planted"
{ cat "$build_dir/man/canp.1" && echo '.RE'; } >"$work/planted"
must_fail "an end without a beginning" 'RE' lints_well "$work/planted"
cp -r "$build_dir/man/commands" "$work/commands" && rm "$work/commands/canp-info.1"
must_fail "a command without its page" 'no canp-info(1)' has_pages "$work/commands"
echo "man pages: $(wc -l <"$build_dir/man/exported") functions"
