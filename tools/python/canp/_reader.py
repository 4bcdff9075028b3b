"""Reading a recording: blocks come from libcanp, their rows are taken apart here (FORMAT.md, "Rows")."""
import ctypes
import struct
import time
from collections import namedtuple

from ._lib import FILTER_SET_BYTES, Batch, CursorOpts, Info, Why, check, lib, path_of

KIND_CAN, KIND_FD, KIND_XL, KIND_GAP = 0, 1, 2, 8
DIRECTION_RX, DIRECTION_TX, DIRECTION_OWN = 0, 1, 2
ID_EFF, ID_RTR, ID_ERR = 0x80000000, 0x40000000, 0x20000000
TIME_MIN, TIME_MAX = -(1 << 63), (1 << 63) - 1

# id: with the kernel's flag bits (ID_*); of an XL frame the priority word. length: of data; a remote frame has none and
# asks for so much. flags: of an FD frame 1 BRS, 2 ESI, 4 FDF; of an XL frame its flags. extra: classic: the raw DLC
# 9..15 of a frame with 8 bytes, else 0; XL: (SDU type, acceptance field). hw_time_ns: the adapter's own stamp or None.
Frame = namedtuple("Frame", "time_ns interface id data length kind direction flags extra hw_time_ns")
# Frames lost here; layer: 1 socket, 2 device, 3 recorder, 4 store.
Gap = namedtuple("Gap", "time_ns interface layer lost from_ns to_ns")
# Any other record that is no frame, as FORMAT.md describes it: payload is what follows its 8 byte header.
Event = namedtuple("Event", "time_ns interface kind code payload")

_row = struct.Struct("<qIBBxB")  # stamp, id, length, flags, raw DLC
_xl = struct.Struct("<qIBBHI")   # stamp, priority, flags, SDU type, length, acceptance field
_event = struct.Struct("<qIH2x")
_gap = struct.Struct("<Qqq")
_hw = struct.Struct("<q")


class _Cursor:
    """Owns a canp_cursor; keeps its reader alive."""

    def __init__(self, reader, opts, filter_set):
        handle = ctypes.c_void_p()
        check(lib.canp_cursor_open(reader._handle, ctypes.byref(opts), ctypes.byref(handle)))
        self._handle, self._reader, self._keep = handle, reader, (opts, filter_set)

    def _open(self):
        if not self._handle:
            raise ValueError("this canp.Reader was closed during the walk")
        return self._handle

    def batches(self):
        """(rows, base_ns) of each block there is now."""
        batch = Batch()
        while check(lib.canp_cursor_next_batch(self._open(), ctypes.byref(batch))) == 1:
            yield ctypes.string_at(batch.rows, batch.bytes), batch.base_ns

    def damaged(self):
        return lib.canp_cursor_damaged(self._handle)

    def close(self):
        if self._handle:
            lib.canp_cursor_close(self._handle)
            self._handle = None


class Reader:
    """A recording: a directory of segments, or one segment file. Errors are canp.Error.

    damaged, lost: what the last walk to its end met: damaged places that were passed over, frames that gaps
    account for (within the window, whatever the filter).
    """

    def __init__(self, path):
        self._handle = None
        handle, why = ctypes.c_void_p(), Why()
        check(lib.canp_reader_open(path_of(path), ctypes.byref(handle), ctypes.byref(why)), why)
        self._handle = handle
        self._names = {}
        self._cursors = []
        self.damaged = self.lost = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()

    def __iter__(self):
        return self.frames()

    def close(self):
        if self._handle:
            for cursor in self._cursors:
                cursor.close()
            lib.canp_reader_close(self._handle)
            self._handle = None

    def _open(self):
        if not self._handle:
            raise ValueError("this canp.Reader is closed")
        return self._handle

    @property
    def interfaces(self):
        """Names by channel."""
        return [self._name(channel) for channel in range(lib.canp_reader_iface_count(self._open()))]

    @property
    def live(self):
        """Is it still being written (or was its writer killed)? As of opening or refresh()."""
        return lib.canp_reader_is_live(self._open())

    @property
    def abandoned(self):
        """Was it not closed, and nobody writes it any more (its recorder was killed)? As of opening or refresh()."""
        return lib.canp_reader_is_abandoned(self._open())

    def refresh(self):
        """Looks for what was written since. True when there is more than before."""
        return check(lib.canp_reader_refresh(self._open())) == 1

    def info(self):
        """frames, records, lost, first_ns, last_ns, segments, blocks, bytes, ids, damaged, live, ... (canp/reader.h)"""
        info = Info()
        check(lib.canp_reader_info(self._open(), ctypes.byref(info)))
        return {name: getattr(info, name) for name, *_ in info._fields_ if name != "_room"}

    def _name(self, channel):
        name = self._names.get(channel)
        if name is None:
            iface = lib.canp_reader_iface(self._open(), channel)
            if not iface or not iface.contents.name:
                return f"if{channel}"
            name = self._names[channel] = iface.contents.name.decode(errors="replace")
        return name

    def frames(self, filters=None, *, from_ns=TIME_MIN, to_ns=TIME_MAX, follow=False):
        """Iterates over the frames from from_ns to to_ns that pass candump's filters, in recorded order.

        follow: goes on as the recording grows, until its writer has closed it or ended (then abandoned is true).
        """
        return (record for record in self.records(filters, from_ns=from_ns, to_ns=to_ns, follow=follow)
                if type(record) is Frame)

    def records(self, filters=None, *, from_ns=TIME_MIN, to_ns=TIME_MAX, follow=False):
        """The same with gaps and other events among them. Filters are about frames; events pass."""
        # ctypes would keep the low 64 bits of a time beyond all recorded ones
        window = [min(max(time_ns, TIME_MIN), TIME_MAX) for time_ns in (from_ns, to_ns)]
        opts = CursorOpts(from_ns=window[0] or -1, to_ns=window[1] or 1)  # to C, 0 is no bound
        filter_set = None
        if filters:
            filter_set, why = ctypes.create_string_buffer(FILTER_SET_BYTES), Why()
            check(lib.canp_filter_parse(filter_set, filters.encode(), ctypes.byref(why)), why)
            opts.filter = ctypes.cast(filter_set, ctypes.c_void_p)
        self._open()
        return self._walk(opts, window, filter_set, follow)

    def _walk(self, opts, window, filter_set, follow):
        cursor = _Cursor(self, opts, filter_set)
        self._cursors.append(cursor)
        self.lost = 0
        try:
            while True:
                live = follow and lib.canp_reader_may_grow(self._open())  # before the last look, so that nothing is missed
                for rows, base_ns in cursor.batches():
                    for record in self._rows(rows, base_ns):
                        if window[0] <= record.time_ns <= window[1] and _passes(record, filter_set):
                            if type(record) is Gap:
                                self.lost += record.lost
                            yield record
                if not live:
                    break
                time.sleep(0.02)
                self.refresh()
        finally:
            if cursor in self._cursors and self._handle:
                self.damaged = cursor.damaged()
                cursor.close()
                self._cursors.remove(cursor)

    def _rows(self, rows, base_ns):
        at, end, name = 0, len(rows), self._name
        while at < end:
            stamp, can_id, length, flags, raw_dlc = _row.unpack_from(rows, at)
            time_ns, kind, direction = base_ns + (stamp >> 16), stamp >> 8 & 15, stamp >> 12 & 3
            has_hw = stamp & 0x4000
            interface = name(stamp & 255)
            if kind <= KIND_FD:
                start, bytes_ = at + 16, length
                extra = raw_dlc if kind == KIND_CAN else 0
            elif kind == KIND_XL:
                _, can_id, flags, sdt, bytes_, af = _xl.unpack_from(rows, at)
                start, extra = at + 20, (sdt, af)
            else:
                _, code, size = _event.unpack_from(rows, at)
                start, bytes_ = at + 16, size - 8
            data = rows[start:start + bytes_]
            at += (start - at + bytes_ + 7) & ~7
            hw_time_ns = _hw.unpack_from(rows, at)[0] if has_hw else None
            at += 8 if has_hw else 0
            if kind <= KIND_XL:
                if kind == KIND_CAN and can_id & ID_RTR:
                    data = b""
                yield Frame(time_ns, interface, can_id, data, bytes_, kind, direction, flags, extra, hw_time_ns)
            elif kind == KIND_GAP:
                yield Gap(time_ns, interface, code, *_gap.unpack_from(data))
            else:
                yield Event(time_ns, interface, kind, code, data)


def _passes(record, filter_set):
    return filter_set is None or type(record) is not Frame or lib.canp_filter_match_id(filter_set, record.id)
