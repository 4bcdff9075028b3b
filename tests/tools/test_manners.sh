#!/usr/bin/env bash
# What was mistyped: the nearest command or option is named. And bash's completion: commands, options, words, files.
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
        printf '%s\n' "${COMPREPLY[@]}" | sort -u
    )
}
source_dir=$1
# Progress is for a terminal alone: a stderr that is none gets nothing.
awk 'BEGIN {for (i = 0; i < 300000; i++) printf "(%d.%06d) can0 123#%016X\n", 1700000000 + i / 1000, i % 1000 * 1000, i}' >"$work/big.log"
check "no progress into a file" status_is 0 "$canp" convert "$work/big.log" "$work/big.asc"
check "is nothing at all" test "$(grep -c 'frames, ' "$work/err")" -eq 0

cd "$work" && mkdir drive && : >drive.log || exit 3
check "completes commands" diff <(completes in) <(echo info)
check "completes options" diff <(completes info --js) <(echo --json)
check "completes files" diff <(completes info dri) <(printf '%s\n' drive drive.log)
check "completes verbs" diff <(completes help ver) <(echo verify)
exit $bad
