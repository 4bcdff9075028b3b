# shellcheck shell=bash
# COMMAND on this machine's own kernel, in a network namespace of its own, so that
# the user's interfaces are neither seen nor touched.

# native_possible: true where one is root and the kernel has AF_CAN and vcan.
native_possible() {
    ((EUID == 0)) || return 1
    command -v ip >/dev/null && command -v unshare >/dev/null || return 1
    modprobe -q -a can_raw vcan 2>/dev/null
    unshare -n sh -c 'ip link add dev vcan0 type vcan && test -d /proc/net/can' >/dev/null 2>&1
}

# native_run TIME_LIMIT COMMAND...: becomes COMMAND.
native_run() {
    local limit=$1
    shift
    # shellcheck disable=SC2016 # expanded by the inner shell
    LAB_FAILED=$LAB_FAILED LAB_MTU=$(can_mtu) exec unshare -n -- bash -c '
        ip link set lo up
        for name in vcan0 vcan1; do
            ip link add dev "$name" type vcan &&
                ip link set "$name" mtu "$LAB_MTU" &&
                ip link set "$name" up || exit "$LAB_FAILED"
        done
        exec "$@"' lab env -u LAB_FAILED -u LAB_MTU CANP_LAB=native timeout --foreground -k 5 "$limit" "$@"
}
