#!/usr/bin/env bash
# The Python package on a real kernel's vcan: canp.Recorder, canp.listen() with `for` and `async for`, canp.replay(), and
# python-can's bus of canp.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

[ -e "$build/libcanp.so.0" ] || {
    skip python "no shared library in $build"
    finish
}
said=$(timeout 120 env CANP_LIBRARY=$build/libcanp.so.0 PYTHONPATH=$top/tools/python /usr/bin/python3 -B -W ignore "$top/tests/lab/python_live.py" "$work" 2>&1)
echo "$said" | grep -E '^(ok|not ok|skip) '
grep -q '^end$' <<<"$said" || not_ok python "ended early: $(tail -n 3 <<<"$said" | tr '\n' ' ')"
! grep -q '^not ok' <<<"$said" || bad=1
finish
