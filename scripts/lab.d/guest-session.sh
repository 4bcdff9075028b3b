# shellcheck shell=dash
# Process 1 of the lab's guest once its root is mounted: brings the interfaces up, runs
# COMMAND (ctl/command.sh, for the host's bash) with its output going to files that
# the host follows, then leaves its exit status in ctl/status and powers off.
# The second serial port brings signals from the host, one name per line.

cd /
bb=/run/lab/busybox
ctl=/run/lab/ctl
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

power_off() {
    $bb poweroff -n -f
    while :; do $bb sleep 60; done
}

fail() {
    echo "lab-guest: $*"
    power_off
}

bring_up_can() {
    ip link set lo up
    for name in vcan0 vcan1; do
        ip link add dev "$name" type vcan || fail "no $name"
        ip link set "$name" mtu "$(cat $ctl/mtu)" || fail "no such MTU on $name"
        ip link set "$name" up || fail "$name does not come up"
    done
    [ -e /sys/class/net/can1 ] || fail "no can1"
}

# Hands each signal that the host sends to COMMAND's process group.
pass_signals() {
    $bb stty -F /dev/ttyS1 raw -echo
    while read -r signal; do
        read -r pid </run/lab/pid && kill -s "$signal" -- "-$pid"
    done </dev/ttyS1
}

# Ends what COMMAND left behind: every process with a program, but ours.
kill_leftovers() {
    for dir in /proc/[0-9]*; do
        pid=${dir#/proc/}
        case " 1 $$ $pumps " in *" $pid "*) continue ;; esac
        [ -n "$($bb readlink "$dir/exe" 2>/dev/null)" ] && kill -9 "$pid" 2>/dev/null
    done
}

$bb hostname canp-lab
grep -qw canp-lab /etc/hosts 2>/dev/null || echo "127.0.1.1 canp-lab" >>/etc/hosts
bring_up_can

# Pipes, not the files themselves: COMMAND may open /dev/stdout anew.
$bb mkfifo /run/lab/out /run/lab/err
$bb cat /run/lab/out >$ctl/stdout &
pumps=$!
if [ -e $ctl/merge ]; then
    $bb rm /run/lab/err
    $bb ln -s out /run/lab/err
else
    $bb cat /run/lab/err >$ctl/stderr &
    pumps="$pumps $!"
fi
pass_signals 2>/dev/null &
echo "$!" >/run/lab/signals.pid

ulimit -S -n 1024
ulimit -H -n 524288
ulimit -c 0
: >$ctl/ready
# In the foreground, so that the shell does not make it ignore SIGINT; in a subshell, so
# that the shell's own word on a signal that ended it does not go to COMMAND's stderr.
(exec $bb setsid bash $ctl/command.sh </dev/null >/run/lab/out 2>/run/lab/err)
status=$?

kill_leftovers 2>/dev/null
# shellcheck disable=SC2086 # a list of process ids
wait $pumps
while IFS= read -r dir; do
    $bb sync -f "$dir" || sync -f "$dir"
done <$ctl/shares
echo "$status" >$ctl/status.new
$bb mv $ctl/status.new $ctl/status
power_off
