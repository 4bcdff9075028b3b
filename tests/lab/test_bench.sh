#!/usr/bin/env bash
# scripts/bench still measures: a short run of two recorders, one bare loop and a watched file gives results that add up.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

"$top/scripts/bench.d/peers.py" --build "$build" --out "$work/out.jsonl" --runs 1 --scale 0.2 \
    --only rate8000,latency-vehicle --peers canp,candump-32M,bare-paced >"$work/said" 2>&1 ||
    not_ok "peers.py" "$(tail -n 3 "$work/said" | tr '\n' ' ')"
check "every recorder has a result, whose counts add up" python3 - "$work/out.jsonl" <<'END'
import json, sys
lines = {(x["cell"], x["peer"]): x for x in map(json.loads, open(sys.argv[1]))}
assert set(lines) == {("rate8000", "canp"), ("rate8000", "candump-32M"), ("rate8000", "bare-paced"),
                      ("latency-vehicle", "canp"), ("latency-vehicle", "candump-32M")}, lines.keys()
for x in lines.values():
    assert "error" not in x and x["exit"] == 0, x
    assert x["sent"] == x["sent_device"] == x["stored"] + x["lost"] > 1000, x
    assert x["cpu_us"] > 0 and 0 <= x["switches"] < 2 and x["rss_peak_bytes"] > 1 << 19, x
assert lines["rate8000", "canp"]["lost"] == lines["rate8000", "canp"]["lost_known"], lines
assert 24 <= lines["rate8000", "canp"]["bytes"] < 30 < lines["rate8000", "candump-32M"]["bytes"], lines
assert 0 < lines["latency-vehicle", "canp"]["latency_p50_ms"] <= lines["latency-vehicle", "canp"]["latency_p99_ms"], lines
END
cp "$work/out.jsonl" "$work/peers.jsonl"
check "and they become a table and plots" "$top/scripts/bench.d/report.py" "$work"
check "with a heading for this kernel" grep -q "^### Kernel $(uname -r)" "$work/report.md"
finish
