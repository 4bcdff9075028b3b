# shellcheck shell=bash
# What test_gen.sh and test_replay.sh share: candump as the witness. Sourced behind lib.sh.
: "${work:?source lib.sh first}"
witness=

# start_candump IFACE FILE [OPTION]: candump -L, or with that option instead, with a large buffer; returns once it receives.
start_candump() {
    local i
    candump -r 268435456 "${3:--L}" "$1" >"$2" 2>"$work/candump.err" &
    witness=$!
    for ((i = 0; i < 200; i++)); do
        grep -qE "^ *$1 .*raw" /proc/net/can/rcvlist_all && return 0
        sleep 0.05
    done
    return 1
}

# end_candump FILE COUNT: ends it once it has written COUNT lines, or 10 s later.
end_candump() {
    local i
    for ((i = 0; i < 100; i++)); do
        [ "$(wc -l <"$1")" -ge "$2" ] && break
        sleep 0.1
    done
    kill "$witness" 2>/dev/null
    wait "$witness" 2>/dev/null
    witness=
}

# fails STATUS NAME TEXT COMMAND...: ends with that status and says that on stderr, in one line.
fails() {
    local want=$1 name=$2 text=$3 got
    shift 3
    "$@" >"$work/said.out" 2>"$work/said"
    got=$?
    if [ "$got" -eq "$want" ] && grep -q "$text" "$work/said" && [ "$(wc -l <"$work/said")" -eq 1 ]; then
        ok "$name"
    else
        not_ok "$name" "status $got, not $want; said: $(head -n 3 "$work/said" | tr '\n' ' ')"
    fi
}
