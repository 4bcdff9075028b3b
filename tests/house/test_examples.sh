#!/usr/bin/env bash
# The documents' examples in C (program.md) and Python (python.md) are taken out of them, built and run on a small recording,
# and print its frames. Then a wrong example of each must be noticed. The commands of all pages are run by tests/lab/test_docs.sh.
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
try_python() { # PAGE
    example python "$1" >main.py
    [ -s main.py ] || fail "there is no example in Python" || return
    CANP_LIBRARY=$build_dir/libcanp.so PYTHONPATH=$source_dir/tools/python /usr/bin/python3 -W ignore main.py >out || return
    grep -q '7df' out || fail "the example in Python prints: $(cat out)" || return
    [ "$(tail -n 1 out)" = "1700000000000000001 can0 0201" ] || fail "the example in Python prints: $(cat out)"
}
try_c "$source_dir/tools/docs/program.md"
try_python "$source_dir/tools/docs/python.md"

sed 's/canp_cursor_next(/canp_cursor_planted(/' "$source_dir/tools/docs/program.md" >planted.md
must_fail "an example in C of a function that does not exist" canp_cursor_planted try_c planted.md
awk '/^```python$/ { print; print "print(planted)"; next } 1' "$source_dir/tools/docs/python.md" >planted.md
must_fail "an example in Python that fails" planted try_python planted.md
echo "tools/docs: the examples build, run, and print what is in the recording"
