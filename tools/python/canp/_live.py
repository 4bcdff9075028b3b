"""Live: recording, listening and replaying on CAN interfaces."""
from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import threading
import time
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_uint32,
                    c_uint64, c_void_p)
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Union

from ._frame import ID_RTR, KIND_CAN, KIND_GAP, KIND_XL, Frame
from ._lib import Handle, Options, Record, Why, check, error_of, lib, live_functions, path_of, text_of
from ._logs import Paths, _Source
from ._select import Filters, Interfaces, Time

_Notice = CFUNCTYPE(None, c_void_p, c_char_p)
_Ready = CFUNCTYPE(None, c_void_p, c_void_p)
_Each = CFUNCTYPE(None, c_void_p, POINTER(Record))
_Put = CFUNCTYPE(c_int, c_void_p, POINTER(Record))
_Flush = CFUNCTYPE(c_int, c_void_p)


class RecorderOpts(Options):
    _fields_ = [("size", c_size_t), ("ifaces", POINTER(c_char_p)), ("iface_count", c_uint), ("dir", c_char_p),
                ("duration_ns", c_uint64), ("frames_max", c_uint64), ("segment_bytes", c_uint64), ("segment_ns", c_uint64),
                ("keep_segments", c_uint64), ("keep_bytes", c_uint64), ("sync_ns", c_uint64), ("sync_at_segments", c_bool),
                ("no_sync", c_bool), ("pack", c_bool), ("flush_ns", c_uint64), ("latency_ns", c_uint64),
                ("rcvbuf_bytes", c_uint64), ("no_error_frames", c_bool), ("hw_timestamps", c_bool),
                ("notes", POINTER(c_char_p)), ("note_count", c_uint), ("triggers", POINTER(c_char_p)),
                ("trigger_count", c_uint), ("pre_trigger_ns", c_uint64), ("post_trigger_ns", c_uint64),
                ("trigger_memory_bytes", c_uint64), ("trigger", c_void_p), ("slab_bytes", c_size_t), ("slab_count", c_uint),
                ("stall_ns", c_uint64), ("prealloc", c_bool), ("io", c_int), ("wait_absent", c_bool), ("no_wait", c_bool), ("bitrate", c_uint32),
                ("dbitrate", c_uint32), ("notice", _Notice), ("ready", _Ready),
                ("stored", c_void_p), ("user", c_void_p)]


class RecorderStats(Structure):
    _fields_ = [("frames", c_uint64), ("error_frames", c_uint64), ("lost", c_uint64), ("undone", c_uint64),
                ("outside", c_uint64), ("windows", c_uint64), ("duration_ns", c_uint64), ("segments", c_uint64),
                ("removed", c_uint64), ("bytes", c_uint64), ("_room", c_uint64 * 2400)]


class ListenerOpts(Options):
    _fields_ = [("size", c_size_t), ("ifaces", POINTER(c_char_p)), ("iface_count", c_uint), ("wait_absent", c_bool),
                ("no_wait", c_bool)]


class Stop(Structure):
    _fields_ = [("wish", c_int)]


class ReplaySink(Structure):
    _fields_ = [("self", c_void_p), ("want", c_void_p), ("put", _Put), ("put_at", c_void_p), ("flush", _Flush),
                ("idle", c_void_p)]


class ReplayOpts(Options):
    _fields_ = [("size", c_size_t), ("speed", c_double), ("full_speed", c_bool), ("loops", c_uint64), ("from_ns", c_int64),
                ("to_ns", c_int64), ("max_gap_ns", c_uint64), ("spin_ns", c_uint64), ("filters", c_void_p), ("stop", c_void_p),
                ("ahead_ns", c_uint64), ("bus_window", c_bool)]


class ReplayStats(Structure):
    _fields_ = [("frames", c_uint64), ("loops", c_uint64), ("lost", c_uint64), ("damaged", c_uint32),
                ("scheduled_ns", c_uint64), ("elapsed_ns", c_uint64), ("drift_ns", c_int64), ("stopped", c_bool),
                ("_room", c_uint64 * 2400)]


STRUCTS = {"canp_recorder_opts": RecorderOpts, "canp_recorder_stats": RecorderStats, "canp_listener_opts": ListenerOpts,
           "canp_stop": Stop, "canp_replay_sink": ReplaySink, "canp_replay_opts": ReplayOpts,
           "canp_replay_stats": ReplayStats}

live_functions({
    "canp_recorder_open": (c_int, [POINTER(RecorderOpts), POINTER(c_void_p), POINTER(Why)]),
    "canp_recorder_run": (c_int, [c_void_p, POINTER(Why)]),
    "canp_recorder_stop": (None, [c_void_p]),
    "canp_recorder_rotate": (None, [c_void_p]),
    "canp_recorder_trigger": (None, [c_void_p]),
    "canp_recorder_note": (c_int, [c_void_p, c_char_p, POINTER(Why)]),
    "canp_recorder_stats": (None, [c_void_p, POINTER(RecorderStats)]),
    "canp_recorder_close": (None, [c_void_p]),
    "canp_listener_open": (c_int, [POINTER(ListenerOpts), POINTER(c_void_p), POINTER(Why)]),
    "canp_listener_close": (None, [c_void_p]),
    "canp_listener_take": (c_uint, [c_void_p, _Each, c_void_p]),
    "canp_listener_refresh": (c_int, [c_void_p]),
    "canp_listener_iface": (c_void_p, [c_void_p, c_uint]),
    "canp_sender_open": (c_int, [c_char_p, POINTER(c_void_p), POINTER(Why)]),
    "canp_sender_close": (None, [c_void_p]),
    "canp_sender_put": (c_int, [c_void_p, POINTER(Record)]),
    "canp_sender_flush": (c_int, [c_void_p]),
    "canp_stop_set": (None, [POINTER(Stop)]),
    "canp_replay_log": (c_int, [c_void_p, POINTER(ReplayOpts), POINTER(ReplaySink), POINTER(ReplayStats)]),
})


def _texts(texts: Union[str, Iterable[str], None], what: str) -> Any:
    names = [] if texts is None else [texts] if isinstance(texts, str) else list(texts)
    array = (c_char_p * max(1, len(names)))(*[text_of(name, what) for name in names])
    return array, len(names)


# ---- recording --------------------------------------------------------------------------------------------

class Recorder:
    """Records CAN interfaces into a new directory, in threads of its own, from here until stop().

        with canp.Recorder("drive", "can0", "can1") as recorder:
            ...
            recorder.note("overtaking")

    interfaces: names, "any", or names with filters ("can0,123:7FF"). duration: seconds, 0: until stop(). keep_bytes,
    keep_segments: the oldest segments are removed. notes: KEY=VALUE. wait_absent: interfaces that do not exist yet are waited for.
    notices: what the recorder had to say, as sentences.
    """

    def __init__(self, path: Any, *interfaces: str, duration: float = 0, frames_max: int = 0, segment_bytes: int = 0,
                 keep_bytes: int = 0, keep_segments: int = 0, pack: bool = False, hw_timestamps: bool = False,
                 notes: Sequence[str] = (), wait_absent: bool = False) -> None:
        if not interfaces:
            raise ValueError("no interface to record; \"any\" is all of them")
        self.path: str = os.fsdecode(path)
        self.notices: List[str] = []
        self._failure: Optional[BaseException] = None
        names, count = _texts(interfaces, "an interface's name")
        noted, note_count = _texts(notes, "a note")
        self._notice = _Notice(lambda _user, text: self.notices.append((text or b"").decode(errors="replace")))
        opts = RecorderOpts(ifaces=names, iface_count=count, dir=path_of(path), duration_ns=round(duration * 10**9),
                            frames_max=frames_max, segment_bytes=segment_bytes, keep_bytes=keep_bytes,
                            keep_segments=keep_segments, pack=pack, hw_timestamps=hw_timestamps, notes=noted,
                            note_count=note_count, wait_absent=wait_absent, notice=self._notice)
        recorder, why = c_void_p(), Why()
        check(lib.canp_recorder_open(ctypes.byref(opts), ctypes.byref(recorder), ctypes.byref(why)), why, path)
        self._handle = Handle("canp.Recorder", recorder, lib.canp_recorder_close)
        self._address = recorder.value
        self._thread = threading.Thread(target=self._run, name="canp recorder")
        self._thread.start()

    def _run(self) -> None:
        why = Why()
        result = lib.canp_recorder_run(self._address, ctypes.byref(why))
        if result < 0:
            self._failure = error_of(result, why, self.path)

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ends the recording: everything that was received is stored and sealed. Raises what made it fail."""
        if not self._handle.is_open:
            return
        with self._handle as recorder:
            lib.canp_recorder_stop(recorder)
            self._thread.join()
            self._last = self._stats(recorder)
        self._handle.close()
        if self._failure is not None:
            raise self._failure

    close = stop

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits until it ended by itself (duration, frames_max, a failure). True when it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def rotate(self) -> None:
        """Soon begins the next segment."""
        with self._handle as recorder:
            lib.canp_recorder_rotate(recorder)

    def note(self, text: str) -> None:
        """A text of one line for whoever reads the recording, stored with the time of now."""
        why = Why()
        with self._handle as recorder:
            check(lib.canp_recorder_note(recorder, text_of(text, "a note"), ctypes.byref(why)), why)

    def stats(self) -> Dict[str, int]:
        """frames, error_frames, lost, duration_ns, segments, bytes...: so far, and in all after stop()."""
        if not self._handle.is_open:
            return dict(self._last)
        with self._handle as recorder:
            return self._stats(recorder)

    @staticmethod
    def _stats(recorder: Any) -> Dict[str, int]:
        stats = RecorderStats()
        lib.canp_recorder_stats(recorder, ctypes.byref(stats))
        return {name: getattr(stats, name) for name, *_ in stats._fields_ if name != "_room"}

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def __del__(self) -> None:
        if hasattr(self, "_thread") and self._handle.is_open and not self._handle.is_foreign:
            with contextlib.suppress(Exception):
                self.stop()

    def __reduce__(self) -> Any:
        raise TypeError("a canp.Recorder cannot be copied or pickled")

    def __repr__(self) -> str:
        return f"<canp.Recorder {self.path!r}{'' if self._handle.is_open else ', stopped'}>"


# ---- listening --------------------------------------------------------------------------------------------

class Listener:
    """Frames of CAN interfaces as they come, without recording. `for` and `async for` wait for the next one.

        async for frame in canp.listen("can0"):
            print(frame)

    interfaces: as canp.Recorder's, filters after the name included. timeout: seconds without a frame after which the
    iteration ends; None: never. Between two frames the kernel holds what comes; what its buffer does not hold is lost.
    """

    _PAUSE = 0.005

    def __init__(self, *interfaces: str, timeout: Optional[float] = None, wait_absent: bool = False) -> None:
        if not interfaces:
            raise ValueError("no interface to listen to; \"any\" is all of them")
        names, count = _texts(interfaces, "an interface's name")
        opts = ListenerOpts(ifaces=names, iface_count=count, wait_absent=wait_absent)
        listener, why = c_void_p(), Why()
        check(lib.canp_listener_open(ctypes.byref(opts), ctypes.byref(listener), ctypes.byref(why)), why)
        self._handle = Handle("canp.Listener", listener, lib.canp_listener_close)
        self._timeout = timeout
        self._waiting: List[Frame] = []
        self._names: Dict[int, str] = {}
        self._each = _Each(self._take_one)

    def _take_one(self, _user: Any, record: Any) -> None:
        one = record.contents
        if one.kind < KIND_GAP:
            self._waiting.append(_frame_of(one, self._names))

    def take(self) -> List[Frame]:
        """The frames that came since the last call; does not wait."""
        with self._handle as listener:
            self._names = _ListenerNames(listener)
            lib.canp_listener_take(listener, self._each, None)
            frames, self._waiting = self._waiting, []
        return frames

    def refresh(self) -> None:
        """Takes in interfaces that appeared, with "any" or wait_absent, or that are back."""
        with self._handle as listener:
            check(lib.canp_listener_refresh(listener))

    def _pauses(self) -> Iterator[Optional[List[Frame]]]:
        """What came, or None: pause and ask again."""
        last = refreshed = time.monotonic()
        while True:
            frames = self.take()
            now = time.monotonic()
            if frames:
                last = now
                yield frames
            elif self._timeout is not None and now - last >= self._timeout:
                return
            else:
                yield None
            if now - refreshed > 1:
                self.refresh()
                refreshed = now

    def __iter__(self) -> Iterator[Frame]:
        for frames in self._pauses():
            if frames is None:
                time.sleep(self._PAUSE)
            else:
                yield from frames

    async def __aiter__(self) -> Any:
        for frames in self._pauses():
            if frames is None:
                await asyncio.sleep(self._PAUSE)
            else:
                for frame in frames:
                    yield frame

    def close(self) -> None:
        """Ends it. A second time it does nothing."""
        self._handle.close()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a canp.Listener cannot be copied or pickled")


def listen(*interfaces: str, timeout: Optional[float] = None, wait_absent: bool = False) -> Listener:
    """A canp.Listener: frames of these interfaces as they come, by `for` or `async for`."""
    return Listener(*interfaces, timeout=timeout, wait_absent=wait_absent)


class _ListenerNames(Dict[int, str]):
    """Names by channel; a name is at the beginning of canp_listener_iface."""

    def __init__(self, listener: Any) -> None:
        super().__init__()
        self._listener = listener

    def __missing__(self, channel: int) -> str:
        address = lib.canp_listener_iface(self._listener, channel)
        name = ctypes.string_at(address).decode(errors="replace") if address else f"if{channel}"
        self[channel] = name
        return name


def _frame_of(one: Record, names: Any) -> Frame:
    """A record that is lent, as a tuple of its own."""
    head = ctypes.string_at(one.frame, 8)
    can_id = int.from_bytes(head[:4], "little")
    stamp = one.hw_time_ns if one.has_hw_time else None
    if one.kind == KIND_XL:
        length = int.from_bytes(head[6:8], "little")
        body = ctypes.string_at(one.frame + 8, 4 + length)
        return Frame(one.time_ns, names[one.channel], can_id, body[4:], length, KIND_XL, one.dir, head[4],
                     (head[5], int.from_bytes(body[:4], "little")), stamp)
    length, is_classic = head[4], one.kind == KIND_CAN
    data = b"" if is_classic and can_id & ID_RTR else ctypes.string_at(one.frame + 8, length)
    return Frame(one.time_ns, names[one.channel], can_id, data, length, one.kind, one.dir, 0 if is_classic else head[5],
                 head[7] if is_classic else 0, stamp)


# ---- replaying --------------------------------------------------------------------------------------------

class Replayed(NamedTuple):
    """frames: handed to the interfaces; refused: what they cannot send; lost: missing in the recording; stopped: early."""

    frames: int
    refused: int
    lost: int
    elapsed_ns: int
    stopped: bool


def replay(source: Paths, interfaces: Union[str, Dict[str, str]], *, speed: float = 1.0, loops: int = 1,
           filters: Filters = None, from_: Optional[Time] = None, to: Optional[Time] = None, only: Interfaces = None,
           stop: Optional[threading.Event] = None) -> Replayed:
    """Sends a recording, or a log of any format, at its own pace: `canp.replay("drive", "vcan0")`.

    interfaces: one for all frames, or {recorded name: interface}; frames of others are left out. speed: 2 is twice as fast, 0 as
    fast as possible. only: interfaces of the source. It returns at the end; stop ends it early, from another thread.
    """
    if not speed >= 0:
        raise ValueError(f"speed {speed} is below 0")
    found = _Source(source, filters, from_, to, only, 7 | 1 << 9)
    try:
        with _Senders(interfaces) as senders, found.handle as log:
            return _play(log, senders, speed, loops, stop)
    finally:
        found.close()


class _Senders:
    """The open interfaces, and which of them gets a frame."""

    def __init__(self, interfaces: Union[str, Dict[str, str]]) -> None:
        self._map, self._handles = interfaces, contextlib.ExitStack()
        self._open: Dict[str, Handle] = {}
        try:
            for name in [interfaces] if isinstance(interfaces, str) else set(interfaces.values()):
                sender, why = c_void_p(), Why()
                check(lib.canp_sender_open(text_of(name, "an interface's name"), ctypes.byref(sender), ctypes.byref(why)), why)
                self._open[name] = Handle("sender", sender, lib.canp_sender_close)
                self._handles.callback(self._open[name].close)
        except BaseException:
            self._handles.close()
            raise

    def __enter__(self) -> "_Senders":
        return self

    def __exit__(self, *_: Any) -> None:
        self._handles.close()

    def of(self, recorded: str) -> Any:
        name = self._map if isinstance(self._map, str) else self._map.get(recorded)
        return None if name is None else self._open[name]._address

    def all(self) -> List[Any]:
        return [handle._address for handle in self._open.values()]


def _play(log: Any, senders: _Senders, speed: float, loops: int, stop: Optional[threading.Event]) -> Replayed:
    by_channel: Dict[int, Any] = {}
    wish, refused, sent = Stop(), [0], [0]

    def sender_of(channel: int) -> Any:
        if channel not in by_channel:
            iface = lib.canp_log_iface(log, channel)
            by_channel[channel] = senders.of(iface.contents.name.decode(errors="replace") if iface else "")
        return by_channel[channel]

    def put(_self: Any, record: Any) -> int:
        sender = sender_of(record.contents.channel)
        if sender is None:
            return 0
        result = int(lib.canp_sender_put(sender, record))
        refused[0] += result == 0
        sent[0] += result > 0
        return min(result, 0)

    def flush(_self: Any) -> int:
        if stop is not None and stop.is_set():
            lib.canp_stop_set(ctypes.byref(wish))
        return min([int(lib.canp_sender_flush(sender)) for sender in senders.all()] or [0])

    keep = (_Put(put), _Flush(flush))
    sink = ReplaySink(put=keep[0], flush=keep[1])
    opts = ReplayOpts(speed=speed or 1.0, full_speed=speed == 0, loops=loops, stop=ctypes.addressof(wish))
    stats = ReplayStats()
    results: List[int] = []
    thread = threading.Thread(target=lambda: results.append(lib.canp_replay_log(
        log, ctypes.byref(opts), ctypes.byref(sink), ctypes.byref(stats))))
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
            if stop is not None and stop.is_set():
                lib.canp_stop_set(ctypes.byref(wish))
    except BaseException:  # Ctrl-C ends it soon
        lib.canp_stop_set(ctypes.byref(wish))
        thread.join()
        raise
    check(results[0])
    return Replayed(sent[0], refused[0], stats.lost, stats.elapsed_ns, stats.stopped)
