# shellcheck shell=bash
# Debian's kernels for the lab: found through the machine's own mirror, downloaded
# and unpacked (never installed) into the cache. No version is pinned: the image of
# the day is read off the dependencies of linux-image-amd64. Needs no root.

# suite_of KERNEL: prints the Debian suite that --kernel KERNEL names.
suite_of() {
    case $1 in
    bookworm) echo bookworm ;;
    backports) echo bookworm-backports ;;
    sid) echo sid ;;
    *) return 1 ;;
    esac
}

# mirror_uri: prints the URI of the Debian archive that this machine's apt uses.
mirror_uri() {
    local uri
    while read -r uri _; do
        uri=${uri#\'}
        if [[ $uri =~ ^(.+)/dists/(bookworm|trixie|forky|sid|stable|testing|unstable)/InRelease ]]; then
            printf '%s\n' "${BASH_REMATCH[1]}"
            return
        fi
    done < <(apt-get update --print-uris 2>/dev/null)
    echo http://deb.debian.org/debian
}

# write_apt_config DIR SUITE: an apt that knows one suite and touches nothing of the system's.
write_apt_config() {
    local dir=$1 suite=$2 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    : >"$dir/status"
    printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$keyring" "$(mirror_uri)" "$suite" >"$dir/sources.list"
    cat >"$dir/apt.conf" <<END
Dir::State "$dir";
Dir::State::lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Sandbox::User "";
APT::Default-Release "";
Acquire::Languages "none";
Acquire::Retries "3";
END
}

# image_packages CONF: prints the packages behind linux-image-amd64 that hold the
# kernel and its modules: one image package, or in newer suites binary and modules.
image_packages() {
    local conf=$1 queue=(linux-image-amd64) found=() package dep
    while ((${#queue[@]})); do
        package=${queue[0]}
        queue=("${queue[@]:1}")
        if [[ $package != linux-image-amd64 ]]; then found+=("$package"); fi
        while read -r dep; do
            [[ $dep =~ ^linux-(image|binary|modules)-[0-9] ]] || continue
            [[ " ${found[*]} ${queue[*]} " == *" $dep "* ]] || queue+=("$dep")
        done < <(APT_CONFIG=$conf apt-cache depends --no-recommends --no-suggests --no-conflicts \
            --no-breaks --no-replaces --no-enhances "$package" 2>/dev/null |
            sed -n 's/^ *|\{0,1\}Depends: //p')
    done
    printf '%s\n' "${found[@]}"
}

# unpack_kernel WORK: downloads and unpacks the image of the day into WORK/root.
unpack_kernel() {
    local work=$1 packages deb
    APT_CONFIG=$work/apt.conf apt-get -q update || return
    mapfile -t packages < <(image_packages "$work/apt.conf")
    ((${#packages[@]})) && [[ ${packages[0]} ]] || return
    printf 'packages: %s\n' "${packages[*]}"
    mkdir -p "$work/debs" "$work/root"
    (cd "$work/debs" && APT_CONFIG=$work/apt.conf apt-get -q download "${packages[@]}") || return
    for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root" || return; done
}

# u32_at FILE OFFSET: prints a little-endian number.
u32_at() { od -A n -t u4 -j "$2" -N 4 --endian=little "$1" | tr -d ' '; }

# plain_kernel VMLINUZ FILE: unpacks the kernel in a bzImage (its header says where it
# is: Documentation/arch/x86/boot.rst), which spares the guest 3 s of doing that under
# tcg. True if it has the entry point for it, Xen's note PHYS32_ENTRY (CONFIG_PVH).
plain_kernel() {
    local start length tool
    start=$((($(od -A n -t u1 -j $((0x1f1)) -N 1 "$1") + 1) * 512 + $(u32_at "$1" $((0x248)))))
    length=$(($(u32_at "$1" $((0x24c))) - 4)) # the last word is the size when unpacked
    case $(od -A n -t x1 -j "$start" -N 4 "$1") in
    ' fd 37 7a 58') tool=xz ;;
    ' 28 b5 2f fd') tool=zstd ;;
    *) return 1 ;;
    esac
    head -c $((start + length)) "$1" | tail -c "$length" | "$tool" -qdc >"$2" &&
        LC_ALL=C grep -q -a -P '\x04\x00{3}[\x04\x08]\x00{3}\x12\x00{3}Xen\x00' "$2"
}

# settle_kernel WORK DEST: arranges what was unpacked as DEST/vmlinuz, DEST/vmlinux if
# it can be had, DEST/lib/modules/VERSION with its indexes, and DEST/version.
settle_kernel() {
    local work=$1 dest=$2 version image modules
    modules=$(find "$work/root" -type d -path '*/lib/modules/*' -prune | sort -V | tail -n 1)
    [[ $modules ]] || return
    version=${modules##*/}
    image=$(find "$work/root" -type f \( -name "vmlinuz-$version" -o -path "*/$version/vmlinuz" \) | head -n 1)
    [[ $image ]] || return
    mkdir -p "$dest/lib/modules"
    mv "$image" "$dest/vmlinuz"
    mv "$modules" "$dest/lib/modules/$version"
    # Big, and of no use on a machine without their hardware.
    rm -rf "$dest/lib/modules/$version/kernel/"{sound,drivers/gpu,drivers/media,drivers/infiniband,drivers/net/wireless}
    depmod -b "$dest" "$version" || return
    plain_kernel "$dest/vmlinuz" "$dest/vmlinux" || rm -f "$dest/vmlinux"
    printf '%s\n' "$version" >"$dest/version"
}

# kernel_dir KERNEL: prints where the kernel is that KERNEL means at present.
kernel_dir() { readlink -f "$CACHE/kernels/$1/current"; }

# fetch_kernel KERNEL HOME: adds the kernel of the day to HOME and makes it the current
# one. The one before stays, as a guest may be running it; older ones go.
fetch_kernel() {
    local work=$2/new version previous
    rm -rf "$work"
    mkdir -p "$work"
    write_apt_config "$work" "$(suite_of "$1")"
    unpack_kernel "$work" && settle_kernel "$work" "$work/done" || return
    version=$(<"$work/done/version")
    previous=$(readlink "$2/current")
    if [[ $version != "$previous" ]]; then
        rm -rf "${2:?}/$version"
        mv "$work/done" "$2/$version" && ln -sfn "$version" "$2/current" || return
        find "$2" -mindepth 1 -maxdepth 1 -type d ! -name "$version" ! -name "${previous:-$version}" -exec rm -rf {} +
    fi
    rm -rf "$work"
}

# kernel_ready KERNEL: makes sure that there is a kernel; once there is, nothing is asked
# of the network again (CANP_LAB_UPDATE=1 does).
kernel_ready() {
    local home=$CACHE/kernels/$1 lock
    [[ -s $home/current/version && -z ${CANP_LAB_UPDATE:-} ]] && return
    mkdir -p "$home"
    exec {lock}>"$home/lock"
    flock "$lock"
    if [[ ! -s $home/current/version || ${CANP_LAB_UPDATE:-} ]]; then
        say "downloading the kernel of Debian $(suite_of "$1") into $home"
        fetch_kernel "$1" "$home" >"$home/log" 2>&1 </dev/null || {
            sed 's/^/lab:   /' <(tail -n 5 "$home/log") >&2
            die "no kernel from Debian $(suite_of "$1"): see $home/log"
        }
    fi
    exec {lock}>&-
}
