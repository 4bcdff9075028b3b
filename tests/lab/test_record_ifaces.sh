#!/usr/bin/env bash
# lab: newest
# Interfaces that are not there when recording begins, or not up: they are waited for, and what comes then is there.
# Without being asked to wait, a clear line. gen and replay wait, too.
# shellcheck source=tests/lab/ifaces.sh
. "$(dirname "$0")/ifaces.sh"

waits() { # IO
    local dir=$work/waits_$1
    add vcan5
    CANP_IO=$1 start_record -o "$dir" --wait vcan5 vcan0 vcan6 || not_ok "$1: record starts" "$(cat "$work/err")"
    told "$1: says what is down" "vcan5: interface is down: ip link set vcan5 up; it is recorded when it is up"
    told "$1: says what is absent" "vcan6: no such interface yet"
    send vcan0 110 20
    ip link set vcan5 up
    told "$1: says what is up" "vcan5: interface is up"
    send vcan5 111 20
    add vcan6 up
    told "$1: says what came" "vcan6: interface is recorded from now on"
    says "vcan6: interface is up" || says "vcan6: interface is recorded from now on$"
    send vcan6 112 20
    sleep 0.3
    ended "waits_$1"
    has "$1: what was up is recorded meanwhile" "$dir" vcan0 110 20
    has "$1: what was down" "$dir" vcan5 111 20
    has "$1: what was absent" "$dir" vcan6 112 20
    "$canp" info --json "$dir" >"$work/info"
    [ "$(json "$work/info" '[i["name"] for i in o["interfaces"]]')" = "['vcan5', 'vcan0', 'vcan6']" ] &&
        ok "$1: info names all three" || not_ok "$1: info names all three" "$(cat "$work/info")"
    [ "$(json "$work/out" '[(i["name"], i["frames"]) for i in o["interfaces"]]')" = "[('vcan5', 20), ('vcan0', 20), ('vcan6', 20)]" ] &&
        ok "$1: so does the summary" || not_ok "$1: so does the summary" "$(cat "$work/out")"
    remove_all
}
waits uring
waits mmsg

# refused NAME PATTERN ARGUMENT...
refused() {
    local name=$1 pattern=$2
    shift 2
    timeout 20 "$canp" "$@" >"$work/out" 2>"$work/err"
    status=$?
    [ "$status" -eq 3 ] && grep -q "$pattern" "$work/err" && ok "$name" || not_ok "$name" "status $status: $(cat "$work/err")"
}
add vcan5
refused "record: absent, the names that exist" "vcan6: no such interface; .*vcan0.*" record -o "$work/no" vcan0 vcan6
refused "record: --no-wait refuses what is down" "vcan5: interface is down: ip link set vcan5 up" record --no-wait -o "$work/no" vcan5
refused "gen: refuses what is down" "vcan5: interface is down" gen -n 1 vcan5
refused "gen: refuses what is absent" "vcan6: no such interface" gen -n 1 vcan6

# gen and replay wait when asked to.
printf '(1.%06d) vcan6 123#01\n' $(seq 10) >"$work/log"
check "setup: a recording to replay" "$canp" convert --in-format candump "$work/log" "$work/played"
timeout 30 "$canp" gen --wait -n 5 vcan5 >"$work/out" 2>"$work/err" &
gen=$!
says "vcan5: interface is down.*waiting for it"
ip link set vcan5 up
wait $gen && ok "gen: --wait" || not_ok "gen: --wait" "status $?: $(cat "$work/err")"
timeout 30 "$canp" replay --wait "$work/played" >"$work/out" 2>"$work/err" &
gen=$!
says "vcan6: no such interface.*waiting for it"
add vcan6 up
wait $gen && ok "replay: --wait" || not_ok "replay: --wait" "status $?: $(cat "$work/err")"
remove_all
finish
