#!/usr/bin/env bash
# Streams of a recording: to standard output, to named pipes and files beside it. What a reader takes is every frame, or
# counted; a dead one costs the recording nothing.
# usage: scripts/lab -- tests/lab/test_streams.sh
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

count() { "$canp" info --json "$1" >"$work/info" 2>/dev/null && json "$work/info" 'o["'"$2"'"]'; }
left_behind() { find /dev/shm -maxdepth 1 -name 'canp-stream.*' | wc -l; }
wait_for() { # COMMAND...: until it succeeds
    local i
    for ((i = 0; i < 1200; i++)); do "$@" && return 0; sleep 0.05; done
    return 1
}
begins() { grep -q '^canp record: recording' "$1"; }

# ---- standard output: every frame, nothing beside it, nothing left behind
for format in pcapng candump; do
    "$canp" record -o - -f "$format" -n 5000 vcan0 2>"$work/err" >"$work/out.$format" &
    recorder=$!
    wait_for begins "$work/err"
    pinned "$canp" gen vcan0 --profile flood --rate 20000 -n 5000 --seed 7 >/dev/null 2>&1
    wait "$recorder"
    status=$? recorder=
    got=$(count "$work/out.$format" frames)
    if [ "$status" -eq 0 ] && [ "$got" -eq 5000 ] && grep -q '^5,000 frames, 0 lost' "$work/err"; then
        ok "stream: $format on standard output holds every frame, the summary goes to stderr"
    else
        not_ok "stream: $format on standard output" "status $status, $got frames: $(tail -n 2 "$work/err")"
    fi
done
[ "$(left_behind)" -eq 0 ] && ok "stream: the directory behind it has gone" || not_ok "stream: directories are left" "$(left_behind)"

# ---- its reader goes: the recorder ends
"$canp" record -o - -f json vcan0 2>"$work/err" | head -n 3 >/dev/null &
recorder=$!
wait_for begins "$work/err"
"$canp" gen vcan0 --profile flood --rate 1000 -n 2000 >/dev/null 2>&1
if wait "$recorder" && [ "$(left_behind)" -eq 0 ]; then
    ok "stream: without a reader -o - ends"
else
    not_ok "stream: without a reader -o - ends" "$(cat "$work/err")"
fi
recorder=

# ---- a killed one leaves its directory behind; the next one removes it
"$canp" record -o - -f csv vcan0 2>"$work/err" >/dev/null &
recorder=$!
wait_for begins "$work/err"
kill -KILL "$recorder"
wait "$recorder" 2>/dev/null
before=$(left_behind)
"$canp" record -o - -f csv -d 0.1s vcan0 2>/dev/null >/dev/null
[ "$before/$(left_behind)" = 1/0 ] && ok "stream: what a killed one left is removed" || not_ok "stream: what a killed one left" "$before, then $(left_behind)"
recorder=

# ---- beside a recording: a named pipe, a file, standard output; each is the recording
mkfifo "$work/fifo"
cat "$work/fifo" >"$work/tee.pcapng" &
reader=$!
"$canp" record -o "$work/drive" --segment-size 256K --tee "pcapng:$work/fifo" --tee "csv:$work/tee.csv" --tee asc:- \
    -n 40000 vcan0 vcan1 2>"$work/err" >"$work/tee.asc" &
recorder=$!
wait_for begins "$work/err"
pinned "$canp" gen vcan0 vcan1 --profile flood --rate 10000 -n 20000 >/dev/null 2>&1
wait "$recorder" && wait "$reader" && ok "stream: three beside a recording" || not_ok "stream: three beside a recording" "$(cat "$work/err")"
recorder=
"$canp" dump "$work/drive" | grep '^(' >"$work/want"
for file in tee.pcapng tee.csv; do
    "$canp" dump "$work/$file" 2>/dev/null | grep '^(' >"$work/got"
    same "stream: $file has the recording's frames, in their order" "$work/want" "$work/got"
done
got=$(count "$work/tee.asc" frames)
[ "$got" -eq "$(wc -l <"$work/want")" ] && ok "stream: and so has the third" || not_ok "stream: the third" "$got frames"

finish
