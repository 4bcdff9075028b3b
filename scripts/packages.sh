# What the scripts need from Debian, by purpose. Sourced; installs only what is missing and says so.
# shellcheck shell=bash disable=SC2034 # used by the scripts that source this

packages_build=(build-essential cmake ninja-build pkg-config liburing-dev liblz4-dev zlib1g-dev libzstd-dev libdeflate-dev libsocketcan-dev libncurses-dev libsqlite3-dev libjs-dygraphs libnats-dev)
packages_test=(libcriterion-dev clang libclang-rt-dev clang-format clang-tidy shellcheck valgrind can-utils
               tshark wireshark-dev python3-can python3-canmatrix python3-pandas python3-hypothesis python3-mypy python3-pip groff-base mandoc man-db codespell zsh fish abigail-tools lz4 xz-utils dmsetup e2fsprogs xfsprogs tmux sqlite3 zstd python3-prometheus-client nats-server)
packages_package=(debhelper dh-python lintian mmdebstrap fakeroot python3)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# need_packages PURPOSE PACKAGE...
need_packages() {
    local purpose=$1 package missing=()
    shift
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "installing, $purpose: ${missing[*]}" >&2
    as_root apt-get update -qq >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        </dev/null >/dev/null || { echo "cannot install ${missing[*]}: see apt's message above" >&2; return 3; }
}
