#!/usr/bin/env bash
# canp record as a service: the manager hears that it records, that its capture thread is alive on a bus where nothing
# comes, and that it ends.
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
printf 'interface = vcan0\noutput = %s/by-file\nduration = 300ms\n' "$work" >"$work/conf"
check "options by file" "$canp" record --config "$work/conf"
check "are those of the recording" test "$("$canp" info --json "$work/by-file" | grep -c '"vcan0"')" -eq 1
finish
