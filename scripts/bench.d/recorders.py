"""The recorders that scripts/bench compares: how each is started, when it receives, what its file holds."""
import json
import os
import re

import formats


def text_of(path):
    with open(path) as f:
        return f.read()


class Peer:
    buses_max = 8
    runs_max = 99
    stores = True

    def __init__(self, args):
        self.args = args

    def command(self, buses, fd):
        raise NotImplementedError

    def receives(self, proc, buses):
        listed = text_of("/proc/net/can/rcvlist_all")
        return all(re.search(rf"^ *{bus} .*raw", listed, re.M) for bus in buses) or " any " in listed and "raw" in listed

    def stored(self, directory, out, err):
        """(frames stored, frames that it says it lost or None when it says nothing)"""
        raise NotImplementedError

    def quiet(self, out):
        """What it says itself of how long a frame of a quiet bus takes from the kernel's stamp into its memory."""
        return {}

    def frames(self, directory):
        """[(offset behind it, time in ns)]"""
        return []

    def file(self, directory):
        return None


class Canp(Peer):
    def command(self, buses, fd):
        return [self.args.canp, "record", "--json", "-o", "rec", *buses]

    def receives(self, proc, buses):
        return "canp record: recording" in text_of(proc.err_path)

    def stored(self, directory, out, err):
        info = formats.canp_info(self.args.canp, os.path.join(directory, "rec"))
        return info["frames"], info["lost"]

    def quiet(self, out):
        said = json.loads(out)["quiet"]
        return {f"slab_{key}_us": said[f"{key}_ns"] / 1000 for key in ("p50", "p99", "max")}


class CanpPack(Canp):
    def command(self, buses, fd):
        return [self.args.canp, "record", "--json", "--pack", "-o", "rec", *buses]


class CanpMmsg(Canp):
    def command(self, buses, fd):
        return ["env", "CANP_IO=mmsg", *super().command(buses, fd)]


class Candump(Peer):
    extra = ()

    def command(self, buses, fd):
        return ["candump", *self.extra, "-l", *buses]

    def stored(self, directory, out, err):
        return formats.candump_count(self.file(directory)) if self.file(directory) else 0, None

    def file(self, directory):
        return formats.only_file(directory, ".log")

    def frames(self, directory):
        return formats.candump_frames(self.file(directory)) if self.file(directory) else []


class CandumpLarge(Candump):
    extra = ("-r", "33554432")


class Dumpcap(Peer):
    def command(self, buses, fd):
        return ["dumpcap", "-q", *[w for bus in buses for w in ("-i", bus)], "-w", "out.pcapng"]

    def receives(self, proc, buses):
        return "File:" in text_of(proc.err_path)

    def stored(self, directory, out, err):
        dropped = [int(d) for d in re.findall(r"received/dropped on interface '[^']*': \d+/(\d+)", err)]
        return sum(1 for _ in self.frames(directory)), sum(dropped) if dropped else None

    def file(self, directory):
        return formats.only_file(directory, ".pcapng")

    def frames(self, directory):
        return formats.pcapng_frames(self.file(directory))


class PythonCan(Peer):
    buses_max = 1  # python -m can.logger takes one channel
    runs_max = 1  # where it is too slow it keeps an emulated CPU busy all the time: minutes

    def command(self, buses, fd):
        return ["/usr/bin/python3", "-m", "can.logger", "-i", "socketcan", "-c", buses[0], *(["--fd"] if fd else []),
                "-f", "out.blf"]

    def stored(self, directory, out, err):
        return sum(1 for _ in self.frames(directory)), None

    def file(self, directory):
        return formats.only_file(directory, ".blf")

    def frames(self, directory):
        return formats.blf_frames(self.file(directory))


class Bare(Peer):
    stores = False
    mode = "recvmsg"

    def command(self, buses, fd):
        return [self.args.bare, self.mode, *buses]

    def stored(self, directory, out, err):
        counted = json.loads(out)
        return counted["frames"], counted["dropped"]


class BareMmsg(Bare):
    mode = "recvmmsg"


class BarePaced(Bare):
    mode = "paced"


class BareStamped(Bare):
    mode = "stamped"


PEERS = {"canp": Canp, "canp-pack": CanpPack, "canp-mmsg": CanpMmsg, "candump": Candump, "candump-32M": CandumpLarge,
         "dumpcap": Dumpcap, "python-can": PythonCan, "bare-recvmsg": Bare, "bare-recvmmsg": BareMmsg,
         "bare-paced": BarePaced, "bare-stamped": BareStamped}
DEFAULT_PEERS = [name for name in PEERS if name not in ("canp-pack", "canp-mmsg")]
