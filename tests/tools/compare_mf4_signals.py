#!/usr/bin/env python3
"""By hand: what asammdf reads from `canp decode -f mf4` is what `canp decode -f json --raw` prints: every time, value
and text, bit for bit, and every raw value with --raw.

usage: compare_mf4_signals.py CANP LOG --dbc FILE [PATTERN]... asammdf is in no Debian package; CONTRIBUTING.md says how.
"""
import collections
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
from asammdf import MDF


def decode(canp, arguments, **how):
    """Status 1 is a finding: frames that are damaged, or give no value."""
    done = subprocess.run([canp, "decode", *arguments], check=False, stdout=subprocess.PIPE, **how)
    assert done.returncode in (0, 1), done.returncode
    return done.stdout


def of_canp(canp, arguments):
    """{(iface, message, signal): [line, ...]} of values and trouble codes."""
    lines = collections.defaultdict(list)
    for line in map(json.loads, decode(canp, [*arguments, "-f", "json", "--raw"]).splitlines()):
        lines[line["iface"], line["message"], line.get("signal", "SPN")].append(line)
    return lines


def converted(signal):
    """Numbers and texts of one channel, as asammdf's own conversion makes them: with as_object it leaves both as they are."""
    if signal.conversion is None or signal.samples.dtype.kind not in "iuf":
        return signal.samples
    return signal.conversion.convert(signal.samples, as_object=True)


def of_asammdf(path):
    """{(iface, message, signal): [(time, sample), ...]}, valid ones only."""
    found = {}
    with MDF(path) as mdf:
        for index, group in enumerate(mdf.groups):
            about = group.channel_group
            for at, channel in enumerate(group.channels):
                if channel.name in ("Timestamp", "CAN_ID"):
                    continue
                signal = mdf.get(group=index, index=at, raw=True, ignore_invalidation_bits=True)
                bad = signal.invalidation_bits
                rows = zip(signal.timestamps, converted(signal))
                whole = [(t, s) for k, (t, s) in enumerate(rows) if bad is None or not bad[k]]
                key = about.acq_source.name, about.acq_name, channel.name
                found.setdefault(key, []).extend(whole)
        return found, round(mdf.header.start_time.timestamp()) * 10**9


def same(sample, line, is_raw):
    if isinstance(sample, bytes):
        sample = sample.rstrip(b"\0").decode()
    if is_raw:
        if isinstance(line["raw"], str):
            return bytes(sample).hex().upper().startswith(line["raw"])
        if isinstance(sample, np.floating):  # raw has its bits
            return sample.tobytes() == line["raw"].to_bytes(sample.nbytes, "little")
        return int(sample) == line["raw"]
    if isinstance(sample, str):
        return sample == (line["text"] or "")
    if line["value"] is None:
        return isinstance(line["raw"], int) and not math.isfinite(sample)
    return float(sample) == float(line["value"]) and (not line["text"])


def main(canp, arguments):
    lines = of_canp(canp, arguments)
    values = 0
    with tempfile.TemporaryDirectory() as work:
        for is_raw in (False, True):
            path = os.path.join(work, f"{is_raw}.mf4")
            decode(canp, [*arguments, "-o", path, *(["--raw"] if is_raw else [])], stderr=subprocess.DEVNULL)
            found, start_ns = of_asammdf(path)
            for key, wanted in lines.items():
                if "spn" in wanted[0]:
                    assert [int(s) for _, s in found[key]] == [w["spn"] for w in wanted], key
                    continue
                wanted = [w for w in wanted if is_raw or w["mark"] not in ("not available", "error")]
                got = found.get(key, [])
                assert len(got) == len(wanted), f"{key}: {len(got)} values, canp says {len(wanted)}"
                for (time, sample), line in zip(got, wanted):
                    assert abs(time + start_ns / 1e9 - line["time"]) < 1e-6, f"{key}: {time} at {line}"
                    assert same(sample, line, is_raw), f"{key}: {sample!r} at {line}"
                values += len(wanted)
            print(f"{'raw' if is_raw else 'scaled'}: {len(found)} channels, {os.path.getsize(path)} bytes")
    print(f"{values} values are the same")


main(sys.argv[1], sys.argv[2:])
