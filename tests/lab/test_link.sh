#!/usr/bin/env bash
# lab: newest
# canp link: what it shows is what `ip` shows; up, down, bit rates; clear words where something cannot be. And
# `canp record --bitrate`, which brings the interface up.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

# says NAME STATUS PATTERN ARGUMENT...: `canp ARGUMENT...` ends so, with one line on stderr.
says() {
    local name=$1 expected=$2 pattern=$3 got
    shift 3
    timeout 20 "$canp" "$@" >"$work/out" 2>"$work/err"
    got=$?
    if [ "$got" -eq "$expected" ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -qE "$pattern" "$work/err"; then
        ok "$name"
    else
        not_ok "$name" "status $got: $(cat "$work/err")"
    fi
}

# shows NAME IFACE EXPRESSION: the JSON object of the interface, `o`.
shows() {
    "$canp" link --json "$2" >"$work/link" || not_ok "$1" "status $?"
    [ "$(json "$work/link" "$3")" = True ] && ok "$1" || not_ok "$1" "$(cat "$work/link")"
}

shows "vcan0: up, no bit rate, no controller" vcan0 \
    'o["up"] and o["state"] is None and o["bitrate"] == 0 and o["kind"] == "vcan" and o["mode"] == []'
before=$(json "$work/link" 'o["rx_frames"]')
cansend vcan0 123#00 || not_ok "cansend" "status $?"
shows "vcan0: frames count" vcan0 "o['rx_frames'] == $before + 1"
"$canp" link >"$work/all" && [ "$(grep -c '^vcan[01] ' "$work/all")" -eq 2 ] && ! grep -q '^lo ' "$work/all" && ok "lists the CAN interfaces" ||
    not_ok "lists the CAN interfaces" "$(cat "$work/all")"
check "vcan1 down" "$canp" link vcan1 down
ip link show vcan1 | grep -q 'state DOWN' && ok "it is down" || not_ok "it is down" "$(ip link show vcan1)"
check "down again" "$canp" link vcan1 down
check "vcan1 up" "$canp" link vcan1 up
ip link show vcan1 | grep -q '<NOARP,UP' && ok "it is up" || not_ok "it is up" "$(ip link show vcan1)"
says "no such interface" 3 "nope0: no such interface; .*vcan0" link nope0
says "not a CAN interface" 3 "lo: not a CAN interface" link lo up
says "no bit rate on vcan" 3 "vcan0: .*without a controller: it has no bit rate" link vcan0 up --bitrate 500000
says "no restart on vcan" 3 "vcan0: .*without a controller" link vcan0 restart
says "--bitrate without up" 2 "go with" link vcan0 --bitrate 500000
says "no verb" 2 "'sideways' is neither" link vcan0 sideways
says "--dbitrate alone" 2 "needs --bitrate" record -o "$work/r" --dbitrate 2000000 vcan0
says "record --bitrate any" 2 "by name" record -o "$work/r" --bitrate 500000 any
setpriv --reuid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$canp" link vcan0 down 2>"$work/err"
status=$?
[ $status -eq 3 ] && grep -q 'no permission .*sudo.*CAP_NET_ADMIN' "$work/err" && [ "$(wc -l <"$work/err")" -eq 1 ] &&
    ok "an ordinary user may not" || not_ok "an ordinary user may not" "status $status: $(cat "$work/err")"
setpriv --reuid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$canp" link --json vcan0 >"$work/link" &&
    ok "but may look" || not_ok "but may look" "status $?"

if [ ! -d /sys/class/net/can0 ]; then
    skip "controllers" "no can0 here (CANP_LAB=${CANP_LAB:-none})"
    finish
fi
for iface in can0 can1; do fresh_interface $iface || not_ok "$iface anew" "$(ip -details link show $iface)"; done
shows "can0: down, no bit rate" can0 'not o["up"] and o["bitrate"] == 0 and o["kind"] == "can" and o["state"] == "stopped"'
says "up without a bit rate" 2 "can0: has no bit rate yet" link can0 up
says "a bit rate that cannot be" 2 "can0: bit rate 3: [^N]" link can0 up --bitrate 3
says "no CAN FD" 3 "can0: its controller has no CAN FD" link can0 up --bitrate 500000 --dbitrate 2000000
check "up at 500000" "$canp" link can0 up --bitrate 500000
ip -details link show can0 >"$work/ip"
grep -q 'bitrate 500000' "$work/ip" && grep -q 'state ERROR-ACTIVE' "$work/ip" && grep -q 'UP' "$work/ip" && ok "ip says so" ||
    not_ok "ip says so" "$(cat "$work/ip")"
shows "and so does link" can0 'o["up"] and o["bitrate"] == 500000 and o["state"] == "error-active"'
check "the same again" "$canp" link can0 up --bitrate 500000
says "another while it is up" 3 "can0: is up with 500000 bit/s: .*ip link set can0 down" link can0 up --bitrate 250000
says "restart when not bus-off" 3 "can0: is not bus-off" link can0 restart

# record brings can1 up; what can0 sends is there, and the bit rate is noted.
start_record -o "$work/r" --bitrate 500000 can1 vcan0 || not_ok "record --bitrate starts" "$(cat "$work/err")"
grep -q 'vcan0: has no bit rate' "$work/err" && ok "--bitrate is not for vcan0" || not_ok "--bitrate is not for vcan0" "$(cat "$work/err")"
for n in 1 2 3; do cansend can0 "12$n#0$n" || not_ok "cansend can0" "status $?"; done
sleep 0.5
end_record
frames_of "$work/r" can1 | tr '\n' ' ' >"$work/got"
[ "$status" -eq 0 ] && [ "$(cat "$work/got")" = "121#01 122#02 123#03 " ] && ok "can0 to can1, brought up by record" ||
    not_ok "can0 to can1, brought up by record" "status $status: $(cat "$work/got")"
"$canp" info --json "$work/r" >"$work/info"
[ "$(json "$work/info" 'o["interfaces"][0]["bitrate"]')" -eq 500000 ] && ok "bit rate noted" || not_ok "bit rate noted" "$(cat "$work/info")"
shows "frames and counters of can1" can1 'o["rx_frames"] == 3 and o["rx_over_errors"] == 0'
for iface in can0 can1; do check "$iface down" "$canp" link $iface down; done
finish
