#!/usr/bin/env bash
# The lab's own test: whether scripts/lab keeps what `scripts/lab --help` promises, in
# the VM and, from inside the VM, natively. Usage: selftest.sh [bookworm|backports|sid]
# One line per check; at the end `N passed, N failed`. Fourteen boots, some two minutes.
set -o nounset -o pipefail
set -m # background jobs in groups of their own, SIGINT not ignored: as at a terminal

kernel=${1:-bookworm}
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# A checkout's paths are arbitrary; and this one lies where the guest has its tmpfs.
work=$(mktemp -d "/tmp/lab selftest,XXXXXX") || exit
mark=labtest=$$
export CANP_LAB_APPEND="$mark" TMPDIR="$work/tmp" CANP_LAB_SHARE="$work/share" CANP_PROBE="a 'b' \"c\""
mkdir "$work/tmp" "$work/share"
trap '((BASHPID == $$)) && rm -rf "$work"' EXIT
cd "$top" || exit

passed=0 failed=0

# check NAME COMMAND...: one check is one command that has to succeed.
check() {
    local name=$1
    shift
    if "$@" >"$work/why" 2>&1; then
        echo "ok      $name"
        passed=$((passed + 1))
    else
        echo "FAILED  $name"
        sed 's/^/        /' "$work/why" "$work/err" | tail -n 20
        failed=$((failed + 1))
    fi
}

# lab ARGUMENT...: runs the lab; leaves $status, $seconds, and files out and err.
lab() {
    local start=$SECONDS
    "$top/scripts/lab" --kernel "$kernel" "$@" >"$work/out" 2>"$work/err"
    status=$?
    seconds=$((SECONDS - start))
}

# lab_start ARGUMENT...: the same in the background; $lab_pid.
lab_start() {
    : >"$work/out" # before, or until_says finds the last one's words
    "$top/scripts/lab" --kernel "$kernel" "$@" >"$work/out" 2>"$work/err" &
    lab_pid=$!
}

lab_wait() {
    wait "$lab_pid"
    status=$?
}

# until_says TEXT: waits until the guest's output has TEXT, 200 s at most.
until_says() {
    local i
    for ((i = 0; i < 2000; i++)); do
        if grep -q "$1" "$work/out"; then return; fi
        sleep 0.1
    done
    return 1
}

is() { [[ $1 == "$2" ]] || { echo "is '$1', not '$2'" && return 1; }; }
at_most() { (($1 <= $2)) || { echo "$1 s, not $2 s at most" && return 1; }; }
# shellcheck disable=SC2059 # a format is what they are given
out_is() { printf "$@" | cmp - "$work/out"; }
out_has() { grep -q -e "$1" "$work/out"; }
# shellcheck disable=SC2059
err_is() { printf "$@" | cmp - "$work/err"; }
err_has() { grep -q -e "$1" "$work/err"; }
nothing_left() {
    sleep 0.5
    ! pgrep -af "$mark" && is "$(ls "$work/tmp")" ""
}

streams_and_status() {
    lab -- sh -c 'echo out; echo err >&2; exit 7'
    check "exit status 7 comes out" is "$status" 7
    check "stdout is COMMAND's alone" out_is 'out\n'
    check "stderr is COMMAND's alone" err_is 'err\n'
    lab true
    check "exit status 0 comes out" is "$status" 0
    check "a silent command is silent" err_is ''
    ready_in_time
    # shellcheck disable=SC2016 # expanded in the guest
    "$top/scripts/lab" --kernel "$kernel" sh -c 'for i in 1 2 3; do echo o$i; echo e$i >&2; done' >"$work/out" 2>&1
    check "2>&1 keeps the order" out_is 'o1\ne1\no2\ne2\no3\ne3\n'
}

# The machine may be busy with something else: with more than two runnable processes a
# CPU it is the lab's own CPU time that counts.
ready_in_time() {
    local real cpu busy TIMEFORMAT='%0R %0U'
    read -r real cpu < <({ time lab true; } 2>&1)
    busy=$(awk -v cpus="$(nproc)" '{ print ($1 > 2 * cpus) }' /proc/loadavg)
    if ((busy)); then
        check "under 20 s of CPU time once all is cached ($cpu s; $real s on a busy machine)" at_most "$cpu" 20
    else
        check "under 20 s once all is cached ($real s)" at_most "$real" 20
    fi
}

usage_errors() {
    lab
    check "no COMMAND is a usage error" is "$status" 2
    lab --timeout soon true
    check "a timeout that is none is a usage error" is "$status" 2
    "$top/scripts/lab" --kernel potato true 2>"$work/err"
    check "an unknown kernel is a usage error" is $? 2
}

quoting_and_bytes() {
    # shellcheck disable=SC2016,SC1003 # as they stand
    local words=('a b' '' "it's \"so\"" $'new\nline' '*' '$HOME' '\' 'ü' $'\001\377' '-n' '~')
    lab printf '%s\0' "${words[@]}"
    check "argv arrives exactly" out_is '%s\0' "${words[@]}"
    head -c 5000000 /dev/urandom >"$work/share/blob"
    lab sh -c "cat '$work/share/blob'; printf '\r\n\004'"
    printf '\r\n\004' | cat "$work/share/blob" - >"$work/expected"
    check "stdout is exact to the byte" cmp "$work/expected" "$work/out"
    lab no-such-command
    check "a missing command is status 127" is "$status" 127
}

surroundings() {
    mkdir "$work/share/sub dir"
    cd "$work/share/sub dir" || exit
    # shellcheck disable=SC2016 # expanded in the guest
    lab bash -c '
        set -x
        [[ $CANP_LAB == vm ]] && echo has-lab
        [[ $CANP_PROBE == "a '\''b'\'' \"c\"" && $PATH == "$1" && $HOME == "$2" ]] && echo has-env
        [[ $EUID == 0 && $PWD == "$3" ]] && echo has-place
        echo from-the-guest >written
        touch "$4/.lab-selftest" && rm "$4/.lab-selftest" && echo has-tree
        [[ $(df --output=fstype /tmp | tail -n 1) == tmpfs ]] && echo has-tmp
        ls -d /proc/self/fd /sys/class/net /dev/pts/ptmx /dev/fd/0 /dev/null && mountpoint /dev/shm && echo has-dirs
        touch /etc/lab-selftest && echo may-write-elsewhere
        exec 9>/dev/stderr && echo may-open-stderr >&9
        (($(ulimit -Hn) >= 65536)) && echo has-limits
        modprobe dm-flakey && modprobe dm-log-writes && modprobe loop && modprobe xfs && echo has-modules
        truncate -s 64M /tmp/image && mkfs.ext4 -q /tmp/image && mkdir /tmp/mnt && mount -o loop /tmp/image /tmp/mnt &&
            echo x >/tmp/mnt/x && umount /tmp/mnt && echo has-ext4
        cd "$4" && scripts/lab sh -c "echo in=\$CANP_LAB; ip -br link show vcan1; exit 9"
        echo "status=$?"
        sleep 1000 &
        ' bash "$PATH" "$HOME" "$PWD" "$top"
    cd "$top" || exit
    check "CANP_LAB says vm" out_has has-lab
    check "CANP_*, PATH and HOME pass" out_has has-env
    check "root, in the current directory" out_has has-place
    check "a file written is there afterwards" is "$(cat "$work/share/sub dir/written")" from-the-guest
    check "this tree is writable" out_has has-tree
    check "/tmp is a tmpfs" out_has has-tmp
    check "/proc, /sys, /dev are as expected" out_has has-dirs
    check "elsewhere may be written" out_has may-write-elsewhere
    check "and that stays in the guest" test ! -e /etc/lab-selftest
    check "stderr can be opened anew" err_has may-open-stderr
    check "file descriptors are not scarce" out_has has-limits
    check "modprobe finds dm-flakey, dm-log-writes, loop, xfs" out_has has-modules
    check "ext4 in a file can be mounted" out_has has-ext4
    check "the lab inside the lab is native" out_has '^in=native'
    check "with its own vcan1" out_has '^vcan1'
    check "and its exit status" out_has '^status=9'
    check "a process left behind does not hold it up ($seconds s)" at_most "$seconds" 90
}

can_buses() {
    # shellcheck disable=SC2016 # expanded in the guest
    lab bash -c '
        ip -d link show
        for bus in vcan0:vcan0 vcan1:vcan1 can0:can1 can1:can0; do
            from=${bus%:*} to=${bus#*:}
            [[ $from == can0 ]] && for i in can0 can1; do ip link set $i up type can bitrate 500000 || exit; done
            [[ $from == v* ]] && cat /sys/class/net/$from/flags
            candump -n 1 -T 5000 -L $to >/tmp/$bus & sleep 0.5
            cansend $from 123#DEADBEEF
            wait $!
            echo "$bus $(cut -d" " -f 2- /tmp/$bus)"
        done
        candump -n 1 -T 5000 -L vcan0 >/tmp/fd & sleep 0.5
        cansend vcan0 123##1DEADBEEF
        wait $!
        echo "fd $(cut -d" " -f 3 /tmp/fd)"
        cat /proc/net/can/stats >/dev/null && ip -d link show can0'
    check "vcan0 carries a frame" out_has '^vcan0:vcan0 vcan0 123#DEADBEEF'
    check "vcan1 carries a frame" out_has '^vcan1:vcan1 vcan1 123#DEADBEEF'
    check "vcan0 carries an FD frame" out_has '^fd 123##[15]DEADBEEF'
    check "can0 -> can1 at 500000" out_has '^can0:can1 can1 123#DEADBEEF'
    check "can1 -> can0 at 500000" out_has '^can1:can0 can0 123#DEADBEEF'
    check "can0 is a controller with a state" out_has 'can state ERROR-ACTIVE'
    CANP_LAB_XL=1 lab cat /sys/class/net/vcan0/mtu /sys/class/net/vcan1/mtu
    check "CAN XL on request" out_is '2060\n2060\n'
}

limits_and_deaths() {
    lab --timeout 3 bash -c 'trap "" TERM; echo here; while :; do sleep 1; done'
    check "a hanging command ends with 124" is "$status" 124
    check "its output so far came out" out_is 'here\n'
    check "and it says why" err_has 'limit of 3 s'
    check "soon ($seconds s)" at_most "$seconds" 90
    lab bash -c 'echo here; sleep 0.5; echo c >/proc/sysrq-trigger; sleep 100'
    check "a panic ends with 125" is "$status" 125
    check "and says so" err_has 'kernel panicked: not syncing: sysrq triggered crash'
    check "soon ($seconds s)" at_most "$seconds" 90
    check "output before it came out" out_is 'here\n'
    lab poweroff -n -f
    check "a guest that powers off by itself ends with 125" is "$status" 125
    CANP_LAB_BOOT_TIMEOUT=25 CANP_LAB_APPEND="$mark init=/nowhere rdinit=/nowhere break=1 root=/dev/none" lab true
    check "a guest that does not boot ends with 125" is "$status" 125
    check "and it says why" err_has 'did not come up'
    check "nothing is left of all that" nothing_left
}

signals() {
    lab_start bash -c 'trap "echo caught; exit 3" INT; echo here; while :; do sleep 0.1; done'
    until_says here && kill -INT -- "-$lab_pid" && lab_wait
    check "Ctrl-C reaches COMMAND" is "$status" 3
    check "and its last words come out" out_is 'here\ncaught\n'
    lab_start bash -c 'echo here; exec sleep 100'
    until_says here && kill -TERM "$lab_pid" && lab_wait
    check "SIGTERM ends COMMAND: 143" is "$status" 143
    lab_start bash -c 'trap "" INT; echo here; while :; do sleep 1; done'
    until_says here && kill -INT -- "-$lab_pid" && sleep 1 && kill -INT -- "-$lab_pid" && lab_wait
    check "the second Ctrl-C ends the guest: 130" is "$status" 130
    lab_start true
    sleep 2 && kill -INT -- "-$lab_pid" && lab_wait
    check "Ctrl-C during the boot: 130" is "$status" 130
    "$top/scripts/lab" --kernel "$kernel" sh -c 'yes | head -c 50000000; sleep 100' 2>"$work/err" | head -n 1 >/dev/null
    status=${PIPESTATUS[0]}
    check "a reader that closes ends COMMAND: 141" is "$status" 141
    check "nothing is left of all that" nothing_left
    lab_start sleep 100
    sleep 2
    check "it runs while it runs" pgrep -f "$mark"
    kill -KILL "$lab_pid" && wait "$lab_pid" 2>/dev/null
    sleep 1
    check "SIGKILL leaves no qemu" is "$(pgrep -f "$mark")" ""
}

side_by_side() {
    local pids=() i
    for i in 1 2; do
        "$top/scripts/lab" --kernel "$kernel" sh -c "sleep 2; exit $i" >/dev/null 2>"$work/err" &
        pids+=($!)
    done
    wait "${pids[0]}"
    check "two labs side by side: the one" is $? 1
    wait "${pids[1]}"
    check "two labs side by side: the other" is $? 2
    check "nothing is left of them, nor of the killed one" nothing_left
}

lab --timeout 600 true # the download, if any, is none of the checks' time
usage_errors
streams_and_status
quoting_and_bytes
surroundings
can_buses
limits_and_deaths
signals
side_by_side
echo "$passed passed, $failed failed"
((failed == 0))
