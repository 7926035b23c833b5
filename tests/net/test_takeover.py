# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that ends in order leaves its connections to the next one: none is reset, none stalls.
"""
import contextlib
import hashlib
import json
import os
import re
import resource
import select
import signal
import socket
import struct
import threading
import time

import runner
from lab import PORTS, SERVER4, SERVER6, SYNWARD, Lab, check, check_equal, run, wait_until
from rawtcp import ACK, EVERYTHING, RST, RawClient

REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
CONNECTIONS = 50  # of each kind
MANY = int(os.environ.get("TAKEOVER_MANY", "100"))  # the same, under a flood
SYN_RATE, ACK_RATE = 100 * MANY, 40 * MANY
# A server for the plain ones, and one for as many others each: of one that holds more under attack
# the slow ones are ended.
PLAIN, SPLICED = 80, 8080
# Of TCP, whose repeats come ever later, beside the time that nobody was there.
STALL_S = 2
RESTARTS = 6  # of who has clients that are let in all the time
TIMEOUT_S = 8  # until who met one is served, beside twice the time that it took
PATIENCE_S = 120  # of the clients: longer, so that they see resets and no end of their own
STALL_BESIDE_A_FLOOD_S = 5  # which may take a repeat, too
# bridge/takeover_parts.h
PREFIX = struct.Struct("=8sIII")  # magic, layout, bytes of a flow, flows
PREFIX_BYTES, LAYOUT_AT, DIGEST_BYTES = 184, 8, 32


def daemon_lab(**options):
    lab = Lab(**options)
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def readable(sockets, for_ms):
    """As select(), which knows no descriptor beyond 1,023."""
    poll = select.poll()
    by_number = {one.fileno(): one for one in sockets}
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(for_ms)]


class Talk:
    """Connections that ask again as soon as they are answered, in a thread of their own."""

    def __init__(self, lab):
        self.lab = lab
        self.sockets = []
        self.asked = {}  # socket: when it asked last, and has not been answered since
        self.answers = {}
        self.ended = {}
        self.longest_s = 0.0
        self.stop = False
        self.thread = None

    def connect(self, port, count):
        with self.lab.client.inside():
            for i in range(count):
                address = SERVER6 if i % 5 == 4 else SERVER4
                connection = socket.create_connection((address, port), timeout=10)
                connection.sendall(REQUEST)
                check(b"200 OK" in connection.recv(4096), "the first answer")
                connection.setblocking(False)
                self.sockets.append(connection)
                self.answers[connection] = 0

    def __enter__(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()

    def close(self):
        for connection in self.sockets:
            connection.close()

    def _ask(self, connection):
        try:
            connection.send(REQUEST)
            self.asked[connection] = time.monotonic()
        except OSError as error:
            self.ended[connection] = error.strerror

    def _hear(self, connection):
        try:
            said = connection.recv(65536)
        except OSError as error:
            self.ended[connection] = error.strerror
            return
        if not said:
            self.ended[connection] = "closed"
        elif b"\n" in said[-1:]:
            self.longest_s = max(
                self.longest_s, time.monotonic() - self.asked.pop(connection, time.monotonic())
            )
            self.answers[connection] += 1

    def _run(self):
        while not self.stop:
            alive = [c for c in self.sockets if c not in self.ended]
            for connection in alive:
                if connection not in self.asked:
                    self._ask(connection)
            for connection in readable(alive, 50):
                self._hear(connection)
            time.sleep(0.02)

    def go_on(self):
        """Each has been answered twice since now: once may have been on its way."""
        since = dict(self.answers)
        wait_until(
            lambda: self.ended or all(self.answers[c] >= since[c] + 2 for c in self.sockets),
            30,
            "all are answered",
        )
        check_equal(list(self.ended.values()), [], "connections that ended")


def kinds(lab):
    return {flow["state"] for flow in lab.flows()}


def in_state(lab, state):
    return sum(f["state"] == state for f in lab.flows())


def spliced(lab):
    return in_state(lab, "spliced")


def plain_and_spliced(lab, talk, count=CONNECTIONS):
    servers = range(SPLICED, SPLICED + count // CONNECTIONS)
    for port in (PLAIN, *servers):
        lab.http(port)
        lab.learn("http", port)
        lab.fetch("http", port, SERVER6)
    talk.connect(PLAIN, count)
    lab.set_mode("attack")
    for port in servers:
        talk.connect(port, CONNECTIONS)
    wait_until(lambda: spliced(lab) == count, 20, "all are spliced")


def restarts_under_traffic(
    lab,
    extra=(),
    count=CONNECTIONS,
    stall_s=STALL_S,
    programs=(SYNWARD, SYNWARD),
    how=signal.SIGTERM,
):
    """By these programs, one after the other."""
    talk = Talk(lab)
    plain_and_spliced(lab, talk, count)
    with talk:
        talk.go_on()
        away_s = 0.0
        for program in programs:
            lab.program = program
            begun = time.monotonic()
            lab.restart("attack", how, extra=extra)
            away_s = max(away_s, time.monotonic() - begun)
            check("took over" in lab.daemon.errors(), f"the log: {lab.daemon.errors()}")
            check(not os.path.exists(f"{lab.store}.flows"), "what was left is removed")
            talk.go_on()
        stalled = f"stalled for {talk.longest_s:.1f} s, {away_s:.1f} s of it nobody was there"
        gap_s = away_s if how == signal.SIGTERM else 0
        check(talk.longest_s < stall_s + 2 * gap_s, stalled)
    wait_until(lambda: spliced(lab) == count, 20, "all are spliced")
    talk.close()
    # Of a flood some SYNs go by while nobody is there (--when-dead), and are answered.
    strangers = {"half-open", "picked-up", "closing"}
    wait_until(lambda: not kinds(lab) - strangers, 20, "no flow is held")
    return f"longest pause {talk.longest_s:.2f} s, nobody was there for {away_s:.2f} s"


def test_ports():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        return restarts_under_traffic(lab)


def many_under_a_flood(programs=(SYNWARD, SYNWARD), how=signal.SIGTERM):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        lab.http(9090)
        lab.learn("http", 9090)
        floods = [
            lab.start_flood(9090, rate=rate, count=60 * rate, drop="yes", **kind)
            for rate, kind in ((SYN_RATE, {}), (ACK_RATE, {"ack": "yes"}))
        ]
        told = restarts_under_traffic(
            lab, count=MANY, stall_s=STALL_BESIDE_A_FLOOD_S, programs=programs, how=how
        )
        sent = sum(flood.stop_report()["sent"] for flood in floods)
        return f"{MANY} of each kind beside {sent} frames: {told}"


def test_many_under_a_flood():
    return many_under_a_flood()


def test_inline():
    """The wire is whole between the two: what is spliced meets the far end's numbers meanwhile."""
    with daemon_lab(sides="inline") as lab:
        lab.start(mode="normal")
        return restarts_under_traffic(lab)


def test_persistent_cards():
    with daemon_lab() as lab:
        lab.persistent_cards()
        lab.start(mode="normal")
        return restarts_under_traffic(lab)


def test_other_number_of_workers():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=("--workers", "2"))
        return restarts_under_traffic(lab, extra=("--workers", "3"))


def served_by_a_cookie_of_the_old_one(programs, how=signal.SIGTERM):
    """The SYN-ACK was the old one's. The request is served, and not twice."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        http = lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        raw = RawClient(lab)
        for program in programs:
            client = raw.connection(port=80, options=EVERYTHING)
            client.handshake()
            served = http.counts()["requests"]
            lab.program = program
            lab.restart("attack", how)
            client.send(REQUEST, advance=False)
            said = client.read(lambda said: b"\n\r\n" in said or b"200" in said)
            check(b"200 OK" in said, f"served: {said}")
            check_equal(http.counts()["requests"], served + 1, "requests served")
        raw.close()


def test_handshake_with_a_cookie_of_the_old_process():
    served_by_a_cookie_of_the_old_one([SYNWARD])


class Halved:
    """A request whose first half was acknowledged, and of whose second half nobody has heard."""

    def __init__(self, raw, length):
        request = REQUEST[:-2] + b"A: %b\r\n\r\n" % (b"a" * length)
        half = len(request) // 2
        self.rest = request[half:]
        self.client = raw.connection(port=80, options=EVERYTHING)
        self.client.handshake()
        for at in range(0, half, 1000):
            self.client.send(request[at : min(at + 1000, half)])
        whole = self.client.receive(20, lambda segment: segment.ack == self.client.seq)
        check(whole and whole.flags == ACK, f"it is acknowledged: {whole}")

    def say_the_rest(self):
        self.client.send(self.rest[:1400], advance=False)

    def say_all(self):
        for at in range(0, len(self.rest), 1000):
            self.client.send(self.rest[at : at + 1000])

    def hears(self):
        said = self.client.read(lambda said: b"\n\r\n" in said or b"200" in said)
        check(b"200 OK" in said, f"served: {said}")

    def is_served(self):
        self.say_all()
        self.hears()


LENGTHS = (0, 900, 12000)  # of what a request has beside its words


def halves_over_restarts(how=signal.SIGTERM, programs=(SYNWARD,)):
    """What was acknowledged of a request its client does not say again."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        http = lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        raw = RawClient(lab)
        for program in programs:
            served = http.counts()["requests"]
            halves = [Halved(raw, length) for length in LENGTHS]
            check_equal(http.counts()["requests"], served, "requests served before")
            check_equal(lab.daemon.stop(how)[0], 0, "exit code")
            for half in halves:
                half.say_the_rest()  # nobody hears it, nor does the server
            reset = raw.receive(lambda segment: segment.flags & RST, 0.5)
            check(reset is None, f"a reset: {reset}")
            lab.program = program
            lab._start_daemon("attack", ())  # pylint: disable=protected-access
            for half in halves:
                half.is_served()
            check_equal(http.counts()["requests"], served + len(halves), "requests served")
        raw.close()


def test_requests_of_which_a_part_was_acknowledged():
    halves_over_restarts()


@contextlib.contextmanager
def unanswered(lab, address):
    """The server knows no way to him, so that whoever is being let in stays so."""
    lab.server.ip(f"route add blackhole {address}/32")
    try:
        yield
    finally:
        lab.server.ip(f"route del blackhole {address}/32")


def asked_for_over_a_restart(how=signal.SIGTERM):
    """Their server was asked, and has not answered: the next one asks it anew. They have said all,
    and say nothing more."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        http = lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        raw = RawClient(lab)
        served = http.counts()["requests"]
        halves = [Halved(raw, length) for length in LENGTHS]
        with unanswered(lab, raw.source):
            for half in halves:
                half.say_all()
            wait_until(lambda: in_state(lab, "opening") == len(halves), 20, "all are asked for")
            check_equal(lab.daemon.stop(how)[0], 0, "exit code")
        lab._start_daemon("attack", ())  # pylint: disable=protected-access
        for half in halves:
            half.hears()
        check_equal(http.counts()["requests"], served + len(halves), "requests served")
        raw.close()


def test_requests_whose_server_was_asked():
    asked_for_over_a_restart()


KINDS = (("http", 80), ("pop3", 110))  # the client speaks first, or its server does


def being_let_in(lab, port):
    """The clients' ports of connections that are being made, and of those that were."""
    states = (
        word for state in ("syn-sent", "established", "close-wait") for word in ("state", state)
    )
    said = lab.client.run("ss", "-Htn", *states, "dport", "=", f":{port}")
    return {line.split()[3] for line in said.splitlines()}


def let_in_beside_restarts(kind, port, sides, how=signal.SIGTERM):
    """Fetches at once, beside restarts; their count. The next restart comes when all are served who
    met the last one: TCP says things again ever later, and who meets several, on a machine where
    each takes seconds, waits for long and nobody has left him alone."""
    with daemon_lab(sides=sides) as lab:
        lab.start(mode="normal")
        getattr(lab, kind)()
        lab.learn(kind, port)
        lab.set_mode("attack")
        clients = lab.start_fetch(
            kind, port, count=10**7, concurrency=32, timeout_ms=1000 * PATIENCE_S
        )
        for _ in range(RESTARTS):
            time.sleep(0.7)  # so long a daemon lives
            begun = time.monotonic()
            lab.restart("attack", how)
            away_s, met = time.monotonic() - begun, being_let_in(lab, port)
            wait_until(
                lambda m=met: not m & being_let_in(lab, port),
                TIMEOUT_S + 2 * away_s,
                f"all are served who met a restart of {away_s:.1f} s, {kind}",
            )
        seen = clients.stop_report()
    check_equal(seen["failed"], 0, f"{kind} beside {RESTARTS} restarts, {sides}: {seen}")
    return f"{kind}, {sides}: {seen['ok']}, {seen['worst_us'] / 1e6:.1f} s at most"


def test_those_who_are_being_let_in():
    """Who waits for a server that is being opened, or for its greeting, is served by the next one:
    nobody is reset, and nobody waits for ever."""
    told = [let_in_beside_restarts(kind, port, "port") for kind, port in KINDS]
    return "; ".join(told)


def damaged(whole):
    return whole[:-1] + bytes([whole[-1] ^ 1])


def of_another_layout(whole):
    """Whole by its digest, and nothing behind the keys is where we have it."""
    head = bytearray(whole[:PREFIX_BYTES])
    head[LAYOUT_AT] ^= 0x80
    head[PREFIX_BYTES - DIGEST_BYTES :] = bytes(DIGEST_BYTES)
    digest = hashlib.blake2b(bytes(head) + whole[PREFIX_BYTES:], digest_size=DIGEST_BYTES).digest()
    return bytes(head[: PREFIX_BYTES - DIGEST_BYTES]) + digest + whole[PREFIX_BYTES:]


def restart_with(lab, change):
    """What was left is changed before the next one reads it."""
    left = f"{lab.store}.flows"
    check(not os.path.exists(left), "nothing is left while it runs")
    check_equal(lab.daemon.stop()[0], 0, "exit code")
    check_equal(os.stat(left).st_mode & 0o777, 0o600, "its mode")
    with open(left, "rb") as file:
        whole = file.read()
    magic, _, _, flows = PREFIX.unpack_from(whole)
    check(magic == b"synwflow" and flows >= 2 * CONNECTIONS, f"{magic}, {flows} flows")
    with open(left, "wb") as file:
        file.write(change(whole))
    lab._start_daemon("attack", ())  # pylint: disable=protected-access
    check(not os.path.exists(left), "read once")


def test_damaged():
    """As if there were none."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        talk = Talk(lab)
        plain_and_spliced(lab, talk)
        restart_with(lab, damaged)
        check("it is damaged" in lab.daemon.errors(), f"the log: {lab.daemon.errors()}")
        check_equal(lab.flows(), [], "flows")
        talk.close()


def test_of_another_version():
    """What was spliced is reset, at both ends; what was plain goes on."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        talk = Talk(lab)
        plain_and_spliced(lab, talk)
        restart_with(lab, of_another_layout)
        check("of another version" in lab.daemon.errors(), f"the log: {lab.daemon.errors()}")
        with talk:
            wait_until(lambda: len(talk.ended) >= CONNECTIONS, 20, "the spliced ones end")
            since = dict(talk.answers)
            plain = talk.sockets[:CONNECTIONS]
            wait_until(lambda: all(talk.answers[c] > since[c] for c in plain), 20, "plain go on")
        check_equal(set(talk.ended.values()), {"Connection reset by peer"}, "how they end")
        check_equal(set(talk.ended), set(talk.sockets[CONNECTIONS:]), "who ends")
        talk.close()


class Keeper:
    """A service manager that keeps files from one run to the next."""

    def __init__(self, lab):
        self.path = os.path.join(lab.folder, "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.said, self.kept = [], []

    def __enter__(self):
        os.environ["NOTIFY_SOCKET"] = self.path
        return self

    def __exit__(self, *_):
        del os.environ["NOTIFY_SOCKET"]
        self.socket.close()
        for fd in self.kept:
            os.close(fd)

    def hear(self):
        """All that came."""
        self.said.clear()
        self.socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                text, fds, _, _ = socket.recv_fds(self.socket, 4096, 4)
                self.said.append(text.decode())
                self.kept += fds
        return self.said

    def hand_over(self, lab):
        """From the next start on, as the third file, after standard error."""
        command = lab.daemon_command
        script = (
            f"exec 3</proc/{os.getpid()}/fd/{self.kept[0]}; "
            'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=flows; exec "$@"'
        )
        lab.daemon_command = lambda *words: ["sh", "-c", script, "sh", *command(*words)]


@contextlib.contextmanager
def full(folder):
    """Nothing more can be written there meanwhile."""
    filler = os.path.join(folder, "filler")
    with open(filler, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
    try:
        yield
    finally:
        os.unlink(filler)


@contextlib.contextmanager
def small_disk(lab):
    """Where the store is."""
    folder = os.path.join(lab.folder, "small")
    os.mkdir(folder)
    run("mount", "-t", "tmpfs", "-o", "size=32m", "none", folder)
    lab.store = os.path.join(folder, "profiles.json")
    try:
        yield folder
    finally:
        lab.stop_daemon()
        lab.daemon = None
        run("umount", "-l", folder)


def test_a_full_disk_and_a_manager_that_keeps_files():
    with daemon_lab(sides="port") as lab, Keeper(lab) as keeper, small_disk(lab) as folder:
        lab.start(mode="normal")
        talk = Talk(lab)
        plain_and_spliced(lab, talk)
        with talk:
            talk.go_on()
            keeper.hear()
            with full(folder):
                lab.daemon.stop()
                check("is asked to keep them" in lab.daemon.said(), lab.daemon.errors())
                check("FDSTORE=1\nFDNAME=flows" in keeper.hear(), f"it heard {keeper.said}")
                check_equal(len(keeper.kept), 1, "files kept")
                check_equal(os.fstat(keeper.kept[0]).st_mode & 0o777, 0o600, "its mode")
                check(not os.path.exists(f"{lab.store}.flows"), "nothing is left on the disk")
            keeper.hand_over(lab)
            lab._start_daemon("attack", ())  # pylint: disable=protected-access
            check("took over" in lab.daemon.errors(), lab.daemon.errors())
            check("FDSTOREREMOVE=1\nFDNAME=flows" in keeper.hear(), f"it heard {keeper.said}")
            talk.go_on()
        talk.close()


def test_a_full_disk_and_sides_that_are_opened_anew():
    """Without a sandbox that is within the process, which keeps in memory what the disk does not
    take: connections, and keys."""
    with daemon_lab(sides="port") as lab, small_disk(lab) as folder:
        lab.start(mode="normal", extra=("--sandbox", "off"))
        talk = Talk(lab)
        plain_and_spliced(lab, talk)
        with talk:
            talk.go_on()
            with full(folder):
                port = json.loads(lab.bridge.run("ip", "-j", "link", "show", PORTS[0]))[0]
                lab.bridge.run("ip", "link", "del", f"synward{port['ifindex']}")
                wait_until(lambda: lab.daemon.said().count(" ready: ") == 2, 20, "ready again")
                check("they are kept in memory" in lab.daemon.said(), lab.daemon.errors())
                check(not os.path.exists(f"{lab.store}.flows"), "nothing is left on the disk")
            took = re.search(r"took over (\d+) connections", lab.daemon.said())
            check(took and int(took[1]) >= 2 * CONNECTIONS, lab.daemon.errors())
            talk.go_on()
        talk.close()


def test_status_says_what_a_restart_keeps():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        restart = lab.cli("status")["restart"]
        check_equal(restart["connections"], True, json.dumps(restart))
        check_equal(restart["cards_vanish"], [], json.dumps(restart))
    with daemon_lab() as lab:
        lab.start(mode="normal", extra=("--card", "tap"))
        restart = lab.cli("status")["restart"]
        check_equal(restart["cards_vanish"], ["sw0", "sw1"], json.dumps(restart))
        check("sw0" in lab.cli_text("status"), "for people, too")


if __name__ == "__main__":
    runner.main(globals())
