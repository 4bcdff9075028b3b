"""libcanp by ctypes: the structs and functions that this package uses, loaded when the first of them is called.

ctypes, as nothing is called per frame: C fills arrays of a whole block and more at a time, and one package serves every
Python and needs no compiler. The lock of each object (Handle) keeps two threads out of one C object.

tests/python/layout.c holds the structs against the C compiler's. What the library fills has room behind the fields
used here, for those that C has more; options are whole, and say their size first. The library is the one that the environment
variable CANP_LIBRARY names, else the one of this package's prefix, else libcanp.so.0 where the loader finds it.
"""
from __future__ import annotations

import ctypes
import errno
import glob
import os
import sys
import threading
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint,
                    c_uint8, c_uint16, c_uint32, c_uint64, c_void_p)
from typing import Any, Optional

SONAME = "libcanp.so.0"
_ROOM = ("_room", c_uint64 * 32)


class Why(Structure):
    _fields_ = [("text", c_char * 320)]


class Iface(Structure):
    _fields_ = [("mtu", c_uint32), ("bytes", c_uint16), ("zero", c_uint16), ("name", c_char * 16),
                ("ifindex", c_uint32), ("bitrate", c_uint32), ("dbitrate", c_uint32), ("ctrlmode", c_uint32)]


class Info(Structure):
    _fields_ = [("frames", c_uint64), ("records", c_uint64), ("lost", c_uint64), ("first_ns", c_int64),
                ("last_ns", c_int64), ("segments", c_uint64), ("blocks", c_uint64), ("bytes", c_uint64),
                ("packed_bytes", c_uint64), ("torn_bytes", c_uint64), ("ids", c_uint32), ("damaged", c_uint32),
                ("live", c_bool), _ROOM]


class IfaceInfo(Structure):
    _fields_ = [("iface", Iface), ("frames", c_uint64), ("lost", c_uint64), ("error_frames", c_uint64)]


class Record(Structure):
    _fields_ = [("time_ns", c_int64), ("hw_time_ns", c_int64), ("kind", c_uint8), ("channel", c_uint8),
                ("dir", c_uint8), ("has_hw_time", c_bool), ("row_bytes", c_uint32), ("frame", c_void_p)]


class Filter(Structure):
    _fields_ = [("id", c_uint32), ("mask", c_uint32)]


class FilterSet(Structure):
    _fields_ = [("count", c_uint), ("join", c_bool), ("error_mask", c_uint32), ("filters", Filter * 512)]


class TableArrays(Structure):
    _fields_ = [("rows", c_uint64), ("times_ns", c_void_p), ("channels", c_void_p), ("ids", c_void_p),
                ("kinds", c_void_p), ("dirs", c_void_p), ("flags", c_void_p), ("lengths", c_void_p),
                ("extras", c_void_p), ("hw_times_ns", c_void_p), ("starts", c_void_p), ("bytes", c_void_p),
                ("signals", c_void_p), ("values", c_void_p), ("raw", c_void_p), _ROOM]


class Options(Structure):
    """A struct whose first field is its size (canp/export.h)."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(size=ctypes.sizeof(self), **fields)


class CursorOpts(Options):
    _fields_ = [("size", c_size_t), ("from_ns", c_int64), ("to_ns", c_int64), ("frames_only", c_bool),
                ("on_damage", CFUNCTYPE(None, c_void_p, c_void_p)), ("user", c_void_p), ("filter", c_void_p),
                ("kinds", c_uint32), ("dirs", c_uint8), ("channels", c_uint64 * 4), ("thorough", c_bool)]


class WriterOpts(Options):
    _fields_ = [("size", c_size_t), ("segment_bytes", c_uint64), ("sync_ns", c_uint64), ("no_sync", c_bool),
                ("dir_must_exist", c_bool), ("pack", c_bool), ("segment_ns", c_uint64), ("keep_segments", c_uint64),
                ("keep_bytes", c_uint64), ("append", c_bool)]


class TableOpts(Options):
    _fields_ = [("size", c_size_t), ("fields", c_uint32), ("rows_max", c_uint64), ("bytes_max", c_uint64),
                ("frames_only", c_bool)]


class TableValues(Options):
    _fields_ = [("size", c_size_t), ("decoder", c_void_p), ("signals", c_void_p), ("signal_count", c_uint32),
                ("transport", c_void_p)]


class DecodeCounts(Structure):
    _fields_ = [("frames", c_uint64), ("values", c_uint64), ("short_values", c_uint64), ("frames_unknown", c_uint64),
                ("not_data", c_uint64), _ROOM]


class ColumnArrays(Structure):
    _fields_ = [("room", c_size_t), ("count", c_size_t), ("times_ns", c_void_p), ("values", c_void_p),
                ("raw", c_void_p), ("flags", c_void_p), ("channels", c_void_p)]


class ColumnOpts(Options):
    _fields_ = [("size", c_size_t), ("from_ns", c_int64), ("to_ns", c_int64), ("channels", c_uint64 * 4),
                ("dirs", c_uint8), ("with_", c_uint32), ("on_damage", CFUNCTYPE(None, c_void_p, c_void_p)),
                ("user", c_void_p)]


class ColumnCounts(Structure):
    _fields_ = [("frames", c_uint64), ("values", c_uint64), ("short_frames", c_uint64), ("unselected", c_uint64), _ROOM]


class DbcSignal(Structure):
    _fields_ = [("name", c_char_p), ("long_name", c_char_p), ("unit", c_char_p), ("comment", c_char_p),
                ("message", c_void_p), ("start_bit", c_uint16), ("bits", c_uint16), ("big_endian", c_bool),
                ("is_signed", c_bool), ("is_muxer", c_bool), ("is_muxed", c_bool), ("marks", c_uint8),
                ("number", c_int), ("factor", c_double), ("offset", c_double), ("minimum", c_double),
                ("maximum", c_double), ("muxer", c_void_p), ("ranges", c_void_p), ("range_count", c_uint32),
                ("receiver_count", c_uint32), ("receivers", c_void_p), ("values", c_void_p), ("attributes", c_void_p),
                ("spn", c_uint32), ("has_start", c_bool), ("start_value", c_double), ("line", c_uint32)]


class DbcMessage(Structure):
    _fields_ = [("name", c_char_p), ("long_name", c_char_p), ("comment", c_char_p), ("sender", c_char_p),
                ("id", c_uint32), ("bytes", c_uint16), ("duplicate", c_bool), ("independent", c_bool),
                ("format", c_int), ("signals", POINTER(DbcSignal)), ("signal_count", c_uint32),
                ("transmitter_count", c_uint32), ("transmitters", c_void_p), ("groups", c_void_p),
                ("attributes", c_void_p), ("cycle_ms", c_uint32), ("line", c_uint32)]


class DbcContents(Structure):
    _fields_ = [("version", c_char_p), ("comment", c_char_p), ("was_utf8", c_bool),
                ("messages", POINTER(POINTER(DbcMessage))), ("nodes", c_void_p), ("tables", c_void_p),
                ("environments", c_void_p), ("definitions", c_void_p), ("relations", c_void_p),
                ("message_count", c_uint32), _ROOM]


class Value(Structure):
    _fields_ = [("signal", c_void_p), ("raw", c_uint64), ("value", c_double), ("flags", c_uint32), ("zero", c_uint32)]


class DecoderOpts(Options):
    _fields_ = [("size", c_size_t), ("j1939", c_int)]


class LogWriteOpts(Options):
    _fields_ = [("size", c_size_t), ("style", c_uint), ("map", c_char_p)]


class LogSelection(Options):
    _fields_ = [("size", c_size_t), ("filter", c_void_p), ("ifaces", POINTER(c_char_p)), ("iface_count", c_uint),
                ("has_from", c_bool), ("has_to", c_bool), ("from_is_relative", c_bool), ("to_is_relative", c_bool),
                ("from_ns", c_int64), ("to_ns", c_int64), ("kinds", c_uint32), ("dirs", c_uint8)]


STOPPED = CFUNCTYPE(c_bool, c_void_p)


class LogCopyOpts(Options):
    _fields_ = [("size", c_size_t), ("is_stopped", STOPPED), ("user", c_void_p)]


class LogCopyResult(Structure):
    _fields_ = [("records", c_uint64), ("frames", c_uint64), ("is_write_error", c_bool), _ROOM]


class LogWriteStats(Structure):
    _fields_ = [("records", c_uint64), ("frames", c_uint64), ("bytes", c_uint64), ("losses", c_uint64 * 64)]


class ArrowSchema(Structure):
    _fields_ = [("format", c_char_p), ("name", c_char_p), ("metadata", c_char_p), ("flags", c_int64),
                ("n_children", c_int64), ("children", c_void_p), ("dictionary", c_void_p), ("release", c_void_p),
                ("private_data", c_void_p)]


class ArrowArray(Structure):
    _fields_ = [("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64),
                ("n_children", c_int64), ("buffers", c_void_p), ("children", c_void_p), ("dictionary", c_void_p),
                ("release", c_void_p), ("private_data", c_void_p)]


class ArrowArrayStream(Structure):
    _fields_ = [("get_schema", c_void_p), ("get_next", c_void_p), ("get_last_error", c_void_p),
                ("release", c_void_p), ("private_data", c_void_p)]


STRUCTS = {"canp_why": Why, "canp_iface": Iface, "canp_info": Info, "canp_record": Record,
           "canp_iface_info": IfaceInfo, "canp_filter_set": FilterSet, "canp_table_arrays": TableArrays,
           "canp_table_opts": TableOpts, "canp_table_values": TableValues, "canp_decode_counts": DecodeCounts,
           "canp_column_arrays": ColumnArrays, "canp_column_opts": ColumnOpts, "canp_column_counts": ColumnCounts,
           "canp_dbc_signal": DbcSignal, "canp_dbc_message": DbcMessage, "canp_dbc_contents": DbcContents,
           "canp_value": Value, "canp_decoder_opts": DecoderOpts, "canp_log_write_opts": LogWriteOpts,
           "canp_log_selection": LogSelection, "canp_log_copy_opts": LogCopyOpts, "canp_log_copy_result": LogCopyResult,
           "canp_log_write_stats": LogWriteStats, "ArrowSchema": ArrowSchema, "ArrowArray": ArrowArray,
           "ArrowArrayStream": ArrowArrayStream, "canp_cursor_opts": CursorOpts, "canp_writer_opts": WriterOpts}

_V, _W, _PV = c_void_p, POINTER(Why), POINTER(c_void_p)
# name: result, arguments
_FUNCTIONS = {
    "canp_strerror": (c_char_p, [c_int]),
    "canp_sigbus_guard_install": (c_int, []),
    "canp_reader_open": (c_int, [c_char_p, _PV, _W]),
    "canp_reader_close": (None, [_V]),
    "canp_reader_refresh": (c_int, [_V]),
    "canp_reader_is_abandoned": (c_bool, [_V]),
    "canp_reader_is_live": (c_bool, [_V]),
    "canp_reader_may_grow": (c_bool, [_V]),
    "canp_reader_iface_count": (c_uint, [_V]),
    "canp_reader_iface": (POINTER(Iface), [_V, c_uint8]),
    "canp_reader_info": (c_int, [_V, POINTER(Info)]),
    "canp_reader_info_ifaces": (c_int, [_V, c_bool, POINTER(Info), POINTER(IfaceInfo), c_uint]),
    "canp_reader_start": (c_int, [_V, POINTER(c_int64)]),
    "canp_filter_parse": (c_int, [_V, c_char_p, _W]),
    "canp_filter_match_id": (c_bool, [_V, c_uint32]),
    "canp_table_reader_open": (c_int, [_V, POINTER(CursorOpts), POINTER(TableOpts), _PV]),
    "canp_table_reader_open_log": (c_int, [_V, POINTER(TableOpts), _PV]),
    "canp_table_reader_decode": (c_int, [_V, POINTER(TableValues)]),
    "canp_table_reader_close": (None, [_V]),
    "canp_table_reader_next": (c_int, [_V, _PV]),
    "canp_table_reader_rest": (c_int, [_V, _PV]),
    "canp_table_reader_damaged": (c_uint64, [_V]),
    "canp_table_reader_counts": (None, [_V, POINTER(DecodeCounts)]),
    "canp_table_release": (None, [_V]),
    "canp_table_arrays": (None, [_V, POINTER(TableArrays)]),
    "canp_table_iface": (c_char_p, [_V, c_uint8]),
    "canp_table_iface_count": (c_uint, [_V]),
    "canp_table_arrow": (c_int, [_V, POINTER(c_char_p), c_uint32, _V, _V]),
    "canp_table_arrow_stream": (c_int, [_V, POINTER(c_char_p), c_uint32, _V]),
    "canp_signal_column": (c_int, [_V, _V, _V, POINTER(ColumnOpts), POINTER(ColumnArrays), POINTER(ColumnCounts),
                                   POINTER(c_uint32), _W]),
    "canp_column_arrays_release": (None, [POINTER(ColumnArrays)]),
    "canp_dbc_open": (c_int, [c_char_p, _V, _PV, _W]),
    "canp_dbc_release": (None, [_V]),
    "canp_dbc_contents": (POINTER(DbcContents), [_V]),
    "canp_dbc_errors": (c_uint64, [_V, _V, _V]),
    "canp_dbc_value_text": (c_char_p, [_V, c_int64]),
    "canp_decoder_open": (c_int, [_V, POINTER(DecoderOpts), _PV, _W]),
    "canp_decoder_close": (None, [_V]),
    "canp_decoder_plan": (c_void_p, [_V, c_uint32]),
    "canp_plan_message": (c_void_p, [_V]),
    "canp_plan_values": (c_uint32, [_V]),
    "canp_plan_decode": (c_uint32, [_V, c_char_p, c_size_t, POINTER(Value), POINTER(DecodeCounts)]),
    "canp_value_text": (c_char_p, [POINTER(Value)]),
    "canp_transport_open": (c_int, [_V, _PV]),
    "canp_transport_close": (None, [_V]),
    "canp_transport_fast_groups_of": (c_int, [_V, _V]),
    "canp_writer_open": (c_int, [c_char_p, POINTER(WriterOpts), _PV, _W]),
    "canp_writer_add_iface": (c_int, [_V, c_uint8, POINTER(Iface), c_int64]),
    "canp_writer_put": (c_int, [_V, POINTER(Record)]),
    "canp_writer_flush": (c_int, [_V]),
    "canp_writer_finish": (c_int, [_V]),
    "canp_writer_close": (None, [_V]),
    "canp_log_open": (c_int, [c_char_p, _V, _PV, _W]),
    "canp_log_close": (None, [_V]),
    "canp_log_select": (c_int, [_V, POINTER(LogSelection)]),
    "canp_log_writer_open": (c_int, [c_char_p, c_char_p, POINTER(LogWriteOpts), _PV, _W]),
    "canp_log_iface": (POINTER(Iface), [_V, c_uint8]),
    "canp_log_format_at": (c_void_p, [c_uint]),
    "canp_log_reader_stats": (POINTER(c_uint64), [_V]),
    "canp_log_copy": (c_int, [_V, _V, POINTER(LogCopyOpts), POINTER(LogCopyResult), _W]),
    "canp_log_merge_open": (c_int, [_PV, c_uint, _V, _PV, _W]),
    "canp_log_finish": (c_int, [_V, _W]),
    "canp_log_abandon": (None, [_V]),
    "canp_log_writer_stats": (None, [_V, POINTER(LogWriteStats)]),
    "canp_log_loss_words": (c_char_p, [c_int]),
    "canp_log_why": (c_char_p, [_V]),
}


class Error(OSError):
    """What libcanp reports: strerror is the sentence that names the object and the remedy, code the number of
    canp/error.h, errno the system's that comes nearest. Subclasses are Python's own, too: FileNotFoundError..."""

    code: int = 0


class NotFoundError(Error, FileNotFoundError):
    """There is no such file, directory, interface or group."""


class ExistsError(Error, FileExistsError):
    """There is something already, which is left alone."""


class AccessError(Error, PermissionError):
    """It is not permitted."""


class FormatError(Error, ValueError):
    """Not a recording, not a log of a known format, or a text that cannot be parsed."""


class DamagedError(Error):
    """A damaged place: the file is wrong, was cut, or cannot be read there."""


class MissingLibrary(ImportError):
    """libcanp is not installed, or too old for this package."""


E_FORMAT, E_VERSION, E_DAMAGED, E_EMPTY, E_EXISTS, E_SYNTAX, E_LOST = range(4201, 4208)
_ERRORS = {errno.ENOENT: NotFoundError, errno.EEXIST: ExistsError, E_EXISTS: ExistsError,
           errno.EACCES: AccessError, errno.EPERM: AccessError, E_FORMAT: FormatError, E_VERSION: FormatError,
           E_SYNTAX: FormatError, E_EMPTY: FormatError, E_DAMAGED: DamagedError, E_LOST: DamagedError}

_NUMBERS = {E_EXISTS: errno.EEXIST, E_DAMAGED: errno.EIO, E_LOST: errno.EIO}


def _names() -> "list[str]":
    """Where the library may be, in order."""
    named = os.environ.get("CANP_LIBRARY")
    if named:
        return [named]
    here = os.path.dirname(os.path.abspath(__file__))
    found = []
    for prefix in {os.path.abspath(os.path.join(here, *[".."] * up)) for up in (3, 4, 5)} | {sys.prefix}:
        if os.path.basename(prefix) != "usr":  # there the loader knows better, with multiarch and ld.so.conf
            found += glob.glob(os.path.join(prefix, "lib*", SONAME)) + glob.glob(os.path.join(prefix, "lib", "*", SONAME))
    return sorted(found) + [SONAME]


def _load() -> Any:
    said: Optional[OSError] = None
    for name in _names():
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            said = error
    raise MissingLibrary(
        f"{said}; install libcanp (Debian: apt install libcanp0; from source: cmake --install), "
        "or name it in the environment variable CANP_LIBRARY") from None


class _Library:
    """Loads libcanp when its first function is asked for; each function is then an attribute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._library: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in _ALL:
            raise AttributeError(name)
        with self._lock:
            if self._library is None:
                library = _load()
                self._prepare(library, "canp_sigbus_guard_install")()  # a file that is cut is an error, not a signal
                self._library = library
        function = self._prepare(self._library, name)
        setattr(self, name, function)
        return function

    def path(self) -> str:
        """The file that was loaded."""
        self.canp_strerror(0)
        return str(self._library._name)

    @staticmethod
    def _prepare(library: Any, name: str) -> Any:
        try:
            function = getattr(library, name)
        except AttributeError:
            raise MissingLibrary(f"this libcanp has no {name}(): install one of version 0.1, with live recording") from None
        function.restype, function.argtypes = _ALL[name]
        return function


_ALL: "dict[str, Any]" = dict(_FUNCTIONS)


def live_functions(functions: "dict[str, Any]") -> None:
    """What another module of this package declares of libcanp."""
    _ALL.update(functions)


lib: Any = _Library()


def path_of(path: Any) -> bytes:
    """A path for C: of one with a zero in it C would take what is in front, which is another."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("a path cannot have a zero byte in it")
    return name


def text_of(text: str, what: str) -> bytes:
    """A text for C, likewise."""
    if not isinstance(text, str):
        raise TypeError(f"{what} is a str, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{what} cannot have a zero byte in it")
    return text.encode()


def check(result: int, why: Any = None, path: Any = None) -> int:
    """The result, if it is not an error. path: the file it is about, the exception's filename."""
    if result < 0:
        raise error_of(result, why, path)
    return result


def error_of(result: int, why: Any = None, path: Any = None) -> Error:
    """The exception for a negative result."""
    text = why.text.decode(errors="replace") if why is not None and why.text else lib.canp_strerror(result).decode()
    number = _NUMBERS.get(-result, -result)
    number = number if number in errno.errorcode else errno.EINVAL
    kind = _ERRORS.get(-result, Error)
    error = kind(number, text) if path is None else kind(number, text, os.fsdecode(path))
    error.code = -result
    return error


class Handle:
    """One C object: closed once, by whichever thread or finaliser comes first, and used by one thread at a time.

    parent: the object that this one needs, whose lock it shares and with which it is closed. A child of fork() has a
    copy that belongs to its parent process: it is forgotten there, neither used nor closed.
    """

    __slots__ = ("what", "lock", "_address", "_close", "_pid", "_parent", "_children")

    def __init__(self, what: str, address: Any, close: Any, parent: "Optional[Handle]" = None) -> None:
        self.what, self._close, self._parent = what, close, parent
        self._address: Optional[int] = address.value if isinstance(address, c_void_p) else address
        self.lock: Any = parent.lock if parent is not None else threading.RLock()
        self._pid = os.getpid()
        self._children: "dict[Optional[int], Any]" = {}  # addresses, as the order in which garbage goes is not known
        if parent is not None:
            parent._children[self._address] = close

    @property
    def is_open(self) -> bool:
        return self._address is not None and (self._parent is None or self._address in self._parent._children)

    @property
    def is_foreign(self) -> bool:
        """Was it opened by another process, this one's parent?"""
        return self._pid != os.getpid()

    def __enter__(self) -> Any:
        """The object, for this thread alone until the end of the with statement."""
        if self.is_foreign:  # asked first: the lock is a copy, too, and may be held for ever
            raise ValueError(f"this {self.what} was opened before fork(): open another in this process")
        self.lock.acquire()
        if not self.is_open:
            self.lock.release()
            raise ValueError(f"this {self.what} is closed")
        return self._address

    def __exit__(self, *_: Any) -> None:
        self.lock.release()

    def take(self) -> Any:
        """The object, for who ends it otherwise; the handle is closed then."""
        with self as address:
            self._address = None
            if self._parent is not None:
                del self._parent._children[address]
            return address

    def close(self) -> None:
        if self._address is None:
            return
        if self.is_foreign:
            self._address = None
            return
        with self.lock:
            if self.is_open:
                for child, close in self._children.items():
                    close(child)
                self._children.clear()
                self._close(self.take())
            self._address = None

    def __del__(self) -> None:
        if getattr(self, "_address", None) is not None:
            self.close()
