"""Writing a recording from Python."""
import ctypes

from ._lib import Iface, Record, Why, WriterOpts, check, lib, path_of
from ._reader import DIRECTION_OWN, DIRECTION_RX, DIRECTION_TX, KIND_CAN, KIND_FD, KIND_XL, TIME_MAX, TIME_MIN

_NAME_BYTES_MAX = 15
_LENGTH_MAX = {KIND_CAN: 8, KIND_FD: 64, KIND_XL: 2048}


class Writer:
    """A new recording in a directory, which must not hold one yet. Errors are canp.Error.

    What was put is on disk, sealed, after close(); after a crash all but the last block is there.
    """

    def __init__(self, path, *, pack=False, segment_bytes=0):
        self._handle = None
        handle, why = ctypes.c_void_p(), Why()
        opts = WriterOpts(pack=pack, segment_bytes=segment_bytes)
        check(lib.canp_writer_open(path_of(path), ctypes.byref(opts), ctypes.byref(handle), ctypes.byref(why)), why)
        self._handle = handle
        self._channels = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self._free()

    def _open(self):
        if not self._handle:
            raise ValueError("this canp.Writer is closed")
        return self._handle

    def _channel(self, interface, time_ns):
        channel = self._channels.get(interface)
        if channel is None:
            channel = len(self._channels)
            name = interface.encode()
            if not 0 < len(name) <= _NAME_BYTES_MAX:
                raise ValueError(f"{interface!r} is no name of an interface: 1 to {_NAME_BYTES_MAX} bytes")
            iface = Iface(bytes=ctypes.sizeof(Iface), name=name)
            check(lib.canp_writer_add_iface(self._open(), min(channel, 255), ctypes.byref(iface), time_ns))
            self._channels[interface] = channel
        return channel

    def put(self, time_ns, interface, can_id, data=b"", *, kind=KIND_CAN, flags=0, extra=0, length=None,
            direction=DIRECTION_RX):
        """Appends a frame; the arguments are a canp.Frame's fields. length: of a remote frame, which has no data."""
        if len(data) > _LENGTH_MAX[kind]:
            raise ValueError(f"{len(data)} bytes of data, at most {_LENGTH_MAX[kind]} fit this kind of frame")
        if not TIME_MIN <= time_ns <= TIME_MAX or direction not in (DIRECTION_RX, DIRECTION_TX, DIRECTION_OWN):
            raise ValueError(f"time {time_ns} or direction {direction} is out of range")
        length = len(data) if length is None else length
        head = can_id.to_bytes(4, "little")
        if kind == KIND_XL:
            sdt, af = extra
            head += bytes([flags, sdt]) + length.to_bytes(2, "little") + af.to_bytes(4, "little")
        else:
            head += bytes([length, flags, 0, extra])
        body = head + bytes(data).ljust(length + 7 & ~7, b"\0")
        record = Record(time_ns=time_ns, kind=kind, channel=self._channel(interface, time_ns), dir=direction,
                        frame=ctypes.cast(ctypes.c_char_p(body), ctypes.c_void_p))
        check(lib.canp_writer_put(self._open(), ctypes.byref(record)))

    def flush(self):
        """Makes what was put readable by others."""
        check(lib.canp_writer_flush(self._open()))

    def close(self):
        """Seals and syncs the recording."""
        if self._handle:
            try:
                check(lib.canp_writer_finish(self._handle))
            finally:
                self._free()

    def _free(self):
        if self._handle:
            lib.canp_writer_close(self._handle)
            self._handle = None
