"""Traffic: a process for each interface, which counts what the kernel took."""
import errno
import mmap
import os
import random
import signal
import socket
import struct
import time


class Sender:
    """Sends numbered frames. What is shared: sent, go, idle, generation, burst, pause in µs, specials."""
    FIELDS = ("sent", "go", "idle", "generation", "burst", "pause", "special", "stop", "refused")

    def __init__(self, name, real, number, seed):
        self.shared = memoryview(mmap.mmap(-1, 4096)).cast("q")
        self.name, self.number, self.real = name, number, real
        self.names = mmap.mmap(-1, 64)
        self.rename(name)
        self.set(burst=2, pause=4000)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.run(random.Random(seed))
            finally:
                os._exit(0)

    def get(self, field):
        return self.shared[self.FIELDS.index(field)]

    def set(self, **fields):
        for field, value in fields.items():
            self.shared[self.FIELDS.index(field)] = value

    def rename(self, name):
        """The name that its interface has now; the sender binds to it anew."""
        self.now = name
        self.names[:64] = name.encode().ljust(64, b"\0")
        self.set(generation=self.get("generation") + 1)

    def go(self):
        self.set(go=1)

    def hold(self):
        self.set(go=0, idle=0)
        for _ in range(5000):
            if self.get("idle"):
                return
            time.sleep(0.002)
        raise RuntimeError("the sender of %s does not hold" % self.name)

    def end(self):
        self.set(stop=1)
        os.waitpid(self.pid, 0)

    def run(self, rng):
        # vcan hands frames over through the sending CPU's queue: a sender that is moved overtakes itself.
        os.sched_setaffinity(0, {0})
        bound, s = -1, None
        ids = [rng.randrange(0x800) for _ in range(20)] + [0x80000000 | rng.randrange(1 << 29) for _ in range(20)]
        while not self.get("stop"):
            if not self.get("go"):
                self.set(idle=1)
                time.sleep(0.001)
                continue
            try:
                if bound != self.get("generation"):
                    bound = self.get("generation")
                    s = s and s.close()
                    s = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
                    s.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, b"")
                    s.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
                    s.bind((self.names[:64].rstrip(b"\0").decode(),))
                for _ in range(self.get("burst")):
                    if not self.get("go"):
                        break
                    s.send(self.frame(rng, ids))
                    self.set(sent=self.get("sent") + 1)
            except OSError as e:
                if e.errno not in (errno.ENOBUFS, errno.ENETDOWN, errno.ENXIO, errno.ENODEV, errno.EAGAIN):
                    raise
                self.set(refused=self.get("refused") + 1)
                if e.errno in (errno.ENODEV, errno.ENXIO):
                    bound = -1
                time.sleep(0.002)
            time.sleep(self.get("pause") / 1e6)

    def frame(self, rng, ids):
        data = struct.pack(">Q", self.number << 56 | self.get("sent"))
        if self.get("special"):  # bus-off, as a controller reports it; or a trigger
            ident, left = (0x20000040, 0x7DF)[self.get("special") & 1], self.get("special") - 2
            self.set(special=max(left, 0))
            return struct.pack("=IB3x8s", ident, 8, data)
        if not self.real and rng.random() < 0.05:
            return struct.pack("=IBB2x64s", rng.choice(ids), 64, rng.randrange(4), data * 8)
        return struct.pack("=IB3x8s", rng.choice(ids), 8, data)
