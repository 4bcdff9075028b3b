# shellcheck shell=bash
# What house tests share. Sourced.
# `! command | grep` under set -e never fails a script; these do.

# must_fail WHAT PATTERN COMMAND...: a planted violation; the command must fail and say the pattern.
must_fail() {
    local what=$1 pattern=$2 said
    shift 2
    if said=$("$@" 2>&1); then
        echo "planted, and not noticed: $what" >&2
        exit 1
    fi
    grep -q -- "$pattern" <<<"$said" || { echo "planted: $what; it failed without saying '$pattern': $said" >&2; exit 1; }
    echo "ok: noticed $what"
}

# must_not_match PATTERN FILE
must_not_match() {
    if grep -nE -- "$1" "$2"; then
        echo "$2 has what must not be in it: $1" >&2
        exit 1
    fi
}

# For functions that exit.
noticed_in_subshell() { ("$@"); }
