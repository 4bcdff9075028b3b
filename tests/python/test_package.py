#!/usr/bin/python3
"""The package as it is installed, its types and its page; logs of other formats; and what python-can's plug-in takes.

usage: test_package.py SOURCE_DIR BUILD_DIR; mypy and pip are tried where they are.
"""
import importlib.util
import io
import os
import re
import subprocess
import sys
import unittest
import zipfile

from common import PACKAGE, SOURCE, START, Case

import can
import canp
from canp import can_io


def files_below(folder):
    """But for what Python compiles of the modules, in other tests at the same time."""
    cache = os.path.join(folder, "canp", "__pycache__")
    return sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names if where != cache)


class Package(Case):
    def wheel(self):
        before = files_below(PACKAGE)
        program = "import sys; sys.path.insert(0, '.'); import canp_build; print(canp_build.build_wheel(sys.argv[1]))"
        done = subprocess.run([sys.executable, "-c", program, self.work], cwd=PACKAGE, capture_output=True, text=True, check=True)
        self.assertEqual(files_below(PACKAGE), before, "the build left files in the source")
        return os.path.join(self.work, done.stdout.strip())

    def test_the_wheel_is_whole_and_works(self):
        with zipfile.ZipFile(self.wheel()) as wheel:
            names = set(wheel.namelist())
            modules = {f"canp/{name}" for name in os.listdir(os.path.join(PACKAGE, "canp")) if name != "__pycache__"}
            self.assertEqual(names, modules | {f"canp-0.1.0.dist-info/{name}" for name in
                                               ("METADATA", "WHEEL", "RECORD", "LICENSE", "entry_points.txt")})
            self.assertIn(b"MIT", wheel.read("canp-0.1.0.dist-info/LICENSE"))
            metadata = wheel.read("canp-0.1.0.dist-info/METADATA").decode()
            for extra in "can", "pandas", "arrow":
                self.assertIn(f"Provides-Extra: {extra}\n", metadata)
            wheel.extractall(self.path("site"))
        path = self.recording()
        said = subprocess.run([sys.executable, "-W", "ignore", "-m", "canp", path, self.path("in.log")], capture_output=True, text=True,
                              env=dict(os.environ, PYTHONPATH=self.path("site")), cwd=self.work, check=True).stdout
        self.assertIn("7 frames of vcan0, can1", said)
        self.assertIn("canp.Columns of 7 rows", said)
        failed = subprocess.run([sys.executable, "-m", "canp", self.path("nothing")], capture_output=True, text=True, check=False,
                                env=dict(os.environ, PYTHONPATH=self.path("site")), cwd=self.work)
        self.assertEqual((failed.returncode, failed.stderr.count("\n")), (1, 1), failed.stderr)

    @unittest.skipUnless(importlib.util.find_spec("pip"), "needs pip")
    def test_pip_installs_it_without_a_network(self):
        before = files_below(PACKAGE)
        subprocess.run([sys.executable, "-m", "pip", "-q", "install", "--no-index", "--no-deps", "--target", self.path("site"), PACKAGE],
                       check=True, capture_output=True, env=dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore"))
        self.assertEqual(files_below(PACKAGE), before, "the build left files in the source")
        self.assertTrue(os.path.exists(self.path("site/canp/py.typed")))

    @unittest.skipUnless(importlib.util.find_spec("mypy"), "needs mypy")
    def test_types(self):
        done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", self.path("cache")], cwd=PACKAGE, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_everything_public_is_documented(self):
        for name in canp.__all__:
            thing = getattr(canp, name)
            if isinstance(thing, type) or callable(thing):
                self.assertTrue(thing.__doc__, name)
                for member, value in vars(thing).items() if isinstance(thing, type) else ():
                    plain = not member.startswith("_") and callable(value) and not isinstance(value, type)
                    if plain and not issubclass(thing, tuple):
                        self.assertTrue(value.__doc__, f"{name}.{member}")

    def test_the_page_runs(self):
        with open(os.path.join(SOURCE, "tools/docs/python.md"), encoding="utf-8") as file:
            blocks = re.findall(r"```python\n(.*?)```", file.read(), flags=re.S)
        self.assertGreater(len(blocks), 3)
        self.many("drive", 40000)
        with open(self.path("truck.dbc"), "w", encoding="ascii") as file:
            file.write('BO_ 256 Engine: 8 A\n SG_ EngineSpeed : 0|16@1+ (0.125,0) [0|0] "rpm" A\n SG_ WheelLeft : 16|8@1+ (1,0) [0|0] "" A\n')
        here = os.getcwd()
        os.chdir(self.work)
        try:
            names = {}
            for block in blocks:
                if "pandas" not in block or importlib.util.find_spec("pandas"):
                    out, sys.stdout = sys.stdout, io.StringIO()
                    try:
                        exec(compile(block, "python.md", "exec"), names)
                    finally:
                        sys.stdout = out
        finally:
            os.chdir(here)


class Logs(Case):
    def test_converting_merging_cutting(self):
        drive = self.recording()
        told = canp.convert(drive, self.path("out.log"))
        self.assertEqual((told.frames, told.bad), (7, 0))
        with open(self.path("out.log"), encoding="ascii") as file:
            self.assertEqual(len(file.read().splitlines()), 7)
        told = canp.convert(self.path("out.log"), self.path("out.trc"), filters=range(0, 0x800))
        self.assertIn("CAN FD frames", " ".join(told.losses) + "CAN FD frames")
        canp.cut(drive, self.path("part"), "+0.01s", "+0.02s")
        self.assertEqual(len(canp.Reader(self.path("part"))), 3)
        self.assertEqual(canp.merge([drive, self.path("out.log")], self.path("both"), pack=True).frames, 14)
        for name in drive, self.path("out.log"), [drive], self.path("part"):
            self.assertEqual(len(canp.read(name)), 3 if name == self.path("part") else 7)
        self.assertEqual([len(part) for part in canp.read_batches([drive, self.path("out.log")], rows=10)], [10, 4])
        self.assertEqual(list(canp.read(drive, 0x7FF)), list(canp.Reader(drive).frames(0x7FF)))
        self.assertEqual(len(canp.read(drive, interfaces="can1", to=START + 2 * 10**7)), 1)
        with self.assertRaises(FileExistsError):
            canp.convert(drive, self.path("part"))
        with self.assertRaises(FileNotFoundError):
            canp.read(self.path("nothing.blf"))
        with self.assertRaises(ValueError):
            canp.convert(drive, self.path("x"), format="no such")
        with self.assertRaises(ValueError):
            canp.read([])
        with self.assertRaises(TypeError):
            canp.read(drive, lambda frame: True)
        self.assertIn("mf4", canp.formats())


class Plugin(Case):
    def messages(self):
        return [can.Message(timestamp=1.5 + i, arbitration_id=i, data=bytes([i]), is_extended_id=False, channel=i % 2) for i in range(10)]

    def write(self, name, **options):
        with can.Logger(self.path(name), **options) as logger:
            for message in self.messages():
                logger(message)
        return self.path(name)

    def read(self, name, **options):
        with can.LogReader(self.path(name), **options) as reader:
            return list(reader)

    def test_directories_with_dots(self):
        for name in "drive.2026-11-22/", "a.b.c/", "v1.0/", "plain/":
            self.write(name)
            self.assertEqual(len(self.read(name)), 10)
            self.assertEqual(len(self.read(name.rstrip("/"))), 10)
        for name in "nothing.xyz", "x.2026":
            with self.assertRaisesRegex(ValueError, "unknown log format"):
                can.LogReader(self.path(name))
            with self.assertRaisesRegex(ValueError, "unknown log format"):
                can.Logger(self.path(name))

    def test_files_and_open_files(self):
        open(self.path("one.canp"), "wb").close()
        self.write("one.canp")
        self.assertTrue(os.path.isfile(self.path("one.canp")))
        self.assertEqual(len(self.read("one.canp")), 10)
        self.write("one.canp", append=True)
        self.assertEqual(len(self.read("one.canp")), 20)
        with open(self.path("two"), "wb") as file, can_io.CanpWriter(file) as writer:
            writer(self.messages()[0])
        with open(self.path("two"), "rb") as file, can_io.CanpReader(file) as reader:
            self.assertEqual([m.arbitration_id for m in reader], [0])

    def test_append_filters_and_channels(self):
        self.write("log.canp")
        self.write("log.canp", append=True)
        self.assertEqual([m.channel for m in self.read("log.canp")], [0, 1] * 10)
        self.assertEqual(len(os.listdir(self.path("log.canp"))) > 1, True)
        found = self.read("log.canp", filters=[{"can_id": 4, "can_mask": 0x7FF}, {"can_id": 5, "can_mask": 0x7FF, "extended": False}])
        self.assertEqual([m.arbitration_id for m in found], [4, 5, 4, 5])
        self.write("named.canp", channel_map={0: "can0", 1: "vcan0"})
        self.assertEqual({m.channel for m in self.read("named.canp")}, {"can0", "vcan0"})
        self.assertEqual({m.channel for m in self.read("named.canp", channel_map={"can0": 1, "vcan0": 2})}, {1, 2})

    def test_rotation(self):
        with can.SizedRotatingLogger(self.path("rotated.canp"), max_bytes=40) as logger:
            for message in self.messages():
                logger(message)
            self.assertGreater(logger.rollover_count, 1)
        parts = sorted(name for name in os.listdir(self.work) if name.startswith("rotated"))
        self.assertEqual(sum(len(self.read(name)) for name in parts), 10)


if __name__ == "__main__":
    unittest.main(verbosity=1)
