"""What the tests of the Python package share. Arguments of each: SOURCE_DIR BUILD_DIR; run under Debian's python3."""
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
CANP = os.path.join(BUILD, "tools/canp")
os.environ["CANP_LIBRARY"] = os.path.join(BUILD, "libcanp.so.0")
PACKAGE = os.path.join(SOURCE, "tools/python")
sys.path.insert(0, PACKAGE)

import canp  # noqa: E402

LOG = """\
(1700000000.000000) vcan0 123#
(1700000000.010000) vcan0 7FF#DEADBEEF
(1700000000.020000) can1 18FEF100#1122334455667788
(1700000000.020000) vcan0 123#R4
(1700000000.030000) can1 123##5AABBCC
(1700000000.040000) can1 12345678##4
(1700000000.050000) vcan0 123#0011223344556677
"""
START = 1700000000 * 10**9


def golden(name):
    return os.path.join(SOURCE, "tests/format/golden", name + ".canp")


def run(*command, status=0):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.work = temporary.name

    def path(self, name):
        return os.path.join(self.work, name)

    def recording(self, name="drive", log=LOG):
        with open(self.path("in.log"), "w", encoding="ascii") as file:
            file.write(log)
        run(CANP, "convert", self.path("in.log"), self.path(name))
        return self.path(name)

    def many(self, name="many", count=30000, **options):
        """A recording of `count` frames of two interfaces, one each millisecond."""
        with canp.Writer(self.path(name), **options) as writer:
            for number in range(count):
                writer.put(START + number * 10**6, "can%d" % (number % 2), 0x100 + number % 5,
                           number.to_bytes(4, "little") + bytes(number % 5))
        return self.path(name)

    def child(self, program, *arguments, status=0):
        """Runs a Python program in a process of its own; returns what it printed."""
        done = subprocess.run([sys.executable, "-W", "error::ResourceWarning", "-c", program, *arguments], text=True,
                              capture_output=True, check=False, env=dict(os.environ, PYTHONPATH=PACKAGE), timeout=300)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout
