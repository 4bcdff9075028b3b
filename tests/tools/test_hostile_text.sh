#!/usr/bin/env bash
# Names and notes of a hostile recording: no command lets a control or a forged line through, and names come back.
# usage: test_hostile_text.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
# No control but newline (and candump's tab), no C1, no bidi control, valid UTF-8.
harmless() {
    python3 -c 'import re, sys
text = open(sys.argv[1], "rb").read().decode()
assert text and not (m := re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)), m' "$1"
}
"$2/tests/evil_names" "$work/r" || { echo "not ok setup: evil_names" && exit 1; }
evil=$work/$(printf 'p\033[31m\n\302\233x')
cp -r "$work/r" "$evil"
shows() { # NAME ARGUMENT...: stdout and stderr of it are harmless
    local name=$1
    shift
    "$canp" "$@" >"$work/out" 2>&1
    check "$name" harmless "$work/out"
}
for format in log candump json csv; do shows "dump -f $format" dump -f $format "$evil"; done
shows info info "$evil"
shows "info --json" info --json "$evil"
shows verify verify "$evil"
shows repair repair "$evil" -o "$evil.repaired"
shows merge merge "$evil" "$work/r" -o "$evil.merged"
shows pack pack "$evil"
shows "an error's sentence" info "$evil.none"
shows "an unknown option" info "--$(printf 'x\033[31m')"
shows "a bad argument" record --latency "$(printf '\033[31m')" vcan0
shows "an interface that is not there" dump "$evil" "$(printf 'n\033[31m\nx')"
shows "an unknown command" "$(printf 'n\033[31m\nx')"
cp "$work/r/00000001.canp" "$work/cut.canp" && truncate -s 100 "$work/cut.canp"
shows "damage" verify "$work/cut.canp"

"$canp" dump "$work/r" >"$work/r.log"
check "a line for each frame and note, none forged" [ "$(grep -c '^(' "$work/r.log") $(grep -c '^#' "$work/r.log")" = "4 2" ]
check "no frame of a note's" [ "$(grep -c '^(.*666#' "$work/r.log")" = 0 ]
"$canp" convert "$work/r.log" "$work/again" >/dev/null
names() { "$canp" dump -f json "$1" | python3 -c 'import json, sys
print([json.loads(l)["iface"] for l in sys.stdin if "\"can\"" in l])'; }
check "the names come back through convert" cmp <(names "$work/r") <(names "$work/again")
check "and are those" [ "$(names "$work/r")" = \
    "['a 7DF#02010C\\n;', '\\x1b]0;P\\x07\\x1b[2J', '=1+cmd|A0', '\\u202ex\\x9b2J']" ]
check "CSV: a formula is none" [ "$("$canp" dump -f csv "$work/r" | cut -d, -f2 | sed -n 4p)" = "\"'=1+cmd|A0\"" ]
exit "$bad"
