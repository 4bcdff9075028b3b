#!/usr/bin/env bash
# Files that we write are read by python-can, and its files by us: equal, frame by frame. One line for each format.
# usage: test_formats_python.sh SOURCE_DIR BUILD_DIR. prints `ok NAME`, `not ok NAME: reason` or `skip NAME: reason`.
set -uo pipefail
convert=$2/tests/convert_log
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
export TZ=Europe/Berlin # both sides take local time
/usr/bin/python3 -c 'import can' 2>/dev/null || { echo "skip python-can: not installed"; exit 0; }
bad=0

# Frames that python-can can hold: on can0 and can1, in microseconds.
/usr/bin/python3 - >"$work/in.log" <<'PY'
import random
random.seed(7)
t = 1700000000.0
fd_lengths = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64]
for i in range(3000):
    t += random.choice([0, 1, 17, 1000, 999999]) * 1e-6 if i else 0 # python-can's ASC cuts the beginning to ms
    stamp = "(%.6f) can%d " % (t, random.randrange(2))
    ext = random.random() < 0.5
    arb = "%08X" % random.randrange(1 << 29) if ext else "%03X" % random.randrange(1 << 11)
    kind = random.randrange(10)
    if kind == 0:
        print(stamp + arb + "#R%d" % random.randrange(1, 9))
    elif kind < 4:
        data = bytes(random.randrange(256) for _ in range(random.choice(fd_lengths[1:])))
        print(stamp + arb + "##%d" % (4 + random.randrange(4)) + data.hex().upper())
    else:
        data = bytes(random.randrange(256) for _ in range(random.randrange(9)))
        print(stamp + arb + "#" + data.hex().upper())
PY
cat >"$work/peer.py" <<'PY'
import sys, time, can
what, name, log = sys.argv[1:4]
options = {"relative_timestamp": False} if name.endswith(".asc") else {}

def log_messages():
    for m in can.CanutilsLogReader(log):
        m.channel = int(str(m.channel)[3:])
        m.is_rx = True
        yield m

plain = name.endswith(".db") or what == "same-plain" # has neither channels nor FD flags
no_remote_length = what == "same" and name.endswith("/log.log") # python-can's log does not say it

def key(m):
    if no_remote_length and m.is_remote_frame:
        m.dlc = 0
    if plain:
        return (round(m.timestamp * 1e6), m.arbitration_id, m.is_extended_id, m.is_remote_frame, m.dlc,
                b"" if m.is_remote_frame else bytes(m.data))
    # A remote frame's bytes are none; stamps are floats.
    return (round(m.timestamp * 1e6), m.arbitration_id, m.is_extended_id, m.is_remote_frame, m.is_fd, m.bitrate_switch,
            m.error_state_indicator, m.dlc, b"" if m.is_remote_frame else bytes(m.data), int(str(m.channel).replace("can", "")))

def near(a, b): # python-can's writers cut floats
    return abs(a[0] - b[0]) <= 1 and a[1:] == b[1:]

if what == "read":
    got, want = [key(m) for m in can.LogReader(name, **options)], [key(m) for m in log_messages()]
    assert len(got) == len(want) > 2000, (len(got), len(want))
    for g, w in zip(got, want):
        assert near(g, w), (g, w)
elif what == "write":
    with can.Logger(name) as out:
        for m in log_messages():
            out(m)
        # Its thread for SQLite ends at the first 500 messages when it is stopped before it took all.
        while hasattr(out, "buffer") and not out.buffer.empty():
            time.sleep(0.01)
else: # two logs are equal
    got, want = [key(m) for m in can.CanutilsLogReader(name)], [key(m) for m in can.CanutilsLogReader(log)]
    assert len(got) == len(want) > 2000, (len(got), len(want))
    for g, w in zip(got, want):
        assert near(g, w), (g, w)
PY
check() { # NAME COMMAND...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name: $(tail -c 400 <<<"$said")"
        bad=1
    fi
}
peer() { /usr/bin/python3 -W ignore "$work/peer.py" "$@"; }

formats=(log asc blf db)
for format in "${formats[@]}"; do
    same=same
    [ "$format" = db ] && same="same-plain"
    check "$format is written" "$convert" "$work/in.log" "$work/ours.$format"
    check "$format: python-can reads what we write" peer read "$work/ours.$format" "$work/in.log"
    check "$format: python-can writes" peer write "$work/theirs.$format" "$work/in.log"
    check "$format: we read it" "$convert" "$work/theirs.$format" "$work/$format.log"
    check "$format: and it is the same" peer "$same" "$work/$format.log" "$work/in.log"
    check "$format: our own comes back" "$convert" "$work/ours.$format" "$work/$format-own.log"
    [ "$format" = db ] && { check "$format: and is the same" peer "$same" "$work/$format-own.log" "$work/in.log"; continue; }
    check "$format: exactly" cmp <(grep -v '^#' "$work/$format-own.log" | sed 's/000)/)/') <(sed 's/) /) /' "$work/in.log")
done
exit "$bad"
