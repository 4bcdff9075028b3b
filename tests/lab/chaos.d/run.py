"""A run: the schedule on the stage."""
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from common import DM, END_S, Failure, canp, read, sh
from judge import Judge
from recorder import Recorder
from schedule import Schedule
from sender import Sender


class Run:
    def __init__(self, stage, plan):
        self.stage, self.plan = stage, plan
        self.followers, self.readers, self.epochs, self.failures, self.notes = [], [], [], [], []
        self.pending, self.hurt, self.slow, self.active = set(), set(), False, set()
        self.stepped, self.senders, self.recorder = 0.0, [], None
        self.said_clock = time.clock_gettime(time.CLOCK_REALTIME) - time.monotonic()

    def wait(self, what, holds, seconds=END_S):
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise Failure("waited %d s: %s" % (seconds, what))
            time.sleep(0.02)

    def go(self):
        self.disk = self.stage.mount(self.plan.disk)
        self.stage.interfaces(self.plan.real)
        names = ["vcan0"] + ["vcan1"] * (self.plan.second or self.plan.any) + ["can0"] * self.plan.real
        for number, name in enumerate(names):
            real = name == "can0"
            self.senders.append(Sender("can1" if real else name, real, number, self.plan.seed))
            self.senders[-1].name = name
        try:
            self.begin()
            self.play()
            self.settle()
            self.finish()
        finally:
            self.tidy()

    def begin(self):
        self.recorder = Recorder(self, len(self.epochs))
        self.epochs.append(self.recorder)
        for sender in self.senders:
            self.pending.add(sender)
        self.attach()

    def attach(self):
        """Senders go on once the recorder listens on their interface as it is now."""
        listed = read("/proc/net/can/rcvlist_all") + read("/proc/net/can/rcvlist_fil")
        for sender in list(self.pending):
            name = "can0" if sender.real else sender.now
            if re.search(r"^\s+%s\s.*raw" % re.escape(name), listed, re.M):
                self.pending.discard(sender)
                sender.go()

    def play(self):
        start = time.monotonic()
        for at, what, rest in self.plan.events + [(self.plan.length, "nothing", {})]:
            while time.monotonic() < start + at:
                if self.recorder.process.poll() is not None:
                    return
                self.attach()
                self.recorder.tick()
                time.sleep(0.02)
            self.do(what, rest)

    def do(self, what, rest):
        name = what.replace("-", "_")
        if what.startswith("end-"):
            if what[4:] in self.active:
                self.active.discard(what[4:])
                getattr(self, name)(rest)
            return
        if what in Schedule.SPANS:
            if what in self.active:
                return
            self.active.add(what)
        if what != "nothing" and getattr(self, "do_" + name)(rest) is False:
            self.active.discard(what)

    # -- what happens; a span's end undoes it
    def do_hup(self, rest):
        self.recorder.signal(signal.SIGHUP)

    def do_hups(self, rest):
        for _ in range(15):
            self.recorder.signal(signal.SIGHUP)
            time.sleep(0.01)

    def do_usr1(self, rest):
        self.recorder.signal(signal.SIGUSR1)

    def do_stop(self, rest):
        self.slow = True
        self.recorder.signal(signal.SIGSTOP)

    def end_stop(self, rest):
        self.recorder.signal(signal.SIGCONT)

    def iface(self, rest):
        return self.senders[rest["iface"] % len(self.senders)]

    def free(self, sender):
        return sender not in self.pending and not self.active & {"down", "del", "rename"} - {self.now}

    def do_down(self, rest):
        sender = self.iface(rest)
        self.now = "down"
        if not self.free(sender):
            return False
        self.down = sender
        if sender.real:
            sender.hold()
            time.sleep(0.1)
        sh("ip", "link", "set", "can0" if sender.real else sender.now, "down")

    def end_down(self, rest):
        sh("ip", "link", "set", "can0" if self.down.real else self.down.now, "up")
        if self.down.real:
            self.pending.add(self.down)

    def do_del(self, rest):
        sender = self.iface(rest)
        self.now = "del"
        if sender.real or not self.free(sender):
            return False
        self.gone = sender
        sh("ip", "link", "del", sender.now)
        sender.hold()

    def end_del(self, rest):
        sh("ip", "link", "add", "dev", self.gone.now, "type", "vcan")
        sh("ip", "link", "set", self.gone.now, "mtu", "72", "up")
        self.gone.rename(self.gone.now)
        self.pending.add(self.gone)

    def do_rename(self, rest):
        sender = self.iface(rest)
        self.now = "rename"
        if sender.real or not self.free(sender):
            return False
        self.other = sender
        self.call(sender, sender.now + "x")

    def call(self, sender, name):
        sender.hold()
        sh("ip", "link", "set", sender.now, "down")
        sh("ip", "link", "set", sender.now, "name", name)
        sh("ip", "link", "set", name, "up")
        sender.rename(name)
        self.pending.add(sender)

    def end_rename(self, rest):
        self.call(self.other, self.other.now[:-1])

    def do_clock(self, rest):
        now = time.clock_gettime(time.CLOCK_REALTIME) + rest["step"]
        if now > 1e9:
            time.clock_settime(time.CLOCK_REALTIME, now)

    def do_busoff(self, rest):
        sender = self.iface(rest)
        if not sender.real:
            sender.set(special=2)

    def do_flood(self, rest):
        self.iface(rest).set(burst=300, pause=100)
        self.timer = threading.Timer(0.3, lambda s=self.iface(rest): s.set(burst=2, pause=4000))
        self.timer.start()

    def do_burst(self, rest):
        sender = self.iface(rest)
        sender.set(burst=rest["burst"], pause=rest["pause"])
        if self.plan.trigger:
            sender.set(special=3)

    def do_follow(self, rest):
        out = open(os.path.join(self.stage.work, "follow%d" % len(self.followers)), "wb+")
        process = subprocess.Popen([canp(), "dump", "--follow", self.recorder.dir], stdout=out, stderr=subprocess.PIPE)
        self.followers.append((process, out, self.recorder, time.monotonic()))

    def do_pack(self, rest):
        self.readers.append(subprocess.Popen([canp(), "pack", self.recorder.dir], stdout=subprocess.DEVNULL,
                                             stderr=subprocess.PIPE))

    def do_reader(self, rest):
        words = (["info"], ["verify"], ["dump", "-f", "json"], ["info", "--quick"])[int(rest["draw"] * 4)]
        self.readers.append(subprocess.Popen([canp()] + words + [self.recorder.dir], stdout=subprocess.DEVNULL,
                                             stderr=subprocess.PIPE))

    def do_stderr(self, rest):
        self.recorder.stall_stderr(True)

    def end_stderr(self, rest):
        self.recorder.stall_stderr(False)

    def live(self):
        names = sorted(n for n in os.listdir(self.recorder.dir) if re.fullmatch(r"\d{8}\.canp", n) and not n.startswith("9"))
        return os.path.join(self.recorder.dir, names[-1]) if names else None

    def do_truncate(self, rest):
        path = self.live()
        if path and "freeze" not in self.active:
            self.hurt.add("truncate")
            os.truncate(path, int(rest["draw"] * 2) * os.path.getsize(path) // 3)

    def do_copytruncate(self, rest):
        path = self.live()
        if path and "freeze" not in self.active:
            self.hurt.add("truncate")
            shutil.copyfile(path, os.path.join(self.stage.work, "rotated"))
            os.truncate(path, 0)

    def do_move(self, rest):
        path = self.live()
        if path and "freeze" not in self.active:
            self.hurt.add("move")
            os.rename(path, path + ".1")

    def do_unlink(self, rest):
        path = self.live()
        if path and "freeze" not in self.active:
            self.hurt.add("unlink")
            os.unlink(path)

    def do_foreign(self, rest):
        if "freeze" in self.active or "fill" in self.active or "flakey" in self.active:
            return
        kind = int(rest["draw"] * 7)
        path = lambda name: os.path.join(self.recorder.dir, name)
        if kind == 5:
            self.hurt.add("foreign")
            os.path.lexists(path("90000001.canp")) or os.mkfifo(path("90000001.canp"))
        elif kind == 6:
            self.hurt.add("foreign")
            os.makedirs(path("90000002.canp"), exist_ok=True)
        else:
            name = ("readme.txt", ".hidden", "00000001.canp.1.gz", "x" * 255, "0000000a.canp")[kind]
            try:
                with open(path(name), "wb") as file:
                    file.write(b"not ours" * 100)
            except OSError as e:
                self.notes.append("foreign file: %s" % e)

    def do_fill(self, rest):
        self.slow = True
        if "freeze" in self.active:
            return False
        try:
            with open(os.path.join(self.disk, "filler"), "wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 16))
        except OSError:
            pass

    def end_fill(self, rest):
        if "freeze" in self.active:
            self.do("end-freeze", rest)
        try:
            os.unlink(os.path.join(self.disk, "filler"))
        except OSError as e:
            self.notes.append("filler: %s" % e)

    def do_freeze(self, rest):
        self.slow = True
        if self.active & {"fill", "flakey"}:
            return False
        self.frozen = "fs" if rest["draw"] < 0.5 else "dm"
        if self.frozen == "fs":
            sh("fsfreeze", "-f", self.disk)
        else:
            sh("dmsetup", "suspend", "--noudevsync", DM)

    def end_freeze(self, rest):
        if self.frozen == "fs":
            sh("fsfreeze", "-u", self.disk)
        else:
            sh("dmsetup", "resume", "--noudevsync", DM)

    def do_flakey(self, rest):
        self.slow = True
        if "freeze" in self.active:
            return False
        self.hurt.add("flakey")
        self.stage.load("flakey")

    def end_flakey(self, rest):
        self.do("end-freeze", rest)
        self.stage.load("linear")

    def do_freezer(self, rest):
        """Suspend, as far as a VM can: all tasks stand still."""
        self.slow = True
        if not os.path.exists("/sys/power/pm_test") or "freeze" in self.active:
            return
        with open("/sys/module/suspend/parameters/pm_test_delay", "w") as file:
            file.write("0")
        with open("/sys/power/pm_test", "w") as file:
            file.write("freezer")
        try:
            with open("/sys/power/state", "w") as file:
                file.write("mem")
        except OSError as e:
            self.notes.append("freezer: %s" % e)

    def do_cpu(self, rest):
        self.hog = subprocess.Popen(["sh", "-c", "while :; do :; done"])

    def end_cpu(self, rest):
        self.hog.kill()
        self.hog.wait()

    def do_kill(self, rest):
        """kill -9: with the traffic held and flushed nothing is missing; under traffic only the end may be."""
        if self.active & {"freeze", "del", "down", "rename"}:
            return
        old = self.recorder
        if rest["draw"] < 0.5:
            self.hold()
            time.sleep(1)
        else:
            old.exact = False
        if self.slow and self.active:
            old.exact = False
        old.killed = True
        old.signal(signal.SIGKILL)
        self.leave(old)

    def do_restart(self, rest):
        if not self.active:
            self.hold()
            self.recorder.signal(signal.SIGTERM)
            self.leave(self.recorder)

    def leave(self, old):
        self.hold()
        old.sent_until_now()
        for what in sorted(self.active):
            self.do("end-" + what, {})
        old.release()
        old.status = old.wait()
        old.json = read(old.summary)
        old.slow, self.slow = self.slow, False
        old.hurt, self.hurt = self.hurt, set()
        self.begin()

    def hold(self):
        for sender in self.senders:
            sender.hold()
            self.pending.discard(sender)

    # -- the end
    def settle(self):
        for what in sorted(self.active, key=lambda w: w != "freeze"):
            self.do("end-" + what, {})
        self.recorder.release()
        def attached():
            self.attach()
            return not self.pending or self.recorder.process.poll() is not None
        try:
            self.wait("the recorder listens on all interfaces again", attached, 20)
        except Failure as e:
            self.failures.append("%s: not on %s" % (e, [s.now for s in self.pending]))
        time.sleep(0.3)
        self.hold()
        time.sleep(0.3)

    def finish(self):
        r = self.recorder
        r.sent_until_now()
        fds = r.count_fds()
        if r.process.poll() is None:
            if fds > r.fds_first + 6 or r.fds_max > r.fds_first + 24:
                self.failures.append("descriptors: %d at first, %d at most, %d at the end" % (r.fds_first, r.fds_max, fds))
            r.signal(getattr(signal, "SIG" + self.plan.end))
        r.status, r.slow, r.hurt = r.wait(), self.slow, self.hurt
        r.json = read(r.summary)
        for r in self.epochs:
            Judge(self, r).judge()

    def tidy(self):
        for what in sorted(self.active, key=lambda w: w != "freeze"):
            try:
                self.do("end-" + what, {})
            except Exception as e:  # what can still be put right is
                self.notes.append("tidy: %s: %s" % (what, e))
        time.clock_settime(time.CLOCK_REALTIME, time.monotonic() + self.said_clock)
        for r in self.epochs + ([self.recorder] if self.recorder else []):
            if r.process.poll() is None:
                r.process.kill()
                r.process.wait()
            r.release()
        for process in [f[0] for f in self.followers] + self.readers:
            if process.poll() is None:
                process.kill()
            process.wait()
        for sender in self.senders:
            sender.end()
        for name in ("vcan0x", "vcan1x"):
            sh("ip", "link", "del", name, check=False)
        self.stage.unmount()
