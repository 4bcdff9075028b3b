#!/usr/bin/env bash
# canp dbc: listing, findings, differences, exit statuses; all real databases are read without an error.
# usage: test_dbc.sh SOURCE_DIR BUILD_DIR; CANP_DATA: real files. prints `ok NAME`, `not ok NAME: reason` or `skip NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
data=${CANP_DATA:-$1/../shared/data}

says() { grep -qF -- "$1" "$work/out" "$work/err" || { cat "$work/out" "$work/err" && return 1; }; }
field() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)' "$work/out" "$1"; }

cat >"$work/good.dbc" <<'END'
VERSION "2"
BU_: ECU
BO_ 256 Engine: 8 ECU
 SG_ Speed : 0|16@1+ (0.25,0) [0|8000] "rpm" Vector__XXX
 SG_ Mode M : 16|4@1+ (1,0) [0|15] "" Vector__XXX
 SG_ Detail m3 : 24|8@0- (1,0) [0|0] "" Vector__XXX
CM_ SG_ 256 Speed "of the crank";
VAL_ 256 Mode 0 "off" 1 "on" ;
END
sed -e 's/(0.25,0)/(0.125,0)/' -e 's/"on"/"running"/' -e '/Detail/d' -e 's/Mode M/Mode/' "$work/good.dbc" >"$work/new.dbc"
printf 'BO_ 512 Brake: 8 ECU\n' >>"$work/new.dbc"
cat >"$work/bad.dbc" <<'END'
BO_ 256 Engine: 2 ECU
 SG_ Speed : 0|16@1+ (0.25,0) [0|8000] "rpm" X
 SG_ Torque : 8|16@1+ (1,0) [0|0] "" X
 SG_ Broken : 8|16@1 (1,0) [0|0] "" X
 SG_ Lost m1 : 0|1@1+ (1,0) [0|0] "" X
BO_ 256 Engine: 8 ECU
END

check "lists" status_is 0 "$canp" dbc "$work/good.dbc"
check "names the signals" says "24|8@0-"
check "sums up" says "1 messages, 3 signals"
check "JSON" status_is 0 "$canp" dbc --json "$work/good.dbc"
check "JSON has it all" field 'd["messages"][0]["signals"][0]["comment"] == "of the crank" and
    d["messages"][0]["signals"][1]["values"] == [[0,"off"],[1,"on"]] and d["messages"][0]["signals"][2]["muxed_by"] == "Mode"
    and d["findings"] == []'
check "findings are a status" status_is 1 "$canp" dbc "$work/bad.dbc"
check "a broken statement" says "bad.dbc:4: syntax: column 22: expected '+' or '-' behind the byte order"
check "an overlap" says "bad.dbc:3: overlap: Engine.Torque shares bits with Speed"
check "beyond the message" says "bad.dbc:3: beyond: Engine.Torque ends in byte 2 of a message of 2 bytes"
check "no muxer" says "bad.dbc:5: no_muxer:"
check "a duplicate id" says "bad.dbc:6: duplicate_id:"
check "findings in JSON" status_is 1 "$canp" dbc --json "$work/bad.dbc"
check "each of them" field 'sorted(f["kind"] for f in d["findings"]) ==
    ["beyond", "duplicate_id", "duplicate_name", "no_muxer", "overlap", "syntax"] and d["finding_count"] == 6'
check "strict refuses" status_is 1 "$canp" dbc --strict "$work/bad.dbc"
check "and says where" says "bad.dbc:4:22:"
check "no difference" status_is 0 "$canp" dbc "$work/good.dbc" --diff "$work/good.dbc"
check "differences" status_is 1 "$canp" dbc "$work/good.dbc" --diff "$work/new.dbc"
for line in "~ Engine.Speed: factor 0.25 -> 0.125" "- Engine.Detail" "+ Brake" "~ Engine.Mode: multiplexing M -> " \
    "~ Engine.Mode: text of 1 on -> running"; do
    check "says $line" says "$line"
done
check "differences in JSON" status_is 1 "$canp" dbc "$work/good.dbc" --diff "$work/new.dbc" --json
check "all five" field 'len(d["differences"]) == 5 and d["differences"][0]["old"] == "0.25"'
check "no file" status_is 3 "$canp" dbc "$work/none.dbc"
check "no database" status_is 1 "$canp" dbc "$0"
check "no argument" status_is 2 "$canp" dbc

tried=0
while IFS= read -r file; do
    "$canp" dbc --strict "$file" >/dev/null 2>"$work/err"
    case $? in 0 | 1) [ -s "$work/err" ] && echo "not ok $file: $(cat "$work/err")" && bad=1 ;;
    *) echo "not ok $file: $(cat "$work/err")" && bad=1 ;; esac
    tried=$((tried + 1))
done < <(find "$data" -name '*.dbc' -type f 2>/dev/null)
if [ "$tried" -gt 0 ]; then echo "ok $tried real databases"; else echo "skip real databases: none in $data (CANP_DATA)"; fi
exit $bad
