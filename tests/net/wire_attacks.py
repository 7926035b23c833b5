# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks on the wire, one table: those of doc/threats.md that are made of frames and connections.
`make bench-attack` runs each row; test_redteam.py and ../redteam take theirs from here.

    attack = find("one byte").make()
    attack.begin(lab)       it stands, or goes on by itself
    attack.end()            all of it is over

Each is bounded by its rate or its number of sockets, and goes to the lab's server only. Real
addresses are of 10.78/16, which the client's host owns; others of 10.79/16 and 10.200/16."""
import contextlib
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass

from frames import checksum
from lab import CLIENT_IF, FLOOD, SERVER4, SERVER_IF, Failure, wait_until
from rawtcp import ACK, FIN, PSH, RST, SYN, RawClient

WEB, MAIL = 80, 110
GET = b"GET / HTTP/1.1\r\nHost: good\r\n\r\n"
WRONG = b"\x13BitTorrent protocol" + bytes(48)
SLOW_BYTES = 200_000  # of a body that trickles, and of an answer that nobody reads
BORROWED = "10.79.0.9"  # by a neighbour, from whom it is
NEIGHBOUR_MAC = bytes.fromhex("025a17e0cc03")
PAUSE_S = 0.001  # of a sender whose card's queue is full
ENOUGH = 1 << 31  # of what goes on until it is ended


def source(number):
    """A client address for each number, each in a /24 of its own."""
    return f"10.78.{number % 250}.{1 + number // 250}"


def stranger(number):
    return f"10.79.{number >> 8 & 0xff}.{number & 0xff}"


def ends_of(host, what):
    """Both ends of each connection that stands at a host, of those that ss's filter takes."""
    listed = host.run("ss", "-Htn", "state", "established", what).splitlines()
    return {tuple(line.split()[2:4]) for line in listed}


def standing(host, what):
    """How many stand."""
    return len(ends_of(host, what))


class Flood:
    """tests/servers/flood: SYNs from made-up addresses."""

    def __init__(self, rate):
        self.rate = rate

    def begin(self, lab):
        self.process = lab.start_flood(WEB, count=ENOUGH, rate=self.rate, sources=FLOOD)

    def end(self):
        self.process.stop()


class Talkers:
    """tests/servers/talkers: real connections without end that say something, or nothing."""

    def __init__(self, say, sources="10.78.0.0/16", concurrency=200, hold_ms=200, port=WEB):
        self.port = port
        self.options = {
            "say": say,
            "sources": sources,
            "concurrency": concurrency,
            "hold_ms": hold_ms,
            "connect_timeout_ms": 2000,
        }

    def begin(self, lab):
        self.process = lab.start_talkers(self.port, count=ENOUGH, **self.options)

    def end(self):
        self.process.stop()


class Sockets:
    """So many connections that stand: what each says at once, and what it says every second then.
    `window`: what it takes of answers, which it does not read. `whole`: all are to stand, as they
    do where somebody answers for the server. `server`: its address, whose family is theirs."""

    def __init__(
        self, count, sources, first, then=b"", window=None, whole=False, server=SERVER4
    ):  # pylint: disable=too-many-arguments
        self.count, self.sources, self.first, self.then = count, sources, first, then
        self.window, self.whole, self.server = window, whole, server
        self.family = socket.AF_INET6 if ":" in server else socket.AF_INET

    def begin(self, lab):
        self.over = threading.Event()
        self.sockets = []
        for i in range(self.count):
            with lab.client.inside():
                one = socket.socket(self.family)
            if self.window:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window)
            one.setblocking(False)
            one.bind((self.sources[i % len(self.sources)], 0))
            with contextlib.suppress(BlockingIOError):
                one.connect((self.server, WEB))
            self.sockets.append(one)
        if self.whole:
            ours = f"dport = :{WEB} and src 10.78.0.0/16"
            wait_until(
                lambda: standing(lab.client, ours) >= self.count, 30, f"{self.count} connections"
            )
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        left = set(self.sockets)  # who has not said the first thing yet
        while True:
            for one in self.sockets:
                with contextlib.suppress(OSError):
                    one.send(self.first if one in left else self.then)
                    left.discard(one)
            if self.over.wait(0.2 if left else 1):
                return

    def end(self):
        self.over.set()
        self.thread.join()
        for one in self.sockets:
            one.close()


class Background:
    """What a thread does again and again, `rate` times a second, until it is ended: step(i)."""

    rate = 0

    def begin(self, lab):
        self.open(lab)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        begin, i = time.monotonic(), 0
        while not self.over.is_set():
            with contextlib.suppress(OSError, Failure):
                self.step(i)
            i += 1
            late = time.monotonic() - begin - i / self.rate
            if late < 0:
                self.over.wait(-late)

    def end(self):
        self.over.set()
        self.thread.join()
        self.close()


class HandMade:
    """Frames by hand, from a host's card towards the other."""

    def __init__(self, lab, side):
        host, interface = {"client": (lab.client, CLIENT_IF), "server": (lab.server, SERVER_IF)}[
            side
        ]
        with host.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.bind((interface, 0))
        macs = [lab.server.mac(SERVER_IF), lab.client.mac(CLIENT_IF)]
        if side == "server":
            macs.reverse()
        self.head = bytes.fromhex("".join(macs).replace(":", ""))

    def segment(self, src, sport, dst, dport, flags, number=0, data=b"", tag=b""):
        """`number` is both of its numbers."""
        tcp = struct.pack("!HHIIBBHHH", sport, dport, number, number, 0x50, flags, 500, 0, 0) + data
        ends = socket.inet_aton(src) + socket.inet_aton(dst)
        sum16 = checksum(ends + struct.pack("!HH", 6, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack("!H", sum16) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), number & 0xFFFF, 0x4000, 64, 6, 0)
        ip += ends
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        while True:
            try:
                self.socket.send(self.head + tag + b"\x08\x00" + ip + tcp)
                return
            except OSError:  # the card's queue is full
                time.sleep(PAUSE_S)

    def segments(self, count, make):
        """make(i) gives (source, sport, target, dport, flags)."""
        for i in range(count):
            self.segment(*make(i), number=i)

    def close(self):
        self.socket.close()


class ByHand(Background):
    """HandMade segments: make(i) gives (source, sport, target, dport, flags), and data."""

    def __init__(self, side, make, rate=2000, tag=b""):
        self.side, self.make, self.rate, self.tag = side, make, rate, tag

    def open(self, lab):
        self.hand = HandMade(lab, self.side)

    def step(self, i):
        *ends, data = self.make(i)
        self.hand.segment(*ends, number=random.getrandbits(32), data=data, tag=self.tag)

    def close(self):
        self.hand.close()


class Requests(Background):
    """Right connections, one after the other, of one address; each asks for words(i)."""

    def __init__(self, words, rate=200):
        self.words, self.rate = words, rate

    def open(self, lab):
        self.lab = lab

    def step(self, i):
        with self.lab.client.inside():
            one = socket.socket()
        with one:
            one.settimeout(1)
            one.bind((source(200), 0))
            one.connect((SERVER4, WEB))
            one.sendall(self.words(i))
            one.recv(2000)

    def close(self):
        pass


class Replay(Background):
    """What proved a client once, sent again and again: so many connections are opened, with the
    answer to their cookie (and a request, where there is one), and these segments repeated."""

    def __init__(self, port, request=b"", connections=20, rate=2000):
        self.port, self.request, self.count, self.rate = port, request, connections, rate

    def open(self, lab):
        self.raw = RawClient(lab)
        self.kept = []
        for _ in range(self.count):
            connection = self.raw.connection(self.port)
            with contextlib.suppress(Failure):
                connection.handshake(timeout_s=2)
                if self.request:
                    connection.send(self.request, advance=False)
                    connection.receive(1, lambda s: bool(s.data))
                self.kept.append(connection)

    def step(self, i):
        connection = self.kept[i % len(self.kept)]
        connection.segment(ACK | PSH if self.request else ACK, self.request)

    def close(self):
        self.raw.close()


class Neighbour(Background):
    """On a shared segment somebody borrows an address, has its cookies answered to his own MAC, and
    asks for the wrong thing."""

    rate = 200

    def open(self, lab):
        self.raw = RawClient(lab, source=BORROWED)
        self.raw.macs = self.raw.macs[:6] + NEIGHBOUR_MAC

    def step(self, i):
        connection = self.raw.connection(WEB)
        connection.handshake(timeout_s=0.2)
        connection.send(WRONG)

    def close(self):
        self.raw.close()


@dataclass
class Attack:
    """name: as it stands in the table. make(): one of it. port: of the server that it is about.
    side: where it comes from."""

    name: str
    make: callable
    port: int = WEB
    side: str = "client"


ONE, FOUR, ALL = [source(200)], "10.78.0.0/30", "10.78.0.0/16"
PREFIXES = [f"10.78.{i % 200}.{10 + i // 200}" for i in range(1000)]  # five addresses in each
FLAGS_FOR_NOBODY = (RST, FIN | ACK, ACK | PSH, RST | ACK)
BEGUN = GET[:-2]
POST = b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: %d\r\n\r\n" % SLOW_BYTES
LARGE = b"GET /bytes/%d HTTP/1.1\r\nHost: good\r\n\r\n" % SLOW_BYTES
ATTACKS = [
    Attack("SYNs from spoofed addresses", lambda: Flood(20_000)),
    Attack("half-open connections, 60 a second", lambda: Flood(60)),
    Attack(
        "SYNs with a priority tag",
        lambda: ByHand(
            "client",
            lambda i: (stranger(i), 1024 + i % 60000, SERVER4, WEB, SYN, b""),
            tag=b"\x81\x00\xa0\x00",
        ),
    ),
    Attack("real addresses that say nothing", lambda: Talkers("nothing", ALL, 500, hold_ms=1000)),
    Attack("real addresses, wrong requests", lambda: Talkers("bittorrent")),
    Attack("wrong requests from 4 addresses", lambda: Talkers("bittorrent", FOUR)),
    Attack("right requests from 4 addresses", lambda: Talkers("http", FOUR, 50, hold_ms=20)),
    Attack("one byte of a request, 400 sockets of one address", lambda: Sockets(400, ONE, b"G")),
    Attack(
        "a request line without end, 400 sockets of one address",
        lambda: Sockets(400, ONE, b"GET / HTTP/1.", b"1"),
    ),
    Attack(
        "headers without end, 400 sockets of one address",
        lambda: Sockets(400, ONE, BEGUN, b"X-a: b\r\n"),
    ),
    Attack(
        "headers without end, 1,000 sockets of 200 prefixes",
        lambda: Sockets(1000, PREFIXES, BEGUN, b"X-a: b\r\n"),
    ),
    Attack(
        "bodies that trickle, 1,000 sockets of 200 prefixes",
        lambda: Sockets(1000, PREFIXES, POST, b"a"),
    ),
    Attack(
        "answers that are not read, 1,000 sockets of 200 prefixes",
        lambda: Sockets(1000, PREFIXES, LARGE, window=2048),
    ),
    Attack("old cookies with their requests, sent again", lambda: Replay(WEB, GET)),
    Attack("old cookies, sent again for the greeting", lambda: Replay(MAIL), MAIL),
    Attack(
        "guessed cookies with right requests",
        lambda: ByHand(
            "client", lambda i: (stranger(i), 1024 + i % 60000, SERVER4, WEB, ACK | PSH, GET)
        ),
    ),
    Attack(
        "resets, FINs and data for nobody",
        lambda: ByHand(
            "client",
            lambda i: (stranger(i), 5000, SERVER4, WEB, FLAGS_FOR_NOBODY[i % 4], b"x" * (i % 2)),
        ),
    ),
    Attack(
        "bare ACKs from the server's side",
        lambda: ByHand("server", lambda i: (SERVER4, WEB, stranger(i), 1024 + i % 60000, ACK, b"")),
        side="server",
    ),
    Attack(
        "SYN-ACKs from the server's side",
        lambda: ByHand(
            "server", lambda i: (SERVER4, 1000 + i % 60000, "10.79.0.5", 40000, SYN | ACK, b"")
        ),
        side="server",
    ),
    Attack("a neighbour with another's address", Neighbour),
    Attack(
        "names that nobody has, asked for by one address",
        lambda: Requests(lambda i: b"GET / HTTP/1.1\r\nHost: n%d.example\r\n\r\n" % i),
    ),
]
# By their names, those from which a server in auto mode is protected, and what is set before.
FLOODS = {
    "SYNs from spoofed addresses": None,
    "half-open connections, 60 a second": None,
    "SYNs with a priority tag": None,
    "real addresses that say nothing": None,
    "real addresses, wrong requests": "trigger.mismatch=100",
}


def find(part_of_a_name):
    found = [attack for attack in ATTACKS if part_of_a_name in attack.name]
    if len(found) != 1:
        raise Failure(f"{len(found)} attacks have {part_of_a_name!r} in their names")
    return found[0]
