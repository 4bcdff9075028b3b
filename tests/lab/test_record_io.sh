#!/usr/bin/env bash
# lab: newest
# io_uring switched off, by a seccomp filter and (where the kernel has it) by sysctl: recvmmsg takes over, says
# so once, and loses nothing.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

frames=20000

send_and_compare() { # NAME RECORDING
    pinned cangen vcan0 -g 0 -n "$frames" -v -I r -L r -D r | sed -n 's/\.//g; s/^ *vcan0 */(0.0) vcan0 /p' | plain_log vcan0 >"$work/expected"
    sleep 0.2
    end_record
    all_there "$1: $frames frames" "$work/expected" "$2" vcan0
    [ "$(json "$work/out" 'o["io"]')" = "$3" ] && ok "$1: by $3" || not_ok "$1: by $3" "$(cat "$work/out")"
}

start_record -o "$work/uring" vcan0 || not_ok "record starts" "$(cat "$work/err")"
send_and_compare "io_uring" "$work/uring" io_uring

start_record -o "$work/mmsg" --io mmsg vcan0 || not_ok "record starts" "$(cat "$work/err")"
send_and_compare "recvmmsg" "$work/mmsg" recvmmsg

# canp under a seccomp filter that refuses io_uring_setup (425), as containers have it.
real=$canp
cat >"$work/filtered" <<END
#!/usr/bin/env python3
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
program = b"".join(struct.pack("HBBI", *c) for c in code)
buffer = ctypes.create_string_buffer(program)
libc = ctypes.CDLL(None, use_errno=True)
class Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
fprog = Fprog(len(code), ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(fprog), 0, 0) == 0
os.execv("$real", ["$real"] + sys.argv[1:])
END
chmod +x "$work/filtered"
canp=$work/filtered
start_record -o "$work/seccomp" vcan0 || not_ok "record starts" "$(cat "$work/err")"
canp=$real
send_and_compare "seccomp" "$work/seccomp" recvmmsg
[ "$(grep -c 'io_uring: .*switched off.*recvmmsg' "$work/err")" -eq 1 ] && ok "seccomp: said once" ||
    not_ok "seccomp: said once" "$(cat "$work/err")"

if [ -e /proc/sys/kernel/io_uring_disabled ]; then
    trap 'echo 0 >/proc/sys/kernel/io_uring_disabled; clean_up' EXIT # the tests behind this one need it
    trap 'exit 1' TERM
    echo 2 >/proc/sys/kernel/io_uring_disabled
    start_record -o "$work/sysctl" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    send_and_compare "sysctl" "$work/sysctl" recvmmsg
    [ "$(grep -c 'io_uring: .*switched off.*recvmmsg' "$work/err")" -eq 1 ] && ok "sysctl: said once" ||
        not_ok "sysctl: said once" "$(cat "$work/err")"
    echo 0 >/proc/sys/kernel/io_uring_disabled
else
    skip "kernel.io_uring_disabled" "this kernel ($(uname -r)) has no such sysctl"
fi
finish
