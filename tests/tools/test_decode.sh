#!/usr/bin/env bash
# canp decode: values computed by hand from an invented database and log, in every form of output; transports, several
# databases, patterns, marks, hostile names; real logs with their databases where they are.
# usage: test_decode.sh SOURCE_DIR BUILD_DIR; CANP_DATA: real files. prints `ok NAME`, `not ok NAME: reason` or `skip NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
data=${CANP_DATA:-$1/../shared/data}

field() { python3 -c 'import json,sys; d=[json.loads(l) for l in open(sys.argv[1])]; sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)' "$work/out" "$1"; }
decode() { "$canp" decode --dbc "$work/a.dbc" "$@"; }

cat >"$work/a.dbc" <<END
VERSION ""
BU_: ECU
BO_ 256 Engine: 8 ECU
 SG_ Speed : 0|16@1+ (0.25,0) [0|1000] "rpm" X
 SG_ Temp : 16|8@1- (1,-40) [0|0] "°C" X
 SG_ Mode : 24|4@1+ (1,0) [0|0] "" X
 SG_ Big : 39|16@0+ (0.1,0) [0|0] "kPa" X
BO_ 512 Choice: 8 ECU
 SG_ Which M : 0|8@1+ (1,0) [0|0] "" X
 SG_ A m0 : 8|8@1+ (1,0) [0|0] "" X
 SG_ B m1 : 8|8@1- (1,0) [0|0] "" X
BO_ 768 Exact: 8 ECU
 SG_ All : 0|64@1+ (1,0) [0|0] "" X
BO_ $(eff 0x18F00400) Truck: 8 ECU
 SG_ EngSpeed : 24|16@1+ (0.125,0) [0|8031.875] "rpm" X
BO_ $(eff 0x18FEE300) Config: 10 ECU
 SG_ Last : 64|16@1+ (1,0) [0|0] "" X
BO_ $(eff 0x09F80500) Boat: 12 ECU
 SG_ Name : 16|80@1+ (1,0) [0|0] "" X
BO_ 2024 Answer: 20 ECU
 SG_ Service : 0|8@1+ (1,0) [0|0] "" X
 SG_ Vin : 24|136@1+ (1,0) [0|0] "" X
BO_ 1720 Diagnosis: 10 ECU
 SG_ End : 72|8@1+ (1,0) [0|0] "" X
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "StandardCAN";
BA_ "VFrameFormat" BO_ $(eff 0x18F00400) 3;
BA_ "VFrameFormat" BO_ $(eff 0x18FEE300) 3;
VAL_ 256 Mode 0 "off" 1 "on, at last" ;
END
cat >"$work/a.log" <<'END'
(1700000000.000000) can0 100#B20C0A0112340000
(1700000000.100000) can0 100#FFFF
(1700000000.200000) can0 200#00FF
(1700000000.300000) can0 200#01FF
(1700000000.400000) can0 300#FFFFFFFFFFFFFFFF
(1700000000.500000) can0 0CF00421#FFFFFF6813FFFFFF
(1700000000.600000) can0 0CF00421#FFFFFFFFFFFFFFFF
(1700000000.700000) can0 0CF00421#FFFFFF12FEFFFFFF
(1700000001.000000) can0 1CECFF21#200A0002FFE3FE00
(1700000001.050000) can0 1CEBFF21#0101020304050607
(1700000001.100000) can0 1CEBFF21#0208090AFFFFFFFF
(1700000001.200000) can0 09F80500#400C0102424F4154
(1700000001.300000) can0 09F80500#41000000000000FF
(1700000001.400000) can0 7E8#1014490201574241
(1700000001.500000) can0 7E8#21414C4C4F313233
(1700000001.600000) can0 7E8#2234353637383930
(1700000001.700000) can0 100#R
(1700000001.800000) can0 123#00
END

check "text" status_is 0 decode "$work/a.log"
check "every value" prints \
    '(1700000000.000000000) can0 100 Engine.Speed = 812.5 rpm' \
    '(1700000000.000000000) can0 100 Engine.Temp = -30 °C' \
    '(1700000000.000000000) can0 100 Engine.Mode = 1 "on, at last"' \
    '(1700000000.000000000) can0 100 Engine.Big = 466 kPa' \
    '(1700000000.100000000) can0 100 Engine.Speed = 16383.75 rpm [out of range]' \
    '(1700000000.200000000) can0 200 Choice.Which = 0' \
    '(1700000000.200000000) can0 200 Choice.A = 255' \
    '(1700000000.300000000) can0 200 Choice.Which = 1' \
    '(1700000000.300000000) can0 200 Choice.B = -1' \
    '(1700000000.400000000) can0 300 Exact.All = 18446744073709551615' \
    '(1700000000.500000000) can0 0CF00421 Truck.EngSpeed = 621 rpm' \
    '(1700000000.600000000) can0 0CF00421 Truck.EngSpeed = [not available]' \
    '(1700000000.700000000) can0 0CF00421 Truck.EngSpeed = [error]' \
    '(1700000001.100000000) can0 18FEE321 Config.Last = 2569' \
    '(1700000001.300000000) can0 19F80500 Boat.Name = "BOAT"' \
    '(1700000001.600000000) can0 7E8 Answer.Service = 73' \
    '(1700000001.600000000) can0 7E8 Answer.Vin = "WBAALLO1234567890"'
check "short frames are told" complains "3 values are missing because their frames are too short, first of Engine"

cat >"$work/dm.log" <<'END'
(1700000000.000000) can0 18FECA21#04FF6E000005FFFF
(1700000000.100000) can0 18FECA21#00FF00000000FFFF
(1700000001.000000) can0 1CECFF00#200A0002FFCBFE00
(1700000001.050000) can0 1CEBFF00#0104FF6E0000059C
(1700000001.100000) can0 1CEBFF00#0218437FFFFFFFFF
END
check "trouble codes" status_is 0 decode "$work/dm.log"
check "are SPN and FMI, of DM1 and of a DM2 by BAM" prints \
    '(1700000000.000000000) can0 18FECA21 DM1.SPN 110 FMI 0 = 5' \
    '(1700000001.100000000) can0 18FECB00 DM2.SPN 110 FMI 0 = 5' \
    '(1700000001.100000000) can0 18FECB00 DM2.SPN 137372 FMI 3 = [not available]'
check "by name" status_is 0 decode "$work/dm.log" 'DM[12]' --wide
check "in a line" prints '(1700000000.000000000) can0 18FECA21 DM1: SPN 110 FMI 0=5' \
    '(1700000001.100000000) can0 18FECB00 DM2: SPN 110 FMI 0=5; SPN 137372 FMI 3=[not available]'
check "in CSV" status_is 0 decode "$work/dm.log" DM1 -f csv
check "as a signal" prints 'time,iface,id,message,signal,value,unit,text,mark' \
    '1700000000.000000000,can0,18FECA21,DM1,SPN 110 FMI 0,5,,,'
check "in JSON" status_is 0 decode "$work/dm.log" -f json --wide
check "as a list" field 'len(d) == 2 and [c["spn"] for c in d[1]["codes"]] == [110, 137372] and d[1]["codes"][1] ==
    {"spn": 137372, "fmi": 3, "occurrences": None, "old_conversion": False}'
check "no codes of a bus that is not J1939" status_is 1 decode "$work/dm.log" Engine

check "dump --transport" status_is 0 "$canp" dump "$work/a.log" --transport
check "are the messages that several frames brought" prints \
    '(1700000001.100000000) can0 18FEE321 BAM 21>FF [10] 01 02 03 04 05 06 07 08 09 0A' \
    '(1700000001.300000000) can0 19F80500 FAST 00>FF [12] 01 02 42 4F 41 54 00 00 00 00 00 00' \
    '(1700000001.600000000) can0 7E8 ISOTP [20] 49 02 01 57 42 41 41 4C 4C 4F 31 32 33 34 35 36 37 38 39 30'
check "as JSON" status_is 0 "$canp" dump "$work/dm.log" --transport -f json
check "with all of it" field 'd == [{"time": 1700000001.1, "first": 1700000001.0, "iface": "can0", "id": "18FECB00", "protocol": "BAM",
    "source": 0, "destination": 255, "frames": 3, "data": "04FF6E0000059C18437F"}]'
cat >"$work/isotp.log" <<'END'
(1700000000.000000) can0 6B8#100A0102030405
(1700000000.100000) can0 6B8#210607080910
(1700000000.200000) can0 18DB1234#5503AABBCC
END
check "no ISO-TP there unless told" status_is 1 "$canp" dump "$work/isotp.log" --transport
check "--isotp" status_is 0 "$canp" dump "$work/isotp.log" --transport --isotp 6B0:6B8
check "has it" says 'can0 6B8 ISOTP [10] 01 02 03 04 05 06 07 08 09 10'
check "decode --isotp" status_is 0 decode "$work/isotp.log" --isotp 6B0:6B8
check "decodes it" prints '(1700000000.100000000) can0 6B8 Diagnosis.End = 16'
check "a bad pair" status_is 2 "$canp" dump "$work/isotp.log" --transport --isotp 6B0:XY
check "is named" complains "'6B0:XY' is not RX:TX"
check "dump --dbc" status_is 0 "$canp" dump --dbc "$work/a.dbc" "$work/a.log" --to +1.15s
check "has signals beside the frames" prints \
    '(1700000000.000000000) can0 100#B20C0A0112340000  Engine: Speed=812.5 rpm; Temp=-30 °C; Mode=1 "on, at last"; Big=466 kPa' \
    '(1700000000.100000000) can0 100#FFFF  Engine: Speed=16383.75 rpm [out of range]' \
    '(1700000000.200000000) can0 200#00FF  Choice: Which=0; A=255' \
    '(1700000000.300000000) can0 200#01FF  Choice: Which=1; B=-1' \
    '(1700000000.400000000) can0 300#FFFFFFFFFFFFFFFF  Exact: All=18446744073709551615' \
    '(1700000000.500000000) can0 0CF00421#FFFFFF6813FFFFFF  Truck: EngSpeed=621 rpm' \
    '(1700000000.600000000) can0 0CF00421#FFFFFFFFFFFFFFFF  Truck: EngSpeed=[not available]' \
    '(1700000000.700000000) can0 0CF00421#FFFFFF12FEFFFFFF  Truck: EngSpeed=[error]' \
    '(1700000001.000000000) can0 1CECFF21#200A0002FFE3FE00' \
    '(1700000001.050000000) can0 1CEBFF21#0101020304050607' \
    '(1700000001.100000000) can0 1CEBFF21#0208090AFFFFFFFF  Config: Last=2569'
check "short frames, too, are told there" complains "3 values are missing"
check "as candump shows frames" status_is 0 "$canp" dump --dbc "$work/a.dbc" "$work/dm.log" -f candump
check "with trouble codes" says '[8]  02 18 43 7F FF FF FF FF  DM2: SPN 110 FMI 0=5; SPN 137372 FMI 3=[not available]'
"$canp" dump "$work/a.log" -f json >"$work/plain"
check "dump --dbc -f json" status_is 0 "$canp" dump --dbc "$work/a.dbc" "$work/a.log" -f json
check "has it, too" python3 - "$work/plain" "$work/out" <<'PY'
import json, sys
plain, both = ([json.loads(l) for l in open(f)] for f in sys.argv[1:])
decoded = [o.pop("decoded", None) for o in both]
wanted = [{"message": "Engine", "signals": {"Speed": 812.5, "Temp": -30, "Mode": 1, "Big": 466}}]
sys.exit(0 if plain == both and wanted in decoded and None in decoded else f"{both}\n{decoded}")
PY
check "not in CSV" status_is 2 "$canp" dump --dbc "$work/a.dbc" "$work/a.log" -f csv
check "nor with --transport" status_is 2 "$canp" dump --dbc "$work/a.dbc" --transport "$work/a.log"

check "no CSV of messages" status_is 2 "$canp" dump "$work/a.log" --transport -f csv

check "CSV" status_is 0 decode "$work/a.log" 'Engine.*' Vin EngSpeed -f csv --raw
check "CSV has it all" prints 'time,iface,id,message,signal,value,unit,text,mark,raw' \
    '1700000000.000000000,can0,100,Engine,Speed,812.5,rpm,,,3250' \
    '1700000000.000000000,can0,100,Engine,Temp,-30,°C,,,10' \
    '1700000000.000000000,can0,100,Engine,Mode,1,,"on, at last",,1' \
    '1700000000.000000000,can0,100,Engine,Big,466,kPa,,,4660' \
    '1700000000.100000000,can0,100,Engine,Speed,16383.75,rpm,,out of range,65535' \
    '1700000000.500000000,can0,0CF00421,Truck,EngSpeed,621,rpm,,,4968' \
    '1700000000.600000000,can0,0CF00421,Truck,EngSpeed,,rpm,,not available,65535' \
    '1700000000.700000000,can0,0CF00421,Truck,EngSpeed,,rpm,,error,65042' \
    '1700000001.600000000,can0,7E8,Answer,Vin,,,WBAALLO1234567890,,574241414C4C4F31323334353637383930'
check "wide CSV" status_is 0 decode "$work/a.log" Speed A B --wide -f csv
check "has a column for each signal" prints 'time,iface,id,message,Engine.Speed,Choice.A,Choice.B' \
    '1700000000.000000000,can0,100,Engine,812.5,,' '1700000000.100000000,can0,100,Engine,16383.75,,' \
    '1700000000.200000000,can0,200,Choice,,255,' '1700000000.300000000,can0,200,Choice,,,-1'
check "wide text" status_is 0 decode "$work/a.log" Engine --wide --to +0.05s
check "is a line" prints '(1700000000.000000000) can0 100 Engine: Speed=812.5 rpm; Temp=-30 °C; Mode=1 "on, at last"; Big=466 kPa'
check "JSON" status_is 0 decode "$work/a.log" -f json --raw
check "JSON has it all" field 'len(d) == 17 and d[2] == {"time": 1700000000.0, "iface": "can0", "id": "100", "message": "Engine",
    "signal": "Mode", "value": 1, "unit": "", "text": "on, at last", "mark": "", "raw": 1} and d[9]["value"] == 2**64 - 1
    and d[11]["value"] is None and d[11]["mark"] == "not available" and d[16]["text"] == "WBAALLO1234567890"'
check "wide JSON" status_is 0 decode "$work/a.log" -f json --wide Engine Config
check "one object per message" field 'len(d) == 3 and d[0]["signals"] == {"Speed": 812.5, "Temp": -30, "Mode": 1, "Big": 466}
    and d[2]["signals"] == {"Last": 2569}'

# Parquet: begun and ended as it has to be; the same values by DuckDB, where that is (compare_duckdb.mjs says how).
check "Parquet" status_is 0 decode "$work/a.log" -o "$work/o.parquet"
check "Parquet, wide, into a pipe" status_is 0 bash -c '"$0" decode --dbc "$1" "$2" -f parquet --wide | cat >"$3"; exit "${PIPESTATUS[0]}"' \
    "$canp" "$work/a.dbc" "$work/a.log" "$work/w.parquet"
check "are whole" python3 - "$work/o.parquet" "$work/w.parquet" <<'PY'
import struct, sys
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    length = struct.unpack("<I", data[-8:-4])[0]
    footer = data[-8 - length:-8]
    names = [b"time", b"iface", b"id", b"message"] + ([b"signal", b"mark"] if "/o." in path else [b"Engine.Speed", b"Answer.Vin"])
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1" or not 0 < length < len(data) - 12 or not all(n in footer for n in names):
        sys.exit(f"{path}: {len(data)} bytes, footer of {length}")
PY
if [ -n "${NODE_MODULES_OF:-}" ]; then
    for form in --long --wide; do
        check "DuckDB reads the same, $form" node "$1/tests/tools/compare_duckdb.mjs" "$canp" "$work/a.log" --dbc "$work/a.dbc" "$form"
    done
else
    echo "skip DuckDB reads the same: NODE_MODULES_OF names no directory with @duckdb/node-api"
fi

# A measurement file: its blocks, by a reader of our own (asammdf reads the same by hand: compare_mf4_signals.py).
cp "$work/a.log" "$work/m.log"
printf '(1700000000.9) can1 18FECA21#0400E4002A7FFFFF\n(1700000001.2) can1 100#B20C0A01\n' >>"$work/m.log"
mf4() { python3 "$source/tests/tools/read_mf4_signals.py" "$@" >"$work/out"; }
source=$1
check "MF4" status_is 0 decode "$work/m.log" -o "$work/m.mf4"
check "is read" mf4 "$work/m.mf4"
check "and has it all" prints 'can0 Engine CAN_ID 1700000000000000000 256' 'can0 Engine Speed 1700000000000000000 812.5' \
    'can0 Engine Temp 1700000000000000000 -30.0' "can0 Engine Mode 1700000000000000000 'on, at last'" \
    'can0 Engine Big 1700000000000000000 466.0' 'can0 Engine CAN_ID 1700000000100000000 256' \
    'can0 Engine Speed 1700000000100000000 16383.75' 'can0 Choice CAN_ID 1700000000200000000 512' \
    'can0 Choice Which 1700000000200000000 0' 'can0 Choice A 1700000000200000000 255' \
    'can0 Choice CAN_ID 1700000000300000000 512' 'can0 Choice Which 1700000000300000000 1' \
    'can0 Choice B 1700000000300000000 -1' 'can0 Exact CAN_ID 1700000000400000000 768' \
    'can0 Exact All 1700000000400000000 18446744073709551615' 'can0 Truck CAN_ID 1700000000500000000 217056289' \
    'can0 Truck EngSpeed 1700000000500000000 621.0' 'can0 Truck CAN_ID 1700000000600000000 217056289' \
    'can0 Truck CAN_ID 1700000000700000000 217056289' 'can0 Config CAN_ID 1700000001100000000 419357473' \
    'can0 Config Last 1700000001100000000 2569' 'can0 Boat CAN_ID 1700000001300000000 435684608' \
    "can0 Boat Name 1700000001300000000 'BOAT'" 'can0 Answer CAN_ID 1700000001600000000 2024' \
    'can0 Answer Service 1700000001600000000 73' "can0 Answer Vin 1700000001600000000 'WBAALLO1234567890'" \
    'can1 DM1 CAN_ID 1700000000900000000 419351073' 'can1 DM1 SPN 1700000000900000000 65764' \
    'can1 DM1 FMI 1700000000900000000 10' 'can1 DM1 OldConversion 1700000000900000000 0' \
    'can1 Engine CAN_ID 1700000001200000000 256' \
    'can1 Engine Speed 1700000001200000000 812.5' 'can1 Engine Temp 1700000001200000000 -30.0' \
    "can1 Engine Mode 1700000001200000000 'on, at last'"
check "MF4, raw, into a pipe" status_is 0 bash -c '"$0" decode --dbc "$1" "$2" Temp Mode Vin -f mf4 --raw | cat >"$3"; exit "${PIPESTATUS[0]}"' \
    "$canp" "$work/a.dbc" "$work/a.log" "$work/r.mf4"
check "is read, too" mf4 "$work/r.mf4"
check "and has raw values" prints 'can0 Engine CAN_ID 1700000000000000000 256' 'can0 Engine Temp 1700000000000000000 10' \
    'can0 Engine Mode 1700000000000000000 1' 'can0 Answer CAN_ID 1700000001600000000 2024' \
    "can0 Answer Vin 1700000001600000000 b'WBAALLO1234567890'"
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "(%.6f) can0 300#%016X\n", 1700000000 + i / 1000, i * 2654435761 }' >"$work/many.log"
check "MF4 of many blocks" status_is 0 decode "$work/many.log" -o "$work/many.mf4"
check "of which" mf4 "$work/many.mf4"
check "all is there" diff -q <(awk '{ printf "%.3f %s\n", $4 / 1000000000, $5 }' <(grep ' All ' "$work/out")) \
    <("$canp" decode --dbc "$work/a.dbc" "$work/many.log" -f csv | awk -F, 'NR > 1 { printf "%.3f %s\n", $1, $6 }')

# J1939's extended transport protocol: 2,000 bytes, of which the database knows two.
python3 - >"$work/etp.log" <<'PY'
data = bytes(i * 31 >> 3 & 255 for i in range(286 * 7))
at = 0
def put(id, payload):
    global at
    at += 1
    print(f"(1700000000.{at:06d}) can0 {id}#{payload.hex().upper()}")
put("18C82103", bytes([20, 0xD0, 7, 0, 0]) + b"\xe3\xfe\0")
for first in range(0, 286, 255):
    put("18C82103", bytes([22, 255]) + first.to_bytes(3, "little") + b"\xe3\xfe\0")
    for n in range(first, min(first + 255, 286)):
        put("18C72103", bytes([n - first + 1]) + data[7 * n:7 * n + 7])
PY
check "a long message" status_is 0 decode "$work/etp.log"
check "is decoded" prints '(1700000000.000289000) can0 18FEE303 Config.Last = 8735'
check "and printed" status_is 0 "$canp" dump --transport "$work/etp.log"
check "with its protocol" says 'can0 18FEE303 ETP 03>21 [2000] 00 03 07 0B'
check "SQL has it" status_is 0 "$canp" sql --dbc "$work/a.dbc" "$work/etp.log" 'SELECT Last FROM Config' -f csv
check "as well" prints Last 8735

check "every" status_is 0 decode "$work/a.log" --every 250ms Speed Which
check "thins out" prints '(1700000000.000000000) can0 100 Engine.Speed = 812.5 rpm' \
    '(1700000000.200000000) can0 200 Choice.Which = 0' '(1700000000.300000000) can0 200 Choice.Which = 1'
check "every second" status_is 0 decode "$work/a.log" --every 1s 'S[pq]eed' Which
check "leaves the first" prints '(1700000000.000000000) can0 100 Engine.Speed = 812.5 rpm' \
    '(1700000000.200000000) can0 200 Choice.Which = 0'
check "from and to" status_is 0 decode "$work/a.log" --from @1700000000.1 --to @1700000000.25
check "bound it" prints '(1700000000.100000000) can0 100 Engine.Speed = 16383.75 rpm [out of range]' \
    '(1700000000.200000000) can0 200 Choice.Which = 0' '(1700000000.200000000) can0 200 Choice.A = 255'

# Another database for can1 alone; one that describes the frames of an OBD answer, as those for OBD do.
sed -e 's/ 256 Engine/ 256 Motor/' "$work/a.dbc" >"$work/b.dbc"
printf 'BO_ 2024 Obd: 8 X\n SG_ Length : 0|8@1+ (1,0) [0|0] "" X\n' >"$work/obd.dbc"
printf '(1.0) can0 100#B20C0A0112340000\n(1.1) can1 100#B20C0A0112340000\n(1.2) can0 7E8#03410D32\n' >"$work/two.log"
check "two interfaces" status_is 0 "$canp" decode --dbc "$work/a.dbc" --dbc "can1=$work/b.dbc" "$work/two.log" Speed
check "two databases" prints '(1.000000000) can0 100 Engine.Speed = 812.5 rpm' '(1.100000000) can1 100 Motor.Speed = 812.5 rpm'
check "frames of OBD" status_is 0 "$canp" decode --dbc "$work/obd.dbc" "$work/two.log"
check "as the database has them" prints '(1.200000000) can0 7E8 Obd.Length = 3'

# A recording gives the same as its log; a file is made by its suffix, and never replaced.
"$canp" convert "$work/a.log" "$work/rec" >/dev/null 2>&1
decode "$work/a.log" -f csv >"$work/wanted" 2>/dev/null
check "a recording" status_is 0 decode "$work/rec" -o "$work/o.csv"
check "gives the same" cmp "$work/wanted" "$work/o.csv"
check "follows to the end" status_is 0 timeout 20 "$canp" decode --dbc "$work/a.dbc" --follow "$work/rec" -f csv
check "of it" cmp "$work/wanted" "$work/out"
check "replaces nothing" status_is 3 decode "$work/rec" -o "$work/o.csv"
check "and keeps it" cmp "$work/wanted" "$work/o.csv"
check "stdin" status_is 0 bash -c '"$0" decode --dbc "$1" - -f csv <"$2"' "$canp" "$work/a.dbc" "$work/a.log"
check "likewise" cmp "$work/wanted" "$work/out"
for _ in {1..500}; do cat "$work/a.log"; done >"$work/long.log"
check "a pipe that closes" status_is 0 bash -c '"$0" decode --dbc "$1" "$2" | head -n 1; exit "${PIPESTATUS[0]}"' \
    "$canp" "$work/a.dbc" "$work/long.log"
check "is no error" test ! -s "$work/err"

# What a database says is other people's text.
printf 'BO_ 256 E: 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] "\033[2J" X\nVAL_ 256 S 1 "=1+1" ;\n' >"$work/evil.dbc"
printf '(1.0) can0 100#01\n' >"$work/evil.log"
check "hostile units" status_is 0 "$canp" decode --dbc "$work/evil.dbc" "$work/evil.log"
check "are spelled" says '= 1 \x1B[2J "=1+1"'
check "hostile texts in CSV" status_is 0 "$canp" decode --dbc "$work/evil.dbc" "$work/evil.log" -f csv
check "are no formulas" says ",\"'=1+1\","
check "hostile JSON" status_is 0 "$canp" decode --dbc "$work/evil.dbc" "$work/evil.log" -f json
check "is JSON" field 'd[0]["unit"] == "\x1b[2J"'

check "no such signal" status_is 2 decode "$work/a.log" Nothing
check "is named" complains "no signal 'Nothing' in the databases"
check "nothing decoded" status_is 1 decode "$work/evil.log" Boat
check "no database" status_is 2 "$canp" decode "$work/a.log"
check "a database that is missing" status_is 3 "$canp" decode --dbc "$work/none.dbc" "$work/a.log"
check "a log that is missing" status_is 3 decode "$work/none.log"
check "a format that is none" status_is 2 decode "$work/a.log" -f xml
check "wide and long" status_is 2 decode "$work/a.log" --wide --long

# A boat's positions, against the bytes themselves: two 32 bit integers of 1e-7 degrees.
boat=$data/canboat+canboat
sample=$boat/samples/candumpSample3.txt
if [ -f "$sample" ]; then
    check "a real boat" status_is 0 "$canp" decode --j1939 --dbc "$boat/docs/canboat.dbc" "$sample" -f json --wide '*129025*'
    check "is where its frames say" python3 - "$sample" "$work/out" <<'PY'
import json, re, struct, sys
frames = [bytes.fromhex(m[1]) for m in re.finditer(r' 09F801..#([0-9A-F]{16})', open(sys.argv[1]).read())]
wanted = [struct.unpack('<ii', f) for f in frames]
got = [tuple(round(json.loads(l)['signals'][n] * 1e7) for n in ('latitude', 'longitude')) for l in open(sys.argv[2])]
sys.exit(0 if len(wanted) > 100 and wanted == got else f'{len(wanted)} {len(got)} {wanted[:2]} {got[:2]}')
PY
else
    echo "skip a real boat: no canboat in $data"
fi
exit $bad
