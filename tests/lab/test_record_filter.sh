#!/usr/bin/env bash
# lab: newest
# candump's filters, kept by the kernel: `canp record IFACE,FILTER` stores the very frames that candump prints with
# the same filter on the same traffic. All pairs listen at once.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

frames=${CANP_LAB_FRAMES:-1500}
filters=('100:700,400:700' '100~700' '12345678:8000000F' '100:C0000700' '123~00F,456~00F,j' '0~0,#FFFFFFFF' '100:700,#4'
    '#1FFFFFFF')

recorders=() dumpers=()
for n in "${!filters[@]}"; do
    candump -r 16777216 -L "vcan0,${filters[$n]}" >"$work/$n.log" 2>"$work/$n.dumperr" &
    dumpers+=($!)
    "$canp" record --json -o "$work/$n" "vcan0,${filters[$n]}" >"$work/$n.out" 2>"$work/$n.err" &
    recorders+=($!)
done
for n in "${!filters[@]}"; do
    for ((i = 0; i < 600; i++)); do
        grep -q '^canp record: recording' "$work/$n.err" && break
        sleep 0.05
    done
done
[ "$(pgrep -c -x candump)" -eq ${#filters[@]} ] || not_ok "candump runs" "$(cat "$work"/*.dumperr)"

# Standard and extended ids, remote and FD frames, then error frames.
pinned cangen vcan0 -g 0.1 -n "$frames" -m -I r -L r -D r || not_ok "cangen sends" "status $?"
for id in 20000004 20000080 20000002 20000044; do cansend vcan0 "$id#0004000000000000" || not_ok "cansend sends" "status $?"; done
sleep 1
kill -INT "${recorders[@]}" "${dumpers[@]}" 2>/dev/null
wait "${recorders[@]}" "${dumpers[@]}"

for n in "${!filters[@]}"; do
    plain_log vcan0 <"$work/$n.log" >"$work/expected"
    frames_of "$work/$n" vcan0 >"$work/actual"
    same "${filters[$n]}: as candump ($(wc -l <"$work/expected") frames)" "$work/expected" "$work/actual"
    grep -q '"lost":0,' "$work/$n.out" || not_ok "${filters[$n]}: what is filtered is no loss" "$(cat "$work/$n.out")"
done
total=$(cat "$work"/*.log | wc -l)
[ "$total" -gt "$frames" ] && [ "$total" -lt $((frames * ${#filters[@]})) ] && ok "the filters filter" ||
    not_ok "the filters filter" "$total frames of $frames in all"

# `any` with a filter, and an interface of its own beside it.
start_record -o "$work/any" vcan1,200:7FF any,100:7FF || not_ok "any: record starts" "$(cat "$work/err")"
for id in 100 200; do for iface in vcan0 vcan1; do cansend $iface "$id#00"; done; done
sleep 0.3
end_record
got=$("$canp" dump "$work/any" | sed -n 's/^([^)]*) //p' | tr '\n' ' ')
[ "$got" = "vcan0 100#00 vcan1 200#00 " ] && ok "any, and one interface with a filter of its own" ||
    not_ok "any, and one interface with a filter of its own" "$got"

# --no-error-frames wins over an error mask; a filter that is none is a usage error.
start_record -o "$work/none" --no-error-frames 'vcan0,100:7FF,#FFFFFFFF' || not_ok "record starts" "$(cat "$work/err")"
cansend vcan0 20000004#0004000000000000
sleep 0.3
end_record
grep -q '"frames":0,' "$work/out" && ok "--no-error-frames wins" || not_ok "--no-error-frames wins" "$(cat "$work/out")"
"$canp" record -o "$work/bad" vcan0,12:G >/dev/null 2>"$work/err"
status=$?
[ $status -eq 2 ] && grep -q "vcan0: '12:G' is no filter" "$work/err" && ok "no filter" || not_ok "no filter" "status $status: $(cat "$work/err")"

# A filter outlives its interface: gone and back.
ip link add dev vcan7 type vcan && ip link set vcan7 up
start_record -o "$work/back" vcan7,100:7FF || not_ok "record starts" "$(cat "$work/err")"
ip link del vcan7
ip link add dev vcan7 type vcan && ip link set vcan7 up
for ((i = 0; i < 100; i++)); do
    grep -q "is back" "$work/err" && break
    sleep 0.05
done
cansend vcan7 100#01 && cansend vcan7 200#02
sleep 0.3
end_record
got=$(frames_of "$work/back" vcan7 | tr '\n' ' ')
[ "$got" = "100#01 " ] && ok "the filter holds for an interface that came back" ||
    not_ok "the filter holds for an interface that came back" "$got"
ip link del vcan7
finish
