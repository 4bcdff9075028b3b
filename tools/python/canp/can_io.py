"""python-can's log reader and writer for recordings: entry points `.canp` of can.io.message_reader and _writer.

python-can chooses by the path's suffix, and an entry point cannot be named by the empty one. So when it loads this
plug-in, its own tables of readers and writers are taught about paths without a suffix, and about directories whose
names have dots: a suffix that nobody knows is a recording when the path is a directory or ends in a slash. Without
libcanp this module loads as well, and says what is missing only when a recording is opened.
"""
from __future__ import annotations

import logging
import os
import shutil
import tempfile
from typing import Any, Dict, Iterator, Optional

import can
from can.io import generic
from can.io.generic import MessageReader, MessageWriter

from ._frame import (DIRECTION_RX, DIRECTION_TX, FD_BRS, FD_ESI, FD_FDF, ID_EFF, ID_ERR, ID_RTR, KIND_CAN, KIND_FD, KIND_GAP,
                     KIND_XL, Frame)
from ._reader import Reader
from ._select import FilterList
from ._table import Columns
from ._writer import Writer

log = logging.getLogger("can.io.canp")
_WHOLE_FILE = 1 << 36  # a segment file that holds all


def to_message(frame: Frame) -> can.Message:
    """A can.Message of a canp.Frame that is no CAN XL frame."""
    return _message(frame.time_ns, channel_of(frame.interface), frame.id, frame.data, frame.length, frame.kind == KIND_FD,
                    frame.direction == DIRECTION_RX, frame.flags)


def channel_of(interface: str) -> Any:
    """A number where it was one when it was written."""
    return int(interface) if interface.isdecimal() and interface.isascii() else interface


def _message(time_ns: int, channel: Any, can_id: int, data: bytes, length: int, is_fd: bool, is_rx: bool,
             flags: int) -> can.Message:
    return can.Message(
        timestamp=time_ns / 10**9, arbitration_id=can_id & (0x1FFFFFFF if can_id & (ID_EFF | ID_ERR) else 0x7FF),
        is_extended_id=can_id >= ID_EFF, is_remote_frame=can_id & ID_RTR != 0, is_error_frame=can_id & ID_ERR != 0,
        channel=channel, dlc=length, data=data, is_fd=is_fd, is_rx=is_rx, bitrate_switch=is_fd and flags & FD_BRS != 0,
        error_state_indicator=is_fd and flags & FD_ESI != 0)


# What a message consists of in python-can 4.1 and newer; with other fields it is made by its constructor.
_HAS_KNOWN_SLOTS = set(getattr(can.Message, "__slots__", ())) - {"__weakref__"} == {
    "timestamp", "arbitration_id", "is_extended_id", "is_remote_frame", "is_error_frame", "channel", "dlc", "data", "is_fd",
    "is_rx", "bitrate_switch", "error_state_indicator"}
_new = can.Message.__new__


def _fast_message(time_ns: int, channel: Any, can_id: int, data: bytes, length: int, is_fd: bool, is_rx: bool,
                  flags: int) -> can.Message:
    """The same without the constructor, which takes half of the time; a test holds the two against each other."""
    message = _new(can.Message)
    message.timestamp = time_ns / 10**9
    message.arbitration_id = can_id & (0x1FFFFFFF if can_id & 0xA0000000 else 0x7FF)
    message.is_extended_id = can_id >= 0x80000000
    message.is_remote_frame = can_id & 0x40000000 != 0
    message.is_error_frame = can_id & 0x20000000 != 0
    message.channel = channel
    message.dlc = length
    message.data = bytearray(data)
    message.is_fd = is_fd
    message.is_rx = is_rx
    message.bitrate_switch = is_fd and flags & 1 != 0
    message.error_state_indicator = is_fd and flags & 2 != 0
    return message


class CanpReader(MessageReader):
    """can.LogReader for recordings: a directory, a segment file, or such a file opened for reading.

    filters: python-can's list of {"can_id", "can_mask", "extended"}, or any other of canp.Selection. skipped_xl counts
    CAN XL frames, which python-can has no message for; lost the frames that gaps account for; damaged the damaged
    places passed over. All are logged at the end. channel_map: {"can0": 1}: the channels that messages have instead,
    for example for can.ASCWriter and can.BLFWriter, which hold numbers only.
    """

    file: Any = None

    def __init__(self, file: Any, *_args: Any, filters: Any = None, channel_map: Optional[Dict[str, Any]] = None,
                 **_options: Any) -> None:
        self._folder: Any = None
        self._filters, self._map = filters, dict(channel_map or {})
        self.skipped_xl = self.lost = self.damaged = 0
        path = file
        if hasattr(file, "read"):
            self.file = file
            path = self._copy(file)
        elif os.path.isfile(file):
            self.file = open(file, "rb")  # as other readers have it; python-can asks whether it is closed
        try:
            self._reader = Reader(path)
        except OSError as error:
            if self.file is not None and path is file:
                self.file.close()
            raise ValueError(f"no canp recording: {error.strerror}") from error

    def _copy(self, file: Any) -> str:
        """A segment must be mapped, so a file that need not have a name is copied."""
        self._folder = tempfile.TemporaryDirectory(prefix="canp-")
        path = os.path.join(self._folder.name, "00000001.canp")
        with open(path, "wb") as copy:
            shutil.copyfileobj(getattr(file, "buffer", file), copy)
        return path

    def __iter__(self) -> Iterator[can.Message]:
        self.skipped_xl = self.lost = 0
        if FilterList(self._filters).functions:
            for frame in self._reader.frames(self._filters):
                if frame.kind != KIND_XL:
                    channel = self._map.get(frame.interface, channel_of(frame.interface))
                    yield _message(frame.time_ns, channel, frame.id, frame.data, frame.length, frame.kind == KIND_FD,
                                   frame.direction == DIRECTION_RX, frame.flags)
        else:
            for columns in self._reader.record_batches(self._filters):
                yield from self._messages(columns)
        self.damaged = self._reader.damaged
        for count, what in ((self.lost, "frames were lost when this was recorded"),
                            (self.skipped_xl, "CAN XL frames left out: python-can has no message for them"),
                            (self.damaged, "damaged places passed over")):
            if count:
                log.warning("%d %s", count, what)

    def _messages(self, columns: Columns) -> Iterator[can.Message]:
        channels = [self._map.get(name, channel_of(name)) for name in columns.interfaces]
        make = _fast_message if _HAS_KNOWN_SLOTS else _message
        for at, (time_ns, channel, can_id, data, length, kind, direction, flags) in enumerate(zip(
                columns.time.tolist(), columns.channel.tobytes(), columns.id.tolist(), columns.data_list(),
                columns.length.tolist(), columns.kind.tobytes(), columns.direction.tobytes(), columns.flags.tobytes())):
            if kind <= KIND_FD:
                yield make(time_ns, channels[channel], can_id, data, length, kind == KIND_FD, direction == DIRECTION_RX, flags)
            elif kind == KIND_XL:
                self.skipped_xl += 1
            elif kind == KIND_GAP:
                self.lost += getattr(columns[at], "lost", 0)

    def __enter__(self) -> "CanpReader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def stop(self) -> None:
        self._reader.close()
        if self.file is not None:
            self.file.close()
        if self._folder is not None:
            self._folder.cleanup()


class CanpWriter(MessageWriter):
    """can.Logger into a new recording: a directory, or one segment file where the path is a file or an open file.

    pack: packs the recording. channel_map: {channel: name}: what interfaces are called. append: goes on with the
    recording that is there. A file is complete only after stop(); until then its recording is a directory beside the
    system's temporary files.
    """

    file: Any = None

    def __init__(self, file: Any, *_args: Any, pack: bool = False, append: bool = False,
                 channel_map: Optional[Dict[Any, str]] = None, **_options: Any) -> None:
        self._folder: Any = None
        self._interfaces: Dict[str, str] = {}
        self._map = {str(channel): name for channel, name in (channel_map or {}).items()}
        try:
            self._open(file, pack, append)
        except OSError as error:
            raise ValueError(f"cannot write a recording: {error.strerror}") from error

    def _open(self, file: Any, pack: bool, append: bool) -> None:
        old = file if append and not hasattr(file, "write") and os.path.exists(file) and _holds_frames(file) else None
        if hasattr(file, "write") or os.path.isfile(file):
            self.file = file if hasattr(file, "write") else open(file, "r+b")  # pylint: disable=consider-using-with
            self._folder = tempfile.TemporaryDirectory(prefix="canp-")
            target, segment_bytes = os.path.join(self._folder.name, "canp"), 0
        else:
            target, segment_bytes = file, 0
        if old is not None and self._folder is None:
            self._writer = Writer(target, pack=pack, append=True)
            return
        self._writer = Writer(target, pack=pack, segment_bytes=segment_bytes)
        if old is not None:
            with Reader(old) as reader:
                for frame in reader:
                    self._writer.put_frame(frame)

    def _interface(self, channel: Any) -> str:
        """A channel's name as an interface: 15 bytes at most; where two begin alike, the second ends in ~2."""
        whole = "can" if channel is None else str(channel) or "can"
        whole = self._map.get(whole, whole)
        name, number = self._interfaces.get(whole), 1
        if name is None:
            name = whole.encode()[:15].decode(errors="ignore")
            while name in self._interfaces.values():
                number += 1
                end = f"~{number}"
                name = whole.encode()[:15 - len(end)].decode(errors="ignore") + end
            self._interfaces[whole] = name
        return name

    def on_message_received(self, msg: can.Message) -> None:
        can_id = msg.arbitration_id
        can_id |= (ID_EFF if msg.is_extended_id else 0) | (ID_ERR if msg.is_error_frame else 0)
        can_id |= ID_RTR if msg.is_remote_frame else 0
        flags = 0
        if msg.is_fd:
            flags = FD_FDF | (FD_BRS if msg.bitrate_switch else 0) | (FD_ESI if msg.error_state_indicator else 0)
        self._writer.put(
            round(msg.timestamp * 1e6) * 1000,  # a float holds microseconds of this century, not nanoseconds
            self._interface(msg.channel), can_id, bytes(msg.data or b""),
            kind=KIND_FD if msg.is_fd else KIND_CAN, flags=flags,
            length=min(msg.dlc, 8) if msg.is_remote_frame else None,
            direction=DIRECTION_RX if msg.is_rx else DIRECTION_TX)

    def file_size(self) -> int:
        """Bytes written so far; for a packed recording before packing."""
        return self._writer.bytes

    def __enter__(self) -> "CanpWriter":
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def stop(self) -> None:
        self._writer.close()
        if self._folder is not None:
            self._deliver()

    def _deliver(self) -> None:
        """The recording's segment into the file."""
        segments = sorted(os.listdir(self._writer.path))
        if not self.file.closed and len([name for name in segments if name.endswith(".canp")]) == 1:
            out = getattr(self.file, "buffer", self.file)
            with open(os.path.join(self._writer.path, "00000001.canp"), "rb") as segment:
                shutil.copyfileobj(segment, out)
            self.file.close()
        self._folder.cleanup()


def _holds_frames(path: Any) -> bool:
    return os.path.isdir(path) or os.path.getsize(path) > 0


# ---- which paths are recordings ---------------------------------------------------------------------------

class _Unknown:
    """What python-can's table gives for a suffix that it does not know: a recording, if the path is one's."""

    def __init__(self, kind: Any, what: str, suffix: str) -> None:
        self._kind, self._what, self._suffix = kind, what, suffix

    def __call__(self, file: Any = None, *args: Any, **options: Any) -> Any:
        name = os.fspath(file) if not hasattr(file, "read") else ""
        if name and (os.path.isdir(name) or str(name).endswith(os.sep)):
            return self._kind(file, *args, **options)
        raise ValueError(f'No {self._what} support for this unknown log format "{self._suffix}"')


class _Table(Dict[str, Any]):
    """python-can's table of suffixes, which answers for unknown ones, too. What others add later is in both."""

    def __init__(self, old: Dict[str, Any], kind: Any, what: str) -> None:
        super().__init__(old)
        self._old, self._kind, self._what = old, kind, what
        self[""] = self.get("", kind)
        self[".canp"] = kind

    def __setitem__(self, suffix: str, kind: Any) -> None:
        super().__setitem__(suffix, kind)
        self._old[suffix] = kind

    def __missing__(self, suffix: str) -> Any:
        return self._old[suffix] if suffix in self._old else _Unknown(self._kind, self._what, suffix)


def _claim() -> None:
    """In python-can 4.2 and newer the tables are a module's, before that attributes of a class."""
    from can.io import logger, player
    for module, name, owner, attribute, kind, what in (
            (player, "MESSAGE_READERS", can.LogReader, "message_readers", CanpReader, "read"),
            (logger, "MESSAGE_WRITERS", can.Logger, "message_writers", CanpWriter, "write")):
        if hasattr(module, name):
            setattr(module, name, _Table(getattr(module, name), kind, what))
        elif hasattr(owner, attribute):
            setattr(owner, attribute, _Table(getattr(owner, attribute), kind, what))
    # can.SizedRotatingLogger takes the formats of this set, and in 4.1 only writers of this class.
    rotating: Any = getattr(can, "SizedRotatingLogger", None)
    if isinstance(getattr(rotating, "_supported_formats", None), set):
        rotating._supported_formats.add(".canp")
    base: Any = getattr(generic, "SizedMessageWriter", generic.FileIOMessageWriter)
    base.register(CanpWriter)


_claim()
