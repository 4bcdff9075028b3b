#!/usr/bin/env bash
# Runs the lab tests, inside the lab: every tests/lab/test_*.sh, or those whose file name holds one of the words
# given, or that have the tag given (a line `# lab: TAG`). Each prints `ok NAME`, `not ok NAME: reason` or
# `skip NAME: reason`. The last line counts: N passed, N failed.
# usage: scripts/lab -- tests/lab/run.sh [WORD|TAG]...
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 3
export CANP_BUILD=${CANP_BUILD:-$PWD/build/release}
# Debian's programs come first: a Python that a version manager starts takes seconds each time in an emulated machine.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
limit_s=${CANP_LAB_TEST_LIMIT:-1500} # for one file

wanted() { # FILE WORD...
    local file=$1 word
    shift
    [ $# -gt 0 ] || return 0
    for word in "$@"; do
        case ${file##*/} in *"$word"*) return 0 ;; esac
        grep -q "^# lab:.*\<$word\>" "$file" && return 0
    done
    return 1
}

passed=0 failed=0
out=$(mktemp) || exit 3
trap 'rm -f "$out"' EXIT
for file in tests/lab/test_*.sh; do
    wanted "$file" "$@" || continue
    printf '== %s\n' "${file##*/}"
    start=$SECONDS
    timeout -k 5 "$limit_s" "$file" 2>&1 | tee "$out"
    status=${PIPESTATUS[0]}
    ok=$(grep -c '^ok ' "$out") bad=$(grep -c '^not ok ' "$out")
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "not ok ${file##*/}: ended with status $status"
        bad=1
    elif [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ] && ! grep -q '^skip ' "$out"; then
        echo "not ok ${file##*/}: tested nothing"
        bad=1
    fi
    passed=$((passed + ok)) failed=$((failed + bad))
    printf '   (%d s)\n' $((SECONDS - start))
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
