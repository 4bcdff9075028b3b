#!/usr/bin/env bash
# A recording as a ring: --keep and --keep-bytes bound it, packed too, while somebody follows it; SIGHUP and
# --segment-time begin the next segment; and what makes no sense is refused.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

usage() { # NAME PATTERN ARGUMENT...
    local name=$1 pattern=$2 got
    shift 2
    "$canp" record -o "$work/a" "$@" vcan0 >"$work/said" 2>&1
    got=$?
    [ "$got" -eq 2 ] && grep -q "$pattern" "$work/said" && ok "$name" || not_ok "$name" "status $got: $(cat "$work/said")"
}
usage "--keep and --keep-bytes" "one of them" --keep 3 --keep-bytes 10M
usage "--keep 0" "more than 0" --keep 0
usage "fewer bytes than two segments" "too few" --keep-bytes 1M --segment-size 1M
usage "a stall that no memory holds" "not provided for" --stall 24h

# readable COUNT: waits until so many frames are stored.
readable() {
    local i
    for ((i = 0; i < 200; i++)); do
        [ "$("$canp" dump "$work/hup" | wc -l)" -eq "$1" ] && return
        sleep 0.05
    done
}

# begun NUMBER: waits until that segment is there.
begun() {
    local i
    for ((i = 0; i < 200; i++)); do
        [ -e "$work/hup/0000000$1.canp" ] && return
        sleep 0.05
    done
}

start_record -o "$work/hup" vcan0 || not_ok "record starts" "$(cat "$work/err")"
for i in 1 2; do
    pinned cangen vcan0 -g 1 -n 50 -L 8
    readable $((50 * i))
    kill -HUP "$recorder"
    begun $((i + 1))
done
kill -HUP "$recorder" # nothing came since: no empty segment
sleep 0.5
end_record INT
"$canp" info --json "$work/hup" >"$work/info"
[ "$status" -eq 0 ] && [ "$(json "$work/info" 'o["segments"], o["frames"]')" = "(3, 100)" ] && ok "SIGHUP closes the segment" ||
    not_ok "SIGHUP closes the segment" "$(cat "$work/info" "$work/err")"

start_record -o "$work/time" --segment-time 700ms vcan0 || not_ok "record starts" "$(cat "$work/err")"
pinned cangen vcan0 -g 10 -n 20 -L 8
sleep 1.5 # on a quiet bus, too
[ -e "$work/time/00000002.canp" ] && ok "--segment-time closes the segment when nothing comes" ||
    not_ok "--segment-time closes the segment when nothing comes" "$(ls "$work/time")"
pinned cangen vcan0 -g 10 -n 200 -L 8
end_record INT
"$canp" info --json "$work/time" >"$work/info"
[ "$(json "$work/info" 'o["segments"] in range(3, 9), o["frames"]')" = "(True, 220)" ] && ok "--segment-time" ||
    not_ok "--segment-time" "$(cat "$work/info")"

limit=$((400 << 10))
start_record -o "$work/ring" --pack --segment-size 64K --keep-bytes "$limit" vcan0 || not_ok "record starts" "$(cat "$work/err")"
"$canp" dump --follow "$work/ring" >"$work/followed" 2>"$work/follow.err" &
follower=$!
taskset -c 0 "$canp" gen vcan0 --profile flood --rate 5000 -d 12 >/dev/null 2>&1 &
sender=$!
most=0
while kill -0 "$sender" 2>/dev/null; do
    bytes=$(du -s -B1 --apparent-size "$work/ring" 2>/dev/null | cut -f1)
    [ "$bytes" -gt "$most" ] && most=$bytes
    sleep 0.1
done
end_record INT
wait "$follower"
got=$?
most=$((most - $(stat -c %s "$work/ring"))) # without the directory's own
[ "$most" -le "$limit" ] && ok "--keep-bytes: never more than $most of $limit bytes" || not_ok "--keep-bytes" "$most of $limit"
frames=$(json "$work/out" 'o["frames"]') lost=$(json "$work/out" 'o["lost"]')
removed=$(json "$work/out" 'o["removed"]')
"$canp" dump "$work/ring" | sed 's/.*#//' >"$work/kept"
kept=$(wc -l <"$work/kept")
tail -n "$kept" "$work/followed" | sed 's/.*#//' | cmp -s - "$work/kept"
same=$?
if [ "$status" -eq 0 ] && [ "$removed" -gt 3 ] && [ "$kept" -lt "$frames" ] && [ "$kept" -gt 2500 ]; then
    ok "--keep-bytes: the newest $kept of $frames frames are there, $removed segments removed, $lost lost"
else
    not_ok "--keep-bytes" "$kept of $frames, $removed removed: $(cat "$work/err")"
fi
if [ "$got" -eq 0 ] && [ "$same" -eq 0 ] && [ "$(wc -l <"$work/followed")" -eq "$frames" ]; then
    ok "a follower sees all $frames, those removed, too"
else
    not_ok "a follower sees all" "status $got, $(wc -l <"$work/followed") of $frames: $(cat "$work/follow.err")"
fi
# The flood numbers its frames.
check "what is kept has no hole" python3 -c 'import sys
numbers = [int(line, 16) for line in open(sys.argv[1])]
assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))' "$work/kept"
finish
