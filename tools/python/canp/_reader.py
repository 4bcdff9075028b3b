"""Reading a recording, or a part of it: as columns, as frames, summed up."""
from __future__ import annotations

import ctypes
import html
import os
import time
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ._frame import KIND_FD, KIND_GAP, TIME_MAX, TIME_MIN, Event, Frame, Gap, Record, time_text
from ._lib import CursorOpts, Handle, IfaceInfo, Info, TableOpts, Why, check, lib, path_of
from ._select import FilterList, Filters, Interfaces, Time, window_of
from ._table import FIELDS, ID, INTERFACE, KIND, TIME, Columns

_FRAME_KINDS = 1 << 0 | 1 << 1 | 1 << 2
_EVENT_KINDS = 0xFFFFFFFF & ~((1 << KIND_GAP) - 1)
ALL_CHANNELS = range(256)
BATCH_ROWS = 65536
BATCH_BYTES = 16 << 20
_ROWS_AT_ONCE = 8192  # as frames


class IdStats(NamedTuple):
    """One identifier of one interface. period_ns: mean distance of its frames; None for one frame."""

    interface: str
    id: int
    kind: int
    frames: int
    first_ns: int
    last_ns: int

    @property
    def period_ns(self) -> Optional[float]:
        return (self.last_ns - self.first_ns) / (self.frames - 1) if self.frames > 1 else None


class InterfaceStats(NamedTuple):
    """One interface of the whole recording."""

    interface: str
    frames: int
    error_frames: int
    lost: int
    bitrate: int
    dbitrate: int


class _Walk:
    """A position in the recording that gives tables. It is closed with its reader, or when it is dropped."""

    def __init__(self, selection: "Selection", kinds: int, fields: int, rows: int, filters: FilterList) -> None:
        reader, (low, high) = selection.reader, selection.window
        if low > high or not selection.channels:  # nothing: a window that ends before it begins
            low, high = TIME_MAX, TIME_MIN
        opts = CursorOpts(from_ns=low or -1, to_ns=high or 1, kinds=kinds)  # to C, 0 is no bound
        if low == TIME_MIN:
            opts.from_ns = 0
        if high == TIME_MAX:
            opts.to_ns = 0
        for channel in selection.channels if selection.channels != ALL_CHANNELS else ():
            opts.channels[channel // 64] |= 1 << channel % 64
        if filters.set is not None:
            opts.filter = filters.pointer
        self._keep = (opts, filters)
        address = ctypes.c_void_p()
        table_opts = TableOpts(fields=fields, rows_max=rows, bytes_max=BATCH_BYTES)
        owner = reader._handle
        with owner as handle:
            check(lib.canp_table_reader_open(handle, ctypes.byref(opts), ctypes.byref(table_opts), ctypes.byref(address)))
            self._handle = Handle("canp.Reader", address, lib.canp_table_reader_close, owner)

    def _call(self, function: Any) -> Optional[Columns]:
        table = ctypes.c_void_p()
        with self._handle as handle:
            found = check(function(handle, ctypes.byref(table)))
        return Columns(table) if found == 1 or table else None

    def next(self) -> Optional[Columns]:
        """The next table, None at the end of what there is now."""
        return self._call(lib.canp_table_reader_next)

    def rest(self) -> Columns:
        """All that is left in one table."""
        found = self._call(lib.canp_table_reader_rest)
        assert found is not None
        return found

    def damaged(self) -> int:
        with self._handle as handle:
            return int(lib.canp_table_reader_damaged(handle))

    def close(self) -> None:
        self._handle.close()


class Selection:
    """A part of a recording: between two times, of some interfaces. Made by slicing a canp.Reader.

    It reads when it is asked, so selecting costs nothing, and may be used as often as wanted. Where it says `filters`:
    an int is an identifier (11 bits, or 29 if it is larger or has ID_EFF), a str is what `canp dump` and candump take
    ("123:7FF", "pgn:FEF1", "error"), a range is one of identifiers, a dict is python-can's {"can_id", "can_mask",
    "extended"}, a function gets each canp.Frame and returns whether it passes, and a list is any of these. Functions
    must all agree, besides one of the others. The result of columns(), signals() and so on never changes.

    damaged, lost: what the last walk to its end met: damaged places that were passed over, frames that gaps
    account for (within the window, whatever the filter).
    """

    damaged = 0
    lost = 0

    def __init__(self, reader: "Optional[Reader]", window: Tuple[int, int], interfaces: Optional[Tuple[str, ...]]) -> None:
        self._whole = reader
        self.window = window
        self._interfaces = interfaces

    @property
    def reader(self) -> "Reader":
        """The recording that it is a part of."""
        assert self._whole is not None
        return self._whole

    # ---- selecting ----------------------------------------------------------------------------------------

    def __getitem__(self, part: Any) -> "Selection":
        """reader["2026-11-22T10:00":], reader["+10s":"+20s"]: from the first time up to, not including, the second.
        Times: see canp.Time. reader["can0"] and reader["can0", "can1"] are these interfaces."""
        if isinstance(part, str) or (isinstance(part, tuple) and part and all(isinstance(one, str) for one in part)):
            return self.select(interfaces=part)
        if not isinstance(part, slice):
            raise TypeError("say reader[from:to] with times, or reader[\"can0\"] for an interface")
        if part.step is not None:
            raise ValueError("a slice by time has no step")
        low, high = window_of(part.start, part.stop, self.reader.start)
        return self._within(low, high if part.stop is None else high - 1)

    def _within(self, low: int, high: int) -> "Selection":
        low, high = max(low, self.window[0]), min(high, self.window[1])
        return Selection(self.reader, (low, max(high, TIME_MIN)), self._interfaces)

    def select(self, *, from_: Optional[Time] = None, to: Optional[Time] = None, interfaces: Interfaces = None) -> "Selection":
        """The records from `from_` to `to`, both inclusive, of these interfaces."""
        part = self._within(*window_of(from_, to, self.reader.start))
        if interfaces is not None:
            names = (interfaces,) if isinstance(interfaces, str) else tuple(interfaces)
            unknown = [name for name in names if name not in self.reader.interfaces]
            if unknown:
                raise KeyError(f"no interface {unknown[0]!r} here: {', '.join(self.reader.interfaces)}")
            part._interfaces = names
        return part

    @property
    def channels(self) -> Sequence[int]:
        """The numbers of the interfaces."""
        if self._interfaces is None:
            return ALL_CHANNELS
        return [channel for channel, name in enumerate(self.reader.interfaces) if name in self._interfaces]

    # ---- columns ------------------------------------------------------------------------------------------

    def columns(self, filters: Filters = None, *, fields: Optional[Iterable[str]] = None, from_: Optional[Time] = None,
                to: Optional[Time] = None) -> Columns:
        """All frames that pass, as one canp.Columns. fields: the columns wanted (names of canp.Columns), all if None.

        Memory: 50 bytes a frame and its data; of a large recording take fewer fields, or batches()."""
        found = FilterList(filters)
        if found.functions:
            raise TypeError("a function cannot filter columns: select in them, or use frames()")
        part = self if from_ is None and to is None else self.select(from_=from_, to=to)
        walk = _Walk(part, _FRAME_KINDS, _fields(fields), 0, found)
        try:
            columns = walk.rest()
            self.damaged = walk.damaged()
        finally:
            walk.close()
        return columns

    def batches(self, filters: Filters = None, *, fields: Optional[Iterable[str]] = None,
                rows: int = BATCH_ROWS) -> Iterator[Columns]:
        """The same as a series of canp.Columns of at most `rows` frames and about 16 MiB each."""
        found = FilterList(filters)
        if found.functions:
            raise TypeError("a function cannot filter columns: select in them, or use frames()")
        if rows < 1:
            raise ValueError("a batch has at least one row")
        return self._batches(_Walk(self, _FRAME_KINDS, _fields(fields), rows, found))

    def _batches(self, walk: _Walk) -> Iterator[Columns]:
        try:
            while True:
                columns = walk.next()
                if columns is None:
                    break
                yield columns
            self.damaged = walk.damaged()
        finally:
            walk.close()

    def record_batches(self, filters: Filters = None, *, rows: int = _ROWS_AT_ONCE) -> Iterator[Columns]:
        """The same with gaps and other events as rows among the frames; filters are about frames."""
        found = FilterList(filters)
        if found.functions:
            raise TypeError("a function cannot filter columns: select in them, or use frames()")
        return self._batches(_Walk(self, 0, 0, rows, found))

    def to_numpy(self, filters: Filters = None, **how: Any) -> Dict[str, Any]:
        """columns(...).to_numpy(): a dict of numpy arrays."""
        return self.columns(filters, **how).to_numpy()

    def to_pandas(self, filters: Filters = None, *, data: str = "columns", **how: Any) -> Any:
        """columns(...).to_pandas(data): a pandas.DataFrame, one row per frame. data: "columns", "bytes" or "none"."""
        wanted = ["time", "interface", "id", "kind", "direction", "length", "flags"] + (["data"] if data != "none" else [])
        return self.columns(filters, fields=wanted, **how).to_pandas(data)

    def to_arrow(self, filters: Filters = None, **how: Any) -> Any:
        """columns(...).to_arrow(): a pyarrow.RecordBatch."""
        return self.columns(filters, **how).to_arrow()

    def to_polars(self, filters: Filters = None, **how: Any) -> Any:
        """columns(...).to_polars(): a polars.DataFrame."""
        return self.columns(filters, **how).to_polars()

    def __arrow_c_array__(self, requested_schema: Any = None) -> Tuple[Any, Any]:
        return self.columns().__arrow_c_array__(requested_schema)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.columns().__arrow_c_stream__(requested_schema)

    # ---- frames -------------------------------------------------------------------------------------------

    def frames(self, filters: Filters = None, *, from_ns: int = TIME_MIN, to_ns: int = TIME_MAX,
               follow: bool = False) -> Iterator[Frame]:
        """Iterates over the frames from from_ns to to_ns that pass, in recorded order.

        follow: goes on as the recording grows, until its writer has closed it or ended (then abandoned is true).
        """
        return (record for record in self.records(filters, from_ns=from_ns, to_ns=to_ns, follow=follow)
                if type(record) is Frame)

    def records(self, filters: Filters = None, *, from_ns: int = TIME_MIN, to_ns: int = TIME_MAX,
                follow: bool = False) -> Iterator[Record]:
        """The same with gaps and other events among them. Filters are about frames; events pass."""
        part = self._within(*window_of(from_ns, to_ns, self.reader.start))
        found = FilterList(filters)
        rows = 1024 if follow else _ROWS_AT_ONCE
        return self._walk(_Walk(part, 0, 0, rows, found), found, follow)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def _walk(self, walk: _Walk, filters: FilterList, follow: bool) -> Iterator[Record]:
        self.lost = 0
        for columns in self._following(walk) if follow else self._batches(walk):
            if columns is None:
                time.sleep(0.02)
            else:
                yield from self._counted(columns, filters)

    def follow(self, filters: Filters = None, *, rows: int = 1024) -> Iterator[Optional[Columns]]:
        """All records as canp.Columns as the recording grows; None: there is nothing new now, pause and ask again. It ends
        when the recording's writer has ended."""
        return self._following(_Walk(self, 0, 0, rows, FilterList(filters)))

    def _following(self, walk: _Walk) -> Iterator[Optional[Columns]]:
        try:
            while True:
                live = self.reader.may_grow  # before the last look, so that nothing is missed
                columns = walk.next()
                while columns is not None:
                    yield columns
                    columns = walk.next()
                if not live:
                    break
                yield None
                self.reader.refresh()
            self.damaged = walk.damaged()
        finally:
            walk.close()

    def _counted(self, columns: Columns, filters: FilterList) -> Iterator[Record]:
        records = columns.records()
        if not filters.functions and max(columns.kind.tobytes()) < KIND_GAP:
            yield from records
            return
        for record in records:
            if type(record) is Gap:
                self.lost += record.lost
            if type(record) is not Frame or filters.passes(record):
                yield record

    # ---- sums ---------------------------------------------------------------------------------------------

    @property
    def is_whole(self) -> bool:
        """Is it the whole recording?"""
        return self.window == (TIME_MIN, TIME_MAX) and self._interfaces is None

    def count(self, filters: Filters = None) -> int:
        """The number of frames."""
        if self.is_whole and filters is None:
            return int(self.reader.info()["frames"])
        found = FilterList(filters)
        if found.functions:
            return sum(1 for _ in self.frames(filters))
        return sum(len(columns) for columns in self._batches(_Walk(self, _FRAME_KINDS, KIND, BATCH_ROWS, found)))

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True

    def gaps(self) -> List[Gap]:
        """All gaps: where frames were lost, how many, and between which times."""
        return [record for record in self._events(1 << KIND_GAP) if type(record) is Gap]

    def events(self) -> List[Event]:
        """All other events: notes and marks, changes of links, clock records, definitions of interfaces."""
        return [record for record in self._events(_EVENT_KINDS & ~(1 << KIND_GAP)) if type(record) is Event]

    def _events(self, kinds: int) -> Iterator[Record]:
        for columns in self._batches(_Walk(self, kinds, 0, BATCH_ROWS, FilterList(None))):
            yield from columns.records()

    def ids(self, filters: Filters = None) -> List[IdStats]:
        """Each identifier of each interface, by interface and identifier: number of frames, first and last time."""
        sums: Dict[Tuple[int, int, int], List[Any]] = {}
        walk = _Walk(self, _FRAME_KINDS, TIME | INTERFACE | ID | KIND, BATCH_ROWS, FilterList(filters))
        for columns in self._batches(walk):
            names = columns.interfaces
            for stamp, channel, can_id, kind in zip(columns.time.tolist(), columns.channel.tobytes(), columns.id.tolist(),
                                                    columns.kind.tobytes()):
                key = (channel, can_id & 0xBFFFFFFF if kind <= KIND_FD else can_id & 0x7FF, kind)
                one = sums.get(key)
                if one is None:
                    sums[key] = [names[channel], 1, stamp, stamp]
                else:
                    one[1] += 1
                    one[2] = min(one[2], stamp)
                    one[3] = max(one[3], stamp)
        return sorted(IdStats(one[0], key[1], key[2], *one[1:]) for key, one in sums.items())

    def signals(self, *names: str, dbc: Any, **how: Any) -> Any:
        """The signals whose names match ("EngineSpeed", "Wheel*", "Message.Signal"), decoded: a canp.Signals."""
        from ._signals import signals_of
        return signals_of(self, names, dbc, **how)

    def values(self, *names: str, dbc: Any) -> Columns:
        """The same as one canp.Columns in the order of the recording: a row per value, with the index of its signal; for
        Arrow, polars and `to_pandas()`."""
        from ._dbc import database_of
        from ._signals import values_of
        database = database_of(dbc)
        return values_of(self, database, database.find(*names))

    # ---- for people ---------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        low, high = self.window
        span = f" from {time_text(low) if low != TIME_MIN else 'the start'} to {time_text(high) if high != TIME_MAX else 'the end'}"
        of = f" of {', '.join(self._interfaces)}" if self._interfaces else ""
        return f"<canp.Selection of {self.reader.path!r}{of}{span}>"


class Reader(Selection):
    """A recording: a directory of segments, or one segment file. Errors are canp.Error.

        with canp.Reader("drive") as reader:
            len(reader), reader.interfaces, reader.info()
            reader.to_pandas(0x123)                      # of one identifier
            for frame in reader["+10s":"+20s"]: ...      # of ten seconds

    Any number of threads may use one reader; its iterators wait for each other. Copies and pickles open the same path
    again; so does a child of fork() with its first use.
    """

    def __init__(self, path: Any) -> None:
        self.path: str = os.fsdecode(path)
        self._open()
        super().__init__(None, (TIME_MIN, TIME_MAX), None)

    @property
    def reader(self) -> "Reader":
        return self

    def _open(self) -> None:
        handle, why = ctypes.c_void_p(), Why()
        check(lib.canp_reader_open(path_of(self.path), ctypes.byref(handle), ctypes.byref(why)), why, self.path)
        self._own = Handle("canp.Reader", handle, lib.canp_reader_close)

    @property
    def _handle(self) -> Handle:
        if self._own.is_foreign and self._own.is_open:
            self._open()
        return self._own

    def __reduce__(self) -> Any:
        return Reader, (self.path,)

    def __copy__(self) -> "Reader":
        return Reader(self.path)

    def __deepcopy__(self, _memo: Any) -> "Reader":
        return Reader(self.path)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_own"):
            self.close()

    def close(self) -> None:
        """Ends all iterations; what was read before stays valid. A second time it does nothing."""
        self._own.close()

    @property
    def interfaces(self) -> List[str]:
        """Names by channel."""
        with self._handle as handle:
            return [self._name(handle, channel) for channel in range(lib.canp_reader_iface_count(handle))]

    @staticmethod
    def _name(handle: Any, channel: int) -> str:
        iface = lib.canp_reader_iface(handle, channel)
        return str(iface.contents.name.decode(errors="replace")) if iface and iface.contents.name else f"if{channel}"

    @property
    def live(self) -> bool:
        """Is it still being written (or was its writer killed)? As of opening or refresh()."""
        with self._handle as handle:
            return bool(lib.canp_reader_is_live(handle))

    @property
    def may_grow(self) -> bool:
        """May refresh() find more? As of opening or refresh()."""
        with self._handle as handle:
            return bool(lib.canp_reader_may_grow(handle))

    @property
    def abandoned(self) -> bool:
        """Was it not closed, and nobody writes it any more (its recorder was killed)? As of opening or refresh()."""
        with self._handle as handle:
            return bool(lib.canp_reader_is_abandoned(handle))

    def refresh(self) -> bool:
        """Looks for what was written since. True when there is more than before."""
        with self._handle as handle:
            return check(lib.canp_reader_refresh(handle)) == 1

    def start(self) -> int:
        """The time of the first record in ns, which "+10s" counts from; 0 where there is none."""
        stamp = ctypes.c_int64()
        with self._handle as handle:
            check(lib.canp_reader_start(handle, ctypes.byref(stamp)))
        return stamp.value

    def info(self) -> Dict[str, Any]:
        """frames, records, lost, first_ns, last_ns, segments, blocks, bytes, ids, damaged, live, ... (canp/reader.h)"""
        info = Info()
        with self._handle as handle:
            check(lib.canp_reader_info(handle, ctypes.byref(info)))
        return {name: getattr(info, name) for name, *_ in info._fields_ if name != "_room"}

    def interface_stats(self) -> List[InterfaceStats]:
        """Frames, error frames and losses of each interface, and the bit rates that it was recorded with (0: not known)."""
        info, ifaces = Info(), (IfaceInfo * 256)()
        with self._handle as handle:
            count = check(lib.canp_reader_info_ifaces(handle, False, ctypes.byref(info), ifaces, len(ifaces)))
        return [InterfaceStats(one.iface.name.decode(errors="replace") or f"if{channel}", one.frames, one.error_frames,
                               one.lost, one.iface.bitrate, one.iface.dbitrate) for channel, one in enumerate(ifaces[:count])]

    def __repr__(self) -> str:
        if not self._own.is_open:
            return f"<canp.Reader {self.path!r}, closed>"
        info = self.info()
        return (f"<canp.Reader {self.path!r}: {info['frames']:,} frames of {', '.join(self.interfaces) or 'no interface'}"
                f"{self._span(info)}>")

    @staticmethod
    def _span(info: Dict[str, Any]) -> str:
        return f", {time_text(info['first_ns'])} to {time_text(info['last_ns'])}" if info["frames"] else ""

    def _repr_html_(self) -> str:
        info = self.info()
        rows = [("frames", f"{info['frames']:,}"), ("lost", f"{info['lost']:,}"), ("identifiers", f"{info['ids']:,}"),
                ("first", time_text(info["first_ns"])), ("last", time_text(info["last_ns"])), ("bytes", f"{info['bytes']:,}")]
        rows += [(one.interface, f"{one.frames:,} frames, {one.lost:,} lost") for one in self.interface_stats()]
        cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in rows)
        return f"<table><caption>{html.escape(self.path)}</caption>{cells}</table>"


def _fields(names: Optional[Iterable[str]]) -> int:
    if names is None:
        return 0
    if isinstance(names, str):
        raise TypeError("fields is a list of names")
    mask = 0
    for name in names:
        if name not in FIELDS:
            raise ValueError(f"no column {name!r}: {', '.join(FIELDS)}")
        mask |= FIELDS[name]
    if not mask:
        raise ValueError("at least one field is wanted")
    return mask
