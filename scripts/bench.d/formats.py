"""What the peers' files hold: how many frames, and which byte of the file makes which frame readable."""
import datetime
import json
import mmap
import os
import re
import struct
import subprocess
import zlib

CANDUMP_LINE = re.compile(rb"^\((\d+)\.(\d{6})\)")


def only_file(directory, end):
    names = [n for n in os.listdir(directory) if n.endswith(end)]
    return os.path.join(directory, names[0]) if names else None


def read(path):
    with open(path, "rb") as f:
        return mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(f.fileno()).st_size else b""


def candump_count(path):
    """Whole lines."""
    with open(path, "rb") as f:
        return sum(part.count(b"\n") for part in iter(lambda: f.read(1 << 20), b""))


def candump_frames(path):
    """(offset behind the frame, time in ns), in the order of the file."""
    at = 0
    for line in open(path, "rb"):
        at += len(line)
        m = CANDUMP_LINE.match(line)
        if m:
            yield at, int(m[1]) * 10**9 + int(m[2]) * 1000


def pcapng_frames(path):
    data, at, unit_ns = read(path), 0, []
    while at + 12 <= len(data):
        kind, size = struct.unpack_from("<LL", data, at)
        if size < 12 or at + size > len(data):
            return
        if kind == 1:  # interface: its option 9 is the resolution of the stamps
            option, resolution = at + 16, 6
            while option + 4 <= at + size - 4:
                code, length = struct.unpack_from("<HH", data, option)
                if code == 9:
                    resolution = data[option + 4]
                if code == 0:
                    break
                option += 4 + (length + 3 & ~3)
            unit_ns.append(10**9 // 10**resolution)
        at += size
        if kind == 6:
            iface, high, low = struct.unpack_from("<LLL", data, at - size + 8)
            yield at, (high << 32 | low) * unit_ns[iface]


def blf_frames(path):
    """A frame is readable when its container is whole. Stamps count from the time (ms) in the file's header."""
    data, at, rest = read(path), 144, b""
    year, month, _, day, hour, minute, second, ms = struct.unpack_from("<8H", data, 40) if len(data) >= 144 else [0] * 8
    if not year:
        return
    start_ns = int(datetime.datetime(year, month, day, hour, minute, second).timestamp()) * 10**9 + ms * 10**6
    while at + 16 <= len(data):
        signature, _, _, size, kind = struct.unpack_from("<4sHHLL", data, at)
        if signature != b"LOBJ" or at + size > len(data):
            return
        if kind == 10:
            method, = struct.unpack_from("<H", data, at + 16)
            inner = data[at + 32:at + size]
            rest += zlib.decompress(inner) if method == 2 else inner
            inner_at = 0
            while inner_at + 32 <= len(rest):
                signature, _, _, inner_size, inner_kind = struct.unpack_from("<4sHHLL", rest, inner_at)
                if signature != b"LOBJ" or inner_at + inner_size > len(rest):
                    break
                flags, _, _, stamp = struct.unpack_from("<LHHQ", rest, inner_at + 16)
                inner_at += inner_size + inner_size % 4
                if inner_kind in (1, 86, 73, 100, 101):  # CAN, CAN2, error, FD
                    yield at + size, start_ns + stamp * (1 if flags == 2 else 10000)
            rest = rest[inner_at:]
        at += size + size % 4


def canp_info(canp, directory):
    out = subprocess.run([canp, "info", "--json", directory], stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)


def bytes_of(directory):
    return sum(os.stat(os.path.join(d, f)).st_size for d, _, files in os.walk(directory) for f in files)
