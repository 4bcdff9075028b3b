#!/usr/bin/env bash
# canp-bench, the modes that read recordings: every result is there, of the right kind, and nothing stays behind. How
# fast anything is, is not tested here. usage: test_bench.sh SOURCE_DIR BUILD_DIR; prints `ok NAME` or `not ok NAME: reason`.
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"
bench=$2/tools/canp-bench

mkdir "$work/tmp"
check "the modes run" env TMPDIR="$work/tmp" \
    bash -c '"$1" scan seek query decode recover --quick --runs 1 --json >"$2"' bash "$bench" "$work/results"
check "each with its results" python3 - "$work/results" <<'END'
import json, sys
lines = {x["name"]: x for x in map(json.loads, open(sys.argv[1]))}
references = {"scan_raw": "pointer_loop", "scan_raw_next": "pointer_loop", "scan_raw_first": "pointer_loop_first",
              "scan_packed": "scan_raw", "seek_warm": None, "seek_cold": None, "seek_cold_faults": None,
              "open_segments": "list_directory", "open_without_catalogue": "list_directory",
              "query_one_id": "query_all", "query_one_id_first": "query_all_first",
              "query_rarest_id": "query_all", "query_busiest_id": "query_all", "recover_tail": "checksum_pass",
              "decode_all": None, "decode_all_random": None, "decode_one_signal": "query_one_id", "dbc_parse": None}
assert {name: x["reference"] for name, x in lines.items()} == references, lines
for x in lines.values():
    assert set(x) == {"mode", "name", "value", "unit", "reference", "reference_value", "ratio", "runs"}, x
    assert x["value"] > 0 and x["runs"] == 1, x
    if x["reference"]:
        assert abs(x["ratio"] - x["value"] / x["reference_value"]) <= 1e-3 * x["ratio"], x
END
check "nothing stays behind" test -z "$(ls -A "$work/tmp")"
exit "$bad"
