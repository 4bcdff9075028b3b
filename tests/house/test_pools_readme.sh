#!/usr/bin/env bash
# The C examples in pools/README.md compile and do what they say. Then an example that is wrong must be noticed.
# usage: test_pools_readme.sh SOURCE_DIR BUILD_DIR; CC is the compiler
set -euo pipefail
source=$1
library=$2/libcanp.a
cc=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/house/lib.sh
. "$source/tests/house/lib.sh"
examples() { # README
    echo '#undef NDEBUG'
    echo '#include <assert.h>'
    echo '#include <fcntl.h>'
    echo '#include <string.h>'
    for name in buf ledger mapcache mapped mempool memstats monitor objpool profile slabring; do
        echo "#include <canp/pools/$name.h>"
    done
    echo 'static void count_reports(void *user, const struct canp_monitor_report *report)'
    echo '{ (void)report; ++*(unsigned *)user; }'
    awk '/^```c$/ { printf "static void example_%d(void) {\n", ++n; inside = 1; next }
         /^```$/ && inside { print "}"; inside = 0; next }
         inside { print }
         END { print "int main(void) {"; for (i = 1; i <= n; i++) printf "example_%d();\n", i; print "return " (n < 9) ";}" }' \
        "$1"
}
try() { # README
    examples "$1" >"$work/examples.c"
    "$cc" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$source/pools/include" "$work/examples.c" "$library" -lpthread \
        -o "$work/examples" || return
    "$work/examples"
}
try "$source/pools/README.md"
grep -c '^static void example_' "$work/examples.c"

awk '/^```c$/ && !n++ { print; print "assert(0 && \"planted\");"; next } 1' "$source/pools/README.md" >"$work/planted.md"
must_fail "an example that does not do what it says" planted try "$work/planted.md"
