#!/usr/bin/env bash
# Who follows a recording learns that its writer was killed, reads what it committed, and ends; while the writer lives,
# stopped even, nobody ends. Also where the last segment's header is destroyed.
# usage: test_follow.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
# shellcheck disable=SC2034 # follower_X are read by their names
set -uo pipefail
canp=$2/tools/canp grow=$2/tests/grow
work=$(mktemp -d) || exit 3
writer=
clean_up() {
    [ -z "$writer" ] || kill -9 "$writer" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
bad=0
sentence="the recorder ended without closing it"
is_python=yes
# A sanitizer's library does not load into an interpreter.
nm -D "$2/libcanp.so.0" 2>/dev/null | grep -E '__(asan|tsan)_init' >/dev/null && is_python=

fail() { echo "not ok $1: $2" && bad=1; }
wait_for() { # COMMAND...: until it is true
    local i
    for ((i = 0; i < 300; i++)); do
        "$@" && return 0
        sleep 0.05
    done
    return 1
}
grows_beyond() { [ "$(wc -l <"$1")" -gt "$2" ]; }
has_file() { [ -s "$1" ]; }

cat >"$work/a.dbc" <<'END'
VERSION ""
BU_: ECU
BO_ 256 Engine: 8 ECU
 SG_ Count : 0|8@1+ (1,0) [0|0] "" X
END
cat >"$work/follow.py" <<'END'
import sys, canp
with canp.Reader(sys.argv[1]) as reader:
    for frame in reader.frames("100:7FF", follow=True):
        print(frame.data.hex(), flush=True)
    sys.exit(1 if reader.abandoned else 0)
END

begin() { # a writer in drive, and all that follow it
    rm -rf "$work/drive" "$work/merged"
    "$grow" "$work/drive" 1000 &
    writer=$!
    wait_for has_file "$work/drive/00000001.canp" || fail "$1" "no recording"
    "$canp" dump --follow "$work/drive" 100:7FF >"$work/dump" 2>"$work/dump.err" &
    follower_dump=$!
    "$canp" dump --follow "$work/drive/00000001.canp" 100:7FF >"$work/file" 2>"$work/file.err" &
    follower_file=$!
    "$canp" decode --follow --dbc "$work/a.dbc" "$work/drive" >"$work/decode" 2>"$work/decode.err" &
    follower_decode=$!
    "$canp" merge --follow "$work/drive" -o "$work/merged" >"$work/merge" 2>"$work/merge.err" &
    follower_merge=$!
    [ -z "$is_python" ] || CANP_LIBRARY=$2/libcanp.so.0 PYTHONPATH=$3/tools/python /usr/bin/python3 "$work/follow.py" "$work/drive" \
        >"$work/python" 2>"$work/python.err" &
    follower_python=$!
    for out in dump file decode ${is_python:+python}; do
        wait_for grows_beyond "$work/$out" 100 || fail "$1" "$out followed nothing: $(cat "$work/$out.err")"
    done
    wait_for has_file "$work/merged/00000001.canp" || fail "$1" "merge followed nothing"
}

end() { # NAME: the writer is killed; the followers end by themselves
    local out status
    kill -9 "$writer"
    wait "$writer" 2>/dev/null
    writer=
    for out in dump file decode merge ${is_python:+python}; do
        local pid=follower_$out
        if ! wait_for eval "! kill -0 ${!pid} 2>/dev/null"; then
            fail "$1" "$out goes on"
            kill -9 "${!pid}"
        fi
        wait "${!pid}"
        status=$?
        [ "$status" -eq 1 ] || fail "$1" "$out ends with $status: $(cat "$work/$out.err")"
        [ "$out" = python ] || grep -qF "$sentence" "$work/$out.err" || fail "$1" "$out says: $(cat "$work/$out.err")"
    done
}

name="followers of a killed recorder"
begin "$name" "$2" "$1"
# Stopped is not gone.
kill -STOP "$writer"
sleep 0.3
before=$(wc -l <"$work/dump")
kill -CONT "$writer"
wait_for grows_beyond "$work/dump" $((before + 100)) || fail "$name" "a writer that was stopped was taken for gone"
end "$name"
"$canp" dump "$work/drive" 100:7FF >"$work/all" || fail "$name" "dump failed"
cmp -s "$work/all" "$work/dump" || fail "$name" "dump --follow printed $(wc -l <"$work/dump") of $(wc -l <"$work/all") frames"
cmp -s "$work/all" "$work/file" || fail "$name" "of the file: $(wc -l <"$work/file") of $(wc -l <"$work/all") frames"
"$canp" dump "$work/merged" 100:7FF >"$work/again" && cmp -s "$work/all" "$work/again" ||
    fail "$name" "merge --follow took $(wc -l <"$work/again") of $(wc -l <"$work/all") frames"
frames=$(grep -vc '^#' "$work/all")
[ "$(grep -c Count "$work/decode")" -eq "$frames" ] || fail "$name" "decode: $(wc -l <"$work/decode") values"
[ -z "$is_python" ] || [ "$(wc -l <"$work/python")" -eq "$frames" ] || fail "$name" "Python: $(wc -l <"$work/python")"
[ "$bad" -ne 0 ] || echo "ok $name"

name="followers of a killed recorder whose last header is destroyed"
begin "$name" "$2" "$1"
dd if=/dev/zero of="$work/drive/00000001.canp" bs=4096 count=1 conv=notrunc status=none
end "$name"
[ "$bad" -ne 0 ] || echo "ok $name"

name="a recording that is closed has no such word"
"$grow" "$work/closed" 0
"$canp" dump --follow "$work/closed" >/dev/null 2>"$work/closed.err" && [ ! -s "$work/closed.err" ] ||
    fail "$name" "$(cat "$work/closed.err")"
[ "$bad" -ne 0 ] || echo "ok $name"
exit "$bad"
