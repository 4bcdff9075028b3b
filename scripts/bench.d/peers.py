#!/usr/bin/python3
"""Records the same traffic with canp and with its peers, in turn, and says what each stored, lost and cost.

Runs inside the lab, started by scripts/bench: peers.py --build DIR --out FILE [--only CELL,...] [--peers PEER,...]
[--runs N] [--scale X] [--wire RECORD=SEND]. Appends one JSON object per run to FILE.

What is measured lies between two snapshots: before the traffic (and behind 0.5 s or 10,000 frames of the same traffic, so that what is
done once, such as making a file, is done), and 1.3 s after its last frame: CPU time by the scheduler's own count, of
all threads, kernel part included; voluntary context switches; peak resident memory at the end. `cpu_life_us` is the
process's whole life instead, start-up and end included. Sent is what the sender says, checked against the interfaces'
tx counters; stored is counted in the file.
"""
import argparse
import collections
import copy
import glob
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import formats
from recorders import DEFAULT_PEERS, PEERS, Canp, text_of

DISK = "/run/canp-bench"
IMAGE = "/tmp/canp-bench.img"
MEMORY = "/tmp/canp-bench.programs"
SETTLE_S = 1.3  # canp flushes within 0.1 s and syncs each second
WARM_S = 0.5
WARM_FRAMES = 10000


# ---- the disk: ext4 on a device-mapper device, so that it can be stalled --------------------------------------

def make_disk():
    for module in ("loop", "dm-mod", "ext4"):
        subprocess.run(["modprobe", "-q", module])
    subprocess.run(["truncate", "-s", "1200M", IMAGE], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", IMAGE], check=True)
    loop = subprocess.run(["losetup", "--show", "-f", IMAGE], check=True, capture_output=True, text=True).stdout.strip()
    sectors = os.stat(IMAGE).st_size // 512
    dmsetup("create", "canpbench", "--table", f"0 {sectors} linear {loop} 0")
    dmsetup("mknodes")
    os.makedirs(DISK, exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", "/dev/mapper/canpbench", DISK], check=True)
    return loop


def remove_disk(loop):
    subprocess.run(["umount", DISK])
    dmsetup("remove", "canpbench")
    subprocess.run(["losetup", "-d", loop])
    os.remove(IMAGE)


def dmsetup(*words):
    subprocess.run([*in_memory(shutil.which("dmsetup")), "--noudevsync", "--noudevrules", *words], check=True, stdout=subprocess.DEVNULL)


def stall_disk(seconds):
    dmsetup("suspend", "canpbench")
    time.sleep(seconds)
    dmsetup("resume", "canpbench")


def make_buses(count):
    for n in range(count):
        if not os.path.exists(f"/sys/class/net/vcan{n}"):
            subprocess.run(["ip", "link", "add", f"vcan{n}", "type", "vcan"], check=True)
            subprocess.run(["ip", "link", "set", f"vcan{n}", "mtu", "72", "up"], check=True)


def in_memory(program):
    """How to start a program from copies of it and its libraries in memory: where the clock counts instructions, it
    leaps over the time in which a file of the host's is opened."""
    if not os.environ.get("CANP_LAB_ICOUNT"):
        return [program]
    os.makedirs(MEMORY, exist_ok=True)
    listed = subprocess.run(["ldd", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    for path in [program, *re.findall(r"(/\S+) \(0x", listed)]:
        if not os.path.exists(os.path.join(MEMORY, os.path.basename(path))):
            shutil.copy(path, MEMORY)
    loader = re.search(r"^\s*(/\S*/ld-\S+) \(0x", listed, re.M)[1]
    return [os.path.join(MEMORY, os.path.basename(loader)), "--inhibit-cache", "--library-path", MEMORY,
            os.path.join(MEMORY, os.path.basename(program))]


# ---- the traffic ---------------------------------------------------------------------------------------------------

class Cell:
    def __init__(self, what, *senders, buses=1, fd=False, stall_s=0, repeat=1, pause_s=0, latency=False, seconds=0, frames=0, rate=0, runs_max=99):
        self.what, self.senders, self.fd, self.latency = what, senders, fd, latency
        self.buses = self.sending = [f"vcan{n}" for n in range(buses)]
        self.stall_s, self.repeat, self.pause_s = stall_s, repeat, pause_s
        self.seconds, self.frames, self.rate, self.runs_max = seconds, frames, rate, runs_max


CELLS = {
    "quiet": Cell("100 frames/s", "vcan0 --profile flood --rate 100", seconds=3, rate=100),
    "vehicle": Cell("one 500 kbit/s bus at 40 %", "vcan0 --profile vehicle --load 40", seconds=2, rate=1400),
    "rate8000": Cell("8,000 frames/s", "vcan0 --profile flood --rate 8000", seconds=1.5, rate=8000),
    "rate20000": Cell("20,000 frames/s", "vcan0 --profile flood --rate 20000", seconds=0.7, rate=20000),
    "buses8": Cell("eight 500 kbit/s buses at 100 %", " ".join(f"vcan{n}" for n in range(8)) + " --profile vehicle --load 100",
                   buses=8, seconds=0.5),
    "full": Cell("full speed, classic", "vcan0 --profile flood --rate max", frames=40000),
    "full-fd": Cell("full speed, FD 64", "vcan0 --profile flood-fd --rate max", frames=25000, fd=True),
    "senders4": Cell("full speed, four senders on two buses", *["vcan0 --profile flood --rate max --seed 1",
                     "vcan0 --profile flood --rate max --seed 2", "vcan1 --profile flood --rate max --seed 3",
                     "vcan1 --profile flood --rate max --seed 4"], buses=2, frames=20000),
    "bursts": Cell("bursts of 5,000 frames at full speed", "vcan0 --profile flood --rate max", frames=5000, repeat=4, pause_s=0.5),
    "stall": Cell("8,000 frames/s, disk stalled for 3 s", "vcan0 --profile flood --rate 8000", seconds=4.2, stall_s=3, rate=8000, runs_max=1),
    **{f"ifaces{n}": Cell(f"8,000 frames/s over {n} buses", " ".join(f"vcan{i}" for i in range(n)) +
                          f" --profile flood --rate {8000 // n}", buses=n, seconds=1, rate=8000) for n in (1, 2, 4, 8)},
    "latency-vehicle": Cell("one 500 kbit/s bus at 40 %, file watched", "vcan0 --profile vehicle --load 40", seconds=2,
                            latency=True, rate=1400),
    "latency8000": Cell("8,000 frames/s, file watched", "vcan0 --profile flood --rate 8000", seconds=1, latency=True, rate=8000),
}


def wired(cell, record, send):
    """The same traffic over a wire: two adapters on one bus, both up."""
    over = copy.copy(cell)
    over.senders = [words.replace("vcan0", send) for words in cell.senders]
    over.buses, over.sending = [record], [send]
    return over


DEFAULT_CELLS = [name for name in CELLS if not name.startswith("ifaces") and name != "senders4"]


def send_once(args, cell, length):
    """(frames, frames/s while they were sent), by what the senders say."""
    procs = [subprocess.Popen([*args.gen, *words.split(), *length, "--json"], stdout=subprocess.PIPE)
             for words in cell.senders]
    said = [json.loads(proc.communicate()[0]) for proc in procs]
    return sum(s["frames"] for s in said), sum(s["rate"] for s in said)


def warm_up(args, cell):
    """Frames sent."""
    return send_once(args, cell, ["-d", f"{WARM_S}s"] if cell.seconds else ["-n", str(min(WARM_FRAMES, cell.frames))])[0]


def send(args, cell):
    """Runs the cell's traffic: (frames, frames/s), pauses between bursts not counted."""
    length = ["-d", f"{cell.seconds * args.scale:.2f}s"] if cell.seconds else []
    if cell.frames:
        length = ["-n", str(int(cell.frames * args.scale))]
    turns = []
    for turn in range(cell.repeat):
        time.sleep(cell.pause_s if turn else 0)
        turns.append(send_once(args, cell, length))
    return sum(frames for frames, _ in turns), sum(rate for _, rate in turns) / len(turns)


def tx_packets(cell):
    return sum(int(text_of(f"/sys/class/net/{bus}/statistics/tx_packets")) for bus in cell.sending)


# ---- one run -------------------------------------------------------------------------------------------------------

class Snapshot:
    """CPU time (ns) by thread's name, voluntary context switches of all threads, resident bytes."""

    def __init__(self, pid):
        self.cpu_ns, self.switches = collections.Counter(), 0
        for task in glob.glob(f"/proc/{pid}/task/*"):
            self.cpu_ns[text_of(task + "/comm").strip()] += int(text_of(task + "/schedstat").split()[0])
            self.switches += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text_of(task + "/status"), re.M)[1])
        memory = re.findall(r"^(VmHWM|RssAnon):\s*(\d+)", text_of(f"/proc/{pid}/status"), re.M)
        self.memory = {key: int(value) * 1024 for key, value in memory}

    def since(self, before, frames):
        threads = {name: round((ns - before.cpu_ns[name]) / 1000 / frames, 3) for name, ns in self.cpu_ns.items()}
        return {"cpu_us": (self.cpu_ns.total() - before.cpu_ns.total()) / 1000 / frames, "cpu_us_by_thread": threads,
                "switches": (self.switches - before.switches) / frames, "rss_peak_bytes": self.memory["VmHWM"],
                "rss_anon_bytes": self.memory["RssAnon"]}


class Watch(threading.Thread):
    """Looks at a file's size every 2 ms."""

    def __init__(self, peer, directory):
        super().__init__(daemon=True)
        self.peer, self.directory, self.sizes, self.over = peer, directory, [], False
        self.start_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)

    def run(self):
        while not self.over:
            path = self.peer.file(self.directory)
            size = os.stat(path).st_size if path else 0
            if not self.sizes or size != self.sizes[-1][1]:
                self.sizes.append((time.clock_gettime_ns(time.CLOCK_REALTIME), size))
            time.sleep(0.002)

    def ages(self, end_ns):
        """How old each frame was when its bytes were in the file; those that never were count from end_ns."""
        ages, at = [], 0
        for offset, time_ns in self.peer.frames(self.directory):
            if time_ns < self.start_ns:
                continue
            while at < len(self.sizes) and self.sizes[at][1] < offset:
                at += 1
            ages.append((self.sizes[at][0] if at < len(self.sizes) else end_ns) - time_ns)
        ages.sort()
        return ages


def start(command, directory):
    err_path = os.path.join(directory, "err.txt")
    with open(os.path.join(directory, "out.txt"), "w") as out, open(err_path, "w") as err:
        proc = subprocess.Popen(command, cwd=directory, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
    proc.err_path = err_path
    return proc


def await_ready(proc, peer, cell):
    """A clock that counts instructions leaps over minutes while a program is read from the host: then patience is
    counted in CPU time of looking."""
    clock = time.process_time if os.environ.get("CANP_LAB_ICOUNT") else time.monotonic
    limit = clock() + 60
    while not peer.receives(proc, cell.buses):
        if proc.poll() is not None or clock() > limit:
            raise RuntimeError(f"{proc.args[0]} does not start: {text_of(proc.err_path)[-300:]}")
        time.sleep(0.05)


def end(proc):
    """SIGINT, as Ctrl-C. (seconds of CPU of its whole life, exit status)."""
    proc.send_signal(signal.SIGINT)
    killer = threading.Timer(3600 if os.environ.get("CANP_LAB_ICOUNT") else 60, proc.kill)
    killer.start()
    _, status, usage = os.wait4(proc.pid, 0)
    killer.cancel()
    proc.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def follow(args, peer, directory):
    if isinstance(peer, Canp):
        return subprocess.Popen([*args.follow, os.path.join(directory, "rec")], stdout=subprocess.PIPE)
    watch = Watch(peer, directory)
    watch.start()
    return watch


def latency_of(watch, end_ns):
    if isinstance(watch, subprocess.Popen):
        seen = json.loads(watch.communicate()[0])
        return {"latency_p50_ms": seen["p50_ns"] / 1e6, "latency_p99_ms": seen["p99_ns"] / 1e6}
    watch.over = True
    watch.join()
    ages = watch.ages(end_ns)
    if not ages:
        return {}
    return {"latency_p50_ms": ages[len(ages) // 2] / 1e6, "latency_p99_ms": ages[len(ages) * 99 // 100] / 1e6}


def new_directory():
    directory = os.path.join(DISK, "run")
    subprocess.run(["rm", "-rf", directory], check=True)
    os.makedirs(directory)
    os.sync()
    return directory


def run(args, cell, peer):
    directory = new_directory()
    proc = start(peer.command(cell.buses, cell.fd), directory)
    await_ready(proc, peer, cell)
    tx_before, warm = tx_packets(cell), warm_up(args, cell)
    time.sleep(SETTLE_S)
    watch = follow(args, peer, directory) if cell.latency else None
    start_s = time.monotonic()
    before, stall = Snapshot(proc.pid), threading.Timer(0.5, stall_disk, [cell.stall_s])
    if cell.stall_s:
        stall.start()
    sent, rate = send(args, cell)
    if cell.stall_s:
        stall.join()
    time.sleep(SETTLE_S)
    after, end_ns = Snapshot(proc.pid), time.clock_gettime_ns(time.CLOCK_REALTIME)
    idle_s = time.monotonic() - start_s - sent / rate - cell.pause_s * (cell.repeat - 1) - SETTLE_S
    if isinstance(watch, subprocess.Popen):
        watch.send_signal(signal.SIGINT)
    life_s = end(proc)
    stored, known = peer.stored(directory, text_of(os.path.join(directory, "out.txt")), text_of(proc.err_path))
    quiet = peer.quiet(text_of(os.path.join(directory, "out.txt"))) if cell.what == CELLS["quiet"].what else {}
    all_sent = sent + warm
    result = {"sent": all_sent, "sent_device": tx_packets(cell) - tx_before, "rate": round(rate, 1),
              "nominal": cell.rate, "idle_s": round(idle_s, 3), "stored": stored, "lost": all_sent - stored, "lost_known": known,
              "exit": proc.returncode, **after.since(before, max(stored * sent / all_sent, 1)),
              "cpu_life_us": life_s * 1e6 / max(stored, 1)}
    if peer.stores:
        os.remove(proc.err_path)
        os.remove(os.path.join(directory, "out.txt"))
        result["bytes"] = formats.bytes_of(directory) / max(stored, 1)
    if watch:
        result.update(latency_of(watch, end_ns))
    result.update(quiet)
    return result


# ---- all of them ---------------------------------------------------------------------------------------------------

def package(name):
    said = subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True)
    return said.stdout if said.returncode == 0 else None


def machine():
    model = re.search(r"^model name\s*: (.*)$", text_of("/proc/cpuinfo"), re.M)
    lab = "instructions" if os.environ.get("CANP_LAB_ICOUNT") else os.environ.get("CANP_LAB", "native")
    return {"kernel": platform.release(), "lab": lab, "cpus": os.cpu_count(),
            "cpu": os.environ.get("CANP_BENCH_CPU") or (model[1] if model else platform.machine()),
            "canp": os.environ.get("CANP_BENCH_COMMIT", "?"), "can-utils": package("can-utils"),
            "wireshark": package("wireshark-common"), "python-can": package("python3-can")}


def names(text, known, default):
    chosen = text.split(",") if text else default
    for name in chosen:
        if name not in known:
            sys.exit(f"bench: no '{name}'; there are: {' '.join(known)}")
    return chosen


def told(line):
    if "error" in line:
        return line["error"]
    latency = f" p50 {line['latency_p50_ms']:.1f} p99 {line['latency_p99_ms']:.1f} ms" if "latency_p50_ms" in line else ""
    latency += f" stamp to slab p50 {line['slab_p50_us']:.0f} p99 {line['slab_p99_us']:.0f} us" if "slab_p50_us" in line else ""
    return (f"sent {line['sent']:8} lost {line['lost']:8} known {line['lost_known']} cpu {line['cpu_us']:7.2f} us "
            f"idle {line['idle_s']:.2f} s switches {line['switches']:.3f} rss {line['rss_peak_bytes'] / 2**20:.1f} MiB" + latency)


def turns(args, cells, peers):
    """(cell, turn, peer): each turn has all peers, another one first each time."""
    for cell in cells:
        for turn in range(args.runs):
            shift = turn % len(peers)
            for peer in peers[shift:] + peers[:shift]:
                yield cell, turn, peer


def rehearse(args, peers):
    """Starts and ends each recorder once, so that its program is in memory when it is measured."""
    cell = wired(CELLS["vehicle"], *args.wire.split("=")) if args.wire else CELLS["vehicle"]
    for peer in (PEERS[name](args) for name in peers):
        directory = new_directory()
        proc = start(peer.command(cell.buses, False), directory)
        await_ready(proc, peer, cell)
        send_once(args, cell, ["-n", "500"])
        end(proc)


def measure(args, cells, peers):
    """The number of runs that failed."""
    failed, fixed = 0, machine()
    rehearse(args, peers)
    for cell_name, turn, name in turns(args, cells, peers):
        cell, peer = CELLS[cell_name], PEERS[name](args)
        if args.wire and len(cell.buses) > 1:
            continue
        if args.wire:
            cell = wired(cell, *args.wire.split("="))
        if turn >= min(peer.runs_max, cell.runs_max) or len(cell.buses) > peer.buses_max or (cell.latency or cell.stall_s) and not peer.stores:
            continue
        line = {"cell": cell_name, "peer": name, "run": turn, "time": int(time.time())}
        try:
            line.update(run(args, cell, peer))
        except Exception as error:  # one recorder's failure is a result; the others go on
            line["error"] = str(error)
            failed += 1
        line.update(fixed, **({"wire": args.wire} if args.wire else {}))
        with open(args.out, "a") as out:
            out.write(json.dumps(line) + "\n")
        print(f"{cell_name:16} {name:14} {told(line)}", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--only")
    parser.add_argument("--peers")
    parser.add_argument("--wire", metavar="RECORD=SEND", help="two adapters on one bus, for cells with one bus")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1, help="length of the traffic, 1: as CELLS say")
    args = parser.parse_args()
    args.canp, args.bare, follow = (os.path.join(os.path.abspath(args.build), p) for p in
                                    ("tools/canp", "tests/bench_bare", "tests/bench_follow"))
    args.gen, args.follow = [*in_memory(args.canp), "gen"], in_memory(follow)
    cells, peers = names(args.only, CELLS, DEFAULT_CELLS), names(args.peers, PEERS, DEFAULT_PEERS)
    if not args.wire:
        make_buses(max(len(CELLS[c].buses) for c in cells))
    loop = make_disk()
    try:
        return 1 if measure(args, cells, peers) else 0
    finally:
        remove_disk(loop)


if __name__ == "__main__":
    sys.exit(main())
