#!/usr/bin/env python3
"""The README's reasons, with figures from the results in results/ and the table of sizes in benchmarks.md.
usage: front.py            writes them between the README's marks
       front.py --check    ends with 1 where the README says something else
"""
import json
import re
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parent.parent / "README.md"
SIZES = HERE.parent.parent / "tools/docs/benchmarks.md"
BEGIN, END = "<!-- figures: scripts/bench.d/front.py -->\n", "<!-- end of figures -->\n"


def rows(name):
    newest = max(p for p in (HERE / "results").iterdir() if p.is_dir())
    return [json.loads(line) for line in (newest / name).read_text().splitlines()]


def median(data, key, of=None, **wanted):
    found = [r[key] / r[of] if of else r[key] for r in data if all(r.get(k) == v for k, v in wanted.items())]
    if not found:
        raise SystemExit(f"front.py: the results have no {key} of {wanted}")
    return statistics.median(found)


def percent(text):
    return f"{100 * text:.0f} %"


def reasons():
    peers, replay = rows("peers.jsonl"), rows("replay.jsonl")
    kernels = sorted({r["kernel"] for r in peers})
    share = [median(peers, "cpu_us", cell="rate8000", peer="canp", kernel=k) /
             median(peers, "cpu_us", cell="rate8000", peer="candump", kernel=k) for k in kernels]
    lost = {p: [median(peers, "lost", of="sent", cell="full", peer=p, kernel=k) for k in kernels] for p in ("canp", "candump")}
    late = {p: median(replay, "late_p50_us", kind="timed", peer=p, kernel=kernels[0]) for p in ("canp replay", "canplayer")}
    table = SIZES.read_text().split("## Sizes")[1].split("\n## ")[0]
    cells = [line.split("|") for line in table.splitlines() if re.match(r"\| [^|]+ \| [\d,]+, \d+ \|", line)]
    blf = [float(c[7]) for c in cells]
    packed = [float(c[6]) for c in cells]
    return f"""\
- **Every loss is in the recording**, as a gap with its time, its layer and its count. `candump -l` and Wireshark do not have that.
- **It survives `kill -9` and power cuts** without repair: what is lost is the last 100 ms, or the last second.
- **It costs {percent(min(share))} to {percent(max(share))} of `candump -l`'s CPU** for each frame at 8,000 frames/s, and at full speed loses {percent(max(lost["canp"]))} where
  `candump -l` loses {percent(min(lost["candump"]))} to {percent(max(lost["candump"]))}.
- **{percent(min(blf))} to {percent(max(blf))} of BLF's size**, {min(packed):.1f} to {max(packed):.1f} bytes a frame, nanoseconds included; one ID out of a packed week is read without the rest.
- **Replay keeps absolute deadlines** and says how late it was: {late["canp replay"]:.0f} µs at the median where `canplayer` is {late["canplayer"]:.0f}.
"""


def main():
    text, said = README.read_text(), reasons()
    before, rest = text.split(BEGIN)
    now, after = rest.split(END)
    if "--check" not in sys.argv:
        README.write_text(before + BEGIN + said + END + after)
    elif now != said:
        raise SystemExit(f"front.py: the README's figures are not those of the results; run it without --check:\n{said}")


main()
