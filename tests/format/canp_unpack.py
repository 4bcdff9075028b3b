#!/usr/bin/env python3
"""An independent reader of packed payloads, written from engine/FORMAT.md alone; Python's standard library.

unpack(payload) returns the rows. As a program: canp_unpack.py FILE... where each file holds, as little-endian
u32 sizes followed by their bytes, a packed payload and the rows expected of it; repeated to the end of file.
"""
import struct
import sys

HW_TIME = 0x4000
U64 = (1 << 64) - 1


class Damaged(Exception):
    pass


def lz4_block(data, plain_bytes):
    out = bytearray()
    at = 0
    while True:
        token = data[at]
        at += 1
        literals = token >> 4
        if literals == 15:
            while True:
                literals += data[at]
                at += 1
                if data[at - 1] != 255:
                    break
        out += data[at:at + literals]
        at += literals
        if at >= len(data):
            break
        offset = data[at] | data[at + 1] << 8
        at += 2
        length = (token & 15) + 4
        if token & 15 == 15:
            while True:
                length += data[at]
                at += 1
                if data[at - 1] != 255:
                    break
        if offset == 0 or offset > len(out):
            raise Damaged("LZ4 offset")
        for _ in range(length):
            out.append(out[-offset])
    if at != len(data) or len(out) != plain_bytes:
        raise Damaged("LZ4 size")
    return bytes(out)


class Input:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Damaged("too short")
        self.at += count
        return self.data[self.at - count:self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value & U64
            if shift >= 70:
                raise Damaged("varint")

    def zigzag(self):
        return unzigzag(self.varint())


def unzigzag(v):
    return v >> 1 if v & 1 == 0 else -(v >> 1) - 1


def signed(v):
    v &= U64
    return v - (1 << 64) if v >> 63 else v


class Bits:
    def __init__(self, data):
        self.value = int.from_bytes(data, "little")
        self.left = 8 * len(data)

    def take(self, count):
        if count > self.left:
            raise Damaged("bit stream")
        v = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return v

    def golomb(self, k):
        zeros = 0
        while zeros < 16 and self.take(1) == 0:
            zeros += 1
        if zeros == 16:
            return self.take(64)
        n = zeros + k
        return self.take(n) + (1 << n) - (1 << k)


def row_sizes(tag, head):
    """Size of a row without its hardware stamp, from its tag and head."""
    kind = tag >> 8 & 15
    if kind <= 1:
        body = 8 + head[4]
    elif kind == 2:
        body = 12 + struct.unpack_from("<H", head, 6)[0]
    else:
        body = struct.unpack_from("<H", head, 4)[0]
    return 8 + (body + 7) // 8 * 8


def distance(a, b):
    d = (a - b) & U64
    return min(d, (1 << 64) - d)


def nearest(leader, at, time):
    """The leader's row nearest to a time: up to eight rows forward, or else backward."""
    for step in 1, -1:
        start = at
        while (0 <= at + step < len(leader) and abs(at - start) < 8
               and distance(leader[at + step], time) < distance(leader[at], time)):
            at += step
        if at != start:
            break
    return at


class Lane:
    def __init__(self, entry, lanes, times, version, unit):
        before = lanes[-1] if lanes else First
        form = entry.take(1)[0]
        k = form >> 3
        follows = k == 31 and version == 2
        identifier = struct.unpack("<I", before.head[:4])[0]
        self.tag, high = before.tag, before.head[4:]
        if form & 1:
            self.tag = struct.unpack("<H", entry.take(2))[0]
            identifier = 0
        if form & 2:
            high = entry.take(4)
        self.head = struct.pack("<I", (identifier + entry.varint()) & 0xFFFFFFFF) + high
        self.rows = entry.varint() + 1
        plain_row = row_sizes(self.tag, self.head)
        self.words = (plain_row - 16) // 8
        self.row_bytes = plain_row + (8 if self.tag & HW_TIME else 0)
        part = b""
        self.pace = 0
        if follows:
            k = entry.take(1)[0]
            leader = lanes[len(lanes) - entry.varint()]
            at, offset, stride = entry.varint(), entry.zigzag(), entry.varint()
            self.pace = leader.pace * stride & U64
            part = times.take(entry.varint())
        else:
            time = entry.zigzag()
            if self.rows > 1:
                period = entry.zigzag()
                self.pace = period & U64
                part = times.take(entry.varint())
        if k > 24:
            raise Damaged("k")
        bits = Bits(part)
        apart = hw_k = 0
        if self.tag & HW_TIME:
            apart, hw_k = struct.unpack("<QB", entry.take(9))
        self.masks = entry.take(self.words) if form & 4 else bytes(self.words)
        self.times = []
        if follows:
            for _ in range(self.rows):
                at = min(at, leader.rows - 1)
                number = bits.golomb(k)
                beside = leader.times[at] + unit * unzigzag(number)
                self.times.append(signed(beside + unit * offset))
                if number > leader.pace:
                    at = nearest(leader.times, at, beside)
                at += stride
        else:
            self.times = [time]
            for _ in range(self.rows - 1):
                time = signed(time + unit * (period + unzigzag(bits.golomb(k))))
                self.times.append(time)
        self.hw = []
        if self.tag & HW_TIME:
            self.hw = [apart + self.times[0]]
            for i in range(1, self.rows):
                apart += unzigzag(bits.golomb(hw_k))
                self.hw.append(apart + self.times[i])
        self.planes = sum(bin(m).count("1") for m in self.masks)
        self.plain_bytes = 8 * self.words + self.planes * (self.rows - 1)

    def make_rows(self, plain):
        """The lane's rows, from its part of its group."""
        word = [list(plain[8 * w:8 * w + 8]) for w in range(self.words)]
        column = {}
        at = 8 * self.words
        for w in range(self.words):
            for j in range(8):
                if self.masks[w] >> j & 1:
                    column[w, j] = plain[at:at + self.rows - 1]
                    at += self.rows - 1
        rows = []
        for i in range(self.rows):
            if i:
                for (w, j), plane in column.items():
                    word[w][j] = (word[w][j] + plane[i - 1]) & 0xFF
            row = struct.pack("<Q", (self.times[i] << 16 | self.tag) & U64) + self.head
            row += b"".join(bytes(v) for v in word)
            if self.hw:
                row += struct.pack("<Q", self.hw[i] & U64)
            rows.append(row)
        return rows


class First:
    """What the first lane is compared with."""
    tag = 0
    head = bytes(8)


def read_column(data, rows, bits):
    plain_bytes = (rows * bits + 7) // 8
    if len(data) < plain_bytes:
        data = lz4_block(data, plain_bytes)
    value = int.from_bytes(data, "little")
    return [value >> (i * bits) & ((1 << bits) - 1) for i in range(rows)]


def unpack(payload):
    if len(payload) < 48 or len(payload) % 8:
        raise Damaged("size")
    (row_bytes, row_count, lane_count, version, order, column_bits, zero, d, e, c, t, group_count,
     unit) = struct.unpack_from("<IIIBBBBIIIIII", payload)
    if version not in (1, 2) or order > 2 or zero or (unit > 0) != (version == 2):
        raise Damaged("header")
    rest = Input(payload)
    rest.take(40)
    directory, exceptions = Input(rest.take(d)), Input(rest.take(e))
    column, times = rest.take(c), Input(rest.take(t))

    lanes = []
    for _ in range(lane_count):
        lanes.append(Lane(directory, lanes, times, version, unit or 1))
    by_index = []
    next_lane = 0
    for _ in range(group_count):
        count, packed_bytes = directory.varint(), directory.varint()
        members = lanes[next_lane:next_lane + count]
        next_lane += count
        plain_bytes = sum(lane.plain_bytes for lane in members)
        plain = rest.take(packed_bytes)
        if packed_bytes != plain_bytes:
            plain = lz4_block(plain, plain_bytes)
        for lane in members:
            by_index += lane.make_rows(plain[:lane.plain_bytes])
            plain = plain[lane.plain_bytes:]
    for lane in lanes[next_lane:]:
        by_index += lane.make_rows(b"")
    trailer = rest.take(len(payload) - rest.at)
    if not 8 <= len(trailer) < 16 or any(trailer) or directory.at != d or times.at != t:
        raise Damaged("sections")
    if len(by_index) != row_count or sum(map(len, by_index)) != row_bytes:
        raise Damaged("rows")

    placed, position = {}, 0
    if order != 2:
        for _ in range(exceptions.varint()):
            position += exceptions.varint()
            placed[position] = exceptions.varint()
    taken = set(placed.values())
    turns = read_column(column, row_count, column_bits) if column_bits else [0] * row_count
    queues, index = {}, 0
    channels = sorted({lane.tag & 0xFF for lane in lanes})
    for number, lane in enumerate(lanes):
        turn = 0 if order == 0 else channels.index(lane.tag & 0xFF) if order == 1 else number
        queue = queues.setdefault(turn, [])
        for i in range(lane.rows):
            if index not in taken:
                queue.append((lane.times[i] if order != 2 else 0, index))
            index += 1
    for turn in queues:
        queues[turn] = iter(sorted(queues[turn]))
    out = []
    for position in range(row_count):
        index = placed[position] if position in placed else next(queues[turns[position]])[1]
        out.append(by_index[index])
    return b"".join(out)


def main():
    blocks = 0
    for name in sys.argv[1:]:
        with open(name, "rb") as f:
            data = Input(f.read())
        while data.at < len(data.data):
            packed = data.take(struct.unpack("<I", data.take(4))[0])
            rows = data.take(struct.unpack("<I", data.take(4))[0])
            if unpack(packed) != rows:
                print(f"{name}: block {blocks} does not come back", file=sys.stderr)
                return 1
            blocks += 1
    print(f"{blocks} packed blocks unpacked to the rows that were packed")
    return 0 if blocks else 1


if __name__ == "__main__":
    sys.exit(main())
