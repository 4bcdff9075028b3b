#!/usr/bin/python3
"""Columns, batches, selections and signals of the Python package against reading frame by frame.

usage: test_columns.py SOURCE_DIR BUILD_DIR; numpy and pandas are tried where they are.
"""
import ctypes
import datetime
import json
import sys
import unittest

from common import CANP, START, Case, golden, run

import canp
from canp import _lib, _select

try:
    import numpy
    import pandas
except ImportError:
    numpy = pandas = None

DBC = """\
BO_ 256 Counter: 8 A
 SG_ Low : 0|16@1+ (0.5,-10) [0|0] "V" A
 SG_ High : 16|16@1- (1,0) [0|0] "" A
BO_ 257 Other: 8 A
 SG_ Low : 0|8@1+ (1,0) [0|0] "" A
BO_ 2566848254 Long: 20 A
 SG_ Last : 152|8@1+ (2,0) [0|0] "" A
BO_ 2566847486 Engine: 8 A
 SG_ Speed : 0|8@1+ (1,0) [0|0] "" A
VAL_ 257 Low 0 "off" 1 "on" ;
BA_DEF_ "ProtocolType" STRING ;
BA_ "ProtocolType" "J1939";
"""


class Columns(Case):
    def test_columns_are_the_frames(self):
        for name in "sealed", "packed", "indexed", "torn", "damaged":
            with self.subTest(name), canp.Reader(golden(name)) as reader:
                frames, columns = list(reader), reader.columns()
                self.assertEqual(list(columns), frames)
                self.assertEqual([columns[i] for i in range(len(columns))], frames)
                self.assertEqual(columns.time.tolist(), [f.time_ns for f in frames])
                self.assertEqual([columns.interfaces[c] for c in columns.channel], [f.interface for f in frames])
                self.assertEqual(columns.data_list(), [f.data for f in frames])
                self.assertEqual(len(reader), len(frames))
                self.assertEqual(reader.damaged > 0, name == "damaged")

    def test_buffers_outlive_all_else(self):
        reader = canp.Reader(self.many())
        columns = reader.columns()
        times, payload = columns.time, columns.payload[:4]
        del columns
        reader.close()
        del reader
        self.assertEqual((times[0], times[-1], bytes(payload), times.format, times.readonly),
                         (START, START + 29999 * 10**6, bytes(4), "q", True))

    def test_fields_and_mistakes(self):
        with canp.Reader(self.many(count=10)) as reader:
            columns = reader.columns(fields=["time", "id"])
            self.assertEqual(columns.names, ["time", "id"])
            with self.assertRaises(AttributeError):
                columns.payload
            for mistake in {"fields": ["tim"]}, {"fields": []}:
                with self.assertRaises(ValueError):
                    reader.columns(**mistake)
            for mistake in {"fields": "time"}, {"filters": lambda frame: True}, {"filters": b"123"}, {"filters": True}:
                with self.assertRaises(TypeError):
                    reader.columns(**mistake)
            self.assertEqual(len(reader.columns(0x7FF)), 0)
            self.assertEqual(list(reader.columns([])), [])

    def test_batches_are_bounded_and_whole(self):
        with canp.Reader(self.many(pack=True)) as reader:
            parts = list(reader.batches(rows=7000))
            self.assertEqual([len(part) for part in parts], [7000] * 4 + [2000])
            self.assertEqual([t for part in parts for t in part.time], reader.columns().time.tolist())

    def test_arrow_by_its_own_rules(self):
        """Takes a capsule as a consumer does: moves the struct out, reads the buffers, releases."""
        with canp.Reader(self.recording()) as reader:
            columns = reader.columns()
        new = ctypes.pythonapi.PyCapsule_GetPointer
        new.restype, new.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        schema, array = columns.__arrow_c_array__()
        shape = _lib.ArrowSchema.from_address(new(schema, b"arrow_schema"))
        held = _lib.ArrowArray.from_address(new(array, b"arrow_array"))
        moved = _lib.ArrowArray.from_buffer_copy(held)
        held.release = None
        self.assertEqual((shape.format, moved.length, shape.n_children), (b"+s", 7, 10))
        del columns, schema, array, held
        children = (ctypes.POINTER(_lib.ArrowArray) * 10).from_address(moved.children)
        ids = (ctypes.c_void_p * 2).from_address(children[2].contents.buffers)[1]
        self.assertEqual((ctypes.c_uint32 * 2).from_address(ids)[:], [0x123, 0x7FF])
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(moved.release)(ctypes.addressof(moved))
        with canp.Reader(self.path("drive")) as reader:
            for _ in range(100):  # capsules that nobody takes
                reader.__arrow_c_array__()
                reader.__arrow_c_stream__()

    @unittest.skipUnless(pandas, "needs pandas")
    def test_numpy_and_pandas(self):
        with canp.Reader(self.recording()) as reader:
            arrays, frames = reader.to_numpy(), list(reader)
            self.assertEqual(arrays["time"].dtype, numpy.int64)
            self.assertEqual(arrays["data"].shape, (7, 8))
            self.assertEqual(arrays["data"][1].tobytes(), bytes.fromhex("DEADBEEF00000000"))
            table = reader.to_pandas(data="bytes")
            self.assertEqual(list(table["data"]), [f.data for f in frames])
            self.assertEqual(list(table["interface"]), [f.interface for f in frames])
            self.assertEqual(list(table["id"]), [f.can_id for f in frames])
            self.assertEqual(list(table["remote"]), [f.is_remote for f in frames])
            self.assertEqual(table["time"].astype("int64").tolist(), [f.time_ns for f in frames])
            self.assertEqual(list(table["kind"].astype(str)), ["can"] * 4 + ["fd"] * 2 + ["can"])
            self.assertEqual(reader.to_pandas()["b1"].tolist(), [0, 0xAD, 0x22, 0, 0xBB, 0, 0x11])
            self.assertEqual(len(reader.to_pandas(0x7FE)), 0)
        with canp.Reader(self.many()) as reader:
            self.assertEqual(list(reader.to_pandas(data="bytes")["data"]), [frame.data for frame in reader])
            table, frames = reader.to_pandas(), list(reader)
            whole = table[[f"b{i}" for i in range(8)]].to_numpy()
            self.assertEqual([row.tobytes() for row in whole], [frame.data.ljust(8, b"\0") for frame in frames])
        with canp.Reader(golden("sealed")) as reader:  # CAN FD and XL among them
            self.assertEqual(list(reader.to_pandas(data="bytes")["data"]), [frame.data for frame in reader])
            self.assertEqual(reader.to_pandas().filter(regex="^b[0-9]").shape[1], max(len(frame.data) for frame in reader))

    def test_what_people_see(self):
        with canp.Reader(self.recording()) as reader:
            self.assertIn("7 frames of vcan0, can1", repr(reader))
            self.assertIn("<td>7</td>", reader._repr_html_().replace("7 frames", "7"))
            columns = reader.columns()
            self.assertIn("7 rows", repr(columns))
            self.assertIn("DE AD BE EF", columns._repr_html_())
            self.assertEqual(repr(columns[1]), "<canp.Frame 2023-11-14T22:13:20.010000000Z vcan0 can 7FF [4] DE AD BE EF>")
            self.assertIn("R4", repr(columns[3]))
            self.assertIn("Selection of", repr(reader["+1s":]))


class Selections(Case):
    def test_times_in_all_forms(self):
        utc = datetime.timezone.utc
        point = datetime.datetime(2023, 11, 14, 22, 13, 20, 20000, utc)
        with canp.Reader(self.recording()) as reader:
            for when in (START + 2 * 10**7, 1700000000.02, "2023-11-14T22:13:20.02", "2023-11-14T23:13:20.020+01:00", "+0.02s",
                         "+20ms", point, point.replace(tzinfo=None), datetime.timedelta(milliseconds=20)):
                with self.subTest(when):
                    self.assertEqual([f.time_ns - START for f in reader[when:"+0.04s"]], [2 * 10**7, 2 * 10**7, 3 * 10**7])
                    self.assertEqual(len(reader.select(to=when)), 4)
                    self.assertEqual(len(reader[:when]), 2)
            if pandas:
                self.assertEqual(len(reader[pandas.Timestamp(START + 1):]), 6)
                self.assertEqual(len(reader[numpy.datetime64(START + 1, "ns"):]), 6)
            self.assertEqual(len(reader["+0.01s":]["+0.02s":]["can1"]), 3)
            self.assertEqual(len(reader["can1", "vcan0"]), 7)
            self.assertEqual(list(reader["+0.03s":"+0.02s"]), [])
            self.assertEqual(reader["+0.03s":"+0.02s"].columns().names[0], "time")
            for mistake in ("yesterday", 1e300 * 1e10, "2023-13-01"):
                with self.subTest(mistake), self.assertRaises(ValueError):
                    reader[mistake:]
            for mistake in (True, [], object()):
                with self.subTest(mistake), self.assertRaises(TypeError):
                    reader[mistake:]
            with self.assertRaises(KeyError):
                reader["can7"]

    def test_filters_in_all_forms(self):
        with canp.Reader(self.recording()) as reader:
            frames = list(reader)
            whole = {"123:C00007FF": lambda f: f.id == 0x123, 0x123: lambda f: f.id & ~canp.ID_RTR == 0x123,
                     0x18FEF100: lambda f: f.can_id == 0x18FEF100, 0x123 | canp.ID_EFF: lambda f: False,
                     range(0x7FF, 0x18FEF101): lambda f: 0x7FF <= f.can_id <= 0x18FEF100,
                     range(0, 0x20000000): lambda f: True, range(0): lambda f: False,
                     range(0x123, 0x124): lambda f: f.can_id == 0x123, range(1, 0x800, 2): lambda f: f.can_id in (0x123, 0x7FF)}
            for filters, passes in whole.items():
                with self.subTest(filters):
                    self.assertEqual(list(reader.frames(filters)), [f for f in frames if passes(f)])
                    if not isinstance(filters, range) or filters.step == 1:
                        self.assertEqual(list(reader.columns(filters)), [f for f in frames if passes(f)])
            odd = [([0x7FF, "18FEF100:DFFFFFFF"], 2), ({"can_id": 0x123, "can_mask": 0x7FF, "extended": False}, 4),
                   ([{"can_id": 0x78, "can_mask": 0xFF}], 1), (lambda f: f.length == 8, 2), ([0x123, lambda f: f.data], 2),
                   ({0x7FF, 0x123}, 5)]
            for filters, count in odd:
                with self.subTest(filters):
                    self.assertEqual((reader.count(filters), len(list(reader.frames(filters)))), (count, count))
            for mistake in ({"id": 1}, -1, 1 << 32, [range(1, 0x1FFFFFFF), range(1, 0x1FFFFFFF)] * 20, "12G", "\0"):
                with self.subTest(mistake), self.assertRaises(ValueError):
                    list(reader.frames(mistake))

    def test_ranges_pass_what_is_in_them(self):
        for low, high in ((0, 1), (1, 2), (0x7F0, 0x810), (3, 0x7FF), (0x800, 0x1000), (5, 0x1FFFFFFF), (0x7FF, 0x800)):
            found = _select.FilterList(range(low, high))
            for can_id in sorted({0, 1, low - 1, low, low + 1, high - 1, high, high + 1, 0x7FF, 0x800, 0x1FFFFFFF}):
                if 0 <= can_id <= 0x1FFFFFFF:
                    word = can_id | (canp.ID_EFF if can_id > 0x7FF else 0)
                    self.assertEqual(_lib.lib.canp_filter_match_id(found.pointer, word), low <= can_id < high, (low, high, can_id))

    def test_tables_of_gaps_events_and_sums(self):
        with canp.Reader(golden("sealed")) as reader:
            info, records = reader.info(), list(reader.records())
            self.assertEqual(reader.gaps(), [r for r in records if isinstance(r, canp.Gap)])
            self.assertEqual(reader.events(), [r for r in records if isinstance(r, canp.Event)])
            self.assertEqual(sum(one.frames for one in reader.ids()), info["frames"])
            self.assertEqual(len(reader.ids()), info["ids"])
            self.assertEqual(sum(one.frames for one in reader.interface_stats()), info["frames"])
            self.assertEqual(sum(one.lost for one in reader.interface_stats()), info["lost"])
        with canp.Reader(self.many(count=11)) as reader:
            one = reader.ids()[0]
            self.assertEqual((one.interface, one.id, one.frames, one.period_ns), ("can0", 0x100, 2, 10**7))


class Signals(Case):
    def database(self):
        with open(self.path("test.dbc"), "w", encoding="ascii") as file:
            file.write(DBC)
        return self.path("test.dbc")

    def test_signals_are_what_decode_prints(self):
        for pack in False, True:
            path = self.many(f"many{pack}", pack=pack)
            with self.subTest(pack), canp.Reader(path) as reader:
                signals = reader.signals("Counter.*", dbc=self.database())
                printed = [json.loads(line, parse_float=lambda text: text) for line in run(CANP, "decode", "-f", "json", "--dbc", self.database(), path).splitlines()]
                for name in "Low", "High":
                    expected = [(int(row["time"].replace(".", "")), float(row["value"])) for row in printed
                                if (row["message"], row["signal"]) == ("Counter", name)]
                    self.assertGreater(len(expected), 5000)
                    self.assertEqual(list(zip(signals[name].time, signals[name].value)), expected)

    def test_a_part_of_the_time_and_of_the_interfaces(self):
        with canp.Reader(self.many()) as reader:
            part = reader["+1s":"+2s"].signals("Counter.Low", dbc=self.database())["Low"]
            self.assertEqual((len(part), part.time[0] - START, part.value[0]), (200, 10**9, 490.0))
            self.assertEqual(set(part.channel), {0, 1})
            self.assertEqual(len(reader["can1"]["+1s":"+2s"].signals("Counter.Low", dbc=self.database())["Low"]), 100)
            with self.assertRaises(KeyError):
                reader.signals("Nothing*", dbc=self.database())

    def test_names_that_two_messages_have(self):
        with canp.Reader(self.many(count=100)) as reader:
            signals = reader.signals("Low", "High", dbc=self.database())
            self.assertEqual(list(signals), ["Counter.Low", "Other.Low", "High"])

    def test_messages_of_several_frames(self):
        with canp.Writer(self.path("long")) as writer:
            data = bytes.fromhex("201400 03FFFEFE00".replace(" ", "")), *(bytes([n, *range(n * 7, n * 7 + 7)]) for n in (1, 2, 3))
            for number, part in enumerate(data):
                writer.put(START + number, "can0", (0x1CECFF02 if number == 0 else 0x1CEBFF02) | canp.ID_EFF, part)
        with canp.Reader(self.path("long")) as reader:
            last = reader.signals("Last", dbc=self.database())["Last"]
            self.assertEqual((list(last.time), list(last.value)), ([START + 3], [2.0 * 26]))
            values = reader.values("*", dbc=self.database())
            self.assertEqual((len(values), values.value[0]), (1, 52.0))

    def test_one_frame(self):
        database = canp.Database(self.database())
        self.assertEqual(database.decode(256, b"\x20\x00\xFF\xFF"), {"Low": 6.0, "High": -1.0})
        self.assertEqual(database.decode(256, bytearray(b"\x20\x00")), {"Low": 6.0})
        self.assertEqual(database.decode(257, b"\x01", texts=True), {"Low": "on"})
        self.assertEqual(database.decode(9, b""), {})
        self.assertEqual(database.decode(0x98FEFBFE, b"\xFF"), {"Speed": None})
        self.assertEqual(database["Counter"].signals[0].unit, "V")
        self.assertEqual(database["Other"].signals[0].texts, {0: "off", 1: "on"})
        with self.assertRaises(KeyError):
            database["Nothing"]
        with self.assertRaises(FileNotFoundError) as caught:
            canp.Database(self.path("nothing.dbc"))
        self.assertEqual(caught.exception.filename, self.path("nothing.dbc"))

    @unittest.skipUnless(pandas, "needs pandas")
    def test_pandas(self):
        with canp.Reader(self.many()) as reader:
            signals = reader.signals("Low", "High", dbc=self.database())
            long, wide = signals.to_pandas(), signals.to_pandas("wide")
            self.assertEqual(len(long), 18000)
            self.assertTrue(long["time"].is_monotonic_increasing)
            self.assertEqual(list(wide.columns), ["Counter.Low", "Other.Low", "High"])
            self.assertEqual((len(wide), wide["Counter.Low"].count()), (12000, 6000))
            held = signals.to_pandas(resample="1s")
            self.assertEqual((len(held), held["High"].iloc[0]), (30, 0))
            self.assertEqual(held["Counter.Low"].iloc[0], (995 & 0xFFFF) * 0.5 - 10)
            self.assertEqual(signals.to_pandas(resample="1s", method="max")["Counter.Low"].iloc[0], 995 * 0.5 - 10)
            table = reader.values("Counter.*", dbc=self.database()).to_pandas()
            self.assertEqual((len(table), list(table["signal"][:2])), (12000, ["Low", "High"]))
        with canp.Writer(self.path("j1939")) as writer:
            for value in 1, 255, 254:
                writer.put(START, "can0", 0x98FEFBFE, bytes([value]) * 8)
        with canp.Reader(self.path("j1939")) as reader:
            speed = reader.signals("Speed", dbc=self.database())["Speed"].to_pandas()
            self.assertEqual((speed.iloc[0], int(speed.isna().sum())), (1.0, 2))


if __name__ == "__main__":
    unittest.main(verbosity=1, argv=[sys.argv[0], *sys.argv[1:]])
