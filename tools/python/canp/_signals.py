"""Signals of a recording as columns of time and value."""
from __future__ import annotations

import array
import ctypes
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ._dbc import ERROR, NOT_AVAILABLE, Database, SignalInfo, _Known, database_of
from ._frame import TIME_MAX, TIME_MIN
from ._lib import (ColumnArrays, ColumnCounts, ColumnOpts, CursorOpts, TableOpts, TableValues, Why, check, lib)
from ._table import Columns, buffer_of

_FRAME_BYTES = 8  # longer messages may come in several frames
_WITH_FLAGS, _WITH_CHANNELS = 2, 4


class Signal:
    """One signal: `time` (int64, nanoseconds since 1970) and `value` (float64, in `info.unit`), buffers of equal length.

    flags (uint8, or None): 1 out of the database's range, 2 not available, 4 error (J1939). channel (uint8, or None):
    index into `interfaces`. They are None where they are not wanted: flags of databases without J1939, channels of
    recordings of one interface.
    """

    def __init__(self, info: SignalInfo, columns: Mapping[str, Any], interfaces: Sequence[str]) -> None:
        self.info = info
        self.time: memoryview = columns["time"]
        self.value: memoryview = columns["value"]
        self.flags: Optional[memoryview] = columns.get("flags")
        self.channel: Optional[memoryview] = columns.get("channel")
        self.interfaces = list(interfaces)

    def __len__(self) -> int:
        return len(self.time)

    def to_numpy(self) -> Tuple[Any, Any]:
        """(times, values): int64 nanoseconds and float64, which share C's memory."""
        import numpy
        return numpy.asarray(self.time), numpy.asarray(self.value)

    def to_pandas(self) -> Any:
        """A pandas.Series by time (UTC); what is not available or an error is NaN."""
        import numpy
        import pandas
        times, values = self.to_numpy()
        if self.flags is not None:
            values = numpy.where(numpy.asarray(self.flags) & (NOT_AVAILABLE | ERROR), numpy.nan, values)
        index = pandas.DatetimeIndex(times.view("M8[ns]"), name="time").tz_localize("UTC")
        return pandas.Series(values, index, name=self.info.name, copy=False)

    def __repr__(self) -> str:
        unit = f" {self.info.unit}" if self.info.unit else ""
        return f"<canp.Signal {self.info.message}.{self.info.name}{unit}: {len(self):,} values>"


class Signals(Mapping[str, Signal]):
    """Signals by name; of several of one name each is "Message.Signal"."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        names = [signal.info.name for signal in signals]
        self._signals = {name if names.count(name) == 1 else f"{signal.info.message}.{name}": signal
                         for name, signal in zip(names, signals)}

    def __getitem__(self, name: str) -> Signal:
        return self._signals[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._signals)

    def __len__(self) -> int:
        return len(self._signals)

    def to_numpy(self) -> Dict[str, Tuple[Any, Any]]:
        """{name: (times, values)}"""
        return {name: signal.to_numpy() for name, signal in self.items()}

    def to_pandas(self, layout: str = "long", *, resample: Any = None, method: str = "last") -> Any:
        """A pandas.DataFrame.

        "long": a row per value: time, signal, value. "wide": a column per signal, a row per time that any of them has, NaN
        where a signal has no value then. resample ("100ms" or what pandas takes): wide, with a row in each such step: method
        "last" holds the last value there was, "mean", "min" and "max" are those of the step.
        """
        import pandas
        if layout not in ("long", "wide"):
            raise ValueError(f"layout is \"long\" or \"wide\", not {layout!r}")
        series = {name: signal.to_pandas() for name, signal in self.items()}
        if resample is not None:
            return self._resampled(pandas, series, resample, method)
        if layout == "long":
            return self._long(pandas, series)
        if not series:
            return pandas.DataFrame()
        # of several values of one time, as of two interfaces, the last one counts
        once = {name: one[~one.index.duplicated(keep="last")].sort_index() for name, one in series.items()}
        return pandas.DataFrame(once)

    @staticmethod
    def _long(pandas: Any, series: Dict[str, Any]) -> Any:
        parts = [pandas.DataFrame({"time": one.index, "signal": name, "value": one.to_numpy()}) for name, one in series.items()]
        if not parts:
            return pandas.DataFrame({"time": [], "signal": [], "value": []})
        whole = pandas.concat(parts, ignore_index=True)
        whole["signal"] = pandas.Categorical(whole["signal"], list(series))
        return whole.sort_values("time", kind="stable", ignore_index=True)

    @staticmethod
    def _resampled(pandas: Any, series: Dict[str, Any], step: Any, method: str) -> Any:
        if method not in ("last", "mean", "min", "max"):
            raise ValueError(f"method is \"last\", \"mean\", \"min\" or \"max\", not {method!r}")
        sums = {name: getattr(one.sort_index().resample(step), method)() for name, one in series.items() if len(one)}
        table = pandas.DataFrame(sums, columns=list(series))
        return table.asfreq(step).ffill() if method == "last" and len(table) else table

    def __repr__(self) -> str:
        return f"<canp.Signals: {', '.join(f'{name} ({len(signal):,})' for name, signal in self.items())}>"


# ---- reading ----------------------------------------------------------------------------------------------

def signals_of(selection: Any, patterns: Sequence[str], dbc: Any, *, flags: Optional[bool] = None) -> Signals:
    """The signals of a selection; messages that may span several frames in one pass over all frames, the others each by
    the lanes of its message."""
    database = database_of(dbc)
    wanted = database.find(*patterns)
    long = [known for known in wanted if known.length > _FRAME_BYTES]
    found = {known.address: signal for known, signal in zip(long, _of_table(selection, database, long))} if long else {}
    for known in wanted:
        if known.address not in found:
            found[known.address] = _of_column(selection, database, known, flags)
    return Signals([found[known.address] for known in wanted])


class _Arrays:
    """What canp_signal_column() allocated, freed with the last buffer of it."""

    def __init__(self) -> None:
        self.arrays = ColumnArrays()

    def __del__(self) -> None:
        lib.canp_column_arrays_release(ctypes.byref(self.arrays))


def _bounds(selection: Any, opts: Any) -> None:
    low, high = selection.window
    if low > high or not selection.channels:
        low, high = TIME_MAX, TIME_MIN
    opts.from_ns = 0 if low == TIME_MIN else low or -1
    opts.to_ns = 0 if high == TIME_MAX else high or 1
    if len(selection.channels) < 256:
        for channel in selection.channels:
            opts.channels[channel // 64] |= 1 << channel % 64


def _of_column(selection: Any, database: Database, known: _Known, flags: Optional[bool]) -> Signal:
    interfaces = selection.reader.interfaces
    with_flags = known.is_j1939 or database._j1939 is True if flags is None else flags
    opts = ColumnOpts(with_=(_WITH_FLAGS if with_flags else 0) | (_WITH_CHANNELS if len(interfaces) > 1 else 0))
    _bounds(selection, opts)
    owner, counts, damaged, why = _Arrays(), ColumnCounts(), ctypes.c_uint32(), Why()
    with selection.reader._handle as reader, database._decoder as decoder:
        check(lib.canp_signal_column(reader, decoder, known.address, ctypes.byref(opts), ctypes.byref(owner.arrays),
                                     ctypes.byref(counts), ctypes.byref(damaged), ctypes.byref(why)), why)
    selection.damaged = damaged.value
    arrays, count = owner.arrays, owner.arrays.count
    columns = {"time": buffer_of(owner, arrays.times_ns, count, "q"), "value": buffer_of(owner, arrays.values, count, "d")}
    if opts.with_ & _WITH_FLAGS:
        columns["flags"] = buffer_of(owner, arrays.flags, count, "B")
    if opts.with_ & _WITH_CHANNELS:
        columns["channel"] = buffer_of(owner, arrays.channels, count, "B")
    return Signal(known.info, columns, interfaces)


def values_of(selection: Any, database: Database, wanted: Sequence[_Known]) -> Columns:
    """All values in the order of the recording, those of messages of several frames among them."""
    opts, table_opts, table = CursorOpts(), TableOpts(), ctypes.c_void_p()
    _bounds(selection, opts)
    addresses = (ctypes.c_void_p * max(1, len(wanted)))(*[known.address for known in wanted])
    with selection.reader._handle as reader, database._decoder as decoder, database._dbc as dbc:
        transport, tables = ctypes.c_void_p(), ctypes.c_void_p()
        check(lib.canp_transport_open(None, ctypes.byref(transport)))
        try:
            check(lib.canp_transport_fast_groups_of(transport, dbc))
            check(lib.canp_table_reader_open(reader, ctypes.byref(opts), ctypes.byref(table_opts), ctypes.byref(tables)))
            values = TableValues(decoder=decoder, signals=ctypes.addressof(addresses), signal_count=len(wanted),
                                 transport=transport)
            check(lib.canp_table_reader_decode(tables, ctypes.byref(values)))
            check(lib.canp_table_reader_rest(tables, ctypes.byref(table)))
            selection.damaged = int(lib.canp_table_reader_damaged(tables))
        finally:
            lib.canp_table_reader_close(tables)
            lib.canp_transport_close(transport)
    return Columns(table, [known.info.name for known in wanted])


def _of_table(selection: Any, database: Database, wanted: Sequence[_Known]) -> List[Signal]:
    columns = values_of(selection, database, wanted)
    parts: List[Dict[str, Any]] = [{"time": array.array("q"), "value": array.array("d"), "flags": array.array("B"), "channel": array.array("B")}
             for _ in wanted]
    for row in zip(columns.signal, columns.time, columns.value, columns.flags, columns.channel):
        part = parts[row[0]]
        part["time"].append(row[1])
        part["value"].append(row[2])
        part["flags"].append(row[3])
        part["channel"].append(row[4])
    return [Signal(known.info, {name: memoryview(items).toreadonly() for name, items in part.items()},
                   columns.interfaces) for known, part in zip(wanted, parts)]
