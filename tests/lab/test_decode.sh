#!/usr/bin/env bash
# canp decode on an interface: values as frames come, of several frames as well; it ends by a signal with status 0.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/a.dbc" <<END
BO_ 256 Engine: 8 ECU
 SG_ Speed : 0|16@1+ (0.25,0) [0|1000] "rpm" X
BO_ $((0x98FEE300)) Config: 10 ECU
 SG_ Last : 64|16@1+ (1,0) [0|0] "" X
BA_DEF_ "ProtocolType" STRING ;
BA_ "ProtocolType" "J1939";
END

appears() { # PATTERN: in the output, soon
    local i
    for ((i = 0; i < 200; i++)); do
        grep -qE "$1" "$work/out" && return 0
        kill -0 "$decoder" 2>/dev/null || break
        sleep 0.05
    done
    cat "$work/out" "$work/err"
    return 1
}

listens() { # the probe is seen: it listens
    local i
    for ((i = 0; i < 100; i++)); do
        cansend vcan0 100#0400
        sleep 0.05
        grep -q 'Engine.Speed = 1 rpm' "$work/out" && return 0
    done
    return 1
}

"$canp" decode --dbc "$work/a.dbc" vcan0 >"$work/out" 2>"$work/err" &
decoder=$!
check "it listens" listens
cansend vcan0 100#B20C
check "a frame's value, at once" appears '^\([0-9]+\.[0-9]{9}\) vcan0 100 Engine.Speed = 812.5 rpm$'
for frame in 1CECFF21#200A0002FFE3FE00 1CEBFF21#0101020304050607 1CEBFF21#0208090AFFFFFFFF; do
    cansend vcan0 $frame
done
check "a message of three frames" appears 'vcan0 18FEE321 Config.Last = 2569$'
cansend vcan1 100#B20D
kill -INT "$decoder"
wait "$decoder"
status=$?
check "ends by SIGINT with status 0" test "$status" -eq 0
check "nothing of another interface" test -z "$(grep -v ' vcan0 ' "$work/out")"
check "--from is for recordings" bash -c "'$canp' decode --dbc '$work/a.dbc' vcan0 --from +1s 2>&1 | grep -q 'is an interface'"
finish
