"""What a caller may ask for: times, filters and interfaces in the forms that Python has, made into libcanp's.

Times: ns as int, seconds as float, a datetime (UTC when it has no zone), "2026-11-22T10:00" (likewise), "+10s" or a
timedelta from the recording's first record. Filters: see Selection.
"""
from __future__ import annotations

import ctypes
import math
import re
from datetime import date, datetime, timedelta, timezone
from typing import Any, Callable, Iterable, List, Mapping, Optional, Tuple, Union

from ._frame import ID_EFF, ID_ERR, ID_RTR, TIME_MAX, TIME_MIN, Frame
from ._lib import FilterSet, Why, check, lib, text_of

Time = Union[int, float, str, datetime, timedelta]
Filters = Union[None, int, str, range, Mapping[str, Any], Callable[[Frame], Any], Iterable[Any]]
Interfaces = Union[None, str, Iterable[str]]

_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_DISTANCE = re.compile(r"([+-])(\d+)(?:\.(\d{1,9}))?(ns|us|ms|s|min|m|h|d)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_POINT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?")


def _of_timedelta(delta: timedelta) -> int:
    return ((delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds) * 1000


def _of_datetime(point: datetime) -> int:
    nanos = int(getattr(point, "nanosecond", 0))  # pandas.Timestamp
    return _of_timedelta((point if point.tzinfo else point.replace(tzinfo=timezone.utc)) - _EPOCH) + nanos


def _of_text(text: str, start: Callable[[], int]) -> int:
    far = _DISTANCE.fullmatch(text.strip())
    if far:
        sign, whole, part, unit = far.groups()
        scale = _UNITS[unit or "s"]
        distance = int(whole) * scale + int((part or "").ljust(9, "0")) * scale // 10**9
        return start() + (distance if sign == "+" else -distance)
    point = _POINT.fullmatch(text.strip())
    if not point:
        raise ValueError(f"{text!r} is no time: say 2026-11-22T10:00, +10s, nanoseconds as int or a datetime")
    day, minute, second, part, zone = point.groups()
    zone = "+00:00" if zone in (None, "Z") else zone if ":" in zone else zone[:3] + ":" + zone[3:]
    moment = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}{zone}")
    return _of_datetime(moment) + int((part or "").ljust(9, "0"))


def is_distance(when: Time) -> bool:
    """Does it count from the first record?"""
    return isinstance(when, timedelta) or (isinstance(when, str) and _DISTANCE.fullmatch(when.strip()) is not None)


def time_of(when: Time, start: Callable[[], int]) -> int:
    """A time in ns since 1970; start() gives the one that distances count from."""
    if isinstance(when, bool):
        raise TypeError("a bool is no time")
    if isinstance(when, int):
        return when
    if isinstance(when, str):
        return _of_text(when, start)
    if isinstance(when, datetime):
        return _of_datetime(when)
    if isinstance(when, timedelta):
        return start() + _of_timedelta(when)
    if isinstance(when, date):
        return _of_datetime(datetime(when.year, when.month, when.day))
    if isinstance(when, float):
        if not math.isfinite(when):
            raise ValueError(f"{when} is no time")
        return round(when * 10**9)
    if type(when).__name__ == "datetime64":  # numpy's, which need not be installed
        return int(when.astype("M8[ns]").astype("int64"))
    if hasattr(when, "__index__"):
        return int(when.__index__())
    raise TypeError(f"{type(when).__name__} is no time")


class FilterList:
    """Filters as libcanp takes them, and functions that are asked about each frame that passes these."""

    def __init__(self, filters: Filters) -> None:
        self.set: Optional[FilterSet] = None
        self.functions: List[Callable[[Frame], Any]] = []
        if filters is not None:
            self._add(filters)

    def __bool__(self) -> bool:
        return self.set is not None or bool(self.functions)

    def passes(self, frame: Frame) -> bool:
        return all(function(frame) for function in self.functions)

    @property
    def pointer(self) -> Optional[int]:
        return ctypes.addressof(self.set) if self.set is not None else None

    def _add(self, one: Any) -> None:
        if isinstance(one, bool):
            raise TypeError("a bool is no filter")
        if isinstance(one, str):
            self._parse(one)
        elif isinstance(one, range):
            self._add_range(one)
        elif isinstance(one, Mapping):
            self._add_mapping(one)
        elif hasattr(one, "__index__"):
            self._add_id(int(one.__index__()))
        elif callable(one):
            self.functions.append(one)
        elif isinstance(one, Iterable) and not isinstance(one, (bytes, bytearray, memoryview)):
            self._add_all(list(one))
        else:
            raise TypeError(f"{type(one).__name__} is no filter: an int, a str as candump takes it, a range, a dict "
                            "with can_id and can_mask, a function, or a list of these")

    def _add_all(self, many: List[Any]) -> None:
        if not many:
            self._add_pair(0, 0x20000000, 0)  # none of nothing: `0~0` matches no frame
        for one in many:
            self._add(one)

    def _whole(self) -> FilterSet:
        if self.set is None:
            self.set = FilterSet()
        return self.set

    def _parse(self, text: str) -> None:
        why = Why()
        check(lib.canp_filter_parse(ctypes.byref(self._whole()), text_of(text, "a filter"), ctypes.byref(why)), why)

    def _add_pair(self, can_id: int, flags: int, mask: int) -> None:
        whole = self._whole()
        if whole.count >= len(whole.filters):
            raise ValueError(f"more than {len(whole.filters)} filters: use a function, or none and select afterwards")
        whole.filters[whole.count].id = can_id | flags
        whole.filters[whole.count].mask = mask
        whole.count += 1

    def _add_id(self, can_id: int) -> None:
        """One identifier: of 11 bits, or of 29 if it is larger or has ID_EFF; with ID_ERR a class of error frames."""
        if not 0 <= can_id <= 0xFFFFFFFF:
            raise ValueError(f"{can_id} is no CAN identifier")
        if can_id & ID_ERR:
            self._whole().error_mask |= can_id & 0x1FFFFFFF
            if self._whole().count == 0:
                self._add_pair(0, 0x20000000, 0)
            return
        is_long = can_id & 0x1FFFFFFF > 0x7FF or can_id & ID_EFF
        self._add_pair(can_id & 0x1FFFFFFF, ID_EFF if is_long else 0,
                       ID_EFF | (0x1FFFFFFF if is_long else 0x7FF) | (can_id & ID_RTR))

    def _add_range(self, ids: range) -> None:
        """Identifiers in steps of 1: in as few id and mask pairs as there are powers of two in it."""
        if not ids:
            self._add_all([])
            return
        if ids.step != 1:
            if len(ids) <= 256:
                self._add_all(list(ids))
            else:
                self.functions.append(lambda frame: frame.can_id in ids)
            return
        first, last = ids.start, ids.stop - 1
        if first < 0 or last > 0x1FFFFFFF:
            raise ValueError(f"{ids} reaches beyond 29 bits")
        for low, high, flag, all_bits in ((first, min(last, 0x7FF), 0, 0x7FF), (max(first, 0x800), last, ID_EFF, 0x1FFFFFFF)):
            while low <= high:
                size = low & -low or all_bits + 1
                while size > high - low + 1:
                    size >>= 1
                self._add_pair(low, flag, ID_EFF | (all_bits & ~(size - 1)))
                low += size

    def _add_mapping(self, one: Mapping[str, Any]) -> None:
        """python-can's: {"can_id": 0x123, "can_mask": 0x7FF, "extended": False}; without "extended" both kinds pass."""
        unknown = set(one) - {"can_id", "can_mask", "extended"}
        if unknown or "can_id" not in one:
            raise ValueError(f"a filter has can_id, can_mask and extended, not {', '.join(sorted(map(str, one)))}")
        mask = int(one.get("can_mask", 0x1FFFFFFF)) & 0x1FFFFFFF
        extended = one.get("extended")
        self._add_pair(int(one["can_id"]) & 0x1FFFFFFF, ID_EFF if extended else 0, mask | (0 if extended is None else ID_EFF))


def window_of(from_: Optional[Time], to: Optional[Time], start: Callable[[], int]) -> Tuple[int, int]:
    """Both ends, inclusive, within what 64 bits hold."""
    low = TIME_MIN if from_ is None else time_of(from_, start)
    high = TIME_MAX if to is None else time_of(to, start)
    return min(max(low, TIME_MIN), TIME_MAX), min(max(high, TIME_MIN), TIME_MAX)
