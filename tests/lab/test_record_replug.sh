#!/usr/bin/env bash
# An adapter is unplugged and plugged in again while it is recorded (its driver lets go of it and takes it up again): what
# --bitrate asked for is done again; where nobody asked, it is said what to type; another device under the old name is
# told.
# shellcheck source=tests/lab/ifaces.sh
. "$(dirname "$0")/ifaces.sh"

if [ ! -d /sys/class/net/can0 ]; then
    skip "a replugged adapter" "no can0 here (CANP_LAB=${CANP_LAB:-none})"
    finish
fi
driver=$(readlink -f /sys/class/net/can0/device/driver)
first=$(basename "$(readlink -f /sys/class/net/can0/device)")
second=$(basename "$(readlink -f /sys/class/net/can1/device)")
unplug() { echo "$1" >"$driver/unbind"; }
plug() { echo "$1" >"$driver/bind"; }
until_there() { # IFACE
    local i
    for ((i = 0; i < 100; i++)); do
        [ -d "/sys/class/net/$1" ] && return 0
        sleep 0.05
    done
}

"$canp" link can1 down >/dev/null && "$canp" link can1 up --bitrate 250000 >/dev/null || not_ok "can1 up" "status $?"
"$canp" link can0 down >/dev/null && ip link set can0 type can restart-ms 77 one-shot off listen-only on
start_record -o "$work/asked" --bitrate 250000 can0 || not_ok "--bitrate: record starts" "$(cat "$work/err")"
cansend can1 121#01
unplug "$first"
told "--bitrate: gone" "can0: interface is gone"
plug "$first"
told "--bitrate: back, and brought up" "can0: interface is back; it is brought up with 250000 bit/s"
told "--bitrate: up" "can0: interface is up again"
ip -details link show can0 >"$work/ip"
grep -q "LISTEN-ONLY" "$work/ip" && grep -q "restart-ms 77" "$work/ip" && ok "--bitrate: the modes that it had" ||
    not_ok "--bitrate: the modes that it had" "$(cat "$work/ip")"
cansend can1 122#02
sleep 0.3
ended asked
frames_of "$work/asked" can0 | tr '\n' ' ' >"$work/got"
[ "$(cat "$work/got")" = "121#01 122#02 " ] && ok "--bitrate: frames before and after" ||
    not_ok "--bitrate: frames before and after" "$(cat "$work/got") $(cat "$work/err")"
"$canp" dump "$work/asked" >"$work/dump"
grep -q "driver kvaser_pci, at $first" "$work/dump" && ok "the device is recorded" || not_ok "the device is recorded" "$(cat "$work/dump")"

# What listens only sends nothing: gen and replay refuse it.
timeout 20 "$canp" gen -n 1 can0 >"$work/out" 2>"$work/err"
status=$?
[ "$status" -eq 3 ] && grep -q "can0: its controller is in listen-only mode and sends nothing" "$work/err" &&
    ok "gen: listen-only is refused" || not_ok "gen: listen-only is refused" "status $status: $(cat "$work/err")"
ip link set can0 down && ip link set can0 up type can bitrate 250000 listen-only off

# Nobody asked; and it is another adapter that has the name then.
start_record -o "$work/not_asked" can0 || not_ok "without --bitrate: record starts" "$(cat "$work/err")"
unplug "$first"
unplug "$second"
told "without --bitrate: gone" "can0: interface is gone"
plug "$second"
told "without --bitrate: says what to type" "can0: interface is back, and down: ip link set can0 up type can bitrate 250000"
told "another adapter under the old name is told" "can0: is another device now: driver kvaser_pci, at $second; it was driver kvaser_pci, at $first"
plug "$first"
until_there can1
ip link set can0 up type can bitrate 125000 && ip link set can1 up type can bitrate 125000
told "without --bitrate: up" "can0: interface is up again"
cansend can1 123#03
sleep 0.3
ended not_asked
"$canp" dump -f json "$work/not_asked" >"$work/dump"
grep -q '"kind":"iface".*"bitrate":250000' "$work/dump" && grep -q '"kind":"iface".*"bitrate":125000' "$work/dump" && ok "definitions tell both bit rates" ||
    not_ok "definitions tell both bit rates" "$(cat "$work/dump")"
has "without --bitrate: frames" "$work/not_asked" can0 123 1
ip link set can0 down && ip link set can1 down
unplug "$first" && unplug "$second" && plug "$first" && until_there can0 && plug "$second" && until_there can1

finish
