#!/usr/bin/env bash
# What a killed packer or writer leaves beside the segments: verify and pack tell of it, pack removes what holds nothing of
# its own, and neither touches what somebody works on.
# usage: test_leftovers.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
grow=$2/tests/grow
cd "$work" || exit 3
says() { "$canp" "${@:2}" >out 2>&1 && grep -qF -- "$1" out || { cat out && return 1; }; }
silent() { "$canp" "$@" >/dev/null 2>err && [ ! -s err ] || { cat err && return 1; }; }

"$grow" drive 0 || exit 3
check "nothing is left" silent pack drive
check "verify has nothing to tell" silent verify drive
cp drive/00000001.canp drive/00000001.canp.new # as a packer that was killed between its two steps leaves it
cp drive/00000001.canp drive/00000002.canp.new # and one whose segment is gone
check "verify tells of it" says "00000001.canp.new: left by a program that was killed, and no part" verify drive
check "and of frames that are nowhere else" says "00000002.canp.new: left by a program that was killed, and holds 11" verify drive
flock drive/00000001.canp.new "$canp" pack drive >out 2>&1
check "what somebody works on is left alone" test -e drive/00000001.canp.new
check "pack removes it" says "00000001.canp.new: removed" pack drive
check "it has gone" test ! -e drive/00000001.canp.new
check "but not what holds frames" test -e drive/00000002.canp.new
rm drive/00000002.canp.new
check "then nothing is left" silent pack drive
exit "$bad"
