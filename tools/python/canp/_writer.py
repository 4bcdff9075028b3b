"""Writing a recording from Python."""
from __future__ import annotations

import atexit
import ctypes
import os
import warnings
import weakref
from typing import Any, Dict, List, Optional, Tuple, Union

from ._frame import (DIRECTION_OWN, DIRECTION_RX, DIRECTION_TX, ID_EFF, ID_ERR, KIND_CAN, KIND_FD, KIND_XL, TIME_MAX,
                     TIME_MIN, ID_RTR, Frame)
from ._lib import Handle, Iface, Record, Why, WriterOpts, check, lib, path_of, text_of
from ._reader import Reader

_NAME_BYTES_MAX = 15
_LENGTH_MAX = {KIND_CAN: 8, KIND_FD: 64, KIND_XL: 2048}
FD_LENGTHS = frozenset([*range(9), 12, 16, 20, 24, 32, 48, 64])


_open_writers: "weakref.WeakSet[Writer]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """What is still open when the program ends is finished, not cut off."""
    for writer in list(_open_writers):
        writer._drop()


class Writer:
    """A new recording in a directory, which must not hold one yet. Errors are canp.Error; arguments that no CAN frame can
    have are ValueError or TypeError, and nothing is written then.

    What was put is on disk, sealed, after close(); after a crash all but the last block is there. Several threads may
    use one writer. One that is dropped without close() is closed, with a ResourceWarning.

    pack: packs each segment once it is full, in the background. segment_bytes: size of a segment, 0 = 64 MiB. append:
    goes on with the recording that is there, in a new segment; it must have been closed.
    """

    def __init__(self, path: Any, *, pack: bool = False, segment_bytes: int = 0, append: bool = False) -> None:
        self.path: str = os.fsdecode(path)
        self.bytes = 0  # written so far, before packing
        names, last_ns = _there_in(path) if append else ([], 0)
        handle, why = ctypes.c_void_p(), Why()
        opts = WriterOpts(pack=pack, segment_bytes=_size(segment_bytes), append=append)
        check(lib.canp_writer_open(path_of(path), ctypes.byref(opts), ctypes.byref(handle), ctypes.byref(why)), why, path)
        self._handle = Handle("canp.Writer", handle, lib.canp_writer_close)
        self._channels: Dict[str, int] = {}
        _open_writers.add(self)
        with self._handle as writer:
            for name in names:  # the channels that it has keep their numbers
                iface = Iface(bytes=ctypes.sizeof(Iface), name=name.encode(errors="surrogateescape"))
                check(lib.canp_writer_add_iface(writer, len(self._channels), ctypes.byref(iface), last_ns))
                self._channels[name] = len(self._channels)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._drop()

    def _drop(self) -> None:
        if self._handle.is_open and not self._handle.is_foreign:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=3)
            self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a canp.Writer cannot be copied or pickled: one recording has one writer")

    def __repr__(self) -> str:
        return f"<canp.Writer {self.path!r}{'' if self._handle.is_open else ', closed'}>"

    def _channel(self, handle: Any, interface: str, time_ns: int) -> int:
        channel = self._channels.get(interface)
        if channel is None:
            channel = len(self._channels)
            name = text_of(interface, "an interface's name")
            if not 0 < len(name) <= _NAME_BYTES_MAX:
                raise ValueError(f"{interface!r} is no name of an interface: 1 to {_NAME_BYTES_MAX} bytes")
            iface = Iface(bytes=ctypes.sizeof(Iface), name=name)
            check(lib.canp_writer_add_iface(handle, min(channel, 255), ctypes.byref(iface), time_ns))
            self._channels[interface] = channel
        return channel

    def put(self, time_ns: int, interface: str, can_id: int, data: Any = b"", *, kind: int = KIND_CAN, flags: int = 0,
            extra: Union[int, Tuple[int, int]] = 0, length: Optional[int] = None, direction: int = DIRECTION_RX,
            hw_time_ns: Optional[int] = None) -> None:
        """Appends a frame; the arguments are a canp.Frame's fields.

        time_ns: nanoseconds since 1970. can_id: with ID_EFF for one of 29 bits. data: bytes, or what has the buffer
        protocol. length: of a remote frame, which has no data; else that of data.
        """
        body = body_of(time_ns, can_id, data, kind, flags, extra, length, direction)
        if hw_time_ns is not None:
            _whole(hw_time_ns, TIME_MIN, TIME_MAX, "hw_time_ns")
        with self._handle as handle:
            record = Record(time_ns=time_ns, hw_time_ns=hw_time_ns or 0, kind=kind, dir=direction,
                            has_hw_time=hw_time_ns is not None, channel=self._channel(handle, interface, time_ns),
                            frame=ctypes.cast(ctypes.c_char_p(body), ctypes.c_void_p))
            check(lib.canp_writer_put(handle, ctypes.byref(record)))
            self.bytes += 8 + len(body)

    def put_frame(self, frame: Frame) -> None:
        """Appends a frame as a reader gives it."""
        self.put(frame.time_ns, frame.interface, frame.id, frame.data, kind=frame.kind, flags=frame.flags,
                 extra=frame.extra, length=frame.length, direction=frame.direction, hw_time_ns=frame.hw_time_ns)

    def flush(self) -> None:
        """Makes what was put readable by others."""
        with self._handle as handle:
            check(lib.canp_writer_flush(handle))

    def close(self) -> None:
        """Seals and syncs the recording. A second time it does nothing."""
        if not self._handle.is_open or self._handle.is_foreign:
            return
        with self._handle.lock:
            if self._handle.is_open:
                with self._handle as handle:
                    try:
                        check(lib.canp_writer_finish(handle), path=self.path)
                    finally:
                        self._handle.close()


def _there_in(path: Any) -> Tuple[List[str], int]:
    """The interfaces of the recording that is there and the time of its last frame, if there is one."""
    if not os.path.isdir(path) or not any(name.endswith(".canp") for name in os.listdir(path)):
        return [], 0
    with Reader(path) as reader:
        return reader.interfaces, int(reader.info()["last_ns"])


def _size(segment_bytes: int) -> int:
    _whole(segment_bytes, 0, 1 << 40, "segment_bytes")
    return segment_bytes


def _whole(number: Any, low: int, high: int, what: str) -> None:
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"{what} is an int, not {type(number).__name__}")
    if not low <= number <= high:
        raise ValueError(f"{what} {number} is not from {low} to {high}")


def _bytes_of(data: Any, kind: int) -> bytes:
    if isinstance(data, (str, int)) or data is None:
        raise TypeError(f"data is bytes, not {type(data).__name__}")
    view = memoryview(data)
    if view.itemsize != 1:
        raise TypeError(f"data is bytes, not items of {view.itemsize} bytes ({view.format})")
    whole = view.tobytes()
    if len(whole) > _LENGTH_MAX[kind]:
        raise ValueError(f"{len(whole)} bytes of data, at most {_LENGTH_MAX[kind]} fit this kind of frame")
    if kind == KIND_FD and len(whole) not in FD_LENGTHS:
        raise ValueError(f"a CAN FD frame cannot have {len(whole)} bytes: 0 to 8, 12, 16, 20, 24, 32, 48 or 64")
    if kind == KIND_XL and not whole:
        raise ValueError("a CAN XL frame has at least one byte")
    return whole


def _check_id(can_id: int, kind: int) -> None:
    _whole(can_id, 0, 0xFFFFFFFF, "can_id")
    if kind == KIND_XL:
        _whole(can_id & 0xFF00FFFF, 0, 0x7FF, "priority")
    elif not can_id & (ID_EFF | ID_ERR) and can_id & 0x1FFFFFFF > 0x7FF:
        raise ValueError(f"0x{can_id:X} does not fit 11 bits: add canp.ID_EFF for an extended identifier")
    elif kind == KIND_FD and can_id & ID_RTR:
        raise ValueError("there are no remote frames of CAN FD")


def _length_of(length: Optional[int], data: bytes, can_id: int, kind: int) -> int:
    """The frame's length: of its data, and of a remote frame what it asks for."""
    is_remote = kind == KIND_CAN and can_id & ID_RTR
    if is_remote and data:
        raise ValueError("a remote frame has no data: say its length")
    if length is None:
        return len(data)
    _whole(length, 0, _LENGTH_MAX[kind], "length")
    if not is_remote and length != len(data):
        raise ValueError(f"length {length}, but {len(data)} bytes of data")
    return length


def body_of(time_ns: int, can_id: int, data: Any, kind: int, flags: int, extra: Any, length: Optional[int],
          direction: int) -> bytes:
    """The frame as the kernel lays it out (canp/frame.h), or an error that says what cannot be."""
    if kind not in _LENGTH_MAX:
        raise ValueError(f"kind {kind!r} is not KIND_CAN, KIND_FD or KIND_XL")
    _whole(time_ns, TIME_MIN, TIME_MAX, "time_ns")
    if direction not in (DIRECTION_RX, DIRECTION_TX, DIRECTION_OWN):
        raise ValueError(f"direction {direction!r} is out of range")
    _whole(flags, 0, 255, "flags")
    _check_id(can_id, kind)
    whole = _bytes_of(data, kind)
    size = _length_of(length, whole, can_id, kind)
    head = int(can_id).to_bytes(4, "little")
    if kind == KIND_XL:
        sdt, af = extra if isinstance(extra, tuple) else (extra >> 32, extra & 0xFFFFFFFF)
        _whole(sdt, 0, 255, "SDU type")
        _whole(af, 0, 0xFFFFFFFF, "acceptance field")
        head += bytes([flags | 0x80, sdt]) + size.to_bytes(2, "little") + int(af).to_bytes(4, "little")
    else:
        _whole(extra, 0, 15, "raw DLC")
        if extra and (kind != KIND_CAN or size != 8 or extra < 9):
            raise ValueError(f"raw DLC {extra}: only a classic frame of 8 bytes has one, from 9 to 15")
        head += bytes([size, flags, 0, extra])
    return head + whole.ljust(size + 7 & ~7, b"\0")
