#!/usr/bin/env bash
# Other names of an interface (altnames) are taken by every command.
# shellcheck source=tests/lab/ifaces.sh
. "$(dirname "$0")/ifaces.sh"

# Other names.
printf '(1.%06d) vcan6 123#01\n' $(seq 10) >"$work/log"
check "setup: a recording to replay" "$canp" convert --in-format candump "$work/log" "$work/played"
add vcan5 up
if ip link property add dev vcan5 altname diagnosis-bus-of-the-car 2>/dev/null; then
    start_record -o "$work/alt" --wait diagnosis-bus-of-the-car second-bus || not_ok "altname: record starts" "$(cat "$work/err")"
    check "altname: gen" "$canp" gen --profile flood -n 7 diagnosis-bus-of-the-car
    check "altname: link" "$canp" link diagnosis-bus-of-the-car
    check "altname: replay" "$canp" replay "$work/played" vcan6=diagnosis-bus-of-the-car
    add vcan6
    ip link property add dev vcan6 altname second-bus
    ip link set vcan6 up # of an altname of what is down the kernel tells nobody
    told "altname: waited for" "vcan6: interface is recorded from now on"
    sleep 0.2
    ended alt
    has "altname: recorded under its own name" "$work/alt" vcan5 123 10
    check "altname: link down" "$canp" link diagnosis-bus-of-the-car down
    [[ $(cat /sys/class/net/vcan5/flags) = *[02468ace] ]] && ok "altname: it is down" || not_ok "altname: it is down" "flags"
else
    skip "altnames" "this ip has none"
fi
remove_all
finish
