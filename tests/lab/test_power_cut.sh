#!/usr/bin/env bash
# Power cuts on ext4 and xfs (power_cut.py says how). CANP_POWER_CUTS: how many points each, or `all`.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
build=${CANP_BUILD:-$here/../../build/release}
program=$(readlink -f "$build/tests/power_cut")
work=$(mktemp -d /tmp/canp-power-XXXXXX) || exit 3
bad=0

clean_up() {
    mountpoint -q "$work/mnt" && umount "$work/mnt"
    dmsetup --noudevsync --noudevrules remove cut 2>/dev/null
    losetup --list --noheadings --output NAME,BACK-FILE | awk -v d="$work/" 'index($2, d) == 1 {print $1}' |
        xargs -r -n1 losetup -d
    rm -rf "$work"
}
trap clean_up EXIT

if ! said=$(modprobe -a loop dm-mod dm-log-writes 2>&1); then
    echo "skip power cuts: this kernel has no dm-log-writes: $said"
    exit 0
fi
cd "$work" || exit 3
for fs in ext4 xfs; do
    if ! command -v "mkfs.$fs" >/dev/null || ! modprobe -q "$fs"; then
        echo "skip power cuts on $fs: no mkfs.$fs, or the kernel has no $fs"
        continue
    fi
    if python3 "$here/power_cut.py" "$fs" "$program" "${CANP_POWER_CUTS:-6}" >said 2>&1; then
        echo "ok power cuts on $fs: $(tail -n 1 said)"
    else
        echo "not ok power cuts on $fs: $(tail -n 8 said)"
        bad=1
    fi
    rm -f ./*.img
done
exit "$bad"
