#!/usr/bin/env python3
"""Sizes of real recordings, in bytes per frame: candump text, gzip -6, xz -6, python-can's BLF, canp raw and packed.

usage: sizes.py [--canp COMMAND] [--data DIR] [--keep DIR] [NAME...]

Every recording becomes candump text with nanosecond stamps, the same for all contestants; `canp convert` and
`canp pack` make the recordings that are measured, whole files with headers, seals and indexes, which weigh on short
recordings (4 KiB of header); `its blocks` are the packed blocks alone. Ratios are of whole files. Recordings hold
microseconds at best: nanoseconds are added as noise (splitmix64 of the frame's number, in order within equal
stamps), so that nobody gains by zeros that a real recorder would not write. BLF is left out without python-can.
"""
import argparse
import csv
import glob
import gzip
import json
import lzma
import os
import re
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


def canp(command, *arguments):
    subprocess.run([command, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(command, frames, work):
    """Bytes of each form of the frames."""
    log, recording = os.path.join(work, "text.log"), os.path.join(work, "recording")
    text = "".join(f"({ns // 10**9}.{ns % 10**9:09d}) {channel} {frame}\n" for ns, channel, frame in frames).encode()
    with open(log, "wb") as f:
        f.write(text)
    canp(command, "convert", log, recording)
    info = json.loads(subprocess.run([command, "info", "--json", recording], check=True, capture_output=True).stdout)
    if info["frames"] != len(frames):
        sys.exit(f"{info['frames']} frames in the recording, {len(frames)} in the text")
    raw = recording_bytes(recording)
    canp(command, "pack", recording)
    packed = json.loads(subprocess.run([command, "info", "--json", recording], check=True, capture_output=True).stdout)
    back = subprocess.run([command, "dump", recording], check=True, capture_output=True).stdout
    return {"text": len(text), "gzip -6": len(gzip.compress(text, 6)), "xz -6": len(lzma.compress(text, preset=6)),
            "BLF": blf_bytes(frames, os.path.join(work, "log.blf")), "canp raw": raw,
            "canp packed": recording_bytes(recording), "its blocks": packed["packed_bytes"], "same": back == text, "ids": info["ids"]}


def ratio(a, b):
    return f"{a / b:.2f}" if b else "-"


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--canp", default=os.path.join(root, "build/release/tools/canp"))
    parser.add_argument("--data", default=os.environ.get("CANP_DATA", os.path.join(root, "../shared/data")))
    parser.add_argument("--keep", help="keep texts and recordings here")
    parser.add_argument("names", nargs="*", help="only recordings whose name holds one of these")
    options = parser.parse_args()
    columns = ["text", "gzip -6", "xz -6", "BLF", "canp raw", "canp packed", "its blocks"]
    print("| recording | frames | ids | " + " | ".join(columns) + " | packed/BLF | packed/xz |")
    print("|---|---" + "|---" * (len(columns) + 3) + "|")
    missed = []
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
        if not m["same"]:
            missed.append(f"{name}: the text that comes back differs")
    for line in missed:
        print(line, file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
