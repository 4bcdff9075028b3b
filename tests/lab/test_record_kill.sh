#!/usr/bin/env bash
# lab: newest
# kill -9 in the middle: what was received longer ago than the flush time is readable at once, without repair.
# And while it runs: another process reads what is 100 ms old.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

# candump tells, by the kernel's stamps, what was on the bus and when; gen's flood numbers its frames.
killed_at() { # RATE SECONDS: kill -9 after so long; every frame older than the flush time must be there
    local dir=$work/kill-$1-$2 name="kill -9 after $2 s at $1/s" now witness sender old got
    start_record -o "$dir" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    candump -r 8388608 -L vcan0 >"$work/seen" &
    witness=$!
    sleep 0.5
    taskset -c 0 "$canp" gen vcan0 --profile flood --rate "$1" >/dev/null 2>&1 &
    sender=$!
    sleep "$2"
    now=$EPOCHREALTIME
    kill -KILL "$recorder"
    kill -TERM "$sender" "$witness"
    wait "$recorder" "$sender" "$witness" 2>/dev/null
    recorder=
    if ! "$canp" dump "$dir" >"$work/dump" 2>"$work/err"; then
        not_ok "$name: readable" "$(cat "$work/err")"
        return
    fi
    old=$(awk -v now="$now" '{t = substr($1, 2); if (t + 0 < now - 0.1) n++} END {print n + 0}' "$work/seen")
    got=$(wc -l <"$work/dump")
    awk -v n="$got" 'BEGIN {for (i = 0; i < n; i++) printf "%016X\n", i}' >"$work/expected"
    sed 's/.*#//' "$work/dump" >"$work/actual"
    if ! cmp -s "$work/expected" "$work/actual"; then
        not_ok "$name" "what is there is not what was sent first: $(diff "$work/expected" "$work/actual" | head -n 4 | tr '\n' ' ')"
    elif [ "$old" -eq 0 ] || [ "$got" -lt "$old" ]; then
        not_ok "$name" "$old frames were older than 100 ms, $got are there"
    else
        ok "$name: $old frames were older than 100 ms, $got are there"
    fi
}

readable_soon() { # NAME COUNT: so many frames are readable 100 ms after the last was sent
    local i got
    start_record -o "$work/soon-$2" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    for ((i = 1; i <= 5; i++)); do
        pinned cangen vcan0 -g 0 -n "$2" -L 8
        sleep 0.1
        got=$("$canp" dump "$work/soon-$2" | wc -l)
        [ "$got" -eq $((i * $2)) ] || break
    done
    end_record
    if [ "$got" -eq $((5 * $2)) ]; then ok "$1"; else not_ok "$1" "round $i: $got of $((i * $2)) frames"; fi
}

readable_soon "one frame is readable after 100 ms" 1
readable_soon "a burst of 500 is readable after 100 ms" 500
killed_at 200 1.03
killed_at 3000 2.21
killed_at 3000 1.57
finish
