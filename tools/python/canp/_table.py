"""Records and values as columns: the arrays of a canp_table, which stay in C's memory and are lent as buffers.

A table does not change, so any number of threads may use one. Its memory is freed when the table and all buffers,
arrays and frames made of them are gone.
"""
from __future__ import annotations

import ctypes
import html
import struct
from functools import partial
from itertools import repeat
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from . import _arrow
from ._frame import (DIRECTIONS, ID_RTR, KIND_CAN, KIND_GAP, KIND_XL, KINDS, Event, Frame, Gap, Record, datetime_of,
                     time_text)
from ._lib import Handle, TableArrays, lib

TIME, INTERFACE, ID, KIND, DIRECTION, FLAGS, LENGTH, EXTRA, HW_TIME, DATA = (1 << bit for bit in range(10))
NO_TIME = -(1 << 63)

# column: (array in C, format of its items as struct and memoryview have it)
_ARRAYS = {"time": ("times_ns", "q"), "channel": ("channels", "B"), "id": ("ids", "I"), "kind": ("kinds", "B"),
           "direction": ("dirs", "B"), "flags": ("flags", "B"), "length": ("lengths", "H"), "extra": ("extras", "Q"),
           "hw_time": ("hw_times_ns", "q"), "starts": ("starts", "q"), "signal": ("signals", "I"),
           "value": ("values", "d"), "raw": ("raw", "Q")}
FIELDS = {"time": TIME, "channel": INTERFACE, "interface": INTERFACE, "id": ID, "kind": KIND, "direction": DIRECTION,
          "flags": FLAGS, "length": LENGTH, "extra": EXTRA, "hw_time": HW_TIME, "data": DATA, "payload": DATA,
          "starts": DATA}
_gap = struct.Struct("<Qqq")
_frame_of = partial(tuple.__new__, Frame)


def buffer_of(owner: Any, address: Optional[int], count: int, code: str) -> memoryview:
    """`count` items at the address as a read-only buffer that keeps the owner."""
    size = struct.calcsize(code)
    if not count or not address:
        return memoryview(bytes(size)).cast(code)[:0]
    array: Any = (ctypes.c_uint8 * (count * size)).from_address(address)
    array._owner = owner
    return memoryview(array).cast("B").cast(code).toreadonly()


class Columns:
    """Records of a recording as columns, or decoded values.

    Columns are attributes, read-only buffers (memoryview) that numpy, pandas, polars and pyarrow take without copying:

        time      int64    nanoseconds since 1970 (UTC), as stored
        channel   uint8    index into interfaces, the list of names
        id        uint32   with the kernel's flag bits (ID_EFF, ID_RTR, ID_ERR); of an XL frame its priority word
        kind      uint8    KIND_CAN, KIND_FD, KIND_XL
        direction uint8    DIRECTION_RX, DIRECTION_TX, DIRECTION_OWN
        flags     uint8    FD: FD_BRS, FD_ESI, FD_FDF; XL: its flags
        length    uint16   bytes of data; what a remote frame asks for
        extra     uint64   classic: raw DLC 9..15; XL: SDU type << 32 | acceptance field
        hw_time   int64    the adapter's own stamp in nanoseconds; NO_TIME where there is none
        payload   uint8    all data; that of row i is payload[starts[i]:starts[i + 1]]
        starts    int64    one more than there are rows

    A column that was not asked for is missing (AttributeError). len() is the number of rows; columns[i] is one row as a
    Frame, Gap or Event.
    """

    def __init__(self, address: Any, signals: Optional[Sequence[str]] = None) -> None:
        self._table = Handle("table", address, lib.canp_table_release)
        arrays = TableArrays()
        lib.canp_table_arrays(address, ctypes.byref(arrays))
        self._rows = int(arrays.rows)
        self._arrays = arrays
        self._signals = list(signals) if signals is not None else None
        self.interfaces: List[str] = [lib.canp_table_iface(address, channel).decode(errors="replace")
                                      for channel in range(lib.canp_table_iface_count(address))]

    def __len__(self) -> int:
        return self._rows

    @property
    def names(self) -> List[str]:
        """The columns that are here; `data` stands for payload and starts."""
        here = [name for name, (array, _) in _ARRAYS.items() if getattr(self._arrays, array)]
        return ["data" if name == "starts" else name for name in here]

    def __getattr__(self, name: str) -> memoryview:
        if name == "payload" and self.__dict__.get("_arrays") is not None and self._arrays.starts:
            count = self.starts[self._rows]
            found = buffer_of(self._table, self._arrays.bytes, count, "B")
        elif name in _ARRAYS and self.__dict__.get("_arrays") is not None and getattr(self._arrays, _ARRAYS[name][0]):
            array, code = _ARRAYS[name]
            found = buffer_of(self._table, getattr(self._arrays, array), self._rows + (name == "starts"), code)
        else:
            raise AttributeError(f"no column {name!r} here")
        self.__dict__[name] = found
        return found

    def __reduce__(self) -> Any:
        raise TypeError("canp.Columns cannot be pickled: pickle its to_pandas() or to_numpy()")

    def __copy__(self) -> "Columns":
        return self

    def __deepcopy__(self, _memo: Any) -> "Columns":
        return self

    # ---- rows ---------------------------------------------------------------------------------------------

    def data_list(self) -> List[bytes]:
        """The data of all rows as bytes objects."""
        starts, payload = self.starts, self.payload
        count = self._rows
        if len(payload) == 8 * count and self.length.tobytes() == struct.pack("=H", 8) * count:
            return [data for data, in struct.iter_unpack("8s", payload)]  # none is remote: those have no data
        whole, places = payload.tobytes(), starts.tolist()
        return [whole[a:b] for a, b in zip(places, places[1:])]

    def records(self) -> Iterator[Record]:
        """All rows as Frame, Gap and Event, in order; this needs all columns."""
        kinds = self.kind.tobytes()
        extras: Any = self.extra.tolist()
        stamps: Any = repeat(None)
        if KIND_XL in kinds:
            extras = [(extra >> 32, extra & 0xFFFFFFFF) if kind == KIND_XL else extra for kind, extra in zip(kinds, extras)]
        if self.hw_time.tobytes() != struct.pack("=q", NO_TIME) * self._rows:
            stamps = [None if stamp == NO_TIME else stamp for stamp in self.hw_time.tolist()]
        names = [*self.interfaces, *(f"if{channel}" for channel in range(len(self.interfaces), 256))]
        rows: Iterator[Any] = map(_frame_of, zip(self.time.tolist(), map(names.__getitem__, self.channel.tobytes()), self.id.tolist(),
                                  self.data_list(), self.length.tolist(), kinds, self.direction.tobytes(),
                                  self.flags.tobytes(), extras, stamps))
        return rows if not kinds or max(kinds) < KIND_GAP else map(_record_of, rows)

    def __iter__(self) -> Iterator[Record]:
        return self.records()

    def __getitem__(self, index: int) -> Record:
        if not isinstance(index, int):
            raise TypeError("one row at a time; slice the columns, or the reader by time")
        at = index + self._rows if index < 0 else index
        if not 0 <= at < self._rows:
            raise IndexError(f"row {index} of {self._rows}")
        kind, extra, stamp = self.kind[at], self.extra[at], self.hw_time[at]
        return _record_of(Frame(
            self.time[at], self.interfaces[self.channel[at]], self.id[at],
            self.payload[self.starts[at]:self.starts[at + 1]].tobytes(), self.length[at], kind, self.direction[at],
            self.flags[at], (extra >> 32, extra & 0xFFFFFFFF) if kind == KIND_XL else extra,
            None if stamp == NO_TIME else stamp))

    # ---- other libraries ----------------------------------------------------------------------------------

    def __arrow_c_array__(self, requested_schema: Any = None) -> Tuple[Any, Any]:
        """Arrow's C data interface: `pyarrow.record_batch(columns)`, `polars.DataFrame(columns)`. Nothing is copied."""
        with self._table as table:
            return _arrow.array_of(table, self._signals)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The same as a stream of one batch: `pyarrow.table(columns)`, DuckDB."""
        with self._table as table:
            return _arrow.stream_of(table, self._signals)

    def to_arrow(self) -> Any:
        """A pyarrow.RecordBatch; needs pyarrow. Times are UTC timestamps, interfaces a dictionary, data large_binary."""
        import pyarrow
        return pyarrow.record_batch(self)

    def to_polars(self) -> Any:
        """A polars.DataFrame; needs polars."""
        import polars
        return polars.DataFrame(self)

    def to_numpy(self) -> Dict[str, Any]:
        """A dict of numpy arrays that share the table's memory. Times are int64 nanoseconds; view them as
        "datetime64[ns]". `data` is a matrix of bytes, one row each, padded with zeros; it is a view where all rows have
        the same length, else a copy."""
        import numpy
        found = {name: numpy.asarray(getattr(self, name)) for name in self.names if name != "data"}
        if "data" in self.names:
            found["data"] = self._matrix(numpy)
        return found

    def _matrix(self, numpy: Any) -> Any:
        payload, starts = numpy.asarray(self.payload), numpy.asarray(self.starts)
        lengths = numpy.diff(starts)
        width = int(lengths.max()) if len(lengths) else 0
        if width * self._rows == len(payload):
            return payload.reshape(self._rows, width)
        if width <= 8:
            return self._words(numpy, payload, starts, lengths).view(numpy.uint8).reshape(self._rows, 8)[:, :width]
        matrix = numpy.zeros((self._rows, width), numpy.uint8)
        matrix[numpy.arange(width) < lengths[:, None]] = payload
        return matrix

    def _words(self, numpy: Any, payload: Any, starts: Any, lengths: Any) -> Any:
        """The data of rows of at most 8 bytes as 64 bit words, zeros behind their end."""
        padded = numpy.append(payload, numpy.zeros(8, numpy.uint8))
        words = numpy.ndarray(len(payload) + 1, "<u8", padded, strides=(1,))[starts[:-1]]  # one at each place
        masks = numpy.array([(1 << 8 * length) - 1 for length in range(9)], "<u8")
        return words & masks[lengths]

    def _objects(self, numpy: Any) -> Any:
        """The data as bytes objects."""
        payload, starts = numpy.asarray(self.payload), numpy.asarray(self.starts)
        lengths = numpy.diff(starts)
        if not len(lengths) or int(lengths.max()) > 8:
            found = numpy.empty(self._rows, object)
            found[:] = self.data_list()
            return found
        words = self._words(numpy, payload, starts, lengths)
        found = words.view("V8").astype(object)
        for length in numpy.flatnonzero(numpy.bincount(lengths, minlength=9)[:8]).tolist():
            places = numpy.flatnonzero(lengths == length)
            if length:
                short = numpy.ascontiguousarray(words[places].view(numpy.uint8).reshape(-1, 8)[:, :length])
                found[places] = short.view(f"V{length}").ravel().astype(object)
            else:
                found[places] = b""
        return found

    def to_pandas(self, data: str = "columns") -> Any:
        """A pandas.DataFrame, one row per record.

        time (UTC), interface, id without flag bits, extended, remote, error, kind, direction, length, flags. data:
        "columns", a column b0, b1... of uint8 for each byte, 0 behind the end of shorter frames; "bytes", one column of bytes
        objects, which takes half as long again; or "none".
        """
        import numpy
        import pandas
        if self._signals is not None:
            return self._values_to_pandas(numpy, pandas)
        if data not in ("bytes", "columns", "none"):
            raise ValueError(f"data is \"bytes\", \"columns\" or \"none\", not {data!r}")
        arrays = {name: numpy.asarray(getattr(self, name)) for name in self.names if name not in ("data", "starts")}
        columns: Dict[str, Any] = {"time": pandas.DatetimeIndex(arrays["time"].view("M8[ns]")).tz_localize("UTC")}
        columns["interface"] = self._categories(pandas, arrays["channel"])
        if "id" in arrays:
            flags = (arrays["id"] >> 29).astype(numpy.uint8)
            columns["id"] = arrays["id"] & numpy.uint32(0x1FFFFFFF)
            for name, bit in (("extended", 4), ("remote", 2), ("error", 1)):
                columns[name] = (flags & bit) != 0
        columns["kind"] = _codes(pandas, numpy, arrays["kind"], KINDS)
        columns["direction"] = _codes(pandas, numpy, arrays["direction"], dict(enumerate(DIRECTIONS[:3])))
        columns.update((name, arrays[name]) for name in ("length", "flags") if name in arrays)
        if "data" in self.names and data == "bytes":
            columns["data"] = self._objects(numpy)
        elif "data" in self.names and data == "columns":
            matrix = self._matrix(numpy)
            columns.update((f"b{i}", matrix[:, i]) for i in range(matrix.shape[1]))
        return pandas.DataFrame(columns, copy=False)

    def _categories(self, pandas: Any, channels: Any) -> Any:
        return _categorical(pandas, channels, self.interfaces)

    def _values_to_pandas(self, numpy: Any, pandas: Any) -> Any:
        columns = {"time": pandas.DatetimeIndex(numpy.asarray(self.time).view("M8[ns]")).tz_localize("UTC"),
                   "interface": self._categories(pandas, numpy.asarray(self.channel)),
                   "signal": _categorical(pandas, numpy.asarray(self.signal), self._signals or []),
                   "value": numpy.asarray(self.value)}
        return pandas.DataFrame(columns, copy=False)

    # ---- for people ---------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        span = f", {time_text(self.time[0])} to {time_text(self.time[-1])}" if self._rows and "time" in self.names else ""
        return f"<canp.Columns of {self._rows:,} rows: {', '.join(self.names)}{span}>"

    def _repr_html_(self) -> str:
        names = [name for name in self.names if name != "data"]
        shown = [*range(min(self._rows, 5)), *range(max(self._rows - 5, 5), self._rows)]
        rows = []
        for at in shown:
            cells = [str(getattr(self, name)[at]) for name in names]
            if "data" in self.names:
                cells.append(self.payload[self.starts[at]:self.starts[at + 1]].hex(" ").upper())
            rows.append("<tr><th>" + f"{at}</th>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        head = "".join(f"<th>{name}</th>" for name in ["", *names, *(["data"] if "data" in self.names else [])])
        return f"<table><tr>{head}</tr>{''.join(rows)}</table><p>{self._rows:,} rows</p>"


def _categorical(pandas: Any, codes: Any, names: Sequence[str]) -> Any:
    """Codes as a categorical of the names; two of one name become one category."""
    import numpy
    found: Dict[str, int] = {}
    table = [found.setdefault(name, len(found)) for name in names]
    if table != list(range(len(table))):
        codes = numpy.asarray(table, numpy.int16)[codes]
    return pandas.Categorical.from_codes(codes, list(found))


def _codes(pandas: Any, numpy: Any, codes: Any, names: Dict[int, str]) -> Any:
    """Numbers as a categorical of their names."""
    table = numpy.full(256, -1, numpy.int8)
    for place, number in enumerate(names):
        table[number] = place
    return pandas.Categorical.from_codes(table[codes], list(names.values()))


def _record_of(row: Any) -> Record:
    """A row of any kind as what it is."""
    if row.kind == KIND_GAP and len(row.data) >= _gap.size:
        return Gap(row.time_ns, row.interface, row.id, *_gap.unpack_from(row.data))
    if row.kind >= KIND_GAP:
        return Event(row.time_ns, row.interface, row.kind, row.id, row.data)
    return row  # type: ignore[no-any-return]
