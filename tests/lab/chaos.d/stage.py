"""The stage: disks and interfaces."""
import os
import shutil
import subprocess
import tempfile
import time

from common import DM, sh, take_canp_to


class Stage:
    """What schedules run on; made once, put right between them."""

    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="canp-chaos-")
        os.mkdir(os.path.join(self.work, "bin"))
        take_canp_to(os.path.join(self.work, "bin"))
        self.loop = None
        self.have = {"can": os.path.isdir("/sys/class/net/can1"), "dm": False, "cgroup": False}
        with open("/proc/sys/net/core/netdev_max_backlog", "w") as file:
            file.write("100000")  # vcan's own queue: what overflows there no socket is told of
        if not sh("modprobe", "-a", "loop", "dm-mod", "dm-flakey", "ext4", check=False):
            self.have["dm"] = all(shutil.which(p) for p in ("dmsetup", "losetup", "mkfs.ext4", "fsfreeze"))
        try:
            with open("/sys/fs/cgroup/cgroup.subtree_control", "w") as file:
                file.write("+memory")
            os.makedirs("/sys/fs/cgroup/canp-chaos", exist_ok=True)
            self.have["cgroup"] = os.path.exists("/sys/fs/cgroup/canp-chaos/memory.max")
        except OSError:
            pass

    def table(self, kind):
        tail = " 0 1000 1 error_writes" if kind == "flakey" else ""
        return "0 98304 %s %s 0%s" % (kind, self.loop, tail)

    def mount(self, disk):
        where = os.path.join(self.work, "disk")
        os.makedirs(where, exist_ok=True)
        if disk == "tmpfs":
            sh("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", where)
            return where
        image = os.path.join(self.work, "image")
        with open(image, "w") as file:
            file.truncate(48 << 20)
        self.loop = subprocess.check_output(["losetup", "--find", "--show", image], text=True).strip()
        sh("dmsetup", "--noudevsync", "--noudevrules", "create", DM, "--table", self.table("linear"))
        name = subprocess.check_output(["dmsetup", "info", "-c", "--noheadings", "-o", "blkdevname", DM], text=True).strip()
        sh("mkfs.ext4", "-q", "-O", "^has_journal", "/dev/" + name)
        sh("mount", "-o", "errors=continue", "/dev/" + name, where)
        return where

    def load(self, kind):
        sh("dmsetup", "suspend", "--noudevsync", "--nolockfs", "--noflush", DM)
        sh("dmsetup", "reload", DM, "--table", self.table(kind))
        sh("dmsetup", "resume", "--noudevsync", DM)

    def unmount(self):
        where = os.path.join(self.work, "disk")
        for _ in range(50):
            if not os.path.ismount(where) or sh("umount", where, check=False) == 0:
                break
            time.sleep(0.1)
        if self.loop:
            sh("dmsetup", "--noudevsync", "--noudevrules", "remove", DM, check=False)
            sh("losetup", "-d", self.loop, check=False)
            self.loop = None

    def interfaces(self, real):
        """vcan0 and vcan1 as they were at first, and can0, can1 up or down."""
        for name in ("vcan0", "vcan1"):
            if not os.path.isdir("/sys/class/net/" + name):
                sh("ip", "link", "add", "dev", name, "type", "vcan")
            sh("ip", "link", "set", name, "mtu", "72", "up", check=False)
        for name in ("can0", "can1") if self.have["can"] else ():
            sh("ip", "link", "set", name, "down", check=False)
            if real:
                sh("ip", "link", "set", name, "up", "type", "can", "bitrate", "500000")

    def close(self):
        self.unmount()
        shutil.rmtree(self.work, ignore_errors=True)
