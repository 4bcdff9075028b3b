#!/usr/bin/env python3
"""Transport protocols: transport_text must give the messages that were sent, and on real logs those that a second,
simple reassembly gives. Python's standard library only.
usage: transport.py TRANSPORT_TEXT ROUNDS DATA_DIRECTORY [SEED]
"""
import os
import random
import re
import subprocess
import sys
import tempfile

EFF = 0x80000000
GROUPS = [0x1F805, 0x1F014, 0x1EF00, 0x1FF77, 0x1F119]
KNOWN = [  # first and last of NMEA 2000's fast packets
    (126208, 126208), (126464, 126464), (126720, 126720), (126983, 126988), (126996, 126996), (126998, 126998),
    (127233, 127233), (127237, 127237), (127489, 127491), (127494, 127498), (127503, 127504), (127506, 127507),
    (127509, 127514), (128275, 128275), (128520, 128520), (128538, 128538), (129029, 129029), (129038, 129041),
    (129044, 129045), (129284, 129285), (129301, 129302), (129538, 129538), (129540, 129542), (129545, 129545),
    (129547, 129547), (129549, 129549), (129551, 129551), (129556, 129556), (129792, 129816), (130052, 130054),
    (130060, 130061), (130064, 130074), (130320, 130324), (130329, 130330), (130561, 130575), (130577, 130578),
    (130580, 130581), (130583, 130584), (130586, 130586), (0x1FF00, 0x1FFFF),
]


def j1939_id(pgn, source, destination):
    return EFF | 6 << 26 | pgn << 8 | (destination << 8 if pgn & 0xFF00 < 0xF000 else 0) | source


# ---- senders: each makes the frames of one message, and the line that is expected at its last frame ------------------

def send_tp(rng):
    source, to_all = rng.randrange(0, 250), rng.random() < 0.5
    destination = 255 if to_all else rng.randrange(0, 250)
    pgn = rng.choice([0xFECA, 0xFEE3, 0xEF00 if not to_all else 0xFEEC, 0x1F112])
    data = rng.randbytes(rng.randint(9, 1785) if rng.random() < 0.2 else rng.randint(9, 60))
    packets = (len(data) + 6) // 7
    head = bytes([32 if to_all else 16]) + len(data).to_bytes(2, "little") + bytes([packets, 255]) + pgn.to_bytes(3, "little")
    control, transfer = (EFF | 7 << 26 | form << 16 | destination << 8 | source for form in (0xEC, 0xEB))
    frames = [(control, head)]
    if not to_all:
        frames.append((EFF | 7 << 26 | 0xEC << 16 | source << 8 | destination,
                       bytes([17, packets, 1, 255, 255]) + pgn.to_bytes(3, "little")))
    for i in range(packets):
        frames.append((transfer, bytes([i + 1]) + data[7 * i:7 * i + 7].ljust(7, b"\xff")))
        if not to_all and i + 1 < packets and rng.random() < 0.1:
            frames.append(frames[-1])  # asked for again
    count = len(frames) - (0 if to_all else 1)
    return ("tp", source, destination), frames, ("BAM" if to_all else "RTS", j1939_id(pgn, source, destination), data, count)


def send_fast(rng):
    source, pgn, sequence = rng.randrange(0, 250), rng.choice(GROUPS), rng.randrange(8)
    destination = 255 if pgn & 0xFF00 >= 0xF000 else rng.randrange(0, 255)
    data = rng.randbytes(rng.randint(1, 223))
    frame_id = EFF | 3 << 26 | pgn << 8 | (0 if pgn & 0xFF00 >= 0xF000 else destination << 8) | source
    frames = [(frame_id, (bytes([sequence << 5, len(data)]) + data[:6]).ljust(8, b"\xff"))]
    for i, at in enumerate(range(6, len(data), 7)):
        frames.append((frame_id, (bytes([sequence << 5 | i + 1]) + data[at:at + 7]).ljust(8, b"\xff")))
    return ("fast", frame_id, sequence), frames, ("FAST", j1939_id(pgn, source, destination), data, len(frames))


def send_isotp(rng):
    frame_id = rng.choice([0x7DF, 0x7E0, 0x7E8, 0x7EF, EFF | 0x18DA10F1, EFF | 0x18DAF110, EFF | 0x18DB33F1])
    size = rng.choice([8, 8, 64])
    data = rng.randbytes(rng.choice([rng.randint(1, 7), rng.randint(8, 300), rng.randint(8, 4095) if size > 8 else 20]))
    if len(data) <= 7 or len(data) <= size - 2 and size > 8:
        head = bytes([len(data)]) if len(data) <= 7 else bytes([0, len(data)])
        frames = [(frame_id, head + data)]
    else:
        frames = [(frame_id, bytes([0x10 | len(data) >> 8, len(data) & 255]) + data[:size - 2])]
        for i, at in enumerate(range(size - 2, len(data), size - 1)):
            frames.append((frame_id, bytes([0x20 | (i + 1) & 15]) + data[at:at + size - 1]))
    return ("isotp", frame_id), frames, ("ISOTP", frame_id, data, len(frames))


def candump(time_us, frame_id, data, iface):
    text = "%08X" % (frame_id & ~EFF) if frame_id & EFF else "%03X" % frame_id
    mark = "##1" if len(data) > 8 else "#"
    return "(%d.%06d) %s %s%s%s" % (time_us // 10**6, time_us % 10**6, iface, text, mark, data.hex().upper())


def random_round(rng):
    """Many senders at once, each with one message under way at a time; the lines and what must come out."""
    lines, expected, under_way, time_us = [], [], {}, 1700000000 * 10**6
    for _ in range(rng.randint(20, 300)):
        while len(under_way) < 24 and rng.random() < 0.6:
            key, frames, message = rng.choice([send_tp, send_fast, send_isotp])(rng)
            iface = rng.choice(["can0", "can1"])
            if not any(k[1:] == key and k[0] == iface for k in under_way):
                under_way[(iface,) + key] = (frames, message)
        for _ in range(rng.randint(1, 30)):
            if not under_way:
                break
            key = rng.choice(list(under_way))
            frames, (kind, frame_id, data, count) = under_way[key]
            time_us += rng.randint(1, 500)
            lines.append(candump(time_us, *frames.pop(0), key[0]))
            if not frames:
                del under_way[key]
                expected.append((time_us * 1000, key[0], kind, frame_id, data.hex(), count))
    channels = []
    for line in lines:
        if line.split()[1] not in channels:
            channels.append(line.split()[1])
    return lines, ["%d %d %s %08x %s %d" % (t, channels.index(c), *rest) for t, c, *rest in expected]


# ---- real logs: a second reassembly, without any of the first one's cleverness ------------------------------------------

def reassemble(lines, groups):
    said, sessions, channels = [], {}, []
    for line in lines:
        match = re.match(r"\s*\((\d+)\.(\d{6})\d*\) (\S+) ([0-9A-Fa-f]+)#([0-9A-Fa-f]*)$", line.strip())
        if not match:
            continue
        time_ns = int(match[1]) * 10**9 + int(match[2]) * 1000
        if match[3] not in channels:
            channels.append(match[3])
        channel, frame_id, data = channels.index(match[3]), int(match[4], 16), bytes.fromhex(match[5])
        if len(match[4]) <= 3 or not data:
            continue
        source, destination, form = frame_id & 255, frame_id >> 8 & 255, frame_id >> 16 & 0x3FF
        if form == 0xEC and data[0] in (16, 32):
            sessions[channel, source, destination] = [int.from_bytes(data[1:3], "little"),
                                                      int.from_bytes(data[5:8], "little"), {}, 1]
        elif form == 0xEB and (channel, source, destination) in sessions:
            session = sessions[channel, source, destination]
            session[2][data[0]] = data[1:]
            session[3] += 1
            if len(session[2]) == (session[0] + 6) // 7:
                whole = b"".join(session[2][k] for k in sorted(session[2]))[:session[0]]
                said.append((time_ns, channel, "BAM" if destination == 255 else "RTS",
                             j1939_id(session[1], source, destination), whole.hex(), session[3]))
                del sessions[channel, source, destination]
        pgn = frame_id >> 8 & 0x3FFFF
        if pgn & 0xFF00 < 0xF000:
            pgn &= 0x3FF00
        else:
            destination = 255
        if form not in (0xEC, 0xEB) and pgn in groups:
            key = channel, frame_id & 0x3FFFFFF, data[0] >> 5, "fast"
            number = data[0] & 31
            if number == 0:
                sessions[key] = [data[1], {}, 0]
            if key in sessions:
                session = sessions[key]
                session[1][number] = data[2:] if number == 0 else data[1:]
                session[2] += 1
                whole = b"".join(session[1].get(k, b"") for k in range(32))
                if sorted(session[1]) == list(range(len(session[1]))) and len(whole) >= session[0]:
                    said.append((time_ns, channel, "FAST", j1939_id(pgn, source, destination),
                                 whole[:session[0]].hex(), session[2]))
                    del sessions[key]
    return ["%d %d %s %08x %s %d" % line for line in said]


def groups_of(path):
    groups = {pgn for first, last in KNOWN for pgn in range(first, last + 1)}
    with open(path, encoding="latin-1") as text:
        for frame_id, size in re.findall(r"^BO_ (\d+) \S+: *(\d+)", text.read(), re.M):
            pgn = int(frame_id) >> 8 & 0x3FFFF
            if int(size) > 8:
                groups.add(pgn & 0x3FF00 if pgn & 0xFF00 < 0xF000 else pgn)
    return groups


def run(program, lines, dbc=None):
    said = subprocess.run([program] + ([dbc] if dbc else []), input="\n".join(lines) + "\n", capture_output=True,
                          text=True, check=True).stdout.splitlines()
    return said[:-1], said[-1]


def compare(name, got, expected):
    if got == expected:
        return True
    for i in range(max(len(got), len(expected))):
        a, b = got[i:i + 1], expected[i:i + 1]
        if a != b:
            print("%s: message %d of %d: got %s expected %s" % (name, i, len(expected), a, b))
            return False


def main():
    program, rounds, data = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 15)
    messages, good = 0, True
    with tempfile.TemporaryDirectory() as work:
        groups = os.path.join(work, "groups.dbc")
        with open(groups, "w") as out:
            for pgn in GROUPS:
                out.write("BO_ %d G%x: 100 N\n" % (EFF | pgn << 8, pgn))
        for number in range(rounds):
            lines, expected = random_round(rng)
            got, counters = run(program, lines, groups)
            good &= bool(compare("round %d" % number, got, expected))
            if good and "incomplete 0 aborted 0 evicted 0 orphans 0 malformed 0" not in counters:
                print("round %d: %s" % (number, counters))
                good = False
            if not good:
                return 1
            messages += len(expected)
    print("%d rounds, %d messages" % (rounds, messages))
    canboat = os.path.join(data, "canboat+canboat/docs/canboat.dbc")
    for path, dbc in [("yabskbd+remora_ctrl_proto/rdu/candumps/candump-2021-07-21_220402-15-seconds-engine-on-big-truck.log", None),
                      ("canboat+canboat/samples/candumpSample3.txt", canboat), ("canboat+canboat/samples/candump-fast.txt", canboat)]:
        whole = os.path.join(data, path)
        if not os.path.exists(whole):
            print("skip %s: not there" % path)
            continue
        with open(whole, encoding="latin-1") as log:
            lines = [line.rstrip("\n") for line in log]
        groups = groups_of(dbc or os.devnull)
        expected = reassemble(lines, groups)
        got, counters = run(program, lines, dbc)
        good &= bool(compare(path, got, expected)) and len(expected) > 0
        print("%s: %d messages; %s" % (os.path.basename(path), len(got), counters))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
