#!/usr/bin/env bash
# `canp record --config`: a file's lines are options; what is wrong in it is named with file and line; the example
# knows each option; the service's file is one that systemd takes, and confines the service.
# usage: test_config.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
canp=$2/tools/canp example=$1/tools/service/canp.conf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$canp" help record >"$work/help" 2>&1 || { echo "skip: a build without capture"; exit 77; }

says() { # STATUS PATTERN ARGUMENT...
    local want=$1 pattern=$2 status=0
    shift 2
    "$canp" record "$@" >"$work/out" 2>&1 || status=$?
    [ "$status" -eq "$want" ] && grep -q -- "$pattern" "$work/out" && return 0
    echo "canp record $*: status $status, not $want, or without '$pattern': $(cat "$work/out")"
    exit 1
}
conf() { printf '%s\n' "$@" >"$work/conf"; }

says 0 'would record any' --config "$example" --check
conf '  # a comment' '' 'interface=can7,7E0:7F0  # the engine' 'interface = vcan#1' 'pack' 'flush = 50ms'
says 0 'would record can7,7E0:7F0 vcan#1$' --config="$work/conf" --check
says 0 'would record can7,7E0:7F0 vcan#1 can9$' --config "$work/conf" --check can9
conf 'interface = can0' '' 'flsh = 50ms'
says 2 "$work/conf, line 3: no option 'flsh'" --config "$work/conf" --check
conf 'flush = soon'
says 2 "option --flush: 'soon' is no TIME" --config "$work/conf" --check can0
says 2 "option --io: 'ring' is neither auto, uring nor mmsg" --io ring --check can0
conf 'config = other.conf'
says 2 "line 1: no option 'config'" --config "$work/conf" --check can0
conf 'keep = 3'
says 2 'one of them' --config "$work/conf" --keep-bytes 1G --check can0
says 3 '/nonexistent: No such file' --config /nonexistent
says 3 "$work: " --config "$work"
mkfifo "$work/fifo"
says 3 "$work/fifo: " --config "$work/fifo" # nobody writes: it must not wait
says 2 'needs an argument' --config
head -c 70000 /dev/zero >"$work/large"
says 3 "$work/large: " --config "$work/large"

missing=$(sed -n 's/^ *\(-., \)\? *--\([a-z0-9-]*\).*/\2/p' "$work/help" | while read -r name; do
    case $name in help | config | check) continue ;; esac
    grep -qE "^#?$name( |$)" "$example" || echo "$name"
done)
[ -z "$missing" ] || { echo "canp.conf has not: $missing"; exit 1; }

for unit in canp canp@; do
    grep -q '^WatchdogSec=' "$2/tools/service/$unit.service"
done
if command -v systemd-analyze >/dev/null; then
    exposed=$(systemd-analyze security --offline=true "$2/tools/service/canp.service" 2>&1 | sed -n 's/.*exposure level.*: \([0-9.]*\).*/\1/p')
    awk -v e="$exposed" 'BEGIN {exit !(e != "" && e <= 1.5)}' || { echo "systemd rates the service's exposure $exposed, more than 1.5"; exit 1; }
fi
echo "options by file: taken, checked, named where they are wrong"
