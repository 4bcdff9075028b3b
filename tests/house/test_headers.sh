#!/bin/sh
# Each public header compiles on its own, as C11 and as C++17, without a warning, its initialisers used, and states
# its thread rules.
# usage: test_headers.sh SOURCE_DIR BUILD_DIR; CC is the compiler
set -eu
source=$1
cc=${CC:-cc}
cxx=${CXX:-c++}
includes=
for room in pools engine capture; do includes="$includes -I$source/$room/include"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
count=0
for header in $(find "$source"/*/include -name '*.h' | sort); do
    name=${header#"$source"/*/include/}
    {
        printf '#include <%s>\nint main(void)\n{\n' "$name"
        sed -n 's/^#define \(CANP_[A-Z_]*\)_INIT .*/\1/p' "$header" | sort -u | while read -r macro; do
            type=$(echo "$macro" | tr '[:upper:]' '[:lower:]')
            printf 'struct %s of_%s = %s_INIT;\n(void)of_%s;\n' "$type" "$type" "$macro" "$type"
        done
        printf 'return 0;\n}\n'
    } >"$work/alone.c"
    # shellcheck disable=SC2086
    "$cc" -std=c11 -Wall -Wextra -Werror $includes -fsyntax-only "$work/alone.c" || { echo "C11: $name"; failed=1; }
    if command -v "$cxx" >/dev/null; then
        # shellcheck disable=SC2086
        "$cxx" -x c++ -std=c++17 -Wall -Wextra -Werror $includes -fsyntax-only "$work/alone.c" || { echo "C++17: $name"; failed=1; }
    fi
    case $name in
    canp/export.h) ;; # macros alone
    *) grep -qi thread "$header" || { echo "no word on threads: $name"; failed=1; } ;;
    esac
    count=$((count + 1))
done
command -v "$cxx" >/dev/null || { echo "skipped in part: no C++ compiler ($cxx)"; [ "$failed" = 0 ] && exit 77; }
[ "$count" -gt 10 ] || { echo "only $count headers found"; exit 1; }
echo "$count headers"
exit $failed
