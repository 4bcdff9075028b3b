#!/usr/bin/env bash
# canp replay and dump: what is replayed is what candump sees, frame by frame and in order; what dump prints,
# candump's own player sends. How late frames are is printed beside canplayer's, never asserted.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/traffic.sh
. "$(dirname "$0")/traffic.sh"

frames=${CANP_LAB_FRAMES:-40000}
data=${CANP_DATA:-$top/../shared/data}

# Every kind of frame, seeded: make_log COUNT
make_log() {
    python3 - "$1" <<'PY'
import random, sys
r = random.Random(20260202)
lengths = list(range(9)) + [12, 16, 20, 24, 32, 48, 64]
for n in range(int(sys.argv[1])):
    can_id = "%03X" % r.randrange(0x800) if r.random() < 0.6 else "%08X" % r.randrange(0x20000000)
    kind = r.random()
    if kind < 0.3:
        frame = "%s##%d%s" % (can_id, r.randrange(4), r.randbytes(r.choice(lengths)).hex().upper())
    elif kind < 0.33:
        frame = "%s#R" % can_id + r.choice(["", "1", "8"])
    else:
        frame = "%s#%s" % (can_id, r.randbytes(r.randrange(9)).hex().upper())
    print("(%d.%06d) vcan0 %s" % (1700000000 + n // 1000, n % 1000 * 1000, frame))
PY
}

# import LOG: a new recording $work/r of it.
import() {
    rm -rf "$work/r"
    "$canp" convert --in-format candump "$1" "$work/r" 2>"$work/err" || not_ok "convert $1" "$(cat "$work/err")"
}

# replay_onto_vcan1 LOG OPTION...: replays $work/r while candump writes LOG; the summary: $work/json.
replay_onto_vcan1() {
    local log=$1
    shift
    start_candump vcan1 "$log" || not_ok "candump starts" "$(cat "$work/candump.err")"
    pinned "$canp" replay "$work/r" --json "$@" >"$work/json" 2>"$work/err"
    status=$?
    end_candump "$log" "$(json "$work/json" 'o["frames"]' 2>/dev/null || echo 0)"
}

# frames_only <LOG: `ID#data` of all interfaces, in order, as plain_log prints them.
frames_only() { awk '/^\(/ {print $1, "x", $3}' | plain_log x; }

full_speed() {
    make_log "$frames" >"$work/sent.log"
    import "$work/sent.log"
    frames_only <"$work/sent.log" >"$work/expected"
    replay_onto_vcan1 "$work/log" '*=vcan1' --speed max
    frames_only <"$work/log" >"$work/actual"
    same "$frames frames at full speed, classic and FD" "$work/expected" "$work/actual"
    printf '# full speed: %.0f frames/s\n' "$(json "$work/json" 'o["frames"] * 1e9 / o["duration_ns"]')"
}

# Replay beside a bare sendmmsg() loop over frames that lie ready in memory: in turn, medians of three.
beside_a_bare_loop() {
    local i count=$((frames / 2)) ours=() bare=()
    python3 - "$count" >"$work/sent.log" <<'PY'
import sys
for n in range(int(sys.argv[1])):
    print("(%d.%06d) vcan0 %03X#%s" % (1700000000 + n // 1000, n % 1000 * 1000, n % 0x800, n.to_bytes(8, "little").hex()))
PY
    import "$work/sent.log"
    for i in 1 2 3; do
        pinned "$canp" replay "$work/r" '*=vcan1' --speed max --json >"$work/json" 2>"$work/err" || not_ok "replay" "$(cat "$work/err")"
        ours+=("$(json "$work/json" 'o["duration_ns"] // o["frames"]')")
        bare+=($(($(pinned "$build/tests/send_bare" vcan1 "$count") / count)))
    done
    mapfile -t ours < <(printf '%s\n' "${ours[@]}" | sort -n)
    mapfile -t bare < <(printf '%s\n' "${bare[@]}" | sort -n)
    check "$count frames three times at full speed" test "$(json "$work/json" 'o["frames"]')" -eq "$count"
    awk -v o="${ours[1]}" -v b="${bare[1]}" 'BEGIN {printf "# full speed: replay %d ns/frame, bare sendmmsg loop %d ns/frame: %.2f of its speed\n", o, b, b / o}'
}

real_recordings() {
    local log name tried=0
    [ -d "$data" ] || {
        skip "real recordings" "none in $data (CANP_DATA)"
        return
    }
    while read -r log; do
        name=${log#"$data"/}
        case $log in *.gz) zcat "$log" ;; *) cat "$log" ;; esac | head -n "${CANP_LAB_DATA_FRAMES:-5000}" >"$work/in.log"
        grep -m1 -qE '^\([0-9]+\.[0-9]{6}\) +[a-z0-9]+ +[0-9A-Fa-f]+#' "$work/in.log" || continue
        rm -rf "$work/r"
        "$canp" convert --in-format candump "$work/in.log" "$work/r" 2>"$work/err"
        # what convert cannot read it counts; the frames behind a torn one are kept
        tr -d '\r' <"$work/in.log" | sed 's/^(.*(/(/' | frames_only >"$work/expected"
        replay_onto_vcan1 "$work/log" '*=vcan1' --speed max
        frames_only <"$work/log" >"$work/actual"
        same "$name ($(wc -l <"$work/expected") frames)" "$work/expected" "$work/actual"
        tried=$((tried + 1))
    done < <(find -L "$data" -type f \( -name '*.log' -o -name 'candump*.gz' -o -name 'candump-*.txt' -o -name '*Sample3.txt' \) | sort)
    [ "$tried" -gt 0 ] || skip "real recordings" "no candump log found in $data"
}

# lateness LOG EXPECTED: p50 and p99 in us, against the recorded distances from the least late frame.
lateness() {
    python3 - "$1" "$2" <<'PY'
import sys
seen, due = ([float(l.split(")")[0][1:]) for l in open(f) if l[0] == "("] for f in sys.argv[1:3])
late = sorted((s - d) - (seen[0] - due[0]) for s, d in zip(seen, due))
late = [x - late[0] for x in late]
print("%.0f %.0f" % (late[len(late) // 2] * 1e6, late[len(late) * 99 // 100] * 1e6))
PY
}

# beside_canplayer NAME: replays $work/r onto vcan1 in its own time, while candump and canp record watch; then canplayer
# does. Which frames there are, in order: $work/expected; when they are due: $work/due.log.
beside_canplayer() {
    local ours theirs iface maps=()
    rm -rf "$work/watch"
    "$canp" dump --micros "$work/r" >"$work/due.log"
    frames_only <"$work/due.log" >"$work/expected"
    start_record -o "$work/watch" vcan1 || not_ok "record starts" "$(cat "$work/err")"
    replay_onto_vcan1 "$work/ours.log" '*=vcan1'
    end_record
    frames_only <"$work/ours.log" >"$work/actual"
    same "$1 in its own time: every frame, in order" "$work/expected" "$work/actual"
    frames_of "$work/watch" vcan1 >"$work/actual"
    same "and canp record saw the same" "$work/expected" "$work/actual"
    check "it took the recorded time" test "$(json "$work/json" 'o["duration_ns"] >= o["scheduled_ns"] > 0')" = True
    printf '# replay says: p50 %d us, p99 %d us, max %d us, drift %d us in %d s\n' \
        $(($(json "$work/json" 'o["late_p50_ns"]') / 1000)) $(($(json "$work/json" 'o["late_p99_ns"]') / 1000)) \
        $(($(json "$work/json" 'o["late_max_ns"]') / 1000)) $(($(json "$work/json" 'o["drift_ns"]') / 1000)) \
        $(($(json "$work/json" 'o["scheduled_ns"]') / 1000000000))

    while read -r iface; do maps+=("vcan1=$iface"); done < <(awk '{print $2}' "$work/due.log" | sort -u)
    start_candump vcan1 "$work/theirs.log"
    canplayer -I "$work/due.log" "${maps[@]}" >"$work/said" 2>&1 || not_ok "canplayer takes dump's lines" "$(cat "$work/said")"
    end_candump "$work/theirs.log" "$(wc -l <"$work/expected")"
    frames_only <"$work/theirs.log" >"$work/actual"
    same "canplayer sends what dump prints" "$work/expected" "$work/actual"
    ours=$(lateness "$work/ours.log" "$work/due.log") theirs=$(lateness "$work/theirs.log" "$work/due.log")
    printf '# lateness as candump saw it, p50 and p99 in us: replay %s, canplayer %s: %s of its p50\n' "$ours" "$theirs" \
        "$(awk -v o="${ours% *}" -v t="${theirs% *}" 'BEGIN {printf "%.3f", (t > 0 ? o / t : 0)}')"
}

in_time() {
    # a vehicle's own times, as a real bus has them
    start_record -o "$work/drive" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    "$canp" gen vcan0 -d 5 >/dev/null
    end_record
    rm -rf "$work/r" && cp -r "$work/drive" "$work/r"
    beside_canplayer "a drive"
    log2asc -I "$work/due.log" -O "$work/asc" vcan0 2>"$work/said" || not_ok "log2asc takes dump's lines" "$(cat "$work/said")"
    check "log2asc takes every line of dump" test "$(grep -c ' Rx ' "$work/asc")" -eq "$(wc -l <"$work/expected")"
}

# The same for so many seconds of a truck's two buses; CANP_LAB_REPLAY_S=60 shows the drift.
real_in_time() {
    local log=$data/yabskbd+remora_ctrl_proto/data/candump20220329.1648577123.log.gz
    [ -f "$log" ] || {
        skip "a real recording in its own time" "none in $data (CANP_DATA)"
        return
    }
    zcat "$log" | awk -F'[()]' -v s="${CANP_LAB_REPLAY_S:-3}" 'NR == 1 {t = $2 + 60} $2 > t + s {exit} $2 > t' >"$work/in.log"
    import "$work/in.log"
    beside_canplayer "a truck"
}

# candump beside the recorder: the same stamps, so the same lines to the byte.
dump_is_candump() {
    start_candump vcan0 "$work/log" || not_ok "candump starts" ""
    start_record -o "$work/beside" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    "$canp" gen vcan0 -n 20000 --rate max >/dev/null
    "$canp" gen vcan0 -n 5000 --rate max -p fd >/dev/null
    cansend vcan0 123#R3 && cansend vcan0 20000004#0004000000000000 && cansend vcan0 1F334455#11
    end_candump "$work/log" 25002
    end_record
    "$canp" dump --micros "$work/beside" | grep -v '#20000004' >"$work/dumped"
    grep -v ' 20000004' "$work/log" >"$work/seen"
    grep -v ' 20000004' "$work/dumped" >"$work/dumped2"
    same "dump prints what candump -L printed, to the byte" "$work/seen" "$work/dumped2"
    check "an error frame is recorded and dumped" grep -q ' vcan0 20000004#0004000000000000$' "$work/dumped"
    rm -rf "$work/r" && cp -r "$work/beside" "$work/r"
}

# What a person sees: remote frames with their DLC, BRS and ESI, empty ones. (Debian 12's candump shows no raw DLC.)
screen_is_candump() {
    local frame
    start_candump vcan0 "$work/screen" -x || not_ok "candump starts" ""
    start_record -o "$work/shown" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    for frame in 123#1122334455667788 123#R5 123#R 123# 12345678#11 123##0 123##1AB 123##2112233 12345678##3112233445566778899AABBCC; do
        cansend vcan0 "$frame" || not_ok "cansend sends $frame" "status $?"
    done
    end_candump "$work/screen" 9
    end_record
    "$canp" dump -f candump -x "$work/shown" | sed 's/^ ([0-9.]*)//' >"$work/shown.txt"
    same "dump -f candump -x prints what candump -x printed, to the byte" "$work/screen" "$work/shown.txt"
}

error_frames_and_mapping() {
    # $work/r: from dump_is_candump, 25,003 frames of vcan0, an error frame among them
    start_record -o "$work/errors" vcan1 || not_ok "record starts" "$(cat "$work/err")"
    "$canp" replay "$work/r" vcan0=vcan1 --speed max --json >"$work/json" 2>"$work/err"
    end_record
    check "an error frame is replayed onto vcan" test "$("$canp" dump "$work/errors" '0~0,#FFFFFFFF' | grep -c ' 20000004#')" -eq 1
    start_record -o "$work/many" vcan0 vcan1 || not_ok "record starts" "$(cat "$work/err")"
    "$canp" replay "$work/r" vcan0=vcan1 vcan0=vcan0 --speed max --json >"$work/json" 2>"$work/err"
    end_record
    "$canp" info --json "$work/many" >"$work/info"
    check "one to many" test "$(json "$work/info" '[i["frames"] for i in o["interfaces"]] == [25003, 25003]')" = True
    check "the summary's keys stay" test "$(json "$work/json" '" ".join(o)')" = "frames loops duration_ns scheduled_ns \
late_p50_ns late_p99_ns late_max_ns drift_ns refused unmapped lost_in_recording waits wait_ns calls interfaces"
    check "and both are counted" test "$(json "$work/json" 'o["frames"]')" -eq 50006
    "$canp" replay "$work/r" can7=vcan1 --speed max --json >"$work/json" 2>"$work/err"
    status=$?
    check "nothing mapped: a finding, and the frames are counted" test "$status $(json "$work/json" 'o["unmapped"]')" = "1 25003"
    replay_onto_vcan1 "$work/log" '*=vcan1' --speed max 0A0:7FF --loop 3
    check "a filter and a loop" test "$(cut -d' ' -f3 "$work/log" | cut -d'#' -f1 | sort | uniq -c | awk '{print $2, $1 % 3, ($1 > 0)}')" = "0A0 0 1"
}

classic_only() {
    ip link add dev vcan8 type vcan
    ip link set vcan8 mtu 16 up
    "$canp" replay "$work/r" vcan0=vcan8 --speed max --json >"$work/json" 2>"$work/err"
    check "FD frames on a classic interface are counted, the others sent" \
        test "$(json "$work/json" '[o["frames"], o["refused"]["fd"]]')" = "[20003, 5000]"
    ip link del vcan8
}

ends() {
    "$canp" replay "$work/r" vcan0=vcan1 --speed 0.001 --loop 0 >"$work/out" 2>"$work/err" &
    sleep 1
    kill -INT $!
    wait $!
    status=$?
    if [ "$status" -eq 0 ] && grep -q '^sent ' "$work/out"; then ok "SIGINT ends it with a summary"; else not_ok "SIGINT ends it with a summary" "status $status: $(cat "$work/out" "$work/err")"; fi
    fails 3 "a missing interface" "nonesuch: no such interface" "$canp" replay "$work/r" vcan0=nonesuch
    fails 3 "a missing recording" "nonesuch" "$canp" replay "$work/nonesuch"
    fails 2 "a speed that is none" "is no factor" "$canp" replay "$work/r" --speed fast
    fails 2 "a mapping that is none" "is no mapping" "$canp" replay "$work/r" =vcan1
}

# odd_one NAME STATUS FRAMES [OPTION]...: replays $work/r onto vcan1 and candump sees so many of its frames.
odd_one() {
    local name=$1 want=$2 frames=$3
    shift 3
    "$canp" dump --micros "$work/r" 2>/dev/null | grep -v '#80:' | frames_only >"$work/expected"
    replay_onto_vcan1 "$work/log" '*=vcan1' --speed max "$@"
    frames_only <"$work/log" >"$work/actual"
    if [ "$status" -eq "$want" ] && [ "$(wc -l <"$work/actual")" -eq "$frames" ] && cmp -s "$work/expected" "$work/actual"; then
        ok "odd: $name"
    else
        not_ok "odd: $name" "status $status, $(wc -l <"$work/actual") of $frames frames: $(cat "$work/err")"
    fi
}

# What makes a sensible recording odd: status 1 where nothing is sent or something is missing.
odd() {
    rm -rf "$work/r"
    echo | "$canp" convert --in-format candump - "$work/r" 2>/dev/null # no frame in it: a finding
    odd_one "nothing" 1 0
    echo '(5.000000) vcan0 123#01' >"$work/sent.log" && import "$work/sent.log" && odd_one "one frame" 0 1
    seq 1 9 | sed 's/.*/# GAP vcan0 socket lost 3 from &.000000000 to &.500000000/' >"$work/sent.log" && import "$work/sent.log"
    odd_one "only gaps" 1 0
    check "whose losses are told" test "$(json "$work/json" 'o["lost_in_recording"]')" -eq 27
    seq -f '(7.000000) vcan0 %03g#' 100 699 >"$work/sent.log" && import "$work/sent.log" && odd_one "one time for all" 0 600
    seq -f '(1700000%03g.000000) vcan0 123#' 999 -1 100 >"$work/sent.log" && import "$work/sent.log" && odd_one "time running backwards" 0 900
    seq -f '(%g.000000) vcan0 00123#80:01:00000000#AABB' 1 50 >"$work/sent.log" && import "$work/sent.log"
    odd_one "all XL, on an interface for FD" 1 0
    check "which are counted" test "$(json "$work/json" 'o["refused"]["xl"]')" -eq 50
    rm -rf "$work/r" && "$build/tests/bench_drive" make "$work/r" 20000 10000 131072 && odd_one "10,000 IDs" 0 20000
    rm "$work/r/00000002.canp"
    odd_one "a segment missing" 1 "$("$canp" dump "$work/r" 2>/dev/null | wc -l)"
    truncate -s 70000 "$work/r/00000003.canp"
    odd_one "and one trimmed" 1 "$("$canp" dump "$work/r" 2>/dev/null | wc -l)"
}

# Space holds, . sends one frame, space goes on, q ends: on a terminal of its own.
keyboard() {
    start_candump vcan1 "$work/log" || not_ok "candump starts" ""
    python3 - "$canp" "$work/r" "$work/log" >"$work/said" 2>&1 <<'PY'
import os, pty, select, sys, time
canp, recording, log = sys.argv[1:]
pid, tty = pty.fork()
if pid == 0:
    os.execv(canp, [canp, "replay", recording, "*=vcan1", "--speed", "0.5"])
said = b""

def listen(seconds):
    global said
    end = time.time() + seconds
    while time.time() < end:
        if select.select([tty], [], [], 0.05)[0]:
            try:
                said += os.read(tty, 4096)
            except OSError:
                return

def frames():
    listen(0.7)
    return sum(1 for _ in open(log))

def wait_for_more_than(count):
    for _ in range(40):
        if frames() > count:
            return True
    return False

assert wait_for_more_than(0), "nothing was sent"
os.write(tty, b" ")
listen(0.5)
held = frames()
assert frames() == held, "it does not hold"
assert b"paused" in said, said
os.write(tty, b".")
assert frames() == held + 1, "a step is not one frame"
os.write(tty, b" ")
assert wait_for_more_than(held + 50), "it does not go on"
os.write(tty, b"q")
listen(1.0)
assert b"sent " in said, said
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
PY
    status=$?
    end_candump "$work/log" 1
    if [ "$status" -eq 0 ]; then ok "the keyboard holds, steps, goes on and ends it"; else not_ok "the keyboard" "$(tail -n 1 "$work/said")"; fi
}

on_can0() {
    [ -d /sys/class/net/can1 ] || {
        skip "replay onto can0" "no can0 here (CANP_LAB=${CANP_LAB:-none})"
        return
    }
    local n
    for n in can0 can1; do ip link set "$n" up type can bitrate 500000 || not_ok "$n up" "status $?"; done
    make_log 8000 | grep -v '##' >"$work/sent.log"
    echo '(1700000009.000000) vcan0 20000004#0004000000000000' >>"$work/sent.log"
    import "$work/sent.log"
    grep -v ' 20000004' "$work/sent.log" | frames_only >"$work/expected"
    start_candump can0 "$work/log" || not_ok "candump starts" ""
    "$canp" replay "$work/r" vcan0=can0 --speed max --json >"$work/json" 2>"$work/err" || not_ok "replay onto can0" "$(cat "$work/err")"
    end_candump "$work/log" "$(wc -l <"$work/expected")"
    frames_only <"$work/log" >"$work/actual"
    same "a controller at its full speed: all on the wire, in order" "$work/expected" "$work/actual"
    check "an error frame is not sent by a controller" test "$(json "$work/json" 'o["refused"]["error"]')" -eq 1
    for n in can0 can1; do ip link set "$n" down; done
}

# sent_at_their_time FROM TO: replays $work/r, all of vcan0, by --txtime onto FROM, which has sch_fq; candump sees it on TO.
sent_at_their_time() {
    tc qdisc replace dev "$1" root fq || not_ok "fq on $1" "status $?"
    start_candump "$2" "$work/log" || not_ok "candump starts" "$(cat "$work/candump.err")"
    pinned "$canp" replay "$work/r" vcan0="$1" --txtime --json >"$work/json" 2>"$work/err" || not_ok "replay --txtime" "$(cat "$work/err")"
    end_candump "$work/log" "$(wc -l <"$work/expected")"
    frames_only <"$work/log" >"$work/actual"
    same "--txtime onto $1: every frame, in order" "$work/expected" "$work/actual"
    check "the kernel told of each frame sent" test "$(json "$work/json" 'o["txtime"]["stamped"] == o["frames"] > 0')" = True
    check "it took the recorded time" test "$(json "$work/json" 'o["duration_ns"] >= o["scheduled_ns"] > 0')" = True
    printf '# --txtime onto %s, by the kernel'"'"'s stamps: p50 %d us, p99 %d us, drift %d us\n' "$1" \
        $(($(json "$work/json" 'o["late_p50_ns"]') / 1000)) $(($(json "$work/json" 'o["late_p99_ns"]') / 1000)) \
        $(($(json "$work/json" 'o["drift_ns"]') / 1000))
}

by_the_kernel() {
    # $work/r: the drive of in_time
    frames_only <"$work/due.log" >"$work/expected"
    if [ "$(cat /sys/module/vcan/parameters/echo)" = N ]; then
        fails 3 "--txtime onto a vcan, which does not wait" "echo=1" "$canp" replay "$work/r" vcan0=vcan1 --txtime
    fi
    fails 2 "--txtime without times" "not with --speed max" "$canp" replay "$work/r" vcan0=vcan1 --txtime --speed max
    if ! modprobe -q -a vxcan sch_fq || ! ip link add dev xcan0 type vxcan peer name xcan1; then
        skip "--txtime" "no vxcan or sch_fq here"
        return
    fi
    ip link set xcan0 up && ip link set xcan1 up
    fails 3 "--txtime where the queue sends at once" "tc qdisc replace dev xcan0 root fq" "$canp" replay "$work/r" vcan0=xcan0 --txtime
    sent_at_their_time xcan0 xcan1
    if modprobe -q sch_etf && tc qdisc replace dev xcan0 root etf clockid CLOCK_TAI delta 5000000; then
        fails 3 "--txtime where the queue drops what is late" "tc qdisc replace dev xcan0 root fq" "$canp" replay "$work/r" vcan0=xcan0 --txtime
    fi
    ip link del xcan0
    [ -d /sys/class/net/can1 ] || return 0
    local n
    for n in can0 can1; do ip link set "$n" up type can bitrate 500000 || not_ok "$n up" "status $?"; done
    sent_at_their_time can0 can0 # an emulated can1 loses what comes faster than a bus could
    tc qdisc del dev can0 root
    for n in can0 can1; do ip link set "$n" down; done
}

follow() {
    start_record -o "$work/live" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    "$canp" dump --follow "$work/live" >"$work/followed" 2>"$work/said" &
    local follower=$!
    "$canp" gen vcan0 -n 3000 --rate 3000 >/dev/null
    sleep 1
    local seen
    seen=$(grep -c '^(' "$work/followed")
    check "dump --follow shows frames while they are recorded" test "$seen" -eq 3000
    end_record
    wait "$follower"
    check "and ends with the recording" test $? -eq 0
    "$canp" dump "$work/live" >"$work/whole"
    same "having shown all of it" "$work/whole" "$work/followed"
}

full_speed
beside_a_bare_loop
real_recordings
real_in_time
in_time
dump_is_candump
screen_is_candump
error_frames_and_mapping
classic_only
ends
import "$work/due.log"
by_the_kernel
odd
import "$work/due.log"
keyboard
on_can0
follow
finish
