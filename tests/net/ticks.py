# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections on which both ends say something each millisecond, and what both their cards have
seen of that: how long it stood still, and whether a frame has come twice or late.

Who sends and who reads may be held up by whatever else a machine does. So nothing is timed by them:
the kernel's stamps of the frames are, as they leave one card and as they come to the other.
"""
import collections
import contextlib
import socket
import struct
import threading
import time

from frames import ETH_P_ALL, PACKET_OUTGOING, SO_RCVBUFFORCE
from lab import CLIENT_IF, SERVER_IF, check, wait_until

EVERY_S = 0.001
TICK = struct.Struct("!4sI8x")  # a mark, its number
MARK = b"TICK"
REQUEST = b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
SO_TIMESTAMPNS = 35
SEEN_BYTES = 160  # headers, and a tick behind them
TIMESTAMPS = bytes((1, 1, 8, 10))


class Card(threading.Thread):
    """All that is IPv4 and TCP at a host's card, with the kernel's time."""

    def __init__(self, namespace, interface):
        super().__init__(daemon=True)
        with namespace.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((interface, ETH_P_ALL))
        self.raw, self.ended = [], False
        self.start()

    def run(self):
        while True:
            last = self.ended  # asked first: what was there by then is still taken
            self.socket.settimeout(0 if last else 0.1)
            try:
                data, ancillary, _, address = self.socket.recvmsg(SEEN_BYTES, 64)
            except TimeoutError:
                continue
            except BlockingIOError:
                return
            if data[12:14] == b"\x08\0" and data[23] == socket.IPPROTO_TCP:
                self.raw.append((address[2] == PACKET_OUTGOING, ancillary[0][2], data))

    def end(self):
        self.ended = True
        self.join()
        self.socket.close()

    def frames(self, port, from_client, outgoing):
        """Of one connection's direction, in order."""
        at = 34 if from_client else 36
        wanted = struct.pack("!H", port)
        return [
            Frame(stamp, data)
            for out, stamp, data in self.raw
            if out == outgoing and data[at : at + 2] == wanted
        ]


class Frame:
    __slots__ = ("at_s", "key", "seq", "bytes", "said_ms", "tick_at")

    def __init__(self, stamp, data):
        seconds, nanoseconds = struct.unpack("qq", stamp[:16])
        self.at_s = seconds + nanoseconds / 1e9
        total, ip_id = struct.unpack_from("!HH", data, 16)
        self.seq, ack, offset = struct.unpack_from("!IIB", data, 38)
        begin = 34 + (offset >> 4) * 4
        self.bytes = 14 + total - begin
        self.said_ms = struct.unpack_from("!I", data, 58)[0] if data[54:58] == TIMESTAMPS else None
        # What no other frame of this connection has: a segment that is sent again has its own.
        self.key = (ip_id, self.seq, ack, self.bytes, self.said_ms)
        # Where in the stream of ticks its first byte is; None: it has no beginning of a tick.
        self.tick_at, found = None, data.find(MARK, begin)
        if self.bytes and 0 <= found <= len(data) - TICK.size:
            number = TICK.unpack_from(data, found)[1]
            self.tick_at = number * TICK.size - (found - begin)


def placed(frames):
    """(time, begin, end) in the stream of ticks of all that carry something, in order."""
    first = next((frame for frame in frames if frame.tick_at is not None), None)
    check(first, "a tick was seen")
    base = (first.seq - first.tick_at) & 0xFFFFFFFF
    found = []
    for frame in frames:
        begin = (frame.seq - base) & 0xFFFFFFFF
        if frame.bytes > 0 and begin < 1 << 31:
            found.append((frame.at_s, begin, begin + frame.bytes))
    return found


def firsts(sent):
    """(begin, end, time) of what was sent for the first time, without gaps, in order."""
    found, upto = [], None
    for at_s, begin, end in sent:
        if upto is None:
            upto = begin
        if end > upto:
            found.append((upto, end, at_s))
            upto = end
    return found


def in_order(came):
    """(begin, end, time) of what a receiver could read of what came, in order."""
    found, upto, waits = [], None, []
    for at_s, begin, end in came:
        if upto is None:
            upto = begin
        if end <= upto:
            continue
        waits.append((begin, end))
        was = upto
        for low, high in sorted(waits):
            if low <= upto:
                upto = max(upto, high)
        waits = [one for one in waits if one[1] > upto]
        if upto > was:
            found.append((was, upto, at_s))
    return found


def delays(sent, came):
    """(when it was sent, how long it took until it could be read, in s) of each piece."""
    left, right = firsts(placed(sent)), in_order(placed(came))
    found, i = [], 0
    for begin, _, at_s in right:
        while i < len(left) and left[i][1] <= begin:
            i += 1
        if i == len(left):
            break
        found.append((left[i][2], at_s - left[i][2]))
    return found


class Ticks:
    """A connection to a server of Service: a request, its answer, and then a tick each millisecond
    from both ends."""

    def __init__(self, name, client):
        self.name, self.client, self.server = name, client, None
        self.port = client.getsockname()[1]
        client.sendall(REQUEST)
        said = b""
        while not said.endswith(b"\r\n\r\n"):
            piece = client.recv(4096)
            check(piece, f"{name}: the answer")
            said += piece
        self.numbers = [0, 0]
        self.read = [0, 0]
        self.failed = None

    def ends(self):
        return self.client, self.server

    def turn(self):
        """Each end says one, and reads what there is."""
        for which, end in enumerate(self.ends()):
            with contextlib.suppress(BlockingIOError):
                self.read[which] += len(end.recv(1 << 16))
            tick = TICK.pack(MARK, self.numbers[which])
            try:
                sent = end.send(tick)
                check(sent == len(tick), f"{self.name}: part of a tick was sent")
                self.numbers[which] += 1
            except BlockingIOError:
                pass


class Ticking(threading.Thread):
    """All of them, by one thread; and the cards of both hosts."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.all, self.served, self.stopping, self.failed = [], {}, False, None
        self.cards = Card(lab.client, CLIENT_IF), Card(lab.server, SERVER_IF)

    def speak(self, connection):
        """For Service: the server's end stays open, and is ours."""
        said = b""
        while not said.endswith(b"\r\n\r\n"):
            piece = connection.recv(4096)
            if not piece:
                return
            said += piece
        connection.sendall(ANSWER)
        if said.startswith(b"GET /ticks "):
            self.served[connection.getpeername()[1]] = connection
            wait_until(lambda: self.stopping, 600, "the end")

    def add(self, name, client):
        one = Ticks(name, client)
        one.server = wait_until(lambda: self.served.get(one.port), 20, f"{name}: the server's end")
        for end in one.ends():
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setblocking(False)
        self.all = [*self.all, one]
        return one

    def run(self):
        try:
            while not self.stopping:
                for one in self.all:
                    one.turn()
                time.sleep(EVERY_S)
        except Exception as error:  # it is told by go_on()
            self.failed = error

    def go_on(self, least=50):
        """Each end has heard so many more."""
        before = [list(one.read) for one in self.all]

        def heard():
            check(not self.failed, f"a connection ended: {self.failed}")
            return all(
                now >= was + least * TICK.size
                for one, was_all in zip(self.all, before)
                for now, was in zip(one.read, was_all)
            )

        wait_until(heard, 20, "all ends hear the others")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join()
        # First: who is closed with something unread says the same RST again and again.
        for card in self.cards:
            card.end()
        for one in self.all:
            one.client.close()

    # afterwards

    def ways(self):
        """(name, what left one card, what came to the other) of each direction."""
        client, server = self.cards
        for one in self.all:
            yield (
                f"{one.name}, to the server",
                client.frames(one.port, True, True),
                server.frames(one.port, True, False),
            )
            yield (
                f"{one.name}, to the client",
                server.frames(one.port, False, True),
                client.frames(one.port, False, False),
            )


def again(sent, came):
    """Those that came more often than they were sent: a host has no number for its RSTs, and two of
    them may be the same."""
    often = collections.Counter(frame.key for frame in sent)
    return [
        key
        for key, times in collections.Counter(frame.key for frame in came).items()
        if times > max(1, often[key])
    ]


def latest_s(frames):
    """By how much one was longer on its way than the fastest, by its sender's clock."""
    ages = [frame.at_s - frame.said_ms / 1000 for frame in frames if frame.said_ms is not None]
    return max(ages) - min(ages)
