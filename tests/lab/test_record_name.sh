#!/usr/bin/env bash
# Without -o a recording's directory is named after the second; a name that is taken is not the end of it. A recorder
# that cannot begin leaves no directory behind.
# Interfaces whose names look like something else are recorded, chosen and sent to.
# usage: scripts/lab -- tests/lab/test_record_name.sh
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

cd "$work" || exit 3
mkdir here && cd here || exit 3
pids=()
for i in 1 2 3 4; do
    "$canp" record --json -d 1s vcan0 >"../out$i" 2>"../err$i" &
    pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
dirs=$(find . -maxdepth 1 -name 'canp-*' -type d | wc -l)
if [ "$failed" -eq 0 ] && [ "$dirs" -eq 4 ]; then
    ok "record: four recorders of one moment have a directory each"
else
    not_ok "record: four recorders of one moment have a directory each" "$dirs directories: $(cat ../err* | tr '\n' ' ')"
fi
"$canp" record -d 1s nosuchcan >/dev/null 2>&1
status=$?
left=$(find . -maxdepth 1 -name 'canp-*' -type d | wc -l)
if [ "$status" -eq 3 ] && [ "$left" -eq 4 ]; then
    ok "record: one that cannot begin leaves no directory"
else
    not_ok "record: one that cannot begin leaves no directory" "status $status, $left directories"
fi

cd "$work" || exit 3
names=(j any 'a,b' can#1 can~left x=y @z)
for name in "${names[@]}"; do
    ip link add dev "$name" type vcan && ip link set dev "$name" up || not_ok "setup" "no interface $name"
done
for name in "${names[@]}"; do echo "(1.000000000) $name 123#11"; done >names.log
start_record -o "$work/odd" -n 8 @j @any @a,b can#1 can~left x=y @@z || not_ok "odd names: record starts" "$(cat "$work/err")"
"$canp" gen @any --profile flood -n 1 >/dev/null 2>"$work/said" && "$canp" replay -s max names.log >/dev/null 2>>"$work/said" &&
    wait "$recorder" && recorder= && ok "odd names: sent to and recorded" || not_ok "odd names: sent to and recorded" "$(cat "$work/said" "$work/err")"
said=$("$canp" dump "$work/odd" @j @any @a,b @can#1 | grep ' 123#' | cut -d' ' -f2- | LC_ALL=C sort | tr '\n' ' ')
[ "$said" = "a,b 123#11 any 123#11 can#1 123#11 j 123#11 " ] && ok "odd names: chosen" || not_ok "odd names: chosen" "$said"
start_record -o "$work/mapped" -n 1 vcan0
"$canp" replay -s max names.log x==y=vcan0 >/dev/null 2>"$work/said" && wait "$recorder" && recorder= &&
    ok "odd names: mapped" || not_ok "odd names: mapped" "$(cat "$work/said")"
for name in "${names[@]}"; do ip link del dev "$name"; done
finish
