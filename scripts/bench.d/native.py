#!/usr/bin/python3
"""What needs no bus: the engine's modes, the formats' size and speed,
and how cost grows. All times are CPU time. Started by scripts/bench.

usage: native.py engine|formats|growth --build DIR --out FILE [--max BYTES] [--runs N] [--quick]
Writes FILE anew, one JSON object per result and line.
"""
import argparse
import gzip
import json
import os
import resource
import shutil
import statistics
import struct
import subprocess
import tempfile

import formats as files

ROW_BYTES = 24
SEGMENT = 64 << 20
FORMAT_FRAMES = 200000
CONTRAST_FRAMES = 50000


def run(*words, **more):
    return subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE, **more).stdout


def cpu_ns(*words):
    """User and system time of a command: a busy machine changes little of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(w) for w in words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9


class Bench:
    def __init__(self, args, work):
        self.args, self.work = args, work
        self.canp, self.bench, self.drive = (os.path.join(args.build, p)
                                             for p in ("tools/canp", "tools/canp-bench", "tests/bench_drive"))
        self.lines = []

    def add(self, **line):
        self.lines.append(line)
        print(" ".join(f"{k}={v:.6g}" if isinstance(v, float) else f"{k}={v}" for k, v in line.items()), flush=True)

    def path(self, name):
        return os.path.join(self.work, name)

    def make(self, name, frames, ids=0, segment=SEGMENT):
        shutil.rmtree(self.path(name), ignore_errors=True)
        return cpu_ns(self.drive, "make", self.path(name), frames, ids, segment) / frames

    def scan(self, name, runs=5):
        """Medians of (ns per frame, ns to open)."""
        results = [json.loads(run(self.drive, "scan", self.path(name))) for _ in range(runs)]
        return (statistics.median(r["scan_ns"] / r["frames"] for r in results),
                statistics.median(r["open_ns"] for r in results))

    def seek(self, name, times=500):
        return json.loads(run(self.drive, "seek", self.path(name), times))["seek_p50_ns"]


# ---- the engine ---------------------------------------------------------------------------------------------------

def engine(bench):
    machine = {"cpu": os.environ.get("CANP_BENCH_CPU", "?"), "canp": os.environ.get("CANP_BENCH_COMMIT", "?"),
               "kernel": os.uname().release}
    quick = ["--quick"] if bench.args.quick else []
    for line in run(bench.bench, "--json", "--runs", bench.args.runs, *quick).decode().splitlines():
        bench.add(**json.loads(line), **machine)
    for line in contrast(bench):
        bench.add(**line, **machine)


def contrast(bench):
    """The same frames read by libcanp, and by what a user would pick: each beside each."""
    prepare(bench, CONTRAST_FRAMES)
    read, spread = medians(readers(bench, CONTRAST_FRAMES), bench.args.contrast_runs)
    for name in ("rows_raw", "next_raw", "rows_packed"):
        for peer in ("python-can, BLF", "log2asc, text"):
            yield {"mode": "contrast", "name": name, "value": read[name], "unit": "ns/frame", "spread": spread[name],
                   "reference": peer, "reference_value": read[peer], "reference_spread": spread[peer], "ratio": read[name] / read[peer], "runs": bench.args.contrast_runs}


# ---- formats ------------------------------------------------------------------------------------------------------

def write_pcapng(log, path):
    """As dumpcap writes SocketCAN (link type 227), stamps in ns."""
    option = struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0)
    with open(path, "wb") as out:
        out.write(struct.pack("<LLLHHqL", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
        out.write(struct.pack("<LLHHL", 1, 20 + len(option), 227, 0, 0) + option + struct.pack("<L", 20 + len(option)))
        for line in open(log, "rb"):
            stamp, _, text = line.split()
            seconds, fraction = stamp.strip(b"()").split(b".")
            ns = int(seconds) * 10**9 + int(fraction.ljust(9, b"0"))
            can_id, data = text.split(b"#")
            data = bytes.fromhex(data.decode())
            number = int(can_id, 16) | (0x80000000 if len(can_id) == 8 else 0)
            packet = struct.pack(">LB3x", number, len(data)) + data
            pad = -len(packet) % 4
            size = 32 + len(packet) + pad
            out.write(struct.pack("<LLLLLLL", 6, size, 0, ns >> 32, ns & 0xFFFFFFFF, len(packet), len(packet)))
            out.write(packet + b"\0" * pad + struct.pack("<L", size))


READ_PYTHON = """import can, sys, time
start = time.process_time()
for m in can.%s(sys.argv[1]): pass
print(1e9 * (time.process_time() - start))"""


def prepare(bench, frames):
    """The same drive in all formats."""
    bench.make("raw", frames)
    shutil.rmtree(bench.path("packed"), ignore_errors=True)
    shutil.copytree(bench.path("raw"), bench.path("packed"))
    run(bench.canp, "pack", bench.path("packed"))
    for name, how in (("drive.log", ["--micros"]), ("drive-ns.log", [])):
        with open(bench.path(name), "wb") as out:
            out.write(run(bench.canp, "dump", *how, bench.path("raw")))
    write_pcapng(bench.path("drive-ns.log"), bench.path("drive.pcapng"))
    run("/usr/bin/python3", "-m", "can.logconvert", bench.path("drive.log"), bench.path("drive.blf"))
    text = open(bench.path("drive.log"), "rb").read()
    with open(bench.path("drive.log.gz"), "wb") as out:
        out.write(gzip.compress(text, 6))


def readers(bench, frames):
    """name -> function that reads the whole drive and says ns per frame of CPU, its program's start taken off; None
    when what is left is not more than the start's noise. python-can times its own loop."""
    def drive(mode, name):
        return lambda: json.loads(run(bench.drive, mode, bench.path(name)))["scan_ns"] / frames

    def python(reader, name):
        return lambda: float(run("/usr/bin/python3", "-c", READ_PYTHON % reader, bench.path(name))) / frames

    def capinfos():
        starts = [cpu_ns("capinfos", "-v") for _ in range(3)]
        left = cpu_ns("capinfos", "-c", bench.path("drive.pcapng")) - statistics.median(starts)
        return left / frames if left > 2 * (max(starts) - min(starts)) else None

    log = bench.path("drive.log")
    return {"rows_raw": drive("rows", "raw"), "next_raw": drive("scan", "raw"), "rows_packed": drive("rows", "packed"),
            "next_packed": drive("scan", "packed"), "parse": drive("parse", "drive.log"),
            "gzip": lambda: cpu_ns("gzip", "-dc", bench.path("drive.log.gz")) / frames,
            "log2asc, text": lambda: cpu_ns("log2asc", "-I", log, "-O", "/dev/null", "vcan0") / frames,
            "capinfos": capinfos,
            "python-can, text": python("CanutilsLogReader", "drive.log"), "python-can, BLF": python("BLFReader", "drive.blf")}


def medians(sides, runs):
    """All in turn, `runs` times: the medians, and how far the runs lie apart as parts of these. A side that could not
    be told from noise is in neither."""
    values = {name: [] for name in sides}
    for _ in range(runs):
        for name, side in sides.items():
            values[name].append(side())
    told = {name: v for name, v in values.items() if None not in v}
    middle = {name: statistics.median(v) for name, v in told.items()}
    return middle, {name: (max(v) - min(v)) / middle[name] for name, v in told.items()}


def formats(bench):
    frames = FORMAT_FRAMES
    prepare(bench, frames)
    ns, spread = medians(readers(bench, frames), bench.args.contrast_runs)

    def add(name, file, side, reader, colour, also=()):
        path = bench.path(file)
        size = files.bytes_of(path) if os.path.isdir(path) else os.stat(path).st_size
        sides = [side, *also]
        if all(s in ns for s in sides):  # no row from a difference that is smaller than its noise
            bench.add(format=name, bytes=size / frames, read_ns=sum(ns[s] for s in sides), reader=reader, colour=colour,
                      frames=frames, spread=max(spread[s] for s in sides))

    add("canp, packed", "packed", "rows_packed", "libcanp, block by block", 8)
    add("canp", "raw", "rows_raw", "libcanp, block by block", 0)
    add("canp, packed, one by one", "packed", "next_packed", "libcanp, record by record", 8)
    add("canp, one by one", "raw", "next_raw", "libcanp, record by record", 0)
    add("candump text", "drive.log", "parse", "libcanp's parser", 1)
    add("candump text, gzip -6", "drive.log.gz", "gzip", "gzip -dc, libcanp's parser", 2, ["parse"])
    add("candump text, log2asc", "drive.log", "log2asc, text", "log2asc, which writes it as ASC", 5)
    add("candump text, python-can", "drive.log", "python-can, text", "python-can", 9)
    add("pcapng", "drive.pcapng", "capinfos", "capinfos -c", 3)
    add("BLF (zlib)", "drive.blf", "python-can, BLF", "python-can", 4)


# ---- growth -------------------------------------------------------------------------------------------------------

def steps(low, high):
    while low <= high:
        yield low
        low *= 10


def grow_size(bench):
    for size in [s << 20 for s in (1, 10, 100, 1000, 4000, 20000)]:
        if size > bench.args.max:
            break
        frames = size // ROW_BYTES
        write_ns = bench.make("size", frames, 50)
        scan_ns, open_ns = bench.scan("size", 3 if size < 1 << 30 else 1)
        mib = size >> 20
        add = lambda series, what, value, unit: bench.add(series="size " + series, what=what, over="MiB", n=mib, value=value, unit=unit)
        add("write", "writing, by size of the recording", write_ns, "ns/frame, process start included")
        add("scan", "reading all, by size of the recording", scan_ns, "ns/frame")
        add("open", "opening, by size of the recording", open_ns / 1e6, "ms")
        add("seek", "seeking to a time and reading a frame, by size of the recording", bench.seek("size") / 1e6, "ms")
        add("info", "canp info, by size of the recording", cpu_ns(bench.canp, "info", bench.path("size")) / 1e6, "ms")
    shutil.rmtree(bench.path("size"), ignore_errors=True)


def grow_segments(bench):
    for count in steps(1, 10000):
        frames = count * 2300  # of 24 bytes: what 64 KiB hold, beside header, interfaces and index
        bench.make("segments", frames, 50, 64 << 10)
        segments = len(os.listdir(bench.path("segments")))
        scan_ns, open_ns = bench.scan("segments", 3)
        add = lambda series, what, value, unit: bench.add(series="segments " + series, what=what, over="segments", n=segments,
                                                          value=value, unit=unit)
        add("scan", "reading all, by number of segments (of 64 KiB)", scan_ns, "ns/frame")
        add("open", "opening, by number of segments", open_ns / 1e3, "us")
        add("open each", "opening, for each segment", open_ns / 1e3 / segments, "us/segment")
        add("seek", "seeking to a time and reading a frame, by number of segments", bench.seek("segments") / 1e3, "us")
        add("info", "canp info, for each segment", cpu_ns(bench.canp, "info", bench.path("segments")) / 1e3 / segments,
            "us/segment, process start included")
    shutil.rmtree(bench.path("segments"), ignore_errors=True)


def grow_ids(bench):
    frames = 1000000
    for ids in steps(10, 10000):
        bench.make("ids", frames, ids)
        add = lambda series, what, value, unit: bench.add(series="ids " + series, what=what, over="IDs", n=ids, value=value,
                                                          unit=unit)
        add("scan", "reading all, by number of IDs", bench.scan("ids")[0], "ns/frame")
        add("info", "canp info, by number of IDs", cpu_ns(bench.canp, "info", bench.path("ids")) / frames, "ns/frame")
        pack_ns = cpu_ns(bench.canp, "pack", bench.path("ids"))
        add("pack", "packing (whole command), by number of IDs", pack_ns / frames, "ns/frame")
        add("packed size", "size packed, by number of IDs", files.bytes_of(bench.path("ids")) / frames, "B/frame")
        add("scan packed", "reading all of it packed, by number of IDs", bench.scan("ids")[0], "ns/frame")
    shutil.rmtree(bench.path("ids"), ignore_errors=True)


def growth(bench):
    grow_ids(bench)
    grow_segments(bench)
    grow_size(bench)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["engine", "formats", "growth"])
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--max", type=int, default=1 << 30, help="of the largest recording, bytes")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="engine: small recordings, few runs")
    args = parser.parse_args()
    args.contrast_runs = 3
    args.runs = 3 if args.quick else args.runs
    with tempfile.TemporaryDirectory(prefix="canp-bench-") as work:
        bench = Bench(args, work)
        {"engine": engine, "formats": formats, "growth": growth}[args.what](bench)
    with open(args.out, "w") as out:
        out.writelines(json.dumps(line) + "\n" for line in bench.lines)


if __name__ == "__main__":
    main()
