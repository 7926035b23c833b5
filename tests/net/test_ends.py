# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections end badly: each end learns of it in attack mode as it would on a bare wire, and
about when.

Every scenario runs twice at the same time: over a plain veth pair, and through synward with all its
servers learned and in attack mode. What the ends saw is compared by word and by order of magnitude
in time:

    refused, reset, timeout     the error that the program got (timeout: its own TCP gave up)
    closed                      the stream ended
    answered                    all went well

One difference lies in the method: a server that nobody answers for is found out by the request, not
by the SYN, since the handshake was ours. Its clients are "reset" where the bare wire says "refused"
to their SYN or lets it time out; the scenarios say so."""
import errno
import re
import signal
import socket
import struct
import threading
import time

import runner
from lab import SERVER4, SERVER6, STAND_IN, Failure, Lab, check, check_equal, wait_until
from rawtcp import ACK, PSH, RST, RawClient

WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
}
PATIENCE_S = 60
GET = b"GET / HTTP/1.1\r\nHost: synward.example\r\n\r\n"
BULK = b"GET /bytes/50000000 HTTP/1.1\r\nHost: synward.example\r\n\r\n"
POST = b"POST /upload HTTP/1.1\r\nHost: synward.example\r\nContent-Length: 50000000\r\n\r\n"
CLIENT_SYSCTLS = {"net.ipv4.tcp_syn_retries": 3}
# Data that nobody acknowledges, and probes that nobody answers, are given up after some seconds.
SERVER_RETRIES = 3
SERVER_SYSCTLS = {"net.ipv4.tcp_retries2": SERVER_RETRIES}
RTO_LEAST_S = 0.2  # of Linux


class Client:
    """A program of the client's host; `saw` collects {what it did: (the word for how that went,
    seconds)}."""

    def __init__(self, lab, port, address=SERVER4, user_timeout_ms=0):
        with lab.client.inside():
            self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.peer = (address, port)
        self.socket.settimeout(PATIENCE_S)
        if user_timeout_ms:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms)

    def attempt(self, action):
        """(word, seconds): how the action ended."""
        begin = time.monotonic()
        try:
            word = action() or "answered"
        except OSError as error:
            if error.errno not in WORDS:
                raise Failure(f"{error!r} after {time.monotonic() - begin:.1f} s") from None
            word = WORDS[error.errno]
        return word, time.monotonic() - begin

    def connect(self):
        return self.attempt(lambda: self.socket.connect(self.peer))

    def until(self, ending):
        data = b""
        while not data.endswith(ending):
            part = self.socket.recv(65536)
            if not part:
                return "closed"
            data += part
        return "answered"

    def ask(self, request=GET, ending=b"server\n"):
        """Says the request; reads the answer."""

        def action():
            self.socket.sendall(request)
            return self.until(ending)

        return self.attempt(action)

    def visit(self, request=GET, ending=b"server\n", greeting=None):
        """All of it from the SYN on, as one attempt."""

        def action():
            self.socket.connect(self.peer)
            if greeting and self.until(greeting) == "closed":
                return "closed"
            self.socket.sendall(request)
            return self.until(ending)

        return self.attempt(action)

    def read_to_the_end(self):
        def action():
            while self.socket.recv(1 << 20):
                pass
            return "closed"

        return self.attempt(action)

    def write_to_the_end(self):
        """Goes on writing; the end is an error."""

        def action():
            while True:
                self.socket.sendall(b"x" * 65536)

        return self.attempt(action)

    def vanish_with_reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def window_is_closed(host, port):
    """The RTO of the server's one connection, once it probes its client's closed window as seldom
    as it ever will (the wait is doubled as often as tcp_retries2 says); None before."""
    line = host.run("ss", "-Htnoi", "state", "established", f"sport = :{port}")
    rto_ms = re.search(r"\brto:(\d+)", line)
    if "timer:(persist" in line and f"backoff:{SERVER_RETRIES} " in line and rto_ms:
        return int(rto_ms.group(1)) / 1000
    return None


def asked(lab, port=80, request=GET, **options):
    """A client whose connection is open and was used."""
    client = Client(lab, port, **options)
    check_equal(client.connect()[0], "answered", "connecting")
    check_equal(client.ask(request)[0], "answered", "a first request")
    return client


def cut_off(host):
    """The host is gone: nothing that comes reaches it, nothing that it says leaves."""
    chains = " ".join(
        f"chain {hook} {{ type filter hook {hook} priority 0; policy drop; }};"
        for hook in ("input", "output")
    )
    host.run("nft", f"table inet gone {{ {chains} }}")


def back_again(host):
    host.run("nft", "delete", "table", "inet", "gone")


def at_once(*actions):
    """Runs them in parallel; their results."""
    results = [None] * len(actions)

    def work(number):
        try:
            results[number] = actions[number]()
        except Exception as why:
            results[number] = why

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def open_connections(server):
    return server.counts()["open"]


def gone_at_the_server(server, since):
    """(word, seconds): when the server had no connection left."""
    wait_until(lambda: open_connections(server) == 0, PATIENCE_S, "the server's end closes")
    return "gone", time.monotonic() - since


def learned(lab, servers, addresses=(SERVER4,)):
    """Attack mode, with servers that synward knows."""
    for port in servers:
        for address in addresses:
            lab.learn("pop3" if port == 110 else "http", port, address)
    lab.set_mode("attack")


def compare(prepare, scenario, differs=None):
    """Runs scenario(lab, servers) in both labs; both must have seen the same, but for `differs`:
    {what: (bare word, our word)}."""
    with Lab(True, CLIENT_SYSCTLS, SERVER_SYSCTLS) as bare, Lab(
        STAND_IN, CLIENT_SYSCTLS, SERVER_SYSCTLS
    ) as lab:
        prepared = []
        for one in (bare, lab):
            one.start(mode="normal")
            servers = prepare(one)
            learned(one, servers)
            prepared.append(servers)
        saw_bare, saw = at_once(
            lambda: scenario(bare, prepared[0]), lambda: scenario(lab, prepared[1])
        )
        check_equal(saw.keys(), saw_bare.keys(), "what was seen")
        for what, (word, seconds) in saw.items():
            wanted, bare_seconds = saw_bare[what]
            if differs and what in differs and not STAND_IN:
                check_equal(wanted, differs[what][0], f"{what}, on the bare wire")
                wanted = differs[what][1]
            check_equal(
                word,
                wanted,
                f"{what} (after {seconds:.1f} s; on the bare wire after {bare_seconds:.1f} s)",
            )
            check(
                abs(seconds - bare_seconds) < max(2, bare_seconds),
                f"{what}: after {seconds:.1f} s, on the bare wire {bare_seconds:.1f} s",
            )
        check_no_entry(lab)
    return ", ".join(f"{what}: {word} {seconds:.1f} s" for what, (word, seconds) in saw.items())


def check_no_entry(lab):
    """Nothing but closing entries, which keep the offsets of what has ended for 4 minutes."""
    lab.wait_no_flows()
    if not lab.stand_in:
        check_equal(lab.stats()["flows"]["pending"], 0, "openings that are left")


def web(lab, **options):
    return {80: lab.http(**options)}


def both(lab):
    return {80: lab.http(), 110: lab.pop3()}


def test_port_that_nobody_ever_listened_on():
    def scenario(lab, _):
        return {"IPv4": Client(lab, 4444).connect(), "IPv6": Client(lab, 4444, SERVER6).connect()}

    return compare(web, scenario)


def test_listener_that_is_gone():
    def scenario(lab, servers):
        for server in servers.values():
            server.stop(signal.SIGTERM)
        return {
            "http": Client(lab, 80).visit(),
            "pop3": Client(lab, 110).visit(b"USER test\r\n", b"\r\n", b"\r\n"),
        }

    return compare(both, scenario, {"http": ("refused", "reset"), "pop3": ("refused", "reset")})


def check_dead(lab, *reasons):
    """What an operator reads."""
    if not lab.stand_in:
        servers = {(one["server"], one["port"]): one for one in lab.cli("status")["servers"]}
        why = servers[SERVER4, 80]["dead"]
        check(why in reasons, f"why it is dead: {why}, not one of {reasons}")


def test_listener_that_is_gone_for_long():
    """Three refusals say so, or the next look at the listeners, whichever is sooner. When it is
    back, that shows within 2 s."""

    def scenario(lab, servers):
        servers[80].stop(signal.SIGTERM)
        first = [Client(lab, 80).visit() for _ in range(3)]
        # The kernel, where it answers SYNs, is told 20 times a second.
        wait_until(lambda: Client(lab, 80).connect()[0] == "refused", 1, "refused")
        later = [Client(lab, 80).connect() for _ in range(30)]
        check_dead(lab, "refuses connections", "nobody listens")
        lab.http()
        wait_until(lambda: Client(lab, 80).visit()[0] == "answered", 2, "served again")
        check_dead(lab, None)
        return {
            "first": first[0],
            "later": ("/".join(sorted({word for word, _ in later})), max(s for _, s in later)),
            "back": Client(lab, 80).visit(),
        }

    return compare(web, scenario, {"first": ("refused", "reset")})


def test_server_killed_in_the_middle():
    """A process that is killed: its kernel ends a download with FIN behind what was written, an
    upload with RST."""

    def prepare(lab):
        return {80: lab.http(), 81: lab.http(port=81), 110: lab.pop3()}

    def scenario(lab, servers):
        download, upload, idle = Client(lab, 80), Client(lab, 81), Client(lab, 110)
        for client in (download, upload, idle):
            check_equal(client.connect()[0], "answered", "connecting")
        idle.until(b"\r\n")
        check_equal(idle.ask(b"USER test\r\n", b"\r\n")[0], "answered", "USER")
        download.socket.sendall(BULK)
        download.socket.recv(1000)
        upload.socket.sendall(POST)
        wait_until(lambda: open_connections(servers[81]) == 1, 20, "the upload reaches the server")
        servers[81].popen.send_signal(signal.SIGSTOP)  # so that unread data is there when it dies
        upload.socket.sendall(b"x" * 65536)
        for server in servers.values():
            server.stop(signal.SIGKILL)
        return dict(
            zip(
                ("download", "upload", "idle"),
                at_once(download.read_to_the_end, upload.write_to_the_end, idle.read_to_the_end),
            )
        )

    return compare(prepare, scenario)


def test_server_host_that_comes_back():
    """A host that was away for a moment goes on where it was; one that has forgotten its
    connections says so when it is asked."""

    def prepare(lab):
        return {80: lab.http(), 81: lab.http(port=81)}

    def scenario(lab, servers):
        patient, forgotten = asked(lab), asked(lab, 81)
        forgotten.socket.sendall(POST)
        wait_until(
            lambda: lab.client.run("ss", "-Htno", "state", "established", "dport = :81").split()[1]
            == "0",
            5,
            "the upload has begun",
        )
        servers[81].popen.send_signal(signal.SIGSTOP)
        forgotten.socket.sendall(b"x" * 65536)
        cut_off(lab.server)
        servers[81].stop(signal.SIGKILL)  # its RST is lost
        begin = time.monotonic()
        patient.socket.sendall(GET)
        forgotten.socket.sendall(b"x" * 1000)
        wait_until(lambda: time.monotonic() - begin > 0.5, 20, "some repeats are lost")
        back_again(lab.server)
        return dict(
            zip(
                ("goes on", "forgotten"),
                at_once(
                    lambda: patient.attempt(lambda: patient.until(b"server\n")),
                    forgotten.write_to_the_end,
                ),
            )
        )

    return compare(prepare, scenario)


def test_server_host_that_is_gone():
    """An open connection ends when the client's host gives up; an opening with our fourth SYN, a
    little earlier than the client's own."""

    def scenario(lab, servers):
        running = asked(lab, user_timeout_ms=3000)
        cut_off(lab.server)
        saw = at_once(
            running.ask,
            Client(lab, 80).visit,
            lambda: Client(lab, 110).visit(b"USER test\r\n", b"\r\n", b"\r\n"),
        )
        # A host that gives up tells nobody. The server's, when it is back, closes what it still
        # has; the client's answers with a reset.
        back_again(lab.server)
        servers[80].stop(signal.SIGKILL)
        return dict(zip(("open", "http", "pop3"), saw))

    return compare(both, scenario, {"http": ("timeout", "reset"), "pop3": ("timeout", "reset")})


def test_server_host_that_is_gone_for_long():
    """Two openings that nobody answers for three seconds: clients then run into their own timeouts,
    as on the bare wire."""

    def scenario(lab, servers):
        cut_off(lab.server)
        first = at_once(Client(lab, 80).visit, Client(lab, 80).visit)
        check_dead(lab, "does not answer")
        later = Client(lab, 80).connect()
        back_again(lab.server)
        wait_until(lambda: Client(lab, 80).visit()[0] == "answered", 20, "served again")
        check_dead(lab, None)
        return {"first": first[0], "later": later}

    return compare(web, scenario, {"first": ("timeout", "reset")})


def test_client_that_resets():
    """In the middle of a download: the server's program hears of it at once."""

    def scenario(lab, servers):
        client = asked(lab)
        client.socket.sendall(BULK)
        client.socket.recv(1000)
        begin = time.monotonic()
        client.vanish_with_reset()
        return {"server": gone_at_the_server(servers[80], begin)}

    return compare(web, scenario)


def test_client_host_that_is_gone():
    """A server that probes idle clients, and one that waits for a window in the middle of a
    download, find out as they do on a bare wire, whose time is counted in the RTOs that each has
    measured: a busy machine makes them longer."""

    def prepare(lab):
        return {80: lab.http(keepalive=1), 81: lab.http(port=81)}

    def scenario(lab, servers):
        idle, download = asked(lab), asked(lab, 81)
        silent = Client(lab, 80)
        download.socket.sendall(BULK)
        download.socket.recv(1000)
        # What is lost and what only waits is given up after other times: all of it waits.
        rto_s = wait_until(lambda: window_is_closed(lab.server, 81), 20, "the window is closed")
        cut_off(lab.client)
        begin = time.monotonic()
        saw = dict(
            zip(
                ("keepalive", "closed window"),
                at_once(
                    *(lambda s=server: gone_at_the_server(s, begin) for server in servers.values())
                ),
            )
        )
        word, seconds = saw["closed window"]
        saw["closed window"] = word, seconds * RTO_LEAST_S / rto_s
        back_again(lab.client)
        # It comes back, and hears from the server's kernel that nothing is left of its connections.
        saw["idle, back again"] = idle.ask()
        saw["download, back again"] = download.write_to_the_end()
        check_equal(silent.visit()[0], "answered", "a new connection")
        silent.socket.close()
        return saw

    return compare(prepare, scenario)


COPIES = 20


def say(connection, data):
    """Says it; returns all that a copy of the segment needs."""
    copy = {
        "data": data,
        "seq": connection.seq,
        "ack": connection.ack,
        "options": b"\1\1" + connection.timestamps(),
    }
    connection.segment(ACK | PSH, **copy)
    connection.seq += len(data)
    return copy


def ask_web(connection):
    request = say(connection, GET)
    connection.read(lambda data: data.endswith(b"server\n"))
    return request


def ask_mail(connection):
    connection.line()
    request = say(connection, b"USER test\r\n")
    connection.line()
    return request


def repeat(connection, request):
    """Copies of an old request that the net had kept: each is answered by a reset, at the number
    that it acknowledges."""
    while connection.receive(0.05):
        pass
    for _ in range(COPIES):
        connection.segment(ACK | PSH, **request)
        answer = connection.receive(3)
        check(answer is not None and answer.flags & RST, f"answer to an old request: {answer}")
        check_equal(answer.seq, request["ack"], "the number of the reset")


def end_by_reset(connection):
    connection.reset()


def end_in_order(connection):
    connection.finish()


def test_request_repeated_after_its_connection_closed():
    """It does not run twice: neither while the old entry is remembered nor when the client's port
    has served another connection since."""
    with Lab() as lab:
        lab.start(mode="normal")
        servers = both(lab)
        learned(lab, servers)
        raw = RawClient(lab)
        repeated = 0
        for port, talk in ((80, ask_web), (110, ask_mail)):
            for end in (end_in_order, end_by_reset):
                old = raw.connection(port)
                old.handshake()
                request = talk(old)
                end(old)
                wait_until(lambda: open_connections(servers[port]) == 0, 20, "the connection ends")
                before = servers[port].counts()
                repeat(old, request)
                again = raw.connection(port)
                again.sport = old.sport
                again.ts_base = old.ts_base + 100000
                again.handshake()
                talk(again)
                end(again)
                repeat(old, request)
                wait_until(lambda: open_connections(servers[port]) == 0, 20, "the connection ends")
                after = servers[port].counts()
                repeated += 2 * COPIES
                for what in ("accepted", "requests"):
                    check_equal(
                        after[what] - before[what],
                        1,
                        f"{what} by the second connection alone, port {port}, {end.__name__}",
                    )
        check_no_entry(lab)
        return f"{repeated} copies"


runner.main(globals())
