#!/usr/bin/env bash
# Each public header compiles on its own, as C11 and as C++17, by gcc and by clang, under -pedantic-errors and with the
# warnings that a careful program has on, its initialisers used; and it states its thread rules. Then each rule is
# broken, and must be noticed.
# usage: test_headers.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$source_dir/tests/house/lib.sh"

warnings=(-pedantic-errors -Wall -Wextra -Wconversion -Wsign-conversion -Wcast-qual -Wundef -Werror)
includes=()
for room in pools engine capture; do includes+=("-I$source_dir/$room/include"); done
includes+=("-I$build_dir/include")
compilers=()
for pair in "gcc g++" "clang clang++"; do
    command -v "${pair% *}" "${pair#* }" >/dev/null && compilers+=("$pair")
done
[ ${#compilers[@]} -gt 0 ] || { echo "no C and C++ compiler of one kind"; exit 77; }

program() { # FILE NAME: a program that includes the header alone and uses its initialisers
    printf '#include <%s>\nint main(void)\n{\n' "$2"
    sed -n 's/^#define \(CANP_[A-Z_]*\)_INIT .*/\1/p' "$1" | sort -u | while read -r macro; do
        type=${macro,,}
        printf 'struct %s of_%s = %s_INIT;\n(void)of_%s;\n' "$type" "$type" "$macro" "$type"
    done
    printf 'return 0;\n}\n'
}

check() { # FILE NAME [INCLUDE...]
    local c cxx pair
    program "$1" "$2" >"$work/alone.c"
    for pair in "${compilers[@]}"; do
        read -r c cxx <<<"$pair"
        "$c" -std=c11 "${warnings[@]}" "${includes[@]}" "${@:3}" -fsyntax-only "$work/alone.c" ||
            { echo "$c, C11: $2"; return 1; }
        "$cxx" -x c++ -std=c++17 "${warnings[@]}" "${includes[@]}" "${@:3}" -fsyntax-only "$work/alone.c" ||
            { echo "$cxx, C++17: $2"; return 1; }
    done
    [ "$2" = canp/export.h ] || grep -qi thread "$1" || { echo "no word on threads: $2"; return 1; }
}

failed=0 count=0
while read -r header; do
    check "$header" "${header#*/include/}" || failed=1
    count=$((count + 1))
done < <(find "$source_dir"/{pools,engine,capture}/include "$build_dir/include" -name '*.h' | sort)
[ "$count" -gt 10 ] || { echo "only $count headers found"; exit 1; }
[ "$failed" = 0 ] || exit 1
echo "$count headers, ${compilers[*]}"

mkdir "$work/planted"
plant() { # WHAT PATTERN TEXT
    printf '/* Any thread. */\n%s\n' "$3" >"$work/planted/planted.h"
    must_fail "$1" "$2" check "$work/planted/planted.h" planted.h "-I$work/planted"
}
plant "a header that needs another first" size_t 'static inline size_t canp_planted(size_t n) { return n; }'
plant "an extension" 'gcc, C11' 'struct canp_planted { int n; struct { int a[0]; }; };'
plant "C that C++ refuses" 'C++17' 'static inline char *canp_planted(void *p) { char *text = p; return text; }'
plant "an implicit conversion" onversion 'static inline unsigned char canp_planted(int n) { return n; }'
plant "an initialiser that does not fit" 'planted_opts' '#define CANP_PLANTED_OPTS_INIT {1, 2}
struct canp_planted_opts { int n; };'
: >"$work/planted/silent.h"
must_fail "no word on threads" 'no word' check "$work/planted/silent.h" silent.h "-I$work/planted"
