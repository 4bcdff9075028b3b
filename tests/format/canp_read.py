#!/usr/bin/env python3
"""Reads a canp recording and prints its records as text, one a line.

Written from engine/FORMAT.md alone, in Python's standard library: it shares nothing with libcanp, so that
the two can be held against each other. Slow, and meant to be: every byte is looked at as the text says.

usage: canp_read.py SEGMENT.canp|DIRECTORY
"""
import os
import re
import struct
import sys

import canp_unpack

MAGIC = bytes.fromhex("8943414E500D0A1A")
MASK64 = (1 << 64) - 1
EVENTS, IFACES, GAPS, PACKED, BACKWARDS = 1, 2, 4, 8, 16


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class Refused(Exception):
    """This file is no segment that we could read."""


class Damaged(Exception):
    """There is no committed block at this place."""


class Segment:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        head = self.data[:512]
        if len(head) < 512 or head[:8] != MAGIC:
            raise Refused("not a canp segment")
        (crc, version, self.begin, self.compatible, incompatible) = struct.unpack_from("<IHHII", head, 8)
        if crc != crc32c(head[12:512]):
            raise Refused("header damaged")
        if version != 1 or incompatible & ~3:
            raise Refused("a version or feature that this reader does not know")
        if self.begin != 4096 and not (incompatible & 1 and 640 <= self.begin <= 4096 and self.begin % 8 == 0):
            raise Refused("blocks begin at a strange place")
        self.salt = head[24:32]
        self.read_seal()

    def read_seal(self):
        seal = self.data[512:640]
        self.sealed = self.cut = False
        self.end = len(self.data)
        self.index = b""
        if len(seal) == 128 and seal[:4] == b"SEAL":
            (crc, blocks_end) = struct.unpack_from("<IQ", seal, 4)
            if crc == crc32c(self.salt + seal[8:]) and blocks_end >= self.begin:
                self.sealed = True
                self.end = min(blocks_end, len(self.data))
                self.cut = blocks_end > len(self.data)
                (offset, size) = struct.unpack_from("<QQ", seal, 16)
                self.index = self.data[offset:offset + size]

    def block_at(self, at):
        """The committed block at this offset, or Damaged."""
        if self.end - at < 80:
            raise Damaged
        block = Block(self.data[at:at + 80])
        end = at + 80 + block.stored_bytes
        if not block.is_sane() or end > self.end:
            raise Damaged
        block.payload = self.data[at + 80:end]
        if block.crc != crc32c(self.salt + self.data[at + 8:end]):
            raise Damaged
        block.end = end
        return block

    def block_behind(self, at, seq):
        """Past a damaged place: the next block with a right checksum and sequence number, or None."""
        at += 8
        while at < self.end:
            at = self.data.find(b"CBLK", at, self.end)
            if at < 0:
                return None
            if at % 8 == 0:
                try:
                    block = self.block_at(at)
                    if block.seq >= seq:
                        return block
                except Damaged:
                    pass
            at += 1
        return None


class Block:
    def __init__(self, header):
        (self.magic, self.crc, self.seq, self.flags, self.stride, self.stored_bytes, self.row_bytes,
         self.records, self.frames, self.base, self.low, self.high, self.channels, self.ids, self.lost,
         self.tail_bytes) = struct.unpack("<4sIIHHIIIIqqqQQII", header)

    def is_sane(self):
        if self.magic != b"CBLK" or self.flags & ~31 or self.stored_bytes % 8 or self.row_bytes % 8:
            return False
        if self.records == 0 or self.frames > self.records:
            return False
        return bool(self.flags & PACKED) or self.row_bytes + self.tail_bytes == self.stored_bytes


def pad8(n):
    return (n + 7) & ~7


def text_of(raw):
    return raw.split(b"\0", 1)[0].decode("latin-1") or "-"


def body_size(kind, rows, at):
    """Unpadded size of the body at this offset."""
    if kind in (0, 1):
        return 8 + rows[at + 4]
    if kind == 2:
        return 12 + struct.unpack_from("<H", rows, at + 6)[0]
    return struct.unpack_from("<H", rows, at + 4)[0]


def frame_text(kind, b):
    if kind == 2:
        (prio, flags, sdt, length, af) = struct.unpack_from("<IBBHI", b)
        return "xl %08X %02X %02X %d %08X %s" % (prio, flags, sdt, length, af, b[12:].hex().upper() or "-")
    (can_id, length, flags, reserved, dlc) = struct.unpack_from("<IBBBB", b)
    return "%s %08X %d %02X %02X %d %s" % (
        ("can", "fd")[kind], can_id, length, flags, reserved, dlc, b[8:].hex().upper() or "-")


def event_text(kind, b):
    code = struct.unpack_from("<I", b)[0]
    if kind == 8:
        return "gap %d %d %d %d" % ((code,) + struct.unpack_from("<Qqq", b, 8))
    if kind == 9:
        return "iface %d %s %d %d %d %d" % ((code, text_of(b[8:24])) + struct.unpack_from("<IIII", b, 24))
    if kind == 10:
        return "link %d %s %d %d %d" % ((code, text_of(b[8:24])) + struct.unpack_from("<IHH", b, 24))
    if kind == 11:
        return "mark %d %s" % (code, b[8:].hex().upper() or "-")
    if kind == 12:
        boottime = "%d %d " % struct.unpack_from("<qq", b, 40) if len(b) >= 56 else ""
        return "clock %d %d %d %s%s" % ((code,) + struct.unpack_from("<qq", b, 8) + (boottime, b[24:40].hex().upper()))
    raise Damaged


def rows_text(base, rows, count):
    lines = []
    at = 0
    while at < len(rows):
        stamp = struct.unpack_from("<Q", rows, at)[0]
        distance = struct.unpack_from("<q", rows, at)[0] >> 16
        (channel, kind, direction) = (stamp & 0xFF, stamp >> 8 & 0xF, stamp >> 12 & 3)
        size = body_size(kind, rows, at + 8)
        body = rows[at + 8:at + 8 + size]
        at += 8 + pad8(size)
        hardware = "-"
        if stamp & 1 << 14:
            hardware = "%d" % struct.unpack_from("<q", rows, at)[0]
            at += 8
        text = frame_text(kind, body) if kind < 8 else event_text(kind, body)
        lines.append("%d %d %d %s %s" % (base + distance, channel, direction, hardware, text))
    if at != len(rows) or len(lines) != count:
        raise Damaged
    return lines


def key_of(line):
    """((id, kind, channel), how many) for what an index counts, else None."""
    words = line.split()
    (channel, kind) = (int(words[1]), words[4])
    if kind == "gap":
        return (int(words[5]), 8, channel), int(words[6])
    if kind == "xl":
        return (int(words[5], 16) & 0x7FF, 2, channel), 1
    if kind in ("can", "fd"):
        return (int(words[5], 16) & ~0x40000000, ("can", "fd").index(kind), channel), 1
    return None


class Tally:
    """What the index should say, from the blocks."""

    def __init__(self):
        self.ids = {}
        self.times = []
        self.blocks = []

    def add(self, at, block, lines):
        here = set()
        for line in lines:
            counted = key_of(line)
            if counted:
                here.add(counted[0])
                self.ids[counted[0]] = self.ids.get(counted[0], 0) + counted[1]
                if counted[0][1] < 8:
                    self.times.append(int(line.split()[0]))
        self.blocks.append((at, block.low, block.high, block.frames, block.flags, here))


def check_index(index, salt, tally):
    """An index may be missing, but one that is whole must say what the blocks say."""
    (magic, crc, blocks, ids, words, _, low, high) = struct.unpack_from("<4sIIIIIqq", index)
    if magic != b"CIDX" or crc != crc32c(salt + index[8:]):
        sys.exit("the index is damaged")
    keys = []
    found = {}
    for i in range(ids):
        (can_id, channel, kind, _, count) = struct.unpack_from("<IBBHQ", index, 64 + 16 * i)
        keys.append((can_id, kind, channel))
        found[keys[-1]] = count
    at = 64 + 16 * ids
    entries = []
    for _ in range(blocks):
        entry = struct.unpack_from("<QqqII", index, at)
        bits = int.from_bytes(index[at + 32:at + 32 + 8 * words], "little")
        entries.append(entry + ({key for i, key in enumerate(keys) if bits >> i & 1},))
        at += 32 + 8 * words
    times = (min(tally.times), max(tally.times)) if tally.times else (0, 0)
    if at != len(index) or found != tally.ids or entries != tally.blocks or (low, high) != times:
        sys.exit("the index says what the blocks do not")


def check_counts(block, lines):
    """What a block of several channels says of each, if it does, is so."""
    bits = [bit for bit in range(64) if block.channels >> bit & 1]
    size = 8 * len(bits)
    if len(bits) < 2 or block.tail_bytes < size:
        return
    counted = {bit: [0, 0] for bit in bits}
    for line in lines:
        words = line.split()
        bit = min(int(words[1]), 63)
        if words[4] in ("can", "fd", "xl"):
            counted[bit][0] += 1
        elif words[4] == "gap":
            counted[bit][1] += int(words[6])
    said = struct.unpack("<%dI" % (2 * len(bits)), block.payload[-size:])
    if list(said) != [min(n, 0xFFFFFFFF) for bit in bits for n in counted[bit]]:
        sys.exit("a block's counts by channel are wrong")


class Counts:
    def __init__(self):
        self.records = self.frames = self.lost = self.blocks = self.damaged = 0
        self.live = False


def unpacked_rows(block):
    if block.flags & PACKED:
        return canp_unpack.unpack(block.payload[:block.stored_bytes - block.tail_bytes])
    return block.payload[:block.row_bytes]


def print_block(block, counts):
    lines = rows_text(block.base, unpacked_rows(block), block.records)
    for line in lines:
        print(line)
        words = line.split()
        if words[4] == "gap":
            counts.lost += int(words[6])
    counts.blocks += 1
    counts.records += block.records
    counts.frames += block.frames
    return lines


def print_segment(segment, counts):
    at = segment.begin
    seq = 0
    tally = Tally()
    while at < segment.end:
        if not segment.sealed and not any(segment.data[at:at + 80]):
            break  # never written
        try:
            block = segment.block_at(at)
            if block.seq < seq:
                raise Damaged
            if block.seq > seq:
                counts.damaged += 1
        except Damaged:
            block = segment.block_behind(at, seq)
            if block or segment.sealed:
                counts.damaged += 1
            if not block:
                break
        lines = print_block(block, counts)
        if segment.compatible & 1:
            check_counts(block, lines)
        tally.add(block.end - 80 - block.stored_bytes, block, lines)
        at = block.end
        seq = block.seq + 1
    if segment.cut and at >= segment.end:
        counts.damaged += 1
    if segment.index and len(tally.blocks) == seq:
        check_index(segment.index, segment.salt, tally)


def main():
    path = sys.argv[1]
    paths = [path]
    if os.path.isdir(path):
        paths = [os.path.join(path, name) for name in sorted(os.listdir(path))
                 if re.fullmatch("[0-9]{8}\\.canp", name)]
    counts = Counts()
    for name in paths:
        try:
            segment = Segment(name)
        except Refused as why:
            if len(paths) == 1:
                sys.exit("%s: %s" % (name, why))
            counts.damaged += 1
            continue
        print_segment(segment, counts)
        counts.live = not segment.sealed
    print("end: %d blocks, %d records, %d frames, %d lost, %d damaged, %s" % (
        counts.blocks, counts.records, counts.frames, counts.lost, counts.damaged,
        "live" if counts.live else "sealed"))


if __name__ == "__main__":
    main()
