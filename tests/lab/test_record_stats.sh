#!/usr/bin/env bash
# canp record --stats says what it does while it does it; and after start-up nobody calls malloc.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

start_record --stats 200ms -o "$work/r" vcan0 || not_ok "record starts" "$(cat "$work/err")"
locked=$(awk '/^VmLck/ {print $2}' "/proc/$recorder/status") # kB; root may lock any amount
check "slabs are locked in memory ($locked kB)" test "${locked:-0}" -ge 1024
check "the capture thread has real-time priority" grep -q "SCHED_FIFO" < <(chrt -p "$recorder" 2>&1)
check "it alone" test "$(chrt -a -p "$recorder" | grep -c SCHED_FIFO)" -eq 1
"$canp" gen vcan0 -n 3000 --rate 5000 >"$work/said" 2>&1 || not_ok "gen" "$(cat "$work/said")"
sleep 0.5
end_record
grep '^{' "$work/err" >"$work/stats"
check "statistics are printed" test "$(wc -l <"$work/stats")" -ge 2
check "they are JSON, and the last one has all" python3 - "$work/stats" <<'END'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
last = lines[-1]
ring = last["monitor"]["rings"][0]
assert last["frames"] == 3000 and last["lost"] == 0, last
assert ring["name"] == "capture" and ring["committed"] > 0 and ring["stalls"] == 0, ring
assert ring["free"] + ring["filling"] + ring["full"] + ring["spilling"] == ring["slots"], ring
assert last["monitor"]["memory"]["slabs"]["current_bytes"] > 1 << 20, last
assert [line["monitor"]["number"] for line in lines] == list(range(1, len(lines) + 1)), lines
END

# On a quiet bus each frame is taken when it comes, and how soon is said; a busy one is harvested on a pace.
start_record -o "$work/quiet" vcan0 || not_ok "record starts" "$(cat "$work/err")"
"$canp" gen vcan0 -n 100 --rate 50 >"$work/said" 2>&1 || not_ok "gen" "$(cat "$work/said")"
end_record
check "how soon frames of a quiet bus are taken" python3 - "$work/out" <<'END'
import json, sys
quiet = json.load(open(sys.argv[1]))["quiet"]
print(quiet)
assert 1 <= quiet["harvests"] <= 100 and 0 < quiet["p50_ns"] <= quiet["p99_ns"] <= quiet["max_ns"], quiet
END

# Memory is flat and bounded, and the counters do not drift: with a segment finished several times a second.
memory() { awk -v key="$1:" '$1 == key {print $2}' "/proc/$recorder/status"; } # KEY: kB
before=$(cat /sys/class/net/vcan0/statistics/tx_packets)
start_record -o "$work/flat" --segment-size 128K vcan0 || not_ok "record starts" "$(cat "$work/err")"
"$canp" gen vcan0 -n 60000 --rate 20000 >"$work/said" 2>&1 || not_ok "gen" "$(cat "$work/said")"
first=$(memory RssAnon)
"$canp" gen vcan0 -n 100000 --rate 20000 >"$work/said" 2>&1 || not_ok "gen" "$(cat "$work/said")"
last=$(memory RssAnon) peak=$(memory VmHWM)
end_record
sent=$(($(cat /sys/class/net/vcan0/statistics/tx_packets) - before))
# 4 MiB: a thread's heap may become two huge pages at any time.
check "memory is flat ($first kB, then $last kB)" test "$((last - first))" -le 4096
check "and bounded ($peak kB)" test "$peak" -le 98304
"$canp" info --json "$work/flat" >"$work/info"
check "counters do not drift ($sent sent)" test "$(json "$work/out" 'o["frames"] + o["lost"]') $(json "$work/info" 'o["frames"] + o["lost"]')" = "$sent $sent"

# count_mallocs DIR OPTION...: records 60,000 frames under the counting malloc; sets $mallocs.
count_mallocs() {
    local dir=$1
    shift
    rm -f "$work/mallocs"
    export LD_PRELOAD=$count CANP_MALLOC_REPORT=$work/mallocs
    start_record -o "$dir" "$@" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    unset LD_PRELOAD
    "$canp" gen vcan0 -n 1000 --rate 5000 >"$work/said" 2>&1
    kill -s RTMIN+1 "$recorder"
    "$canp" gen vcan0 -n 60000 --rate 20000 >"$work/said" 2>&1
    kill -s RTMIN+2 "$recorder"
    end_record
    mallocs=$(sed -n 's/^malloc_count: \([0-9]*\) allocations.*/\1/p' "$work/mallocs")
}

count=$build/tests/libmalloc_count.so
if [ -e "$count" ]; then
    count_mallocs "$work/r2"
    check "no malloc in 60,000 frames (${mallocs:-not counted})" test "$mallocs" = 0
    # A new segment is made by a thread of its own, off the data path; it may allocate its description.
    count_mallocs "$work/r3" --segment-size 1M
    segments=$(find "$work/r3" -name '*.canp' | wc -l)
    check "several segments ($segments)" test "$segments" -ge 2
    check "at most one for each further segment (${mallocs:-not counted})" test "${mallocs:-99}" -le "$segments"
else
    skip "no malloc after start-up" "$count is not built"
fi
finish
