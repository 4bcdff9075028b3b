#!/usr/bin/env bash
# Pipes and devices among what is read: a named pipe given as a log is read as it comes and heeds SIGINT while nobody
# writes; one among a recording's segments, or given as a database, is an error that names it. Nothing ever waits for ever.
# usage: test_pipes.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
grow=$2/tests/grow
holder=
clean_up() {
    [ -z "$holder" ] || kill "$holder" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
cd "$work" || exit 3

# ends STATUS COMMAND...: within a minute, with this exit status.
ends() {
    local wanted=$1 got=0
    shift
    timeout -k 1 60 "$@" >out 2>err || got=$?
    [ "$got" -eq "$wanted" ] || { echo "status $got: $(cat err)" && return 1; }
}
# stops STATUS COMMAND...: waits, until SIGINT ends it within a minute, with this status.
stops() {
    local wanted=$1 got=0 i
    shift
    "$@" >out 2>err &
    local pid=$!
    for ((i = 0; i < 3000; i++)); do # until it heeds signals: bit 2 of those caught is SIGINT
        (((0x$(awk '/^SigCgt/ { print substr($2, 9) }' "/proc/$pid/status" 2>/dev/null || echo 0) & 2) != 0)) && break
        sleep 0.02
    done
    sleep 0.1
    kill -0 $pid 2>/dev/null || { echo "it has not waited: $(cat err)" && return 1; }
    kill -INT $pid
    for ((i = 0; i < 600; i++)); do
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill -9 $pid 2>/dev/null && echo "SIGINT was not heeded" && return 1
    wait $pid || got=$?
    [ "$got" -eq "$wanted" ] || { echo "status $got: $(cat err)" && return 1; }
}

for ((i = 0; i < 200; i++)); do printf '(1700000000.%06d) can0 100#%02X\n' "$i" "$i"; done >a.log
cat >a.dbc <<'END'
VERSION ""
BU_: ECU
BO_ 256 Engine: 8 ECU
 SG_ Count : 0|8@1+ (1,0) [0|0] "" X
END
mkfifo pipe

# ---- a pipe as a log
for command in "dump pipe" "info pipe" "verify pipe" "decode --dbc a.dbc pipe" "merge pipe -o merged" "convert pipe out.log"; do
    # shellcheck disable=SC2086 # words
    check "nobody writes, SIGINT: $command" stops 3 "$canp" $command
done
check "of these nothing is left" test ! -e out.log -a ! -e merged
"$canp" dump a.log >expected
for command in "dump pipe" "convert pipe -" "convert pipe - -f candump"; do
    (sleep 0.2 && cat a.log >pipe) &
    # shellcheck disable=SC2086
    check "somebody writes later: $command" ends 0 "$canp" $command
    check "all of it came" test "$(grep -c 'can0 100#' out)" -eq 200
    wait
done
sleep 1000 >pipe &
holder=$!
check "somebody holds it and is silent, SIGINT: dump" stops 3 "$canp" dump pipe
check "the same: convert" stops 3 "$canp" convert pipe out.log
{ cat a.log && exec sleep 1000; } >pipe &
talker=$!
check "who said something and is silent, SIGINT: convert" stops 3 "$canp" convert pipe some.log
check "what it said is kept" test "$(grep -c 'can0 100#' some.log)" -gt 100
kill $holder $talker
holder=
wait
export canp
check "a silent standard input" stops 3 bash -c 'exec "$canp" dump - < <(exec sleep 20)'
check "an endless one" stops 3 bash -c 'exec "$canp" info - < <(exec yes "(1700000000.000001) can0 123#11")'

# ---- where there should be a file
check "as a database" ends 3 "$canp" decode --dbc pipe a.log
check "it is named" complains "pipe is a pipe or device"
check "as a database that is listed" ends 3 "$canp" dbc pipe
check "it is named" complains "pipe is a pipe or device"
mkfifo pipe.canp
check "as a recording" ends 3 "$canp" info pipe.canp
check "it is named" complains "pipe.canp is a pipe or device"
"$grow" drive 0 || exit 3
mkfifo drive/00000002.canp drive/00000003.canp.new
check "as a segment: info" ends 1 "$canp" info drive
check "counted as damage" says "damaged      1 places"
check "as a segment: verify" ends 1 "$canp" verify drive
check "it is named" says "segment 00000002: not a canp recording"
check "as a segment: dump" ends 1 "$canp" dump drive
check "what is there is printed" test "$(grep -c ' 100#' out)" -eq 10000
check "as a segment: pack" ends 1 "$canp" pack drive
check "as a segment: merge" ends 1 "$canp" merge drive -o both
check "as a segment: repair" ends 0 "$canp" repair drive -o mended
check "--follow" ends 1 "$canp" dump --follow drive

# ---- devices
check "/dev/null" ends 3 "$canp" convert /dev/null out.log
check "/dev/zero" ends 3 "$canp" dump /dev/zero
check "/dev/full" ends 3 "$canp" info /dev/full
exit "$bad"
