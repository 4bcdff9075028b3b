#!/usr/bin/env bash
# The rooms: what may use what, who may speak, and no circles (rooms.py). Then each rule is broken, and must be noticed.
# usage: test_rooms.sh SOURCE_DIR BUILD_DIR; CC is the compiler
set -euo pipefail
source_dir=$1 build_dir=$2
here=$source_dir/tests/house
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"

python3 "$here/rooms.py" "$source_dir" "$build_dir"

export BUILT_FROM=$source_dir
plant() { # FILE LINE: a copy of the tree with a line more in a file
    rm -rf "$work/tree" && mkdir -p "$work/tree/tests/house"
    cp -r "$source_dir"/{pools,engine,capture} "$work/tree/"
    printf '%s\n' "$2" >>"$work/tree/$1"
}
noticed() { # WHAT PATTERN [UNIT CODE]
    local added=()
    if [ $# -gt 2 ]; then
        "${CC:-cc}" -x c -c - -o "$work/planted.o" <<<"$4"
        added=("$3=$work/planted.o")
    fi
    must_fail "$1" "$2" python3 "$here/rooms.py" "$work/tree" "$build_dir" "${added[@]}"
}

plant engine/frame/rows.c '#include <canp/recorder.h>'
noticed "an include of a room above" '^direction: engine/frame/rows.c includes canp/recorder.h'
plant engine/frame/rows.c '#include "read/query.h"'
noticed "an include of a sub-room above" '^direction: engine/frame/rows.c includes read/query.h'
plant engine/dbc/base/dbc_arena.c '#include "dbc/parse/dbc_priv.h"'
noticed "an include of a sub-room beside it" '^direction: engine/dbc/base/dbc_arena.c includes dbc/parse/dbc_priv.h'
plant engine/formats/asc/asc_parts.h '#include "formats/pcap/pcapng.h"'
noticed "a format that needs another" '^direction: engine/formats/asc/asc_parts.h includes formats/pcap/pcapng.h'
plant capture/link/link.c '#include "../rx/rx_run.h"'
noticed "an include by a way of its own" '^direction: capture/link/link.c includes ../rx'
plant engine/read/query.h '#include "read/cursor_priv.h"'
noticed "a circle of includes" '^circle: .*engine/read/query'
plant pools/error.c ''
noticed "a call into a room above" '^direction: pools/planted uses canp_pack of engine' \
    pools/planted 'int canp_pack(void); int canp_planted(void); int canp_planted(void) { return canp_pack(); }'
noticed "a call into a sub-room above" '^direction: engine/segment/planted uses canp_reader_open of engine/read' \
    engine/segment/planted 'int canp_reader_open(void); int canp_planted(void); int canp_planted(void) { return canp_reader_open(); }'
noticed "a call into tools" 'uses canp_vehicle_open, which no room' \
    capture/send/planted 'int canp_vehicle_open(void); int canp_planted(void); int canp_planted(void) { return canp_vehicle_open(); }'
noticed "a message" '^silence: engine/read/planted uses printf' \
    engine/read/planted '#include <stdio.h>
void canp_planted(int n); void canp_planted(int n) { printf("%d", n); }'
noticed "an end of the process" '^silence: pools/planted uses abort' \
    pools/planted '#include <stdlib.h>
void canp_planted(void); void canp_planted(void) { abort(); }'
noticed "a signal handler" '^silence: capture/rx/planted uses sigaction' \
    capture/rx/planted '#include <signal.h>
int canp_planted(void); int canp_planted(void) { return sigaction(SIGINT, 0, 0); }'
for half in "a b" "b a"; do
    read -r this other <<<"$half"
    "${CC:-cc}" -x c -c - -o "$work/$this.o" <<<"int canp_$other(void); int canp_$this(void); int canp_$this(void) { return canp_$other(); }"
done
must_fail "a circle of calls" '^circle: pools/a pools/b' \
    python3 "$here/rooms.py" "$work/tree" "$build_dir" "pools/a=$work/a.o" "pools/b=$work/b.o"
