#!/usr/bin/env bash
# What tools/docs/formats.md says each format keeps and loses is what comes back when it is written and read; and whatever does not
# is counted by the writer. With TABLES_UPDATE=1 the table in the document is written anew. usage: test_tables.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
export TZ=UTC
page=$1/tools/docs/formats.md
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
begin='<!-- losses: TABLES_UPDATE=1 tests/formats/test_tables.sh . build/release writes them -->'
"$2/tests/loss_table" "$work" >"$work/table" || exit 1
awk -v table="$work/table" -v begin="$begin" '
    $0 == begin {print; while ((getline line <table) > 0) print line; inside = found = 1; next}
    inside && /^$/ {inside = 0}
    !inside {print}
    END {exit !found}' "$page" >"$work/page" || { echo "$page has no place for the table"; exit 1; }
if [ "${TABLES_UPDATE:-}" = 1 ]; then
    cp "$work/page" "$page"
    exit 0
fi
diff -u "$page" "$work/page" || { echo "TABLES_UPDATE=1 $0 $* writes it anew"; exit 1; }
echo "$(grep -c '^| [a-zA-Z0-9]' "$work/table") features are as the document says"
