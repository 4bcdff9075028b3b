"""NATS by its bytes, for what canp's own programs would never send: stored messages again, in another order or changed,
and anybody's. usage: nats_raw.py PORT again|shuffle|hostile|delete|count VEHICLE"""
import random
import socket
import sys


class Nats:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.socket.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB answer.> 1\r\n')

    def request(self, subject, data=b""):
        """Subject, headers and data of the answer."""
        self.socket.sendall(b"PUB %s answer.1 %d\r\n%s\r\n" % (subject.encode(), len(data), data))
        while True:
            words = self.file.readline().split()
            if words[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif words[0] in (b"MSG", b"HMSG"):
                total = int(words[-1])
                body = self.file.read(total + 2)[:total]
                head = int(words[-2]) if words[0] == b"HMSG" else 0
                return body[:head].decode(), body[head:]


def stored(nats):
    """(subject, data) of all messages in the stream."""
    number = 1
    while True:
        head, data = nats.request("$JS.API.DIRECT.GET.CAN", b'{"seq":%d,"next_by_subj":"can.*.*.blocks"}' % number)
        fields = dict(line.split(": ", 1) for line in head.split("\r\n") if ": " in line)
        if "Nats-Sequence" not in fields:
            return
        number = int(fields["Nats-Sequence"]) + 1
        yield fields["Nats-Subject"], data


def main():
    nats, what, vehicle = Nats(int(sys.argv[1])), sys.argv[2], sys.argv[3]
    if what == "delete":
        print(nats.request("$JS.API.STREAM.DELETE.CAN"))
        return
    messages = list(stored(nats))
    if what == "count":
        print(len(messages))
        return
    rng = random.Random(19)
    if what == "shuffle":  # to another vehicle, in any order and some twice
        messages += rng.sample(messages, len(messages) // 3)
        rng.shuffle(messages)
    for subject, data in messages:
        words = subject.split(".")
        if what == "hostile":
            flipped = bytearray(data)
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            for other in (words[2], "0" * 32, "x", "../../etc"):
                for payload in (bytes(flipped), data[:rng.randrange(len(data))], b"", rng.randbytes(300)):
                    nats.request(f"can.{vehicle}.{other}.blocks", payload)
        else:
            nats.request(f"can.{vehicle}.{words[2]}.blocks", data)


main()
