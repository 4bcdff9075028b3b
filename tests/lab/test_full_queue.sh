#!/usr/bin/env bash
# A transmit queue that takes nothing: gen and replay say so after a second, end within their time, by signals and
# by --give-up, and always print their summary. What was handed over and did not go out is told.
# usage: scripts/lab -- tests/lab/test_full_queue.sh
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

modprobe sch_netem 2>/dev/null
tc qdisc add dev vcan1 root netem delay 250s limit 10 2>/dev/null || {
    skip "full queue" "this kernel has no netem"
    finish
}
trap 'tc qdisc del dev vcan1 root 2>/dev/null; clean_up' EXIT
"$canp" gen -d 100ms vcan1 >/dev/null 2>&1 # fills it

ms() { echo $(($(date +%s%N) / 1000000)); }

# ends NAME MS OPTION...: `canp gen vcan1` ends by itself within so long (and a margin for a slow machine).
ends() {
    local name=$1 limit=$2 start
    shift 2
    start=$(ms)
    timeout -s KILL 20 "$canp" gen "$@" vcan1 >"$work/out" 2>"$work/err"
    status=$?
    if [ "$status" -lt 124 ] && [ $(($(ms) - start)) -lt "$limit" ] && grep -q '^vcan1 .* frames in' "$work/out"; then
        ok "$name"
    else
        not_ok "$name" "status $status after $(($(ms) - start)) ms: $(cat "$work/out" "$work/err" | tr '\n' ' ')"
    fi
}
ends "gen: -d ends it though the queue is full" 4000 -d 1200ms
grep -q 'vcan1: nothing could be sent for a second' "$work/err" && ok "gen: says so after a second" ||
    not_ok "gen: says so after a second" "$(cat "$work/err")"
ends "gen: --give-up ends it" 4000 --give-up 500ms
[ "$status" -eq 3 ] && grep -q 'given up' "$work/err" && ok "gen: a queue given up is an error" ||
    not_ok "gen: a queue given up is an error" "status $status: $(cat "$work/err")"

printf '(1.%06d) vcan1 123#01\n' $(seq 100) >"$work/log"
check "setup: a recording to replay" "$canp" convert --in-format candump "$work/log" "$work/rec"
# dies COMMAND...: milliseconds from a signal until it has ended; its status is ours. Without a guard it might never.
dies() {
    local pid guard start status
    "$@" >"$work/out" 2>"$work/err" &
    pid=$!
    { sleep 30 && kill -KILL "$pid"; } >/dev/null 2>&1 &
    guard=$!
    sleep 1.5
    start=$(ms)
    kill -s "$signal" "$pid"
    wait "$pid"
    status=$?
    echo $(($(ms) - start)) >"$work/ms"
    kill "$guard" 2>/dev/null
    return "$status"
}

# stopped NAME SIGNAL COMMAND...: it ends within 100 ms of the signal, and prints its summary. How slow this machine is
# right now a Python says that does nothing but end: such a machine's virtual one took 1.6 s for what takes 10 ms.
stopped() {
    local name=$1 signal=$2 plain took
    shift 2
    # by SIGTERM always: SIGINT is ignored in a script's background until the Python has begun
    signal=TERM dies python3 -c 'import signal, sys; signal.signal(signal.SIGTERM, lambda *a: sys.exit()); signal.pause()'
    plain=$(cat "$work/ms")
    dies "$@"
    status=$?
    took=$(cat "$work/ms")
    if [ "$took" -lt $((100 + 5 * plain)) ] && [ "$status" -lt 124 ] && grep -q 'frames' "$work/out"; then
        ok "$name ($took ms; a Python that ends: $plain ms)"
    else
        not_ok "$name" "status $status after $took ms, a Python that ends took $plain: $(cat "$work/out" "$work/err" | tr '\n' ' ')"
    fi
}
for i in 1 2 3; do
    stopped "replay: SIGINT ends it, $i" INT "$canp" replay --speed max "$work/rec"
    stopped "gen: SIGTERM ends it, $i" TERM "$canp" gen --rate max vcan1
done
tc qdisc replace dev vcan1 root netem delay 250s limit 1000
"$canp" gen -n 5 vcan1 >"$work/out" 2>"$work/err"
status=$?
[ "$status" -eq 1 ] && grep -q 'of 5 frames handed over its driver has sent none' "$work/err" &&
    ok "gen: what never went out is told" || not_ok "gen: what never went out is told" "status $status: $(cat "$work/err")"
tc qdisc del dev vcan1 root
"$canp" gen -n 5 vcan1 >"$work/out" 2>"$work/err"
status=$?
[ "$status" -eq 0 ] && [ ! -s "$work/err" ] && ok "gen: all went out" ||
    not_ok "gen: all went out" "status $status: $(cat "$work/err")"
finish
