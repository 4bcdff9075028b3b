# shellcheck shell=bash
# What the lab tests share. Sourced; needs CANP_BUILD or build/release, and a kernel with vcan0 and vcan1 up.
set -uo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=${CANP_BUILD:-$top/build/release}
canp=$build/tools/canp
work=$(mktemp -d) || exit 3
bad=0
recorder=
status=0

[ -x "$canp" ] || {
    echo "not ok setup: $canp is not there: build first"
    exit 1
}
[ -d /sys/class/net/vcan0 ] || {
    echo "not ok setup: no vcan0: run this in scripts/lab"
    exit 1
}

clean_up() {
    [ -z "$recorder" ] || kill -KILL "$recorder" 2>/dev/null
    mountpoint -q "$work/small" 2>/dev/null && umount "$work/small"
    rm -rf "$work"
}
trap clean_up EXIT

ok() { echo "ok $*"; }
not_ok() { # NAME REASON...
    echo "not ok $1: ${*:2}"
    bad=1
}
skip() { echo "skip $1: ${*:2}"; }
finish() { exit "$bad"; }

# check NAME COMMAND...: the command succeeds.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* failed: $(tail -n 3 <<<"$said" | tr '\n' ' ')"; fi
}

# start_record OPTION...: starts `canp record`, returns once it receives. Its output: $work/out and $work/err.
start_record() {
    local i
    : >"$work/err"
    "$canp" record --json "$@" >"$work/out" 2>"$work/err" &
    recorder=$!
    for ((i = 0; i < 600; i++)); do
        grep -q '^canp record: recording' "$work/err" && return 0
        kill -0 "$recorder" 2>/dev/null || break
        sleep 0.05
    done
    return 1
}

# end_record [SIGNAL]: ends it; $status is its exit status.
# shellcheck disable=SC2034 # status is for the caller
end_record() {
    kill -s "${1:-INT}" "$recorder" 2>/dev/null
    wait "$recorder"
    status=$?
    recorder=
}

# pinned COMMAND...: a sender on one CPU. vcan hands frames over through the sending CPU's queue, so a sender that
# is moved to another CPU overtakes itself: the kernel's doing, and then what every listener sees.
pinned() { taskset -c 0 "$@"; }

# json FILE EXPRESSION: a value of an object `o`, by Python.
json() { python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# frames_of RECORDING IFACE: its frames as `ID#data`, time and FD's redundant FDF flag taken off.
frames_of() { "$canp" dump "$1" | plain_log "$2"; }

# plain_log IFACE <LOG: candump log lines of one interface -> `ID#data`, upper case, FDF flag (4) off.
plain_log() {
    awk -v iface="$1" '$2 == iface && /^\(/ {print toupper($3)}' |
        sed -e 's/##4/##0/' -e 's/##5/##1/' -e 's/##6/##2/' -e 's/##7/##3/'
}

# same NAME EXPECTED ACTUAL: both files are the same, byte for byte.
same() {
    if cmp -s "$2" "$3"; then
        ok "$1"
    else
        not_ok "$1" "$(wc -l <"$2") frames expected, $(wc -l <"$3") there, differences: $(diff "$2" "$3" | head -n 8 | tr '\n' ' ')"
    fi
}

# all_there NAME EXPECTED RECORDING IFACE: the frames are all there in order, or stand as lost in `info` (then
# what is there is a subsequence of what was sent, and the counts add up).
all_there() {
    frames_of "$3" "$4" >"$work/actual"
    "$canp" info --json "$3" >"$work/info"
    local lost
    lost=$(json "$work/info" '[i["lost"] for i in o["interfaces"] if i["name"] == "'"$4"'"][0]') || lost=-1
    if [ "$lost" -eq 0 ]; then
        same "$1" "$2" "$work/actual"
    elif python3 - "$2" "$work/actual" "$lost" <<'PY'; then
import sys
sent, got = (open(f).read().splitlines() for f in sys.argv[1:3])
rest = iter(sent)
sys.exit(not (len(got) + int(sys.argv[3]) == len(sent) and all(frame in rest for frame in got)))
PY
        ok "$1 ($lost of $(wc -l <"$2") lost, accounted for)"
    else
        not_ok "$1" "sent $(wc -l <"$2"), stored $(wc -l <"$work/actual"), accounted as lost $lost"
    fi
}

# fresh_interface IFACE: its driver takes the adapter up anew, so that no bit rate is set, whatever came before.
fresh_interface() {
    local device driver i
    device=$(readlink -f "/sys/class/net/$1/device") && driver=$(readlink -f "$device/driver") || return 1
    echo "${device##*/}" >"$driver/unbind" && echo "${device##*/}" >"$driver/bind" || return 1
    for ((i = 0; i < 100; i++)); do
        [ -d "/sys/class/net/$1" ] && break
        sleep 0.05
    done
    ! ip -details link show "$1" | grep -q bitrate
}
