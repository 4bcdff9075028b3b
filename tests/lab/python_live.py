"""What test_python.sh tries on vcan0. usage: python_live.py DIRECTORY; prints `ok NAME`, `not ok NAME: reason`, `end`."""
import asyncio
import socket
import struct
import sys
import threading
import time
import traceback

import canp

WORK = sys.argv[1]


def send(numbers, interface="vcan0", pause=0.0):
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as can_socket:
        can_socket.bind((interface,))
        for number in numbers:
            can_socket.send(struct.pack("=IB3x8s", 0x100 + number % 16, 8, number.to_bytes(8, "little")))
            if pause:
                time.sleep(pause)


def numbers_of(frames):
    return [int.from_bytes(frame.data, "little") for frame in frames]


def recorder():
    with canp.Recorder(WORK + "/drive", "vcan0", notes=["by=python"]) as recording:
        send(range(1000))
        recording.note("half")
        recording.rotate()
        send(range(1000, 2000))
        assert "drive" in repr(recording) and recording.is_running
    assert recording.stats()["frames"] == 2000, recording.stats()
    recording.stop()
    with canp.Reader(WORK + "/drive") as reader:
        assert numbers_of(reader) == list(range(2000))
        assert any(event.payload == b"note=half" for event in reader.events())
    try:
        canp.Recorder(WORK + "/other", "nothere0", wait_absent=False)
        raise AssertionError("an interface that is not there")
    except canp.Error as error:
        assert "nothere0" in str(error), error


def follow():
    seen = []
    with canp.Recorder(WORK + "/followed", "vcan0") as recording:
        reader = canp.Reader(WORK + "/followed")
        thread = threading.Thread(target=lambda: seen.extend(numbers_of(reader.frames(follow=True))))
        thread.start()
        send(range(500), pause=0.0005)
        recording.stop()
        thread.join(60)
    assert seen == list(range(500)), len(seen)


def listen():
    with canp.listen("vcan0,100:7FF", timeout=2) as listener:
        send(range(160))
        frames = list(listener)
    assert numbers_of(frames) == list(range(0, 160, 16)), frames
    assert frames[0].interface == "vcan0"

    async def both():
        with canp.listen("vcan0", timeout=2) as listener:
            thread = threading.Thread(target=send, args=(range(200),), kwargs={"pause": 0.0005})
            thread.start()
            found = [frame async for frame in listener]
            thread.join()
            return found

    assert numbers_of(asyncio.run(both())) == list(range(200))


def replay():
    with canp.listen("vcan1", timeout=2) as listener:
        told = canp.replay(WORK + "/drive", {"vcan0": "vcan1"}, speed=0)
        frames = numbers_of(listener)
    assert told.frames == 2000 and not told.stopped, told
    assert frames == list(range(2000)), len(frames)
    with canp.Writer(WORK + "/slow") as writer:
        for second in range(600):
            writer.put(second * 10**9 + 1, "vcan0", 1)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert canp.replay(WORK + "/slow", "vcan1", stop=stop).stopped


def bus():
    import can
    with can.Bus(interface="canp", channel="vcan0", directory=WORK + "/bus") as one:
        send(range(50))
        got = [one.recv(10) for _ in range(2)]
        assert None not in got, got
        got += [one.recv(10) for _ in range(48)]
        assert [int.from_bytes(message.data, "little") for message in got] == list(range(50)), got
        assert one.recv(0) is None
        one.send(can.Message(arbitration_id=0x7AB, data=b"hello", is_extended_id=False))
        send([1])
        assert one.recv(10).arbitration_id == 0x101
    with canp.Reader(WORK + "/bus") as reader:
        assert 0x7AB in [frame.id for frame in reader]


for test in recorder, follow, listen, replay, bus:
    try:
        test()
        print("ok", test.__name__, flush=True)
    except BaseException:  # pylint: disable=broad-except
        print(f"not ok {test.__name__}:", " | ".join(traceback.format_exc().splitlines()[-4:]), flush=True)
print("end")
