#!/usr/bin/env bash
# lab: newest
# `any` with no interface up waits, and takes in what comes up, in a recording by triggers, too; a later segment names
# all.
# shellcheck source=tests/lab/ifaces.sh
. "$(dirname "$0")/ifaces.sh"

# `any` with none up waits, and takes in what comes, in windows of triggers, too; a second segment has all names.
any() { # IO OPTION...
    local io=$1 dir=$work/any_$1
    shift
    ip link set vcan0 down && ip link set vcan1 down
    [ ! -d /sys/class/net/can0 ] || { ip link set can0 down && ip link set can1 down; }
    CANP_IO=$io start_record -o "$dir" "$@" any || not_ok "any, $io: record starts" "$(cat "$work/err")"
    told "any, $io: says that none is up" "any: no CAN interface is up (down: .*vcan0.*; recording begins when one is up"
    ip link set vcan0 up
    told "any, $io: takes in what is up" "vcan0: interface is recorded from now on"
    send vcan0 120 20
    add vcan7 up
    told "any, $io: takes in what is new" "vcan7: interface is recorded from now on"
    send vcan7 121 20
    sleep 0.3
    kill -HUP "$recorder"
    sleep 0.3
    send vcan7 122 20
    sleep 0.3
    ended "any_$io"
    has "any, $io: frames of the first" "$dir" vcan0 120 20
    has "any, $io: frames of the second" "$dir" vcan7 121 20
    cp "$dir/00000002.canp" "$work/second.canp" && has "any, $io: a later segment names it" "$work/second.canp" vcan7 122 20
    rm -f "$work/second.canp"
    ip link set vcan0 up && ip link set vcan1 up
    remove_all
}
any uring
any mmsg --pre-trigger 5s --post-trigger 10m --trigger 120:7FF
finish
