#!/usr/bin/env bash
# lab: newest
# What can happen to a recording from outside: in each case stored + lost = sent, where the sender's count is the
# kernel's own, of packets transmitted on the interface; and what `info` reads back is what the summary said.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
dm="canp-faults"
sender=

clean_faults() {
    [ -z "$sender" ] || kill -KILL "$sender" 2>/dev/null
    [ -z "$recorder" ] || kill -CONT "$recorder" 2>/dev/null
    dmsetup resume --noudevsync "$dm" 2>/dev/null
    [ -z "$recorder" ] || kill -KILL "$recorder" 2>/dev/null
    [ -z "$recorder" ] || wait "$recorder" 2>/dev/null
    recorder=
    mountpoint -q "$work/disk" && umount "$work/disk"
    dmsetup --noudevsync --noudevrules remove "$dm" 2>/dev/null
    losetup -j "$work/disk.img" 2>/dev/null | cut -d: -f1 | xargs -r -n1 losetup -d
    clean_up
}
trap clean_faults EXIT

# value FILE KEY: the first number of that key, which is the object's own: a Python for each is slow in a VM.
value() { grep -o "\"$2\":[0-9]*" "$1" | head -n 1 | cut -d: -f2; }

transmitted() { cat /sys/class/net/vcan0/statistics/tx_packets; }

# flood RATE SECONDS: in the background.
flood() {
    taskset -c 0 "$canp" gen vcan0 --profile flood --rate "$1" -d "$2" >/dev/null 2>"$work/gen.err" &
    sender=$!
}

end_flood() {
    wait "$sender" || not_ok "$name: the sender" "$(cat "$work/gen.err")"
    sender=
}

# begin NAME OPTION...: a recording in $dir.
begin() {
    name=$1
    shift
    before=$(transmitted)
    start_record -o "$dir" "$@" vcan0 || not_ok "$name: starts" "$(cat "$work/err")"
}

# Ends the recording; the sums are right. Sets $sent, $stored, $lost.
adds_up() {
    local by
    end_record INT
    sent=$(($(transmitted) - before))
    stored=$(value "$work/out" frames) lost=$(value "$work/out" lost)
    by=$(value "$work/out" socket)/$(value "$work/out" device)/$(value "$work/out" recorder)
    "$canp" info --json "$dir" >"$work/info"
    if [ "$status" -ne 0 ]; then
        not_ok "$name" "status $status: $(cat "$work/err")"
    elif [ $((stored + lost)) -ne "$sent" ] || [ "$sent" -eq 0 ]; then
        not_ok "$name" "$sent sent, $stored stored, $lost lost (socket/device/recorder $by): $(cat "$work/err")"
    elif [ "$(value "$work/info" frames) $(value "$work/info" lost)" != "$stored $lost" ]; then
        not_ok "$name" "the summary says $stored stored, $lost lost; the recording $(cat "$work/info")"
    else
        ok "$name: $sent sent = $stored stored + $lost lost (socket/device/recorder $by)"
    fi
}

# says PATTERN COUNT: the recorder said that so often.
says() {
    local n
    n=$(grep -c "$1" "$work/err")
    if [ "$n" -eq "$2" ]; then ok "$name: says \"$1\""; else not_ok "$name: says \"$1\" $n times" "$(cat "$work/err")"; fi
}

# until_said PATTERN
until_said() {
    local i
    for ((i = 0; i < 400; i++)); do
        grep -q "$1" "$work/err" && return 0
        sleep 0.05
    done
    return 1
}

lossless() { if [ "$lost" -eq 0 ]; then ok "$name: nothing lost"; else not_ok "$name: nothing lost" "$lost"; fi; }
lossy() { if [ "$lost" -gt 0 ]; then ok "$name: $lost lost, all counted"; else not_ok "$name" "it was to lose something"; fi; }

# A full disk that has room again.
mkdir "$work/small" && mount -t tmpfs -o size=1m tmpfs "$work/small"
dd if=/dev/zero of="$work/small/filler" bs=16k count=40 status=none
dir=$work/small/r
begin "full disk, then room" --segment-size 128K
flood 3000 10
until_said "until there is room" || not_ok "$name: gets full" "$(cat "$work/err")"
sleep 1
rm "$work/small/filler"
end_flood
adds_up
says "No space left" 1
says "there is room again" 1
lossy
rm -rf "$dir"

# A full disk with --keep-bytes, more than it holds: the oldest go.
dd if=/dev/zero of="$work/small/filler" bs=16k count=32 status=none
begin "full disk, --keep-bytes" --segment-size 64K --keep-bytes 100M
flood 3000 8
end_flood
end_record INT
sent=$(($(transmitted) - before))
"$canp" info --json "$dir" >"$work/info"
removed=$(value "$work/out" removed)
if [ "$status" -eq 0 ] && [ "$(value "$work/out" frames) $(value "$work/out" lost)" = "$sent 0" ] && [ "$removed" -gt 0 ] &&
    [ "$(value "$work/info" lost)" -eq 0 ] && ! grep -q "No space" "$work/err"; then
    ok "$name: $sent sent, none lost, $removed of $(value "$work/out" segments) segments removed"
else
    not_ok "$name" "status $status, $sent sent: $(cat "$work/out" "$work/err")"
fi
umount "$work/small"

# A disk that stalls: a real block device, suspended under its file system.
if modprobe -a loop dm-mod 2>/dev/null && command -v mkfs.ext4 dmsetup >/dev/null; then
    truncate -s 64M "$work/disk.img"
    loop=$(losetup --find --show "$work/disk.img")
    dmsetup --noudevsync --noudevrules create "$dm" --table "0 131072 linear $loop 0"
    device=/dev/$(dmsetup info -c --noheadings -o blkdevname "$dm")
    mkdir "$work/disk"
    check "stalled disk: a file system" mkfs.ext4 -q "$device"
    check "stalled disk: mounted" mount "$device" "$work/disk"

    # The promise, scaled: a ring for the share of 10 s at 170,000/s that 2500/s take.
    dir=$work/disk/short
    begin "disk stalls for 10 s" --segment-size 256K --stall 147ms
    flood 2500 12
    sleep 1
    dmsetup suspend --noudevsync "$dm"
    sleep 10
    dmsetup resume --noudevsync "$dm"
    end_flood
    adds_up
    lossless

    dir=$work/disk/long
    begin "disk stalls for longer than the slabs hold" --segment-size 128K --stall 50ms
    flood 2500 13
    sleep 1
    dmsetup suspend --noudevsync "$dm"
    sleep 9
    dmsetup resume --noudevsync "$dm"
    end_flood
    adds_up
    lossy
    "$canp" dump -f json "$dir" >"$work/dump"
    gap=$(grep '"layer"' "$work/dump" | tail -n 1 | grep -o '"to_ns":[0-9]*' | cut -d: -f2)
    after=$(grep '"id"' "$work/dump" | tail -n 1 | grep -o '"time_ns":[0-9]*' | cut -d: -f2)
    if [ "${after:-0}" -gt "${gap:-9999999999}" ]; then ok "$name: goes on after it"; else not_ok "$name: goes on after it" "gap to $gap, last frame $after"; fi
else
    skip "stalled disk" "this kernel has no dm-mod or loop"
fi

# The process stands still; at the end, the drops ride on no frame that comes later.
for io in uring mmsg; do
    dir=$work/stop-$io
    export CANP_IO=$io
    begin "SIGSTOP, io by $io" --rcvbuf 200K
    unset CANP_IO
    flood 4000 3
    sleep 0.5
    kill -STOP "$recorder"
    sleep 0.7
    kill -CONT "$recorder"
    sleep 0.7
    kill -STOP "$recorder"
    end_flood
    kill -CONT "$recorder"
    adds_up
    lossy
done

# The receive buffer at its minimum.
dir=$work/tiny
begin "smallest receive buffer" --rcvbuf 1
pinned cangen vcan0 -g 0 -n 4000 -L 8
adds_up
lossy

# The clock is set: an hour ahead, and a minute back behind where it was.
dir=$work/clock
begin "clock steps"
flood 1000 6
sleep 1.5
date -s "@$(($(date +%s) + 3600))" >/dev/null
sleep 2
date -s "@$(($(date +%s) - 3660))" >/dev/null
end_flood
adds_up
date -s "@$(($(date +%s) + 60))" >/dev/null
lossless
"$canp" dump -f json "$dir" >"$work/clock.json"
check "$name: anchors show by how much" python3 - "$work/clock.json" <<'END'
import json, sys
anchors = [o for o in map(json.loads, open(sys.argv[1])) if "monotonic_ns" in o]
offsets = [o["realtime_ns"] - o["monotonic_ns"] for o in anchors]
steps = [round((b - a) / 1e9) for a, b in zip(offsets, offsets[1:])]
big = [s for s in steps if abs(s) > 10]
assert len(big) == 2 and abs(big[0] - 3600) <= 2 and abs(big[1] + 3660) <= 2, steps
END
"$canp" verify "$dir" >"$work/said" 2>&1 && ok "$name: verify finds nothing" || not_ok "$name: verify" "$(cat "$work/said")"
finish
