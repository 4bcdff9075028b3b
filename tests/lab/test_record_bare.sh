#!/usr/bin/env bash
# Without AF_NETLINK, as a systemd unit with RestrictAddressFamilies has it: recorded, and said what cannot be watched.
# shellcheck source=tests/lab/ifaces.sh
. "$(dirname "$0")/ifaces.sh"

# Without AF_NETLINK, as a systemd unit with RestrictAddressFamilies has it.
cat >"$work/restrict.py" <<'P'
import ctypes, os, struct, sys
# seccomp: socket(AF_NETLINK) -> EAFNOSUPPORT, all else is allowed
BPF = [(0x20, 0, 0, 0), (0x15, 0, 3, 41), (0x20, 0, 0, 16), (0x15, 0, 1, 16), (0x06, 0, 0, 0x00050000 | 97), (0x06, 0, 0, 0x7FFF0000)]
code = b"".join(struct.pack("HBBI", *i) for i in BPF)
buffer = ctypes.create_string_buffer(code)
prog = struct.pack("HxxxxxxQ", len(BPF), ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, prog, 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[1], sys.argv[1:])
P
add vcan5 up
for io in uring mmsg; do
    : >"$work/err"
    CANP_IO=$io python3 "$work/restrict.py" "$canp" record --json -o "$work/bare_$io" vcan5 vcan0 >"$work/out" 2>"$work/err" &
    recorder=$!
    told "no netlink, $io: says so" "AF_NETLINK is not permitted here"
    says "canp record: recording"
    send vcan5 140 20
    ip link del vcan5
    told "no netlink, $io: gone" "vcan5: interface is gone"
    ip link add dev vcan5 type vcan && ip link set vcan5 up
    told "no netlink, $io: back" "vcan5: interface is back"
    send vcan5 141 20
    sleep 0.3
    ended "bare_$io"
    has "no netlink, $io: frames" "$work/bare_$io" vcan5 140 20
    has "no netlink, $io: frames after it was back" "$work/bare_$io" vcan5 141 20
done
remove_all
finish
