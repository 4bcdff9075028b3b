#!/usr/bin/env bash
# A build without NDEBUG, as Debian makes it (CMAKE_BUILD_TYPE=None), has its assertions and no other debug aid: no
# stack trace is taken for an allocation unless the ledger's mode was asked for.
# usage: test_debug_aids.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -UNDEBUG -O1 -Wall -Werror -I"$source_dir/pools" -I"$source_dir/pools/include" -I"$source_dir/pools/private" -I"$build_dir/include" \
    "$source_dir"/pools/*.c "$source_dir"/pools/diagnostics/*.c "$source_dir/tests/house/debug_aids.c" \
    -o "$work/debug_aids" -lpthread
"$work/debug_aids"
