#!/usr/bin/env bash
# lab: newest
# Frames (CANP_LAB_FRAMES, 40,000) from each of three senders, classic and FD, are all there, byte for byte and in order, in
# `canp dump`, or stand as lost in `canp info`; and from can0 to can1 through the kernel's own driver.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

frames=${CANP_LAB_FRAMES:-40000}

# A log of every kind of frame that canplayer can send, seeded.
make_log() { # IFACE COUNT FD
    python3 - "$@" <<'PY'
import random, sys
iface, count, fd = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "fd"
r = random.Random(20260131)
lengths = list(range(9)) + [12, 16, 20, 24, 32, 48, 64]
for n in range(count):
    can_id = "%03X" % r.randrange(0x800) if r.random() < 0.7 else "%08X" % r.randrange(0x20000000)
    kind = r.random()
    if fd and kind < 0.3:
        frame = "%s##%d%s" % (can_id, r.randrange(4), r.randbytes(r.choice(lengths)).hex().upper())
    elif kind > 0.97:
        frame = "%s#R" % can_id + r.choice(["", "3", "8"])
    else:
        frame = "%s#%s" % (can_id, r.randbytes(r.randrange(9)).hex().upper())
    print("(%d.%06d) %s %s" % (1700000000 + n // 1000000, n % 1000000, iface, frame))
PY
}

from_canplayer() {
    make_log vcan0 "$frames" fd >"$work/sent.log"
    plain_log vcan0 <"$work/sent.log" >"$work/expected"
    start_record -o "$work/player" vcan0 vcan1 || not_ok "canplayer: record starts" "$(cat "$work/err")"
    pinned canplayer -t -I "$work/sent.log" vcan0=vcan0 || not_ok "canplayer sends" "status $?"
    end_record
    [ "$status" -eq 0 ] || not_ok "canplayer: record ends" "status $status: $(cat "$work/err")"
    all_there "canplayer, $frames frames, classic and FD" "$work/expected" "$work/player" vcan0
}

from_cangen() { # NAME CANGEN-OPTION...
    local name=$1
    shift
    start_record -o "$work/$name" any || not_ok "cangen: record starts" "$(cat "$work/err")"
    # cangen says itself what it sent: "  vcan1  123#0102"
    pinned cangen vcan1 -g 0 -n "$frames" -v "$@" | sed -n 's/\.//g; s/^ *vcan1 */(0.0) vcan1 /p' | plain_log vcan1 >"$work/expected"
    end_record
    all_there "cangen, $frames frames, $name" "$work/expected" "$work/$name" vcan1
}

# What gen sends is known: a flood's frames carry their number; a drive depends on its seed alone, so that two
# recordings of it are alike.
from_gen() {
    start_record -o "$work/gen" vcan0 || not_ok "gen: record starts" "$(cat "$work/err")"
    pinned "$canp" gen vcan0 --rate max -n "$frames" --profile flood --seed 7 >"$work/said" 2>&1 ||
        not_ok "canp gen sends" "$(tail -n 1 "$work/said")"
    end_record
    awk -v n="$frames" 'BEGIN {for (i = 0; i < n; i++) printf "107#%016X\n", i}' >"$work/expected"
    all_there "canp gen --rate max, $frames frames" "$work/expected" "$work/gen" vcan0
    local i
    for i in 1 2; do
        start_record -o "$work/drive$i" vcan0 || not_ok "gen: record starts" "$(cat "$work/err")"
        pinned "$canp" gen vcan0 --rate max -n 20000 --seed 7 >"$work/said" 2>&1 ||
            not_ok "canp gen sends" "$(tail -n 1 "$work/said")"
        end_record
    done
    frames_of "$work/drive1" vcan0 >"$work/expected"
    [ "$(wc -l <"$work/expected")" -eq 20000 ] || not_ok "canp gen, a drive" "$(wc -l <"$work/expected") frames of 20000"
    all_there "canp gen, the same drive twice" "$work/expected" "$work/drive2" vcan0
}

# The emulated controller holds a few frames and has no bus time to wait for: at full speed it overruns, and its
# driver counts an overrun once, however many frames it took. So at full speed the loss has to be told, and at a
# pace nothing may be lost.
from_can0() {
    [ -d /sys/class/net/can1 ] || {
        skip "can0 to can1" "no can0 here (CANP_LAB=${CANP_LAB:-none})"
        return
    }
    local n gap sent=3000 got lost
    for n in can0 can1; do
        ip link set "$n" up type can bitrate 1000000 || not_ok "$n up" "status $?"
        ip link set "$n" txqueuelen 1000
    done
    for gap in 2 0; do
        start_record -o "$work/can$gap" can1 can0 || not_ok "can1: record starts" "$(cat "$work/err")"
        pinned cangen can0 -g "$gap" -p 1000 -n "$sent" -v -I r -L r -D r |
            sed -n 's/\.//g; s/^ *can0 */(0.0) can0 /p' | plain_log can0 >"$work/expected"
        sleep 0.5
        end_record
        all_there "can0's own frames, a gap of $gap ms" "$work/expected" "$work/can$gap" can0
        frames_of "$work/can$gap" can1 | grep -v '^2000' >"$work/actual"
        "$canp" info --json "$work/can$gap" >"$work/info"
        got=$(wc -l <"$work/actual") lost=$(json "$work/info" 'o["interfaces"][0]["lost"]')
        if [ "$lost" -eq 0 ]; then
            same "can0 to can1, $sent frames, a gap of $gap ms" "$work/expected" "$work/actual"
        elif [ "$got" -lt "$sent" ] && [ $((got + lost)) -le "$sent" ]; then
            ok "can0 to can1, $sent frames, a gap of $gap ms: $got there, overruns told ($lost)"
        else
            not_ok "can0 to can1, a gap of $gap ms" "$sent sent, $got there, $lost overruns told"
        fi
    done
    if [ "$(json "$work/info" 'o["interfaces"][0]["bitrate"]')" = 1000000 ]; then
        ok "bit rate noted"
    else
        not_ok "bit rate noted" "$(cat "$work/info")"
    fi
    for n in can0 can1; do ip link set "$n" down; done
}

from_canplayer
from_cangen classic -I r -L r -D r
from_cangen fd -f -b -e -L r
from_gen
from_can0
finish
