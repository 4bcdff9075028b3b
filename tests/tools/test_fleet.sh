#!/usr/bin/env bash
# canp ship, collect and fleet with a real nats-server on loopback: whatever is killed, refused or lost on the way, what
# is collected is what was recorded, each record once, or a gap says what is missing.
# usage: test_fleet.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
source_dir=$1 grow=$2/tests/grow drive=$2/tests/bench_drive
[ -x "$2/tools/canp-stream" ] || { echo "built without libnats" && exit 77; }
command -v nats-server >/dev/null || { echo "no nats-server here" && exit 77; }
server=0 port=0
trap 'kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT

wait_for() { # COMMAND...: until it succeeds; half a minute is not waited for, it is given up
    for _ in {1..600}; do "$@" && return 0; sleep 0.05; done
    echo "waited in vain for: $*" && return 1
}
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
start_server() { # [CONFIGURATION]: the same port and store as before, if there was one
    [ $port -ne 0 ] || port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf 'listen: "127.0.0.1:%s"\njetstream { store_dir: "%s/js" }\n%s\n' "$port" "$work" "${1:-}" >"$work/nats.conf"
    nats-server -c "$work/nats.conf" >"$work/nats.log" 2>&1 &
    server=$!
    disown $server
    url=nats://127.0.0.1:$port
    wait_for listens
}
stop_server() { kill -9 $server && wait_for gone; }
gone() { ! kill -0 $server 2>/dev/null; }
fresh() { # [CONFIGURATION]: a server without anything, and nothing collected
    stop_server
    rm -rf "$work/js" "$work/got"
    start_server "${1:-}"
    "$canp" fleet "$url" --create >/dev/null
}
same() { # RECORDING COLLECTED
    "$canp" verify "$2" >/dev/null && cmp <("$canp" dump -f json "$1") <("$canp" dump -f json "$2")
}
stored() { echo "$work"/got/"$1"/*; } # of a vehicle with one recording
raw() { /usr/bin/python3 "$source_dir/tests/tools/nats_raw.py" "$port" "$@"; }
collect() { "$canp" collect --from "$url" -o "$work/got" "$@"; }

start_server
"$canp" fleet "$url" --create
"$drive" make "$work/drive" 120000 0 1048576 >/dev/null

# ---- the usual way -------------------------------------------------------------------------------------------------
check "a recording is shipped" status_is 0 "$canp" ship "$work/drive" --to "$url" --vehicle car --json
shipped() { says '"frames":120000,' && says '"repeated":0,'; }
check "all of it, once" shipped
check "in less than 5 bytes a frame" /usr/bin/python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); assert o["bytes"] < 5 * o["frames"], o' "$work/out"
check "it is collected" status_is 0 collect --json
check "the same" same "$work/drive" "$(stored car)"
again() { status_is 0 "$canp" ship "$work/drive" --to "$url" --vehicle car --json && says '"messages":0,'; }
check "what the stream has is not sent again" again
nothing() { status_is 0 collect --json && says '"messages":0,'; }
check "nor collected again" nothing
table() { status_is 0 "$canp" fleet "$url" --json && says '"vehicle":"car"' && says '"state":"ships"'; }
check "the fleet's table" table
readable() { status_is 0 "$canp" fleet "$url" && grep -q '^car ' "$work/out"; }
check "for people" readable

# ---- read from afar --------------------------------------------------------------------------------------------------
remote=$url/car/$(basename "$(stored car)")
far() { cmp <("$canp" dump "$remote") <("$canp" dump "$work/drive"); }
check "a recording on the server is read" far
check "one that is not there" status_is 3 "$canp" info "$url/car/00000000000000000000000000000000"
check "is named so" complains "no such recording"
listed() { status_is 0 "$canp" fleet "$url" --recordings && grep -q "^car/$(basename "$remote") " "$work/out"; }
check "it is listed" listed
nothing_left() { [ -z "$(find "$work/tmp" -mindepth 1)" ]; }
mkdir "$work/tmp"
check "what was fetched" env TMPDIR="$work/tmp" "$canp" info "$remote"
check "goes" nothing_left

# ---- what is sent twice, in any order, or is no message ------------------------------------------------------------
check "all messages once more" raw again car
check "anything that is no message" raw hostile evil
check "in any order, to another recording" raw shuffle shuffled
noticed() { status_is 1 collect --json && ! says '"refused":0' >/dev/null && ! says '"duplicates":0' >/dev/null; }
check "collected" noticed
check "nothing changed" same "$work/drive" "$(stored car)"
check "order is restored" same "$work/drive" "$(stored shuffled)"
check "nothing outside of the vehicles' directories" [ "$(find "$work/got" -mindepth 1 -maxdepth 1 | sort | tr '\n' ' ')" = "$work/got/car $work/got/shuffled " ]

# ---- a recording that grows, a server that is killed ---------------------------------------------------------------
fresh
"$canp" ship "$work/live" --to "$url" --vehicle live --follow --linger 100ms >/dev/null 2>"$work/ship.err" &
shipper=$!
"$canp" collect --from "$url" -o "$work/got" --live >/dev/null 2>"$work/collect.err" &
collector=$!
live_is_same() { same "$work/live" "$(stored live)" 2>/dev/null; }
"$grow" "$work/live" 3 &
grower=$!
wait_for test -d "$work/got/live"
stop_server && start_server
live_lines() { "$canp" dump --follow "$url/live/$(basename "$(stored live)")" | head -n 1500 | diff - <("$canp" dump "$work/live" | head -n 1500); }
wait $grower
check "it is followed from afar" live_lines
check "a server is killed while a recording grows" wait_for live_is_same
kill $shipper $collector && wait $shipper $collector >/dev/null
check "both end cleanly" [ $? -eq 0 ]

# ---- killed in any moment ------------------------------------------------------------------------------------------
fresh
for _ in {1..8}; do
    "$canp" ship "$work/drive" --to "$url" --vehicle car --window 8 --rate-limit 60k >/dev/null 2>&1 &
    pid=$!
    "$canp" collect --from "$url" -o "$work/got" --live >/dev/null 2>&1 &
    other=$!
    sleep "0.$((RANDOM % 20 + 10))"
    kill -9 $pid $other
    wait $pid $other 2>/dev/null
done
check "a shipper that was killed goes on" status_is 0 "$canp" ship "$work/drive" --to "$url" --vehicle car
check "a collector, too" status_is 0 collect
check "each record once" same "$work/drive" "$(stored car)"

# ---- what the stream or the recorder does not have any more ---------------------------------------------------------
check "the stream is deleted" raw delete -
"$canp" fleet "$url" --create
check "all is shipped to the new one" status_is 0 "$canp" ship "$work/drive" --to "$url" --vehicle car --json
check "and dropped, for it is known" status_is 0 collect
check "the same after all" same "$work/drive" "$(stored car)"
fresh
raw delete - >/dev/null
"$canp" fleet "$url" --create --max-bytes 150k --discard-old
"$canp" ship "$work/drive" --to "$url" --vehicle car >/dev/null
check "the beginning is gone from the stream" status_is 1 collect
gap() { "$canp" verify "$(stored car)" && "$canp" dump -f json "$(stored car)" | grep -q '"kind":"gap","layer":"store"'; }
check "a gap says so" gap
fresh
cp -r "$work/drive" "$work/short" && rm "$work/short/00000002.canp"
"$canp" ship "$work/short" --to "$url" --vehicle car >/dev/null
check "retention was faster than the link" status_is 0 collect
check "a gap says so, too" gap

# ---- what a stream refuses -----------------------------------------------------------------------------------------
fresh
raw delete - >/dev/null
"$canp" fleet "$url" --create --max-bytes 100k
check "a stream is full" status_is 3 "$canp" ship "$work/drive" --to "$url" --vehicle car --give-up 1s
check "it says so" complains "maximum bytes exceeded"
check "what it has is sound" status_is 0 collect
check "verify agrees" "$canp" verify "$(stored car)"
fresh 'max_payload: 20000'
check "messages must be small" status_is 0 "$canp" ship "$work/drive" --to "$url" --vehicle car
check "they are collected" status_is 0 collect
check "the same of small messages" same "$work/drive" "$(stored car)"
check "no such stream" status_is 3 "$canp" ship "$work/drive" --to "$url" --stream OTHER --give-up 1s
check "it names it" complains "OTHER"
check "no server" status_is 3 "$canp" collect --from nats://127.0.0.1:1 -o "$work/none"

# ---- who may do what -----------------------------------------------------------------------------------------------
check "no secret in an argument" status_is 2 "$canp" ship "$work/drive" --to nats://a:b@127.0.0.1 --vehicle car
as() { # USER COMMAND...: with the password of the documented configuration
    local user=$1 password="change me as well"
    shift
    case $user in car) password="change me" ;; collector) password="change me, too" ;; esac
    env CANP_NATS_USER="$user" CANP_NATS_PASSWORD="$password" "$@"
}
stop_server
rm -rf "$work/js" "$work/got"
start_server "$(sed -n '/^```nats$/,/^```$/p' "$source_dir/tools/docs/fleet.md" | grep -v '^```')"
check "no password" status_is 3 "$canp" ship "$work/drive" --to "$url" --vehicle car --give-up 1s
check "the admin does" status_is 0 as admin "$canp" fleet "$url" --create
check "a vehicle ships" status_is 0 as car "$canp" ship "$work/drive" --to "$url" --vehicle car
check "not in another's name" status_is 3 as car "$canp" ship "$work/drive" --to "$url" --vehicle other --give-up 1s
check "nor does it collect" status_is 3 as car "$canp" collect --from "$url" -o "$work/stolen"
check "the collector does" status_is 0 as collector "$canp" collect --from "$url" -o "$work/got"
check "the same by permission" same "$work/drive" "$(stored car)"
check "the vehicle is in the table" status_is 0 as admin "$canp" fleet "$url" --json
check "by its name" says '"vehicle":"car"'

# ---- segments go when they are safe ------------------------------------------------------------------------------------
fresh
cp -r "$work/drive" "$work/freed"
check "segments are removed" status_is 0 "$canp" ship "$work/freed" --to "$url" --vehicle freed --delete-when-safe
left() { [ "$(find "$work/freed" -name '*.canp' | wc -l)" -eq 1 ]; }
check "the last one stays" left
check "two collectors share" status_is 0 "$canp" ship "$work/drive" --to "$url" --vehicle car
check "the first" status_is 0 "$canp" collect --from "$url" -o "$work/one" --share 1/2
check "the second" status_is 0 "$canp" collect --from "$url" -o "$work/two" --share 2/2
shared() { [ "$(find "$work/one" "$work/two" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' ')" = "car freed " ]; }
check "what they have together is all" shared
check "what was removed is the same" same "$work/drive" "$(find "$work/one/freed" "$work/two/freed" -mindepth 1 -maxdepth 1 2>/dev/null)"
exit $bad
