#!/usr/bin/env bash
# Recording by triggers: what lies in a window, by candump's own log of the same traffic, is all there; what lies in
# none is counted apart. By frame, by data, by error frame, bus-off, loss and SIGUSR1; again and again.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

pre=1 post=0.5

# judge TIMES RECORDING LOG SUMMARY: every frame of the log within a window of one of the triggers is stored; nothing is
# stored that lies farther off than a block's time (and what a slow machine adds); stored + outside = all.
judge() {
    python3 - "$pre" "$post" "$@" <<'PY'
import json, sys
pre, post, times, stored, log, summary = float(sys.argv[1]), float(sys.argv[2]), eval(sys.argv[3]), *sys.argv[4:]
def read(lines): return [(float(l.split()[0].strip("()")), l.split()[2]) for l in lines if l.startswith("(")]
sent, kept = read(open(log)), read(open(stored))
summary = json.load(open(summary))
keys = {(round(t, 6), f) for t, f in ((int(t * 1e6) / 1e6, f) for t, f in kept)}
triggers = times(sent)
near = lambda t, s: any(T - pre - s <= t <= T + post + s for T in triggers)
missing = [s for s in sent if near(s[0], -0.001) and not any((round(s[0] + d, 6), s[1]) in keys for d in (-1e-6, 0, 1e-6))]
far = [k for k in kept if not near(k[0], 1.0)]
if missing or far or len(kept) + summary["outside"] != len(sent) or len(kept) == len(sent) or not kept or summary["lost"]:
    print(f"{len(sent)} sent, {len(kept)} stored, {summary}, missing {missing[:3]} ({len(missing)}), far {far[:3]} ({len(far)})")
    sys.exit(1)
print(f"{len(sent)} sent, {len(kept)} stored, {summary['windows']} windows")
PY
}

# traffic SECONDS: numbered frames, one each 5 ms or so, until it is killed.
start_traffic() {
    cangen vcan0 -g 5 -I 100 -L 8 -D i &
    traffic=$!
}
end_traffic() {
    kill "$traffic" 2>/dev/null
    wait "$traffic" 2>/dev/null
}

witness=
start_witness() {
    local i
    candump -r 16777216 -L vcan0,0:0,'#FFFFFFFF' >"$work/log" &
    witness=$!
    for ((i = 0; i < 200; i++)); do
        grep -q '^ *vcan0 .*raw' /proc/net/can/rcvlist_all && return 0
        sleep 0.05
    done
    return 1
}

start_witness || not_ok "candump starts" "no"
start_record -o "$work/r" --pre-trigger $pre --post-trigger $post --trigger 7DF:7FF --trigger '123:7FF#A0.01/F0' \
    --trigger '#40' vcan0 || not_ok "record starts" "$(cat "$work/err")"
start_traffic
sleep 2.5
# The second trigger meets the first; the third frame is none.
printf '(1.000000) vcan0 7DF#0102\n(1.400000) vcan0 123#A501FF\n(1.410000) vcan0 123#0501\n' | canplayer
sleep 4
cansend vcan0 20000040#0000000000000000
sleep 4
kill -USR1 "$recorder"
sleep 1.5
end_traffic
sleep 0.2
end_record
kill "$witness"
wait "$witness" 2>/dev/null
[ "$status" -eq 0 ] && ok "ends with 0" || not_ok "ends with 0" "status $status: $(cat "$work/err")"
"$canp" dump "$work/r" >"$work/dump"
usr1=$(sed -n 's/^# WINDOW begin trigger by signal at //p' "$work/dump")
said=$(judge 'lambda sent: [t for t, f in sent if f[:3] == "7DF" or f[:7] == "123#A50" or f[:8] == "20000040"] + ['"$usr1"']' \
    "$work/dump" "$work/log" "$work/out") && ok "windows hold what they should: $said" || not_ok "windows hold what they should" "$said"
[ "$(json "$work/out" 'o["windows"]')" -eq 3 ] && ok "windows that meet are one" || not_ok "windows that meet are one" "$(cat "$work/out")"
begins=$(grep -c '^# WINDOW begin trigger' "$work/dump") ends=$(grep -c '^# WINDOW end' "$work/dump")
[ "$begins $ends" = "3 3" ] && grep -q '# WINDOW begin trigger 7DF:7FF at ' "$work/dump" && grep -q 'trigger by signal' "$work/dump" &&
    ok "windows are marked" || not_ok "windows are marked" "$(grep '^# WINDOW' "$work/dump")"
"$canp" info --json "$work/r" >"$work/info"
[ "$(json "$work/info" '[o[k] for k in ("windows", "frames", "lost", "outside")]')" = "$(json "$work/out" '[3] + [o[k] for k in ("frames", "lost", "outside")]')" ] &&
    ok "info agrees" || not_ok "info agrees" "$(cat "$work/info" "$work/out")"

# A loss is a trigger: the receive buffer overflows while the recorder is stopped.
start_record -o "$work/gap" --rcvbuf 8k --pre-trigger $pre --post-trigger $post --trigger gap vcan0 || not_ok "record starts" "$(cat "$work/err")"
sleep 0.3
kill -STOP "$recorder"
pinned cangen vcan0 -g 0 -n 5000 -I 100 -L 8 -D i
kill -CONT "$recorder"
sleep 0.5
cansend vcan0 100#FF # rides the count of the drops
sleep 0.5
end_record
"$canp" info --json "$work/gap" >"$work/info"
lost=$(json "$work/out" 'o["lost"]')
[ "$lost" -gt 0 ] && [ "$(json "$work/info" 'o["lost"]')" = "$lost" ] && [ "$(json "$work/out" 'o["windows"]')" -eq 1 ] &&
    [ "$(json "$work/out" 'o["frames"] + o["outside"] + o["lost"]')" -eq 5001 ] && ok "a loss is a trigger" ||
    not_ok "a loss is a trigger" "$(cat "$work/out")"

# A loss that is none, because nothing triggers: the recording tells it all the same.
start_record -o "$work/quiet" --rcvbuf 8k --pre-trigger 0.2 --trigger 7DF:7FF vcan0 || not_ok "record starts" "$(cat "$work/err")"
sleep 0.3
kill -STOP "$recorder"
pinned cangen vcan0 -g 0 -n 5000 -I 100 -L 8 -D i
kill -CONT "$recorder"
sleep 0.5
end_record
"$canp" info --json "$work/quiet" >"$work/info"
[ "$(json "$work/info" 'o["lost"]')" = "$(json "$work/out" 'o["lost"]')" ] && [ "$(json "$work/info" 'o["lost"]')" -gt 0 ] &&
    [ "$(json "$work/info" 'o["frames"] + o["outside"] + o["lost"]')" -eq 5000 ] && ok "a loss outside of windows is in the recording" ||
    not_ok "a loss outside of windows is in the recording" "$(cat "$work/out" "$work/info")"

# Less memory than the time takes: said, and the newest is kept.
start_record -o "$work/short" --pre-trigger 60s --post-trigger 0.2 --trigger-memory 600k --trigger 7DF:7FF vcan0 ||
    not_ok "record starts" "$(cat "$work/err")"
pinned cangen vcan0 -g 0 -n 60000 -I 100 -L 8 -D i
sleep 0.3
cansend vcan0 7DF#
sleep 0.5
end_record
frames=$(json "$work/out" 'o["frames"]')
grep -q 'the window begins .* before its trigger, not 60' "$work/err" && [ "$frames" -gt 8000 ] && [ "$frames" -lt 30000 ] &&
    [ "$(json "$work/out" 'o["frames"] + o["outside"] + o["lost"]')" -eq 60001 ] && ok "short of memory: said, $frames frames kept" ||
    not_ok "short of memory" "$(cat "$work/err" "$work/out")"

# Conditions on signals: a number, a text, and a message of several frames (J1939 BAM).
cat >"$work/a.dbc" <<'END'
BO_ 256 Engine: 8 X
 SG_ Speed : 0|16@1+ (0.25,0) [0|0] "rpm" X
 SG_ Mode : 16|8@1+ (1,0) [0|0] "" X
BO_ 2566841088 Config: 10 X
 SG_ Last : 72|8@1+ (1,0) [0|0] "" X
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_ "VFrameFormat" BO_ 2566841088 3;
VAL_ 256 Mode 3 "limp home" ;
END
start_record -o "$work/signals" --pre-trigger 0.1 --post-trigger 0.1 --dbc "$work/a.dbc" --trigger 'Engine.Speed > 6000' \
    --trigger 'Mode == "limp home"' --trigger 'Last=10' --stats 200ms vcan0 || not_ok "record starts" "$(cat "$work/err")"
for frames in 100#C05D00 100#C15D00 100#000002 100#000003 '18ECFF21#200A0002FFE3FE00 18EBFF21#0101020304050607 18EBFF21#0208090AFFFFFFFF' \
    7DF#FFFFFFFF; do
    for frame in $frames; do
        cansend vcan0 "$frame"
    done
    sleep 0.6
done
end_record
"$canp" dump "$work/signals" >"$work/dump"
said=$(sed -n 's/^# WINDOW begin \(.*\) at .*/\1/p; s/^([0-9.]*) vcan0 \(100#C1.*\|100#0.*3\|.*#0208.*\)/\1/p' "$work/dump" | tr '\n' ';')
[ "$said" = 'trigger Engine.Speed > 6000;100#C15D00;trigger Mode == "limp home";100#000003;trigger Last=10;18EBFF21#0208090AFFFFFFFF;' ] &&
    [ "$(json "$work/out" 'o["frames"] + o["outside"], o["windows"]')" = "(8, 3)" ] && ok "signals are triggers" || not_ok "signals are triggers" "$said $(cat "$work/out" "$work/err")"
said=$(grep -m 1 '^{' "$work/err")
grep -q '"others":\[{"name":"databases","hits":0,"misses":1,"evictions":0,.*"load_ns":[1-9][0-9]*,"count":1,' <<<"$said" &&
    ok "the statistics have the databases" || not_ok "the statistics have the databases" "$said"
for trigger in 'Speed > ' '> 5' 'Speed > fast' 'Nothing > 5'; do
    timeout 20 "$canp" record -o "$work/no" --pre-trigger 1 --dbc "$work/a.dbc" --trigger "$trigger" vcan0 >/dev/null 2>"$work/err"
    status=$?
    [ "$status" -eq 2 ] && [ "$(wc -l <"$work/err")" -eq 1 ] && [ ! -e "$work/no" ] && ok "refused: $trigger" ||
        not_ok "refused: $trigger" "status $status: $(cat "$work/err")"
done

for options in "--pre-trigger 1s --trigger Speed>5" "--trigger 7DF:7FF" "--pre-trigger 1s --trigger x" "--pre-trigger 1s --trigger-memory 1k"; do
    # shellcheck disable=SC2086 # words
    timeout 20 "$canp" record -o "$work/no" $options vcan0 >/dev/null 2>"$work/err"
    status=$?
    [ "$status" -eq 2 ] && [ "$(wc -l <"$work/err")" -eq 1 ] && [ ! -e "$work/no" ] && ok "refused: $options" ||
        not_ok "refused: $options" "status $status: $(cat "$work/err")"
done
finish
