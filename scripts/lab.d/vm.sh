# shellcheck shell=bash
# One run of COMMAND in a VM: qemu boots the cached kernel, the guest's init runs
# COMMAND and leaves output and exit status as files in this run's own directory,
# which is shared with the guest. Whatever happens, qemu and the directory are gone
# at the end. Uses no root of its own.

# Until COMMAND runs. A boot is repeated once, as nothing has happened yet: qemu's tcg
# with several threads has been seen to hang early, about once in a hundred boots.
# The second time it is with the kernel as it was packaged, and with more patience.
readonly BOOT_LIMIT_KVM_S=15 BOOT_LIMIT_TCG_S=60 BOOT_LIMIT_TCG_AGAIN_S=120
readonly SIGNAL_GRACE_S=10 # from a signal to COMMAND until the VM itself is ended
readonly TIMEOUT_GRACE_S=5

run_dir="" qemu_pid="" signal_fd="" signals=0 ended_by="" deadline=""
pump_pids=()

# shell_words WORD...: the words, quoted for bash in any locale.
shell_words() { LC_ALL=C printf '%q ' "$@"; }

# write_command DIR COMMAND...: what the guest's bash runs.
write_command() {
    local dir=$1 name names
    shift
    mapfile -t names < <(compgen -e)
    {
        echo "echo \$\$ >/run/lab/pid"
        # env -C says clearly where the directory is missing.
        printf 'exec env -i -C %s ' "$(shell_words "$(pwd -P)")"
        for name in "${names[@]}"; do
            case $name in
            CANP_LAB) ;;
            PATH | HOME | CANP_* | TERM | COLUMNS | LINES | LANG | LC_* | TZ | LD_LIBRARY_PATH | PYTHONPATH | \
                ?SAN_OPTIONS | UBSAN_OPTIONS | LLVM_PROFILE_FILE | GCOV_* | CTEST_* | CRITERION_* | CI)
                shell_words "$name=${!name}"
                ;;
            esac
        done
        shell_words USER=root LOGNAME=root SHELL=/bin/bash CANP_LAB=vm
        shell_words "$@"
        echo
    } >"$dir/command.sh"
}

# shared_dirs: prints the directories that the guest may write, outer ones first.
shared_dirs() {
    local dir extra
    {
        checkout_of "$(pwd -P)"
        checkout_of "$LAB_TOP"
        IFS=: read -r -a extra <<<"${CANP_LAB_SHARE:-}"
        for dir in "${extra[@]}"; do [[ -d $dir ]] && (cd "$dir" && pwd -P); done
    } | grep -vx / | sort -u
}

# The frequency of this machine's time stamp counter, which the VM's CPUs count with, or nothing where it is not known:
# without a hypervisor "cpu MHz" is what the CPU happens to run at.
host_tsc_khz() {
    [[ -e /sys/devices/system/cpu/cpu0/cpufreq ]] ||
        awk -F: '/^flags/ && / hypervisor/ && / constant_tsc/ {known = 1} /^cpu MHz/ {mhz = $2}
                 END {if (known && mhz > 0) printf "%.0f\n", mhz * 1000}' /proc/cpuinfo
}

# qemu_arguments KERNEL ACCEL IMAGE: sets the array `arguments`.
qemu_arguments() {
    local dir version image initramfs n=0 share owner=none khz
    local append="console=ttyS0 quiet panic=-1 random.trust_cpu=on"
    dir=$(kernel_dir "$1")
    version=$(<"$dir/version")
    initramfs=$(initramfs_ready "$dir") || exit
    image=$dir/$3
    [[ -e $image ]] || image=$dir/vmlinuz
    ((EUID == 0)) && owner=passthrough
    # shellcheck disable=SC2054 # qemu's commas
    arguments=(
        -nodefaults -no-user-config -display none -no-reboot -net none
        -smp "${CANP_LAB_CPUS:-2}" -m "${CANP_LAB_MEMORY:-4G}"
        -kernel "$image" -initrd "$initramfs"
        -chardev "file,id=console,path=${run_dir//,/,,}/console" -serial chardev:console
        -chardev "pipe,id=signals,path=${run_dir//,/,,}/signals" -serial chardev:signals
        -object can-bus,id=canbus0
        -device kvaser_pci,canbus=canbus0 -device kvaser_pci,canbus=canbus0
        -virtfs "local,path=/,mount_tag=host,security_model=$owner,multidevs=remap,readonly=on"
        -virtfs "local,path=${run_dir//,/,,}/ctl,mount_tag=ctl,security_model=$owner"
        -virtfs "local,path=${dir//,/,,}/lib/modules/$version,mount_tag=modules,security_model=none,readonly=on"
    )
    if [[ $2 == kvm ]]; then
        arguments+=(-accel kvm -cpu "host,-arch-capabilities")
    else
        # One counter serves all its CPUs; without the hint Linux takes hpet: 3 us a read.
        append+=" tsc=reliable"
        if [[ ${CANP_LAB_ICOUNT:-} ]]; then
            arguments+=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -rtc clock=vm -cpu max)
        else
            arguments+=(-accel "tcg,thread=multi" -cpu max)
            # What Linux measures at boot is wrong while this machine is busy: its clock then runs ahead.
            khz=$(host_tsc_khz) && [[ $khz ]] && append+=" tsc_early_khz=$khz"
        fi
    fi
    arguments+=(-append "$append ${CANP_LAB_APPEND:-}")
    while IFS= read -r share; do
        arguments+=(-virtfs "local,path=${share//,/,,},mount_tag=share$n,security_model=$owner,multidevs=remap")
        n=$((n + 1))
    done <"$run_dir/ctl/shares"
}

# sweep_stale: removes what a run left that was killed outright.
sweep_stale() {
    local dir pid
    for dir in "${TMPDIR:-/tmp}"/canp-lab.*; do
        if [[ -O $dir && -s $dir/pid ]] && read -r pid <"$dir/pid" && [[ ! -e /proc/$pid ]]; then rm -rf "$dir"; fi
    done
}

vm_prepare() {
    sweep_stale
    run_dir=$(mktemp -d "${TMPDIR:-/tmp}/canp-lab.XXXXXX") || die "cannot make a directory in ${TMPDIR:-/tmp}"
    echo $$ >"$run_dir/pid"
    mkdir "$run_dir/ctl"
    write_command "$run_dir/ctl" "$@"
    shared_dirs >"$run_dir/ctl/shares"
    can_mtu >"$run_dir/ctl/mtu"
    : >"$run_dir/ctl/stdout"
    : >"$run_dir/ctl/stderr"
    # Output that ends in one place is kept in order by being one stream all the way.
    if [[ /dev/stdout -ef /dev/stderr ]]; then : >"$run_dir/ctl/merge"; fi
    mkfifo "$run_dir/signals.in" "$run_dir/signals.out"
    exec {signal_fd}<>"$run_dir/signals.in"
}

vm_end_qemu() {
    [[ $qemu_pid ]] || return 0
    kill -KILL "$qemu_pid" 2>/dev/null
    wait "$qemu_pid" 2>/dev/null
    qemu_pid=
}

# A child that is signalled between fork and exec still has its parent's traps: what
# they do is for the lab's own process alone.
vm_clean_up() {
    ((BASHPID == $$)) || return 0
    vm_end_qemu
    ((${#pump_pids[@]})) && kill -KILL "${pump_pids[@]}" 2>/dev/null
    if [[ ${CANP_LAB_CONSOLE:-} && -e $run_dir/console ]]; then cp "$run_dir/console" "$CANP_LAB_CONSOLE"; fi
    [[ $run_dir ]] && rm -rf "$run_dir"
}

# on_signal NAME NUMBER: the first signal goes to COMMAND, the second ends the VM.
on_signal() {
    ((BASHPID == $$)) || return 0
    signals=$((signals + 1))
    if ((signals > 1)) || [[ ! -e $run_dir/ctl/ready ]]; then
        exit $((128 + $2))
    fi
    ended_by=$1 ended_status=$((128 + $2))
    echo "$1" >&"$signal_fd"
    deadline=$((SECONDS + SIGNAL_GRACE_S))
}

# Own sessions keep a terminal's Ctrl-C from qemu and the pumps: they end by themselves,
# when the guest does; and with this process, should it be killed outright.
start() { exec setsid setpriv --pdeathsig KILL -- "$@"; }

vm_start() {
    local arguments
    qemu_arguments "$@"
    rm -f "$run_dir/console"
    start qemu-system-x86_64 "${arguments[@]}" </dev/null >"$run_dir/qemu.log" 2>&1 &
    qemu_pid=$!
}

# wait_a_moment SECONDS: returns early on a signal or when a child ends.
wait_a_moment() {
    sleep "$1" &
    wait -n "$qemu_pid" $! "${pump_pids[@]}"
    kill -KILL $! 2>/dev/null
    wait $! 2>/dev/null
}

# vm_boot KERNEL ACCEL IMAGE LIMIT: true once COMMAND runs (or has even ended).
vm_boot() {
    local limit=$((SECONDS + $4))
    vm_start "$1" "$2" "$3"
    while [[ ! -e $run_dir/ctl/ready ]]; do
        if ((SECONDS >= limit)) || ! kill -0 "$qemu_pid" 2>/dev/null; then
            vm_end_qemu
            [[ -e $run_dir/ctl/ready ]]
            return
        fi
        wait_a_moment 0.1
    done 2>/dev/null
}

# The pumps copy what the guest writes, and end when qemu has.
start_pumps() {
    local follow=(tail -c +1 -f -s 0.05 "--pid=$qemu_pid")
    start "${follow[@]}" "$run_dir/ctl/stdout" 2>/dev/null </dev/null &
    pump_pids=($!)
    [[ -e $run_dir/ctl/merge ]] && return
    start "${follow[@]}" "$run_dir/ctl/stderr" </dev/null >&2 2>/dev/null &
    pump_pids+=($!)
}

# pump_ended: true once a pump is gone though the guest is not: its reader closed.
pump_ended() {
    local pid
    for pid in "${pump_pids[@]}"; do
        if ! kill -0 "$pid" 2>/dev/null && kill -0 "$qemu_pid" 2>/dev/null; then return; fi
    done
    return 1
}

# vm_watch: returns when the guest has ended, or must be ended.
vm_watch() {
    local status_seen=
    while kill -0 "$qemu_pid" 2>/dev/null; do
        if [[ -e $run_dir/ctl/status && ! $status_seen ]]; then
            status_seen=1 deadline=$((SECONDS + 3)) # all is written: the VM may just not power off
        fi
        if pump_ended; then
            ended_by="its closed output" ended_status=141
            return
        fi
        if ((SECONDS >= deadline)); then
            if [[ $ended_by || $status_seen ]]; then return; fi
            ended_by="the time limit" ended_status=$LAB_TIMED_OUT
            echo TERM >&"$signal_fd"
            deadline=$((SECONDS + TIMEOUT_GRACE_S))
        fi
        wait_a_moment 1
    done 2>/dev/null
}

# guest_words: the end of the guest's console and what qemu said, for an error message.
guest_words() {
    {
        if [[ -e $run_dir/console ]]; then tr -d '\r' <"$run_dir/console" | grep -v '^$' | tail -n 12; fi
        cat "$run_dir/qemu.log"
    } | sed 's/^/lab:   /' >&2
}

# vm_verdict TIME_LIMIT: says what went wrong, if anything did, and sets `verdict`.
vm_verdict() {
    if [[ $ended_by == "the time limit" ]]; then
        say "COMMAND ran into the limit of $1 s and was ended"
        verdict=$LAB_TIMED_OUT
    elif [[ -s $run_dir/ctl/status ]]; then
        verdict=$(<"$run_dir/ctl/status")
    elif [[ $ended_by ]]; then
        [[ $ended_by == *output ]] || say "COMMAND did not end within $SIGNAL_GRACE_S s of SIG$ended_by: the guest was ended"
        verdict=$ended_status
    else
        if grep -q 'Kernel panic' "$run_dir/console" 2>/dev/null; then
            say "the guest's kernel panicked: $(grep -o 'not syncing.*' "$run_dir/console" | tail -n 1 | tr -d '\r')" \
                "(CANP_LAB_CONSOLE=FILE keeps the trace)"
        else
            say "the guest ended without COMMAND's exit status:"
            guest_words
        fi
        verdict=$LAB_FAILED
    fi
}

# kvm_promising: true where KVM may work: /dev/kvm is permitted, the CPU can virtualise
# (some clouds offer a /dev/kvm that runs their own kernels only), and no boot failed on
# this kernel within a week.
kvm_promising() {
    local failed=$CACHE/kvm-failed
    [[ -r /dev/kvm && -w /dev/kvm ]] && grep -q -m 1 -w -E 'vmx|svm' /proc/cpuinfo || return 1
    [[ ! $(find "$failed" -mtime -7 2>/dev/null) || $(<"$failed") != "$(uname -r)" ]]
}

# boot_attempts: prints what to try, in order, as accelerator:image:limit in seconds.
boot_attempts() {
    local accel=${CANP_LAB_ACCEL:-auto}
    case $accel in
    auto) if [[ ! ${CANP_LAB_ICOUNT:-} ]] && kvm_promising; then echo "kvm:vmlinux:$BOOT_LIMIT_KVM_S"; fi ;;
    kvm) echo "kvm:vmlinux:${CANP_LAB_BOOT_TIMEOUT:-$BOOT_LIMIT_KVM_S}" && return ;;
    tcg) ;;
    *) die "CANP_LAB_ACCEL is kvm, tcg or auto, not '$accel'" ;;
    esac
    echo "tcg:vmlinux:${CANP_LAB_BOOT_TIMEOUT:-$BOOT_LIMIT_TCG_S}"
    if [[ ! ${CANP_LAB_BOOT_TIMEOUT:-} ]]; then echo "tcg:vmlinuz:$BOOT_LIMIT_TCG_AGAIN_S"; fi
}

# vm_boot_somehow KERNEL: boots with the first accelerator that does.
vm_boot_somehow() {
    local attempt attempts accel image limit
    attempts=$(boot_attempts) || exit
    for attempt in $attempts; do
        IFS=: read -r accel image limit <<<"$attempt"
        if vm_boot "$1" "$accel" "$image" "$limit"; then return; fi
        if [[ $attempts == kvm*tcg* && $accel == kvm ]]; then uname -r >"$CACHE/kvm-failed"; fi
    done
    say "the guest (kernel $1, $accel) did not come up within $limit s:"
    guest_words
    exit "$LAB_FAILED"
}

# vm_run KERNEL TIME_LIMIT COMMAND...: exits with COMMAND's status.
vm_run() {
    local kernel=$1 limit=$2 ended_status verdict
    shift 2
    need_packages qemu-system-x86 busybox-static kmod cpio iproute2 xz-utils zstd util-linux
    kernel_ready "$kernel"
    trap vm_clean_up EXIT
    trap 'on_signal INT 2' INT
    trap 'on_signal TERM 15' TERM
    trap 'on_signal HUP 1' HUP
    vm_prepare "$@"
    vm_boot_somehow "$kernel"
    start_pumps
    deadline=$((SECONDS + limit))
    vm_watch
    vm_end_qemu
    wait "${pump_pids[@]}" 2>/dev/null
    pump_pids=()
    vm_verdict "$limit"
    exit "$verdict"
}
