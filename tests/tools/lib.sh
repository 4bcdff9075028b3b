# shellcheck shell=bash
# What scripts of whole commands share. Sourced with SOURCE_DIR BUILD_DIR: the command is $canp, a directory of its own
# $work, which goes at the end; each check prints `ok NAME` or `not ok NAME: reason`; `exit $bad` at the end.
# shellcheck disable=SC2034 # for whoever sources it
canp=$2/tools/canp
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
bad=0

check() { # NAME COMMAND...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then echo "ok $name"; else echo "not ok $name: $(head -c 400 <<<"$said" | cat -v)" && bad=1; fi
}
status_is() { # STATUS COMMAND...: with this exit status; what it said is in $work/out and $work/err
    local wanted=$1 got=0
    shift
    "$@" >"$work/out" 2>"$work/err" || got=$?
    [ "$got" -eq "$wanted" ] || { echo "status $got: $(cat "$work/err" "$work/out")" && return 1; }
}
says() { grep -qF -- "$1" "$work/out" || { cat "$work/out" && return 1; }; }
complains() { grep -qF -- "$1" "$work/err" || { cat "$work/err" && return 1; }; }
prints() { diff <(printf '%s\n' "$@") "$work/out"; } # exactly these lines
eff() { echo $(($1 | 0x80000000)); }                 # an extended id, as a database has it
