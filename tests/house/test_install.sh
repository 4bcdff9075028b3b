#!/usr/bin/env bash
# Installs the build into an empty prefix and builds a project outside of the tree against it: by
# find_package, by pkg-config (shared and static), and every public header alone as C11 and C++17. Then a package that
# lacks a header, and one whose library is not beside its command, must be noticed.
# usage: test_install.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
# shellcheck source=tests/house/lib.sh
. "$source_dir/tests/house/lib.sh"

cmake --install "$build_dir" --prefix "$prefix" >/dev/null
test -x "$prefix/bin/canp"
"$prefix/bin/canp" --version
"$prefix/bin/canp-bench" --version
readelf -d "$prefix/bin/canp" >"$work/needs"
grep -q 'NEEDED.*\[libcanp.so.0\]' "$work/needs"
[ "$(env -u LD_LIBRARY_PATH ldd "$prefix/bin/canp" | sed -n 's/.*libcanp.so.0 => \(.*\) (.*/\1/p' | xargs readlink -f)" = \
    "$(readlink -f "$prefix"/lib*/libcanp.so.0 "$prefix"/lib/*/libcanp.so.0 2>/dev/null | head -n 1)" ] ||
    { echo "the installed canp does not find the library beside it"; exit 1; }
test -s "$prefix/share/man/man1/canp.1" && test -s "$prefix/share/man/man3/canp.3"
libdir=$(dirname "$(find "$prefix" -name libcanp.so)")

test -f "$prefix/include/canp/pools/objpool.h" && test ! -e "$prefix/include/canp/private"
while read -r header; do
    name=${header#"$prefix/include/"}
    echo "#include <$name>" | cc -std=c11 -Wall -Wextra -Werror -I"$prefix/include" -x c -fsyntax-only -
    echo "#include <$name>" | c++ -std=c++17 -Wall -Wextra -Werror -I"$prefix/include" -x c++ -fsyntax-only -
    echo "#include <$name>" >>"$work/headers.cpp"
done < <(find "$prefix/include" -name '*.h')
echo 'int main() { return canp_strerror(0) == nullptr; }' >>"$work/headers.cpp"
cp "$source_dir"/tests/consumer/{CMakeLists.txt,main.c} "$work/"

cmake -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$work/build" >/dev/null
export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir
read -ra shared_flags <<<"$(pkg-config --cflags --libs canp)"
read -ra static_flags <<<"$(pkg-config --static --libs-only-l canp | sed 's/-lcanp//')"
cc -Wall -Werror "$work/main.c" -o "$work/by_pkg_config" "${shared_flags[@]}"
cc -Wall -Werror "$work/main.c" -o "$work/by_pkg_config_static" -I"$prefix/include" "$libdir/libcanp.a" \
    "${static_flags[@]}"
for program in build/consumer by_pkg_config by_pkg_config_static; do
    "$work/$program" /nonexistent 2>"$work/err" && exit 1
    grep -q 'cannot open /nonexistent: No such file' "$work/err"
    [ "$("$work/$program" "$source_dir/tests/format/golden/sealed.canp" | wc -l)" -gt 5 ] || { echo "$program reads nothing"; exit 1; }
done
"$work/build/consumer_cpp"
readelf -d "$libdir/libcanp.so" | grep -q 'SONAME.*libcanp.so.0'
CANP_LIBRARY=$libdir/libcanp.so.0 PYTHONPATH=$prefix/share/canp/python PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -W ignore - <<'PY'
import can, canp.can_io
assert can.LogReader.__module__.startswith("can")
try:
    can.LogReader("/nonexistent.canp")
except ValueError as error:
    assert "cannot open /nonexistent.canp" in str(error), error
PY

rm "$prefix/include/canp/frame.h"
must_fail "a header that is not installed" 'canp/frame.h' cmake --build "$work/build" --clean-first
rm "$libdir/libcanp.so.0"
must_fail "a library that is not installed" 'libcanp.so.0' env -u LD_LIBRARY_PATH "$prefix/bin/canp" --version
echo "installed package: consumers build and run"
