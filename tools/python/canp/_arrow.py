"""The Arrow C data interface by capsule (https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html).

libcanp fills the structs and owns what they point to; their memory is Python's. A capsule that nobody took releases what
it holds when it goes.
"""
from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_size_t, c_void_p
from typing import Any, Sequence, Tuple

from ._lib import ArrowArray, ArrowArrayStream, ArrowSchema, check, lib

_RELEASE = ctypes.CFUNCTYPE(None, c_void_p)
_DESTROY = ctypes.CFUNCTYPE(None, c_void_p)
_STRUCTS = {b"arrow_schema": ArrowSchema, b"arrow_array": ArrowArray, b"arrow_array_stream": ArrowArrayStream}


def _python(name: str, result: Any, *arguments: Any) -> Any:
    prototype = ctypes.PYFUNCTYPE(result, *arguments)
    return prototype((name, ctypes.pythonapi))


_new = _python("PyCapsule_New", ctypes.py_object, c_void_p, c_void_p, c_void_p)  # names must live on, so by address
_name = _python("PyCapsule_GetName", c_char_p, c_void_p)
_pointer = _python("PyCapsule_GetPointer", c_void_p, c_void_p, c_char_p)
_malloc = _python("PyMem_RawMalloc", c_void_p, c_size_t)
_free = _python("PyMem_RawFree", None, c_void_p)
_incref = _python("Py_IncRef", None, ctypes.py_object)


def _release(struct: Any) -> None:
    if struct.release:
        _RELEASE(struct.release)(ctypes.addressof(struct))


def _destroyed(capsule: int) -> None:
    name = _name(capsule)
    address = _pointer(capsule, name)
    _release(_STRUCTS[name].from_address(address))
    _free(address)


_destroy = _DESTROY(_destroyed)
_incref(_destroy)  # never freed: a capsule may outlive this module when the interpreter ends
# Names must live as long as their capsules.
_NAMES = {name: ctypes.create_string_buffer(name) for name in _STRUCTS}
for _kept in _NAMES.values():
    _incref(_kept)


def _capsule(name: bytes, filled: Any) -> Any:
    """A capsule that the struct moved into."""
    size = ctypes.sizeof(filled)
    address = _malloc(size)
    if not address:
        _release(filled)
        raise MemoryError
    ctypes.memmove(address, ctypes.addressof(filled), size)
    return _new(address, ctypes.addressof(_NAMES[name]), ctypes.cast(_destroy, c_void_p))


def _signals(signals: "Sequence[str] | None") -> Tuple[Any, int]:
    if signals is None:
        return None, 0
    return (c_char_p * max(len(signals), 1))(*[name.encode() for name in signals]), len(signals)


def array_of(table: Any, signals: "Sequence[str] | None" = None) -> Tuple[Any, Any]:
    """The capsules of schema and array of a canp_table."""
    schema, array = ArrowSchema(), ArrowArray()
    check(lib.canp_table_arrow(table, *_signals(signals), ctypes.addressof(schema), ctypes.addressof(array)))
    return _capsule(b"arrow_schema", schema), _capsule(b"arrow_array", array)


def stream_of(table: Any, signals: "Sequence[str] | None" = None) -> Any:
    """The capsule of a stream of the one table."""
    stream = ArrowArrayStream()
    check(lib.canp_table_arrow_stream(table, *_signals(signals), ctypes.addressof(stream)))
    return _capsule(b"arrow_array_stream", stream)
