#!/usr/bin/env bash
# canp record as a service: the manager hears that it records, that its capture thread is alive on a bus where nothing
# comes, that a stalled disk is no hang, and that a capture thread that hangs is one; and that it ends.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/manager.py" <<'PY'
import os, signal, socket, subprocess, sys, time
canp, work, *options = sys.argv[1:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\0canp-test-%d" % os.getpid())
env = {**os.environ, "NOTIFY_SOCKET": "@canp-test-%d" % os.getpid(), "WATCHDOG_USEC": "600000"}
recorder = subprocess.Popen([canp, "record", *options], env=env, stdout=subprocess.DEVNULL)
heard, end = [], time.monotonic() + 30
manager.settimeout(10)
while time.monotonic() < end and sum(text.startswith("WATCHDOG=1") for text, _ in heard) < 8:
    heard.append((manager.recv(4096).decode(), time.monotonic()))
recorder.send_signal(signal.SIGTERM)
while time.monotonic() < end and not heard[-1][0].startswith("STOPPING=1"):
    heard.append((manager.recv(4096).decode(), time.monotonic()))
status = recorder.wait()
beats = [t for text, t in heard if text.startswith("WATCHDOG=1")]
print(status, repr(heard[0][0]), min(len(beats), 8), repr(heard[-1][0]))
PY
said=$(python3 "$work/manager.py" "$canp" "$work" -o "$work/rec" vcan0 2>"$work/err")
if [ "$said" = "0 'READY=1\\nSTATUS=recording vcan0\\n' 8 'STOPPING=1\\n'" ]; then
    ok "a silent bus: ready, alive, stopping"
else
    not_ok "a silent bus: ready, alive, stopping" "$said $(cat "$work/err")"
fi
check "the recording" "$canp" verify "$work/rec"

# stall.py: the recorder's beats while its disk stalls, and while its capture thread is held by ptrace(2). The disk's
# suspension and resumption are commands in the arguments.
cat >"$work/stall.py" <<'PY'
import ctypes, os, select, shlex, signal, socket, subprocess, sys, time
canp, suspend, resume, directory = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\0canp-test-%d" % os.getpid())
env = {**os.environ, "NOTIFY_SOCKET": "@canp-test-%d" % os.getpid(), "WATCHDOG_USEC": "600000"}
recorder = subprocess.Popen([canp, "record", "-o", directory, "vcan0"], env=env, stdout=subprocess.DEVNULL)

def beats(wanted, seconds):
    """How many were heard, at most `wanted`, within so long."""
    heard, end = 0, time.monotonic() + seconds
    while heard < wanted and select.select([manager], [], [], max(end - time.monotonic(), 0))[0]:
        heard += manager.recv(4096).startswith(b"WATCHDOG=1")
    return heard

before = beats(1, 30)
traffic = subprocess.Popen([canp, "gen", "vcan0", "--rate", "2000", "-d", "5s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
subprocess.run(shlex.split(suspend), check=True)
stalled = beats(8, 30)
subprocess.run(shlex.split(resume), check=True)
traffic.wait()
pid = recorder.pid  # the capture thread is the main one
libc.ptrace(PTRACE_SEIZE, pid, None, None)
libc.ptrace(PTRACE_INTERRUPT, pid, None, None)
os.waitpid(pid, WALL)
beats(100, 0.5)  # those under way
hung = beats(100, 2)
libc.ptrace(PTRACE_DETACH, pid, None, None)
again = beats(3, 30)
recorder.send_signal(signal.SIGTERM)
print(before, stalled, hung, again, recorder.wait())
PY
if modprobe -a loop dm-mod 2>/dev/null && command -v mkfs.ext4 dmsetup >/dev/null; then
    dm=canp-service-$$
    truncate -s 64M "$work/disk.img"
    loop=$(losetup --find --show "$work/disk.img")
    dmsetup --noudevsync --noudevrules create "$dm" --table "0 131072 linear $loop 0"
    device=/dev/$(dmsetup info -c --noheadings -o blkdevname "$dm")
    mkdir "$work/disk"
    check "a disk to stall" mkfs.ext4 -q "$device"
    check "mounted" mount "$device" "$work/disk"
    said=$(python3 "$work/stall.py" "$canp" "dmsetup suspend --noudevsync $dm" "dmsetup resume --noudevsync $dm" "$work/disk/rec" 2>"$work/err")
    if [ "$said" = "1 8 0 3 0" ]; then
        ok "a stalled disk is no hang, a held capture thread is one"
    else
        not_ok "a stalled disk is no hang, a held capture thread is one" "$said $(cat "$work/err")"
    fi
    umount "$work/disk"
    dmsetup remove --noudevsync --noudevrules "$dm"
    losetup -d "$loop"
else
    skip "a stalled disk" "this kernel has no dm-mod or loop"
fi

printf 'interface = vcan0\noutput = %s/by-file\nduration = 300ms\n' "$work" >"$work/conf"
check "options by file" "$canp" record --config "$work/conf"
check "are those of the recording" test "$("$canp" info --json "$work/by-file" | grep -c '"vcan0"')" -eq 1
finish
