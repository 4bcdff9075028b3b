"""Recordings of canp, the SocketCAN flight recorder, in Python: standard library and libcanp only.

    import canp
    with canp.Reader("drive") as reader:
        for frame in reader.frames("7DF:7FF"):
            print(frame.time_ns, frame.interface, hex(frame.id), frame.data.hex())

With python-can installed, `can.LogReader("drive/")`, `can.Logger("new.canp")` and can.player work as well
(canp.can_io). Nothing here may be used by two threads at a time; two objects may.
"""
from ._lib import Error
from ._reader import (DIRECTION_OWN, DIRECTION_RX, DIRECTION_TX, ID_EFF, ID_ERR, ID_RTR, KIND_CAN, KIND_FD, KIND_GAP,
                      KIND_XL, Event, Frame, Gap, Reader)
from ._writer import Writer

__all__ = ["DIRECTION_OWN", "DIRECTION_RX", "DIRECTION_TX", "Error", "Event", "Frame", "Gap", "ID_EFF", "ID_ERR",
           "ID_RTR", "KIND_CAN", "KIND_FD", "KIND_GAP", "KIND_XL", "Reader", "Writer"]
__version__ = "0.1.0"
