#!/usr/bin/env bash
# canp sql and the loadable extension: the same as canp dump, decode and info say; what goes down; formats, prompt and errors;
# hostile names. usage: test_sql.sh SOURCE_DIR BUILD_DIR; CANP_QUESTIONS: random ones, 200; prints `ok NAME`, `not ok NAME: reason` or `skip NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
extension=$2/tools/canp_sql

if "$canp" sql x 2>&1 | grep -q 'built without SQLite'; then
    echo "skip sql: this build has no SQLite"
    exit 77
fi

# A log of several interfaces, with all kinds of frames that candump writes, J1939 messages of several frames among them.
python3 - "$work/a.log" <<'PY'
import random, sys
random.seed(15)
t = 1700000000_000000000
with open(sys.argv[1], "w") as out:
    for n in range(3000):
        t += random.randint(1000, 5_000_000)
        iface = random.choice(["can0", "can0", "can1", "vcan2"])
        at = f"({t // 10**9}.{t % 10**9:09d}) {iface} "
        kind = random.random()
        data = random.randbytes(random.choice([8, 8, 8, random.randint(0, 8)])).hex().upper()
        if kind < 0.3:
            at += f"100#{data}"
        elif kind < 0.6:
            at += f"{random.choice(['123', '101', '102', '200', '7FF', '000'])}#{data}"
        elif kind < 0.75:
            at += f"{random.choice(['0CF00421', '0CF00400', '18FEE321', '00000123', '1FFFFFFF'])}#{data}"
        elif kind < 0.8:
            at += f"{random.choice(['123', '00000123'])}##{random.randint(0, 3):X}{random.randbytes(random.choice([0, 8, 12, 64])).hex().upper()}"
        elif kind < 0.83:
            at += f"{random.choice(['123', '18FEE321'])}#R"
        elif kind < 0.86:
            at += f"{random.choice(['20000004', '20000080', '20000123'])}#{random.randbytes(8).hex().upper()}"
        elif kind < 0.93:
            out.write(at + "1CECFF21#200A0002FFE3FE00\n" + at + f"1CEBFF21#01{random.randbytes(7).hex()}\n")
            at += f"1CEBFF21#02{random.randbytes(3).hex()}FFFFFFFF"
        else:
            at += f"{random.choice(['09F80500', '0DF80500'])}#{random.choice(['400C', '41', '600C'])}{''.join(random.choices('ABCxyz019 ', k=6)).encode().hex()}"
        out.write(at + "\n")
PY
cat >"$work/a.dbc" <<END
BU_: ECU
BO_ 256 Engine: 8 ECU
 SG_ Speed : 0|16@1+ (0.25,0) [0|1000] "rpm" X
 SG_ Temp : 16|8@1- (1,-40) [0|0] "°C" X
 SG_ Mode : 24|4@1+ (1,0) [0|0] "" X
 SG_ time : 39|16@0+ (0.1,0) [0|0] "kPa" X
BO_ 512 Choice: 8 ECU
 SG_ Which M : 0|1@1+ (1,0) [0|0] "" X
 SG_ A m0 : 8|8@1+ (1,0) [0|0] "" X
 SG_ B m1 : 8|8@1- (1,0) [0|0] "" X
BO_ 291 Exact: 8 ECU
 SG_ All : 0|64@1+ (1,0) [0|0] "" X
BO_ $(eff 0x18F00400) Truck: 8 ECU
 SG_ EngSpeed : 24|16@1+ (0.125,0) [0|8031.875] "rpm" X
BO_ $(eff 0x18FEE300) Config: 10 ECU
 SG_ Last : 64|16@1+ (1,0) [0|0] "" X
BO_ $(eff 0x09F80500) Boat: 12 ECU
 SG_ Name : 16|80@1+ (1,0) [0|0] "" X
BO_ 257 frames: 8 ECU
 SG_ X : 0|8@1+ (1,0) [0|0] "" X
 SG_ x : 8|8@1+ (1,0) [0|0] "" X
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "StandardCAN";
BA_ "VFrameFormat" BO_ $(eff 0x18F00400) 3;
BA_ "VFrameFormat" BO_ $(eff 0x18FEE300) 3;
VAL_ 256 Mode 0 "off" 1 "on, at last" ;
END
"$canp" convert "$work/a.log" "$work/rec" 2>/dev/null || { echo "not ok setup: convert" && exit 1; }
cp -r "$work/rec" "$work/packed" && "$canp" pack "$work/packed" >/dev/null

# ---- the same as the other commands say -------------------------------------------------------------------------------
python=/usr/bin/python3
if readelf -d "$2/libcanp.so" | grep -E 'NEEDED.*(asan|tsan)' >/dev/null || nm -D "$2/libcanp.so" | grep -E '__(asan|tsan)_init|__gcov' >/dev/null; then
    echo "skip extension: a sanitizer's library does not load into other programs"
elif ! $python -c 'import sqlite3, sys; sys.exit(not hasattr(sqlite3.Connection, "enable_load_extension"))'; then
    echo "skip extension: this Python's sqlite3 loads none"
else
    for form in rec packed a.log; do
        check "SQL equals dump, decode, info: $form" $python "$1/tests/tools/sql_equal.py" "$canp" "$extension" \
            "$work/$form" "$work/a.dbc" "${CANP_QUESTIONS:-200}" $((RANDOM))
    done
    if command -v sqlite3 >/dev/null; then
        check "the sqlite3 shell loads it" status_is 0 sqlite3 :memory: ".load $extension" \
            "CREATE VIRTUAL TABLE f USING canp_frames('$work/rec'); SELECT count(*) FROM f WHERE iface = 'can1';"
        check "and counts" prints "$(grep -c ' can1 ' "$work/a.log")"
    else
        echo "skip the sqlite3 shell: it is not installed"
    fi
fi
# ---- the command ------------------------------------------------------------------------------------------------------
printf '(1700000000.5) can0 123#0102\n(1700000001.5) can1 100#B20C0A0112340000\n' | sed 's/\.5/.500000/' >"$work/b.log"
sql() { "$canp" sql "$@"; }
check "an interface of a log that is not its first" status_is 0 "$canp" dump "$work/b.log" can1
check "is found" says "can1 100#B20C0A0112340000"
check "text" status_is 0 sql "$work/b.log" 'SELECT time, iface, id, data FROM frames'
check "is in columns" prints 'time                           iface  id   data' \
    '2023-11-14 22:13:20.500000000  can0   291  0102' '2023-11-14 22:13:21.500000000  can1   256  B20C0A0112340000'
check "CSV" status_is 0 sql "$work/b.log" -f csv "SELECT id, '=1' AS x, 0.1, NULL, data FROM frames WHERE id = 0x123"
check "is CSV" prints 'id,x,0.1,NULL,data' "291,\"'=1\",0.1,,0102"
check "JSON" status_is 0 sql --dbc "$work/a.dbc" "$work/b.log" -f json 'SELECT signal, value, text, unit FROM signals'
check "is JSON" prints '{"signal":"Speed","value":812.5,"text":null,"unit":"rpm"}' '{"signal":"Temp","value":-30,"text":null,"unit":"°C"}' \
    '{"signal":"Mode","value":1,"text":"on, at last","unit":""}' '{"signal":"time","value":466,"text":null,"unit":"kPa"}'
check "a database for another interface" status_is 0 sql --dbc "can0=$work/a.dbc" "$work/b.log" -f csv 'SELECT count(*) FROM signals WHERE iface = "can1"'
check "does not count" prints 'count(*)' 0
check "a column named as one of ours" status_is 0 sql --dbc "$work/a.dbc" "$work/b.log" -f csv 'SELECT time_2 FROM Engine'
check "has a number" prints time_2 466
check "two recordings" status_is 0 sql "$work/b.log" "$work/rec" -f csv "SELECT count(*), count(DISTINCT recording) FROM frames WHERE recording <> 'x'"
check "are one table" says ",2"
check "statements from stdin" status_is 0 bash -c 'printf "SELECT 1;\n.tables\nSELECT 2\n" | "$0" sql -f csv "$1"' "$canp" "$work/b.log"
check "are all run" prints 1 1 frames gaps events ids 2 2
check "schema" status_is 0 sql "$work/b.log" '.schema gaps'
check "names columns" prints 'CREATE TABLE "gaps"("recording" TEXT, "time_ns" INTEGER, "time" TEXT, "iface" TEXT, "layer" TEXT, "lost" INTEGER, "from_ns" INTEGER, "to_ns" INTEGER);'
check "points in time" status_is 0 sql "$work/b.log" -f csv "SELECT count(*) FROM frames WHERE time_ns > canp_time('2023-11-14T22:13:20.5Z') AND time_ns < canp_time('@1700000002')"
check "are compared" prints 'count(*)' 1
check "the plan" status_is 0 sql "$work/rec" 'EXPLAIN QUERY PLAN SELECT * FROM frames WHERE id = 0x100 AND time_ns > 5'
check "is readable" says 'VIRTUAL TABLE INDEX 0:id=? time_ns>?'
check "a pipe that closes" status_is 0 bash -c '"$0" sql "$1" "SELECT * FROM frames, (SELECT 1 FROM frames LIMIT 100)" | head -n 1; exit "${PIPESTATUS[0]}"' "$canp" "$work/rec"
check "is no error" test ! -s "$work/err"

# Nothing is written, and no other file is read.
for statement in 'INSERT INTO frames VALUES (1)' 'CREATE TABLE x(a)' "ATTACH '$work/new.db' AS n" "VACUUM INTO '$work/new.db'" \
    'DROP TABLE frames' "SELECT load_extension('x')" 'SELECT nothing FROM frames' 'SELEC 1 '; do
    check "refused: ${statement%% *}" status_is 2 sql "$work/b.log" "$statement"
    check "with a sentence" complains 'canp sql: '
done
check "nothing was made" test ! -e "$work/new.db"
check "a recording that is missing" status_is 3 sql "$work/none" 'SELECT 1'
check "is named" complains "$work/none"
check "a database that is missing" status_is 3 sql --dbc "$work/none.dbc" "$work/b.log" 'SELECT 1'
check "stdin is no table" status_is 3 sql - 'SELECT 1'
check "which recording" status_is 2 sql 'SELECT 1'
check "a format that is none" status_is 2 sql "$work/b.log" -f xml 'SELECT 1'

# A signal ends a statement that takes long, and its result is not taken for whole.
interrupted() {
    local got=0
    "$canp" sql "$work/rec" 'SELECT count(*) FROM frames a, frames b, frames c WHERE a.len + b.len + c.len > 1000' >"$work/out" 2>"$work/err" &
    local pid=$!
    sleep 0.3
    kill -INT $pid
    wait $pid || got=$?
    [ $got -eq 3 ] && complains interrupted
}
check "SIGINT" interrupted

# Damage is told.
cp -r "$work/rec" "$work/damaged"
segment=("$work"/damaged/*.canp)
printf 'XXXXXXXX' | dd of="${segment[0]}" bs=1 seek=9000 conv=notrunc status=none
check "damage" status_is 1 sql "$work/damaged" 'SELECT count(*) FROM frames'
check "is told" complains 'damaged places'

# Names and texts of others.
"$2/tests/evil_names" "$work/evil" || { echo "not ok setup: evil_names" && exit 1; }
cat >"$work/evil.dbc" <<'END'
BO_ 291 M: 8 X
 SG_ S : 0|8@1+ (1,0) [0|0] "" X
 SG_ T : 8|8@1+ (1,0) [0|0] "" X
BA_DEF_ BO_ "SystemMessageLongSymbol" STRING ;
BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;
BA_DEF_DEF_ "SystemMessageLongSymbol" "";
BA_DEF_DEF_ "SystemSignalLongSymbol" "";
BA_ "SystemMessageLongSymbol" BO_ 291 "sqlite_x'); DROP TABLE frames; --";
BA_ "SystemSignalLongSymbol" SG_ 291 S "a' b, c) ; --";
END
for statement in 'SELECT * FROM frames' 'SELECT * FROM events' 'SELECT * FROM signals' .schema .tables; do
    for format in text csv json; do
        check "hostile names: $statement $format" status_is 0 sql --dbc "$work/evil.dbc" "$work/evil" -f $format "$statement"
        check "let nothing through" python3 -c 'import re, sys
text = open(sys.argv[1], "rb").read().decode()
assert text and not (m := re.search("[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)), m' "$work/out"
    done
done
check "a hostile message" status_is 0 sql --dbc "$work/evil.dbc" "$work/evil" -f csv \
    "SELECT \"a' b, c) ; --\" IS NOT NULL AS v FROM \"m_sqlite_x'); DROP TABLE frames; --\" LIMIT 1"
check "is a table" prints v 1
exit $bad
