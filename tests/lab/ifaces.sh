# shellcheck shell=bash
# What the tests of interfaces that come and go share. Sourced in place of lib.sh.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

vcans=()
add() { # IFACE [up]
    ip link add dev "$1" type vcan || not_ok "setup $1" "status $?"
    vcans+=("$1")
    [ "${2:-}" != up ] || ip link set "$1" up
}
remove_all() {
    local iface
    for iface in "${vcans[@]}"; do ip link del "$iface" 2>/dev/null; done
    vcans=()
}
trap 'remove_all; clean_up' EXIT

send() { # IFACE ID COUNT
    pinned cangen "$1" -g 0 -n "$3" -I "$2" -L 8 -D i || not_ok "send on $1" "status $?"
}

# says TEXT: the recorder does, within 5 seconds.
says() {
    local i
    for ((i = 0; i < 100; i++)); do
        grep -q -- "$1" "$work/err" && return 0
        sleep 0.05
    done
    return 1
}
told() { says "$2" && ok "$1" || not_ok "$1" "$(cat "$work/err")"; }

# has NAME RECORDING IFACE ID COUNT: so many frames of this id on this interface.
has() {
    local n
    n=$("$canp" dump "$2" | grep -c " $3 $4#")
    [ "$n" -eq "$5" ] && ok "$1" || not_ok "$1" "$n of $5 frames: $(cat "$work/err")"
}
ended() { # NAME
    end_record
    [ "$status" -eq 0 ] && "$canp" verify "$work/$1" >/dev/null && ok "$1: ends with 0, nothing damaged" ||
        not_ok "$1: ends with 0, nothing damaged" "status $status: $(cat "$work/err")"
}
