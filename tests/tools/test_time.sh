#!/usr/bin/env bash
# Clocks that were set and odd stamps in logs without clock records: info, dump and merge go by bus time.
# usage: test_time.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
set -uo pipefail
canp=$2/tools/canp
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
bad=0

is() { # NAME EXPECTED SAID
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: '$3' instead of '$2'" && bad=1; fi
}
info() { # RECORDING EXPRESSION: of its JSON, o
    "$canp" info --json "$work/$1" | python3 -c "import json,sys; o=json.load(sys.stdin); print($2)"
}
take() { # NAME: of a log on stdin
    cat >"$work/$1.log" && "$canp" convert "$work/$1.log" "$work/$1" >/dev/null || bad=1
}
ids() { cut -d' ' -f3 | tr '\n' ' '; }

# The clock is set forward by 56 years.
printf '(%s) can0 123#%02d\n' 0000000012.000000 1 0000000012.010000 2 1767225600.000000 3 1767225600.010000 4 | take forward
is "a clock set forward: the span" "20000000 1 0" "$(info forward 'o["duration_ns"], o["clock_sets"], o["odd_stamps"]' | tr -d '(),')"
is "in words" 1 "$("$canp" info "$work/forward" | grep -c '200\.0/s')"
is "--from in bus time" "123#02 123#03 123#04 " "$("$canp" dump "$work/forward" --from +9ms 123:7FF | ids)" # the step took none
is "--from and --to" "123#02 123#03 " "$("$canp" dump "$work/forward" --from +5ms --to +15ms | ids)"
is "stamps stay as they were" "123#03 123#04 " "$("$canp" dump "$work/forward" --from @1000 | ids)"
"$canp" dump "$work/forward" --from +1ms --to @1767225600 >/dev/null 2>"$work/err"
is "both as bus time, or as stamps" 2 $?

# It is set back by an hour, and forward by two weeks, on two interfaces.
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "(%.6f) can%d 100#%04X\n", 1700000000 + i * 0.01 - (i >= 1000 ? 3600 : 0) + (i >= 2000 ? 1209600 : 0), i % 2, i }' | take weeks
is "two steps" "29.97 2 0" "$(info weeks 'o["duration_ns"] / 1e9, o["clock_sets"], o["odd_stamps"]' | tr -d '(),')"
is "a part behind both" "100#0BB7 " "$("$canp" dump "$work/weeks" --from +29.965s | ids)"

# A silence of hours is one.
printf '(%s) can0 123#%02d\n' 1700000000.000000 1 1700036000.000000 2 1700036000.010000 3 | take silence
# The same of the log itself, of which no recording is made; and its notes.
printf '(%s) can0 123#%02d\n' 1700000000.000000 1 1700000001.000000 2 1600000001.500000 3 1600000002.000000 4 1600000004.000000 5 >"$work/set.log"
is "a log's --from and --to, in bus time" "123#02 123#03 123#04 " "$("$canp" dump "$work/set.log" --from +1s --to +1.6s | ids)"
is "and in stamps" "123#04 123#05 " "$("$canp" dump "$work/set.log" --from @1600000002 --to @1600000009 | ids)"
printf '{"time_ns":%d,"iface":"can0","kind":"%s","code":1,"text":"driver=%s","id":1,"len":0}\n' 1 mark ann 5000000000 can ann 6000000000 mark bob 7000000000 can bob >"$work/notes.json"
is "a log's notes" "bob" "$(info notes.json 'o["notes"]["driver"]')"
is "they do not begin its time" "driver=bob 001# " "$("$canp" dump "$work/notes.json" --from +1s 001:7FF | ids)"

is "a silence" "36000.01 0 0" "$(info silence 'o["duration_ns"] / 1e9, o["clock_sets"], o["odd_stamps"]' | tr -d '(),')"

# One ID is stamped 6.2 s late, a frame now and then 9 s early.
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "(%.6f) can0 %03X#%04X\n", 1700000000 + i * 0.005 + (i % 3 == 1 ? 6.2 : i % 50 == 30 ? -9 : 0), 256 + i % 3, i }' | take odd
is "odd stamps: of the log itself, the same" "14.995 True" "$(info odd.log 'round(o["duration_ns"] / 1e9, 3), 1000 <= o["odd_stamps"] <= 1120' | tr -d '(),')"
is "odd stamps: the span" "14.995" "$(info odd 'round(o["duration_ns"] / 1e9, 3)')"
is "they are counted" "True" "$(info odd '1000 <= o["odd_stamps"] <= 1060')"
"$canp" merge "$work/odd" -o "$work/merged" >/dev/null
is "merge displaces nothing" "$("$canp" dump "$work/odd" | md5sum)" "$("$canp" dump "$work/merged" | md5sum)"

# Beside a recording whose clock was right all along.
awk 'BEGIN { for (i = 0; i < 4000; i++) printf "(%.6f) can0 1%02X#\n", 1700000000 + i * 0.01 - (i < 2000 ? 300000000 : 0), i % 2 }' | take wrong
awk 'BEGIN { for (i = 0; i < 4000; i++) printf "(%.6f) can1 2%02X#\n", 1700000000.005 + i * 0.01, i % 2 }' | take right
"$canp" merge "$work/wrong" "$work/right" -o "$work/both" >/dev/null
is "merged with another, they are side by side" yes "$("$canp" dump "$work/both" | awk '{ n[$2]++; d = n["can0"] - n["can1"]; if (d > 3 || d < -3) bad = 1 } END { print bad ? "no" : "yes" }')"
exit $bad
