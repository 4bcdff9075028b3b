#!/usr/bin/env bash
# Error frames in words, raw DLC, RTR's DLC, BRS and ESI in every form of canp dump; the filter `error`.
# usage: test_error_frames.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
set -uo pipefail
canp=$2/tools/canp
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
bad=0

same() { # NAME EXPECTED: stdin is that text
    local said
    if said=$(diff <(printf '%s\n' "$2") -); then
        echo "ok $1"
    else
        echo "not ok $1: $said"
        bad=1
    fi
}

cat >"$work/in.log" <<'END_OF_LOG'
(1700000000.300000000) vcan0 123#1122334455667788_C
(1700000000.400000000) vcan0 123#R4
(1700000000.450000000) vcan0 12345678#R8_F
(1700000000.500000000) can1 123##5AABBCC
(1700000000.600000000) can1 123##6
(1700000000.700000000) vcan0 2000020C#0004841900006010
(1700000000.800000000) can1 20000042#0B00000000000000
END_OF_LOG
"$canp" convert "$work/in.log" "$work/r" || bad=1

# what `candump -e -x -t a -N` prints, a raw DLC as by its -8
"$canp" dump -f candump -x "$work/r" | same "candump's screen" \
    " (1700000000.300000000)  vcan0  RX - -  123   {C}  11 22 33 44 55 66 77 88
 (1700000000.400000000)  vcan0  RX - -  123   [4]  remote request
 (1700000000.450000000)  vcan0  RX - -  12345678   {F}  remote request
 (1700000000.500000000)  can1  RX B -       123  [03]  AA BB CC
 (1700000000.600000000)  can1  RX - E       123  [00] 
 (1700000000.700000000)  vcan0  RX - -  2000020C   [8]  00 04 84 19 00 00 60 10   ERRORFRAME
	controller-problem{rx-error-warning}
	protocol-violation{{bit-stuffing-error,error-on-tx}{acknowledge-slot}}
	error-counter-tx-rx{{96}{16}}
 (1700000000.800000000)  can1  RX - -  20000042   [8]  0B 00 00 00 00 00 00 00   ERRORFRAME
	lost-arbitration{at bit 11}
	bus-off"
"$canp" dump -f csv "$work/r" | python3 -c 'import csv, sys
w = csv.writer(sys.stdout, lineterminator="\n")
for row in csv.reader(sys.stdin):
    w.writerow(row[4:13] + row[14:16])' | same CSV \
    'id,extended,remote,error,brs,esi,len,data,lost,dlc,error_text
123,0,0,0,0,0,8,1122334455667788,,12,
123,0,1,0,0,0,4,,,,
12345678,1,1,0,0,0,8,,,15,
123,0,0,0,1,0,3,AABBCC,,,
123,0,0,0,0,1,0,,,,
20C,0,0,1,0,0,8,0004841900006010,,,"controller-problem{rx-error-warning}, protocol-violation{{bit-stuffing-error,error-on-tx}{acknowledge-slot}}, error-counter-tx-rx{{96}{16}}"
42,0,0,1,0,0,8,0B00000000000000,,,"lost-arbitration{at bit 11}, bus-off"'
"$canp" dump -f json "$work/r" | python3 -c '
import json, sys
f = [o for o in map(json.loads, sys.stdin) if o["kind"] in ("can", "fd")]
print([o.get("dlc") for o in f], [(o["brs"], o["esi"]) for o in f if o["kind"] == "fd"])
for o in f:
    if o["error"]: print({k: v for k, v in o.items() if list(o).index(k) > list(o).index("error_text")})' | same JSON \
    "[12, None, 15, None, None, None, None] [(True, False), (False, True)]
{'error_classes': ['controller-problem', 'protocol-violation', 'error-counter-tx-rx'], 'controller': ['rx-error-warning'], 'protocol': ['bit-stuffing-error', 'error-on-tx'], 'location': 'acknowledge-slot', 'tx_errors': 96, 'rx_errors': 16}
{'error_classes': ['lost-arbitration', 'bus-off'], 'arbitration_bit': 11}"
for filter in error '0~0,#FFFFFFFF'; do
    "$canp" dump "$work/r" "$filter" | same "$filter: error frames alone" "$(tail -n 2 "$work/in.log")"
done
"$canp" dump "$work/r" error,12345678:9FFFFFFF | same "error beside an ID" "$(sed -n '3p;6,7p' "$work/in.log")"
"$canp" info --json "$work/r" | python3 -c '
import json, sys
o = json.load(sys.stdin)
print(o["frames"], o["error_frames"], [(i["name"], i["frames"], i["error_frames"]) for i in o["interfaces"]])' | same "info --json" \
    "7 2 [('vcan0', 4, 1), ('can1', 3, 1)]"
"$canp" info --quick --json "$work/r" | grep -o '"error_frames":[a-z0-9]*' | sort | uniq -c | same "info --quick" '      3 "error_frames":null'
"$canp" info "$work/r" | grep -o '[0-9]* error frames\|^error frames.*' | same info "error frames 2; \`canp dump RECORDING error\` prints them
1 error frames
1 error frames"
exit "$bad"
