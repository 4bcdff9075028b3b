"""The judgement: what must hold of each recorder and its recording, whatever happened."""
import glob
import json
import os
import re
import signal
import subprocess

from common import canp, read


class Judge:
    def __init__(self, run, recorder):
        self.run, self.r, self.plan = run, recorder, run.plan

    def fail(self, text):
        self.run.failures.append("%s: %s" % (os.path.basename(self.r.dir), text))

    def canp(self, *words):
        try:
            done = subprocess.run([canp()] + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        except subprocess.TimeoutExpired:
            self.fail("canp %s hangs" % words[0])
            return 124, b"", ""
        said = done.stderr.decode(errors="replace")
        if done.returncode < 0 or done.returncode > 3:
            self.fail("canp %s: status %d: %s" % (words[0], done.returncode, said[-300:]))
        return done.returncode, done.stdout, said

    def judge(self):
        r = self.r
        self.sent = {name: r.last[name] - r.first[name] for name in r.last}
        self.end()
        if not os.path.isdir(r.dir):
            return self.fail("the directory is gone")
        self.damage = self.verify()
        self.frames = self.read()
        self.sums()
        self.left()
        self.followed()
        self.packed()

    def end(self):
        r = self.r
        if r.killed:
            return None if r.status == -signal.SIGKILL else self.fail("killed, but its status is %s" % r.status)
        bad_disk = r.slow and ("flakey" in r.hurt or r.status == 1) or r.hurt
        if r.status != 0 and not (r.status > 0 and r.status < 4 and bad_disk and r.lines()):
            self.fail("status %s: %s" % (r.status, r.lines()[-4:]))
        for line in read("/proc/modules") and glob.glob("/proc/[0-9]*/stat"):
            fields = read(line).rpartition(")")[2].split()
            if len(fields) > 3 and fields[3] == str(r.process.pid) and fields[0] != "Z":
                self.fail("a process of its session is left: %s" % read(line)[:60])

    def verify(self):
        status, out, said = self.canp("verify", self.r.dir)
        text = out.decode(errors="replace") + said
        if status == 0:
            return None
        if not self.r.hurt:
            self.fail("verify: status %d: %s" % (status, text[-400:]))
        elif status == 1 and not text.strip():
            self.fail("verify names nothing")
        return text

    def read(self):
        """Numbers of the stored frames by interface, in the order of the recording."""
        status, out, said = self.canp("dump", self.r.dir)
        if status and not self.damage and not (status == 1 and not out):
            self.fail("dump: status %d: %s" % (status, said[-300:]))
        frames = {name: [] for name in self.sent}
        numbers = {s.number: s.name for s in self.run.senders}
        self.errors = dict.fromkeys(frames, 0)
        for line in out.split(b"\n"):
            word = line.split(b" ")
            if len(word) < 3 or word[0][:1] != b"(":
                continue
            ident, _, data = word[2].partition(b"#")
            if len(ident) == 8 and int(ident, 16) & 0x20000000 and word[1] == b"can0":
                self.errors["can0"] += 1  # the controller's own
                continue
            value = int(data[2:18] if data[:1] == b"#" else data[:16], 16)
            name = numbers.get(value >> 56)
            if name is None:
                self.fail("a frame that was not sent: %s" % line)
                break
            frames[name].append((value & ((1 << 56) - 1)) - self.r.first[name])
        for name, list_ in frames.items():
            for a, b in zip(list_, list_[1:]):
                if b <= a:
                    self.fail("%s: frame %d behind frame %d" % (name, b, a))
                    break
            if list_ and (list_[0] < 0 or list_[-1] >= self.sent[name]):
                self.fail("%s: frames %d to %d of %d" % (name, list_[0], list_[-1], self.sent[name]))
        return frames

    def sums(self):
        r = self.r
        status, out, said = self.canp("info", "--json", r.dir)
        try:
            info = json.loads(out)
            told = {i["name"]: i["lost"] for i in info["interfaces"]}
        except (ValueError, KeyError) as e:
            if sum(self.sent.values()) and not r.hurt & {"move", "unlink"}:  # it may have been the only segment
                self.fail("info: %s: status %d: %s" % (e, status, said[-300:]))
            return
        stored = {name: len(self.frames[name]) for name in self.sent}
        lost = {name: told.get(name, 0) for name in self.sent}
        # A controller counts that its buffer ran over, not how many frames that cost.
        told_by_summary = not r.killed and '"device":0' not in r.json.partition('"can0"')[2]
        self.overrun = self.plan.real and (told_by_summary or self.errors["can0"] > 0 or r.adapters_lost > 0)
        self.info_text = "sent %s, stored %s, lost %s, outside %d" % (self.sent, stored, lost, info["outside"])
        if info["frames"] != sum(stored.values()) + sum(self.errors.values()):
            self.fail("info counts %d frames, dump shows %d" % (info["frames"], sum(stored.values())))
        if not r.killed:
            self.summary(info)
        if r.killed:
            self.killed(stored, lost, info["outside"])
        elif self.plan.keep or r.hurt and self.damage or r.hurt & {"move", "unlink"} or self.gone_early() or self.overrun:
            self.at_most(stored, lost)
        elif r.status and r.slow or self.plan.trigger or r.hurt:  # what a cut segment held is told for all interfaces
            missing = sum(self.sent.values()) - sum(stored.values()) - sum(lost.values()) - info["outside"]
            if missing and not (r.status and missing > 0):
                self.fail("%d missing: %s" % (missing, self.info_text))
        else:
            for name in self.sent:
                if stored[name] + lost[name] != self.sent[name]:
                    self.fail("%s: %d sent, %d stored, %d lost; %s; %s" % (
                        name, self.sent[name], stored[name], lost[name], self.holes(name), r.lines()[-6:]))

    def gone_early(self):
        """It ended by itself on a disk that fails, and said so: what came later was not for it."""
        return "flakey" in self.r.hurt and self.r.status > 0

    def holes(self, name):
        list_ = [-1] + self.frames[name] + [self.sent[name]]
        return "holes " + ", ".join("%d..%d" % (a + 1, b - 1) for a, b in zip(list_, list_[1:]) if b != a + 1)[:200]

    def summary(self, info):
        r = self.r
        try:
            summary = json.loads(r.json)
        except ValueError:
            return self.fail("no summary: %r, status %s, %s" % (r.json[-200:], r.status, r.lines()[-4:]))
        for i in summary["interfaces"]:
            name = i["name"]
            if name in self.sent and not self.plan.trigger and not (name == "can0" and self.overrun):
                total = i["frames"] + sum(i["lost"].values())
                if total > self.sent[name] or total < self.sent[name] and not self.gone_early():
                    self.fail("summary: %s: %d sent, %d stored, %s lost; %s" % (
                        name, self.sent[name], i["frames"], i["lost"], r.lines()[-6:]))
        if self.plan.trigger:
            total = summary["frames"] + summary["lost"] + summary.get("outside", 0)
            if total != sum(self.sent.values()) and not self.gone_early() and not self.overrun:
                self.fail("summary: %d sent, %s" % (sum(self.sent.values()), r.json[:300]))

    def killed(self, stored, lost, outside):
        r = self.r
        for name in self.sent:
            told = stored[name] + lost[name]
            if self.plan.trigger:
                continue
            if told > self.sent[name]:
                self.fail("%s: %d sent, but %d stored and %d lost" % (name, self.sent[name], stored[name], lost[name]))
            elif name == "can0" and self.overrun:
                continue
            elif r.exact and not self.plan.keep and not r.hurt and told != self.sent[name]:
                self.fail("%s: killed when all was flushed: %d sent, %d stored, %d lost; %s" % (
                    name, self.sent[name], stored[name], lost[name], self.holes(name)))
            elif not r.hurt and not self.plan.keep and self.frames[name]:
                inside = self.frames[name][-1] + 1 - stored[name]
                if inside > lost[name]:
                    self.fail("%s: holes of %d frames, %d told as lost; %s" % (name, inside, lost[name], self.holes(name)))

    def at_most(self, stored, lost):
        if self.r.hurt:
            if sum(stored.values()) + sum(lost.values()) > sum(self.sent.values()) and not self.overrun:
                self.fail("more than was sent: %s; %s" % (self.info_text, self.r.lines()[-6:]))
            return
        for name in self.sent:
            if name == "can0" and self.overrun:
                continue
            if stored[name] + lost[name] > self.sent[name]:
                self.fail("%s: %d sent, but %d stored and %d lost; %s" % (
                    name, self.sent[name], stored[name], lost[name], self.r.lines()[-6:]))
            elif self.overrun and not (self.r.hurt or self.plan.keep or self.plan.trigger) and (
                    stored[name] + lost[name] != self.sent[name]):
                self.fail("%s: %d sent, %d stored, %d lost" % (name, self.sent[name], stored[name], lost[name]))
            if self.plan.keep and not self.r.hurt and self.frames[name] and not self.plan.trigger:
                inside = self.frames[name][-1] + 1 - self.frames[name][0] - stored[name]
                if inside > lost[name]:
                    self.fail("%s: holes of %d frames in what was kept, %d told as lost" % (name, inside, lost[name]))

    def left(self):
        ours = re.compile(r"\d{8}\.canp|catalogue\.canpx")
        foreign = {"readme.txt", ".hidden", "00000001.canp.1.gz", "x" * 255, "0000000a.canp"}
        for name in os.listdir(self.r.dir):
            if not ours.fullmatch(name) and name not in foreign and not name.endswith(".canp.1"):
                if not self.r.killed and "flakey" not in self.r.hurt:
                    self.fail("left behind: %s" % name)

    def followed(self):
        for process, out, recorder, at in self.run.followers:
            if recorder is not self.r:
                continue
            try:
                said = process.communicate(timeout=20)[1].decode(errors="replace")
            except subprocess.TimeoutExpired:
                process.kill()
                self.fail("who follows does not see the end (%s)" % ("killed" if recorder.killed else "ended"))
                continue
            out.seek(0)
            shown = sum(1 for line in out if line.startswith(b"("))
            stored = sum(len(f) for f in self.frames.values())
            if process.returncode not in (0, 1) or process.returncode and not (self.r.hurt or self.r.killed or self.plan.keep or not shown):
                self.fail("who follows: status %s: %s" % (process.returncode, said[-300:]))
            elif shown < stored and not self.r.hurt:
                self.fail("who follows saw %d of %d frames: %s" % (shown, stored, said[-200:]))

    def packed(self):
        """Packed by hand, or not at all: the same frames."""
        for process in self.run.readers:
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                self.fail("a reader hangs: %s" % process.args)
            if process.returncode < 0:
                self.fail("a reader died: %s: %s" % (process.args, process.returncode))
        self.run.readers = []
        if "flakey" in self.r.hurt:
            return
        status, _, said = self.canp("pack", self.r.dir)
        if status and not self.r.hurt and "No space" not in said:
            self.fail("pack: status %d: %s" % (status, said[-300:]))
        before, self.frames = self.frames, self.read()
        if before != self.frames:
            self.fail("other frames after pack: %s before, %s now" % (
                {n: len(f) for n, f in before.items()}, {n: len(f) for n, f in self.frames.items()}))
        if not self.r.hurt:
            self.verify()
