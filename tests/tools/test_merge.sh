#!/usr/bin/env bash
# canp merge: what comes out is what `sort` makes of the dumps; interfaces by name; exit statuses.
# usage: test_merge.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"

is_repaired() { "$canp" dump "$work/repaired" | grep -q '^# GAP vcan1 store lost [1-9]' && "$canp" verify "$work/repaired"; }
frames() { "$canp" info --json "$1" | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["frames"] + o["lost"])'; }

# make NAME IFACE IFACE OFFSET: two interfaces, the second one a little behind, and a gap
make() {
    awk -v a="$2" -v b="$3" -v offset="$4" 'BEGIN {
        for (n = 0; n < 3000; n++) {
            t = 1700000000 + offset + int(n / 10) * 0.01
            printf "(%.6f) %s %03X#%02X\n", t + n % 10 * 0.001, a, n % 2048, n % 256
            if (n % 10 == 9)
                for (k = 0; k < 10; k += 3) printf "(%.6f) %s 7%02X#\n", t + k * 0.001, b, n % 256
        }
        printf "# GAP %s socket lost 17 from %d.000000000 to %d.000000000\n", a, 1700000010 + offset, 1700000010 + offset
    }' >"$work/$1.log"
    "$canp" convert "$work/$1.log" "$work/$1" || bad=1
}
in_order() { "$canp" dump "$1" | sed 's/^# GAP \([^ ]*\) \(.*\) to \([0-9.]*\)$/(\3) GAP \1 \2/' | sort -s -k1,1; }

make one vcan0 vcan1 0
make two vcan1 can7 1.5005
{ "$canp" dump "$work/one" && "$canp" dump "$work/two"; } >"$work/all.txt"
check "two recordings" status_is 0 "$canp" merge "$work/one" "$work/two" -o "$work/both"
sed 's/^# GAP \([^ ]*\) \(.*\) to \([0-9.]*\)$/(\3) GAP \1 \2/' "$work/all.txt" | sort -s -k1,1 >"$work/expected"
"$canp" dump "$work/both" | sed 's/^# GAP \([^ ]*\) \(.*\) to \([0-9.]*\)$/(\3) GAP \1 \2/' >"$work/actual"
check "are what sort makes of them" cmp "$work/expected" "$work/actual"
check "interfaces of the same name are one" grep -q '"name":"vcan1","frames":4200' <("$canp" info --json "$work/both")
check "one recording, its interfaces in order of time" status_is 0 "$canp" merge "$work/one" --pack -o "$work/sorted"
in_order "$work/one" >"$work/expected"
"$canp" dump "$work/sorted" | sed 's/^# GAP \([^ ]*\) \(.*\) to \([0-9.]*\)$/(\3) GAP \1 \2/' >"$work/actual"
check "is what sort makes of it" cmp "$work/expected" "$work/actual"
check "the new one is whole" status_is 0 "$canp" verify "$work/sorted"
check "an existing recording is not touched" status_is 3 "$canp" merge "$work/one" -o "$work/both"
check "a missing one" status_is 3 "$canp" merge "$work/one" "$work/none" -o "$work/new"
check "no output named" status_is 2 "$canp" merge "$work/one"
# Logs in other formats beside them, or alone.
gzip -c "$work/two.log" >"$work/two.log.gz"
"$canp" dump "$work/both" >"$work/expected"
for inputs in "one.log two" "one two.log.gz" "one.log two.log"; do
    rm -rf "$work/mixed"
    # shellcheck disable=SC2086
    check "$inputs" status_is 0 bash -c 'cd "$1" && shift && "$@"' - "$work" "$canp" merge $inputs -o mixed
    "$canp" dump "$work/mixed" >"$work/actual"
    check "$inputs: the same" cmp "$work/expected" "$work/actual"
done
echo "no frame" >>"$work/two.log"
check "a log with a bad line: a finding" status_is 1 "$canp" merge "$work/one" "$work/two.log" -o "$work/badly"
check "that is named" grep -q 'two.log:4202: cannot be read: no frame' "$work/err"
check "a log is not followed" status_is 2 "$canp" merge --follow "$work/one.log" -o "$work/never"
# One that grows until its pipe is closed, beside one that is closed.
mkfifo "$work/pipe"
"$canp" convert - "$work/live" <"$work/pipe" >/dev/null 2>&1 &
exec 3>"$work/pipe"
head -n 1000 "$work/one.log" >&3
for ((i = 0; i < 200; i++)); do
    [ -e "$work/live/00000001.canp" ] && break
    sleep 0.05
done
"$canp" merge --follow --wait 100s "$work/live" "$work/two" -o "$work/followed" >"$work/out" 2>"$work/err" 3>&- &
merger=$!
tail -n +1001 "$work/one.log" >&3
exec 3>&-
wait "$merger"
check "recordings are merged as they grow" test $? -eq 0
"$canp" dump "$work/both" >"$work/expected"
"$canp" dump "$work/followed" >"$work/actual"
check "in order, all of it" cmp "$work/expected" "$work/actual"
dd if=/dev/zero of="$work/two/00000001.canp" bs=1 seek=20000 count=64 conv=notrunc 2>/dev/null
check "a damaged one: a finding" status_is 1 "$canp" merge "$work/one" "$work/two" -o "$work/damaged"
check "that is told" grep -q '1 damaged place left out' "$work/err"
check "it is repaired" status_is 0 "$canp" repair "$work/two" -o "$work/repaired"
check "the damaged place is a gap" is_repaired
check "which says how many frames are missing" test "$(frames "$work/repaired")" = 4200
exit "$bad"
