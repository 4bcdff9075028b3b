#!/usr/bin/env bash
# The documents' examples in C (program.md) are taken out of them, built and run on a small recording, and print its frames. Then
# a wrong example must be noticed. Those in Python are run by tests/python/test_package.py, the commands by tests/lab/test_docs.sh.
# usage: test_examples.sh SOURCE_DIR BUILD_DIR; CC is the compiler
set -euo pipefail
source_dir=$(readlink -f "$1") build_dir=$(readlink -f "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# shellcheck source=tests/house/lib.sh
. "$source_dir/tests/house/lib.sh"

# example LANGUAGE PAGE: all blocks of this language in it.
example() { awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```/ { on = 0 } on' "$2"; }
fail() { echo "tools/docs: $*" >&2 && return 1; }

printf '(1700000000.000000001) can0 7DF#0201\n(1700000000.000000002) can0 123#11223344\n' >drive.log
"$build_dir/tools/canp" convert drive.log drive 2>/dev/null
includes=()
for room in pools engine capture; do includes+=(-I"$source_dir/$room/include"); done
includes+=(-I"$build_dir/include")
printf '%s\n' '1700000000000000001 channel 0: 7DF, 2 bytes' '1700000000000000002 channel 0: 123, 4 bytes' >expected

try_c() { # PAGE
    example c "$1" >main.c
    [ -s main.c ] || fail "there is no example in C" || return
    "${CC:-cc}" -std=c11 -Wall -Wextra -pedantic-errors -Werror "${includes[@]}" main.c -o main -L"$build_dir" -lcanp || return
    LD_LIBRARY_PATH=$build_dir ./main drive >out || return
    cmp out expected || fail "the example in C prints: $(cat out)"
}
try_c "$source_dir/tools/docs/program.md"

sed 's/canp_cursor_next(/canp_cursor_planted(/' "$source_dir/tools/docs/program.md" >planted.md
must_fail "an example in C of a function that does not exist" canp_cursor_planted try_c planted.md
echo "tools/docs: the examples build, run, and print what is in the recording"
