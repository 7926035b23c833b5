# SPDX-License-Identifier: GPL-2.0-or-later
"""A server is opened for a whole request only: nothing that 400 sockets of one address begin
reaches it, and no client that says its request in an odd way is turned away beside them.

The sockets hold the beginnings of four protocols, and are opened again when they are reset. The
servers note whom they accept: of that address nobody. Everything is done over IPv4 and over IPv6,
first on a wire that loses nothing, then on one that loses 2 frames of 100 each way, on either side
of the bridge.
"""
import os
import socket
import ssl
import struct
import threading
import time

import runner
from lab import CLIENT6, SERVER4, SERVER6, Failure, Lab, check, check_equal, run
from services import Service, connect

HOLDER = {SERVER4: "10.78.200.1", SERVER6: "fd78::1"}
HOLDERS = 400
BEGINNINGS = (  # port, what is said of it
    (80, b"G"),
    (80, b"GET / HTTP/1."),
    (443, b"\x16\x03\x01\x02\x00"),
    (22, b"SSH-2.0-x"),
)
TYPED_S = 40
LEARNED = 12
LOST_OF_100 = 2

# --- servers ------------------------------------------------------------------------------------

SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
KEXINIT = b"\x00\x00\x00\x2c\x06\x14" + bytes(42)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4


def read_exactly(stream, count):
    data = stream.read(count)
    check_equal(len(data or b""), count, "bytes that were awaited")
    return data


def web_speak(connection):
    """Says how long the header was, and its last 8 bytes."""
    with connection.makefile("rb") as lines:
        header = b""
        while not header.endswith(b"\r\n\r\n"):
            line = lines.readline()
            if not line:
                return
            header += line
    body = b"%d %d" % (len(header), sum(header))
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )


def slow_web_speak(connection):
    """As web_speak(), but it takes 700 bytes at a time."""
    header = b""
    while not header.endswith(b"\r\n\r\n"):
        more = connection.recv(700)
        if not more:
            return
        header += more
        time.sleep(0.005)
    body = b"%d %d" % (len(header), sum(header))
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def read_frame(stream):
    head = read_exactly(stream, 9)
    length = int.from_bytes(head[:3], "big")
    return head[3], head[4], read_exactly(stream, length)


def http2_speak(connection):
    with connection.makefile("rb") as stream:
        if stream.read(len(PREFACE)) != PREFACE:
            return
        kind, _, _ = read_frame(stream)
        check_equal(kind, SETTINGS, "the client's first frame")
        connection.sendall(frame(SETTINGS, 0, 0))
        while kind != HEADERS:
            kind, _, _ = read_frame(stream)
        connection.sendall(
            frame(HEADERS, END_HEADERS, 1, b"\x88") + frame(DATA, END_STREAM, 1, b"ok")
        )
        stream.read(1)


def ssh_speak(connection):
    connection.sendall(SSH)
    with connection.makefile("rb") as stream:
        if stream.readline().startswith(b"SSH-2.0-"):
            connection.sendall(KEXINIT)
            stream.read(1)


def line_speak(greeting, answer, last, bye):
    def speak(connection):
        connection.sendall(greeting)
        with connection.makefile("rb") as lines:
            for line in lines:
                ends = last in line.upper()
                connection.sendall(bye if ends else answer(line))
                if ends:
                    return

    return speak


def tls_context(lab):
    key = os.path.join(lab.folder, "key.pem")
    new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a"
    run("openssl", *new.split(), "-keyout", key, "-out", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(key)
    return context


# --- clients ------------------------------------------------------------------------------------


class Place:
    """The servers of one family, and their clients."""

    def __init__(self, lab, address, context):
        self.lab, self.address = lab, address
        self.timeout_s = 30

        def tls_speak(connection):
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.sendall(b"you said " + tls.recv(1000))

        imap = line_speak(
            b"* OK ready\r\n",
            lambda line: line.split()[0] + b" OK done\r\n",
            b"LOGOUT",
            b"* BYE\r\na9 OK bye\r\n",
        )
        smtp = line_speak(
            b"220 mx.example.org ESMTP\r\n", lambda line: b"250 ok\r\n", b"QUIT", b"221 bye\r\n"
        )
        pop3 = line_speak(b"+OK ready\r\n", lambda line: b"+OK\r\n", b"QUIT", b"+OK bye\r\n")
        speaks = {
            80: web_speak,
            443: tls_speak,
            22: ssh_speak,
            25: smtp,
            110: pop3,
            143: imap,
            50051: http2_speak,
        }
        self.services = {port: Service(lab, port, s, address) for port, s in speaks.items()}
        self.services[8080] = Service(lab, 8080, slow_web_speak, address, receive_bytes=2304)

    def connect(self, port):
        client = connect(self.lab, port, self.address, timeout=self.timeout_s)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def say(self, port, pieces, pause_s, fin=False):
        """All that the server answers to these pieces, up to its end."""
        with self.connect(port) as client:
            for i, piece in enumerate(pieces):
                if i:
                    time.sleep(pause_s)
                client.sendall(piece)
            if fin:
                client.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                more = client.recv(4000)
                if not more:
                    return answer
                answer += more

    def ask_web(self, port, pieces, pause_s=0.03, fin=False):
        request = b"".join(pieces)
        wanted = b"%d %d" % (len(request), sum(request))
        answer = self.say(port, pieces, pause_s, fin)
        check(answer.endswith(b"\r\n\r\n" + wanted), f"answered {answer!r}, wanted {wanted!r}")

    # each of these fails, or it was served

    def plain(self):
        self.ask_web(80, [web_request()])

    def single_bytes(self):
        request = web_request()
        self.ask_web(80, [request[i : i + 1] for i in range(len(request))])

    def long_header(self):
        self.ask_web(80, [web_request(20 * 1024)])

    def long_header_in_pieces(self):
        request = web_request(20 * 1024)
        self.ask_web(80, [request[i : i + 5000] for i in range(0, len(request), 5000)], 0.1)

    def halves(self):
        self.ask_web(80, [web_request()], fin=True)

    def halves_in_pieces(self):
        request = web_request()
        self.ask_web(80, [request[:7], request[7:]], 0.1, fin=True)

    def plain_at_small_window(self):
        self.ask_web(8080, [web_request()])

    def small_window(self):
        request = web_request(10 * 1024)
        self.ask_web(8080, [request[:5000], request[5000:]], 0.1)

    def small_window_and_fin(self):
        request = web_request(15 * 1024)
        self.ask_web(8080, [request[:3], request[3:]], 0.1, fin=True)

    def long_header_at_small_window(self):
        self.ask_web(8080, [web_request(20 * 1024)])

    def http2(self, apart_s=0.0):
        """grpc-go waits for the server's SETTINGS before it asks anything."""
        with self.connect(50051) as client, client.makefile("rb") as stream:
            if apart_s:
                client.sendall(PREFACE)
                time.sleep(apart_s)
                client.sendall(frame(SETTINGS, 0, 0))
            else:
                client.sendall(PREFACE + frame(SETTINGS, 0, 0))
            check_equal(read_frame(stream)[0], SETTINGS, "the server's first frame")
            client.sendall(frame(SETTINGS, 1, 0))
            block = b"\x83\x86\x84\x41\x04good"
            client.sendall(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
            check_equal(read_frame(stream), (HEADERS, END_HEADERS, b"\x88"), "its answer")
            check_equal(read_frame(stream), (DATA, END_STREAM, b"ok"), "its body")

    def http2_apart(self):
        self.http2(0.06)

    def tls(self, piece_bytes=0, pause_s=0.0):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(received, sent, server_hostname="a.example.org")
        with self.connect(443) as client:

            def do(what):
                while True:
                    try:
                        return what()
                    except ssl.SSLWantReadError:
                        flush(client, sent.read(), piece_bytes, pause_s)
                        more = client.recv(4000)
                        check(more, "the server ended in the middle")
                        received.write(more)

            do(tls.do_handshake)
            tls.write(b"hello")
            flush(client, sent.read(), 0, 0)
            check_equal(do(lambda: tls.read(1000)), b"you said hello", "inside TLS")

    def tls_in_pieces(self):
        self.tls(60, 0.06)

    def ssh(self, pieces=(SSH,)):
        with self.connect(22) as client, client.makefile("rb") as stream:
            check_equal(stream.readline(), SSH, "the server's identification")
            for piece in pieces:
                client.sendall(piece)
                time.sleep(0.03)
            check_equal(read_exactly(stream, len(KEXINIT)), KEXINIT, "what follows it")

    def ssh_single_bytes(self):
        self.ssh([SSH[i : i + 1] for i in range(len(SSH))])

    def lines(self, port, key_s=0.0):
        """The first line key by key, so far apart, as somebody types it."""
        greeting, session = LINES[port]
        with self.connect(port) as client, client.makefile("rb") as lines:
            client.settimeout(TYPED_S + self.timeout_s)
            check_equal(lines.readline(), greeting, "the greeting")
            for i, (line, answer) in enumerate(session):
                keys = [line] if i or not key_s else [line[k : k + 1] for k in range(len(line))]
                for key in keys:
                    client.sendall(key)
                    if len(keys) > 1 and key != b"\n":
                        time.sleep(key_s)
                check_equal(lines.readline(), answer, f"the answer to {line!r}")

    def pop3(self):
        self.lines(110)

    def smtp(self):
        self.lines(25)

    def imap(self):
        self.lines(143)

    def typed(self, port):
        self.lines(port, TYPED_S / (len(LINES[port][1][0][0]) - 1))

    LEARNT = (plain, plain_at_small_window, tls, http2, ssh, pop3, smtp, imap)
    ODD = (
        plain,
        single_bytes,
        long_header,
        long_header_in_pieces,
        halves,
        halves_in_pieces,
        small_window,
        small_window_and_fin,
        long_header_at_small_window,
        http2,
        http2_apart,
        tls,
        tls_in_pieces,
        ssh,
        ssh_single_bytes,
        pop3,
        smtp,
        imap,
    )


LINES = {
    110: (
        b"+OK ready\r\n",
        ((b"USER somebody\r\n", b"+OK\r\n"), (b"QUIT\r\n", b"+OK bye\r\n")),
    ),
    25: (
        b"220 mx.example.org ESMTP\r\n",
        ((b"EHLO some.example.org\r\n", b"250 ok\r\n"), (b"QUIT\r\n", b"221 bye\r\n")),
    ),
    143: (
        b"* OK ready\r\n",
        ((b"a1 CAPABILITY\r\n", b"a1 OK done\r\n"), (b"a9 LOGOUT\r\n", b"* BYE\r\n")),
    ),
}


def web_request(size=0):
    line, end = b"GET / HTTP/1.1\r\nHost: good\r\n", b"\r\n"
    padding = b"".join(b"X-%04d: %s\r\n" % (i, b"abcdefghij" * 10) for i in range(size // 110))
    return line + padding + end


def flush(client, data, piece_bytes, pause_s):
    for i in range(0, len(data), piece_bytes or len(data) or 1):
        client.sendall(data[i : i + piece_bytes] if piece_bytes else data)
        time.sleep(pause_s)


# --- who holds ----------------------------------------------------------------------------------


class Holders:
    """400 sockets of one address; those that end are opened again, until stop()."""

    def __init__(self, lab, address):
        self.lab, self.address, self.opened, self.failed = lab, address, 0, 0
        self.over = threading.Event()
        self.sockets = [self._open(i) for i in range(HOLDERS)]
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()

    def _open(self, i):
        port, said = BEGINNINGS[i % len(BEGINNINGS)]
        try:
            one = connect(self.lab, port, self.address, HOLDER[self.address], timeout=5)
            one.sendall(said)
            one.setblocking(False)
            self.opened += 1
            return one
        except OSError:
            self.failed += 1
            return None

    @staticmethod
    def _has_ended(one):
        try:
            while one.recv(4000):
                pass
        except BlockingIOError:
            return False
        except OSError:
            pass
        one.close()
        return True

    def _keep(self):
        while not self.over.wait(1):
            for i, one in enumerate(self.sockets):
                if self.over.is_set():
                    return
                if one is None or self._has_ended(one):
                    self.sockets[i] = self._open(i)

    def stop(self):
        self.over.set()
        self.thread.join()
        for one in self.sockets:
            if one:
                one.close()


# --- the test -----------------------------------------------------------------------------------


class Attempts:
    """Clients in threads; what failed of them."""

    def __init__(self):
        self.threads, self.faults, self.done = [], [], 0
        self.lock = threading.Lock()

    def start(self, what, *arguments):
        thread = threading.Thread(target=self._run, args=(what, arguments), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _run(self, what, arguments):
        begin = time.monotonic()
        try:
            what(*arguments)
            with self.lock:
                self.done += 1
        except (Failure, OSError) as why:
            where = f"[{arguments[0].address}] {what.__name__}{arguments[1:]}"
            with self.lock:
                self.faults.append(f"{where} after {time.monotonic() - begin:.1f} s: {why!r}")

    def finish(self):
        for thread in self.threads:
            thread.join()
        return self


def odd_clients(places, rounds):
    attempts = Attempts()
    for _ in range(rounds):
        for place in places:
            for what in Place.ODD:
                attempts.start(what, place)
        attempts.finish()
    return attempts


def learn(lab, places):
    for place in places:
        for what in Place.LEARNT:
            for _ in range(LEARNED):
                what(place)
    for place in places:
        for port in place.services:
            lab.wait_armed(port, place.address)


def second_address(lab):
    """One more of IPv6, in a network of its own, as 10.78/16 is for IPv4."""
    holder = HOLDER[SERVER6]
    lab.client.run("ip", "address", "add", f"{holder}/128", "dev", "lo", "nodad")
    lab.server.run("ip", "route", "replace", f"{holder}/128", "via", CLIENT6)


def test_odd_clients_beside_400_beginnings():
    with Lab() as lab:
        lab.start(mode="normal")
        lab.single_segments()
        second_address(lab)
        context = tls_context(lab)
        places = [Place(lab, address, context) for address in (SERVER4, SERVER6)]
        learn(lab, places)
        lab.set_mode("attack")
        holders = [Holders(lab, place.address) for place in places]

        typists = Attempts()
        for place in places:
            for port in LINES:
                typists.start(Place.typed, place, port)
        calm = odd_clients(places, 2)
        for side in ("client", "server"):
            lab.lose(LOST_OF_100, side)
        lossy = odd_clients(places, 2)
        typists.finish()
        lost = lab.lost()
        for one in holders:
            one.stop()

        faults = calm.faults + lossy.faults + typists.faults
        check(not faults, f"{len(faults)} failed: " + "; ".join(faults[:8]))
        check(lost > 50, f"only {lost} frames were lost")
        reached = sum(
            client in HOLDER.values()
            for place in places
            for service in place.services.values()
            for client in service.clients
        )
        check_equal(reached, 0, "connections that the holders got to a server")
        return (
            f"{sum(h.opened for h in holders)} beginnings, 0 at the servers; {calm.done} odd "
            f"clients, {lossy.done} more with {lost} frames lost, {typists.done} who typed for "
            f"{TYPED_S} s: all served"
        )


if __name__ == "__main__":
    runner.main(globals())
