#!/usr/bin/env bash
# What was mistyped: the nearest command or option is named. What every command can be
# told: quiet, verbose, colour, local time. And completion in bash, zsh and fish.
# usage: test_manners.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"

check "a mistyped command" status_is 2 "$canp" inof
check "has the nearest named" complains "no command 'inof': is it info;"
check "one like no other" status_is 2 "$canp" xylophone
check "has none" complains "no command 'xylophone'; "
check "a mistyped option" status_is 2 "$canp" info --jsno x
check "is named, too" complains "unknown option '--jsno': is it --json;"
check "the beginning of one, with a value" status_is 2 "$canp" convert --form=asc x
check "is enough" complains "unknown option '--form=asc': is it --format;"
check "an option like no other" status_is 2 "$canp" info --xylophone
check "names none" complains "unknown option '--xylophone'; "

# completes WORD...: what bash offers for the last one
completes() {
    (
        # shellcheck disable=SC1091
        . "$source_dir/tools/completion/canp.bash"
        COMP_WORDS=("$canp" "$@") COMP_CWORD=$#
        _canp
        [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}" | sort -u
    )
}
source_dir=$1
# Progress is for a terminal alone: a stderr that is none gets nothing.
awk 'BEGIN {for (i = 0; i < 300000; i++) printf "(%d.%06d) can0 123#%016X\n", 1700000000 + i / 1000, i % 1000 * 1000, i}' >"$work/big.log"
check "no progress into a file" status_is 0 "$canp" convert "$work/big.log" "$work/big.asc"
check "is nothing at all" test "$(grep -c 'frames, ' "$work/err")" -eq 0

# What every command can be told: quiet, verbose, colour, local time.
"$canp" convert "$work/big.log" "$work/rec" >"$work/out" 2>"$work/err" || exit 3
check "quiet" status_is 0 "$canp" pack -q "$work/rec"
check "says nothing" test ! -s "$work/out" -a ! -s "$work/err"
check "verbose" status_is 0 "$canp" diff --verbose "$work/big.log" "$work/big.log"
check "names the format" complains "big.log: candump"
check "and what it took" grep -q 'processor [0-9.]* s.*memory [0-9.]* MB' "$work/err"
escape=$(printf '\033')
red() { grep -q "^$escape\[1;31mcanp info:$escape\[0m " "$work/err"; }
check "no colour into a file" status_is 3 "$canp" info "$work/absent"
check "is plain" grep -q '^canp info: ' "$work/err"
check "colour always" status_is 3 env NO_COLOR=1 "$canp" info --color=always "$work/absent"
check "is red" red
check "colour sometimes" status_is 2 "$canp" info --color sometimes "$work/absent"
check "is refused" complains "neither auto, always nor never"
check "colour on a terminal" script -qec "env -u NO_COLOR TERM=xterm '$canp' info '$work/absent'; true" "$work/err"
check "is red there" red
check "NO_COLOR on a terminal" script -qec "NO_COLOR=1 TERM=xterm '$canp' info '$work/absent'; true" "$work/err"
check "is plain there" grep -q '^canp info: ' "$work/err"
check "dates in UTC" status_is 0 env TZ=CET-1CEST "$canp" info "$work/rec"
check "say so" grep -q '^first  *2023-11-14 22:13:20.000000000 UTC$' "$work/out"
check "dates of here" status_is 0 env TZ=CET-1CEST "$canp" info --local "$work/rec"
check "have their offset" grep -q '^first  *2023-11-14 23:13:20.000000000 +0100$' "$work/out"

cd "$work" && mkdir drive && : >drive.log || exit 3
check "completes commands" diff <(completes in) <(echo info)
check "completes options" diff <(completes info --js) <(echo --json)
check "completes files" diff <(completes info dri) <(printf '%s\n' drive drive.log)
check "completes verbs" diff <(completes help ver) <(echo verify)
check "completes formats" diff <(completes convert x.asc -f pcap) <(printf '%s\n' pcap pcapng)
printf '(1.000000) can0 123#11\n(1.100000) can0 18FEF100#22\n(1.200000) can0 12A#\n' >ids.log
check "completes IDs of a log" diff <(completes dump ids.log 12) <(printf '%s\n' 123 12A)
check "completes messages and signals" diff <(completes decode --dbc "$source_dir/tools/docs/vehicle.dbc" ids.log Engine | head -n 2) \
    <(printf '%s\n' Engine Engine.EngineSpeed)
mkdir -p net/can7 net/eth7 && echo 280 >net/can7/type && echo 1 >net/eth7/type
check "completes interfaces" diff <(CANP_SYS_NET=$work/net completes record c) <(echo can7)
mkdir bin && ln -s "$canp" bin/canp && PATH=$work/bin:$PATH
in_zsh() { # WORD...: what zsh is given for the last one
    # shellcheck disable=SC2016 # zsh's own
    zsh -fc 'compadd() { print -rl -- ${(P)2} }; _files() { print -l FILES }
        CANP=$1; shift; words=(canp "$@") CURRENT=$#words PREFIX=${words[-1]}; source $CANP/tools/completion/_canp' \
        zsh "$source_dir" "$@" | grep -E "^(FILES|${*: -1})"
}
if command -v zsh >/dev/null; then
    check "zsh: commands" diff <(in_zsh inf) <(echo info)
    check "zsh: options" diff <(in_zsh info --js) <(echo --json)
    check "zsh: IDs and files" diff <(in_zsh dump ids.log 12) <(printf '%s\n' 123 12A FILES)
else
    echo "skip zsh: it is not installed"
fi
in_fish() {
    fish --no-config -c "source '$source_dir/tools/completion/canp.fish'; complete -C 'canp $*'" | sed 's/\t.*//'
}
if command -v fish >/dev/null; then
    check "fish: commands" diff <(in_fish inf) <(echo info)
    check "fish: options" diff <(in_fish info --js) <(echo --json)
    check "fish: IDs" diff <(in_fish dump ids.log 12) <(printf '%s\n' 123 12A)
    check "fish: files" diff <(in_fish info drive.l) <(echo drive.log)
else
    echo "skip fish: it is not installed"
fi
exit $bad
