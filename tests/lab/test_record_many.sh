#!/usr/bin/env bash
# A machine with more than 256 interfaces, 68 of them CAN: those named are found whatever else there is, and `any` says
# what it leaves out.
# shellcheck source=tests/lab/ifaces.sh
. "$(dirname "$0")/ifaces.sh"

# More interfaces than a netlink answer of one datagram holds, and more CAN interfaces than a recording does.
modprobe dummy numdummies=0 2>/dev/null
for ((i = 0; i < 250; i++)); do echo "link add d$i type dummy"; done >"$work/batch"
for ((i = 0; i < 66; i++)); do printf 'link add many%d type vcan\nlink set many%d up\n' "$i" "$i"; done >>"$work/batch"
if ip -batch "$work/batch"; then
    start_record -o "$work/many" many65 any || not_ok "many: record starts" "$(cat "$work/err")"
    told "many: says what is left out" "any: more than 64 interfaces; left out: .*many6"
    send many65 150 5
    send many0 150 5
    sleep 0.3
    ended many
    has "many: a name among them" "$work/many" many65 150 5
    has "many: any" "$work/many" many0 150 5
    "$canp" link --json many65 >/dev/null && ok "many: link" || not_ok "many: link" "status $?"
    check "many: gen" "$canp" gen -n 5 many65
else
    skip "many interfaces" "no dummy here"
fi
sed -n 's/^link add \([a-z0-9]*\) .*/link del \1/p' "$work/batch" >"$work/unbatch"
ip -batch "$work/unbatch"
finish
