#!/usr/bin/env bash
# canp dump and convert without a bus: real logs in and out again, other tools' readers, odd files, exit statuses.
# usage: test_text.sh SOURCE_DIR BUILD_DIR; CANP_DATA: real recordings. prints `ok NAME`, `not ok NAME: reason` or `skip NAME: reason`.
set -uo pipefail
canp=$2/tools/canp
data=${CANP_DATA:-$1/../shared/data}
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
bad=0

ok() { echo "ok $1"; }
not_ok() { # NAME REASON...
    echo "not ok $1: ${*:2}"
    bad=1
}
check() { # NAME COMMAND...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* failed: $(head -c 300 <<<"$said")"; fi
}
status_of() { "$@" >"$work/out" 2>"$work/err"; echo $?; }
is() { [ "$1" = "$2" ] || { echo "is '$1', not '$2'" && return 1; }; }

cat >"$work/all.log" <<'END'
(1700000000.000000001) vcan0 123#
(1700000000.100000000) vcan0 7FF#DEADBEEF
(1700000000.200000000) can1 18FEF100#1122334455667788
(1700000000.300000000) vcan0 123#1122334455667788_C
(1700000000.400000000) vcan0 123#R4
(1700000000.500000000) can1 123##5AABBCC
(1700000000.600000000) can1 12345678##4
(1700000000.700000000) vcan0 20000004#0004000000000000
# GAP vcan0 socket lost 17 from 1700000000.710000000 to 1700000000.790000000
(1700000000.800000000) vcan0 02123#80:01:DEADBEEF#AABB
END

round_trips() {
    check "convert reads every kind of line" is "$(status_of "$canp" convert "$work/all.log" "$work/all")" 0
    "$canp" dump "$work/all" >"$work/dumped"
    check "dump prints them as they were" cmp "$work/all.log" "$work/dumped"
    "$canp" convert --events "$work/all" - >"$work/dumped"
    check "and so does convert, to stdout" cmp "$work/all.log" "$work/dumped"
    "$canp" convert - "$work/piped" <"$work/all.log" && "$canp" dump "$work/piped" >"$work/dumped"
    check "and from stdin" cmp "$work/all.log" "$work/dumped"
    "$canp" convert --events "$work/all" "$work/out.log"
    check "and to a file" cmp "$work/all.log" "$work/out.log"
    check "which is not overwritten" is "$(status_of "$canp" convert "$work/all" "$work/out.log")" 3
    check "nor is a recording" is "$(status_of "$canp" convert "$work/all.log" "$work/all")" 3
    "$canp" convert -x "$work/all" - 2>"$work/err" >"$work/x.log"
    check "without --events there are frames alone, and what is left out is said" is "$(grep -c '^#' "$work/x.log") $(grep -c '1 gaps' "$work/err")" "0 1"
    check "-x writes directions" is "$(grep -c ' R$' "$work/x.log")" 9
    check "the gap stands in info" is "$(json '[o["frames"], o["lost"]]' < <("$canp" info --json "$work/all"))" "[9, 17]"
    check "and in info --quick" is "$(json '[o["frames"], o["lost"], o["ids"]]' < <("$canp" info --quick --json "$work/all"))" "[9, 17, None]"
}

nothing_is_not_the_default() {
    local option
    for option in -n -d --segment-size --keep --keep-bytes --flush --latency --stall --rcvbuf --pre-trigger; do
        check "record $option 0 is refused" is "$(status_of "$canp" record $option 0 vcan0)$(grep -c "must be more than 0" "$work/err")" 21
    done
    check "record --sync 0, too" is "$(status_of "$canp" record --sync 0 vcan0)$(grep -c "TIME" "$work/err")" 21
    check "gen -n 0, too" is "$(status_of "$canp" gen vcan0 -n 0)" 2
    check "a seed may be 0" is "$(status_of "$canp" gen nobus0 --seed 0 -n 1)" 3
}

newcomers() {
    check "an ID alone is that ID" is "$(status_of "$canp" dump "$work/all" 18FEF100) $(grep -c '^(' "$work/out")" "0 1"
    check "remote frames of it, too" is "$("$canp" dump "$work/all" 123 | grep -c '^(')" 5
    check "tx matches none of them" is "$(status_of "$canp" dump "$work/all" tx)" 1
    check "rx all" is "$("$canp" dump "$work/all" rx | grep -c '^(')" 9
    check "an interface that is there needs no word" is "$(status_of "$canp" dump "$work/all" can1 7FF:7FF)$(cat "$work/err")" 1
}

json() { python3 -c 'import json, sys; o = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

formats() {
    "$canp" dump "$work/all" -f json >"$work/json"
    check "JSON: an object per line, the same frames" python3 - "$work/json" <<'PY'
import json, sys
o = [json.loads(l) for l in open(sys.argv[1])]
f = [x for x in o if x["kind"] in ("can", "fd", "xl")]
assert len(f) == 9
assert f[2]["id"] == 0x18FEF100 and f[2]["extended"] and f[2]["data"] == "1122334455667788" and f[2]["iface"] == "can1"
assert f[3]["dlc"] == 12 and f[4]["remote"] and f[4]["len"] == 4 and f[4]["data"] == ""
assert f[5]["brs"] and not f[5]["esi"] and f[7]["error"] and f[7]["id"] == 4
assert f[8]["vcid"] == 2 and f[8]["af"] == 0xDEADBEEF and f[8]["id"] == 0x123
assert f[0]["time_ns"] == 1700000000000000001 and f[0]["dir"] == "rx"
g = [x for x in o if x["kind"] == "gap"]
assert len(g) == 1 and g[0]["lost"] == 17 and g[0]["layer"] == "socket" and g[0]["from_ns"] == 1700000000710000000
PY
    "$canp" dump "$work/all" -f csv >"$work/csv"
    check "CSV: a header, and every line has its columns" python3 - "$work/csv" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) == 10 and all(None not in r and None not in r.values() for r in rows)
assert rows[2]["id"] == "18FEF100" and rows[2]["data"] == "1122334455667788" and rows[8]["lost"] == "17"
PY
    "$canp" dump "$work/all" -f candump --micros >"$work/screen"
    check "candump's screen" grep -qx ' (1700000000.200000)  can1  18FEF100   \[8\]  11 22 33 44 55 66 77 88' "$work/screen"
    check "candump's screen: FD" grep -qx ' (1700000000.500000)  can1       123  \[03\]  AA BB CC' "$work/screen"
    check "candump's screen: remote" grep -qx ' (1700000000.400000)  vcan0       123   \[4\]  remote request' "$work/screen"
}

selections() {
    check "a filter" is "$("$canp" dump "$work/all" 7FF:7FF | grep -c '^(')" 1
    check "an interface" is "$("$canp" dump "$work/all" can1 | grep -c '^(')" 3
    check "a window" is "$("$canp" dump "$work/all" --from +0.25s --to +0.45s | grep -c '^(')" 2
    check "a window by the clock" is "$("$canp" dump "$work/all" --from 2023-11-14T22:13:20.75Z | grep -c '^(')" 1
    check "error frames by their mask" is "$("$canp" dump "$work/all" '0~0,#FFFFFFFF' | grep -c '^(')" 1
    check "nothing matched: status 1" is "$(status_of "$canp" dump "$work/all" 555:7FF)" 1
    check "no such interface: status 1" is "$(status_of "$canp" dump "$work/all" can9)" 1
    check "beside one that there is, it is told" is "$(status_of "$canp" dump "$work/all" can1 can9) $(cat "$work/err")" \
        "0 canp dump: no interface 'can9' in it (a filter is an ID, 7DF or 18FEF100, or an ID and a mask, 123:7FF)"
    check "a filter that is none: status 2" is "$(status_of "$canp" dump "$work/all" 12:zz)" 2
    check "a time that is none: status 2" is "$(status_of "$canp" dump "$work/all" --from soon)" 2
    check "a format that is none: status 2" is "$(status_of "$canp" dump "$work/all" -f xml)" 2
}

odd_files() {
    printf '(1.000000) can0 123#11\nwhat?\n(1.5(2.000000) can0 123#22\n' >"$work/bad.log"
    check "unreadable lines: status 1" is "$(status_of "$canp" convert "$work/bad.log" "$work/bad")" 1
    check "they are named" grep -q 'bad.log:2: cannot be read: what?' "$work/err"
    check "and counted" grep -q '2 of 3 lines' "$work/err"
    check "the others are kept" is "$("$canp" dump "$work/bad" | wc -l)" 2
    printf 'x\n(1.1) can0 zz\n' >"$work/worse.log"
    check "no line can be read: status 1" is "$(status_of "$canp" convert --in-format candump "$work/worse.log" "$work/worse")" 1
    check "nothing is left, a retry works" is "$(status_of "$canp" convert "$work/bad.log" "$work/worse")" 1
    echo '(1.123456789) can0 123#11' >"$work/fine.log"
    check "a candump log has 6 digits for others" is "$("$canp" convert "$work/fine.log" - 2>"$work/err") $(grep -c 'cut to microseconds' "$work/err")" \
        "(0000000001.123456) can0 123#11 1"
    check "and 9 where that is asked for" is "$("$canp" convert --nanos "$work/fine.log" -)" "(0000000001.123456789) can0 123#11"
    awk 'BEGIN { for (i = 1; i <= 300; i++) printf "(1.000000) if%d 123#11\n", i }' >"$work/many.log"
    check "too many interfaces: status 3" is "$(status_of "$canp" convert "$work/many.log" "$work/many")" 3
    check "it says where" grep -q 'more than 255 interfaces; what stands behind line 255 is left out' "$work/err"
    check "what was read is kept" is "$("$canp" dump "$work/many" | wc -l)" 255
    check "a missing file: status 3" is "$(status_of "$canp" convert "$work/none.log" "$work/none")" 3
    check "input that cannot be read: status 3" is "$(status_of "$canp" convert - "$work/unread" <"$work")" 3
    check "it is named" grep -qx "canp convert: cannot read standard input: Is a directory" "$work/err"
    check "a missing recording: status 3" is "$(status_of "$canp" dump "$work/none")" 3
    : >"$work/empty.canp"
    check "an empty file: status 3" is "$(status_of "$canp" dump "$work/empty.canp")" 3
    check "a log is dumped like a recording" is "$(status_of "$canp" dump "$work/all.log") $(cmp "$work/all.log" "$work/out")" "0 "
    echo "nothing known" >"$work/x.y"
    check "a foreign file: status 3" is "$(status_of "$canp" dump "$work/x.y")" 3
    check "in one line, which says what it looks like" is "$(wc -l <"$work/err") $(grep -c "begins with: nothing known" "$work/err")" "1 1"
    # shellcheck disable=SC2010 # the word is of the error
    check "nothing is made of it" is "$(status_of "$canp" convert "$work/x.y" "$work/z.log") $(ls "$work/z.log" 2>&1 | grep -c 'No such')" "3 1"
    check "a format that is none: status 2" is "$(status_of "$canp" convert -f xml "$work/all.log" "$work/z")" 2
    check "a full disk is told: status 3" is "$(sh -c '"$1" dump "$2" >/dev/full 2>"$3"; echo $?' - "$canp" "$work/all" "$work/err")" 3
}

closed_pipe() {
    awk 'BEGIN { for (i = 0; i < 400000; i++) printf "(%d.%06d) can0 %03X#%08X\n", 1700000000 + i / 1000, i % 1000 * 1000, i % 2048, i }' >"$work/big.log"
    "$canp" convert "$work/big.log" "$work/big"
    "$canp" dump "$work/big" 2>"$work/err" | head -n 1 >"$work/out"
    check "a closed pipe ends dump quietly" is "${PIPESTATUS[0]} $(wc -c <"$work/err")" "0 0"
    "$canp" dump --micros "$work/big" >"$work/dumped"
    check "400,000 frames come back" cmp "$work/big.log" "$work/dumped"
    check "a pipe that does not wait gets them all" python3 - "$canp" "$work/big" "$work/dumped" <<'PY'
import os, subprocess, sys, time
r, w = os.pipe()
os.set_blocking(w, False)
dump = subprocess.Popen([sys.argv[1], "dump", "--micros", sys.argv[2]], stdout=w)
os.close(w)
time.sleep(0.1)
got = b"".join(iter(lambda: os.read(r, 65536), b""))
assert dump.wait() == 0 and got == open(sys.argv[3], "rb").read(), (dump.returncode, len(got))
PY
    check "pack" "$canp" pack "$work/big"
    "$canp" dump --micros "$work/big" >"$work/dumped"
    check "also when packed" cmp "$work/big.log" "$work/dumped"
    CANP_LEDGER=stacks,guards "$canp" dump --micros "$work/big" >"$work/dumped"
    check "also in the ledger's debug modes" cmp "$work/big.log" "$work/dumped"
}

other_readers() {
    if command -v log2asc >/dev/null; then
        "$canp" dump --micros "$work/big" >"$work/dumped"
        log2asc -I "$work/dumped" -O "$work/asc" can0
        check "log2asc reads them all" is "$(grep -c ' Rx ' "$work/asc")" 400000
    else
        echo "skip log2asc: not installed"
    fi
    if /usr/bin/python3 -c 'import can' 2>/dev/null; then
        check "python-can reads the same" /usr/bin/python3 - "$work/all.log" <<'PY'
import can, sys
want = [l for l in open(sys.argv[1]) if l[0] == "(" and "#80:" not in l and "_C" not in l]  # it knows neither
open(sys.argv[1] + ".plain", "w").writelines(want)
m = list(can.CanutilsLogReader(sys.argv[1] + ".plain"))
assert len(m) == len(want) == 7, len(m)
assert m[1].arbitration_id == 0x7FF and bytes(m[1].data).hex() == "deadbeef"
assert m[2].is_extended_id and m[4].is_fd and m[4].bitrate_switch and m[3].is_remote_frame
PY
    else
        echo "skip python-can: not installed"
    fi
}

real_logs() {
    local log tried=0
    while read -r log; do
        case $log in *.gz) zcat "$log" ;; *) cat "$log" ;; esac >"$work/in.log"
        grep -m1 -qE '^\([0-9]+\.[0-9]{6}\) +[a-z0-9]+ +[0-9A-Fa-f]+#' "$work/in.log" || continue
        rm -rf "$work/real"
        "$canp" convert "$work/in.log" "$work/real" 2>"$work/err"
        "$canp" dump --micros "$work/real" >"$work/dumped"
        # comments go, torn beginnings go (and are counted), blanks shrink; the rest is the same to the byte
        tr -d '\r' <"$work/in.log" | grep '^(' | sed -e 's/^(.*(/(/' -e 's/  */ /g' -e 's/ *$//' |
            awk '{ split(substr($1, 2), t, "."); printf "(%010d.%s %s %s\n", t[1], t[2], $2, toupper($3) }' >"$work/expected"
        check "${log#"$data"/} ($(wc -l <"$work/expected") frames)" cmp "$work/expected" "$work/dumped"
        tried=$((tried + 1))
    done < <(find -L "$data" -type f \( -name '*.log' -o -name '*.log.gz' -o -name 'candump*.txt' \) 2>/dev/null | sort)
    [ "$tried" -gt 0 ] || echo "skip real recordings: none in $data (CANP_DATA)"
}

# An interface may be named by any bytes that are no blanks; a clock may say anything.
odd_names_and_times() {
    printf '(1.000000000) c\xff\xfe,"x 123#11\n(-5.500000000) a,b 123#22\n(9000000000.000000000) \xc3\xa9 123#33\n(-9000000000.000000000) z 123#44\n' >"$work/odd.log"
    check "odd names and times" "$canp" convert "$work/odd.log" "$work/odd"
    "$canp" dump "$work/odd" >"$work/dumped"
    check "candump's log has them, what is no UTF-8 spelled out" \
        is "$(sed 's/(\(-*\)0*/(\1/' "$work/dumped")" "$(LC_ALL=C sed 's/\xff\xfe/\\xFF\\xFE/' "$work/odd.log")"
    rm -rf "$work/again"
    check "and they come back as they were" "$canp" convert "$work/dumped" "$work/again"
    check "byte for byte" cmp <("$canp" dump -f json "$work/odd") <("$canp" dump -f json "$work/again")
    cp -r "$work/odd" "$work/$(printf 'od\xffd"')"
    local args
    for args in "dump -f json" "info --json" "verify --json" "pack --json"; do
        # shellcheck disable=SC2086
        "$canp" $args "$work/$(printf 'od\xffd"')" >"$work/json"
        check "$args is JSON" python3 -c 'import json, sys; [json.loads(l.decode()) for l in open(sys.argv[1], "rb")]' "$work/json"
    done
    "$canp" dump "$work/odd" -f csv >"$work/csv"
    check "CSV quotes them" python3 -c 'import csv, sys
rows = list(csv.reader(open(sys.argv[1], errors="surrogateescape")))
assert all(len(r) == 24 for r in rows) and [r[1][-3:] for r in rows[1:]] == [",\"x", "a,b", "\u00e9", "z"], rows' "$work/csv"
    check "candump's screen, before 1970" grep -q '^ (-0000000005.500000000)  a,b  123' <("$canp" dump "$work/odd" -f candump)
    check "info has every interface's frames" is \
        "$("$canp" info --json "$work/odd" | json '[sum(i["frames"] for i in o["interfaces"]), o["frames"], len(o["interfaces"])]')" "[4, 4, 4]"
    check "times that no neighbour follows span nothing" is "$("$canp" info --json "$work/odd" | json '[o["duration_ns"], o["odd_stamps"]]')" "[0, 3]"
}

# Logs with relative stamps begin at 0, which is a time like any other.
# Ctrl-C reaches both ends of a pipe; what the writer had said is in the recording, which is whole.
interrupted_pipe() {
    local pid
    mkfifo "$work/fifo"
    "$canp" convert - "$work/tail" <"$work/fifo" 2>"$work/err" &
    pid=$!
    exec 5>"$work/fifo"
    printf '(1.000000) can0 123#11\n' >&5
    sleep 0.3
    kill -INT "$pid"
    printf '(2.000000) can0 123#22\n' >&5
    exec 5>&-
    wait "$pid"
    check "convert, interrupted: status 0" is "$?$(cat "$work/err")" 0
    check "convert, interrupted: nothing is missing" is "$("$canp" info --json "$work/tail" | json '[o["frames"], o["sealed"]]')" "[2, True]"
}

begins_at_zero() {
    printf '(0.000000) can0 123#11\n(1.000000) can0 123#22\n' | "$canp" convert - "$work/zero"
    check "0 may be the first time" is "$("$canp" info --json "$work/zero" | json '[o["first_ns"], o["last_ns"]]')" "[0, 1000000000]"
    printf '(0.000000) can0 123#11\n(-5.000000) can0 123#22\n' | "$canp" convert - "$work/below"
    check "and the last" is "$("$canp" info --json "$work/below" | json '[o["first_ns"], o["last_ns"]]')" "[-5000000000, 0]"
}

# What is wrong on the command line is usage, whatever it is.
usage() {
    local t
    for t in 2023-13-14T22:13:20Z 2023-02-30T22:13:20Z 2023-11-14T25:13:20Z 2023-11-14T22:60:20Z 2023-11-14T22:13:61Z \
        2023-11-14T22:13:20+24:00 2023-11-14T22:13:20-00:-1 2023-1-4T2:3:2Z 9999-12-31T00:00:00Z 1600-01-01T00:00:00Z \
        2023-11-14T22:13:20.Z "@ 1" @+1 @1. @9999999999 +0x10 "+1 s" +inf; do
        check "no time: $t" is "$(status_of "$canp" dump "$work/all" --from "$t")" 2
    done
    for t in 2023-11-14T22:13:20Z 2023-11-14t23:13:20.000000000001+01:00 "2023-11-14 22:13:20z" 2023-11-14T22:12:60Z @1700000000 @1700000000.0 +0; do
        check "a time: $t" is "$(status_of "$canp" dump "$work/all" --from "$t") $(grep -c '^(' "$work/out")" "0 9"
    done
    check "a leap second" is "$(status_of "$canp" dump "$work/all" --from 2016-12-31T23:59:60Z)" 0
    check "a window that ends before it begins" is "$(status_of "$canp" dump "$work/all" --from +2 --to +1)" 2
    check "an interface that is not there is named" is "$(status_of "$canp" dump "$work/all" can123) $(cat "$work/err")" \
        "1 canp dump: no interface 'can123' in it (a filter is an ID, 7DF or 18FEF100, or an ID and a mask, 123:7FF)"
    check "help on help" is "$(status_of "$canp" help help) $(status_of "$canp" help --help)" "0 0"
}

# What cannot be printed is an error, and lands nowhere else.
standard_streams() {
    local args
    cp -r "$work/all" "$work/streams"
    for args in "info" "info --json" "verify" "pack" "pack --unpack" "dump" "convert"; do
        # shellcheck disable=SC2086
        set -- $args "$work/streams"
        [ "$args" != convert ] || set -- "$@" -
        check "$args: a full disk: status 3" is "$("$canp" "$@" 2>"$work/err" >/dev/full; echo "$? $(wc -l <"$work/err")")" "3 1"
        check "$args: stdout closed: status 3" is "$("$canp" "$@" 2>"$work/err" >&-; echo "$? $(wc -l <"$work/err")")" "3 1"
    done
    check "help: a full disk: status 3" is "$("$canp" help 2>"$work/err" >/dev/full; echo $?)" 3
    check "no standard stream is open" is "$("$canp" convert "$work/bad.log" "$work/closed" <&- >&- 2>&-; echo $?)" 1
    check "the recording is whole" is "$("$canp" verify --json "$work/closed" | json '[o["damage"], o["frames"]]')" "[[], 2]"
    check "a device is written to" is "$(status_of "$canp" convert -f candump "$work/all" /dev/full)" 3
    check "a file is not" is "$(status_of "$canp" convert "$work/all" "$work/out.log")" 3
    check "it says what to do" grep -q 'choose another name' "$work/err"
}

# A torn block in a file that a crash left longer than any disk: the hole is not searched byte by byte.
holes() {
    mkdir "$work/holes"
    head -c 4500 "$work/all/00000001.canp" >"$work/holes/00000001.canp"
    dd if=/dev/zero of="$work/holes/00000001.canp" bs=128 seek=4 count=1 conv=notrunc status=none # no seal
    if ! truncate -s 400G "$work/holes/00000001.canp" 2>/dev/null; then
        echo "skip a torn block in front of a hole: no file of 400 GiB here"
        return
    fi
    check "a torn block in front of a hole" is "$(status_of timeout 40 "$canp" verify "$work/holes")" 0
    check "what stands before it is read" is "$(timeout 40 "$canp" dump "$work/holes" | grep -c '^(')" 0
}

flip() { # FILE OFFSET: a bit; an offset below 0 is from the end
    python3 - "$@" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    at = f.seek(int(sys.argv[2]), 0 if int(sys.argv[2]) >= 0 else 2)
    byte = f.read(1)[0]
    f.seek(at)
    f.write(bytes([byte ^ 4]))
PY
}

# What is no block is checked, too, though nothing is lost with it.
damaged_beside_blocks() {
    local part at
    for part in header:100 seal:600 index:-20; do
        at=${part#*:} part=${part%:*}
        rm -rf "$work/flipped"
        cp -r "$work/all" "$work/flipped"
        flip "$work/flipped/00000001.canp" "$at"
        check "verify: a damaged $part: status 1" is "$(status_of "$canp" verify "$work/flipped")" 1
        check "verify: the $part is named" grep -q "^segment 00000001 (offset .*): .*$part.*; no frame is affected" "$work/out"
        check "verify: and no frame is missing" is "$("$canp" verify --json "$work/flipped" | json '[len(o["damage"]), o["damage"][0]["frames"], o["frames"]]')" "[1, 0, 9]"
    done
    flip "$work/flipped/00000001.canp" 100 && flip "$work/flipped/00000001.canp" 130
    check "verify: a header with two wrong bits, no other segment: status 1" is "$(status_of "$canp" verify "$work/flipped")" 1
    check "verify: and JSON" is "$("$canp" verify --json "$work/flipped" 2>"$work/err" | json 'len(o["damage"])')" 1
    check "a foreign file is no damage: status 3" is "$(status_of "$canp" verify "$work/x.y")" 3
    check "a log is checked, too" is "$(status_of "$canp" verify "$work/all.log") $(cat "$work/out")" "0 9 frames read; 0 places cannot be read"
    check "a bad one is a finding, with its places" is "$(status_of "$canp" verify --json "$work/bad.log") $(json '[d["line"] for d in o["damage"]]' <"$work/out")" "1 [2, 3]"
    check "info of a log is that of its recording" is "$("$canp" info --json "$work/all.log" | json '[o["frames"], o["lost"], o["ids"], o["duration_ns"], o["error_frames"], len(o["interfaces"])]')" \
        "$("$canp" info --json "$work/all" | json '[o["frames"], o["lost"], o["ids"], o["duration_ns"], o["error_frames"], len(o["interfaces"])]')"
}

# A segment that was put there from elsewhere has other channels and other times.
foreign_segments() {
    printf '(5.000000) other 111#11\n' | "$canp" convert - "$work/other"
    cp -r "$work/all" "$work/mixed"
    cp "$work/other/00000001.canp" "$work/mixed/00000002.canp"
    check "a segment by another name: status 1" is "$(status_of "$canp" verify "$work/mixed")" 1
    check "it is named" grep -q '^segment 00000002: a segment of another recording' "$work/out"
    check "what it holds is no part of it" is "$("$canp" dump "$work/mixed" 2>"$work/err" | grep -c '^(')" 9
    check "it is packed in its place" is "$(status_of "$canp" pack "$work/mixed") $(status_of "$canp" pack --unpack "$work/mixed")" "0 0"
    check "and not over another" is "$("$canp" dump "$work/mixed" 2>"$work/err" | grep -c '^(')" 9
    check "its file alone can be read" is "$("$canp" dump "$work/mixed/00000002.canp" | grep -c ' other 111#11')" 1
}

round_trips
nothing_is_not_the_default
newcomers
formats
odd_names_and_times
interrupted_pipe
begins_at_zero
usage
selections
odd_files
standard_streams
holes
damaged_beside_blocks
foreign_segments
closed_pipe
other_readers
real_logs

# names of interfaces that look like something else: behind an @ all is a name
for name in j any a,b can#1 can~left x=y error rx 7DF @z; do echo "(1700000000.000000000) $name 123#11"; done >"$work/names.log"
one_of_each() {
    local name
    while read -r _ name _; do
        "$canp" dump "$work/names.log" "@$name" >"$work/out" || return
        is "$(cat "$work/out")" "(1700000000.000000000) $name 123#11" || return
    done <"$work/names.log"
}
check "names: chosen behind an @" one_of_each
check "names: without it the text is a filter" is "$(status_of "$canp" dump "$work/names.log" j error)" 1
check "names: @ alone is none" is "$(status_of "$canp" dump "$work/names.log" @)" 2
check "names: nor is one that is too long" is "$(status_of "$canp" dump "$work/names.log" @0123456789abcdef)" 2

# An interface that came back with other bit rates: its later definitions are kept, and shown.
iface() { # SECOND MTU BITRATE DBITRATE INDEX
    printf '{"time_ns":%d000000000,"iface":"can0","kind":"iface","mtu":%d,"bitrate":%d,"dbitrate":%d,"ifindex":%d,"ctrlmode":0}\n' "$@"
}
frame() { printf '{"time_ns":%d000000000,"iface":"can0","kind":"can","id":291,"len":1,"data":"01"}\n' "$1"; }
{ iface 1 16 250000 0 3 && frame 2 && iface 3 16 250000 0 4 && frame 4 && iface 5 72 500000 2000000 4 && frame 6; } >"$work/replugged.json"
"$canp" convert "$work/replugged.json" "$work/replugged" && cp -r "$work/replugged" "$work/replugged_packed" && "$canp" pack "$work/replugged_packed" >/dev/null
for log in replugged.json replugged replugged_packed; do
    "$canp" info "$work/$log" >"$work/out"
    check "$log: info tells the first definition, and the one that differs" is "$(grep -c 'can0 .* 250000 bit/s' "$work/out") $(grep -c '^interface ' "$work/out") $(grep -c '^interface  *can0 from .*: MTU 72, 500000 bit/s (data 2000000 bit/s)$' "$work/out")" "1 1 1"
    check "$log: and so in JSON" is "$(json '[[c["name"], c["bitrate"]] for c in o["iface_changes"]], [i["bitrate"] for i in o["interfaces"]]' < <("$canp" info --json "$work/$log"))" "([['can0', 500000]], [250000])"
done

exit "$bad"
