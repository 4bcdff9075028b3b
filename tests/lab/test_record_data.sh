#!/usr/bin/env bash
# Real recordings, sent by canplayer and recorded by us, come out identical: ids, lengths, data, order.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

data=${CANP_DATA:-$top/../shared/data}
[ -d "$data" ] || {
    skip "real recordings" "none in $data (CANP_DATA)"
    exit 0
}
limit=${CANP_LAB_DATA_FRAMES:-10000} # of each

# The candump logs among the data: their first line looks like one.
mapfile -t logs < <(find -L "$data" -type f -name '*.log' -size -40M | sort)
tried=0
for log in "${logs[@]}"; do
    head -c 200 "$log" | head -n 1 | grep -qE '^\([0-9]+\.[0-9]{6}\) [a-z0-9]+ [0-9A-Fa-f]+#' || continue
    head -n "$limit" "$log" | tr -d '\r' | awk '{print $1, "vcan0", $3}' >"$work/sent.log"
    plain_log vcan0 <"$work/sent.log" >"$work/expected"
    name=${log#"$data"/}
    rm -rf "$work/r"
    start_record -o "$work/r" vcan0 || not_ok "$name: record starts" "$(cat "$work/err")"
    pinned canplayer -t -I "$work/sent.log" vcan0=vcan0 >"$work/said" 2>&1
    end_record
    all_there "$name ($(wc -l <"$work/expected") frames)" "$work/expected" "$work/r" vcan0
    tried=$((tried + 1))
    [ "$tried" -lt "${CANP_LAB_DATA_FILES:-6}" ] || break
done
[ "$tried" -gt 0 ] || skip "real recordings" "no candump log found in $data"
finish
