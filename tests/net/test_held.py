# SPDX-License-Identifier: GPL-2.0-or-later
"""A server in attack mode holds so many connections (rule 2.6): whole requests stop neither bodies
that trickle nor clients that do not read.

The server has 150 workers, each of which serves one connection at a time, as Apache's prefork. 200
bodies of a byte each second and 200 readers of a large page are held against it, from one address
and from eight. What is measured is whom it serves meanwhile.
"""
import contextlib
import queue
import select
import socket
import threading
import time

import runner
from lab import SERVER4, Lab, check, check_equal, wait_until
from services import Service

WORKERS, ARMED_BY, SLOW = 150, 12, 200  # of each kind
HONEST, CROWD = "10.78.250.7", "10.78.251.7"
GET = b"GET / HTTP/1.1\r\nHost: good\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: good\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: %d\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
LARGE_BYTES = 4 << 20  # more than buffers hold
PATIENCE_S = 120  # of a worker
FETCHES, CROWD_SIZE = 10, 500
SLOW_FOR_S = 5  # longer than anybody may be so slow above the mark


class Pool:
    """A web server of so many workers; `busy` says how many serve somebody."""

    def __init__(self, lab):
        self.waiting, self.served = queue.Queue(), 0
        with lab.server.inside():
            self.listening = socket.socket()
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listening.bind((SERVER4, 80))
            self.listening.listen(512)
        for _ in range(WORKERS):
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        while True:
            connection, _ = self.listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(PATIENCE_S)
                self._serve(connection)

    def _serve(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(4000)):
                return
            data += more
        header, _, body = data.partition(b"\r\n\r\n")
        if b"Content-Length: " in header:
            due = int(header.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            while len(body) < due:
                if not (more := connection.recv(4000)):
                    return
                body += more
        if header.startswith(b"GET /large"):
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(LARGE_BYTES))
        else:
            connection.sendall(OK)
        self.served += 1


def connect(lab, source, timeout=10, receive_bytes=None, port=80):
    with lab.client.inside():
        connection = socket.socket()
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(timeout)
    try:
        connection.bind((source, 0))
        connection.connect((SERVER4, port))
    except OSError:
        connection.close()
        raise
    return connection


def fetch(lab, source, request=GET, timeout=10):
    """True where the whole answer came."""
    with contextlib.suppress(OSError):
        with connect(lab, source, timeout) as connection:
            connection.sendall(request)
            data = b""
            while more := connection.recv(4000):
                data += more
            return data == OK
    return False


class Slow(threading.Thread):
    """Bodies that trickle, and readers that do not read, held open and opened again for as long as
    it lasts, from these addresses in turn."""

    def __init__(self, lab, sources):
        super().__init__(daemon=True)
        self.lab, self.sources, self.over = lab, sources, threading.Event()
        self.begun, self.ended, self.number = 0, 0, 0
        self.held = {}  # socket: whether it is a body
        self.started = threading.Event()
        self.start()

    def _open(self, body):
        self.number += 1
        source = self.sources[self.number % len(self.sources)]
        with contextlib.suppress(OSError):
            connection = connect(self.lab, source, 2, None if body else 2048)
            connection.sendall(POST % 100000 if body else LARGE)
            connection.setblocking(False)
            self.held[connection] = body
            self.begun += 1

    def _trickle(self):
        """Who was ended goes."""
        closed = select.poll()
        by_number = {connection.fileno(): connection for connection in self.held}
        for number in by_number:
            closed.register(number, select.POLLERR | select.POLLHUP)
        for number, _ in closed.poll(0):
            connection = by_number[number]
            del self.held[connection]
            connection.close()
            self.ended += 1
        for connection, body in self.held.items():
            with contextlib.suppress(OSError):
                if body:
                    connection.send(b"x")
                else:
                    connection.recv(16)

    def run(self):
        while not self.over.is_set():
            bodies = sum(self.held.values())
            for _ in range(SLOW - bodies):
                self._open(True)
            for _ in range(SLOW - (len(self.held) - bodies)):
                self._open(False)
            self._trickle()
            self.started.set()
            self.over.wait(1)
        for connection in self.held:
            connection.close()

    def end(self):
        self.over.set()
        self.join()


@contextlib.contextmanager
def pool_lab():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        lab.pool = Pool(lab)
        for i in range(ARMED_BY):
            source = f"10.78.{i % 4}.1"
            check(
                fetch(lab, source, GET if i % 2 else POST % 2 + b"hi"), "an answer while learning"
            )
        lab.wait_armed(80)
        lab.set_mode("attack")
        yield lab


def at_server(lab):
    return next(s for s in lab.cli("status")["servers"] if s["port"] == 80)


def ended(lab):
    return lab.stats()["flows"]["ended"] > 0


def served_beside(lab, sources):
    slow = Slow(lab, sources)
    check(slow.started.wait(60), "the slow clients have begun")
    wait_until(lambda: at_server(lab)["held"] >= at_server(lab)["held_mark"], 20, "all is taken")
    try:
        served = [fetch(lab, HONEST) for _ in range(FETCHES)]
        check_equal(
            served.count(True), FETCHES, f"pages of an honest client ({lab.stats()['flows']})"
        )
        wait_until(lambda: fetch(lab, HONEST) and ended(lab), 20, "slow ones are ended")
    finally:
        slow.end()
    counters = lab.stats()
    return f"{slow.begun} slow ones began, {counters['flows']['ended']} ended; 10 of 10 served"


def test_slow_clients_of_one_address():
    with pool_lab() as lab:
        return served_beside(lab, ["10.78.100.1"])


def test_slow_clients_of_eight_addresses():
    with pool_lab() as lab:
        return served_beside(lab, [f"10.78.{100 + i}.1" for i in range(8)])


def test_500_honest_clients_behind_one_address_beside_slow_ones():
    """They are served in turn: nobody is reset, nobody is blamed."""
    with pool_lab() as lab:
        slow = Slow(lab, ["10.78.100.1"])
        check(slow.started.wait(60), "the slow clients have begun")
        results = []

        def client():
            results.append(fetch(lab, CROWD, timeout=60))

        crowd = [threading.Thread(target=client, daemon=True) for _ in range(CROWD_SIZE)]
        begun = time.monotonic()
        try:
            for one in crowd:
                one.start()
            for one in crowd:
                one.join(90)
            took = time.monotonic() - begun
        finally:
            slow.end()
        counters = lab.stats()
        check_equal(results.count(True), CROWD_SIZE, f"pages of the crowd ({counters['flows']})")
        check_equal(counters["sources"]["put_aside"], 0, "sources put aside")
        return f"500 of 500 in {took:.0f} s, {counters['requests']['delayed']} waited for a place"


def test_nobody_is_limited_below_the_mark():
    with pool_lab() as lab:
        held = [connect(lab, CROWD) for _ in range(60)]
        for connection in held:
            connection.sendall(POST % 4)
        time.sleep(SLOW_FOR_S)  # nothing may happen meanwhile, so there is nothing to wait for
        check(fetch(lab, CROWD), "one more of the same address")
        check_equal(at_server(lab)["held_mark"], 64, "the mark")
        # Its own end, which it says last, is read behind all else.
        wait_until(lambda: at_server(lab)["held"] == 60, 20, f"60 are held: {at_server(lab)}")
        for connection in held:
            connection.sendall(b"done")
        for connection in held:
            with connection:
                check_equal(connection.recv(4000), OK, "answer after a body that was slow")
        counters = lab.stats()
        check_equal(
            (counters["flows"]["ended"], counters["requests"]["delayed"]), (0, 0), "limited"
        )
        return "60 bodies of one address, 5 s each, all answered"


# --- a server that says itself that it is full ---------------------------------------------------

IDENTITY = b"SSH-2.0-OpenSSH_9.2\r\n"
KEYS = bytes.fromhex("0000000c0414") + bytes(10)  # as SSH_MSG_KEXINIT begins
LOGINS, UNFINISHED, WITHIN_S = 10, 20, 180


class Logins:
    """As OpenSSH (MaxStartups): of so many who have not logged in it takes no more."""

    def __init__(self, lab):
        self.open, self.lock = 0, threading.Lock()
        Service(lab, 22, self._speak)

    def _speak(self, connection):
        with self.lock:
            full = self.open >= LOGINS
            self.open += not full
        if full:
            connection.sendall(b"Exceeded MaxStartups\r\n")
            return
        try:
            connection.settimeout(PATIENCE_S)
            connection.sendall(IDENTITY)
            while b"\n" not in connection.recv(200):
                pass
            connection.sendall(KEYS)
            connection.recv(200)
        finally:
            with self.lock:
                self.open -= 1


def says_who_it_is(lab, source, timeout=20):
    """The socket, once the server has answered with its keys; None: it was refused."""
    connection = connect(lab, source, timeout, port=22)
    said = b""
    with contextlib.suppress(OSError):
        connection.sendall(IDENTITY)
        while not said.endswith(KEYS) and (more := connection.recv(200)):
            said += more
    if said.endswith(KEYS):
        return connection
    connection.close()
    return None


def stays(begin, lab, over):
    """One who begins (`begin` gives a connection, or None) and says nothing more; whoever is ended
    comes again."""
    while not over.is_set():
        with contextlib.suppress(OSError):
            connection = begin(lab, "10.78.200.1")
            if connection:
                connection.settimeout(0.5)
                while not over.is_set():
                    with contextlib.suppress(TimeoutError):
                        if not connection.recv(200):
                            break
                connection.close()
        over.wait(0.5)


def test_logins_that_do_not_come():
    """20 sockets of one address at a server that takes ten: far below the mark."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        logins, over = Logins(lab), threading.Event()
        for i in range(ARMED_BY):
            says_who_it_is(lab, f"10.78.{i % 3}.1").close()
            wait_until(lambda: not logins.open, 20, "his place is free again")
        lab.wait_armed(22)
        lab.set_mode("attack")
        holders = [
            threading.Thread(target=stays, args=(says_who_it_is, lab, over))
            for _ in range(UNFINISHED)
        ]
        for holder in holders:
            holder.start()
        try:
            wait_until(lambda: logins.open >= LOGINS, 20, "all places are taken")
            served, tries, end = 0, 0, time.monotonic() + WITHIN_S
            while served < FETCHES and time.monotonic() < end:
                connection = says_who_it_is(lab, f"10.78.{tries % 100}.1")
                served, tries = served + bool(connection), tries + 1
                if connection:
                    connection.close()
        finally:
            over.set()
            for holder in holders:
                holder.join()
        check_equal(served, FETCHES, f"honest clients that were served, of {tries}")
        return f"{served} of the first {tries} that came were served"


# --- a server that says so once it has heard who asks ---------------------------------------------

DATABASE, PLACES, IDLE = 5432, 20, 40
START = b"\x00\x00\x00\x10\x00\x03\x00\x00user\x00a\x00\x00"
PASSWORD = b"R\x00\x00\x00\x08\x00\x00\x00\x03"
FULL = b"SFATAL\x00VFATAL\x00C53300\x00Msorry, too many clients already\x00\x00"


class Database:
    """As PostgreSQL: so many sessions, each from its first message on."""

    def __init__(self, lab):
        self.open, self.lock = 0, threading.Lock()
        Service(lab, DATABASE, self._speak)

    def _speak(self, connection):
        connection.settimeout(PATIENCE_S)
        if len(connection.recv(200)) < len(START):
            return
        with self.lock:
            full = self.open >= PLACES
            self.open += not full
        if full:
            connection.sendall(b"E" + (4 + len(FULL)).to_bytes(4, "big") + FULL)
            return
        try:
            connection.sendall(PASSWORD)
            connection.recv(200)
        finally:
            with self.lock:
                self.open -= 1


def begins_session(lab, source, timeout=10):
    """The socket, once it is asked for a password; None: it was refused."""
    connection, said = connect(lab, source, timeout, port=DATABASE), b""
    with contextlib.suppress(OSError):
        connection.sendall(START)
        said = connection.recv(200)
    if said == PASSWORD:
        return connection
    connection.close()
    return None


def idle_session(lab, source):
    return begins_session(lab, source, 5)


def test_sessions_that_idle_where_the_server_says_that_it_is_full():
    """40 sockets of one address at a server of 20 places, which hears a client before it refuses
    him: far below the mark."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        database, over = Database(lab), threading.Event()
        for i in range(ARMED_BY):
            begins_session(lab, f"10.78.{i % 3}.1").close()
            wait_until(lambda: not database.open, 20, "his place is free again")
        lab.wait_armed(DATABASE)
        lab.set_mode("attack")
        idle = [threading.Thread(target=stays, args=(idle_session, lab, over)) for _ in range(IDLE)]
        for one in idle:
            one.start()
        try:
            wait_until(lambda: database.open >= PLACES, 20, "all places are taken")
            served, tries, end = 0, 0, time.monotonic() + WITHIN_S
            while served < FETCHES and time.monotonic() < end:
                connection = None
                with contextlib.suppress(OSError):
                    connection = begins_session(lab, f"10.78.{tries % 100}.1")
                served, tries = served + bool(connection), tries + 1
                if connection:
                    connection.close()
                else:
                    time.sleep(0.2)
        finally:
            over.set()
            for one in idle:
                one.join()
        check_equal(served, FETCHES, f"honest clients that were served, of {tries}")
        return f"{served} of the first {tries} that came were served"


runner.main(globals())
