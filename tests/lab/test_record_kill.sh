#!/usr/bin/env bash
# kill -9 in the middle: what was received longer ago than the flush time is readable at once, without repair.
# And while it runs: another process reads what is 100 ms old. CANP_KILLS: kills at random moments (4), of
# recordings that pack, rotate and remove, too; CANP_SEED repeats them.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

sent=/sys/class/net/vcan0/statistics/tx_packets

wait_for_traffic() { # COUNT: until more frames than that were sent; a busy machine takes its time to start the sender
    local i
    for ((i = 0; i < 300; i++)); do
        [ "$(<"$sent")" -gt "$1" ] && break
        sleep 0.1
    done
}

# candump tells, by the kernel's stamps, what was on the bus and when; gen's flood numbers its frames.
killed_at() { # RATE SECONDS OPTION...: kill -9 after so long; every frame older than the flush time must be there
    local dir=$work/kill name="kill -9 after $2 s at $1/s${3:+ (${*:3})}" now witness sender old before
    rm -rf "$dir"
    start_record -o "$dir" "${@:3}" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    candump -r 8388608 -L vcan0 >"$work/seen" &
    witness=$!
    sleep 0.5
    before=$(<"$sent")
    taskset -c 0 "$canp" gen vcan0 --profile flood --rate "$1" >/dev/null 2>&1 &
    sender=$!
    wait_for_traffic "$before"
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
    judge_kill "$name" "$old" "${*:3}"
}

# Numbers run without a hole, from 0 where all is kept, to the last one that was old enough.
cat >"$work/judge" <<'END'
import sys
(path, old, options) = sys.argv[1:]
numbers = [int(line.split("#")[1], 16) for line in open(path)]
first = numbers[0] if numbers else 0
if numbers != list(range(first, first + len(numbers))):
    sys.exit("a hole, or frames out of order")
if first != 0 and "--keep" not in options:
    sys.exit("it begins with frame %d" % first)
if first + len(numbers) < int(old) or int(old) == 0:
    sys.exit("%s frames were older than 100 ms, it ends with %d" % (old, first + len(numbers)))
print("%s frames were older than 100 ms, %d to %d are there" % (old, first, first + len(numbers) - 1))
END

judge_kill() { # NAME OLD OPTIONS
    local said
    if said=$(python3 "$work/judge" "$work/dump" "$2" "$3" 2>&1); then ok "$1: $said"; else not_ok "$1" "$said"; fi
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
RANDOM=${CANP_SEED:=$((SRANDOM % 32768))}
echo "CANP_SEED=$CANP_SEED"
options=("" "--segment-size 64K --pack" "--segment-size 64K --keep 3" "--segment-size 64K --pack --keep-bytes 512K")
for ((i = 0; i < ${CANP_KILLS:-4}; i++)); do
    # shellcheck disable=SC2086 # options are words
    killed_at $((500 + RANDOM % 6000)) $((RANDOM % 3)).$((RANDOM % 4 + 6))$((RANDOM % 10)) ${options[i % 4]}
done
finish
