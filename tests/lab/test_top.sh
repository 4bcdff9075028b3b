#!/usr/bin/env bash
# canp top on interfaces: rate, bus load, state, IDs with period and data, as they are; also over down and up. And
# beside a recorder, on the recording that it writes.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

mux() { tmux -S "$work/socket" -f /dev/null "$@"; }
screen() { mux capture-pane -p -t t >"$work/screen"; }

expect() { # NAME PATTERN: the screen has such a line, soon.
    local i
    for ((i = 0; i < 100; i++)); do
        screen && grep -qE "$2" "$work/screen" && {
            ok "$1"
            return
        }
        sleep 0.2
    done
    not_ok "$1" "no line like '$2' in: $(head -n 12 "$work/screen" | tr '\n' '/')"
}

start() { # ARGUMENT...: canp top in a terminal of 80x24
    printf '%q top %s\necho "ended with $?"\nsleep 1000\n' "$canp" "$*" >"$work/run"
    mux new-session -d -s t -x 80 -y 24 "TERM=screen bash $work/run"
}

traffic() { # IFACE: 100 each 20 ms or so, until it is killed
    cangen "$1" -g 20 -I 123 -L 8 -D 1122334455667788 &
    sender=$!
}
end_traffic() {
    kill "$sender" 2>/dev/null
    wait "$sender" 2>/dev/null
}

iface=vcan0 load=-
if [ -d /sys/class/net/can0 ]; then
    "$canp" link can0 down && "$canp" link can1 down
    check "can1 up" "$canp" link can1 up --bitrate 125000
    check "can0 up" "$canp" link can0 up --bitrate 125000
    iface=can0 load='[0-9]+\.[0-9]'
fi
mux new-session -d -s stays 'sleep 10000' # without a session the server ends, and the next may meet it while it does
start $iface vcan1
traffic $iface
expect "$iface: rate, load, no loss" "^$iface +(active|up) +[1-9][0-9]*\.[0-9] +$load +[1-9][0-9]* +0 +0 +0 +0 +0/0$"
expect "$iface: its ID with period and data" "^$iface +123 +[1-9][0-9]* +[0-9]+\.[0-9]+ +[0-9.]+ +8  11 22 33 44 55 66 77 88$"
expect "vcan1: quiet" '^vcan1 +up +0\.0 +- +0 +0 +0 +0 +0 +0/0$'
end_traffic
ip link set vcan1 down
expect "vcan1 goes down" '^vcan1 +down '
ip link set vcan1 up
expect "and comes up" '^vcan1 +up '
cansend vcan1 456#01
expect "and is heard again" '^vcan1 +456 +1 +- +- +1  01$'
ip link add dev vcan7 type vcan && ip link set vcan7 up
mux send-keys -t t q
expect "q ends it" '^ended with 0'
mux kill-session -t t

start vcan7
expect "vcan7" '^vcan7 +up '
ip link del vcan7
expect "is gone" '^vcan7 +gone '
ip link add dev vcan7 type vcan && ip link set vcan7 up
expect "is back" '^vcan7 +up '
sleep 1.2
cansend vcan7 321#AA
expect "and is heard" '^vcan7 +321 +1 '
mux send-keys -t t C-c
expect "SIGINT ends it" '^ended with 0'
mux kill-session -t t
ip link del vcan7

start_record -o "$work/r" $iface || not_ok "record starts" "$(cat "$work/err")"
traffic $iface
start "$work/r"
expect "a recording while it grows" '^growing: .* in 1 segment'
expect "its recorder" '^recorder [0-9]+: slabs [0-9]+ of [0-9]+ full .most [0-9]+., spills [0-9.]+ k?B/s, 0 lost$'
expect "its interface" "^$iface +(active|up) +[1-9][0-9]*\.[0-9] "
end_traffic
end_record
expect "its end" '^complete: '
mux send-keys -t t q
expect "q ends it, too" '^ended with 0'
mux kill-session -t t
start_record -o "$work/r2" $iface || not_ok "record starts" "$(cat "$work/err")"
start $iface
expect "an interface, and who records it" '^recorder [0-9]+: slabs [0-9]+ of [0-9]+ full'
end_record
mux send-keys -t t q
expect "q ends it once more" '^ended with 0'
mux kill-server
[ $iface = vcan0 ] || { "$canp" link can0 down && "$canp" link can1 down; } >/dev/null
"$canp" top nope0 2>"$work/err"
status=$?
[ $status -eq 3 ] && grep -q 'nope0: no such interface' "$work/err" && ok "no such interface" || not_ok "no such interface" "status $status"
finish
