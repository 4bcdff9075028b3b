#!/usr/bin/python3
"""What must not end the interpreter, and what must be an error: closing, threads, copies, pickles, fork, odd arguments.

usage: test_robust.py SOURCE_DIR BUILD_DIR; hypothesis is used where it is.
"""
import array
import copy
import errno
import gc
import os
import pickle
import subprocess
import sys
import threading
import unittest
import warnings

from common import PACKAGE, START, Case

import canp

try:
    from hypothesis import HealthCheck, given, settings, strategies
except ImportError:
    given = None

ALL_USES = ("frames", "records", "batches", "columns", "gaps", "events", "ids", "count", "info", "interface_stats", "refresh",
            "start")


class Closing(Case):
    def test_every_use_after_close(self):
        reader = canp.Reader(self.many(count=100))
        columns, iterators = reader.columns(), [reader.frames(), reader.records(), reader.batches(rows=10)]
        part = reader["+10ms":]
        for iterator in iterators[:2]:
            next(iterator)
        reader.close()
        reader.close()
        for iterator in iterators:
            with self.assertRaisesRegex(ValueError, "closed"):
                list(iterator)
        for use in ALL_USES:
            for one in reader, part:
                if hasattr(one, use):
                    with self.subTest(use), self.assertRaisesRegex(ValueError, "closed"):
                        list(getattr(one, use)())
        with self.assertRaises(ValueError):
            len(reader)
        self.assertIn("closed", repr(reader))
        self.assertEqual(len(list(columns)), 100)
        writer = canp.Writer(self.path("new"))
        writer.close()
        writer.close()
        for use in (lambda: writer.put(1, "can0", 1), writer.flush):
            with self.assertRaisesRegex(ValueError, "closed"):
                use()

    def test_closing_under_threads(self):
        path = self.many(count=20000)
        for _ in range(5):
            reader, said, begun = canp.Reader(path), [], threading.Barrier(4)

            def read(reader=reader, said=said, begun=begun):
                begun.wait()
                try:
                    while True:
                        for columns in reader.batches(rows=500):
                            len(columns)
                except ValueError as error:
                    said.append(str(error))

            threads = [threading.Thread(target=read) for _ in range(3)]
            for thread in threads:
                thread.start()
            begun.wait()
            reader.close()
            for thread in threads:
                thread.join(60)
            self.assertEqual(said, ["this canp.Reader is closed"] * 3)

    def test_threads_share_a_reader(self):
        sums = []
        with canp.Reader(self.many(count=20000)) as reader:
            threads = [threading.Thread(target=lambda: sums.append(sum(1 for _ in reader))) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        self.assertEqual(sums, [20000] * 4)

    def test_threads_share_a_writer(self):
        with canp.Writer(self.path("shared")) as writer:
            def write(number):
                for i in range(2000):
                    writer.put(START + i, f"can{number}", number, bytes([number]) * 8)

            threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        with canp.Reader(self.path("shared")) as reader:
            self.assertEqual([one.frames for one in reader.ids()], [2000] * 4)
            self.assertTrue(all(f.data == bytes([f.id]) * 8 and f.interface == f"can{f.id}" for f in reader))

    def test_dropped_objects(self):
        path = self.many(count=100)
        iterator = iter(canp.Reader(path))
        self.assertEqual(len(list(iterator)), 100)
        circle = [canp.Reader(path), iter(canp.Reader(path))]
        next(circle[1])
        circle.append(circle)
        del circle
        gc.collect()
        with self.assertWarns(ResourceWarning):
            writer = canp.Writer(self.path("dropped"))
            writer.put(START, "can0", 1)
            del writer
            gc.collect()
        with canp.Reader(self.path("dropped")) as reader:
            self.assertEqual((len(reader), reader.live), (1, False))

    def test_the_interpreter_ends_with_all_open(self):
        self.child("import canp, sys, warnings; warnings.simplefilter('ignore')\n"
                   "r = canp.Reader(sys.argv[1]); i = iter(r); next(i); c = r.columns(); a = c.__arrow_c_array__()\n"
                   "w = canp.Writer(sys.argv[1] + 'x'); w.put(1, 'can0', 1); sys.kept = [r, i, c, a, w]",
                   self.many(count=100))
        with canp.Reader(self.path("manyx")) as reader:
            self.assertEqual(len(reader), 1)


class Copies(Case):
    def test_copies_and_pickles_of_readers(self):
        reader = canp.Reader(self.many(count=100))
        others = [copy.copy(reader), copy.deepcopy(reader), pickle.loads(pickle.dumps(reader))]
        reader.close()
        for other in others:
            self.assertEqual(len(list(other)), 100)
            other.close()
        frame = canp.Frame(1, "can0", 2, b"", 0, 0, 0, 0, 0, None)
        self.assertEqual(pickle.loads(pickle.dumps(frame)), frame)

    def test_what_cannot_be_copied_says_so(self):
        with canp.Writer(self.path("new")) as writer:
            for act in copy.copy, copy.deepcopy, pickle.dumps:
                with self.assertRaises(TypeError):
                    act(writer)
        with canp.Reader(self.path("new")) as reader:
            for act in copy.copy, pickle.dumps:
                with self.assertRaises(TypeError):
                    act(iter(reader))
            with self.assertRaises(TypeError):
                pickle.dumps(reader.columns())

    def test_fork(self):
        self.child("""
import canp, os, sys
path = sys.argv[1]
reader, writer = canp.Reader(path), canp.Writer(path + "x")
writer.put(1, "can0", 1)
frames = iter(reader)
next(frames)
with reader._own.lock:  # as if another thread held it
    child = os.fork()
if child == 0:
    said = []
    for use in (lambda: writer.put(2, "can0", 2), writer.flush, lambda: list(frames)):
        try:
            use()
        except ValueError as error:
            said.append("fork" in str(error))
    writer.close()
    del writer, frames
    assert said == [True] * 3, said
    assert len(list(reader)) == 100
    reader.close()
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
writer.put(3, "can0", 3)
writer.close()
assert len(list(frames)) == 99
assert len(canp.Reader(path + "x")) == 2
""", self.many(count=100))

    def test_a_pool_of_processes(self):
        self.child("""
import canp, multiprocessing, sys
def count(reader):
    return len(list(reader))
if __name__ == "__main__":
    with canp.Reader(sys.argv[1]) as reader, multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(count, [reader] * 4).get(60) == [100] * 4
""", self.many(count=100))


class Files(Case):
    def test_a_file_that_is_cut_meanwhile(self):
        said = self.child("import canp, os, sys\n"
                          "it = iter(canp.Reader(sys.argv[1]))\n"
                          "for _ in range(5): next(it)\n"
                          "os.truncate(sys.argv[1] + '/00000001.canp', 4096)\n"
                          "try: print(sum(1 for _ in it))\n"
                          "except canp.DamagedError as error: print('lost', error.code)\n", self.many(count=30000))
        self.assertRegex(said, r"^(\d+|lost 4207)\n$")

    def test_exceptions_are_pythons(self):
        with self.assertRaises(FileNotFoundError) as caught:
            canp.Reader(self.path("nothing"))
        self.assertEqual((caught.exception.errno, caught.exception.filename), (errno.ENOENT, self.path("nothing")))
        self.assertIsInstance(caught.exception, canp.Error)
        path = self.many(count=10)
        with self.assertRaises(FileExistsError) as caught:
            canp.Writer(path)
        self.assertEqual(caught.exception.errno, errno.EEXIST)
        os.mkdir(self.path("empty"))
        with open(self.path("text"), "w", encoding="ascii") as file:
            file.write("no recording" * 1000)
        for name in "empty", "text":
            with self.assertRaises(canp.FormatError):
                canp.Reader(self.path(name))
        with self.assertRaisesRegex(ValueError, "12G"), canp.Reader(path) as reader:
            list(reader.frames("12G:7FF"))

    def test_append_is_a_new_segment(self):
        with canp.Writer(self.path("log")) as writer:
            writer.put(START, "can0", 1)
            writer.put(START + 1, "can1", 2)
        with canp.Writer(self.path("log"), append=True) as writer:
            writer.put(START + 2, "can1", 3)
            writer.put(START + 3, "vcan9", 4)
        with canp.Writer(self.path("new"), append=True) as writer:
            writer.put(START, "can0", 1)
        with canp.Reader(self.path("log")) as reader:
            self.assertEqual([(f.interface, f.id) for f in reader], [("can0", 1), ("can1", 2), ("can1", 3), ("vcan9", 4)])
            self.assertEqual((reader.info()["segments"], reader.damaged), (2, 0))
            self.assertEqual(len(reader["+2ns":]), 2)
        program = ("import canp, os, sys; w = canp.Writer(sys.argv[1]); w.put(5, 'can0', 1); w.flush(); os._exit(0)")
        self.child(program, self.path("killed"))
        with self.assertRaisesRegex(canp.DamagedError, "repair"):
            canp.Writer(self.path("killed"), append=True)

    def test_without_libcanp(self):
        environment = dict(os.environ, PYTHONPATH=PACKAGE, CANP_LIBRARY="/nowhere/libcanp.so.0")
        program = ("import can, canp, canp.can_io\n"
                   "can.Logger('/dev/null.log') if False else None\n"
                   "try: canp.Reader('x')\n"
                   "except ImportError as error: print('install libcanp' in str(error), type(error).__name__)\n"
                   "try: can.LogReader('nothing.log')\n"
                   "except FileNotFoundError: print('python-can works')\n")
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], env=environment, text=True, capture_output=True, check=False)
        self.assertEqual(done.stdout, "True MissingLibrary\npython-can works\n", done.stderr)


class Writing(Case):
    def test_what_no_frame_can_be(self):
        wrong = [((START, "can0", 0x800), {}), ((START, "can0", -1), {}), ((START, "can0", 1 << 32), {}),
                 ((START, "can0", 1, bytes(9)), {}), ((START, "can0", 1, bytes(9)), {"kind": canp.KIND_FD}),
                 ((START, "can0", 1, bytes(65)), {"kind": canp.KIND_FD}), ((START, "can0", 1, b""), {"kind": canp.KIND_XL}),
                 ((START, "can0", 1 | canp.ID_RTR), {"kind": canp.KIND_FD}), ((START, "can0", 1, b"12"), {"length": 3}),
                 ((START, "can0", 1 | canp.ID_RTR, b"12"), {}), ((START, "can0", 1 | canp.ID_RTR), {"length": 9}),
                 ((START, "can0", 1), {"kind": 9}), ((START, "can0", 1), {"direction": 3}), ((START, "can0", 1), {"flags": 256}),
                 ((START, "can0", 1, bytes(8)), {"extra": 8}), ((START, "can0", 1, bytes(7)), {"extra": 9}),
                 ((1 << 63, "can0", 1), {}), ((START, "", 1), {}), ((START, "a_name_of_16_byt", 1), {}),
                 ((START, "can\0zero", 1), {}), ((START, "can0", 0x800, b"1"), {"kind": canp.KIND_XL})]
        odd = [((START, "can0", 1, "text"), {}), ((START, "can0", 1, 8), {}), ((START, "can0", 1, None), {}),
               ((START, "can0", 1, array.array("I", [1])), {}), ((1.5, "can0", 1), {}), ((START, "can0", 1.0), {}),
               ((START, b"can0", 1), {}), ((START, "can0", True), {}), ((START, None, 1), {})]
        with canp.Writer(self.path("new")) as writer:
            for error, calls in ((ValueError, wrong), (TypeError, odd)):
                for arguments, options in calls:
                    with self.subTest(arguments=arguments, options=options), self.assertRaises(error):
                        writer.put(*arguments, **options)
            writer.put(START, "can0", 1, memoryview(b"abc"))
            writer.put(START, "can0", 2, array.array("B", [1, 2]))
        with canp.Reader(self.path("new")) as reader:
            self.assertEqual([f.data for f in reader], [b"abc", b"\1\2"])

    def test_zeros_in_names(self):
        for act in (lambda name: canp.Reader(name), lambda name: canp.Writer(name), lambda name: canp.Database(name)):
            with self.assertRaises(ValueError):
                act(self.path("a\0b"))

    def test_times_are_exact(self):
        times = [0, 1, -1, 123456789, 1700000000123456789, -(1 << 63), (1 << 63) - 1]
        with canp.Writer(self.path("new")) as writer:
            for time_ns in times:
                writer.put(time_ns, "can0", 1)
        with canp.Reader(self.path("new")) as reader:
            self.assertEqual([f.time_ns for f in reader], times)
            self.assertEqual([f.time for f in reader], [time_ns / 10**9 for time_ns in times])
            self.assertEqual(sum(1 for f in reader if repr(f)), 7)

    @unittest.skipUnless(given, "needs hypothesis")
    def test_what_is_written_is_read(self):
        st = strategies
        names = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=15).filter(
            lambda name: 0 < len(name.encode()) <= 15)
        stamps = st.integers(-(1 << 62), 1 << 62)
        ids = st.one_of(st.integers(0, 0x7FF), st.integers(0, 0x1FFFFFFF).map(lambda i: i | canp.ID_EFF))
        classic = st.tuples(ids, st.binary(max_size=8), st.just(canp.KIND_CAN), st.just(0), st.just(0))
        fd = st.tuples(ids, st.sampled_from([0, 8, 12, 64]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
                       st.just(canp.KIND_FD), st.integers(0, 7), st.just(0))
        xl = st.tuples(st.integers(0, 0x7FF), st.binary(min_size=1, max_size=2048), st.just(canp.KIND_XL),
                       st.sampled_from([0x80, 0x81]), st.tuples(st.integers(0, 255), st.integers(0, 0xFFFFFFFF)))
        frames = st.lists(st.tuples(stamps, names, st.one_of(classic, fd, xl), st.integers(0, 2),
                                    st.one_of(st.none(), stamps)), max_size=20)
        runs = [0]

        @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(frames, st.booleans())
        def check(drawn, pack):
            runs[0] += 1
            written = [canp.Frame(t, name, i, data, len(data), kind, direction, flags, extra, hw)
                       for t, name, (i, data, kind, flags, extra), direction, hw in drawn]
            with canp.Writer(self.path(f"new{runs[0]}"), pack=pack) as writer:
                for frame in written:
                    writer.put_frame(frame)
            with canp.Reader(self.path(f"new{runs[0]}")) as reader:
                self.assertEqual(list(reader), written)
                self.assertEqual(list(reader.columns()), written)

        check()


if __name__ == "__main__":
    warnings.simplefilter("error", ResourceWarning)
    unittest.main(verbosity=1)
