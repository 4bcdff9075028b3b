#!/usr/bin/python3
"""The table of speeds in tools/docs/formats.md, of what `canp-bench formats --json` printed.

usage: formats_table.py RESULTS    writes it into the document, behind its mark
"""
import json
import os
import sys

PAGE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../tools/docs/formats.md")
MARK = "<!-- speed:"


def rows(results):
    yield "| | us/frame | beside | us/frame | ratio |"
    yield "|---|---|---|---|---|"
    for r in sorted(results, key=lambda r: (r["name"].split("_", 1)[0], r["value"])):
        way, name = r["name"].split("_", 1)
        beside = "| %s | %.2f | %.3f |" % (r["reference"], r["reference_value"], r["ratio"]) if r["reference"] else "| | | |"
        yield "| %s %s | %.3f %s" % (way, name, r["value"], beside)


def main():
    results = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
    page = open(PAGE).read()
    before, mark, rest = page.partition(MARK)
    assert mark, "no place for the table"
    comment, _, rest = rest.partition("\n")
    table, blank, after = rest.partition("\n\n")
    keep = rest if not table.startswith("|") else "\n" + after if blank else ""
    with open(PAGE, "w") as out:
        out.write(before + mark + comment + "\n" + "\n".join(rows(results)) + "\n" + keep.lstrip("\n"))


main()
