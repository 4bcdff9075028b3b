#!/usr/bin/env bash
# canp-bench, the modes that read recordings: every result is there, of the right kind, and nothing stays behind. How
# fast anything is, is not tested here. usage: test_bench.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
bench=$2/tools/canp-bench

# Names of the results that the list of formats asks for: all that can be written, and of these what can be read.
formats_of() {
    "$1" convert --help | sed -n 's/^Formats: canp //p' | sed 's/ (/(/g' | tr ' ' '\n' |
        sed -n -e '/(reading)/d' -e 's/(writing)//;t w' -e 's/.*/read_&\nwrite_&/p;d' -e ':w' -e 's/^/write_/p'
}

mkdir "$work/tmp"
check "the modes run" env TMPDIR="$work/tmp" \
    bash -c '"$1" scan seek query decode sql recover --quick --runs 1 --json >"$2"' bash "$bench" "$work/results"
check "each with its results" python3 - "$work/results" <<'END'
import json, sys
lines = {x["name"]: x for x in map(json.loads, open(sys.argv[1]))}
references = {"scan_raw": "pointer_loop", "scan_raw_next": "pointer_loop", "scan_raw_first": "pointer_loop_first",
              "scan_packed": "scan_raw", "seek_warm": None, "seek_cold": None, "seek_cold_faults": None,
              "open_segments": "list_directory", "open_without_catalogue": "list_directory",
              "query_one_id": "query_all", "query_one_id_first": "query_all_first",
              "query_rarest_id": "query_all", "query_busiest_id": "query_all", "recover_tail": "checksum_pass",
              "decode_all": None, "decode_all_random": None, "decode_one_signal": "query_one_id", "dbc_parse": None,
              "sql_one_id": "query_one_id", "sql_aggregate": "decode_one_signal"}
assert {name: x["reference"] for name, x in lines.items()} == references, lines
for x in lines.values():
    assert set(x) == {"mode", "name", "value", "unit", "spread", "reference", "reference_value", "reference_spread", "ratio",
                      "runs"}, x
    assert x["value"] > 0 and x["runs"] == 1, x
    if x["reference"]:
        assert abs(x["ratio"] - x["value"] / x["reference_value"]) <= 1e-3 * x["ratio"], x
END
check "the formats, without the programs beside" env TMPDIR="$work/tmp" \
    bash -c 'PATH=/nonexistent "$1" formats --quick --runs 1 --json >"$2"' bash "$bench" "$work/formats"
formats_of "$canp" >"$work/names"
check "both ways of each" python3 - "$work/formats" "$work/names" <<'END'
import json, sys
lines = [json.loads(x) for x in open(sys.argv[1]) if x.startswith("{")]
assert {x["name"] for x in lines} == set(open(sys.argv[2]).read().split()), lines
assert all(x["value"] > 0 and x["unit"] == "us/frame" and x["reference"] is None for x in lines), lines
END
check "nothing stays behind" test -z "$(ls -A "$work/tmp")"
exit "$bad"
