# shellcheck shell=bash
# The initramfs: a static busybox, the modules that lead to the host's files and to
# the CAN interfaces, and guest-boot.sh as /init. Built once per kernel and per
# version of its parts; the name carries their checksum.

# What the guest loads before COMMAND; all else is there for modprobe.
readonly LAB_MODULES=(virtio_pci 9pnet_virtio 9p overlay can_raw vcan kvaser_pci)

# module_order KERNEL_DIR VERSION: prints the module files in the order of loading.
module_order() {
    local name
    for name in "${LAB_MODULES[@]}"; do
        # A module that is built in has no insmod line, and that is no error.
        modprobe -C /dev/null -d "$1" -S "$2" --show-depends "$name" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
    done | awk '!seen[$0]++'
}

# add_module FILE DIR: copies a module into DIR, uncompressed; prints its name there.
add_module() {
    local name=${1##*/}
    case $name in
    *.xz) name=${name%.xz} && xz -dc "$1" >"$2/$name" ;;
    *.zst) name=${name%.zst} && zstd -qdc "$1" >"$2/$name" ;;
    *) cp "$1" "$2/$name" ;;
    esac || return
    printf '%s\n' "$name"
}

# build_initramfs KERNEL_DIR VERSION BUSYBOX FILE
build_initramfs() {
    local tree file
    tree=$(mktemp -d "$CACHE/initramfs.XXXXXX") || return
    mkdir -p "$tree"/{bin,modules,dev,proc,sys,host,cow,root}
    cp "$3" "$tree/bin/busybox"
    cp "$LAB_D/guest-boot.sh" "$tree/init"
    cp "$LAB_D/guest-session.sh" "$tree/session.sh"
    chmod 755 "$tree/init"
    while read -r file; do
        add_module "$file" "$tree/modules" || break
    done < <(module_order "$1" "$2") >"$tree/modules/order"
    [[ -e $tree/modules/vcan.ko ]] &&
        (cd "$tree" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$4.$$" &&
        mv "$4.$$" "$4"
    file=$?
    rm -rf "$tree"
    return "$file"
}

# initramfs_ready KERNEL_DIR: prints the path of the initramfs, built if need be.
initramfs_ready() {
    local dir=$1 version sum busybox image
    version=$(<"$dir/version")
    busybox=$(static_busybox) || die "no static busybox (package busybox-static)"
    sum=$(cat "$LAB_D"/guest-*.sh "$LAB_D/initramfs.sh" "$busybox" | sha256sum)
    image=$dir/initramfs-${sum:0:16}
    if [[ ! -s $image ]]; then
        # Others may be about to boot a recent one: another checkout's has another name.
        find "$dir" -maxdepth 1 -name 'initramfs-*' -mtime +3 -delete
        build_initramfs "$dir" "$version" "$busybox" "$image" || die "could not build the initramfs of $version in $dir"
    fi
    touch "$image"
    printf '%s\n' "$image"
}
