"""One recorder, and who reads its stderr."""
import fcntl
import glob
import os
import pty
import resource
import subprocess
import termios
import threading
import time

from common import END_S, Failure, adapters_lost, canp, read


class Drain(threading.Thread):
    """Reads the recorder's stderr, unless it is to be stalled."""

    def __init__(self, fd):
        super().__init__(daemon=True)
        self.fd, self.said, self.stalled = fd, b"", threading.Event()
        self.free = threading.Event()
        self.free.set()

    def run(self):
        while True:
            self.free.wait()
            try:
                got = os.read(self.fd, 4096)
            except OSError:
                got = b""
            if not got:
                break
            self.said = (self.said + got)[-1 << 20:]
        os.close(self.fd)


class Recorder:
    """`canp record`, what was sent before it began, and what is known of how it must end."""

    def __init__(self, run, number):
        self.run, self.plan = run, run.plan
        self.dir = os.path.join(run.disk, "r%d" % number)
        self.summary = os.path.join(run.stage.work, "summary")
        self.first = {s.name: s.get("sent") for s in run.senders}
        self.adapters_first = adapters_lost()
        self.fds, self.fds_max, self.killed, self.exact = [], 0, False, True
        if self.plan.stderr == "pty":
            ours, self.slave = pty.openpty()
            termios.tcsetattr(self.slave, termios.TCSANOW, self.raw(termios.tcgetattr(self.slave)))
        else:
            ours, self.slave = os.pipe()
            fcntl.fcntl(self.slave, fcntl.F_SETPIPE_SZ, 4096)
        self.drain = Drain(ours)
        names = ["any"] if self.plan.any else [s.now if not s.real else "can0" for s in run.senders]
        self.process = subprocess.Popen(
            [canp(), "record", "--json", "-o", self.dir] + self.plan.options + names, stdin=subprocess.DEVNULL,
            stdout=open(self.summary, "wb"), stderr=self.slave, start_new_session=True, preexec_fn=self.limits,
            env=dict(os.environ, CANP_IO=self.plan.io))
        if self.plan.stderr == "pipe":
            os.close(self.slave)
        self.drain.start()
        run.wait("the recorder begins", lambda: b"recording" in self.drain.said or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise Failure("the recorder does not begin: %s" % self.said())
        time.sleep(0.1)
        self.fds_first = self.count_fds()

    @staticmethod
    def raw(mode):
        mode[1] &= ~termios.OPOST
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
        return mode

    def limits(self):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.plan.memory and not self.plan.trigger and self.run.stage.have["cgroup"]:
            with open("/sys/fs/cgroup/canp-chaos/memory.max", "w") as file:
                file.write("%dM" % self.plan.memory)
            with open("/sys/fs/cgroup/canp-chaos/cgroup.procs", "w") as file:
                file.write(str(os.getpid()))

    def sent_until_now(self):
        """All that was sent so far was for this recorder or one before."""
        self.last = {s.name: s.get("sent") for s in self.run.senders}
        self.adapters_lost = adapters_lost() - self.adapters_first

    def said(self):
        return self.drain.said.decode(errors="replace")

    def lines(self):
        return [l for l in self.said().splitlines() if l.strip() and not l.startswith("{")]

    def count_fds(self):
        try:
            return len(os.listdir("/proc/%d/fd" % self.process.pid))
        except OSError:
            return 0

    def tick(self):
        self.fds_max = max(self.fds_max, self.count_fds())

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def stall_stderr(self, on):
        if self.plan.stderr == "pty":
            termios.tcflow(self.slave, termios.TCOOFF if on else termios.TCOON)
        elif on:
            self.drain.free.clear()
        else:
            self.drain.free.set()

    def release(self):
        self.drain.free.set()
        if self.plan.stderr == "pty" and self.slave is not None:
            termios.tcflow(self.slave, termios.TCOON)

    def wait(self):
        try:
            status = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            where = " ".join("%s:%s" % (read(t + "/comm").strip(), read(t + "/wchan")) for t in
                             glob.glob("/proc/%d/task/*" % self.process.pid))
            self.process.kill()
            self.process.wait()
            raise Failure("the recorder does not end: %s; %s" % (where, self.lines()[-5:]))
        if self.plan.stderr == "pty" and self.slave is not None:
            time.sleep(0.05)
            os.close(self.slave)
            self.slave = None
        self.drain.join(5)
        return status
