#!/usr/bin/python3
"""The Python package against the command, golden recordings and python-can's own readers.

usage: test_canp.py SOURCE_DIR BUILD_DIR; runs under Debian's python3, which has python-can.
"""
import json
import os
import shutil
import subprocess
import sys
import threading
import unittest

from common import BUILD, CANP, LOG, PACKAGE, SOURCE, Case, golden, run  # the path comes before python-can looks for plug-ins

import can
import canp
from canp import _lib, _live, can_io

STRUCTS = {**_lib.STRUCTS, **_live.STRUCTS}
GOLDEN = ("sealed", "packed", "indexed", "torn", "damaged")


def key(message):
    return (round(message.timestamp, 6), message.channel, message.arbitration_id, message.is_extended_id,
            message.is_remote_frame, message.is_error_frame, message.dlc, bytes(message.data), message.is_fd,
            message.bitrate_switch, message.error_state_indicator)


class Library(Case):
    def test_structs_are_laid_out_as_in_c(self):
        for line in run(os.path.join(BUILD, "tests/python_layout")).splitlines():
            struct, field, offset, size = line.split()
            with self.subTest(line):
                if field == "-":
                    self.assertGreaterEqual(_lib.ctypes.sizeof(STRUCTS[struct]), int(size))
                else:
                    member = getattr(STRUCTS[struct], {"with": "with_"}.get(field, field))
                    self.assertEqual((member.offset, member.size), (int(offset), int(size)))

    def test_versions_agree(self):
        version = run(CANP, "--version").split()[1]
        self.assertEqual(canp.__version__, version)
        self.assertTrue(os.path.isdir(os.path.join(SOURCE, f"tools/python/canp-{version}.dist-info")))
        with open(os.path.join(SOURCE, f"tools/python/canp-{version}.dist-info/METADATA"), encoding="ascii") as file:
            self.assertIn(f"\nVersion: {version}\n", file.read())


class Reading(Case):
    def as_dumped(self, path, status=0):
        lines = run(CANP, "dump", "-f", "json", path, status=status).splitlines()
        return [json.loads(line) for line in lines]

    def test_golden_recordings_as_dump_shows_them(self):
        for name in GOLDEN:
            with self.subTest(name), canp.Reader(golden(name)) as reader:
                dumped = [r for r in self.as_dumped(golden(name), 1 if name == "damaged" else 0)
                          if r["kind"] in ("can", "fd", "xl")]
                frames = list(reader.frames())
                self.assertEqual(len(frames), len(dumped))
                self.assertGreater(len(frames), 20)
                for ours, theirs in zip(frames, dumped):
                    self.assertEqual((ours.time_ns, ours.interface, ours.data.hex().upper(), ours.length),
                                     (theirs["time_ns"], theirs["iface"], theirs["data"], theirs["len"]))
                    self.assertEqual(["can", "fd", "xl"][ours.kind], theirs["kind"])
                    self.assertEqual(["rx", "tx", "own"][ours.direction], theirs["dir"])
                self.assertEqual(reader.damaged > 0, name == "damaged")

    def test_gaps_and_info(self):
        with canp.Reader(golden("sealed")) as reader:
            info = reader.info()
            gaps = [r for r in reader.records() if isinstance(r, canp.Gap)]
            self.assertEqual(sum(gap.lost for gap in gaps), info["lost"])
            self.assertEqual(reader.lost, info["lost"])
            self.assertEqual(info["frames"], sum(1 for _ in reader))
            self.assertFalse(reader.live)

    def test_filters_and_windows(self):
        with canp.Reader(self.recording()) as reader:
            self.assertEqual(reader.interfaces, ["vcan0", "can1"])
            self.assertEqual([f.id & 0x7FF for f in reader.frames("123:C00007FF")], [0x123, 0x123, 0x123])
            start = 1700000000 * 10**9
            window = list(reader.frames(from_ns=start + 10**7, to_ns=start + 2 * 10**7))
            self.assertEqual([f.time_ns - start for f in window], [10**7, 2 * 10**7, 2 * 10**7])
            with self.assertRaisesRegex(canp.Error, "12G"):
                reader.frames("12G:7FF")

    def test_walks_are_independent_and_end_with_the_reader(self):
        reader = canp.Reader(self.recording())
        one, two = reader.frames(), reader.frames()
        self.assertEqual(next(one), next(two))
        self.assertEqual(next(one), list(two)[0])
        reader.close()
        with self.assertRaises(ValueError):
            list(one)
        with self.assertRaises(ValueError):
            reader.frames()
        with self.assertRaises(canp.Error):
            canp.Reader(self.path("nothing"))

    def test_written_frames_come_back(self):
        frames = [canp.Frame(1700000000123456789 + i, "vcan%d" % (i % 3), i % 0x800, bytes(range(i % 9)), i % 9, canp.KIND_CAN,
                             i % 3, 0, 0, None) for i in range(5000)]
        frames.append(canp.Frame(1700000001000000000, "vcan0", 5, b"x" * 2048, 2048, canp.KIND_XL, 0, 0x81, (3, 77), None))
        frames.append(canp.Frame(1700000001000000000, "vcan0", 5, b"x" * 8, 8, canp.KIND_CAN, 0, 0, 13, None))
        frames.append(canp.Frame(1700000001000000000, "vcan0", 5, b"x" * 64, 64, canp.KIND_FD, 0, 5, 0, None))
        frames.append(canp.Frame(1700000001000000000, "vcan0", 5 | canp.ID_RTR, b"", 4, canp.KIND_CAN, 0, 0, 0, None))
        for pack in False, True:
            with canp.Writer(self.path(f"written{pack}"), pack=pack) as writer:
                for f in frames:
                    writer.put(f.time_ns, f.interface, f.id, f.data, kind=f.kind, flags=f.flags, extra=f.extra,
                               length=f.length, direction=f.direction)
            with canp.Reader(self.path(f"written{pack}")) as reader:
                self.assertEqual(list(reader), frames)
        with self.assertRaises(canp.Error):
            canp.Writer(self.path("writtenTrue"))

    def test_what_c_would_cut_off_is_refused(self):
        with canp.Writer(self.path("written")) as writer:
            writer.put(5, "vcan0", 1)
            for arguments in (1 << 63, "vcan0"), (5, "a_name_of_16_byt"), (5, ""):
                with self.subTest(arguments), self.assertRaises(ValueError):
                    writer.put(*arguments, 1)
            with self.assertRaises(ValueError):
                writer.put(5, "vcan0", 1, direction=256)
        with canp.Reader(self.path("written")) as reader:
            self.assertEqual(len(list(reader.frames(from_ns=-10**30, to_ns=10**30))), 1)
            self.assertEqual(len(list(reader.frames(to_ns=-10**30))), 0)
        for kind in canp.Reader, canp.Writer:
            with self.assertRaises(ValueError):
                kind(self.path("written") + "\0or not")

    def test_following_a_recording_that_grows(self):
        writer = canp.Writer(self.path("growing"))
        writer.put(1, "vcan0", 1)
        writer.flush()
        seen, second = [], threading.Event()

        def follow():
            with canp.Reader(self.path("growing")) as reader:
                for frame in reader.frames(follow=True):
                    seen.append(frame.id)
                    if len(seen) == 2:
                        second.set()

        follower = threading.Thread(target=follow)
        follower.start()
        writer.put(2, "vcan0", 2)
        writer.flush()
        self.assertTrue(second.wait(60))
        writer.put(3, "vcan0", 3)
        writer.close()
        follower.join(60)
        self.assertEqual(seen, [1, 2, 3])


class Odd(Case):
    """Odd recordings by dump, info and merge (by the library's other ways: tests/unit/test_odd.c)."""

    def check(self, frames, damaged=0, ids=None):
        path, status = self.path("odd"), 1 if damaged else 0
        lines = [line for line in run(CANP, "dump", path, status=status).splitlines() if line[0] == "("]
        self.assertEqual(len(lines), frames)
        info = json.loads(run(CANP, "info", "--json", path, status=status))
        self.assertEqual(info["frames"], frames)
        self.assertEqual(info["ids"], info["ids"] if ids is None else ids)
        run(CANP, "merge", path, "-o", self.path("merged"), status=status)
        merged = run(CANP, "dump", self.path("merged")).splitlines()
        self.assertEqual(sorted(line for line in merged if line[0] == "("), sorted(lines))
        with canp.Reader(path) as reader:
            self.assertEqual((len(list(reader)), reader.damaged), (frames, damaged))
        return lines

    def write(self, frames, **options):
        with canp.Writer(self.path("odd"), **options) as writer:
            for time_ns, can_id in frames:
                writer.put(time_ns, "vcan0", can_id, bytes(8))

    def test_nothing(self):
        self.write([])
        self.check(0, ids=0)
        run(CANP, "dump", self.path("odd"), "123:7FF", status=1)  # nothing matched

    def test_one_frame(self):
        self.write([(5, 1)])
        self.check(1, ids=1)

    def test_only_gaps(self):
        self.recording("odd", "".join(f"# GAP vcan0 socket lost {n} from {n}.000000000 to {n}.500000000\n" for n in range(1, 11)))
        self.check(0, ids=0)
        self.assertEqual(json.loads(run(CANP, "info", "--json", self.path("odd")))["lost"], 55)
        self.assertEqual(run(CANP, "dump", self.path("odd")).count("# GAP"), 10)
        run(CANP, "merge", self.path("odd"), self.path("odd"), "-o", self.path("twice"))
        self.assertEqual(json.loads(run(CANP, "info", "--json", self.path("twice")))["lost"], 110)

    def test_all_xl(self):
        self.recording("odd", "".join(f"({n}.000000000) vcan0 {n % 256:02X}123#80:01:{n:08X}#{'AB' * (n % 2048 + 1)}\n" for n in range(3000)))
        lines = self.check(3000)
        self.assertTrue(lines[7].endswith("vcan0 07123#80:01:00000007#" + "AB" * 8))

    def test_one_that_grows(self):
        with canp.Writer(self.path("odd")) as writer:
            for number in range(3000):
                writer.put(number, "vcan0", number % 9)
                if number % 1000 == 999:
                    writer.flush()
                    self.check(number + 1, ids=9)
                    self.assertFalse(json.loads(run(CANP, "info", "--json", self.path("odd")))["sealed"])
                    shutil.rmtree(self.path("merged"))
        self.check(3000)

    def test_one_that_is_trimmed(self):
        self.write((number, number % 9) for number in range(30000))
        segment = os.path.join(self.path("odd"), "00000001.canp")
        os.truncate(segment, os.path.getsize(segment) // 2)
        with canp.Reader(self.path("odd")) as reader:
            left = len(list(reader))
        self.assertTrue(0 < left < 30000)
        self.check(left, damaged=1)

    def test_one_time_for_all(self):
        self.write((7, number % 5) for number in range(5000))
        self.check(5000, ids=5)

    def test_time_running_backwards(self):
        self.write((10**18 - number * 10**6, 1) for number in range(5000))
        lines = self.check(5000)
        self.assertEqual(lines, sorted(lines, reverse=True))

    def test_ten_thousand_ids(self):
        self.write((number, canp.ID_EFF | number) for number in range(10000))
        self.check(10000, ids=10000)

    def test_a_segment_missing(self):
        self.write(((number, 1) for number in range(12000)), segment_bytes=65536)
        with canp.Reader(os.path.join(self.path("odd"), "00000002.canp")) as reader:
            missing = len(list(reader))
        os.remove(os.path.join(self.path("odd"), "00000002.canp"))
        self.assertGreater(missing, 1000)
        self.check(12000 - missing, damaged=1)


class PythonCan(Case):
    def theirs(self):
        with can.LogReader(self.path("in.log")) as reader:
            return list(map(key, reader))

    def test_log_reader_takes_a_directory(self):
        path = self.recording()
        for name in path, path + "/", os.path.join(path, "00000001.canp"):
            with self.subTest(name), can.LogReader(name) as reader:
                self.assertIsInstance(reader, can_io.CanpReader)
                self.assertEqual(list(map(key, reader)), self.theirs())

    def test_messages_are_what_the_constructor_makes(self):
        self.assertTrue(can_io._HAS_KNOWN_SLOTS)
        for can_id in 0x123, 0x7FF, 5 | canp.ID_EFF, 5 | canp.ID_RTR, 5 | canp.ID_ERR, 0x1FFFFFFF | canp.ID_EFF:
            for is_fd, is_rx, flags in (False, True, 0), (True, False, 5), (True, True, 6):
                data = b"" if can_id & canp.ID_RTR else b"1234"
                arguments = 1700000000123456789, "can0", can_id, data, 4, is_fd, is_rx, flags
                fast, plain = can_io._fast_message(*arguments), can_io._message(*arguments)
                for name in plain.__slots__:
                    if name != "__weakref__":
                        self.assertEqual((name, getattr(fast, name), type(getattr(fast, name))),
                                         (name, getattr(plain, name), type(getattr(plain, name))))

    def test_what_is_no_recording(self):
        for name in "nothing", "nothing.canp":
            with self.subTest(name), self.assertRaisesRegex(ValueError, "no canp recording"):
                can.LogReader(self.path(name))

    def test_what_python_can_has_no_message_for_is_counted(self):
        with can.LogReader(golden("sealed")) as reader, self.assertLogs("can.io.canp") as logged:
            self.assertGreater(len(list(reader)), 20)
            self.assertGreater(reader.skipped_xl, 0)
            self.assertGreater(reader.lost, 0)
            self.assertEqual(len(logged.output), 2)

    def test_logger_writes_a_recording(self):
        self.recording()
        for name in "copy.canp", "copy/":
            with can.LogReader(self.path("in.log")) as reader, can.Logger(self.path(name)) as logger:
                self.assertIsInstance(logger, can_io.CanpWriter)
                for message in reader:
                    logger(message)
            with can.LogReader(self.path(name)) as copy:
                self.assertEqual(list(map(key, copy)), self.theirs())

    def test_channels_with_long_names_stay_apart(self):
        names = ["/dev/ttyUSB0@115200 a", "/dev/ttyUSB0@115200 b", "ää" * 9, 0, None]
        with can.Logger(self.path("long.canp")) as logger:
            for name in names * 2:
                logger(can.Message(channel=name))
        with can.LogReader(self.path("long.canp")) as reader:
            self.assertEqual([message.channel for message in reader],
                             ["/dev/ttyUSB0@11", "/dev/ttyUSB0@~2", "ä" * 7, 0, "can"] * 2)

    def test_error_frames(self):
        message = can.Message(timestamp=1.5, arbitration_id=0x4, is_extended_id=False, is_error_frame=True,
                              channel="vcan0", data=bytes(8))
        with can.Logger(self.path("errors.canp")) as logger:
            logger(message)
        with can.LogReader(self.path("errors.canp")) as reader:
            self.assertEqual(list(map(key, reader)), [key(message)])
        self.assertIn(" vcan0 20000004#0000000000000000", run(CANP, "dump", self.path("errors.canp")))

    def test_player(self):
        program = ("import sys, threading, can, can.player\n"
                   "bus = can.Bus('there', bustype='virtual')\n"
                   "sys.argv = ['player', '-i', 'virtual', '-c', 'there', sys.argv[1]]\n"
                   "can.player.main()\n"
                   "while (m := bus.recv(0)) is not None:\n"
                   "    print('%X' % m.arbitration_id, bytes(m.data).hex())\n")
        path = self.recording(log="".join(line for line in LOG.splitlines(True) if "##" not in line))
        environment = dict(os.environ, PYTHONPATH=PACKAGE)
        said = subprocess.run([sys.executable, "-W", "ignore", "-c", program, path], env=environment, text=True,
                              capture_output=True, check=True).stdout
        sent = [line.split()[0] for line in said.splitlines() if len(line.split()) in (1, 2)]
        self.assertEqual(sent, ["123", "7FF", "18FEF100", "123", "123"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
