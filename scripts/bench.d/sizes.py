#!/usr/bin/env python3
"""Sizes of real recordings, in bytes per frame: candump text, gzip -6, xz -6, python-can's BLF, canp raw and packed.

usage: sizes.py [--canp COMMAND] [--data DIR] [--keep DIR] [NAME...]

Every recording becomes candump text with nanosecond stamps, the same for all contestants; `canp convert` and
`canp pack` make the recordings that are measured, whole files with headers, seals and indexes. Ratios are of whole
files. Recordings hold microseconds at best: nanoseconds are added as noise (splitmix64 of the frame's number, in
order within equal stamps), so that nobody gains by zeros that a real recorder would not write. BLF is left out
without python-can.

A second table says where the packed bytes are, how small archives are (`canp pack --archive`), and what packing
makes of the log as it was imported, with its own coarse stamps. For each target that a vehicle's log misses it is
said what the frames hold: the noise (log2 1000 bits), the least of two entropies of the time, from one frame of a
lane (channel, id, length) to its next or from one frame to the next and which lane it is of, and the lanes' payloads,
one lane after the other, as they are or as differences, in xz -9e. A code for these would have to be sent, too.
"""
import argparse
import collections
import csv
import glob
import gzip
import json
import lzma
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

try:
    import can
except ImportError:
    can = None

U64 = (1 << 64) - 1
CANDUMP = re.compile(rb"\((\d+)\.(\d{6})\) +(\S+) +([0-9A-Fa-f]+#\S*)$")
EPOCH_US = 1600000000 * 10**6  # for formats without a date


def noise_ns(i):
    z = (i * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & U64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & U64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & U64
    return (z ^ (z >> 31)) % 1000


def text_id(identifier, extended):
    return f"{identifier:08X}" if extended else f"{identifier:03X}"


def read_candump(path):
    data = gzip.open(path).read() if path.endswith(".gz") else open(path, "rb").read()
    for line in data.splitlines():
        m = CANDUMP.match(line)
        if m:
            yield int(m[1]) * 10**6 + int(m[2]), m[3].decode(), m[4].decode()


def read_gvret(path):
    for row in csv.reader(open(path)):
        if len(row) < 5 or not row[0].isdigit():
            continue
        data = "".join(f"{int(x, 16):02X}" for x in row[5:5 + int(row[4])])
        yield EPOCH_US + int(row[0]), "can" + row[3], text_id(int(row[1], 16), row[2] == "true") + "#" + data


def read_panda(path):
    for row in csv.reader(open(path)):
        if len(row) < 5 or not row[0].isdigit():
            continue
        size, identifier = int(row[3]), int(row[1], 16)
        data = row[2][2:].zfill(2 * size).upper() if size else ""
        yield EPOCH_US + round(float(row[4]) * 1e6), "can" + row[0], text_id(identifier, identifier > 0x7FF) + "#" + data


def read_pcap(path):
    data = open(path, "rb").read()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, size, _ = struct.unpack_from("<IIII", data, at)
        identifier, length = struct.unpack_from(">IB", data, at + 16)
        payload = data[at + 24:at + 24 + length].hex().upper()
        yield seconds * 10**6 + micros, "can0", text_id(identifier & 0x1FFFFFFF, identifier >> 31) + "#" + payload
        at += 16 + size


def python_can_reader(name):
    def read(path):
        for m in getattr(can, name)(path):
            if not m.is_error_frame:
                yield (round(m.timestamp * 1e6) + (0 if m.timestamp > 1e9 else EPOCH_US), "can0",
                       text_id(m.arbitration_id, m.is_extended_id) + "#" + m.data.hex().upper())
    return read if can else None


RECORDINGS = [  # name, real vehicle?, path below the data directory, reader
    ("remora truck, part 1", True, "yabskbd+*/data/*577123.log.gz", read_candump),
    ("remora truck, part 3", True, "yabskbd+*/data/*580701.log.gz", read_candump),
    ("big truck, J1939", True, "yabskbd+*/rdu/candumps/*engine-on*.log", read_candump),
    ("temperature sensor", False, "yabskbd+*/rdu/candumps/*temp-sensor*.log", read_candump),
    ("Kona, 2 buses", True, "projectgus+hyundai*/*.csv", read_gvret),
    ("Kona, BMS idle", True, "projectgus+hyundai*/bms*/*.asc", python_can_reader("ASCReader")),
    ("Ioniq 5, 4 buses", True, "tylerharvey*/CAN_logs/panda/*.csv", read_panda),
    ("SavvyCAN example", True, "collin80+SavvyCAN/examples/GVRET_Log.csv", read_gvret),
    ("boat, pcap", True, "canboat+canboat/samples/can0-1.pcap", read_pcap),
    ("boat, PCAN-View", True, "canboat+canboat/samples/*PCAN-View.trc", python_can_reader("TRCReader")),
    ("boat, candump", True, "canboat+canboat/samples/candumpSample3.txt", read_candump),
    ("every length, FD (generated)", False, "CSS-*mdf4*/*/*/SocketCAN/TestData/multiple_CAN.log", read_candump),
]


def with_nanoseconds(frames):
    """Noise below the microsecond; frames with equal stamps keep their order."""
    frames = list(frames)
    at = 0
    while at < len(frames):
        end = at
        while end < len(frames) and frames[end][0] == frames[at][0]:
            end += 1
        for frame, ns in zip(frames[at:end], sorted(noise_ns(i) for i in range(at, end))):
            yield frame[0] * 1000 + ns, frame[1], frame[2]
        at = end


def blf_bytes(frames, path):
    if not can:
        return None
    writer = can.BLFWriter(path)
    start = min(f[0] for f in frames)
    for ns, channel, frame in frames:
        identifier, _, rest = frame.partition("#")
        fd = rest.startswith("#")
        writer.on_message_received(can.Message(
            timestamp=(ns - start) / 1e9,  # small, so that a float holds the nanosecond
            channel=int(re.sub(r"\D", "", channel) or 0), arbitration_id=int(identifier, 16),
            is_extended_id=len(identifier) == 8, is_fd=fd, bitrate_switch=fd and bool(int(rest[1], 16) & 1),
            data=bytes.fromhex(rest[2:] if fd else rest)))
    writer.stop()
    return os.path.getsize(path)


def recording_bytes(directory):
    return sum(os.path.getsize(p) for p in glob.glob(os.path.join(directory, "*.canp")))


SECTIONS = ["headers", "index", "lanes", "order", "times", "payload"]


def sections(directory):
    """Bytes of each part of a packed recording (engine/FORMAT.md)."""
    sizes = dict.fromkeys(SECTIONS, 0)
    for path in glob.glob(os.path.join(directory, "*.canp")):
        with open(path, "rb") as f:
            data = f.read()
        at, (end, _, index) = struct.unpack_from("<H", data, 14)[0], struct.unpack_from("<QQQ", data, 520)
        sizes["headers"] += at
        sizes["index"] += index
        while at < end:
            flags, stored = struct.unpack_from("<HxxI", data, at + 12)
            packed = flags & 8
            d, e, c, t = struct.unpack_from("<IIII", data, at + 96) if packed else (0, 0, 0, 0)
            sizes["headers"] += 120 if packed else 80 + stored
            sizes["lanes"] += d
            sizes["order"] += e + c
            sizes["times"] += t
            sizes["payload"] += stored - 40 - d - e - c - t if packed else 0
            at += 80 + stored
    return sizes


def text_of(frames):
    return "".join(f"({ns // 10**9}.{ns % 10**9:09d}) {channel} {frame}\n" for ns, channel, frame in frames).encode()


def canp(command, *arguments):
    subprocess.run([command, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(command, frames, work):
    """Bytes of each form of the frames."""
    log, recording = os.path.join(work, "text.log"), os.path.join(work, "recording")
    text = text_of(frames)
    with open(log, "wb") as f:
        f.write(text)
    canp(command, "convert", log, recording)
    info = json.loads(subprocess.run([command, "info", "--json", recording], check=True, capture_output=True).stdout)
    if info["frames"] != len(frames):
        sys.exit(f"{info['frames']} frames in the recording, {len(frames)} in the text")
    raw = recording_bytes(recording)
    canp(command, "pack", recording)
    packed, where = recording_bytes(recording), sections(recording)
    back = subprocess.run([command, "dump", recording], check=True, capture_output=True).stdout
    shutil.rmtree(recording)
    canp(command, "convert", log, recording)
    canp(command, "pack", "--archive", recording)
    archive = recording_bytes(recording)
    shutil.rmtree(recording)
    with open(log, "wb") as f:
        f.write(text_of([(ns // 1000 * 1000, channel, frame) for ns, channel, frame in frames]))
    canp(command, "convert", log, recording)
    canp(command, "pack", recording)
    return {"text": len(text), "gzip -6": len(gzip.compress(text, 6)), "xz -6": len(lzma.compress(text, preset=6)),
            "BLF": blf_bytes(frames, os.path.join(work, "log.blf")), "canp raw": raw, "canp packed": packed,
            "same": back == text, "ids": info["ids"], **where, "archive": archive, "own stamps": recording_bytes(recording)}


def entropy(symbols):
    """Bits of one of them, by how often each occurs."""
    counts = collections.Counter(symbols)
    n = counts.total()
    return sum(k * math.log2(n / k) for k in counts.values()) / n if n else 0


def time_bits(frames):
    last, steps, lanes = {}, [], [(channel, frame.partition("#")[0], len(frame)) for _, channel, frame in frames]
    for (ns, _, _), lane in zip(frames, lanes):
        if lane in last:
            steps.append(ns // 1000 - last[lane])
        last[lane] = ns // 1000
    turns = entropy(zip(lanes, lanes[1:])) - entropy(lanes[:-1])
    return min(entropy(steps), entropy(b[0] // 1000 - a[0] // 1000 for a, b in zip(frames, frames[1:])) + turns)


def payload_bytes(frames):
    """Of all lanes, one after the other, byte by byte: as they are, or less the frame before; the smaller one."""
    lanes = collections.defaultdict(list)
    for _, channel, frame in frames:
        identifier, _, data = frame.partition("#")
        if re.fullmatch("([0-9A-F]{2})*", data):
            lanes[channel, identifier, len(data)].append(bytes.fromhex(data))
    plain, less = [], []
    for key in sorted(lanes):
        for plane in zip(*lanes[key]):
            plain.append(bytes(plane))
            less.append(bytes([plane[0]] + [(b - a) & 255 for a, b in zip(plane, plane[1:])]))
    return min(len(lzma.compress(b"".join(x), preset=9 | lzma.PRESET_EXTREME)) for x in (plain, less))


TARGETS = [("B/frame", "<= 4.6", lambda m, n: m["canp packed"] / n <= 4.6),
           ("of BLF", "<= 0.55x", lambda m, n: not m["BLF"] or m["canp packed"] <= 0.55 * m["BLF"]),
           ("of xz -6", "<= 0.9x", lambda m, n: m["canp packed"] <= 0.9 * m["xz -6"])]


def explain(name, frames, m):
    """Why a target is missed; nothing when none is."""
    n = len(frames)
    missed = [f"{goal} {what}" for what, goal, met in TARGETS if not met(m, n)]
    if not missed:
        return
    noise, time, payload = math.log2(1000) / 8, time_bits(frames) / 8, payload_bytes(frames) / n
    print(f"{name} misses {', '.join(missed)}: {m['canp packed'] / n:.2f} B/frame. It holds {noise:.2f} of noise, about "
          f"{time:.2f} of time and {payload:.2f} of payload (xz -9e): {noise + time + payload:.2f}.")


def ratio(a, b):
    return f"{a / b:.3f}" if b else "-"


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--canp", default=os.path.join(root, "build/release/tools/canp"))
    parser.add_argument("--data", default=os.environ.get("CANP_DATA", os.path.join(root, "../shared/data")))
    parser.add_argument("--keep", help="keep texts and recordings here")
    parser.add_argument("names", nargs="*", help="only recordings whose name holds one of these")
    options = parser.parse_args()
    columns = ["text", "gzip -6", "xz -6", "BLF", "canp raw", "canp packed"]
    parts = ["canp packed", *SECTIONS, "archive", "own stamps"]
    print("| recording | frames | ids | " + " | ".join(columns) + " | packed/BLF | packed/xz |")
    print("|---|---" + "|---" * (len(columns) + 3) + "|")
    missed, measured = [], []
    for name, vehicle, pattern, read in RECORDINGS:
        paths = sorted(glob.glob(os.path.join(options.data, pattern)))
        if options.names and not any(n in name for n in options.names):
            continue
        if not paths or not read:
            print(f"| {name} | skipped: {'needs python-can' if paths else 'not there'} |")
            continue
        with tempfile.TemporaryDirectory() as work:
            if options.keep:
                work = os.path.join(options.keep, re.sub(r"\W+", "-", name))
                os.makedirs(work, exist_ok=True)
            frames = list(with_nanoseconds(read(paths[0])))
            m = measure(options.canp, frames, work)
        n = len(frames)
        cells = [f"{m[c] / n:.2f}" if m[c] else "-" for c in columns]
        packed = m["canp packed"]
        print(f"| {name} | {n} | {m['ids']} | " + " | ".join(cells) +
              f" | {ratio(packed, m['BLF'])} | {ratio(packed, m['xz -6'])} |", flush=True)
        measured.append((name, vehicle, frames, m))
        if not m["same"]:
            missed.append(f"{name}: the text that comes back differs")
    print("\n| B/frame | " + " | ".join(parts) + " |\n|---" + "|---" * len(parts) + "|")
    for name, _, frames, m in measured:
        print(f"| {name} | " + " | ".join(f"{m[p] / len(frames):.2f}" for p in parts) + " |")
    print()
    for name, vehicle, frames, m in measured:
        if vehicle:
            explain(name, frames, m)
    for line in missed:
        print(line, file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
