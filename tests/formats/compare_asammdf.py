#!/usr/bin/env python3
"""What asammdf reads of an MF4 file against what read_log does, frame by frame, in any order, to the microsecond.

usage: compare_asammdf.py FILE.mf4 READ_LOG. Run by hand: asammdf is in no Debian package. CONTRIBUTING.md says how.
"""
import collections
import re
import subprocess
import sys

from asammdf import MDF


def of_asammdf(mdf):
    for index, group in enumerate(mdf.groups):
        names = {c.name for c in group.channels}
        for root in ("CAN_DataFrame", "CAN_RemoteFrame", "CAN_ErrorFrame"):
            if root + ".BusChannel" not in names or not group.channel_group.cycles_nr:
                continue

            def column(name, root=root, index=index, names=names):
                whole = f"{root}.{name}"
                return mdf.get(whole, group=index).samples if whole in names else None

            times = mdf.get(root + ".BusChannel", group=index).timestamps
            bus = column("BusChannel")
            if root == "CAN_ErrorFrame":
                yield from (("error", round(t * 1e6), int(b)) for t, b in zip(times, bus))
                continue
            ids, ide, length, direction, data = map(column, ("ID", "IDE", "DataLength", "Dir", "DataBytes"))
            flags = [column(n) for n in ("EDL", "BRS", "ESI")]
            for k, t in enumerate(times):
                n = int(length[k])
                what = n if data is None else bytes(data[k][:n]).hex()
                yield (root, round(t * 1e6), int(bus[k]), int(ids[k]) & 0x1FFFFFFF, int(ide[k]), int(direction[k]), what,
                       *(int(f[k]) if f is not None else 0 for f in flags))


def of_canp(path, read_log, start_ns):
    numbers = {}
    said = subprocess.run([read_log, "-", path], capture_output=True, text=True, errors="replace", check=True).stdout
    for line in said.splitlines():
        m = re.match(r"\((-?\d+)\.(\d{9})\) (\S+) ([0-9A-F]+)#(.*?) ([RT])$", line)
        if not m:
            continue
        t = round((int(m[1]) * 10**9 + int(m[2]) - start_ns) / 1000)
        number, is_extended, payload = int(m[4], 16), len(m[4]) == 8, m[5].split("_")[0]
        bus = numbers.setdefault(m[3], int(m[3][3:]) + 1)
        head = (t, bus, number & 0x1FFFFFFF, int(is_extended), int(m[6] == "T"))
        if is_extended and number >> 29 & 1:
            yield ("error", t, bus)
        elif payload.startswith("R"):
            yield ("CAN_RemoteFrame", *head, int(payload[1:] or 0), 0, 0, 0)
        elif payload.startswith("#"):
            flags = int(payload[1], 16)
            yield ("CAN_DataFrame", *head, payload[2:].lower(), 1, flags & 1, flags >> 1 & 1)
        else:
            yield ("CAN_DataFrame", *head, payload.lower(), 0, 0, 0)


def main(path, read_log):
    mdf = MDF(path)._mdf
    theirs = collections.Counter(of_asammdf(mdf))
    ours = collections.Counter(of_canp(path, read_log, int(mdf.header["abs_time"])))
    only_theirs, only_ours = theirs - ours, ours - theirs
    for who, some in (("asammdf", only_theirs), ("canp", only_ours)):
        if some:
            print(f"only {who}: {some.total()}, such as {next(iter(some))}")
    print(f"{path}: {theirs.total()} and {ours.total()} frames, {'different' if only_theirs or only_ours else 'equal'}")
    return 1 if only_theirs or only_ours or not ours else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
