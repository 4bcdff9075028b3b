#!/usr/bin/env bash
# lab: newest
# An interface's MTU is raised to CAN XL's while it is recorded.
# shellcheck source=tests/lab/ifaces.sh
. "$(dirname "$0")/ifaces.sh"

# CAN XL: the MTU is raised while recording.
if ip link add dev vcan5 type vcan && ip link set vcan5 mtu 2060 2>/dev/null; then
    for io in uring mmsg; do
        ip link set vcan5 down && ip link set vcan5 mtu 72 && ip link set vcan5 up
        CANP_IO=$io start_record -o "$work/xl_$io" vcan5 || not_ok "XL, $io: record starts" "$(cat "$work/err")"
        send vcan5 130 20
        ip link set vcan5 down && ip link set vcan5 mtu 2060 && ip link set vcan5 up
        says "vcan5: interface is up"
        sleep 0.3
        printf '(1.%06d) vcan5 00123##81#00.01.000000AF#%0400d\n' 1 7 2 7 >"$work/xl.log"
        python3 - >"$work/sent" <<'P'
import socket, struct
s = socket.socket(socket.PF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
s.setsockopt(socket.SOL_CAN_RAW, 7, 1)
s.bind(("vcan5",))
for n in range(1, 6): s.send(struct.pack("=IBBHI", 0x123, 0x80, 1, n * 400, 0xAF) + bytes([n]) * (n * 400))
P
        send vcan5 131 20
        sleep 0.3
        ended "xl_$io"
        has "XL, $io: before" "$work/xl_$io" vcan5 130 20
        has "XL, $io: classic ones afterwards" "$work/xl_$io" vcan5 131 20
        n=$("$canp" dump -f json "$work/xl_$io" | grep -c '"kind":"xl"')
        [ "$n" -eq 5 ] && ok "XL, $io: XL frames afterwards" || not_ok "XL, $io: XL frames afterwards" "$n of 5: $(cat "$work/err") $("$canp" dump -f json "$work/xl_$io" | tail -n 3)"
    done
else
    skip "CAN XL" "this kernel has none"
fi
ip link del vcan5 2>/dev/null
finish
