#!/bin/busybox sh
# shellcheck shell=dash
# /init of the lab's guest: loads modules, makes the guest's root (the host's tree,
# read-only, below a tmpfs that takes the writes), mounts what is shared writable and
# hands over to guest-session.sh inside that root. Runs in busybox ash as process 1;
# if it fails it says so on the console and powers off, which the host sees.

bb=/bin/busybox
export PATH=/bin

fail() {
    echo "lab-guest: $*"
    $bb poweroff -n -f
    $bb sleep 60
}

mount_9p() { # TAG DIR OPTIONS
    $bb mount -t 9p -o "trans=virtio,version=9p2000.L,msize=524288,$3" "$1" "$2" || fail "cannot mount $1 on $2"
}

$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev
while read -r module; do
    $bb insmod "/modules/$module" || echo "lab-guest: cannot load $module"
done </modules/order

mount_9p host /host ro,cache=loose
$bb mount -t tmpfs -o mode=755,size=75% cow /cow
$bb mkdir /cow/upper /cow/work
$bb mount -t overlay -o lowerdir=/host,upperdir=/cow/upper,workdir=/cow/work root /root || fail "cannot mount the overlay"
cd /root || fail "no root"

$bb mount -t proc proc proc
$bb mount -t sysfs sysfs sys
$bb mount -t cgroup2 cgroup2 sys/fs/cgroup 2>/dev/null
$bb mount -t devtmpfs dev dev
$bb mkdir -p dev/pts dev/shm dev/mqueue
$bb mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
$bb mount -t tmpfs -o mode=1777 shm dev/shm
$bb mount -t mqueue mqueue dev/mqueue 2>/dev/null
$bb ln -sfn /proc/self/fd dev/fd
$bb ln -sfn /proc/self/fd/0 dev/stdin
$bb ln -sfn /proc/self/fd/1 dev/stdout
$bb ln -sfn /proc/self/fd/2 dev/stderr
$bb mount -t tmpfs -o mode=755 run run
$bb mkdir -p run/lock run/lab/ctl tmp
$bb mount -t tmpfs -o mode=1777,size=75% tmp tmp

# The control directory is this run's own: COMMAND, its output, its exit status.
mount_9p ctl run/lab/ctl cache=none
version=$($bb uname -r)
$bb mkdir -p "lib/modules/$version"
mount_9p modules "lib/modules/$version" ro,cache=loose

# What the host shares writable comes last, so that it may lie below /tmp.
n=0
while IFS= read -r dir; do
    $bb mkdir -p "./$dir"
    mount_9p "share$n" "./$dir" cache=loose
    n=$((n + 1))
done <run/lab/ctl/shares

# The session's interpreter must not depend on the host's programs.
$bb cp $bb /session.sh run/lab/
$bb mount --move . /
exec $bb chroot . /run/lab/busybox sh /run/lab/session.sh
