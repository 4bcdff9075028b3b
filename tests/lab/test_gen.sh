#!/usr/bin/env bash
# canp gen: what it says it sent is what candump sees, in order, at full speed and in time; never a loss by a full
# queue; it ends cleanly by signal.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/traffic.sh
. "$(dirname "$0")/traffic.sh"

frames=${CANP_LAB_FRAMES:-40000}

# The sequence numbers of a flood are 0, 1, 2, ... of the id given.
is_flood() { # LOG COUNT ID
    awk -v count="$2" -v id="$3" '{
        split($3, part, "#"); data = part[2] == "" ? substr(part[3], 2) : part[2]
        if (part[1] != id || substr(data, 1, 16) != sprintf("%016X", NR - 1)) { print "frame " NR ": " $3; bad = 1; exit }
    } END { if (!bad && NR != count) { print NR " frames, not " count; bad = 1 }; exit bad }' "$1"
}

flood() { # PROFILE FRAMES
    local frames=$2
    start_candump vcan1 "$work/log" || not_ok "flood: candump starts" "$(cat "$work/candump.err")"
    "$canp" gen vcan1 --profile "$1" --rate max -n "$frames" --seed 5 --json >"$work/gen.json" 2>"$work/err" ||
        not_ok "gen $1" "$(cat "$work/err")"
    end_candump "$work/log" "$frames"
    check "$1: $frames frames at full speed, all there in order" is_flood "$work/log" "$frames" 105
    check "$1: the summary is JSON and says so" test "$(json "$work/gen.json" 'o["frames"]')" -eq "$frames"
    printf '# %s: %.0f frames/s\n' "$1" "$(json "$work/gen.json" 'o["rate"]')"
}

seeds() { # PROFILE
    local run
    for run in a b c; do
        start_candump vcan1 "$work/$run" || not_ok "seeds: candump starts" ""
        "$canp" gen vcan1 --profile "$1" --rate max -n 20000 --seed "$([ $run = c ] && echo 4 || echo 3)" >/dev/null
        end_candump "$work/$run" 20000
        plain_log vcan1 <"$work/$run" >"$work/$run.frames"
    done
    same "$1: the same seed, the same frames" "$work/a.frames" "$work/b.frames"
    if cmp -s "$work/a.frames" "$work/c.frames"; then not_ok "$1: seeds differ" "3 and 4 are the same"; else ok "$1: seeds differ"; fi
}

in_time() {
    start_candump vcan1 "$work/log" || not_ok "in time: candump starts" ""
    "$canp" gen vcan1 --profile flood --rate 1000 -d 2 --seed 5 --json >"$work/gen.json"
    end_candump "$work/log" 2000
    check "1000 frames/s for 2 s are 2000 frames" is_flood "$work/log" 2000 105
    check "and take 2 s" test "$(json "$work/gen.json" 'o["duration_ns"] >= 1999000000')" = True
    # no frame before its time: the n-th one at least n ms behind the first
    check "no frame is early" python3 - "$work/log" <<'PY'
import sys
t = [float(l.split(")")[0][1:]) for l in open(sys.argv[1])]
late = [x - t[0] - n / 1000 for n, x in enumerate(t)]
first = max(-min(late), 0)  # the first one was itself late by this much
sys.exit(first > 0.05)
PY
}

two_interfaces() {
    start_candump vcan1 "$work/log" || not_ok "two interfaces: candump starts" ""
    "$canp" gen vcan0 vcan1 --profile flood --rate max -n 5000 --seed 5 --json >"$work/gen.json"
    end_candump "$work/log" 5000
    check "the second interface has the next seed" is_flood "$work/log" 5000 106
    check "frames of both are summed up" test "$(json "$work/gen.json" 'o["frames"]')" -eq 10000
}

signals() {
    local signal status
    for signal in INT TERM; do
        "$canp" gen vcan0 --rate 2 >"$work/out" 2>"$work/err" &
        sleep 1
        kill -s "$signal" $!
        wait $!
        status=$?
        if [ "$status" -eq 0 ] && grep -q '^vcan0 .* frames in' "$work/out"; then
            ok "SIG$signal ends it with a summary"
        else
            not_ok "SIG$signal ends it with a summary" "status $status: $(cat "$work/out" "$work/err")"
        fi
    done
}

refusals() {
    ip link add dev vcan8 type vcan
    ip link set vcan8 mtu 16
    fails 3 "an interface that is down" "vcan8: interface is down" "$canp" gen vcan8 -n 1
    ip link set vcan8 up
    fails 3 "FD on a classic interface" "takes no FD frames" "$canp" gen vcan8 --profile fd -n 1
    ip link del vcan8
    modprobe -q vxcan
    ip link add dev vx8 type vxcan peer name vx9 && ip link set vx8 up # its peer is down
    fails 3 "an interface without carrier" "vx8: interface has no carrier" "$canp" gen vx8 -n 1
    echo '(1.0) vx8 123#' | fails 3 "replay onto one without carrier" "vx8: interface has no carrier" "$canp" replay -
    ip link del vx8
    fails 3 "a missing interface" "nonesuch: no such interface" "$canp" gen nonesuch -n 1
    fails 3 "an interface that is not CAN" "not a CAN interface" "$canp" gen lo -n 1
    fails 3 "any interface" "any: frames are sent on one interface" "$canp" gen any -n 1
    fails 2 "no interface" "which IFACE" "$canp" gen
    fails 2 "a rate that is none" "is no rate" "$canp" gen vcan0 --rate fast
    fails 2 "an unknown profile" "no profile" "$canp" gen vcan0 --profile plane
    # pulled away while it sends
    ip link add dev vcan8 type vcan
    ip link set vcan8 up
    "$canp" gen vcan8 >"$work/out" 2>"$work/err" &
    sleep 0.5
    ip link del vcan8
    wait $!
    status=$?
    if [ "$status" -eq 3 ] && grep -q '^canp gen: vcan8: ' "$work/err"; then
        ok "an interface that goes away is told"
    else
        not_ok "an interface that goes away is told" "status $status: $(cat "$work/err")"
    fi
}

# What a controller sent comes back to can0 when it was on the wire: all of it, although its queue holds two frames.
full_queue() {
    [ -d /sys/class/net/can1 ] || {
        skip "a full queue" "no can0 here (CANP_LAB=${CANP_LAB:-none})"
        return
    }
    local n
    for n in can0 can1; do
        ip link set "$n" txqueuelen 2 || not_ok "$n queue" "status $?"
        ip link set "$n" up type can bitrate 500000 || not_ok "$n up" "status $?"
    done
    start_candump can0 "$work/log" || not_ok "a full queue: candump starts" ""
    "$canp" gen can0 --profile flood --rate max -n 5000 --seed 5 >"$work/out" 2>&1 || not_ok "gen can0" "$(cat "$work/out")"
    end_candump "$work/log" 5000
    check "a full queue is waited for: 5000 frames on the wire, in order" is_flood "$work/log" 5000 105
    printf '# %s\n' "$(cat "$work/out")"
    for n in can0 can1; do ip link set "$n" down; done
}

flood flood "$frames"
flood flood-fd $((frames / 4))
seeds vehicle
seeds fd
in_time
two_interfaces
signals
refusals
full_queue
finish
