"""What a recording holds: frames, gaps and other events, as tuples with names.

A Frame's fields: time_ns, integer nanoseconds since 1970. id: with the kernel's flag bits (ID_*); of an XL frame the
priority word. length: bytes of data; a remote frame has no data and asks for so many. flags: of an FD frame 1 BRS,
2 ESI, 4 FDF; of an XL frame its flags. extra: classic: the raw DLC 9..15 of a frame with 8 bytes, else 0; XL: (SDU type,
acceptance field). hw_time_ns: the adapter's own stamp or None.
"""
from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Optional, Tuple, Union

KIND_CAN, KIND_FD, KIND_XL, KIND_GAP, KIND_IFACE, KIND_LINK, KIND_MARK, KIND_CLOCK = 0, 1, 2, 8, 9, 10, 11, 12
DIRECTION_RX, DIRECTION_TX, DIRECTION_OWN = 0, 1, 2
ID_EFF, ID_RTR, ID_ERR = 0x80000000, 0x40000000, 0x20000000
FD_BRS, FD_ESI, FD_FDF = 1, 2, 4
TIME_MIN, TIME_MAX = -(1 << 63), (1 << 63) - 1
KINDS = {KIND_CAN: "can", KIND_FD: "fd", KIND_XL: "xl", KIND_GAP: "gap", KIND_IFACE: "iface", KIND_LINK: "link",
         KIND_MARK: "mark", KIND_CLOCK: "clock"}
DIRECTIONS = ("rx", "tx", "own", "?")
LAYERS = {1: "socket", 2: "device", 3: "recorder", 4: "store"}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def datetime_of(time_ns: int) -> datetime:
    """The time as a datetime in UTC, cut to microseconds. OverflowError beyond the years that it knows."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def time_text(time_ns: int) -> str:
    """The time for people, with all nanoseconds."""
    try:
        return f"{datetime_of(time_ns // 10**9 * 10**9):%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9:09d}Z"
    except OverflowError:
        return f"{time_ns} ns"


class Frame(NamedTuple):
    """One CAN, CAN FD or CAN XL frame, remote and error frames included."""

    time_ns: int
    interface: str
    id: int
    data: bytes
    length: int
    kind: int
    direction: int
    flags: int
    extra: Union[int, Tuple[int, int]]
    hw_time_ns: Optional[int]

    @property
    def time(self) -> float:
        """Seconds since 1970; a float holds them to about 0.2 us."""
        return self.time_ns / 10**9

    @property
    def datetime(self) -> datetime:
        """In UTC, cut to microseconds."""
        return datetime_of(self.time_ns)

    @property
    def can_id(self) -> int:
        """The identifier without flag bits: 11 or 29 bits."""
        return self.id & (0x1FFFFFFF if self.id & (ID_EFF | ID_ERR) else 0x7FF)

    @property
    def is_extended(self) -> bool:
        return self.kind != KIND_XL and bool(self.id & ID_EFF)

    @property
    def is_remote(self) -> bool:
        return self.kind != KIND_XL and bool(self.id & ID_RTR)

    @property
    def is_error(self) -> bool:
        return self.kind != KIND_XL and bool(self.id & ID_ERR)

    @property
    def is_fd(self) -> bool:
        return self.kind == KIND_FD

    def __repr__(self) -> str:
        digits = 8 if self.is_extended or self.is_error else 3
        data = f"R{self.length}" if self.is_remote else self.data.hex(" ").upper()
        return (f"<canp.Frame {time_text(self.time_ns)} {self.interface} {KINDS.get(self.kind, self.kind)} "
                f"{self.can_id:0{digits}X} [{self.length}] {data}>".replace(" >", ">"))


class Gap(NamedTuple):
    """Frames lost here. layer: 1 socket, 2 device, 3 recorder, 4 store, 5 stream; from_ns, to_ns: between these times."""

    time_ns: int
    interface: str
    layer: int
    lost: int
    from_ns: int
    to_ns: int


class Event(NamedTuple):
    """Any other record that is no frame, as FORMAT.md describes it: payload is what follows its 8 byte header."""

    time_ns: int
    interface: str
    kind: int
    code: int
    payload: bytes


Record = Union[Frame, Gap, Event]
