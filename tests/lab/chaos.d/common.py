"""What all parts of the chaos driver use."""
import os
import re
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
CANP = os.path.join(os.environ.get("CANP_BUILD", os.path.join(TOP, "build/release")), "tools/canp")
DM = "canp-chaos"  # the device under the recorder's disk
END_S = 30  # what an end may take on a busy VM before it counts as hanging


class Failure(Exception):
    """Something that must hold does not."""


def take_canp_to(folder):
    """The program and its libraries on a fast disk: the host's files are a slow one, and it is started often."""
    global CANP
    listed = subprocess.check_output(["ldd", CANP], text=True)
    for path in [CANP] + re.findall(r"=> (/\S+)", listed):
        shutil.copy(path, folder)
    os.environ["LD_LIBRARY_PATH"] = folder
    CANP = os.path.join(folder, "canp")


def canp():
    return CANP


def sh(*words, check=True, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    if check and done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(words), done.stdout.decode(errors="replace").strip()))
    return done.returncode


def read(path, default=""):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return default


def adapters_lost():
    """Frames between can1 and can0 that the adapters' drivers count as lost."""
    counters = [("can0", n) for n in ("rx_over_errors", "rx_dropped", "rx_missed_errors")]
    counters += [("can1", n) for n in ("tx_errors", "tx_dropped")]
    return sum(int(read("/sys/class/net/%s/statistics/%s" % c) or 0) for c in counters)
