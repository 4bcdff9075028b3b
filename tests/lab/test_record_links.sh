#!/usr/bin/env bash
# lab: newest
# Interfaces live and die while they are recorded: down and up, gone and back, renamed. The others go on, nothing
# ends, what is sent afterwards is there, and every change stands in the recording. By io_uring and recvmmsg.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

send() { # IFACE ID COUNT
    pinned cangen "$1" -g 0 -n "$3" -I "$2" -L 8 -D i || not_ok "send on $1" "status $?"
}

count() { # IFACE ID: frames in the dump of the recording that was made last
    grep -c " $1 $2#" "$work/dump"
}

lives_and_dies() { # IO
    local dir=$work/$1
    ip link add dev vcan7 type vcan && ip link set vcan7 up
    CANP_IO=$1 start_record -o "$dir" vcan7 vcan1 || not_ok "$1: record starts" "$(cat "$work/err")"
    send vcan7 100 50
    sleep 0.2
    ip link set vcan7 down
    send vcan1 200 50
    sleep 0.3
    ip link set vcan7 up
    sleep 0.3
    send vcan7 101 50
    sleep 0.2
    ip link del vcan7
    send vcan1 201 50
    sleep 0.3
    ip link add dev vcan7 type vcan && ip link set vcan7 up
    sleep 0.3
    send vcan7 102 50
    sleep 0.2
    ip link set vcan7 down && ip link set vcan7 name vcan8 && ip link set vcan8 up
    sleep 0.3
    send vcan8 103 50
    sleep 0.3
    kill -0 "$recorder" && ok "$1: goes on" || not_ok "$1: goes on" "$(cat "$work/err")"
    end_record
    [ "$status" -eq 0 ] && ok "$1: ends with 0" || not_ok "$1: ends with 0" "status $status"
    "$canp" dump "$dir" >"$work/dump" || not_ok "$1: dump" "status $?"
    local id got=""
    for id in 100 101 102 103; do got+=" $(count vcan7 $id)"; done
    for id in 200 201; do got+=" $(count vcan1 $id)"; done
    [ "$got" = " 50 50 50 50 50 50" ] && ok "$1: all frames, before, between and after" ||
        not_ok "$1: all frames, before, between and after" "50 each expected:$got"
    local text
    for text in "vcan7: interface went down" "vcan7: interface is up again" "vcan7: interface is gone" \
        "vcan7: interface is back" "now called vcan8"; do
        grep -q "$text" "$work/err" && ok "$1: says \"$text\"" || not_ok "$1: says \"$text\"" "$(cat "$work/err")"
    done
    ip link del vcan8
}

# While the recorder is stopped more changes come than its netlink socket holds: what went, and what went and came
# back under another index, is noticed all the same.
missed_changes() { # IO
    local dir=$work/missed_$1 i
    for i in 5 6; do ip link add dev vcan$i type vcan && ip link set vcan$i up; done
    ip link add dev vcan9 type vcan
    CANP_IO=$1 start_record -o "$dir" vcan5 vcan6 || not_ok "$1: record starts" "$(cat "$work/err")"
    kill -STOP "$recorder"
    for ((i = 0; i < 300; i++)); do printf 'link set vcan9 mtu 16\nlink set vcan9 mtu 72\n'; done >"$work/changes"
    ip -batch "$work/changes" || not_ok "$1: changes" "status $?"
    awk '$10 + 0 > 0 {full = 1} END {exit !full}' "/proc/$recorder/net/netlink" || not_ok "$1: changes are missed" "none is"
    ip link del vcan6
    ip link del vcan5
    ip link add dev vcan5 type vcan && ip link set vcan5 up
    kill -CONT "$recorder"
    for ((i = 0; i < 100; i++)); do
        grep -q "vcan5: interface is back" "$work/err" && break
        sleep 0.05
    done
    send vcan5 104 20
    sleep 0.3
    end_record
    "$canp" dump "$dir" >"$work/dump"
    [ "$status" -eq 0 ] && [ "$(count vcan5 104)" -eq 20 ] && ok "$1: changes missed: back under another index" ||
        not_ok "$1: changes missed: back under another index" "status $status, $(count vcan5 104) of 20 frames: $(cat "$work/err")"
    grep -q "vcan6: interface is gone" "$work/err" && ! grep -q "cannot be bound" "$work/err" &&
        ok "$1: changes missed: gone" || not_ok "$1: changes missed: gone" "$(cat "$work/err")"
    ip link del vcan5
    ip link del vcan9
}

lives_and_dies uring
lives_and_dies mmsg
missed_changes uring
missed_changes mmsg

# All interfaces down: it waits, and resumes.
start_record -o "$work/all" vcan0 || not_ok "record starts" "$(cat "$work/err")"
ip link set vcan0 down
sleep 0.5
ip link set vcan0 up
send vcan0 111 20
sleep 0.2
end_record TERM
"$canp" dump "$work/all" >"$work/dump"
[ "$status" -eq 0 ] && [ "$(count vcan0 111)" -eq 20 ] && ok "the only interface down and up" ||
    not_ok "the only interface down and up" "status $status, $(count vcan0 111) of 20 frames"
finish
