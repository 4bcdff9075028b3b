"""python-can's bus of canp: `can.Bus(interface="canp", channel="can0", directory="drive")` records and receives.

The recorder takes all frames of the interface from the kernel and stores them; recv() reads them from the recording as it
grows, so what a slow program has not read yet is on disk and not lost. send() goes to the same interface.
"""
from __future__ import annotations

import collections
import ctypes
import tempfile
import time
from typing import Any, Iterator, List, Optional, Tuple

import can

from ._frame import DIRECTION_RX, DIRECTION_TX, FD_BRS, FD_ESI, FD_FDF, ID_EFF, ID_ERR, ID_RTR, KIND_CAN, KIND_FD, KIND_XL, Frame
from ._lib import Handle, Record, Why, check, lib, text_of
from ._live import Recorder
from ._reader import Reader
from ._writer import body_of
from .can_io import to_message


class CanpBus(can.BusABC):
    """channel: an interface, several with commas, or "any". directory: the recording, which must be new; without one it is a
    temporary one that is removed at the end. receive_own_messages: recv() gives sent messages, too (they are recorded in any
    case). Further options are canp.Recorder's: duration, keep_bytes, pack...
    """

    def __init__(self, channel: Any, can_filters: Any = None, directory: Any = None, receive_own_messages: bool = False,
                 **options: Any) -> None:
        for known in "bitrate", "fd", "state", "single_handle":  # an interface has its bit rate before it is recorded
            options.pop(known, None)
        self._folder = None if directory is not None else tempfile.TemporaryDirectory(prefix="canp-")
        path = directory if self._folder is None else f"{self._folder.name}/bus"
        self._own = receive_own_messages
        self._sent: "collections.Counter[Tuple[int, bytes]]" = collections.Counter()
        self.channel = str(channel)
        self.channel_info = f"canp: {channel} into {path}"
        names = [name.strip() for name in self.channel.split(",")]
        self.recorder = Recorder(path, *names, **options)
        self._reader = Reader(path)
        self._frames = self._read()
        self._sender: Optional[Handle] = None
        self._first = names[0]
        super().__init__(channel=channel, can_filters=can_filters)

    def _read(self) -> Iterator[Optional[Frame]]:
        """The frames as they come; None: there is none now."""
        tables = self._reader.follow()
        for columns in tables:
            if columns is None:
                yield None
                continue
            for record in columns.records():
                if type(record) is Frame and record.kind != KIND_XL and not self._is_own(record):
                    yield record

    def _is_own(self, frame: Frame) -> bool:
        """Was it sent by send()? The kernel says only that it was sent by this host."""
        key = (frame.id, frame.data)
        if frame.direction == DIRECTION_RX or not self._sent[key]:
            return False
        self._sent[key] -= 1
        return not self._own

    def _recv_internal(self, timeout: Optional[float]) -> Tuple[Optional[can.Message], bool]:
        until = None if timeout is None else time.monotonic() + timeout
        for frame in self._frames:
            if frame is not None:
                return to_message(frame), False
            if until is not None and time.monotonic() >= until:
                break
            time.sleep(0.005)
        return None, False

    def send(self, msg: can.Message, timeout: Optional[float] = None) -> None:
        can_id = msg.arbitration_id | (ID_EFF if msg.is_extended_id else 0) | (ID_RTR if msg.is_remote_frame else 0)
        can_id |= ID_ERR if msg.is_error_frame else 0
        kind = KIND_FD if msg.is_fd else KIND_CAN
        flags = FD_FDF | (FD_BRS if msg.bitrate_switch else 0) | (FD_ESI if msg.error_state_indicator else 0) if msg.is_fd else 0
        body = body_of(0, can_id, bytes(msg.data or b""), kind, flags, 0, min(msg.dlc, 8) if msg.is_remote_frame else None,
                       DIRECTION_TX)
        record = Record(kind=kind, frame=ctypes.cast(ctypes.c_char_p(body), ctypes.c_void_p))
        self._sent[can_id, bytes(msg.data or b"")] += 1
        try:
            with self._sending() as sender:
                if check(lib.canp_sender_put(sender, ctypes.byref(record))) == 0:
                    raise can.CanOperationError(f"{self._first} cannot send this message")
                check(lib.canp_sender_flush(sender))
        except OSError as error:
            raise can.CanOperationError(error.strerror or str(error), error.errno) from error

    def _sending(self) -> Handle:
        if self._sender is None:
            sender, why = ctypes.c_void_p(), Why()
            check(lib.canp_sender_open(text_of(self._first, "an interface's name"), ctypes.byref(sender), ctypes.byref(why)), why)
            self._sender = Handle("bus", sender, lib.canp_sender_close)
        return self._sender

    def shutdown(self) -> None:
        super().shutdown()
        self.recorder.stop()
        self._reader.close()
        if self._sender is not None:
            self._sender.close()
        if self._folder is not None:
            self._folder.cleanup()

    @staticmethod
    def _detect_available_configs() -> List[Any]:
        import os
        found = []
        for name in sorted(os.listdir("/sys/class/net")) if os.path.isdir("/sys/class/net") else []:
            try:
                with open(f"/sys/class/net/{name}/type", encoding="ascii") as file:
                    if file.read().strip() == "280":  # ARPHRD_CAN
                        found.append({"interface": "canp", "channel": name})
            except OSError:
                continue
        return found
