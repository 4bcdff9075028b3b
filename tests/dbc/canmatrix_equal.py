#!/usr/bin/env python3
"""Databases that others wrote x their recordings x random payloads: canmatrix must read the same raw values.

Each message of each database is decoded by dbc_text and by canmatrix (Debian's python3-canmatrix): payloads of frames of
its id, or of its J1939 group, in any log of the data, and random ones. Equal are the raw values to the bit, and which
signals a muxer selects (where canmatrix knows: one muxer). What canmatrix cannot do is counted.
usage: canmatrix_equal.py DBC_TEXT CANP DATA [--cantools]; status 77: canmatrix or the data is not there; 1 and the first
difference. --cantools, by hand: the same against cantools (PyPI), all muxers.
"""
import collections
import contextlib
import glob
import io
import os
import random
import struct
import subprocess
import sys

EFF = 0x80000000
PER_MESSAGE = 25  # payloads of recordings, and as many random ones
LOG_BYTES_MAX = 4 << 20
DEBIAN_PYTHON = "/usr/bin/python3"
CANTOOLS = "--cantools" in sys.argv

try:
    if CANTOOLS:
        import cantools
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if not CANTOOLS:
            import canmatrix.formats
except ImportError:
    if not CANTOOLS and os.path.realpath(sys.executable) != os.path.realpath(DEBIAN_PYTHON) and os.path.exists(DEBIAN_PYTHON):
        os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON] + sys.argv)
    print("skip: no " + ("cantools (PyPI)" if CANTOOLS else "canmatrix (Debian: python3-canmatrix)"))
    sys.exit(77)


def group(can_id):
    """The J1939 group; None for 11 bit ids."""
    pgn = can_id >> 8 & 0x3FFFF
    return (pgn & 0x3FF00 if pgn & 0xFF00 < 0xF000 else pgn) if can_id & EFF else None


def recorded(canp, data):
    """{id: {payload}} of all logs, and {group: {payload}}."""
    by_id, by_group = collections.defaultdict(set), collections.defaultdict(set)
    logs = [p for kind in ("log", "asc", "trc", "blf", "csv") for p in glob.glob(data + "/**/*." + kind, recursive=True)]
    read = 0
    for path in sorted(logs):
        if os.path.getsize(path) > LOG_BYTES_MAX:
            continue
        said = subprocess.run([canp, "dump", path], capture_output=True, text=True, errors="replace").stdout
        read += bool(said)
        for line in said.splitlines():
            can_id, _, payload = line.split()[2].partition("#") if line.startswith("(") else ("", "", "")
            if payload.startswith("#"):
                payload = payload[2:]
            if not payload or payload[0] == "R":
                continue
            number = int(can_id, 16) | (EFF if len(can_id) == 8 else 0)
            for place, key in ((by_id, number), (by_group, group(number))):
                if len(place[key]) < 10 * PER_MESSAGE:
                    place[key].add(payload)
    return by_id, by_group, read


Raw = collections.namedtuple("Raw", "raw_value")
Signal = collections.namedtuple("Signal", "name size is_float")
Id = collections.namedtuple("Id", "id extended")
Frames = collections.namedtuple("Frames", "frames")


class CantoolsFrame:
    """A message of cantools as canmatrix has them."""
    is_complex_multiplexed = False  # cantools knows all of them

    def __init__(self, message):
        self.message, self.name, self.size = message, message.name, message.length
        self.arbitration_id = Id(message.frame_id, message.is_extended_frame)
        self.signals = [Signal(s.name, s.length, s.is_float) for s in message.signals]

    def unpack(self, payload):
        values = self.message.decode(payload, decode_choices=False, scaling=False)
        return {name: Raw(value) for name, value in values.items()}

    decode = unpack


def load_cantools(path):
    for encoding in ("utf-8", "cp1252"):
        try:
            messages = cantools.database.load_file(path, strict=False, encoding=encoding).messages
            return Frames([CantoolsFrame(m) for m in messages])
        except Exception:  # whatever it is that it does not read
            continue
    return None


def load(path):
    if CANTOOLS:
        return load_cantools(path)
    for encoding in ("utf-8", "cp1252"):
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                return canmatrix.formats.loadp_flat(path, dbcImportEncoding=encoding)
        except Exception:  # whatever it is that it does not read
            continue
    return None


def bits_of(signal, value):
    """As canp_value.raw has it."""
    if signal.is_float:
        return int.from_bytes(struct.pack(">f" if signal.size == 32 else ">d", value), "big")
    return value & (1 << 64) - 1


def ours(program, path, picked):
    """What dbc_text says: for each (id, payload) a dictionary signal -> raw, None for an unknown id."""
    lines = "".join("%x %s\n" % one for one in picked)
    said = subprocess.run([program, path, "never"], input=lines, capture_output=True, text=True, check=True).stdout
    all_values = []
    for line in said.splitlines():
        if line.startswith(" "):
            name, raw, _, flags = line.split()
            if not int(flags, 16) & 8:  # more than 64 bits
                all_values[-1][name] = int(raw, 16)
        else:
            all_values.append(None if line == "-" else {})
    return all_values


class Tally:
    def __init__(self):
        self.values = self.payloads = self.unable = self.databases = 0

    def message(self, frame, payloads, decoded, path):
        signals = {s.name: s for s in frame.signals}
        one_muxer = not frame.is_complex_multiplexed
        for payload, values in zip(payloads, decoded):
            try:
                flat = frame.unpack(bytearray.fromhex(payload))
                present = set(frame.decode(bytearray.fromhex(payload))) if one_muxer else None
            except Exception:
                self.unable += 1
                continue
            if values is None or len(signals) != len(frame.signals):
                self.unable += 1
                continue
            self.payloads += 1
            for name, raw in values.items():
                theirs = flat[name].raw_value
                is_nan = theirs != theirs
                if not is_nan and bits_of(signals[name], theirs) != raw:
                    return "%s: %s.%s of %s: %x, theirs %r" % (path, frame.name, name, payload, raw, theirs)
                self.values += 1
            missing = (present or set()) ^ set(values) if one_muxer else set()
            missing = {name for name in missing if signals[name].size <= 64}
            if missing:
                return "%s: %s of %s: only one of the two has %s" % (path, frame.name, payload, sorted(missing))
        return None


def check(program, path, frames, tally, rng):
    for frame in frames:
        can_id = frame.arbitration_id.id | (EFF if frame.arbitration_id.extended else 0)
        if not frame.signals or frame.size == 0 or frame.size > 64:
            continue
        by_id, by_group = check.recorded
        real = sorted(by_id.get(can_id, ())) or sorted(by_group.get(group(can_id), ()) if can_id & EFF else ())
        real = [p for p in real if len(p) == 2 * frame.size]
        rng.shuffle(real)
        payloads = real[:PER_MESSAGE] + [rng.randbytes(frame.size).hex() for _ in range(PER_MESSAGE)]
        check.real += len(real[:PER_MESSAGE])
        decoded = ours(program, path, [(can_id, p) for p in payloads])
        said = tally.message(frame, payloads, decoded, path)
        if said:
            return said
    return None


def main():
    program, canp, data = [a for a in sys.argv[1:] if a != "--cantools"]
    databases = sorted(glob.glob(data + "/**/*.dbc", recursive=True))
    if not databases:
        print("skip: no databases in %s" % data)
        return 77
    rng, tally, unread = random.Random(15), Tally(), []
    by_id, by_group, logs = recorded(canp, data)
    check.recorded, check.real = (by_id, by_group), 0
    for path in databases:
        matrix = load(path)
        if matrix is None or not matrix.frames:
            unread.append(os.path.basename(path))
            continue
        tally.databases += 1
        said = check(program, path, matrix.frames, tally, rng)
        if said:
            print("differs: " + said)
            return 1
    print("%d values of %d payloads equal, %d of the payloads from %d logs; %d databases; they cannot: %d payloads, "
          "databases %s" % (tally.values, tally.payloads, check.real, logs, tally.databases, tally.unable, unread))
    return 0 if tally.values > 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
