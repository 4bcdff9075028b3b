#!/usr/bin/env bash
# Wireshark's tools read what is written as pcapng, frame for frame, and what editcap writes is read again. Recordings
# come back from pcapng as they were, up to hardware stamps. Real captures have the counts they should have.
# usage: test_formats_wireshark.sh SOURCE_DIR BUILD_DIR
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

# The first definition's time is the first record's in one, and the recording's own in the other.
as_text() { "$canp" dump -f json "$1" 2>/dev/null | grep -v '"kind":"iface"' | sed 's/"hw_time_ns":[0-9-]*,//'; }

# Frames as "time iface id len data" from the recording, by JSON.
frames_of() {
    "$canp" dump -f json "$1" 2>/dev/null | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["kind"] in ("can", "fd") and not r["error"]:
        t = r["time_ns"]
        print("%d.%09d" % (t // 10**9, t % 10**9), r["iface"], r["id"], int(r["extended"]), int(r["remote"]), r["len"],
              r["data"].lower() or "-", {"rx": 1, "tx": 2, "own": 2}[r["dir"]])'
}

# The same from tshark. Frames that are errors are left out by their flag; XL is unknown to older versions.
frames_by_tshark() {
    tshark -r "$1" -Y '!(can.flags.err == 1) && can.len <= 64' -T fields -E separator=' ' -e frame.time_epoch \
        -e frame.interface_name -e can.id -e can.flags.xtd -e can.flags.rtr -e can.len -e frame.packet_flags_direction -e data.data 2>"$work/err" |
        python3 -c '
import sys
for line in sys.stdin:
    f = line.rstrip("\n").split(" ")
    flag = {"1": 1, "True": 1, "0": 0, "False": 0, "": 0}
    remote = flag[f[4]] # its bytes are padding
    print(f[0], f[1], int(f[2], 0), flag[f[3]], remote, f[5], "-" if remote else f[7] or "-", int(f[6], 0))'
}

for golden in "$source_dir"/tests/format/golden/{sealed,packed,following,fast-packets,clocks,torn}.canp; do
    name=$(basename "$golden" .canp)
    "$canp" convert "$golden" "$work/$name.pcapng" 2>/dev/null
    "$canp" convert "$work/$name.pcapng" "$work/$name" 2>/dev/null
    check "$name comes back from pcapng" is "$(as_text "$work/$name" | md5sum)" "$(as_text "$golden" | md5sum)"
done
check "there is something in it" test "$(as_text "$work/packed" | wc -l)" -gt 400

if command -v tshark editcap capinfos >/dev/null; then
    for name in packed fast-packets; do
        frames_of "$work/$name" >"$work/want"
        frames_by_tshark "$work/$name.pcapng" >"$work/got"
        check "$name: tshark reads the same $(wc -l <"$work/want") frames" cmp "$work/want" "$work/got"
    done
    check "capinfos knows every packet" is "$(capinfos -TrcM "$work/packed.pcapng" 2>/dev/null | cut -f2)" \
        "$("$canp" info --json "$work/packed" | python3 -c 'import json, sys; print(json.load(sys.stdin)["frames"])')"
    for suffix in blf log; do
        "$canp" convert "$source_dir/tests/format/golden/fast-packets.canp" "$work/fast.$suffix" 2>/dev/null
        check "and every frame of a $suffix" is "$(capinfos -TrcM "$work/fast.$suffix" 2>/dev/null | cut -f2)" 390
    done
    editcap -F pcapng "$work/packed.pcapng" "$work/edited.pcapng" 2>/dev/null
    check "what editcap writes comes back, events and all" is \
        "$("$read_log" - "$work/edited.pcapng" | grep -vE '^(# IFACE|passed)' | md5sum)" \
        "$("$read_log" - "$work/packed.pcapng" | grep -vE '^(# IFACE|passed)' | md5sum)"
    editcap -F nsecpcap "$work/fast-packets.pcapng" "$work/one.pcap" 2>/dev/null
    check "also pcap with nanoseconds" is "$("$read_log" - "$work/one.pcap" | grep -c '^(')" \
        "$("$read_log" - "$work/fast-packets.pcapng" | grep -c '^(')"
    check "tshark puts together the same ISO-TP messages" python3 "$source_dir/tests/tools/compare_isotp.py" "$canp" "$work" $((RANDOM))
else
    echo "skip Wireshark's tools: not installed"
fi

real() { # FILE FORMAT FRAMES
    [ -r "$data/$1" ] || { echo "skip $1: not in $data (CANP_DATA)"; return; }
    check "$(basename "$1")" is "$("$read_log" - "$data/$1" | sed -n -e 's/^format //p' -e '/^frames/p' | tr '\n' ' ')" "$2 frames $3, bad 0 "
}
real canboat+canboat/samples/can0-1.pcap pcap 49928
real CSS-Electronics+mdf4-converters/Tools/SystemTests/PCAP/TestData/multiple_CAN.pcap pcapng 164
exit "$bad"
