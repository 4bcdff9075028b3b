#!/usr/bin/env bash
# Whoever reads the recorder's stderr may stop reading: neither the flush thread nor the capture thread waits with
# him. And the recorder's threads leave synchronous signals open.
# usage: scripts/lab -- tests/lab/test_record_stderr.sh
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

mkfifo "$work/pipe"
# shellcheck disable=SC2217 # it is to hold the pipe open
sleep 1000 <"$work/pipe" & # holds the reading end open, and reads nothing
reader=$!
exec 3>"$work/pipe"
# A line each 10 ms of 4 KiB and more fills the pipe (64 KiB) and the queue (64 KiB) within a second.
"$canp" record --json --stats 10ms --stall 1s -o "$work/rec" vcan0 >"$work/out" 2>&3 &
recorder=$!
sleep 2
for task in /proc/"$recorder"/task/*; do
    blocked=$(awk '/^SigBlk:/ {print $2}' "$task/status")
    # SIGBUS is 7: bit 6; SIGINT is 2: bit 1
    ((0x$blocked & 0x40)) && not_ok "record: $(<"$task/comm") leaves SIGBUS open" "SigBlk $blocked"
done
[ "$bad" -eq 0 ] && ok "record: all its threads leave SIGBUS open"
for _ in 1 2 3; do ip link set vcan0 down && ip link set vcan0 up; done # notices
pinned "$canp" gen -n 60000 --profile flood --rate 30000 vcan0 >/dev/null
kill -INT "$recorder"
for ((i = 0; i < 100; i++)); do kill -0 "$recorder" 2>/dev/null || break; sleep 0.1; done
if kill -0 "$recorder" 2>/dev/null; then
    not_ok "record: ends while nobody reads its stderr" "still there after 10 s"
    kill -KILL "$recorder"
else
    ok "record: ends while nobody reads its stderr"
fi
wait "$recorder"
recorder=
kill "$reader"
exec 3>&-
if [ "$(json "$work/out" 'o["interfaces"][0]["lost"]["recorder"]')" = 0 ] &&
    [ "$(json "$work/out" 'o["frames"] + o["lost"] >= 60000')" = True ]; then
    ok "record: loses nothing while nobody reads its stderr"
else
    not_ok "record: loses nothing while nobody reads its stderr" "$(cat "$work/out")"
fi
finish
