#!/usr/bin/env python3
"""Prints what a measurement file (ASAM MDF 4) of canp decode holds, by the standard's blocks alone: a line for each valid
value, `iface message signal ns value`, the texts and bytes as Python has them. Each block is found where the one before it
ends: nothing overlaps, nothing is left over.

usage: read_mf4_signals.py FILE
"""
import struct
import sys
import zlib


class File:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.seen = {}  # offset -> end

    def block(self, at, kind):
        mark, name, _, size, count = struct.unpack_from("<2s2sIQQ", self.data, at)
        assert mark == b"##" and name.decode() in kind, f"{name} at {at}, not {kind}"
        assert at % 8 == 0 and 24 + 8 * count <= size <= len(self.data) - at
        links = struct.unpack_from(f"<{count}Q", self.data, at + 24)
        self.seen[at] = at + (size + 7) // 8 * 8
        return name.decode(), links, self.data[at + 24 + 8 * count:at + size]

    def text(self, at):
        if not at:
            return ""
        text = self.block(at, ("TX", "MD"))[2]
        assert text[-1] == 0
        return text[:-1].decode()

    def content(self, at):
        """All records of a data group."""
        if not at:
            return b""
        kind, links, data = self.block(at, ("DT", "DZ", "HL", "DL"))
        if kind == "DT":
            return data
        if kind == "DZ":
            what, zipped, width, plain, packed = struct.unpack_from("<2sBxIQQ", data)
            rows = zlib.decompress(data[24:])
            assert (what, zipped, plain, packed) == (b"DT", 1, len(rows), len(data) - 24) and plain % width == 0
            return b"".join(rows[i::plain // width] for i in range(plain // width))
        if kind == "HL":
            assert data[2] == 1
            return self.content(links[0])
        flags, count, length = struct.unpack("<BxxxIQ", data)
        parts = [self.content(link) for link in links[1:]]
        assert flags == 1 and count == len(parts) and all(len(p) == length for p in parts[:-1])
        return b"".join(parts) + self.content(links[0])

    def conversion(self, at):
        if not at:
            return lambda raw: raw
        _, links, data = self.block(at, "CC")
        kind, references, count = data[0], *struct.unpack_from("<HH", data, 4)
        numbers = struct.unpack_from(f"<{count}d", data, 24)
        if kind == 1:
            return lambda raw: numbers[0] + numbers[1] * raw
        assert kind == 7 and references == count + 1
        words = {n: self.text(link) for n, link in zip(numbers, links[4:])}
        other = self.conversion(links[-1])
        return lambda raw: words[raw] if raw in words else other(raw)

    def channels(self, at):
        while at:
            _, links, data = self.block(at, "CN")
            kind, byte, bits, flags, missing = data[2], *struct.unpack_from("<IIII", data, 4)
            convert = self.conversion(links[4])
            self.text(links[6]), self.text(links[7])
            yield self.text(links[2]), kind, byte, bits, missing if flags & 2 else None, convert
            at = links[0]

    def group(self, group, start_ns):
        channel_group = self.block(group, "CG")
        links, (cycles, width, missing_bytes) = channel_group[1], struct.unpack("<8xQ8xII", channel_group[2])
        source = self.block(links[3], "SI")
        where = f"{self.text(source[1][0])} {self.text(links[2])}"
        (name, *_), *channels = self.channels(links[1])
        assert name == "Timestamp"
        records = yield
        assert len(records) == cycles * (width + missing_bytes)
        for at in range(0, len(records), width + missing_bytes):
            record = records[at:at + width]
            valid = records[at + width:at + width + missing_bytes]
            time_ns = start_ns + struct.unpack_from("<q", record)[0]
            for name, kind, byte, bits, missing, convert in channels:
                cell = record[byte:byte + bits // 8]
                if valid[missing // 8] >> missing % 8 & 1:
                    continue
                if kind == 7:
                    value = cell.rstrip(b"\0").decode()
                elif kind == 10:
                    value = cell
                elif kind == 4:
                    value = convert(struct.unpack("<f" if bits == 32 else "<d", cell)[0])
                else:
                    value = convert(int.from_bytes(cell, "little", signed=kind == 2))
                print(f"{where} {name} {time_ns} {value!r}")

    def whole(self):
        assert self.data[:16] == b"MDF     4.11    " and struct.unpack_from("<H", self.data, 28)[0] == 411
        self.seen[0] = 64
        _, links, data = self.block(64, "HD")
        start_ns, group = struct.unpack_from("<Q", data)[0], links[0]
        history = self.block(links[1], "FH")
        self.text(history[1][1])
        while group:
            _, links, data = self.block(group, "DG")
            assert data[0] == 0, "a number before each record"
            reader = self.group(links[1], start_ns)
            next(reader)
            try:
                reader.send(self.content(links[2]))
            except StopIteration:
                pass
            group = links[0]
        ends = [0] + sorted(self.seen.values())
        assert sorted(self.seen) == ends[:-1] and ends[-1] == len(self.data), "blocks that overlap, or that nothing refers to"


File(sys.argv[1]).whole()
