#!/usr/bin/env bash
# What can be wrong when a recording is started, or while it runs: one clear line, status 3 (usage: 2), no
# crash, and nothing lost that was stored.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

# fails NAME STATUS PATTERN ARGUMENT...: `canp record ARGUMENT...` says one line like PATTERN, makes no directory.
fails() {
    local name=$1 expected=$2 pattern=$3 got
    shift 3
    timeout 20 "$canp" record "$@" >"$work/out" 2>"$work/err"
    got=$?
    if [ "$got" -ne "$expected" ]; then
        not_ok "$name" "status $got: $(cat "$work/err")"
    elif [ "$(wc -l <"$work/err")" -ne 1 ] || ! grep -qE "^canp record: .*$pattern" "$work/err"; then
        not_ok "$name" "says: $(cat "$work/err")"
    elif [ -s "$work/out" ]; then
        not_ok "$name" "prints: $(cat "$work/out")"
    else
        ok "$name"
    fi
}

fails "missing interface" 3 "nope0: no such interface; .*vcan0" -o "$work/a" nope0
fails "missing interface among others" 3 "nope0" -o "$work/a" vcan0 nope0
fails "not a CAN interface" 3 "lo: not a CAN interface" -o "$work/a" lo
ip link set vcan1 down
fails "interface is down" 3 "vcan1: interface is down: ip link set vcan1 up" --no-wait -o "$work/a" vcan1
ip link set vcan1 up
if [ -d /sys/class/net/can0 ]; then
    fresh_interface can0 || not_ok "can0 anew" "$(ip -details link show can0 2>&1 | tr '\n' ' ')"
    fails "CAN interface without bit rate" 3 \
        "can0: interface is down and has no bit rate: ip link set can0 up type can bitrate 500000" --no-wait -o "$work/a" can0
    ip link set can0 up type can bitrate 500000 && ip link set can0 down
    fails "CAN interface that is down, with a bit rate" 3 "can0: interface is down: ip link set can0 up" --no-wait -o "$work/a" can0
else
    skip "CAN interface that is down" "no can0 here (CANP_LAB=${CANP_LAB:-none})"
fi
fails "interface named twice" 2 "vcan0: .*twice" -o "$work/a" vcan0 vcan0
fails "no interface" 2 "interface" -o "$work/a"
fails "unknown option" 2 "unknown option" --frobnicate vcan0
fails "bad duration" 2 "no TIME" -d soon vcan0
[ ! -e "$work/a" ] && ok "a refused start leaves no directory" || not_ok "a refused start leaves no directory" "$(ls "$work/a")"
fails "directory cannot be made" 3 "/proc/nowhere" -o /proc/nowhere vcan0
mkdir "$work/ro" && mount -t tmpfs -o ro tmpfs "$work/ro"
fails "read-only directory" 3 "$work/ro" -o "$work/ro" vcan0
umount "$work/ro"
setpriv --reuid=65534 --clear-groups "$canp" record -o "$work/foreign" -d 0.2 vcan0 >/dev/null 2>"$work/err"
got=$?
[ "$got" -eq 3 ] && grep -q "foreign" "$work/err" && ok "directory without permission" ||
    not_ok "directory without permission" "status $got: $(cat "$work/err")"

# A directory that holds a recording is refused, and left as it is.
"$canp" record -o "$work/twice" -d 0.2 vcan0 >/dev/null 2>&1
before=$(cat "$work"/twice/* | cksum)
fails "directory with a recording" 3 "already holds a recording" -o "$work/twice" vcan0
[ "$(cat "$work"/twice/* | cksum)" = "$before" ] && ok "and it is left alone" || not_ok "and it is left alone" "changed"

# As an ordinary user: works, and says what it could not get.
mkdir -m 777 "$work/user"
chmod 755 "$work"
setpriv --reuid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
    "$canp" record -o "$work/user/r" -d 0.2 vcan0 >"$work/out" 2>"$work/err"
got=$?
for lacks in "receive buffer: " "memory: " "real-time priority: "; do
    [ "$got" -eq 0 ] && grep -q "$lacks" "$work/err" && ok "ordinary user: says of ${lacks%: }" ||
        not_ok "ordinary user: says of ${lacks%: }" "status $got: $(cat "$work/err")"
done

# A signal that comes before it can be heeded, here one that is blocked and pending from the start: ends it as usual.
# shellcheck disable=SC2016 # for the shell within
timeout -k 1 30 env --block-signal=TERM bash -c 'kill -TERM $$; exec "$@"' early \
    "$canp" record -o "$work/early" vcan0 >"$work/out" 2>"$work/err"
got=$?
[ "$got" -eq 0 ] && "$canp" info "$work/early" | grep -q sealed && ok "a signal while it opens" ||
    not_ok "a signal while it opens" "status $got: $(cat "$work/err")"

# Too small from the start: nothing begins.
mkdir "$work/small" && mount -t tmpfs -o size=16k tmpfs "$work/small"
fails "disk full at the start" 3 "No space left" -o "$work/small/r" vcan0
umount "$work/small"

# Full in the middle, to the end: it goes on, what was stored stays readable, the rest is counted.
mount -t tmpfs -o size=3m tmpfs "$work/small"
frames=150000
start_record -o "$work/small/r" --segment-size 1M vcan0 || not_ok "full disk: starts" "$(cat "$work/err")"
pinned cangen vcan0 -g 0 -n "$frames" -I i -L 8 -D i
said=$(grep -c "No space left" "$work/err")
kill -0 "$recorder" && [ "$said" -eq 1 ] && ok "full disk: one line at once, and it goes on" ||
    not_ok "full disk: one line at once, and it goes on" "$(cat "$work/err")"
end_record
said=$(grep -c "No space left" "$work/err")
[ "$status" -eq 3 ] && [ "$said" -eq 2 ] && ok "full disk at the end: status 3, and one line" ||
    not_ok "full disk at the end: status 3, and one line" "status $status: $(cat "$work/err")"
"$canp" info --json "$work/small/r" >"$work/info"
if [ "$(json "$work/out" 'o["frames"]')" = "$(json "$work/info" 'o["frames"]')" ] &&
    [ "$(json "$work/info" 'o["frames"]')" -gt 50000 ]; then
    ok "full disk: $(json "$work/info" 'o["frames"]') frames readable, as the summary says"
else
    not_ok "full disk: what was stored is readable" "summary $(cat "$work/out") info $(cat "$work/info")"
fi
frames_of "$work/small/r" vcan0 >"$work/actual"
# cangen counts ids from where it likes: compare the data
cut -d'#' -f2 "$work/actual" >"$work/y"
python3 -c 'import sys
for n in range(int(sys.argv[1])): print(n.to_bytes(8, "little").hex().upper())' "$(wc -l <"$work/y")" >"$work/x"
same "full disk: they are the first ones, in order" "$work/x" "$work/y"
lost=$(json "$work/out" 'o["lost"]')
[ "$lost" -gt 0 ] && [ $(($(json "$work/out" 'o["frames"]') + lost)) -eq "$frames" ] &&
    ok "full disk: the rest, $lost, is counted as lost" ||
    not_ok "full disk: the rest is counted as lost" "$(cat "$work/out")"
umount "$work/small"
finish
