# shellcheck shell=bash
# What every part of the lab needs: messages, exit statuses, packages, the cache.
# Sourced by scripts/lab; nothing here runs by itself.

# Exit statuses of the lab itself; every other status is COMMAND's own.
# shellcheck disable=SC2034 # for native.sh and vm.sh
readonly LAB_TIMED_OUT=124 # --timeout ended COMMAND
readonly LAB_FAILED=125    # the lab could not run COMMAND, or its guest died under it

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit "$LAB_FAILED"
}

# package_missing PACKAGE: true unless the thing that we use of it is there.
package_missing() {
    case $1 in
    busybox-static) ! static_busybox >/dev/null ;;
    qemu-system-x86) ! command -v qemu-system-x86_64 >/dev/null ;;
    kmod) ! command -v modprobe >/dev/null || ! command -v depmod >/dev/null ;;
    iproute2) ! command -v ip >/dev/null ;;
    xz-utils) ! command -v xz >/dev/null ;;
    util-linux) ! command -v setpriv >/dev/null || ! command -v flock >/dev/null ;;
    *) ! command -v "$1" >/dev/null ;;
    esac
}

# static_busybox: prints the path of a busybox that needs no libraries.
static_busybox() {
    local path
    for path in /usr/bin/busybox /bin/busybox; do
        if [[ -x $path ]] && ! ldd "$path" >/dev/null 2>&1; then
            printf '%s\n' "$path"
            return
        fi
    done
    return 1
}

# need_packages PACKAGE...: installs those that are missing, with sudo when not root.
need_packages() {
    local missing=() package as_root=()
    for package in "$@"; do
        if package_missing "$package"; then missing+=("$package"); fi
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die "needs the packages: ${missing[*]} (apt-get install them as root; there is no sudo here)"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    {
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}" ||
            {
                "${as_root[@]}" apt-get -q update &&
                    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                        apt-get -q -y install --no-install-recommends "${missing[@]}"
            }
    } >"$CACHE/apt-install.log" 2>&1 </dev/null ||
        die "could not install ${missing[*]}: see $CACHE/apt-install.log"
}

# checkout_of DIR: prints the top of the git checkout that DIR lies in, or DIR itself.
checkout_of() {
    local dir=$1
    while [[ $dir != / && -n $dir ]]; do
        if [[ -e $dir/.git ]]; then
            printf '%s\n' "$dir"
            return
        fi
        dir=${dir%/*}
    done
    printf '%s\n' "$1"
}

# can_mtu: prints the MTU of vcan0 and vcan1. FD unless asked for XL: the senders of
# Debian 12's can-utils refuse FD frames on an interface with the XL MTU.
can_mtu() { if [[ ${CANP_LAB_XL:-} == 1 ]]; then echo 2060; else echo 72; fi; }
