"""Logs of every format that libcanp knows: converting, merging, cutting, and reading them as columns."""
from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

from ._lib import (Handle, LogCopyOpts, LogCopyResult, LogSelection, LogWriteOpts, LogWriteStats, STOPPED, TableOpts, Why,
                   check, error_of, lib, path_of, text_of)
from ._select import FilterList, Filters, Interfaces, Time, is_distance, time_of
from ._table import Columns

Paths = Union[str, "os.PathLike[str]", Sequence[Union[str, "os.PathLike[str]"]]]
_PACK, _MICROS = 8, 1
_FRAME_KINDS = 7


class Converted(NamedTuple):
    """What was written. losses: {what: count}: what the format could not hold, in words. bad: lines or objects of the
    source that could not be read."""

    frames: int
    records: int
    losses: Dict[str, int]
    bad: int


class _Source:
    """One or several logs as one, with what is selected of them."""

    def __init__(self, paths: Paths, filters: Filters, from_: Optional[Time], to: Optional[Time], interfaces: Interfaces,
                 kinds: int) -> None:
        self._stack = contextlib.ExitStack()
        self._filters = FilterList(filters)
        if self._filters.functions:
            raise TypeError("a function cannot filter logs here: read them frame by frame")
        names = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else list(paths)
        if not names:
            raise ValueError("no log")
        try:
            self._logs = [self._open(name) for name in names]
            self.handle = self._logs[0] if len(names) == 1 else self._merge()
            self._select(from_, to, interfaces, kinds)
        except BaseException:
            self.close()
            raise

    def _open(self, path: Any) -> Handle:
        log, why = ctypes.c_void_p(), Why()
        check(lib.canp_log_open(path_of(path), None, ctypes.byref(log), ctypes.byref(why)), why, path)
        return self._keep(log)

    def _keep(self, log: Any) -> Handle:
        handle = Handle("log", log, lib.canp_log_close)
        self._stack.callback(handle.close)
        return handle

    def _merge(self) -> Handle:
        with contextlib.ExitStack() as held:
            logs = (ctypes.c_void_p * len(self._logs))(*[held.enter_context(one) for one in self._logs])
            merged, why = ctypes.c_void_p(), Why()
            check(lib.canp_log_merge_open(logs, len(self._logs), None, ctypes.byref(merged), ctypes.byref(why)), why)
        return self._keep(merged)

    def _select(self, from_: Optional[Time], to: Optional[Time], interfaces: Interfaces, kinds: int) -> None:
        names = [] if interfaces is None else [interfaces] if isinstance(interfaces, str) else list(interfaces)
        self._names = (ctypes.c_char_p * max(1, len(names)))(*[text_of(name, "an interface's name") for name in names])
        selection = LogSelection(filter=self._filters.pointer, ifaces=self._names, iface_count=len(names), kinds=kinds)
        for name, when in (("from", from_), ("to", to)):
            if when is not None:
                setattr(selection, f"has_{name}", True)
                setattr(selection, f"{name}_is_relative", is_distance(when))
                setattr(selection, f"{name}_ns", time_of(when, lambda: 0))
        with self.handle as log:
            check(lib.canp_log_select(log, ctypes.byref(selection)))

    def close(self) -> None:
        self._stack.close()


def convert(source: Paths, target: Any, *, format: Optional[str] = None, filters: Filters = None, from_: Optional[Time] = None,
            to: Optional[Time] = None, interfaces: Interfaces = None, pack: bool = False, micros: bool = False,
            channel_map: Optional[Dict[str, int]] = None) -> Converted:
    """Writes a log, or several merged in order of time, as another: `canp.convert("drive.blf", "drive")`.

    The source's format is recognised by its content, gzip and zstd included; the target's is `format` ("candump", "asc", "blf",
    "pcapng", "mf4"..., `canp convert --help` names all), else by its suffix; without a known one it is a recording.
    channel_map: {"can0": 1}, for formats with numbers. micros: 6 digits of a second. An existing target is left alone:
    FileExistsError.
    """
    found = _Source(source, filters, from_, to, interfaces, 0)
    try:
        return _copy(found, target, format, pack, micros, channel_map)
    finally:
        found.close()


def merge(sources: Sequence[Any], target: Any, **how: Any) -> Converted:
    """Several logs into one, in order of time; interfaces of one name become one. See convert()."""
    return convert(sources, target, **how)


def cut(source: Any, target: Any, from_: Optional[Time] = None, to: Optional[Time] = None, **how: Any) -> Converted:
    """The part of a log between two times, both inclusive. See convert()."""
    return convert(source, target, from_=from_, to=to, **how)


def read(source: Paths, filters: Filters = None, *, from_: Optional[Time] = None, to: Optional[Time] = None,
         interfaces: Interfaces = None) -> Columns:
    """The frames of a log of any format, or of several merged, as canp.Columns: `canp.read("drive.blf").to_pandas()`."""
    for columns in _tables(source, filters, from_, to, interfaces, lib.canp_table_reader_rest, 0):
        return columns
    raise AssertionError


def read_batches(source: Paths, filters: Filters = None, *, from_: Optional[Time] = None, to: Optional[Time] = None,
                 interfaces: Interfaces = None, rows: int = 65536) -> Iterator[Columns]:
    """The same in parts of at most so many rows."""
    if rows < 1:
        raise ValueError("a batch has at least one row")
    return _tables(source, filters, from_, to, interfaces, lib.canp_table_reader_next, rows)


def _tables(source: Paths, filters: Filters, from_: Optional[Time], to: Optional[Time], interfaces: Interfaces, function: Any,
            rows: int) -> Iterator[Columns]:
    found = _Source(source, filters, from_, to, interfaces, _FRAME_KINDS)
    try:
        tables, opts = ctypes.c_void_p(), TableOpts(rows_max=rows, bytes_max=16 << 20, frames_only=True)
        with found.handle as log:
            check(lib.canp_table_reader_open_log(log, ctypes.byref(opts), ctypes.byref(tables)))
            reader = Handle("log", tables, lib.canp_table_reader_close, found.handle)
        while True:
            table = ctypes.c_void_p()
            with reader as handle:
                result = function(handle, ctypes.byref(table))
            if result < 0:
                raise _reading_error(found, result)
            if not table:
                break
            yield Columns(table)
    finally:
        found.close()


def _reading_error(found: _Source, result: int) -> Exception:
    why = Why()
    with found.handle as log:
        why.text = (lib.canp_log_why(log) or b"")[:319]
    return error_of(result, why)


def _copy(found: _Source, target: Any, format: Optional[str], pack: bool, micros: bool,
          channel_map: Optional[Dict[str, int]]) -> Converted:
    style = (_PACK if pack else 0) | (_MICROS if micros else 0)
    numbers = ",".join(f"{name}={number}" for name, number in (channel_map or {}).items())
    opts = LogWriteOpts(style=style, map=text_of(numbers, "channel_map") if numbers else None)
    out, why, result, stats = ctypes.c_void_p(), Why(), LogCopyResult(), LogWriteStats()
    name = None if format is None else text_of(format, "format")
    check(lib.canp_log_writer_open(path_of(target), name, ctypes.byref(opts), ctypes.byref(out), ctypes.byref(why)), why, target)
    writer = Handle("log", out, lib.canp_log_abandon)
    try:
        with found.handle as log, writer as written:
            check(interruptible(lambda copy_opts: int(lib.canp_log_copy(
                log, written, ctypes.byref(copy_opts), ctypes.byref(result), ctypes.byref(why)))), why)
            lib.canp_log_writer_stats(written, ctypes.byref(stats))
            bad = int(lib.canp_log_reader_stats(log)[5])  # canp_log_stats.bad
        check(lib.canp_log_finish(writer.take(), ctypes.byref(why)), why, target)
    finally:
        writer.close()
    losses = {lib.canp_log_loss_words(i).decode(): count for i, count in enumerate(stats.losses) if count}
    return Converted(result.frames, result.records, losses, bad)


def interruptible(work: Callable[[LogCopyOpts], int]) -> int:
    """Runs a long call of C in a thread, so that Ctrl-C ends it soon and not when it is done."""
    stop = threading.Event()
    results: List[int] = []
    opts = LogCopyOpts(is_stopped=STOPPED(lambda _user: stop.is_set()))
    thread = threading.Thread(target=lambda: results.append(work(opts)))
    thread.start()
    try:
        thread.join()
    except BaseException:
        stop.set()
        thread.join()
        raise
    return results[0]


def formats() -> List[str]:
    """The names of the formats that convert() knows."""
    names: List[str] = []
    while True:
        info = lib.canp_log_format_at(len(names))
        if not info:
            return names
        names.append(ctypes.cast(info, ctypes.POINTER(ctypes.c_char_p))[0].decode())
