#!/usr/bin/env bash
# Without -o a recording's directory is named after the second; a name that is taken is not the end of it. A recorder
# that cannot begin leaves no directory behind.
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
finish
