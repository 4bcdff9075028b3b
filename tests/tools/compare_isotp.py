"""Messages by ISO-TP as tshark puts them together are those of `canp dump --transport`: of drawn lengths, on 11 and 29 bit
IDs, with their flow control.

usage: compare_isotp.py CANP DIRECTORY SEED
"""
import random
import subprocess
import sys

canp, work, seed = sys.argv[1:4]
random.seed(int(seed))
time_us = 1700000000 * 10**6
sent = []


def put(out, can_id, data):
    global time_us
    time_us += 1000
    out.write(f"({time_us // 10**6}.{time_us % 10**6:06d}) can0 {can_id}#{bytes(data).hex().upper()}\n")


with open(f"{work}/isotp.log", "w") as out:
    for n in range(60):
        ask, answer = random.choice([("7E0", "7E8"), ("18DA10F1", "18DAF110")])
        data = random.randbytes(random.choice([1, 6, 7, 8, 9, 20, 62, 63, 100, 255, 256, 1000, random.randint(1, 4095)]))
        sent.append((answer, data))
        if len(data) <= 7:
            put(out, answer, [len(data), *data])
            continue
        put(out, answer, [0x10 | len(data) >> 8, len(data) & 255, *data[:6]])
        put(out, ask, [0x30, 0, 0, 0, 0, 0, 0, 0])
        for i, at in enumerate(range(6, len(data), 7), 1):
            put(out, answer, [0x20 | i & 15, *data[at:at + 7]])


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


ours = []
for line in said(canp, "dump", "--transport", f"{work}/isotp.log").splitlines():
    _, _, can_id, protocol, length, *data = line.split()
    assert protocol == "ISOTP" and int(length[1:-1]) == len(data), line
    ours.append((can_id, bytes.fromhex("".join(data))))
assert ours == sent, "canp put other messages together than were sent"

said(canp, "convert", f"{work}/isotp.log", f"{work}/isotp.pcapng")
theirs = []
table = said("tshark", "-r", f"{work}/isotp.pcapng", "-2", "-d", "can.subdissector,iso15765",
             "-Y", "iso15765.reassembled.length || iso15765.message_type == 0",
             "-T", "fields", "-e", "can.id", "-e", "iso15765.reassembled.length", "-e", "data.data")
for line in table.splitlines():
    can_id, length, data = line.split("\t")
    can_id = f"{int(can_id):03X}" if int(can_id) < 0x800 else f"{int(can_id):08X}"
    theirs.append((can_id, bytes.fromhex(data)))
    assert not length or int(length) == len(theirs[-1][1]), line
assert theirs == sent, next((a, b) for a, b in zip(theirs + [None], sent + [None]) if a != b)
print(f"{len(sent)} messages, {sum(len(d) for _, d in sent)} bytes")
