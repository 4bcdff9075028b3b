"""The schedule: from the seed alone."""
import random


class Schedule:
    """All that is random is decided here, before anything runs."""
    # What happens, how likely; those of `spans` begin and end.
    WEIGHTS = {"hup": 8, "hups": 3, "stop": 8, "down": 8, "del": 8, "rename": 5, "clock": 8, "busoff": 4, "flood": 8,
               "follow": 6, "pack": 6, "kill": 5, "restart": 3, "stderr": 6, "truncate": 4, "copytruncate": 2, "move": 2,
               "foreign": 5, "reader": 5, "freeze": 7, "fill": 6, "flakey": 4, "usr1": 3, "freezer": 1, "unlink": 1,
               "burst": 6, "cpu": 2}
    SPANS = {"stop": 0.6, "down": 0.4, "del": 0.4, "rename": 0.4, "stderr": 1.0, "freeze": 0.9, "fill": 1.2, "flakey": 0.8,
             "cpu": 0.5}
    DISK = {"freeze", "flakey"}

    def __init__(self, seed, have):
        rng = random.Random(seed)
        self.seed = seed
        self.disk = rng.choice(["ext4", "ext4", "tmpfs"])
        self.trigger = rng.random() < 0.15
        self.length = rng.uniform(1.5, 3.5)
        self.any = rng.random() < 0.15
        self.real = rng.random() < 0.3 and not self.any
        self.second = rng.random() < 0.7
        self.memory = rng.choice([40, 64]) if rng.random() < 0.15 else 0
        self.stderr = rng.choice(["pipe", "pty"])
        self.io = rng.choice(["uring", "uring", "mmsg"])
        self.end = rng.choice(["INT", "TERM"])
        self.options = self.make_options(rng)
        events = [self.event(rng) for _ in range(rng.randint(3, 9))]
        events = [e for e in events if e]
        if self.disk == "ext4" and not have["dm"]:
            self.disk = "tmpfs"
        if not have["can"]:
            self.real = False
        if self.disk == "tmpfs":
            events = [e for e in events if e[1] not in self.DISK]
        self.events = []
        for at, what, rest in events:
            self.events.append((at, what, rest))
            if what in self.SPANS:
                self.events.append((at + rest["for"], "end-" + what, rest))
        self.events.sort(key=lambda e: e[0])

    def make_options(self, rng):
        size = rng.choice([65536, 131072, 262144, 1 << 20])
        options = ["--segment-size", str(size), "--stall", rng.choice(["50ms", "200ms", "1s"])]
        options += ["--sync", rng.choice(["none", "segment", "100ms", "1s"])]
        options += ["--flush", rng.choice(["20ms", "100ms"])]
        self.keep = None
        draw = rng.random()
        if draw < 0.12:
            self.keep = ["--keep", str(rng.randint(2, 5))]
        elif draw < 0.24:
            self.keep = ["--keep-bytes", str(max(5 * size, rng.choice([512, 1024]) << 10))]
        if rng.random() < 0.4:
            options += ["--pack"]
        if rng.random() < 0.3:
            options += ["--rcvbuf", rng.choice(["40K", "200K", "1M"])]
        if rng.random() < 0.25:
            options += ["--segment-time", rng.choice(["300ms", "1s"])]
        if rng.random() < 0.4:
            options += ["--stats", "20ms"]
        if self.trigger:
            options += ["--pre-trigger", "500ms", "--post-trigger", "300ms", "--trigger", "7DF:7FF", "--trigger", "bus-off"]
        return options + (self.keep or [])

    def event(self, rng):
        what = rng.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))[0]
        at = rng.uniform(0.1, self.length)
        rest = {"draw": rng.random(), "iface": rng.randrange(3)}
        if what in self.SPANS:
            rest["for"] = rng.uniform(0.05, self.SPANS[what])
        if what == "clock":
            rest["step"] = rng.choice([-1, 1]) * rng.choice([0.01, 0.5, 3, 90, 3600, 86400 * 3, 86400 * 400])
        if what == "burst":
            rest["burst"], rest["pause"] = rng.choice([(1, 10000), (50, 5000), (10, 1000), (200, 50000)])
        if what == "usr1" and not self.trigger:
            return None
        return (at, what, rest)

    def __str__(self):
        lines = ["seed %d: disk %s, io %s, stderr %s, %s%s%s, end by SIG%s" % (
            self.seed, self.disk, self.io, self.stderr, "any" if self.any else "vcan0" + " vcan1" * self.second,
            " can0" * self.real, ", %d MiB of memory" % self.memory if self.memory else "", self.end),
            "  record " + " ".join(self.options)]
        for at, what, rest in self.events:
            lines.append("  %6.2f s  %-14s %s" % (at, what, " ".join(
                "%s=%s" % (k, round(v, 3)) for k, v in sorted(rest.items()) if not what.startswith("end-"))))
        return "\n".join(lines)
