#!/usr/bin/env python3
"""Random databases x random payloads: dbc_text must say what a slow decoder says, to the bit.

The decoder here is written from the DBC specification alone and walks bit by bit; Python's standard library only.
usage: reference.py DBC_TEXT CASES [SEED]; 100000 cases take a few minutes. Status 1 and the first difference if any.
"""
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

OUT_OF_RANGE, NOT_AVAILABLE, ERROR, BYTES = 1, 2, 4, 8
NAN_BITS = 0x7FF8000000000000


def positions(start, bits, big_endian):
    """The signal's bits, least significant first, as (byte, bit) from the file's numbering."""
    if not big_endian:
        return [divmod(start + i, 8) for i in range(bits)]
    at, most_first = start, []
    for _ in range(bits):
        most_first.append(divmod(at, 8))
        at = at + 15 if at % 8 == 0 else at - 1
    return most_first[::-1]


class Signal:
    def __init__(self, rng, name, message_bytes):
        self.name = name
        self.big_endian = rng.random() < 0.5
        kind = rng.choice(["unsigned"] * 5 + ["signed"] * 3 + ["float", "double"])
        self.signed = kind == "signed" or (kind in ("float", "double") and rng.random() < 0.5)
        self.number = kind if kind in ("float", "double") else "integer"
        widest = message_bytes * 8
        self.bits = {"float": 32, "double": 64}.get(kind) or rng.choice(
            [rng.randint(1, 64), rng.randint(1, 16), 8, 16, 1, 2, 4, 64, 32, rng.randint(65, 80)])
        if self.bits > widest + 16 and self.number == "integer":
            self.bits = rng.randint(1, min(widest, 64))
        first = rng.randint(0, max(0, widest + rng.choice([0] * 20 + [9]) - self.bits))
        self.start = first if not self.big_endian else first // 8 * 8 + 7 - first % 8
        self.bit_places = positions(self.start, self.bits, self.big_endian)
        self.end_bytes = max(byte for byte, _ in self.bit_places) + 1
        self.factor = rng.choice([1.0, 0.5, 0.1, -0.25, 1e-7, 0.03125, float(rng.randint(1, 1000)), rng.uniform(-5, 5)])
        self.offset = rng.choice([0.0, 0.0, -40.0, 1e6, rng.uniform(-1000, 1000)])
        low = rng.uniform(-1000, 1000)
        self.minimum, self.maximum = rng.choice([(0.0, 0.0), (low, low + rng.uniform(1, 1e5)), (0.0, 250.0)])
        self.muxer, self.ranges, self.is_muxer = None, [], False

    def raw(self, payload):
        value = 0
        for i, (byte, bit) in enumerate(self.bit_places):
            value |= (payload[byte] >> bit & 1) << i
        return value

    def decode(self, payload, j1939):
        """raw as 64 bits, the double's bits, flags."""
        if self.bits > 64:
            return min(self.bit_places[0][0], self.bit_places[-1][0]), NAN_BITS, BYTES
        raw = self.raw(payload)
        if self.number == "float":
            value = struct.unpack("<f", struct.pack("<I", raw))[0]
        elif self.number == "double":
            value = struct.unpack("<d", struct.pack("<Q", raw))[0]
        else:
            number = raw - (1 << self.bits) if self.signed and raw >> (self.bits - 1) else raw
            value, raw = float(number), number & (1 << 64) - 1
        value = value * self.factor + self.offset
        flags = 0
        if (self.minimum != 0 or self.maximum != 0) and (value < self.minimum or value > self.maximum):
            flags |= OUT_OF_RANGE
        if j1939 and not self.signed and self.number == "integer" and 2 <= self.bits <= 32:
            top = raw >> (self.bits - 8) if self.bits >= 8 else raw
            ones = 0xFF if self.bits >= 8 else (1 << self.bits) - 1
            flags |= NOT_AVAILABLE if top == ones else ERROR if top == ones - 1 else 0
        bits = NAN_BITS if math.isnan(value) else struct.unpack("<Q", struct.pack("<d", value))[0]
        return raw, bits, flags

    def line(self, rng):
        mux = ""
        if self.muxer:
            mux = "m%d" % self.ranges[0][0]
        if self.is_muxer:
            mux += "M"
        blank = lambda: rng.choice(["", " ", "  "])
        number = lambda x: rng.choice([repr(x), "%.17g" % x, "%.17E" % x])
        return ' SG_ %s %s%s: %d|%d@%d%s (%s,%s)%s[%s|%s]%s"%s"%s%s\n' % (
            self.name, mux, blank(), self.start, self.bits, not self.big_endian, "-" if self.signed else "+",
            number(self.factor), number(self.offset), blank(), number(self.minimum), number(self.maximum), blank(),
            rng.choice(["", "km/h", "\u00b0C"]), " ", rng.choice(["Vector__XXX", "A,B", "A, B"]))


class Message:
    def __init__(self, rng, number):
        self.name = "M%d" % number
        self.extended = rng.random() < 0.5
        self.j1939 = self.extended and rng.random() < 0.5
        self.id = (0x80000000 | rng.randint(0, 7) << 26 | (0xFF00 + number) << 8 | rng.randint(0, 255)
                   if self.extended else 0x100 + number)
        self.bytes = rng.choice([8] * 8 + [rng.randint(1, 8), 64, rng.randint(9, 64), 100])
        self.signals = [Signal(rng, "S%d" % i, self.bytes) for i in range(rng.randint(1, 14))]
        self.plain_mux = rng.random() < 0.3
        if rng.random() < 0.5:
            self.multiplex(rng)

    def multiplex(self, rng):
        """Signals depend on earlier ones, which makes trees; some by one muxer and single values alone."""
        muxers = [s for s in self.signals if s.bits <= 64]
        if not muxers:
            return
        root = muxers[0]
        place = self.signals.index(root)
        for i, signal in enumerate(self.signals):
            if i <= place or rng.random() < 0.3:
                continue
            above = root if self.plain_mux else rng.choice([s for s in muxers if self.signals.index(s) < i])
            limit = min((1 << above.bits) - 1, rng.choice([3, 15, 1 << 20]))
            signal.muxer, above.is_muxer = above, True
            for _ in range(1 if self.plain_mux else rng.randint(1, 3)):
                first = rng.randint(0, limit)
                signal.ranges.append((first, first if self.plain_mux else rng.randint(first, limit)))

    def depth(self, signal):
        return 0 if not signal.muxer else 1 + self.depth(signal.muxer)

    def is_there(self, signal, payload):
        above = signal.muxer
        if not above:
            return True
        if not self.is_there(above, payload) or above.end_bytes > len(payload):
            return False
        return any(a <= above.raw(payload) <= b for a, b in signal.ranges)

    def decode(self, payload):
        values, short = {}, 0
        for signal in self.signals:
            if not self.is_there(signal, payload):
                continue
            if signal.end_bytes > len(payload):
                short += 1
            else:
                values[signal.name] = signal.decode(payload, self.j1939)
        return values, short

    def text(self, rng):
        return "BO_ %d %s: %d A\n" % (self.id, self.name, self.bytes) + "".join(s.line(rng) for s in self.signals) + "\n"

    def further(self):
        out = ""
        for s in self.signals:
            if s.number != "integer":
                out += "SIG_VALTYPE_ %d %s : %d;\n" % (self.id, s.name, 1 if s.number == "float" else 2)
            if s.muxer and not self.plain_mux:
                out += "SG_MUL_VAL_ %d %s %s %s;\n" % (self.id, s.name, s.muxer.name,
                                                       ", ".join("%d-%d" % r for r in s.ranges))
        out += 'BA_ "VFrameFormat" BO_ %d %d;\n' % (self.id, 3 if self.j1939 else 1 if self.extended else 0)
        return out

    def payload(self, rng):
        size = rng.choice([self.bytes] * 6 + [rng.randint(0, self.bytes), self.bytes + rng.randint(0, 9)])
        style = rng.random()
        if style < 0.2:
            return bytes(rng.choice([0, 1, 2, 0xFF, 0xFE]) for _ in range(size))
        return rng.randbytes(size)

    def frame_id(self, rng):
        if not self.j1939:
            return self.id
        return 0x80000000 | rng.randint(0, 7) << 26 | (self.id & 0x3FFFF00) | rng.randint(0, 255)


def expected(message, payload):
    values, short = message.decode(payload)
    return "%s %d %d" % (message.name, len(values), short), sorted(
        " %s %x %x %x" % ((name,) + value) for name, value in values.items())


def run(program, rng, work, cases):
    messages = [Message(rng, i) for i in range(20)]
    path = os.path.join(work, "random.dbc")
    head = ('VERSION ""\nNS_ :\n\tCM_\n\nBS_:\n\nBU_: A B\n\n' + "".join(m.text(rng) for m in messages) +
            'BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";\n' +
            'BA_DEF_DEF_ "VFrameFormat" "StandardCAN";\n' + "".join(m.further() for m in messages))
    with open(path, "w", encoding=rng.choice(["utf-8", "cp1252"]), newline=rng.choice(["\n", "\r\n"])) as out:
        out.write(head)
    picked = [(m, m.payload(rng), m.frame_id(rng)) for m in (rng.choice(messages) for _ in range(cases))]
    lines = "".join("%x %s\n" % (frame_id, payload.hex()) for _, payload, frame_id in picked)
    said = subprocess.run([program, path, "auto"], input=lines, capture_output=True, text=True, check=True).stdout
    said = iter(said.splitlines())
    line = next(said, None)
    for message, payload, frame_id in picked:
        head, values = expected(message, payload)
        got, line = [line], next(said, None)
        while line is not None and line.startswith(" "):
            got.append(line)
            line = next(said, None)
        if got[0] != head or sorted(got[1:]) != values:
            print("differs: id %x payload %s\nexpected %s\n%s\ngot %s\n%s\n%s%s" % (
                frame_id, payload.hex(), head, "\n".join(values), got[0], "\n".join(sorted(got[1:])), message.text(rng),
                message.further()))
            return None
    return sum(1 for m, p, _ in picked for _ in m.decode(p)[0])


def main():
    program, cases = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    rng = random.Random(seed)
    done = values = 0
    with tempfile.TemporaryDirectory() as work:
        while done < cases:
            part = min(500, cases - done)
            got = run(program, rng, work, part)
            if got is None:
                print("seed %d, after %d cases" % (seed, done))
                return 1
            done, values = done + part, values + got
    print("%d cases, %d values equal, seed %d" % (done, values, seed))
    return 0 if values > cases else 1


if __name__ == "__main__":
    sys.exit(main())
