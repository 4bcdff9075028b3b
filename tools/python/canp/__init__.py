"""Recordings of canp, the SocketCAN flight recorder, in Python: standard library and libcanp only."""
from ._dbc import Database, MessageInfo, SignalInfo
from ._frame import (DIRECTION_OWN, DIRECTION_RX, DIRECTION_TX, FD_BRS, FD_ESI, FD_FDF, ID_EFF, ID_ERR, ID_RTR, KIND_CAN,
                     KIND_CLOCK, KIND_FD, KIND_GAP, KIND_IFACE, KIND_LINK, KIND_MARK, KIND_XL, Event, Frame, Gap)
from ._lib import AccessError, DamagedError, Error, ExistsError, FormatError, MissingLibrary, NotFoundError
from ._reader import IdStats, InterfaceStats, Reader, Selection
from ._signals import Signal, Signals
from ._table import NO_TIME, Columns
from ._writer import Writer
__version__ = "0.1.0"
