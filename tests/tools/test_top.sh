#!/usr/bin/env bash
# canp top in a real terminal (tmux): on a recording that grows, on one that is complete, at 80x24 and 120x40, with
# and without colour; keys, SIGINT, and no terminal at all.
# usage: test_top.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
export LC_ALL=C.UTF-8 # of grep
canp=$2/tools/canp grow=$2/tests/grow
command -v tmux >/dev/null || {
    echo "not ok: no tmux here (package tmux)"
    exit 1
}
work=$(mktemp -d) bad=0 writer=
mux() { tmux -S "$work/socket" -f /dev/null "$@"; }
clean_up() {
    mux kill-server 2>/dev/null
    [ -z "$writer" ] || kill "$writer" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
# ncurses keeps what it made for a terminal that it does not know.
echo 'leak:new_prescr' >"$work/leaks"
export LSAN_OPTIONS=suppressions=$work/leaks:print_suppressions=0

expect() { # NAME PATTERN: the screen has such a line, soon.
    local i
    for ((i = 0; i < 100; i++)); do
        mux capture-pane -p -t t >"$work/screen"
        grep -qE "$2" "$work/screen" && return 0
        sleep 0.1
    done
    echo "not ok $1: no line like '$2' in:"
    cat "$work/screen"
    bad=1
}

# start COLUMNS LINES TERM ARGUMENT...: canp top in a terminal of that size; its status comes behind "ended with".
start() {
    local size=(-x "$1" -y "$2") term=$3
    shift 3
    printf 'TERM=%s %q top %s\necho "ended with $?"\nsleep 1000\n' "$term" "$canp" "$*" >"$work/run"
    mux new-session -d -s t "${size[@]}" "bash $work/run"
}
end() { mux kill-session -t t; }

# A session that stays: without one the server ends, and the next session may meet it while it does.
mux new-session -d -s stays 'sleep 10000'
"$grow" "$work/done" 0 || exit 1
"$grow" "$work/grows" 600 &
writer=$!
sleep 2

for look in "80 24 screen" "120 40 screen-256color" "80 24 vt100"; do
    # shellcheck disable=SC2086 # three words
    start $look "$work/grows"
    expect "$look: is it" "^canp top  .*/grows .* frames, 5 IDs"
    expect "$look: it grows" '^growing: .* in 1 segment, [0-9.]+ kB/s'
    expect "$look: rate, load, loss, error counters" '^can0 +warning +[0-9]{3,4}\.[0-9] +[0-9]+\.[0-9] +[0-9]+ +[0-9]+ +17 +0 +0 +97/3$'
    expect "$look: an interface without bit rate" '^vcan0 +up +[0-9]+\.[0-9] +- +[0-9]+ +0 +0 +0 +0 +0/0$'
    expect "$look: the most frequent ID comes first" '^can0 +100 +[0-9]+ +1\.00 +0\.00 +8  [0-9A-F]{2} A1 A2 A3 A4 A5 A6 A7$'
    expect "$look: an extended ID and its period" '^can0 +18DAF110 +[0-9]+ +100\.00 +0\.00 +8  '
    expect "$look: a frame without data" '^vcan0 +300 +[0-9]+ +20\.00 +0\.00 +0 *$'
    expect "$look: the keys" '^q quit '
    awk -v max="${look%% *}" 'length($0) > max {print "not ok: too long: " $0; exit 1}' "$work/screen" || bad=1
    mux send-keys -t t p
    expect "$look: sorted by period" ', by period'
    mux send-keys -t t q
    expect "$look: q quits" '^ended with 0'
    end
done

# The frames counted go on while it is looked at.
start 80 24 screen "$work/grows"
expect "counts" '^canp top .* frames'
before=$(sed -n 's/^canp top .*  *\([0-9]*\) frames.*/\1/p' "$work/screen")
sleep 1.5
mux capture-pane -p -t t >"$work/screen"
after=$(sed -n 's/^canp top .*  *\([0-9]*\) frames.*/\1/p' "$work/screen")
[ "${after:-0}" -gt "${before:-0}" ] || {
    echo "not ok: frames do not go on: $before, then $after"
    bad=1
}
mux send-keys -t t C-c
expect "SIGINT ends it with 0" '^ended with 0'
end

start 80 24 screen "$work/done"
expect "a complete recording" '^complete: .* in 1 segment'
expect "its rates are averages" '^can0 +warning +11[01][0-9]\.[0-9] +2[0-9]\.[0-9] +11101 +[0-9]+ +17 '
mux send-keys -t t i
expect "by id" '^can0 +100 +10000 '
mux send-keys -t t q
expect "quits" '^ended with 0'
end

# Signals: the last values, and a history that falls while the first byte of 100 (the time in ms) does so.
cat >"$work/a.dbc" <<'END'
BO_ 256 Engine: 8 X
 SG_ Time : 0|8@1+ (0.5,0) [0|0] "°C" X
 SG_ Text : 16|8@1- (1,0) [0|0] "" X
VAL_ 256 Text -94 "limp home" ;
END
for locale in 'C.UTF-8:°:[▁▂▃▄▅▆▇█]{20}' 'C:\?:[_.=+*%#-]{20}'; do
    IFS=: read -r name sign levels <<<"$locale"
    printf 'LC_ALL=%s TERM=screen %q top --dbc %q %q\necho "ended with $?"\nsleep 1000\n' "$name" "$canp" "$work/a.dbc" "$work/done" >"$work/run"
    mux new-session -d -s t -x 80 -y 24 "bash $work/run"
    expect "$name: a signal and its history" "^can0 +100 +Engine\.Time +[0-9.]+ ${sign}C +$levels\$"
    expect "$name: its text" "^can0 +100 +Engine\.Text +-94 \"limp home\" "
    mux send-keys -t t s
    expect "$name: s shows the IDs" '^can0 +100 +10000 '
    mux send-keys -t t q
    expect "$name: quits" '^ended with 0'
    end
done

"$canp" top "$work/done" >"$work/out" 2>"$work/err"
status=$?
[ $status -eq 3 ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -q 'stdout is no terminal' "$work/err" || {
    echo "not ok: no terminal: status $status: $(cat "$work/out" "$work/err")"
    bad=1
}
start 80 24 nonsense "$work/done"
expect "an unknown terminal" "the terminal 'nonsense' is not known here"
expect "is the environment" '^ended with 3'
end
[ $bad -eq 0 ] && echo ok
exit $bad
