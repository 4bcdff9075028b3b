#!/usr/bin/env bash
# What stands in a recording beside frames: notes and filters, in every segment; a step of the clock, where it
# happened and by how much; and --hw-timestamps on an interface that has none.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

start_record -o "$work/r" --segment-size 64K --note vehicle=A1 --note 'driver=J. "Jo" Doe' --note vehicle=B2 vcan0,100:700 ||
    not_ok "record starts" "$(cat "$work/err")"
pinned cangen vcan0 -g 0 -n 8000 -I 123 -L 8 -D i || not_ok "cangen" "status $?"
sleep 0.3
end_record
segments=$(find "$work/r" -name '*.canp' | wc -l)
[ "$segments" -ge 3 ] || not_ok "several segments" "$segments"
expected='o["notes"] == {"vehicle": "B2", "driver": "J. \"Jo\" Doe", "filter.vcan0": "100:700"} and o["clock_steps"] == []'
bad_segments=0
for file in "$work/r" "$work"/r/*.canp; do
    "$canp" info --json "$file" >"$work/info"
    [ "$(json "$work/info" "$expected")" = True ] || {
        bad_segments=$((bad_segments + 1))
        cp "$work/info" "$work/info.bad"
    }
done
[ $bad_segments -eq 0 ] && ok "notes and filter in each of $segments segments" ||
    not_ok "notes and filter in each of $segments segments" "$bad_segments without: $(cat "$work/info.bad")"
"$canp" info "$work/r" | grep -q '^  vehicle  *B2$' && ok "info shows notes" || not_ok "info shows notes" "$("$canp" info "$work/r")"
"$canp" dump "$work/r" | grep -q '^# NOTE vehicle=B2$' && ok "dump shows notes" || not_ok "dump shows notes" "$("$canp" dump "$work/r" | head -n 5)"
python3 "$top/tests/format/canp_read.py" "$work/r" >"$work/read" && grep -q "mark 1 $(printf 'vehicle=B2' | xxd -p | tr a-f A-F)" "$work/read" &&
    ok "another reader finds them" || not_ok "another reader finds them" "$(grep mark "$work/read" | head -n 3)"
for note in novalue =x $'a=b\nc'; do
    "$canp" record -o "$work/n" --note "$note" vcan0 2>"$work/err"
    status=$?
    [ $status -eq 2 ] && grep -q "^canp record: note " "$work/err" || not_ok "no note: $note" "status $status: $(cat "$work/err")"
done
ok "what is no KEY=VALUE is refused"

# A step of the clock between two frames. Both stamps are as the clock was; the step is told.
if [ "${CANP_LAB:-}" = vm ]; then
    right=$(($(date +%s) - $(cut -d. -f1 /proc/uptime)))
    start_record -o "$work/step" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    cansend vcan0 111#01
    sleep 0.3
    date -s "@$(($(date +%s) + 3600))" >/dev/null
    cansend vcan0 111#02
    sleep 0.3
    date -s "@$(($(date +%s) - 1800))" >/dev/null
    cansend vcan0 111#03
    sleep 0.3
    end_record
    date -s "@$((right + $(cut -d. -f1 /proc/uptime)))" >/dev/null
    grep -q 'the clock was set by +3' "$work/err" && ok "the step is said" || not_ok "the step is said" "$(cat "$work/err")"
    "$canp" info --json "$work/step" >"$work/info"
    [ "$(json "$work/info" '[round(s["step_ns"] / 3e9) for s in o["clock_steps"]]')" = "[1200, -600]" ] && ok "info tells both steps" ||
        not_ok "info tells both steps" "$(cat "$work/info")"
    "$canp" info "$work/step" | grep -q '^clock  *set by +3' && ok "in words, too" || not_ok "in words, too" "$("$canp" info "$work/step")"
    # Each frame's time, less the steps before it: real time goes on evenly.
    "$canp" dump -f json "$work/step" >"$work/dump"
    python3 - "$work/dump" <<'PY' && ok "times are correctable by the clock records" || not_ok "times are correctable" "$(cat "$work/dump")"
import json, sys
offset, first, frames = None, None, []
records = [json.loads(line) for line in open(sys.argv[1])]
clocks = [(r["realtime_ns"] - r["monotonic_ns"]) for r in records if r["kind"] == "clock"]
# A frame belongs to the offset under which its monotonic time lies between its neighbours'.
times = [r["time_ns"] for r in records if r["kind"] == "can"]
offsets = [clocks[0], clocks[0] + 3600e9, clocks[0] + 1800e9]
mono = [t - min(clocks, key=lambda c: abs(c - o)) for t, o in zip(times, offsets)]
print(mono)
sys.exit(not (len(times) == 3 and 0 < mono[1] - mono[0] < 10e9 and 0 < mono[2] - mono[1] < 10e9))
PY
else
    skip "clock step" "not on this machine's own clock"
fi

start_record -o "$work/hw" --hw-timestamps vcan0 || not_ok "record starts" "$(cat "$work/err")"
pinned cangen vcan0 -g 1 -n 50 -m -I r -L r -D r
sleep 0.3
end_record
grep -q 'vcan0: its driver has no hardware time stamps' "$work/err" && ok "no hardware stamps: said" || not_ok "no hardware stamps: said" "$(cat "$work/err")"
[ "$(json "$work/out" 'o["frames"]')" -eq 50 ] && [ "$("$canp" dump -f json "$work/hw" | grep -c hw_time)" -eq 0 ] &&
    ok "and all frames have the kernel's" || not_ok "and all frames have the kernel's" "$(cat "$work/out")"
finish
