#!/usr/bin/env python3
"""Power cuts for real: records onto a file system on dm-log-writes, which logs every write of the device in the
order in which it became durable. Then the log is played onto a copy of the fresh device, up to every mark and flush
and to points between; each state is mounted, as after a power cut, and the recording in it is judged.

The log's format is the kernel's (Documentation/admin-guide/device-mapper/log-writes.rst, drivers/md/dm-log-writes.c):
a super block, then for each entry one sector with where, how much and what, and the data.

usage: power_cut.py ext4|xfs PROGRAM POINTS|all     as root, in a directory that has room; PROGRAM: power_cut.c
"""
import os
import random
import shutil
import struct
import subprocess
import sys

FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
MAGIC = 0x6A736677736872
MIB = 1 << 20


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit("%s: %s" % (" ".join(command), done.stdout.strip()))
    return done.stdout.strip()


def record(fs, program, size):
    """Makes fresh.img, and log.img with all that happened to it."""
    for name, length in (("device.img", size), ("log.img", 600 * MIB)):
        with open(name, "wb") as f:
            f.truncate(length)
    run("mkfs." + fs, "-q", "device.img")
    run("cp", "--sparse=always", "device.img", "fresh.img")
    device = run("losetup", "--find", "--show", "device.img")
    log = run("losetup", "--find", "--show", "log.img")
    run("dmsetup", "--noudevsync", "--noudevrules", "create", "cut", "--table", "0 %d log-writes %s %s" % (size // 512, device, log))
    os.makedirs("mnt", exist_ok=True)
    name = run("dmsetup", "info", "-c", "--noheadings", "-o", "blkdevname", "cut") # there may be no udev
    run("mount", "-t", fs, "/dev/" + name, "mnt")
    child = subprocess.Popen([program, "record", "mnt/drive"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        run("dmsetup", "message", "cut", "0", "mark durable:" + line.strip())
        child.stdin.write("go on\n")
        child.stdin.flush()
    status = child.wait()
    run("umount", "mnt")
    run("dmsetup", "--noudevsync", "--noudevrules", "remove", "cut")
    run("losetup", "-d", device)
    run("losetup", "-d", log)
    os.unlink("device.img")
    if status != 0:
        sys.exit("the recorder failed with status %d" % status)


class Entry:
    def __init__(self, log, at, sector_bytes):
        (self.sector, self.sectors, self.flags, self.data_bytes) = struct.unpack("<QQQQ", os.pread(log, 32, at))
        self.at = at + sector_bytes
        self.bytes = self.sectors * sector_bytes
        self.offset = self.sector * sector_bytes
        self.end = self.at + (0 if self.flags & DISCARD else self.bytes)
        self.mark = ""
        if self.flags & MARK:
            self.mark = os.pread(log, self.data_bytes, at + 32).decode()


def entries_of(log):
    (magic, version, count, sector_bytes) = struct.unpack("<QQQI", os.pread(log, 28, 0))
    if magic != MAGIC or version != 1:
        sys.exit("not a log of dm-log-writes")
    entries = []
    at = sector_bytes
    for _ in range(count):
        entries.append(Entry(log, at, sector_bytes))
        at = entries[-1].end
    return entries


def apply(entry, log, image):
    if entry.flags & MARK or entry.bytes == 0:
        return
    if entry.flags & DISCARD:
        data = bytes(entry.bytes)
    else:
        data = os.pread(log, entry.bytes, entry.at)
    os.pwrite(image, data, entry.offset)


def judge(fs, program, durable):
    """Mounts a copy of the state, which replays the journal as after a power cut. (good, what was said)"""
    shutil.rmtree("state.img", ignore_errors=True)
    run("cp", "--sparse=always", "replay.img", "state.img")
    run("mount", "-t", fs, "-o", "loop", "state.img", "mnt")
    done = subprocess.run([program, "check", "mnt/drive", str(durable)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    run("umount", "mnt")
    return done.returncode == 0, done.stdout.strip()


def choose(entries, points):
    """Indices of the entries behind which the power is cut."""
    everything = range(len(entries))
    if points == "all":
        return set(everything)
    count = int(points)
    notable = [i for i in everything if entries[i].flags & (MARK | FLUSH | FUA)]
    chosen = {len(entries) - 1}
    chosen.update(random.sample(notable, min(count // 2, len(notable))))
    chosen.update(random.sample(everything, min(count - count // 2, len(entries))))
    return chosen


def main():
    (fs, program, points) = sys.argv[1:4]
    seed = int(os.environ.get("CANP_SEED", random.randrange(1 << 32)))
    random.seed(seed)
    record(fs, program, (96 if fs == "ext4" else 320) * MIB)
    shutil.copyfile("fresh.img", "replay.img")
    log = os.open("log.img", os.O_RDONLY)
    image = os.open("replay.img", os.O_RDWR)
    entries = entries_of(log)
    chosen = choose(entries, points)
    (durable, bad, holes) = (0, 0, 0)
    for i, entry in enumerate(entries):
        apply(entry, log, image)
        if entry.mark.startswith("durable:"):
            durable = int(entry.mark.split(":")[1])
        if i not in chosen:
            continue
        (good, said) = judge(fs, program, durable)
        holes += "damaged places 0" not in said and "no recording" not in said
        if not good:
            bad += 1
            print("cut behind entry %d of %d: %s" % (i, len(entries), said))
    marks = sum(entry.mark.startswith("durable:") for entry in entries)
    print("%d cuts in %d writes, %d marks: %d bad; %d with holes in what was not yet durable (CANP_SEED=%d)" % (
        len(chosen), len(entries), marks, bad, holes, seed))
    sys.exit(1 if bad or durable == 0 or marks < 10 else 0)


if __name__ == "__main__":
    main()
