# SPDX-License-Identifier: GPL-2.0-or-later
"""Right clients that are slow, while others hold every server above its mark (rule 2.6): who types,
uploads or reads over a thin line, waits for news, or has a channel open in which nothing is said
for a while, loses nothing by it.

Four servers are attacked at once from 200 networks, by bodies that trickle, answers that are not
read, lines and frames that do not end, five of a kind from a network. Each is opened again when it
is ended. 2 frames of 100 are lost each way meanwhile. Each right client has a network of its own,
and comes when its server holds all that it may.
"""
import contextlib
import select
import socket
import threading
import time

import runner
from lab import SERVER4, Lab, check, check_equal, wait_until
from services import Service, connect
from test_whole import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    LINES,
    PREFACE,
    SETTINGS,
    Attempts,
    frame,
    line_speak,
    read_frame,
)

WEB, MAIL, REDIS, GRPC = 80, 25, 6379, 50051
NETWORKS, EACH, LEARNED, LOST_OF_100 = 200, 5, 12, 2
PATIENCE_S = 120  # of a server
LARGE_BYTES = 4 << 20  # more than buffers hold
LONG_S = 15  # an upload, a download, or nothing for so long
UPLOAD, DOWNLOAD = 5_000, 20_000  # bytes a second
TYPED_S = 40
KEY_S = 1.5  # between two keys of who types HTTP: a minute is all that it may take

# --- servers ------------------------------------------------------------------------------------


def web_answer(stream, connection, lines):
    """True where another request may follow."""
    path, length = lines[0].split()[1], 0
    for line in lines[1:]:
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    if b"upgrade: websocket" in [line.lower().strip() for line in lines]:
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        for line in stream:
            connection.sendall(b"you said " + line)
        return False
    body = b"%d" % len(stream.read(length))
    if path == b"/poll":
        time.sleep(LONG_S)
    sizes = {b"/large": LARGE_BYTES, b"/download": LONG_S * DOWNLOAD}
    if path in sizes:
        body = bytes(sizes[path])
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    return True


def web_speak(connection):
    connection.settimeout(PATIENCE_S)
    with connection.makefile("rb") as stream:
        lines = []
        while line := stream.readline():
            lines.append(line)
            if line == b"\r\n":
                if not web_answer(stream, connection, lines):
                    return
                lines = []


def grpc_speak(connection):
    connection.settimeout(PATIENCE_S)
    with connection.makefile("rb") as stream:
        if stream.read(len(PREFACE)) != PREFACE:
            return
        connection.sendall(frame(SETTINGS, 0, 0))
        while head := stream.read(9):
            payload = stream.read(int.from_bytes(head[:3], "big"))
            if head[3] == HEADERS and payload:
                stream_id = payload[-1]
                connection.sendall(
                    frame(HEADERS, END_HEADERS, stream_id, b"\x88")
                    + frame(DATA, END_STREAM, stream_id, b"ok")
                )


def patient(speak):
    def speak_patiently(connection):
        connection.settimeout(PATIENCE_S)
        speak(connection)

    return speak_patiently


SPEAK = {
    WEB: web_speak,
    MAIL: patient(line_speak(LINES[MAIL][0], lambda line: b"250 ok\r\n", b"QUIT", b"221 bye\r\n")),
    REDIS: patient(line_speak(b"", lambda line: b"+PONG\r\n", b"QUIT", b"+OK\r\n")),
    GRPC: grpc_speak,
}

# --- right clients ------------------------------------------------------------------------------

HOST = b"Host: good\r\n"
GET = b"GET %s HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n"
UPGRADE = b"GET /socket HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def read_answer(stream, what):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        check(line, f"the answer to {what} ends behind {head!r}")
        head += line
    if b" 101 " in head:
        return b""
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    body = stream.read(length)
    check_equal(len(body), length, f"bytes of the answer to {what}")
    return body


class Right:
    """A client from an address of its own; each of its methods fails, or it was served."""

    def __init__(self, lab, address, timeout_s=30):
        self.lab, self.address, self.timeout_s = lab, address, timeout_s

    @contextlib.contextmanager
    def connected(self, port):
        with connect(self.lab, port, source=self.address, timeout=self.timeout_s) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client.makefile("rb") as stream:
                yield client, stream

    def page(self):
        with self.connected(WEB) as (client, stream):
            client.sendall(GET % b"/")
            read_answer(stream, "a page")

    def short_body(self):
        with self.connected(WEB) as (client, stream):
            client.sendall(POST % 2 + b"hi")
            check_equal(read_answer(stream, "a body"), b"2", "the answer")

    def long_header(self):
        padding = b"".join(b"X-%04d: %s\r\n" % (i, b"a" * 100) for i in range(186))
        request = b"GET / HTTP/1.1\r\n" + HOST + padding + b"\r\n"
        with self.connected(WEB) as (client, stream):
            for i in range(0, len(request), 4000):
                client.sendall(request[i : i + 4000])
                time.sleep(0.03)
            read_answer(stream, "a header of 20 KiB")

    def single_bytes(self):
        with self.connected(WEB) as (client, stream):
            for byte in GET % b"/":
                client.sendall(bytes([byte]))
                time.sleep(0.03)
            read_answer(stream, "a request of single bytes")

    def typed_http(self):
        with self.connected(WEB) as (client, stream):
            for keys in (*(bytes([key]) for key in b"GET / HTTP/1.1"), b"\r\n", HOST, b"\r\n"):
                client.sendall(keys)
                time.sleep(KEY_S)
            read_answer(stream, "a request that was typed")

    def upload(self):
        size = LONG_S * UPLOAD
        with self.connected(WEB) as (client, stream):
            client.sendall(POST % size)
            for _ in range(10 * LONG_S):
                client.sendall(bytes(UPLOAD // 10))
                time.sleep(0.1)
            check_equal(read_answer(stream, "an upload"), b"%d" % size, "the answer")

    def download(self):
        with self.lab.client.inside():
            client = socket.socket()
        with client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(30)
            client.bind((self.address, 0))
            client.connect((SERVER4, WEB))
            client.sendall(GET % b"/download")
            begun, read = time.monotonic(), 0
            while read < LONG_S * DOWNLOAD:
                more = client.recv(DOWNLOAD // 10)
                check(more, f"a download ends behind {read} bytes")
                read += len(more)
                time.sleep(max(0, begun + read / DOWNLOAD - time.monotonic()))

    def long_poll(self):
        with self.connected(WEB) as (client, stream):
            client.sendall(GET % b"/poll")
            read_answer(stream, "a long poll")

    def websocket(self):
        with self.connected(WEB) as (client, stream):
            client.sendall(UPGRADE)
            read_answer(stream, "the upgrade")
            for pause_s in (0, 2 * LONG_S):
                time.sleep(pause_s)
                client.sendall(b"hello\n")
                check_equal(stream.readline(), b"you said hello\n", "the echo")

    def second_page_later(self):
        with self.connected(WEB) as (client, stream):
            for pause_s in (0, LONG_S):
                time.sleep(pause_s)
                client.sendall(GET % b"/")
                read_answer(stream, "a page")

    def grpc(self, pause_s=LONG_S):
        with self.connected(GRPC) as (client, stream):
            client.sendall(PREFACE + frame(SETTINGS, 0, 0))
            check_equal(read_frame(stream)[0], SETTINGS, "the server's first frame")
            for number in (1, 3):
                client.sendall(
                    frame(HEADERS, END_HEADERS | END_STREAM, number, bytes(3) + bytes([number]))
                )
                check_equal(read_frame(stream)[0], HEADERS, "the answer")
                check_equal(read_frame(stream)[2], b"ok", "its body")
                if number == 1:
                    time.sleep(pause_s)

    def lines(self, port, typed_s=0.0):
        greeting, dialogue = {
            MAIL: LINES[MAIL],
            REDIS: (b"", ((b"PING\r\n", b"+PONG\r\n"), (b"QUIT\r\n", b"+OK\r\n"))),
        }[port]
        with self.connected(port) as (client, stream):
            if greeting:
                check_equal(stream.readline(), greeting, "the greeting")
            for line, answer in dialogue:
                for key in line[:-2]:
                    client.sendall(bytes([key]))
                    time.sleep(typed_s / len(line[:-2]))
                client.sendall(b"\r\n")
                check_equal(stream.readline(), answer, f"the answer to {line!r}")
                typed_s /= 8

    def mail(self):
        self.lines(MAIL)

    def redis(self):
        self.lines(REDIS)

    def typed_mail(self):
        self.lines(MAIL, TYPED_S)

    def typed_redis(self):
        self.lines(REDIS, TYPED_S)

    def grpc_at_once(self):
        self.grpc(0)

    LEARNT = (page, short_body, mail, redis, grpc_at_once)
    SLOW = (
        long_header,
        single_bytes,
        typed_http,
        upload,
        download,
        long_poll,
        websocket,
        second_page_later,
        grpc,
        typed_mail,
        typed_redis,
    )


# --- who holds ----------------------------------------------------------------------------------

ENDLESS = b"\x00\x40\x00" + bytes([HEADERS, 0, 0, 0, 0, 1])  # headers of 16 KiB, of which few come
HOLD = (  # port, how many, what is said, and then once a second, the window
    (WEB, 200, POST % 100000, b"x", None),
    (WEB, 200, GET % b"/large", b"", 2048),
    (MAIL, 200, b"EHLO x\r\n", b"x", None),
    (REDIS, 200, b"PING\r\n", b"x", None),
    (GRPC, 200, PREFACE + frame(SETTINGS, 0, 0) + ENDLESS, b"x", None),
)


class Holder:
    """One connection, opened again when it is ended."""

    def __init__(self, lab, network, kind):
        self.lab, self.source = lab, f"10.78.{network}.9"
        self.port, _, self.first, self.then, self.window = kind
        self.begun = 0
        self.open()

    def open(self):
        with self.lab.client.inside():
            self.socket = socket.socket()
        if self.window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window)
        self.socket.setblocking(False)
        self.socket.bind((self.source, 0))
        with contextlib.suppress(BlockingIOError):
            self.socket.connect((SERVER4, self.port))
        self.said = False
        self.begun += 1

    def step(self):
        with contextlib.suppress(OSError):
            if not self.said:
                self.socket.send(self.first)
                self.said = True
            elif self.then:
                self.socket.send(self.then)

    def again(self):
        self.socket.close()
        with contextlib.suppress(OSError):
            self.open()


class Holders(threading.Thread):
    """All of these kinds, `each` of a kind from a network."""

    def __init__(self, lab, hold, networks, each):
        super().__init__(daemon=True)
        kinds = [kind for kind in hold for _ in range(kind[1])]
        self.over = threading.Event()
        self.holders = [
            Holder(lab, number // each % networks, kind) for number, kind in enumerate(kinds)
        ]
        self.start()

    def run(self):
        while not self.over.wait(0.5):
            ended = select.poll()
            by_number = {holder.socket.fileno(): holder for holder in self.holders}
            for number in by_number:
                ended.register(number, select.POLLERR | select.POLLHUP)
            closed = {by_number[number] for number, _ in ended.poll(0) if number >= 0}
            for holder in self.holders:
                if holder in closed:
                    holder.again()
                else:
                    holder.step()

    def end(self):
        self.over.set()
        self.join()
        for holder in self.holders:
            holder.socket.close()
        return sum(holder.begun for holder in self.holders)


# --- the test -----------------------------------------------------------------------------------


def is_full(lab, port):
    server = next(s for s in lab.cli("status")["servers"] if s["port"] == port)
    return server["held"] >= server["held_mark"]


def test_right_slow_clients_at_servers_that_are_held():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        lab.single_segments()
        services = [Service(lab, port, speak) for port, speak in SPEAK.items()]
        for what in Right.LEARNT:
            for i in range(LEARNED):
                what(Right(lab, f"10.78.{i % 4}.1"))
        for port in SPEAK:
            lab.wait_armed(port)
        lab.set_mode("attack")
        for side in ("client", "server"):
            lab.lose(LOST_OF_100, side)
        holders, right = Holders(lab, HOLD, NETWORKS, EACH), Attempts()
        try:
            for port in SPEAK:
                wait_until(lambda p=port: is_full(lab, p), 20, f"port {port} holds its mark")
            for i, what in enumerate(Right.SLOW):
                right.start(what, Right(lab, f"10.78.{NETWORKS + 1 + i}.1"))
            right.finish()
        finally:
            begun = holders.end()
        check(not right.faults, f"{len(right.faults)} failed: " + "; ".join(right.faults))
        ended = lab.stats()["flows"]["ended"]
        check(ended > 200, f"only {ended} slow ones were ended")
        return (
            f"{right.done} slow right clients served beside {begun} that hold, of which "
            f"{sum(service.accepted for service in services)} reached a server and {ended} were "
            f"ended, {lab.lost()} frames lost"
        )


if __name__ == "__main__":
    runner.main(globals())
