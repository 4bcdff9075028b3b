#!/usr/bin/python3
"""Replays one recording onto vcan0 with canp and with canplayer, in turn: how late each frame is, what the player costs.

Runs inside the lab, started by scripts/bench: replays.py --build DIR --out FILE [--runs N] [--scale X]. Appends one
JSON object per run to FILE. Lateness is against the recorded distances, counted from the frame that was least late, by
the kernel's stamps as a recorder on the same bus notes them; cost is the player's CPU time, its whole life. `max` is
without timing, beside a bare sendmmsg() loop over frames that lie ready: its rate lies between first and last stamp.
"""
import argparse
import json
import os
import shutil
import subprocess
import time

from peers import await_ready, CELLS, end, machine, make_buses, start
from recorders import Canp

WORK = "/tmp/canp-replays"
FRAMES, FRAMES_MAX = 5000, 40000


def stamps(canp, recording):
    """ns, in the order recorded."""
    lines = subprocess.run([canp, "dump", recording], check=True, stdout=subprocess.PIPE).stdout.splitlines()
    return [int(line[1:line.index(b")")].replace(b".", b"")) for line in lines if line.startswith(b"(")]


def lateness(seen, due):
    late = sorted(s - d for s, d in zip(seen, due))
    return [x - late[0] for x in late]


def make(args, name, frames):
    """A drive, as a recording and as a log for canplayer: (recording, log)."""
    recording, log = os.path.join(WORK, name), os.path.join(WORK, name + ".log")
    subprocess.run([args.drive, "make", recording, str(frames), "0", str(16 << 20)], check=True)
    with open(log, "wb") as out:
        subprocess.run([args.canp, "dump", "--micros", recording], check=True, stdout=out)
    return recording, log


def run(args, command):
    """(stamps on the bus in ns, seconds of the player's CPU)"""
    directory = os.path.join(WORK, "watch")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    watch = start(Canp(args).command(["vcan0"], False), directory)
    await_ready(watch, Canp(args), CELLS["vehicle"])
    player = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(player.pid, 0)
    player.returncode = os.waitstatus_to_exitcode(status)
    time.sleep(0.5)
    end(watch)
    if player.returncode != 0:
        raise RuntimeError(f"{command[0]}: status {player.returncode}")
    return stamps(args.canp, os.path.join(directory, "rec")), usage.ru_utime + usage.ru_stime


def players(args):
    """(kind, name, due stamps or None, command)"""
    drive, log = make(args, "drive", int(FRAMES * args.scale))
    long, long_log = make(args, "long", int(FRAMES_MAX * args.scale))
    due = stamps(args.canp, drive)
    return [("timed", "canp replay", due, [args.canp, "replay", drive, "*=vcan0"]),
            ("timed", "canplayer", due, ["canplayer", "-I", log, "vcan0=vcan0"]),
            ("max", "canp replay --speed max", None, [args.canp, "replay", long, "*=vcan0", "--speed", "max"]),
            ("max", "canplayer -t -g 0", None, ["canplayer", "-t", "-g", "0", "-I", long_log, "vcan0=vcan0"]),
            ("max", "bare sendmmsg loop", None, [args.send_bare, "vcan0", str(int(FRAMES_MAX * args.scale))])]


def measure(args):
    fixed = machine()
    every = players(args)
    for turn in range(args.runs):
        for kind, name, due, command in every:
            seen, cpu_s = run(args, command)
            line = {"kind": kind, "peer": name, "run": turn, "frames": len(seen), "cpu_us": cpu_s * 1e6 / len(seen),
                    "rate": (len(seen) - 1) * 1e9 / (seen[-1] - seen[0])}
            if due and len(due) == len(seen):
                late = lateness(seen, due)
                line.update(late_p50_us=late[len(late) // 2] / 1e3,
                            late_p99_us=late[len(late) * 99 // 100] / 1e3, late_max_us=late[-1] / 1e3)
            with open(args.out, "a") as out:
                out.write(json.dumps({**line, **fixed}) + "\n")
            print(" ".join(f"{k} {v:.1f}" if isinstance(v, float) else f"{k} {v}" for k, v in line.items()), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1)
    args = parser.parse_args()
    args.canp, args.drive, args.send_bare = (os.path.join(os.path.abspath(args.build), p) for p in
                                             ("tools/canp", "tests/bench_drive", "tests/send_bare"))
    make_buses(1)
    os.makedirs(WORK, exist_ok=True)
    try:
        measure(args)
    finally:
        shutil.rmtree(WORK)


if __name__ == "__main__":
    main()
