#!/usr/bin/env bash
# The recording's directory is removed while it is recorded: the recorder notices, says so, makes it again, and counts.
# shellcheck source=tests/lab/ifaces.sh
. "$(dirname "$0")/ifaces.sh"

start_record -o "$work/removed" vcan0 || not_ok "directory removed: record starts" "$(cat "$work/err")"
send vcan0 150 10
sleep 0.5
rm -rf "$work/removed"
for ((i = 0; i < 4; i++)); do
    send vcan0 151 2
    says "somebody removed the recording's directory" && break
done
told "directory removed: says so" "somebody removed the recording's directory; it goes on in a new one"
send vcan0 152 10
sleep 0.3
end_record
[ "$(json "$work/out" 'o["undone"] >= 10 and o["lost"] >= o["undone"]')" = True ] && ok "directory removed: counted" || not_ok "directory removed: counted" "$(cat "$work/out")"
has "directory removed: goes on" "$work/removed" vcan0 152 10
finish
