#!/usr/bin/env bash
# canp replay of logs that are no recordings: an MF4, a BLF and a pipe, replayed onto vcan0 and captured
# identically.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/traffic.sh
. "$(dirname "$0")/traffic.sh"

# 1500 frames of two buses within 0.6 s, classic and FD, remote frames among them: make_log
make_log() {
    python3 - <<'PY'
import random
r = random.Random(20261128)
for n in range(1500):
    can_id = "%03X" % r.randrange(0x800) if r.random() < 0.5 else "%08X" % r.randrange(0x20000000)
    frame = ("%s##%d%s" % (can_id, r.choice([4, 5]), r.randbytes(r.choice([8, 12, 64])).hex().upper()) if r.random() < 0.2 else
             "%s#R" % can_id if r.random() < 0.03 else "%s#%s" % (can_id, r.randbytes(r.randrange(9)).hex().upper()))
    print("(1700000000.%06d) can%d %s" % (n * 400, n % 2, frame))
PY
}

# captured NAME LOG WHICH FILE|- [OPTION]...: `canp replay` of FILE onto vcan0 is recorded; compared with the frames of LOG on the
# interfaces WHICH, a pattern.
captured() {
    local name=$1 log=$2 which=$3 file=$4 from=/dev/null
    shift 4
    [ "$file" != - ] || from=$log
    awk -v which="$which" '$2 ~ which {print $1, "x", $3}' "$log" | plain_log x >"$work/expected"
    rm -rf "$work/seen"
    start_record -o "$work/seen" vcan0 || not_ok "record starts" "$(cat "$work/err")"
    cat "$from" | pinned "$canp" replay "$file" "$@" --json >"$work/json" 2>"$work/said"
    status=$?
    end_record
    check "$name: exit status" test "$status" -eq 0
    frames_of "$work/seen" vcan0 >"$work/actual"
    same "$name" "$work/expected" "$work/actual"
}

make_log >"$work/in.log"
for suffix in mf4 blf; do
    "$canp" convert "$work/in.log" "$work/x.$suffix" 2>"$work/err" || not_ok "convert to $suffix" "$(cat "$work/err")"
done
captured "an MF4, both buses onto one" "$work/in.log" . "$work/x.mf4" '*=vcan0'
check "it took the time of the log" test "$(json "$work/json" 'o["duration_ns"] >= o["scheduled_ns"] == 599600000')" = True
grep -E 'can1 ...#' "$work/in.log" >"$work/once.log"
cat "$work/once.log" "$work/once.log" >"$work/twice.log"
captured "a BLF, one bus by its number, filtered, twice" "$work/twice.log" . "$work/x.blf" 2=vcan0 000:80000000 --speed max --loop 2
check "of the other bus frames are counted" test "$(json "$work/json" 'o["unmapped"]')" -gt 300
captured "a pipe" "$work/in.log" can0 - can0=vcan0 --speed max
fails 2 "a pipe, twice" "cannot be read twice" "$canp" replay - '*=vcan0' --loop 2 < <(cat "$work/in.log")
head -c 20000 "$work/x.blf" >"$work/torn.blf"
"$canp" replay "$work/torn.blf" '*=vcan0' --speed max >"$work/out" 2>"$work/said"
status=$?
check "what is torn is a finding" test "$status" -eq 1
check "that is named" grep -q 'torn.blf' "$work/said"
finish
