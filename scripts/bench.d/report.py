#!/usr/bin/env python3
"""Tables and plots of what scripts/bench measured: report.py DIR reads DIR/*.jsonl, writes DIR/report.md and DIR/*.svg.

Runs of the same cell, peer and kernel are summed up by their median; losses are summed over all runs.
"""
import collections
import json
import os
import statistics
import sys

import svg

PEERS = {  # name: (how it is called, colour, line)
    "canp": ("canp record", 0, "bold"), "canp-pack": ("canp record --pack", 8, ""),
    "canp-mmsg": ("canp, io_uring off", 9, ""), "candump": ("candump -l", 1, ""),
    "candump-32M": ("candump -l -r 33554432", 2, ""), "dumpcap": ("dumpcap", 3, ""),
    "python-can": ("python-can logger (BLF)", 4, ""), "bare-recvmsg": ("recvmsg, discard", 5, "dash"),
    "bare-recvmmsg": ("recvmmsg(256), discard", 6, "dash"), "bare-paced": ("recvmmsg(256) every 20 ms, discard", 7, "dash"),
    "bare-stamped": ("the same with stamps and drop counter", 7, "")}
SHORT = {"bare-stamped": "each 20 ms, stamps", "bare-paced": "recvmmsg each 20 ms", "bare-recvmmsg": "recvmmsg(256)", "bare-recvmsg": "recvmsg",
         "candump-32M": "candump -l -r 32M", "python-can": "python-can BLF"}
CELLS = {
    "quiet": "100 frames/s", "vehicle": "one 500 kbit/s bus at 40 %", "rate8000": "8,000 frames/s", "rate20000": "20,000 frames/s",
    "buses8": "eight 500 kbit/s buses at 100 %, as far as the machine can send it",
    "full": "the sender's full speed, classic frames", "full-fd": "the sender's full speed, FD with 64 bytes",
    "senders4": "full speed, four senders on two buses", "bursts": "bursts of 5,000 frames at full speed, 0.5 s apart",
    "stall": "8,000 frames/s, and the disk stalls for 3 s", "latency-vehicle": "one 500 kbit/s bus at 40 %",
    "latency8000": "8,000 frames/s"}
OVER = {"MiB": "size of the recording, MiB", "interfaces": "number of interfaces", "segments": "number of segments", "IDs": "number of IDs"}
PROPORTIONAL = ("segments open",)  # of all segments together; it is told for each as well
WHY = {  # series -> why it is neither flat nor linear
    "ids pack": "A packed block holds 21,800 frames. Of 10,000 IDs each comes twice in it: that many lanes have to be set up, and "
                "written, for two frames each.",
    "ids packed size": "For the same reason: a lane of two frames has nothing to repeat. `canp pack --archive` makes blocks of twice the length.",
    "ids scan packed": "For the same reason: 2.2 frames for each lane.",
    "ids info": "The list of IDs itself, sorted.",
    "segments scan": "A reader keeps 256 segments mapped. With more of them the one longest unused is unmapped for each that is mapped; "
                     "a segment of 64 KiB holds 2,300 frames to pay for that, one of the usual 64 MiB a thousand times as many.",
    "segments seek": "Up to 256 segments the one sought is mapped already; beyond, mostly, it is mapped anew. It stays at that.",
    "segments open each": "A constant part, for the directory, its catalogue and the reader, falls on all segments.",
    "segments info": "Falling at first: the start of the process. Then each segment is opened and mapped, for the IDs in its index.",
    "size scan": "While memory holds the recording it is flat; what is larger than memory is read from the disk again, and the "
                 "kernel's work for that is CPU time as well.",
    "size seek": "A block is checked when it is first met. Of a small recording the blocks were met before, of a large one each is new, "
                 "and of one larger than memory it is read from the disk.",
    "size open": "A constant part, and 2 µs for each segment of 64 MiB.",
    "size info": "The start of the process, and the index of each segment: larger than memory, it is read from the disk.",
    "ifaces canp": "A socket for each interface: of the same frames each of them has fewer for what looking into it costs. It grows with "
                   "their number, not with their frames.",
    "ifaces dumpcap": "A second interface makes it use a thread for each, with a queue between.",
    "size write": "Falling at first: the start of the process, and the first segment's 64 MiB, which are allocated ahead."}
BY_RATE = ("vehicle", "rate8000", "rate20000", "full")


def read(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f if line.strip()]


COUNTED = ", counting instructions"
WAYS = {
    "instructions": "An emulated machine with one CPU, whose clock counts instructions, one each nanosecond: CPU is in thousands of "
                    "instructions, kernel part included; rates, losses and latencies are those of a CPU that does a thousand million of "
                    "them a second and that sender and recorder share. None of it depends on how busy the host was.",
    "vm": "An emulated machine in real time: sender and recorder side by side. Times are inflated, and noisy when the host is busy.",
    "native": "This machine's own kernel, in a network namespace."}
DUMPCAP = ("On one vcan dumpcap's count of drops is about twice its loss: the kernel's ring holds each frame as sent and as received; "
           "libpcap leaves out the one, and the ring's counter counts both.")


def read_lab(path):
    """A kernel whose clock counted instructions is a kernel of its own."""
    lines = read(path)
    for line in lines:
        line["kernel"] += f", {line['wire']}" if "wire" in line else ""
        line["kernel"] += COUNTED if line["lab"] == "instructions" else ""
    return lines


class Sum:
    """All runs of one recorder on one kind of traffic and one kernel. Those in which the sender did not reach 80 % of
    its rate, or which took half a second longer than their traffic, are not of that kind of traffic: the machine was busy
    with something else."""

    def __init__(self, runs):
        done = [r for r in runs if "error" not in r]
        self.runs = [r for r in done if r["rate"] >= 0.8 * (r.get("nominal") or 0) and r.get("idle_s", 0) < 0.5]
        self.starved = len(done) - len(self.runs)
        self.errors = [r["error"] for r in runs if "error" in r]

    def median(self, key):
        values = [r[key] for r in self.runs if r.get(key) is not None]
        return statistics.median(values) if values else None

    def spread(self, key):
        values = [r[key] for r in self.runs if r.get(key) is not None]
        return (min(values), max(values)) if values else None

    def total(self, key):
        return sum(r[key] for r in self.runs)

    @property
    def rate(self):
        return self.median("rate")

    @property
    def known(self):
        if any(r["lost_known"] is None for r in self.runs):
            return None
        return self.total("lost_known")


def grouped(lines):
    groups = collections.defaultdict(list)
    for line in lines:
        groups[line["kernel"], line["cell"], line["peer"]].append(line)
    return {key: Sum(runs) for key, runs in groups.items()}


def count(n):
    return f"{n:,.0f}"


def share(lost, sent):
    if lost == 0:
        return "0"
    percent = 100 * lost / sent
    return f"{count(lost)} ({percent:.2g} %)" if percent < 10 else f"{count(lost)} ({percent:.0f} %)"


def word_on_loss(s):
    if s.known is None:
        return "nothing"
    if s.known == s.total("lost"):
        return "exactly" if s.total("lost") else "0"
    return f"{count(s.known)}"


# ---- tables -----------------------------------------------------------------------------------------------------

def peer_rows(sums, kernel, cell):
    ours = sums.get((kernel, cell, "canp"))
    for peer, (title, _, _) in PEERS.items():
        s = sums.get((kernel, cell, peer))
        if not s or not s.runs:
            continue
        cpu, size = s.median("cpu_us"), s.median("bytes")
        ratio = f"{ours.median('cpu_us') / cpu:.2f}" if ours and ours.runs and peer != "canp" else ""
        low, high = s.spread("cpu_us")
        yield [title, len(s.runs), share(s.total("lost"), s.total("sent")), word_on_loss(s), f"{cpu:.2f}" + (f" ({low:.2f} to {high:.2f})" if len(s.runs) > 1 else ""), ratio,
               f"{s.median('switches'):.3f}",
               f"{s.median('rss_peak_bytes') / 2**20:.0f} ({s.median('rss_anon_bytes') / 2**20:.0f})", f"{size:.1f}" if size is not None else "", f"{s.median('cpu_life_us'):.1f}"]


def table(header, rows):
    out = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return out + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows] + [""]


def kernel_section(sums, kernel, lines):
    of = [x for x in lines if x["kernel"] == kernel]
    first, out = of[-1], []
    out.append(f"### Kernel {kernel}\n")
    out.append(f"{WAYS.get(first['lab'], first['lab'])} Host: {first['cpu']}, {first['cpus']} CPU(s).\n")
    starved = sum(s.starved for (k, _, _), s in sums.items() if k == kernel)
    if starved:
        out.append(f"{starved} runs are left out: the machine was too busy to send as was meant.\n")
    commits = ", ".join(sorted({x["canp"] for x in of if x["peer"].startswith("canp")}))
    out.append(f"canp {commits}, can-utils {first['can-utils']}, wireshark {first['wireshark']}, "
               f"python-can {first['python-can']}.\n")
    for cell, what in CELLS.items():
        some = [s for (k, c, _), s in sums.items() if (k, c) == (kernel, cell) and s.runs]
        if not some or cell.startswith("latency"):
            continue
        rates = [s.rate for s in some]
        out.append(f"**{what}**: {count(some[0].median('sent'))} frames sent in each run, "
                   f"{count(min(rates))} to {count(max(rates))} frames/s reached\n")
        cpu = "instructions/frame, thousands (range)" if kernel.endswith(COUNTED) else "CPU µs/frame (range)"
        out += table(["recorder", "runs", "lost", "it says", cpu, "canp takes", "switches/frame", "MiB, peak (anonymous)",
                      "B/frame", "the same, whole life"], peer_rows(sums, kernel, cell))
    if any(k == kernel and p == "dumpcap" and s.runs and (s.known or 0) > s.total("lost") for (k, _, p), s in sums.items()):
        out.append(DUMPCAP + "\n")
    return out + quiet_section(sums, kernel) + latency_section(sums, kernel)


def quiet_section(sums, kernel):
    """What canp says itself: the goal is below 1 ms in 99 of 100 cases, on a real machine."""
    rows = []
    for peer in ("canp", "canp-mmsg"):
        s = sums.get((kernel, "quiet", peer))
        if s and s.median("slab_p99_us") is not None:
            rows.append([PEERS[peer][0], *[f"{s.median(f'slab_{key}_us'):.0f}" for key in ("p50", "p99", "max")]])
    if not rows:
        return []
    return ["**On a quiet bus (100 frames/s), from the kernel's stamp into the slab**, µs\n"] + table(["recorder", "p50", "p99", "max"], rows)


def latency_section(sums, kernel):
    rows = []
    for peer, (title, _, _) in PEERS.items():
        row = [title]
        for cell in ("latency-vehicle", "latency8000"):
            s = sums.get((kernel, cell, peer))
            p50 = s.median("latency_p50_ms") if s else None
            row += [f"{p50:.1f}", f"{s.median('latency_p99_ms'):.1f}"] if p50 is not None else ["", ""]
        if any(row[1:]):
            rows.append(row)
    if not rows:
        return []
    return ["**From the wire until another process can read it**, ms\n"] + table(
        ["recorder", "40 % bus: p50", "p99", "8,000/s: p50", "p99"], rows)


def goals_section(sums, kernels):
    goals = (("dumpcap", 0.6), ("candump", 0.25), ("bare-paced", 1.15), ("bare-stamped", 1.15))
    rows = []
    for kernel in kernels:
        ours = sums.get((kernel, "rate8000", "canp"))
        for peer, limit in goals:
            s = sums.get((kernel, "rate8000", peer))
            if ours and s and ours.runs and s.runs:
                ratio = ours.median("cpu_us") / s.median("cpu_us")
                rows.append([kernel, PEERS[peer][0], f"{ratio:.2f}", limit, "met" if ratio <= limit else "**missed**"])
    if not rows:
        return []
    return ["### CPU per stored frame at 8,000 frames/s: canp's share of the other's\n"] + table(
        ["kernel", "beside", "ratio", "goal", ""], rows)


def replay_section(lines):
    if not lines:
        return []
    out = ["### Replay, beside canplayer\n",
           "The same drive replayed onto a vcan, in turn. How late: against the recorded distances, from the frame that was least "
           "late, by the kernel's stamps. CPU of the player's whole life.\n"]
    for kernel in dict.fromkeys(x["kernel"] for x in lines):
        rows, of = [], [x for x in lines if x["kernel"] == kernel]
        for peer in dict.fromkeys(x["peer"] for x in of):
            runs = [x for x in of if x["peer"] == peer]
            middle = lambda key: statistics.median(x[key] for x in runs if key in x)
            timed = "late_p50_us" in runs[0]
            late = [f"{middle(key):.1f}" for key in ("late_p50_us", "late_p99_us", "late_max_us")] if timed else ["", "", ""]
            rows.append([peer, len(runs), count(middle("frames")), *late, count(middle("rate")), f"{middle('cpu_us'):.1f}"])
        cpu = "instructions/frame, thousands" if kernel.endswith(COUNTED) else "CPU µs/frame"
        out += [f"**Kernel {kernel}**\n"] + table(["player", "runs", "frames", "late, µs: p50", "p99", "max", "frames/s", cpu], rows)
    return out


def spread(x, name="spread"):
    """How far the runs lie apart, where a result says it (earlier ones did not)."""
    return f" (±{50 * x[name]:.0f} %)" if x.get(name) is not None else ""


def engine_section(lines):
    if not lines:
        return []
    rows = [[f"{x['ratio']:.3g}" if x["ratio"] is not None else "", x["mode"], x["name"],
             f"{x['value']:.4g} {x['unit']}{spread(x)}",
             f"{x['reference']}: {x['reference_value']:.4g}{spread(x, 'reference_spread')}" if x["reference"] else ""]
            for x in lines]
    return ["### The engine itself, native\n", "`canp-bench`: medians of alternated runs, and how far these lie apart (the "
            "middle half of them where there are more than three), on " + lines[-1].get("cpu", "?") + ".\n"
            ] + table(["ratio", "mode", "what", "value", "beside"], rows)


def guard_section(lines):
    if not lines:
        return []
    return ["### Instructions per frame (callgrind), " + lines[0]["compiler"] + "\n"] + table(
        ["path", "what", "instructions"], [[x["name"], x["what"], x["value"]] for x in lines])


def formats_section(lines):
    if not lines:
        return []
    rows = [[x["format"], f"{x['bytes']:.2f}", f"{x['read_ns']:.0f}{spread(x)}", x["reader"]] for x in lines]
    return [f"### The same {count(lines[0]['frames'])} frames of a generated drive, in files\n"] + table(
        ["format", "B/frame", "ns/frame to read all", "read by"], rows)


def growth_section(lines, plots):
    if not lines:
        return []
    out = ["### How cost grows\n", *(f"![{over}]({name})" for over, name in plots), ""]
    for name in dict.fromkeys(x["series"] for x in lines):
        of = [x for x in lines if x["series"] == name]
        out.append(f"**{of[0]['what']}**, {of[0]['unit']}\n")
        merged = by_n(of)
        out += table([of[0]["over"]] + [f"{n:,}" for n in merged], [[""] + [f"{v:.4g}" for v in merged.values()]])
        why = WHY.get(name) or WHY.get(" ".join(name.split()[:2]))
        if why:
            out.append(why + "\n")
    return out


def by_n(lines):
    """n -> median of the values measured for it"""
    merged = collections.defaultdict(list)
    for x in lines:
        merged[x["n"]].append(x["value"])
    return {n: statistics.median(values) for n, values in merged.items()}


def ifaces_growth(lines):
    """The cells ifacesN as growth: CPU per frame over the number of interfaces."""
    return [{"series": f"ifaces {x['peer']} {x['kernel']}", "short": SHORT.get(x["peer"], PEERS[x["peer"]][0]), "over": "interfaces",
             "n": int(x["cell"][len("ifaces"):]),
             "what": f"{PEERS[x['peer']][0]}, 8,000 frames/s in all, kernel {x['kernel']}",
             "unit": "instructions/frame, thousands" if x["lab"] == "instructions" else "CPU µs/frame", "value": x["cpu_us"]}
            for x in lines if "error" not in x]


# ---- plots ------------------------------------------------------------------------------------------------------

def by_rate(sums, kernel, value):
    """peer -> [(rate, value)]"""
    lines = {}
    for peer in PEERS:
        points = [(s.rate, value(s)) for s in (sums.get((kernel, cell, peer)) for cell in BY_RATE) if s and s.runs]
        if len(points) > 1:
            lines[peer] = sorted(points)
    return lines


def rate_axis(lines):
    rates = [x for points in lines.values() for x, _ in points]
    return svg.Axis("frames per second sent", min(rates) / 1.2, max(rates) * 1.2, log=True)


def plot_loss(sums, kernel, path):
    lines = by_rate(sums, kernel, lambda s: 100 * s.total("lost") / s.total("sent"))
    lines = {p: v for p, v in lines.items() if not p.startswith("bare")}
    if not lines:
        return False
    top = max([y for points in lines.values() for _, y in points] + [5])
    plot = svg.Plot("Frames lost against rate", f"kernel {kernel}; one vcan bus; lower is better", rate_axis(lines),
                    svg.Axis("% of the frames sent", 0, top))
    for peer, points in lines.items():  # thin lines on top of canp's, where they are the same
        plot.add_line(SHORT.get(peer, PEERS[peer][0]), points, PEERS[peer][1], PEERS[peer][2])
    plot.write(path)
    return True


def plot_cpu(sums, kernel, path):
    lines = by_rate(sums, kernel, lambda s: s.median("cpu_us"))
    if not lines:
        return False
    values = [y for points in lines.values() for _, y in points]
    plot = svg.Plot("CPU per stored frame against rate", f"kernel {kernel}; whole process, kernel part included; lower is better",
                    rate_axis(lines), svg.Axis("thousand instructions per frame" if kernel.endswith(COUNTED) else "µs per frame", min(values) / 1.3, max(values) * 1.3, log=True))
    for peer, points in lines.items():
        plot.add_line(SHORT.get(peer, PEERS[peer][0]), points, PEERS[peer][1], PEERS[peer][2])
    plot.write(path)
    return True


def plot_formats(lines, path):
    if not lines:
        return False
    sizes, speeds = [x["bytes"] for x in lines], [x["read_ns"] for x in lines]
    plot = svg.Plot("Size of a frame, and the time to read it", "a generated drive, native; lower left is better",
                    svg.Axis("bytes per frame", 0, max(sizes) * 1.15),
                    svg.Axis("ns per frame to read all", min(speeds) / 2, max(speeds) * 2, log=True))
    for x in lines:
        if "one by one" in x["format"]:
            continue  # beside what is read block by block
        plot.add_point(x["format"], x["bytes"], x["read_ns"], x["colour"])
    plot.write(path)
    return True


def plot_growth(lines, over, path):
    """Each series relative to its smallest n: a flat line is a cost that does not grow."""
    series = {}
    for name in dict.fromkeys(x["series"] for x in lines if x["over"] == over and x["series"] not in PROPORTIONAL):
        of = [x for x in lines if x["series"] == name]
        merged = by_n(of)
        first = merged[min(merged)]
        series[of[0].get("short", name.split(" ", 1)[1])] = [(n, v / first) for n, v in sorted(merged.items())]
    if not any(len(points) > 1 for points in series.values()):
        return False
    xs, ys = ([p[i] for points in series.values() for p in points] for i in (0, 1))
    plot = svg.Plot(f"Cost over {OVER.get(over, over)}", "relative to the leftmost; a flat line does not grow", svg.Axis(OVER.get(over, over), min(xs), max(xs), log=True,
                    ticks=sorted(set(xs)) if len(set(xs)) <= 6 else None),
                    svg.Axis("times the cost at the left", min(ys + [0.5]) / 1.2, max(ys + [2]) * 1.2, log=True))
    for n, (name, points) in enumerate(series.items()):
        plot.add_line(name, points, (0, 1, 3, 4, 2, 8)[n % 6])
    plot.write(path)
    return True


def main():
    directory = sys.argv[1]
    peers = read_lab(os.path.join(directory, "peers.jsonl"))
    sums = grouped(peers)
    kernels = sorted({k for k, _, _ in sums}, key=lambda k: [int(n) for n in k.split("-")[0].split("+")[0].split(".") if n.isdigit()])
    out = ["# What canp costs, beside its peers\n", "Made by `scripts/bench`; the README says what the figures do not.\n"]
    out += goals_section(sums, kernels)
    for kernel in kernels:
        out += kernel_section(sums, kernel, peers)
        name = kernel.split("-")[0].split("+")[0] + ("-instructions" if kernel.endswith(COUNTED) else "")
        plot_loss(sums, kernel, os.path.join(directory, f"loss-{name}.svg"))
        plot_cpu(sums, kernel, os.path.join(directory, f"cpu-{name}.svg"))
    formats = read(os.path.join(directory, "formats.jsonl"))
    out += replay_section(read_lab(os.path.join(directory, "replay.jsonl")))
    out += engine_section(read(os.path.join(directory, "engine.jsonl")))
    out += guard_section(read(os.path.join(directory, "guard.jsonl")))
    out += formats_section(formats)
    plot_formats(formats, os.path.join(directory, "formats.svg"))
    growth = (ifaces_growth(read_lab(os.path.join(directory, "ifaces.jsonl"))) +
              read(os.path.join(directory, "growth.jsonl")))
    plots = [(over, f"growth-{over}.svg") for over in dict.fromkeys(x["over"] for x in growth)]
    out += growth_section(growth, [(over, name) for over, name in plots if plot_growth(growth, over, os.path.join(directory, name))])
    with open(os.path.join(directory, "report.md"), "w") as f:
        f.write("\n".join(out) + "\n")
    for key, s in sorted(sums.items()):
        for error in s.errors:
            print(f"bench: {' '.join(key)}: {error}", file=sys.stderr)
    print(os.path.join(directory, "report.md"))


main()
