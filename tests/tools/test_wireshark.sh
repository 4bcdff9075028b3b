#!/usr/bin/env bash
# Debian's tshark by its own protocols, without a CAN bus: canp-extcap's recording interface, the plug-in that opens
# recordings, and the profiles. Counts and contents are those of `canp`.
# usage: test_wireshark.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
source_dir=$1 build_dir=$2
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh" "$1" "$2"
extcap=$build_dir/tools/canp-extcap plugin=$build_dir/tools/wireshark/canp.so
golden=$source_dir/tests/format/golden
is() { [ "$1" = "$2" ] || { printf 'got: %s\nnot: %s\n' "$1" "$2"; false; }; }

[ -x "$extcap" ] || { echo "skip canp-extcap: not built"; exit 0; }

# ---- the protocol, as Wireshark speaks it
check "extcap: interfaces" status_is 0 "$extcap" --extcap-interfaces --extcap-version=4.0
check "extcap: the recording is one" says 'interface {value=canp-recording}{display=canp recording}'
check "extcap: with a version" says '{version='
check "extcap: link types" status_is 0 "$extcap" --extcap-interface canp:can0 --extcap-dlts
check "extcap: SocketCAN" prints 'dlt {number=227}{name=CAN_SOCKETCAN}{display=SocketCAN}'
check "extcap: options of a recording" status_is 0 "$extcap" --extcap-interface canp-recording --extcap-config
check "extcap: a file chooser" says '{call=--file}{display=Recording or log}{type=fileselect}'
check "extcap: options of an interface" status_is 0 "$extcap" --extcap-interface canp:can0 --extcap-config
check "extcap: a filter" says '{call=--filter}'
check "extcap: numbers of options count up" is "$(grep -o 'number=[0-9]*' "$work/out" | tr '\n' ' ')" "number=0 number=1 number=2 number=3 number=4 "
check "extcap: a good filter gets no answer" status_is 0 "$extcap" --extcap-interface canp:can0 --extcap-capture-filter '123:7FF,#FF'
check "extcap: none at all" is "$(cat "$work/out")" ""
check "extcap: a bad one does" status_is 0 "$extcap" --extcap-interface canp:can0 --extcap-capture-filter 'port 80'
check "extcap: with the reason" says "'port 80' is no filter"
check "extcap: an interface that is none" status_is 2 "$extcap" --extcap-interface eth0 --extcap-config
check "extcap: a capture without a FIFO" status_is 2 "$extcap" --extcap-interface canp:can0 --capture
check "extcap: a recording that is not there" status_is 3 "$extcap" --extcap-interface canp-recording --capture --fifo "$work/none" --file "$work/nothing"
check "extcap: no recording chosen" status_is 2 "$extcap" --extcap-interface canp-recording --capture --fifo "$work/none"
check "extcap: not an option" status_is 2 "$extcap" --capture --fast

command -v tshark >/dev/null || { echo "skip tshark: not installed"; exit "$bad"; }
tshark --version 2>/dev/null | grep -q '^TShark (Wireshark) 4\.0\.' || { echo "skip tshark: not 4.0"; exit "$bad"; }

# ---- tshark finds and captures it. A capture needs dumpcap; a container may forbid it.
mkdir -p "$work/home/.config/wireshark/extcap"
ln -s "$(readlink -f "$extcap")" "$work/home/.config/wireshark/extcap/"
shark() { HOME=$work/home XDG_CONFIG_HOME='' XDG_RUNTIME_DIR='' tshark "$@" 2>"$work/err"; }
unset WIRESHARK_CONFIG_DIR
fields=(-T fields -e frame.time_epoch -e frame.interface_name -e can.id -e can.len -e frame.packet_flags_direction -e data.data)
"$canp" convert "$golden/packed.canp" "$work/drive" 2>/dev/null
"$canp" convert "$golden/packed.canp" "$work/drive.pcapng" 2>/dev/null
mkdir "$work/many" && "$canp" convert "$work/drive" "$work/many/a" 2>/dev/null
shark -D >"$work/out"
check "tshark -D lists it" says 'canp-recording (canp recording)'
shark -L -i canp-recording >"$work/out"
check "tshark -L knows its link type" says 'CAN_SOCKETCAN (SocketCAN)'
capture() { shark -i canp-recording -o "extcap.canp_recording.file:$1" "${@:2}" "${fields[@]}" >"$work/got"; }
capture "$work/drive"
if grep -q "permission to capture" "$work/err"; then
    echo "skip tshark -i: this user may not capture"
else
    shark -r "$work/drive.pcapng" "${fields[@]}" >"$work/want"
    check "tshark -i: every packet of the recording" cmp "$work/want" "$work/got"
    check "tshark -i: that many" is "$(wc -l <"$work/got")" 456
    capture "$work/drive/00000001.canp"
    check "tshark -i: a segment that was chosen stands for the recording" cmp "$work/want" "$work/got"
    capture "$work/drive" -o extcap.canp_recording.from:+0.1s -o extcap.canp_recording.to:+0.2s
    check "tshark -i: a part of it" is "$(wc -l <"$work/got")" "$("$canp" dump "$work/drive" --from +0.1s --to +0.2s | grep -c '^(')"
    capture "$work/drive" -o extcap.canp_recording.filter:rx,can0
    check "tshark -i: filtered" is "$(wc -l <"$work/got")" "$("$canp" dump "$work/drive" rx can0 | grep -c '^(')"
    capture "$work/drive" -c 7
    check "tshark -i: that stops early" is "$(wc -l <"$work/got")" 7
fi

# ---- profiles
cp -r "$source_dir/tools/wireshark/profiles" "$work/home/.config/wireshark/"
cat >"$work/buses.log" <<'LOG'
(1700000000.000000) can0 7DF#02010C5555555555
(1700000000.010000) can0 7E8#04410C1AF8AAAAAA
(1700000000.020000) can0 7E0#0322F19055555555
(1700000000.030000) can0 7E8#101462F190574442
(1700000000.031000) can0 7E0#3000000000000000
(1700000000.032000) can0 7E8#2131323334353637
(1700000000.033000) can0 7E8#2238393031323334
(1700000000.060000) can0 701#05
(1700000000.070000) can0 0CF00400#FFFF7D201CFFFFFF
LOG
"$canp" convert "$work/buses.log" "$work/buses.pcapng"
while IFS='|' read -r profile number protocol text; do
    shark -C "canp $profile" -r "$work/buses.pcapng" -Y "frame.number == $number" >"$work/out"
    check "profile canp $profile: $protocol" says "$protocol"
    check "profile canp $profile: $text" says "$text"
done <<'WANTED'
OBD-II|2|OBD-II|Engine RPM: 1726.00 rpm
UDS|7|UDS|Read Data By Identifier
CANopen|8|CANopen|NMT Error Control: Operational
J1939|9|J1939|PGN: 61444
WANTED

# ---- the plug-in. Wireshark loads those of a user unless it is root's.
[ -r "$plugin" ] || { echo "skip the plug-in: not built (wireshark-dev 4.0)"; exit "$bad"; }
mkdir -p "$work/user/.local/lib/wireshark/plugins/4.0/wiretap" "$work/lib"
cp "$plugin" "$work/user/.local/lib/wireshark/plugins/4.0/wiretap/"
cp -L "$build_dir/libcanp.so.0" "$work/lib/"
chmod -R a+rX "$work"
as_user=()
[ "$(id -u)" -ne 0 ] || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
user() { "${as_user[@]}" env HOME="$work/user" XDG_CONFIG_HOME= LD_LIBRARY_PATH="$work/lib" "$@" 2>"$work/err"; }
user tshark -G plugins >"$work/out"
check "plug-in: tshark loads it" says 'canp.so'
for name in packed following torn; do
    cp "$golden/$name.canp" "$work/$name.canp" && chmod a+r "$work/$name.canp"
    "$canp" convert "$golden/$name.canp" "$work/$name.pcapng" 2>/dev/null
    shark -r "$work/$name.pcapng" "${fields[@]}" >"$work/want"
    user tshark -2 -r "$work/$name.canp" "${fields[@]}" >"$work/got" # -2: a pass in order, then each packet by its place
    check "plug-in: $name.canp is what canp convert makes of it" cmp "$work/want" "$work/got"
done
user tshark -r "$work/packed.canp" -T fields -e frame.comment >"$work/out"
check "plug-in: a gap is a comment" says 'canp gap: can0: 1234567890123 frames lost (socket)'
cp "$golden/damaged.canp" "$work/" && chmod a+r "$work/damaged.canp"
user tshark -r "$work/damaged.canp" -T fields -e frame.comment >"$work/out"
check "plug-in: damage is one" says 'canp damage:'
user capinfos -c -I "$work/packed.canp" >"$work/out"
check "plug-in: the names of interfaces" says 'Name = fifteen-letters'
# Where the clock was set back time alone does not lead to a packet.
awk 'BEGIN { for (i = 0; i < 6000; i++) printf "(%d.%06d) can%d %03X#%08X\n", 1700000000 + (i < 3000 ? i : i - 2500), i % 7 * 1000, i % 2, i % 1000, i }' >"$work/back.log"
"$canp" convert "$work/back.log" "$work/back" && "$canp" pack "$work/back" >/dev/null 2>&1
"$canp" convert "$work/back" "$work/back.pcapng" && chmod -R a+rX "$work"
shark -r "$work/back.pcapng" "${fields[@]}" >"$work/want"
user tshark -2 -r "$work/back/00000001.canp" "${fields[@]}" >"$work/got"
check "plug-in: a clock that was set back" cmp "$work/want" "$work/got"
check "plug-in: all of it" is "$(wc -l <"$work/got")" 6000
# Files that were changed are errors or damage, never the end of tshark.
for place in 600 1000; do
    cp "$golden/packed.canp" "$work/odd.canp" && chmod u+w,a+r "$work/odd.canp"
    printf '\377\001\200' | dd of="$work/odd.canp" bs=1 seek="$place" conv=notrunc status=none
    user tshark -2 -r "$work/odd.canp" >"$work/got"
    check "plug-in: three bytes at $place changed" test $? -lt 126
done
exit "$bad"
