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

# Transports as the kernel and can-utils speak them: what isotpsend and j1939cat send is what canp puts together.
messages() { # COMMAND...: what dump --transport has of what it sends, as PROTOCOL LENGTH DATA
    rm -rf "$work/rec"
    start_record -o "$work/rec" vcan0 || return 1
    "$@"
    for ((i = 0; i < 400; i++)); do
        "$canp" dump --transport "$work/rec" 2>/dev/null | awk '{ $1 = $2 = $3 = ""; print substr($0, 4) }' >"$work/messages"
        [ -s "$work/messages" ] && break
        sleep 0.05
    done
    end_record
}
is_listening() { # PROTOCOL: a socket of it is bound
    local i
    for ((i = 0; i < 200; i++)); do
        grep -qs "$1" /proc/net/can/rcvlist_* && return 0
        sleep 0.05
    done
    return 1
}
has_bytes() { # FILE: the message's bytes
    diff <(od -An -v -tx1 -w1 "$1" | tr -d ' \n' | tr a-f A-F) <(head -n 1 "$work/messages" | sed 's/.*\] //' | tr -d ' \n')
}

send_isotp() {
    timeout 60 isotprecv -s 7E0 -d 7E8 vcan0 >"$work/received" &
    local receiver=$!
    is_listening isotp
    od -An -v -tx1 "$work/sent" | timeout 60 isotpsend -s 7E8 -d 7E0 vcan0
    wait "$receiver"
}
head -c 1000 /dev/urandom >"$work/sent"
if modprobe can-isotp 2>/dev/null && command -v isotpsend isotprecv >/dev/null; then
    messages send_isotp
    check "isotprecv got what isotpsend sent" diff <(od -An -v -tx1 -w1 "$work/sent" | tr -d ' \n') <(tr -d ' \n' <"$work/received" | tr A-F a-f)
    check "ISO-TP as canp reads it" has_bytes "$work/sent"
else
    skip "isotpsend" "no can-isotp, or no can-utils"
fi

send_j1939() {
    j1939cat -r vcan0:0x90 >"$work/received" &
    local receiver=$!
    is_listening j1939
    timeout 60 j1939cat -i "$work/sent" vcan0:0x80 :0x90,0x12300 2>/dev/null
    for ((i = 0; i < 200; i++)); do
        [ "$(stat -c %s "$work/received")" -ge "$(stat -c %s "$work/sent")" ] && break
        sleep 0.05
    done
    kill "$receiver" 2>/dev/null
    wait "$receiver" 2>/dev/null
}
if modprobe can-j1939 2>/dev/null && command -v j1939cat >/dev/null; then
    for length in 1000 20000; do # the second by the extended protocol
        head -c "$length" /dev/urandom >"$work/sent"
        messages send_j1939
        check "j1939cat received its $length bytes" cmp "$work/sent" "$work/received"
        check "and canp read them" has_bytes "$work/sent"
        check "by its protocol" grep -q "^$([ "$length" -gt 1785 ] && echo ETP || echo RTS) " "$work/messages"
    done
else
    skip "j1939cat" "no can-j1939, or no can-utils"
fi
finish
