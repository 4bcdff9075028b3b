"""python-can's log reader and writer for recordings: entry points `.canp` of can.io.message_reader and _writer.

python-can chooses by the path's suffix, and an entry point cannot be named by the empty one, so a directory such as
`drive/` is claimed in python-can's own table of readers and writers when it loads this plug-in.
"""
import logging

import can
from can.io.generic import MessageReader, MessageWriter

from ._reader import DIRECTION_RX, ID_EFF, ID_ERR, ID_RTR, KIND_CAN, KIND_FD, KIND_XL, Frame, Gap, Reader
from ._writer import Writer

log = logging.getLogger("can.io.canp")

_BRS, _ESI, _FDF = 1, 2, 4


def to_message(frame):
    """A can.Message of a canp.Frame that is no CAN XL frame."""
    return can.Message(
        timestamp=frame.time_ns / 1e9,
        arbitration_id=frame.id & (0x1FFFFFFF if frame.id & (ID_EFF | ID_ERR) else 0x7FF),
        is_extended_id=bool(frame.id & ID_EFF),
        is_remote_frame=bool(frame.id & ID_RTR),
        is_error_frame=bool(frame.id & ID_ERR),
        channel=frame.interface,
        dlc=frame.length,
        data=frame.data,
        is_fd=frame.kind == KIND_FD,
        is_rx=frame.direction == DIRECTION_RX,
        bitrate_switch=frame.kind == KIND_FD and bool(frame.flags & _BRS),
        error_state_indicator=frame.kind == KIND_FD and bool(frame.flags & _ESI),
    )


class CanpReader(MessageReader):
    """can.LogReader for recordings.

    skipped_xl counts CAN XL frames, which python-can has no message for; lost the frames that gaps account for;
    damaged the damaged places passed over. All are logged at the end.
    """

    def __init__(self, file, *_args, filters=None, **_options):
        super().__init__(None)
        try:
            self._reader = Reader(file)
        except OSError as error:
            raise ValueError(f"no canp recording: {error.strerror}") from error
        self._filters = filters
        self.skipped_xl = self.lost = self.damaged = 0

    def __iter__(self):
        self.skipped_xl = self.lost = 0
        for record in self._reader.records(self._filters):
            if type(record) is Gap:
                self.lost += record.lost
            elif type(record) is Frame and record.kind == KIND_XL:
                self.skipped_xl += 1
            elif type(record) is Frame:
                yield to_message(record)
        self.damaged = self._reader.damaged
        for count, what in ((self.lost, "frames were lost when this was recorded"),
                            (self.skipped_xl, "CAN XL frames left out: python-can has no message for them"),
                            (self.damaged, "damaged places passed over")):
            if count:
                log.warning("%d %s", count, what)

    def stop(self):
        self._reader.close()


class CanpWriter(MessageWriter):
    """can.Logger into a new recording."""

    def __init__(self, file, *_args, pack=False, **_options):
        super().__init__(None)
        try:
            self._writer = Writer(file, pack=pack)
        except OSError as error:
            raise ValueError(f"cannot write a recording: {error.strerror}") from error
        self._interfaces = {}

    def _interface(self, channel):
        """A channel's name as an interface: 15 bytes at most; where two begin alike, the second ends in ~2."""
        whole = "can" if channel is None else str(channel) or "can"
        name, number = self._interfaces.get(whole), 1
        if name is None:
            name = whole.encode()[:15].decode(errors="ignore")
            while name in self._interfaces.values():
                number += 1
                end = f"~{number}"
                name = whole.encode()[:15 - len(end)].decode(errors="ignore") + end
            self._interfaces[whole] = name
        return name

    def on_message_received(self, msg):
        can_id = msg.arbitration_id
        can_id |= (ID_EFF if msg.is_extended_id else 0) | (ID_ERR if msg.is_error_frame else 0)
        can_id |= ID_RTR if msg.is_remote_frame else 0
        flags = 0
        if msg.is_fd:
            flags = _FDF | (_BRS if msg.bitrate_switch else 0) | (_ESI if msg.error_state_indicator else 0)
        self._writer.put(
            round(msg.timestamp * 1e6) * 1000,  # a float holds microseconds of this century, not nanoseconds
            self._interface(msg.channel), can_id, bytes(msg.data or b""),
            kind=KIND_FD if msg.is_fd else KIND_CAN, flags=flags,
            length=min(msg.dlc, 8) if msg.is_remote_frame else None,
            direction=DIRECTION_RX if msg.is_rx else 1)

    def stop(self):
        self._writer.close()


def _claim_directories():
    """Paths without a suffix, unless another plug-in has them: in python-can 4.2 and newer a module's table, before
    that an attribute of the class."""
    from can.io import logger, player
    readers = getattr(player, "MESSAGE_READERS", None) or getattr(can.LogReader, "message_readers", {})
    writers = getattr(logger, "MESSAGE_WRITERS", None) or getattr(can.Logger, "message_writers", {})
    readers.setdefault("", CanpReader)
    writers.setdefault("", CanpWriter)


_claim_directories()
