#!/usr/bin/env bash
# canp ctl: a running recorder is asked, rotates, takes notes, tells its metrics, and ends; of strangers it takes nothing.
# And canp record --metrics FILE.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

# metrics_are FILE EXPRESSION: of samples `m`, by name and labels' values; by the reference parser where it is there.
metrics_are() {
    python3 - "$1" "$2" <<'PY'
import re, sys
text = open(sys.argv[1]).read()
assert text.endswith("# EOF\n")
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
    from prometheus_client.parser import text_string_to_metric_families as parse_old
    samples = [(s.name, s.labels, s.value) for f in parse(text) for s in f.samples]
    assert len(list(parse_old(text))) > 5
except ImportError:
    samples = []
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r'(\w+)\{(.*)\} (\S+)', line).groups()
            samples.append((name, dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)), float(value)))
m = {(n, *[v for k, v in sorted(l.items()) if k != "recording"]): v for n, l, v in samples}
sys.exit(not eval(sys.argv[2]))
PY
}

# refused NAME STATUS PATTERN ARGUMENT...
refused() {
    local name=$1 want=$2 pattern=$3 got=0
    shift 3
    "$canp" ctl "$@" >"$work/said" 2>&1 || got=$?
    if [ "$got" -eq "$want" ] && grep -q -- "$pattern" "$work/said"; then ok "$name"; else not_ok "$name" "status $got: $(cat "$work/said")"; fi
}

# until_status RECORDING PATTERN: asks until the status, as JSON, has it.
until_status() {
    local i
    for ((i = 0; i < 300; i++)); do
        "$canp" ctl "$1" status --json >"$work/status" && grep -q -- "$2" "$work/status" && return 0
        sleep 0.05
    done
    return 1
}

start_record -o "$work/rec" --metrics "$work/canp.prom" vcan0 || not_ok "record starts" "$(cat "$work/err")"
pinned cangen vcan0 -g 0 -n 500 -I 123 -L 8 -D i
check "status" until_status "$work/rec" '"frames":500,"lost":0,.*"disk":{"bytes":[1-9].*"interfaces":\[{"name":"vcan0","frames":500,'
check "in words" grep -q '^stored  *500 frames, 0 lost' <("$canp" ctl "$work/rec" status)
"$canp" ctl metrics >"$work/metrics"
check "metrics, of the only recorder there is" metrics_are "$work/metrics" \
    'm["canp_frames_total", "vcan0"] == 500 and m["canp_lost_frames_total", "vcan0", "socket"] == 0 and m["canp_recording_up",] == 1 and ("canp_disk_free_bytes",) in m and ("canp_slabs",) in m'
check "rotate" "$canp" ctl "$work/rec" rotate
check "which begins a segment" until_status "$work/rec" '"segments":2,'
check "a note" "$canp" ctl "$work/rec" note 'door "A" opened; [31mnot red'
"$canp" ctl note --json second >"$work/said"
check "another, of the only recorder" grep -q '"done":"note"' "$work/said"
refused "a note of two lines" 2 'control character' "$work/rec" note $'a\nb'
refused "a trigger where there are none" 2 'no recording by triggers' "$work/rec" trigger
refused "a directory that nobody records into" 3 'nobody records into it' "$work" stop
chmod 755 "$work" "$work/rec"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    status=0
    setpriv --reuid 65534 --clear-groups "$canp" ctl "$work/rec" stop >"$work/said" 2>&1 || status=$?
    if [ $status -eq 3 ] && grep -q 'takes no commands from you' "$work/said" && kill -0 "$recorder"; then
        ok "a stranger is refused"
    else
        not_ok "a stranger is refused" "status $status: $(cat "$work/said")"
    fi
else
    skip "a stranger is refused" "not root"
fi
check "stop" "$canp" ctl "$work/rec" stop
status=0
wait "$recorder" || status=$?
recorder=
[ $status -eq 0 ] && ok "ends it" || not_ok "ends it" "status $status: $(cat "$work/err")"
check "the file of metrics tells the end" grep -q '^canp_recording_up{.*} 0$' "$work/canp.prom"
check "nothing else is left beside it" test "$(find "$work" -name 'canp.prom*' | wc -l)" -eq 1
"$canp" info --json "$work/rec" >"$work/info"
check "the notes are in the recording" test "$(json "$work/info" '[r["text"] for r in o["remarks"]] == ["door \"A\" opened; [31mnot red", "second"] and o["frames"] == 500 and all(abs(r["time_ns"] - o["last_ns"]) < 600e9 for r in o["remarks"])')" = True
check "which is whole" "$canp" verify "$work/rec"

start_record -o "$work/t" --pre-trigger 1s vcan0 || not_ok "record starts" "$(cat "$work/err")"
cansend vcan0 111#01
check "a trigger" "$canp" ctl "$work/t" trigger
check "begins a window" until_status "$work/t" '"windows":1,'
end_record
finish
