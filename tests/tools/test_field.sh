#!/usr/bin/env bash
# Inputs and programs that made canp fail in the field: each goes through the commands again, and the right outcome is
# demanded. What needs a bus is in tests/lab. CANP_FIELD: their folder (default: ../shared/field beside the sources).
# usage: test_field.sh SOURCE_DIR BUILD_DIR; prints `ok NAME`, `not ok NAME: reason` or `skip NAME: reason`.
set -uo pipefail
source_dir=$1 build=$2
canp=$build/tools/canp
field=${CANP_FIELD:-$source_dir/../shared/field}
[ -d "$field" ] || { echo "skip samples of the field: no $field (CANP_FIELD)" && exit 0; }
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
bad=0

is() { # NAME EXPECTED SAID
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: '$3' instead of '$2'" && bad=1; fi
}
json() { python3 -c 'import json, sys; o = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
info() { "$canp" info --json "$1" 2>/dev/null | json "$2"; }
ends() { timeout 60 "$@" >"$work/out" 2>"$work/err"; echo $?; } # COMMAND...: its exit status

# The log, a recording made of it, the same packed, merged and repaired: all say the same.
each_way() { # SAMPLE EXPRESSION EXPECTED STATUS
    local log=$field/$1 way
    rm -rf "$work/a" "$work/b" "$work/c" "$work/d"
    is "$1: convert" "$4" "$(ends "$canp" convert "$log" "$work/a")"
    cp -r "$work/a" "$work/b" && is "$1: pack" 0 "$(ends "$canp" pack "$work/b")"
    is "$1: merge" 0 "$(ends "$canp" merge "$work/a" -o "$work/c")"
    is "$1: repair" 0 "$(ends "$canp" repair "$work/b" -o "$work/d")"
    is "$1: verify" 0 "$(ends "$canp" verify "$work/b")"
    "$canp" dump "$work/a" >"$work/dumped"
    for way in "$log" "$work/a" "$work/b" "$work/c" "$work/d"; do
        is "$1: info of ${way##*/}" "$3" "$(info "$way" "$2")"
        [ "$1$way" = "screen.txt$work/c" ] && continue # two interfaces, whose frames are merged by time
        is "$1: dump of ${way##*/}" "" "$("$canp" dump "$way" 2>/dev/null | diff -q - "$work/dumped")"
    done
}
span='o["frames"], round(o["duration_ns"] / 1e9, 3), o["clock_sets"], o["odd_stamps"]'

each_way clock-forward.log "$span" "(4, 0.02, 1, 0)" 0
is "clock-forward.log: --from in bus time" 3 "$("$canp" dump --from +5ms "$field/clock-forward.log" | wc -l)"
each_way odd-stamps.log "$span" "(300, 0.995, 0, 100)" 0
each_way fractions.log 'o["frames"]' 6 0
is "fractions.log: each digit counts" "3.000000000 3.250000000 1700000000.120000000 1700000001.123456700 1700000002.123456780 1700000003.000000000" \
    "$("$canp" dump "$field/fractions.log" | sed 's/^(0*//; s/).*//' | tr '\n' ' ' | sed 's/ $//')"
each_way names.log 'len(o["interfaces"]), o["frames"]' "(6, 6)" 0
is "names.log: no two have one number" 6 "$("$canp" convert -f asc "$field/names.log" - 2>/dev/null | sed -n 's/.* iface .* number \([0-9]*\) .*/\1/p' | sort -u | wc -l)"
for name in can1 can11 can-left; do
    is "names.log: $name alone" 1 "$("$canp" dump "$field/names.log" "$name" | wc -l)"
done
each_way screen.txt 'o["frames"], o["error_frames"], len(o["interfaces"])' "(6, 1, 2)" 0
each_way torn.log 'o["frames"]' 1 1
is "torn.log: each line is named" "1 2 3" "$("$canp" dump "$field/torn.log" 2>&1 >/dev/null | sed -n 's/.*torn.log:\([0-9]\):.*/\1/p' | tr '\n' ' ' | sed 's/ $//')"

# What shows with a recording of each sample: no command dies, and formats that hold times and frames bring them back.
for log in clock-forward.log odd-stamps.log fractions.log names.log screen.txt; do
    for format in candump json asc blf mf4 pcapng csv db; do
        rm -f "$work/there"
        is "$log: as $format" 0 "$(ends "$canp" convert -f "$format" "$field/$log" "$work/there")"
        is "$log: and back" "$("$canp" info --json "$field/$log" | json 'o["frames"]')" "$(info "$work/there" 'o["frames"]')"
    done
done

# ---- programs, as far as they build against today's headers --------------------------------------------------------
sanitizers=$(sed -n 's/^CANP_SANITIZE:STRING=/-fsanitize=/p' "$build/CMakeCache.txt")
[ "$sanitizers" != -fsanitize= ] || sanitizers=

built() { # NAME: false when it does not
    # shellcheck disable=SC2086 # no sanitizers: no word
    ${CC:-cc} -std=gnu11 -w -O1 -g $sanitizers -I"$source_dir/pools/include" -I"$source_dir/engine/include" -I"$build/include" "$field/$1.c" \
        -o "$work/$1" "$build/libcanp.so" -lpthread -Wl,-rpath,"$build" 2>"$work/err" && return 0
    echo "skip $1.c: it was written for headers of its day; its case is shown by $2"
    return 1
}
if built evil_names tools.hostile_text; then
    "$work/evil_names" "$work/evil" >/dev/null
    for command in "info" "dump" "dump -f json" "dump -f csv" "dump -f candump --events" "verify" "convert -f asc %R -"; do
        [[ $command == *%R* ]] && words=${command//%R/$work/evil} || words="$command $work/evil"
        # shellcheck disable=SC2086 # words
        is "evil_names: $command shows no control byte" 0 "$("$canp" $words 2>&1 | LC_ALL=C grep -c '[[:cntrl:]]' | tr -d ' ')"
    done
fi
if built double_fetch unit.changed_file; then
    is "double_fetch: survives" 0 "$(ends "$work/double_fetch" "$work/double")"
fi
if built flip_owner unit.changed_file; then
    "$work/flip_owner" make "$work/flipped"
    chmod o+w "$work/flipped/00000001.canp" # somebody else may change it: it is read as copies
    "$work/flip_owner" flip "$work/flipped" 3 >/dev/null &
    flipper=$! n=0
    while kill -0 "$flipper" 2>/dev/null; do
        status=$(ends "$canp" repair "$work/flipped" -o "$work/new$n")
        [ "$status" -le 3 ] || is "flip_owner: repair beside it" "a whole repair, findings or an error" "$status: $(tail -n 1 "$work/err")"
        rm -rf "$work/new$n" && n=$((n + 1))
    done
    wait "$flipper"
    is "flip_owner: repair ran beside it" yes "$([ "$n" -gt 0 ] && echo yes)"
fi
if built many tools.pipes; then
    "$work/many" "$work/many.d" 60000
    is "many: segments" True "$(info "$work/many.d" 'o["segments"] > 16 and o["frames"] == 60000')"
    mkfifo "$work/many.d/00000099.canp"
    for command in info verify dump pack; do
        status=$(ends "$canp" "$command" "$work/many.d")
        is "many: $command does not hang at a FIFO" yes "$([ "$status" -le 3 ] && echo yes)"
    done
fi
exit $bad
