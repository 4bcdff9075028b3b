"""Signal databases: DBC files, what is in them, and decoding one frame."""
from __future__ import annotations

import ctypes
import fnmatch
import os
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from ._frame import ID_ERR, ID_RTR, KIND_XL, Frame
from ._lib import DbcMessage, DbcSignal, DecodeCounts, DecoderOpts, Handle, Value, Why, check, lib, path_of

NOT_AVAILABLE, ERROR, BYTES = 2, 4, 8  # CANP_VALUE_*
_FORMAT_J1939 = 4
_J1939 = {None: 0, True: 1, False: 2}


class _ValueText(ctypes.Structure):
    _fields_ = [("value", ctypes.c_int64), ("text", ctypes.c_char_p)]


class _ValueTable(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("texts", ctypes.POINTER(_ValueText)), ("count", ctypes.c_uint32)]


def _text(text: Optional[bytes]) -> str:
    return (text or b"").decode(errors="replace")


class SignalInfo(NamedTuple):
    """A signal as the database describes it: value = raw * factor + offset, in `unit`. texts: names of raw values."""

    name: str
    message: str
    unit: str
    comment: str
    start_bit: int
    bits: int
    big_endian: bool
    signed: bool
    factor: float
    offset: float
    minimum: Optional[float]
    maximum: Optional[float]
    texts: Dict[int, str]


class MessageInfo(NamedTuple):
    """A message as the database describes it. id: with ID_EFF. cycle_ms: 0 if none is said."""

    name: str
    id: int
    length: int
    sender: str
    comment: str
    cycle_ms: int
    signals: Tuple[SignalInfo, ...]


class _Known(NamedTuple):
    """A signal and where it is in C."""

    info: SignalInfo
    address: int
    length: int  # of its message
    is_j1939: bool


class Database:
    """A DBC file. It does not change; any number of threads may use it.

        database = canp.Database("truck.dbc")
        database.decode(frame)                       # {"EngineSpeed": 812.5, ...}
        reader.signals("EngineSpeed", "Wheel*", dbc=database).to_pandas()

    j1939: None: as the database says (VFrameFormat, ProtocolType); True: all its messages of 29 bits are found by their
    group, from any source; False: never. errors: statements that could not be read and were left out.
    """

    def __init__(self, path: Any, *, j1939: Optional[bool] = None) -> None:
        self.path = os.fsdecode(path)
        self._j1939 = j1939
        dbc, decoder, why = ctypes.c_void_p(), ctypes.c_void_p(), Why()
        check(lib.canp_dbc_open(path_of(path), None, ctypes.byref(dbc), ctypes.byref(why)), why, path)
        self._dbc = Handle("canp.Database", dbc, lib.canp_dbc_release)
        opts = DecoderOpts(j1939=_J1939[j1939])
        check(lib.canp_decoder_open(dbc, ctypes.byref(opts), ctypes.byref(decoder), ctypes.byref(why)), why, path)
        self._decoder = Handle("canp.Database", decoder, lib.canp_decoder_close)
        self.errors = int(lib.canp_dbc_errors(dbc, None, None))
        self._known: Dict[int, _Known] = {}
        self.messages: List[MessageInfo] = list(self._read(dbc))
        self._plans: Dict[int, Any] = {}

    def _read(self, dbc: Any) -> Iterator[MessageInfo]:
        contents = lib.canp_dbc_contents(dbc).contents
        for index in range(contents.message_count):
            message = contents.messages[index].contents
            if message.independent:
                continue
            signals = tuple(self._read_signal(message, message.signals[i]) for i in range(message.signal_count))
            yield MessageInfo(_text(message.name), message.id, message.bytes, _text(message.sender), _text(message.comment),
                              message.cycle_ms, signals)

    def _read_signal(self, message: DbcMessage, signal: DbcSignal) -> SignalInfo:
        has_bounds = signal.minimum != 0 or signal.maximum != 0
        info = SignalInfo(_text(signal.name), _text(message.name), _text(signal.unit), _text(signal.comment),
                          signal.start_bit, signal.bits, signal.big_endian, signal.is_signed, signal.factor, signal.offset,
                          signal.minimum if has_bounds else None, signal.maximum if has_bounds else None,
                          _texts_of(signal.values))
        address = ctypes.addressof(signal)
        self._known[address] = _Known(info, address, message.bytes, message.format == _FORMAT_J1939)
        return info

    def __reduce__(self) -> Any:
        return _open, (self.path, self._j1939)

    def __copy__(self) -> "Database":
        return self

    def __deepcopy__(self, _memo: Any) -> "Database":
        return self

    @property
    def signals(self) -> List[SignalInfo]:
        """All signals, in the file's order."""
        return [signal for message in self.messages for signal in message.signals]

    def __getitem__(self, name: str) -> MessageInfo:
        for message in self.messages:
            if message.name == name:
                return message
        raise KeyError(name)

    def find(self, *patterns: str) -> List[_Known]:
        """The signals whose name, or Message.Signal, match one of the patterns. KeyError for one that matches none."""
        found: Dict[int, _Known] = {}
        for pattern in patterns or ("*",):
            hits = [known for known in self._known.values()
                    if fnmatch.fnmatchcase(known.info.name, pattern)
                    or fnmatch.fnmatchcase(f"{known.info.message}.{known.info.name}", pattern)]
            if not hits:
                raise KeyError(f"no signal {pattern!r} in {self.path}")
            found.update((known.address, known) for known in hits)
        return list(found.values())

    def decode(self, frame: Union[Frame, int], data: Any = None, *, texts: bool = False) -> Dict[str, Any]:
        """The values of one frame, or of an identifier (with ID_EFF) and data of any length, by the signals' names.

        A signal of which the data ends before gives nothing, as does one that its muxer does not select. None: not available or
        an error, as J1939 marks it; bytes: a signal of more than 64 bits. texts: texts instead of numbers where the
        database has one. {}: the database has no such message.
        """
        if isinstance(frame, Frame):
            if frame.kind == KIND_XL or frame.id & (ID_RTR | ID_ERR):
                return {}
            can_id, data = frame.id, frame.data
        else:
            can_id, data = frame, memoryview(data).tobytes()
        with self._decoder as decoder:
            plan = lib.canp_decoder_plan(decoder, can_id & 0xFFFFFFFF)
            if not plan:
                return {}
            values, counts = (Value * max(1, lib.canp_plan_values(plan)))(), DecodeCounts()
            count = lib.canp_plan_decode(plan, data, len(data), values, ctypes.byref(counts))
            return {self._known[value.signal].info.name: self._value(value, data, texts) for value in values[:count]}

    def _value(self, value: Value, data: bytes, texts: bool) -> Any:
        if value.flags & BYTES:
            return data[value.raw:value.raw + (self._known[value.signal].info.bits + 7) // 8]
        if texts:
            text = lib.canp_value_text(ctypes.byref(value))
            if text is not None:
                return _text(text)
        return None if value.flags & (NOT_AVAILABLE | ERROR) else value.value

    def __repr__(self) -> str:
        return f"<canp.Database {self.path!r}: {len(self.messages)} messages, {len(self._known)} signals>"


def _open(path: str, j1939: Optional[bool]) -> Database:
    return Database(path, j1939=j1939)


def _texts_of(address: Optional[int]) -> Dict[int, str]:
    if not address:
        return {}
    table = _ValueTable.from_address(address)
    return {table.texts[i].value: _text(table.texts[i].text) for i in range(table.count)}


def database_of(dbc: Any) -> Database:
    """A database, or the one of a path."""
    return dbc if isinstance(dbc, Database) else Database(dbc)
