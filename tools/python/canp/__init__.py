"""Recordings of canp, the SocketCAN flight recorder, in Python: standard library and libcanp only.

    import canp
    with canp.Reader("drive") as reader:               # a directory of segments, or one
        reader.to_pandas()                             # a DataFrame; to_numpy(), to_arrow(), to_polars(), columns()
        reader["+10s":"+20s"].columns(0x123)           # ten seconds, one identifier, as buffers
        reader.signals("EngineSpeed", dbc="truck.dbc").to_pandas(resample="100ms")
        for frame in reader.frames("7DF:7FF"):         # one by one: canp.Frame
            print(frame.time_ns, frame.interface, frame.data.hex())
    canp.read("drive.blf")                             # the columns of a log of any format
    canp.convert("drive.asc", "drive"); canp.merge(["a", "b.blf"], "both"); canp.cut("drive", "part", "+10s", "+20s")
    with canp.Recorder("live", "can0"): ...            # records; canp.listen("can0"); canp.replay("drive", "vcan0")
    with canp.Writer("new") as writer: writer.put(time_ns, "can0", 0x123, b"data")

Times are integers of nanoseconds since 1970 (UTC) where names end in _ns, `time` of a frame is float seconds. Where a time is
asked for, it may be nanoseconds (int), seconds (float), a datetime, "2026-11-22T10:00", or "+10s" from the first record.
Errors of libcanp are canp.Error, an OSError, and what Python has besides: FileNotFoundError, FileExistsError... A damaged
place that cannot be passed over is canp.DamagedError. Any number of threads may use an object.

With python-can installed, `can.LogReader("drive/")`, `can.Logger("new.canp")`, can.player and can.Bus(interface="canp") work
as well (canp.can_io, canp.can_bus). Without libcanp the package loads, and its first use says how to get it.
"""
from ._dbc import Database, MessageInfo, SignalInfo
from ._frame import (DIRECTION_OWN, DIRECTION_RX, DIRECTION_TX, FD_BRS, FD_ESI, FD_FDF, ID_EFF, ID_ERR, ID_RTR, KIND_CAN,
                     KIND_CLOCK, KIND_FD, KIND_GAP, KIND_IFACE, KIND_LINK, KIND_MARK, KIND_XL, Event, Frame, Gap)
from ._lib import AccessError, DamagedError, Error, ExistsError, FormatError, MissingLibrary, NotFoundError
from ._live import Listener, Recorder, Replayed, listen, replay
from ._logs import Converted, convert, cut, formats, merge, read, read_batches
from ._reader import IdStats, InterfaceStats, Reader, Selection
from ._signals import Signal, Signals
from ._table import NO_TIME, Columns
from ._writer import Writer

__all__ = ["AccessError", "Columns", "Converted", "DIRECTION_OWN", "DIRECTION_RX", "DIRECTION_TX", "DamagedError", "Database",
           "Error", "Event", "ExistsError", "FD_BRS", "FD_ESI", "FD_FDF", "FormatError", "Frame", "Gap", "ID_EFF", "ID_ERR",
           "ID_RTR", "IdStats", "InterfaceStats", "KIND_CAN", "KIND_CLOCK", "KIND_FD", "KIND_GAP", "KIND_IFACE", "KIND_LINK",
           "KIND_MARK", "KIND_XL", "Listener", "MessageInfo", "MissingLibrary", "NO_TIME", "NotFoundError", "Reader", "Recorder", "Replayed",
           "Selection", "Signal", "SignalInfo", "Signals", "Writer", "convert", "cut", "formats", "listen", "merge",
           "read", "read_batches", "replay"]
__version__ = "0.1.0"
