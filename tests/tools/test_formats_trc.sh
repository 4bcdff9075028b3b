#!/usr/bin/env bash
# python-can reads PEAK's trace files as they are written here, frame for frame; and they come back as they were, up to
# what the format does not hold. Real traces have the counts they should have.
# usage: test_formats_trc.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
source_dir=$1 build_dir=$2
canp=$build_dir/tools/canp read_log=$build_dir/tests/read_log
data=${CANP_DATA:-$source_dir/../shared/data}
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
bad=0
check() { # NAME COMMAND...
    if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; bad=1; fi
}
is() { [ "$1" = "$2" ] || { printf 'got: %s\nnot: %s\n' "$1" "$2"; false; }; }

awk 'BEGIN {
    srand(14)
    for (i = 0; i < 2000; i++) {
        printf "(%d.%06d) can%d ", 1700000000 + int(i / 100), i % 100 * 10000 + 123, i % 2
        if (i % 3) printf "%03X", int(rand() * 2048); else printf "%08X", int(rand() * 536870912)
        if (i % 7 == 0) printf "##%d", 4 + i % 4
        else if (i % 11 == 0) { printf "#R%d %s\n", i % 9, i % 5 ? "R" : "T"; continue }
        else printf "#"
        for (n = i % 7 == 0 ? 4 * (i % 4) + 8 : i % 9; n > 0; n--) printf "%02X", int(rand() * 256)
        printf " %s\n", i % 5 ? "R" : "T"
    }
}' | sed 's/#R0 /#R /' >"$work/in.log"
"$canp" convert "$work/in.log" "$work/out.trc" 2>/dev/null
check "2,000 frames of every kind are written" test "$(grep -vc '^;' "$work/out.trc")" = 2000
check "they come back as they were" is "$("$read_log" - "$work/out.trc" | grep '^(' | md5sum)" \
    "$("$read_log" - "$work/in.log" | grep '^(' | md5sum)"

# Version 1.1 has neither buses nor CAN FD.
grep -v '##' "$work/in.log" >"$work/classic.log"
"$canp" convert -f trc11 "$work/classic.log" "$work/old.trc" 2>/dev/null
check "version 1.1 is written and comes back" is "$("$read_log" - "$work/old.trc" | grep '^(' | cut -d' ' -f1,3,4 | md5sum)" \
    "$("$read_log" - "$work/classic.log" | grep '^(' | cut -d' ' -f1,3,4 | md5sum)"
check "by its version" grep -q '^;$FILEVERSION=1.1' "$work/old.trc"

if /usr/bin/python3 -c 'import can' 2>/dev/null; then
    # It reads DT rows, later versions also FD and FB, so others are left out on both sides.
    check "python-can reads version 1.1" /usr/bin/python3 - "$work/old.trc" "$work/classic.log" <<'PY'
import sys, can
want = [w for w in map(str.split, open(sys.argv[2])) if "#R" not in w[2]]
rows = [line for line in open(sys.argv[1]) if "RTR" not in line]  # which it does not take
open(sys.argv[1] + ".trc", "w").writelines(rows)
got = [m for m in can.TRCReader(sys.argv[1] + ".trc") if m is not None]
assert len(got) == len(want) > 1000, (len(got), len(want))
for m, (time, iface, text, way) in zip(got, want):
    ident, data = text.split("#")
    assert m.arbitration_id == int(ident, 16) and m.is_extended_id == (len(ident) == 8), (m, text)
    assert bytes(m.data).hex().upper() == data and m.is_rx == (way == "R"), (m, text)
PY
    check "python-can reads the same" /usr/bin/python3 - "$work/out.trc" "$work/in.log" <<'PY'
import sys, can
want = [line.split() for line in open(sys.argv[2])]
want = [w for w in want if "#R" not in w[2] and not ("##" in w[2] and int(w[2].split("##")[1][0]) & 2)]
got = [m for m in can.TRCReader(sys.argv[1]) if m is not None]
if tuple(map(int, can.__version__.split(".")[:2])) < (4, 2):  # it passes over CAN FD rows
    want = [w for w in want if "##" not in w[2]]
assert len(got) == len(want) > 1500, (len(got), len(want))
for m, (time, iface, text, way) in zip(got, want):
    ident, data = text.split("##" if "##" in text else "#")
    since = float(time[1:-1]) - float(want[0][0][1:-1])  # earlier versions do not add the start time
    assert abs(m.timestamp - got[0].timestamp - since) < 2e-6, (m, time)
    assert m.arbitration_id == int(ident, 16) and m.is_extended_id == (len(ident) == 8), (m, text)
    assert m.is_fd == ("##" in text) and bytes(m.data).hex().upper() == data["##" in text:], (m, text)
    assert m.channel == int(iface[3:]) + 1 and m.is_rx == (way == "R"), (m, iface)
PY
else
    echo "skip python-can: not installed"
fi

real() { # FILE FRAMES
    [ -r "$data/$1" ] || { echo "skip $1: not in $data (CANP_DATA)"; return; }
    check "$(basename "$1")" is "$("$read_log" - "$data/$1" | sed -n -e 's/^format //p' -e '/^frames/p' | tr '\n' ' ')" "trc frames $2, bad 0 "
}
real canboat+canboat/samples/sample3_PCAN-View.trc 12274
real CSS-Electronics+mdf4-converters/Tools/SystemTests/PEAK/TestData/multiple_CAN.trc 164
exit "$bad"
