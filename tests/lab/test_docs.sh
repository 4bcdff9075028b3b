#!/usr/bin/env bash
# Every command in tools/docs does what its page says (docs.py tells which are run, and how).
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/bin"
printf '#!/bin/sh\nexec "$@"\n' >"$work/bin/sudo" # one is root here
chmod +x "$work/bin/sudo"
export PATH=$work/bin:${canp%/*}:$PATH
for page in "$top"/tools/docs/*.md; do
    for n in can0 can1; do ip link set "$n" down 2>/dev/null; done
    mkdir "$work/page" && cd "$work/page" || exit 3
    cp "$top/tools/docs/vehicle.dbc" car.dbc
    /usr/bin/python3 "$top/tests/lab/docs.py" "$page" || bad=1
    cd "$work" && rm -rf "$work/page"
done
finish
