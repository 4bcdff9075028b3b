"""libcanp by ctypes: the structs and functions of canp/reader.h and canp/writer.h that this package uses.

tests/python/layout.c holds the structs against the C compiler's. What the library fills has room behind the fields
used here, for those that C has more; options are whole, and say their size first. The library is the one that the environment
variable CANP_LIBRARY names, else libcanp.so.0 where the loader finds it.
"""
import ctypes
import errno
import os
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char, c_char_p, c_int, c_int64, c_size_t, c_uint,
                    c_uint8, c_uint16, c_uint32, c_uint64, c_void_p)

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


class Record(Structure):
    _fields_ = [("time_ns", c_int64), ("hw_time_ns", c_int64), ("kind", c_uint8), ("channel", c_uint8),
                ("dir", c_uint8), ("has_hw_time", c_bool), ("row_bytes", c_uint32), ("frame", c_void_p)]


class Batch(Structure):
    _fields_ = [("rows", c_void_p), ("bytes", c_size_t), ("records", c_uint32), ("frames", c_uint32),
                ("stride", c_uint16), ("base_ns", c_int64)]


class Options(Structure):
    """A struct whose first field is its size (canp/export.h)."""

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(self), **fields)


class CursorOpts(Options):
    _fields_ = [("size", c_size_t), ("from_ns", c_int64), ("to_ns", c_int64), ("frames_only", c_bool),
                ("on_damage", CFUNCTYPE(None, c_void_p, c_void_p)), ("user", c_void_p), ("filter", c_void_p),
                ("kinds", c_uint32), ("dirs", c_uint8), ("channels", c_uint64 * 4), ("thorough", c_bool)]


class WriterOpts(Options):
    _fields_ = [("size", c_size_t), ("segment_bytes", c_uint64), ("sync_ns", c_uint64), ("no_sync", c_bool),
                ("dir_must_exist", c_bool), ("pack", c_bool), ("segment_ns", c_uint64), ("keep_segments", c_uint64),
                ("keep_bytes", c_uint64)]


STRUCTS = {"canp_why": Why, "canp_iface": Iface, "canp_info": Info, "canp_record": Record, "canp_batch": Batch,
           "canp_cursor_opts": CursorOpts, "canp_writer_opts": WriterOpts}

# name: result, arguments
_FUNCTIONS = {
    "canp_strerror": (c_char_p, [c_int]),
    "canp_reader_open": (c_int, [c_char_p, POINTER(c_void_p), POINTER(Why)]),
    "canp_reader_close": (None, [c_void_p]),
    "canp_reader_refresh": (c_int, [c_void_p]),
    "canp_reader_is_abandoned": (c_bool, [c_void_p]),
    "canp_reader_is_live": (c_bool, [c_void_p]),
    "canp_reader_may_grow": (c_bool, [c_void_p]),
    "canp_reader_iface_count": (c_uint, [c_void_p]),
    "canp_reader_iface": (POINTER(Iface), [c_void_p, c_uint8]),
    "canp_reader_info": (c_int, [c_void_p, POINTER(Info)]),
    "canp_cursor_open": (c_int, [c_void_p, POINTER(CursorOpts), POINTER(c_void_p)]),
    "canp_cursor_close": (None, [c_void_p]),
    "canp_cursor_next_batch": (c_int, [c_void_p, POINTER(Batch)]),
    "canp_cursor_damaged": (c_uint32, [c_void_p]),
    "canp_filter_parse": (c_int, [c_void_p, c_char_p, POINTER(Why)]),
    "canp_filter_match_id": (c_bool, [c_void_p, c_uint32]),
    "canp_writer_open": (c_int, [c_char_p, POINTER(WriterOpts), POINTER(c_void_p), POINTER(Why)]),
    "canp_writer_add_iface": (c_int, [c_void_p, c_uint8, POINTER(Iface), c_int64]),
    "canp_writer_put": (c_int, [c_void_p, POINTER(Record)]),
    "canp_writer_flush": (c_int, [c_void_p]),
    "canp_writer_finish": (c_int, [c_void_p]),
    "canp_writer_close": (None, [c_void_p]),
}

FILTER_SET_BYTES = 12 + 512 * 8  # struct canp_filter_set


class Error(OSError):
    """What libcanp reports: errno holds the number, the text names the object and the remedy."""


def _load():
    path = os.environ.get("CANP_LIBRARY") or SONAME
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"{error}; install libcanp, or name it in the environment variable CANP_LIBRARY") from None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


lib = _load()


def path_of(path):
    """A path for C: of one with a zero in it C would take what is in front, which is another."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("a path cannot have a zero byte in it")
    return name


def check(result, why=None):
    """The result, if it is not an error."""
    if result < 0:
        text = why.text.decode(errors="replace") if why is not None and why.text else lib.canp_strerror(result).decode()
        known = -result if -result in errno.errorcode else errno.EINVAL
        raise Error(known, text)
    return result
