# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of real programs share: a service, the place where it runs, and the one test that
each goes through.

    Service(...)    one row of a table: how the program is started, what a session with its own
                    client is, what is to be learned
    Site            what a row's functions get: both namespaces, a folder for each side (/mnt inside
                    the root), programs of the root
    try_service()   learned live in normal mode; then in attack mode the same session, and clients
                    who came for something else

Servers and clients come from build/interop-root (tests/root/make-root.sh). Each row runs in
namespaces of its own, all that a program writes lies in the lab's folder, and all goes with the
lab.

Whether a wrong client reached the server is told by the server's kernel: the connections that it
accepted (TcpPassiveOpens)."""
import dataclasses
import hashlib
import os
import random
import socket
import subprocess
import sys
import time
import typing

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
# pylint: disable=wrong-import-position # they lie beside this folder
from lab import (
    CLIENT4,
    CLIENT6,
    PROJECT,
    SERVER4,
    SERVER6,
    Failure,
    Lab,
    Process,
    check,
    check_equal,
    run,
    wait_until,
)

ROOT = os.path.join(PROJECT, "build/interop-root")
ENTER = os.path.join(PROJECT, "tests/root/enter.sh")
CONNECTIONS_FIRST, SESSIONS_FIRST = 10, 3
SESSIONS_ATTACKED = 4
TESTER = 1000  # the root's user "tester"
AS_TESTER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]


class Site:
    """`server`, `peer`: the addresses of the two sides, of the family that is tried; `host`: the
    server's as it stands in a URL."""

    def __init__(self, lab, family=4):
        self.lab, self.family = lab, family
        self.server, self.peer = (SERVER4, CLIENT4) if family == 4 else (SERVER6, CLIENT6)
        self.host = self.server if family == 4 else f"[{self.server}]"
        self.folders = {side: os.path.join(lab.folder, side) for side in ("server", "client")}
        for folder in self.folders.values():
            os.mkdir(folder, 0o755)
            os.chmod(folder, 0o755)

    def path(self, side, name):
        return os.path.join(self.folders[side], name)

    def write(self, side, name, content, mode=0o644, owner=0):
        """A file of that side, /mnt/NAME for its programs; folders on the way are made."""
        path = self.path(side, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        os.chown(path, owner, owner)
        return path

    def folder(self, side, name, mode=0o755, owner=0):
        path = self.path(side, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        os.chown(path, owner, owner)
        return path

    def read(self, side, name):
        with open(self.path(side, name), "rb") as content:
            return content.read()

    def exists(self, side, name):
        return os.path.exists(self.path(side, name))

    def argv(self, side, *argv):
        namespace = self.lab.server if side == "server" else self.lab.client
        return [ENTER, namespace.name, ROOT, self.folders[side], *map(str, argv)]

    def serve(self, *argv, port=None, within_s=30):
        """A program of the root as a server; returns when it listens."""
        return self.spawn("server", *argv, port=port, within_s=within_s)

    def spawn(self, side, *argv, port=None, within_s=30):
        lab = self.lab
        process = lab._keep(Process(self.argv(side, *argv), lab.log(os.path.basename(argv[0]))))
        namespace = lab.server if side == "server" else lab.client

        def ready():
            if not process.running():
                raise Failure(f"{argv[0]}: {process.errors()} {process.popen.stdout.read()}")
            return namespace.listens(port)

        if port:
            wait_until(ready, within_s, f"{argv[0]} listens on {port}")
        return process

    def on_server(self, *argv, **options):
        return self.program("server", *argv, **options)

    def program(self, side, *argv, ok=(0,), told="", timeout=60, env=None):
        """Runs a program of the root to its end; what it said, its errors behind the rest."""
        done = subprocess.run(
            self.argv(side, *argv),
            input=told,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            start_new_session=True,
            env={**os.environ, "HOME": "/mnt", "LC_ALL": "C", **(env or {})},
        )
        said = done.stdout + done.stderr
        check(
            done.returncode in ok,
            f"{' '.join(map(str, argv))}: exit {done.returncode}: {said.strip()[-600:]}",
        )
        return said

    def client(self, *argv, **options):
        return self.program("client", *argv, **options)

    def certificate(self, name="tls", owner=0):
        """A key and a certificate signed by itself, as NAME.key and NAME.crt of the server's
        folder."""
        key, crt = self.path("server", f"{name}.key"), self.path("server", f"{name}.crt")
        run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=a.example.org",
            "-keyout",
            key,
            "-out",
            crt,
        )
        for path in (key, crt):
            os.chown(path, owner, owner)
        os.chmod(key, 0o600)

    def digest(self, side, name):
        return hashlib.sha256(self.read(side, name)).hexdigest()

    def connect(self, port):
        with self.lab.client.inside():
            return socket.create_connection(
                (self.server, port), timeout=10, source_address=(self.peer, 0)
            )


def talk(site, port, *turns):
    """What a server said: each turn is what the client says, and what the answer must hold in the
    end."""
    said = b""
    with site.connect(port) as client:
        for words, until in turns:
            client.sendall(words)
            heard = b""
            while until not in heard:
                more = client.recv(65536)
                check(more, f"after {words[:60]!r}: {heard[-200:]!r}, and the end")
                heard += more
            said += heard
    return said.decode(errors="replace")


@dataclasses.dataclass(frozen=True)
class Service:
    """`greeting`: the kind that is to be learned ("a|b": either), None where the client speaks
    first. `opened`:

    check      the request is checked, and a greeting sent before it, where there is one
    cookie     opened after a good cookie, whatever the client then says
    unknown    no protocol file knows it: right ones are all served; of wrong ones those that can
               only be another protocol's are reset, and few of the others get through"""

    name: str
    port: int
    protocols: tuple
    start: typing.Callable[[Site], None]
    session: typing.Callable[[Site], str]
    greeting: typing.Optional[str] = None
    opened: str = "check"
    after: typing.Optional[
        typing.Callable[[Site], None]
    ] = None  # what must hold of the server at the end
    sessions: int = SESSIONS_ATTACKED
    connections: int = 1  # of one session to this port
    sessions_first: int = (
        0  # before it is asked whether that was enough; 0: as many as make 10 connections
    )
    takes_random: bool = (
        False  # a form of its protocol looks random and cannot be told from other random bytes
    )
    learn_most: int = 30  # sessions, before it is given up
    # Clients that speak without waiting: who is seen to be first is a matter of microseconds.
    either_first: bool = False
    families: tuple = (4, 6)  # of the Internet Protocol


def blob(seed, size):
    return random.Random(seed).randbytes(size)


CLIENT_HELLO = (
    bytes.fromhex("160301007a010000760303")
    + blob(1, 32)
    + bytes.fromhex("20")
    + blob(2, 32)
    + bytes.fromhex(
        "0004130113020100 0029 002b0003020304 000a00040002001d 000d0006000404030804"
        "0010000e000c02683208687474702f312e31"
    )
)
INFO_HASH = blob(3, 20)

# Name, the protocols for which it is right, the first bytes of such a client.
FIRST_WORDS = [
    ("HTTP", ("http",), b"GET / HTTP/1.1\r\nHost: a.example.org\r\n\r\n"),
    (
        "HTTP/2",
        ("http2",),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
    ),
    ("TLS", ("tls",), CLIENT_HELLO),
    ("SSH", ("ssh",), b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    ("Telnet", ("telnet",), bytes.fromhex("fffd03fffb18fffb1f")),
    ("USER", ("ftp", "pop3"), b"USER tester\r\n"),
    ("APOP", ("pop3",), b"APOP tester c4c9334bac560ecc979e58001b3e22fb\r\n"),
    ("SMTP", ("smtp",), b"EHLO a.example.org\r\n"),
    ("IMAP", ("imap",), b"a001 LOGIN tester secret\r\n"),
    ("MySQL", ("mysql",), bytes.fromhex("200000018dae0a00000000011c") + bytes(23)),
    ("PostgreSQL", ("postgresql",), bytes.fromhex("0000000804d2162f")),
    ("Redis", ("redis",), b"*1\r\n$4\r\nPING\r\n"),
    ("MQTT", ("mqtt",), bytes.fromhex("100d00044d5154540402003c000161")),
    ("RDP", ("rdp",), bytes.fromhex("030000130ee000000000000100080003000000")),
    (
        "SMB",
        ("smb",),
        bytes.fromhex("00000044fe534d4240000000000000000000000000000000") + bytes(48),
    ),
    ("SIP", ("sip",), b"OPTIONS sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"),
    (
        "DNS",
        ("dns",),
        bytes.fromhex("001c1234010000010000000000000161076578616d706c6503636f6d0000010001")[:30],
    ),
    (
        "BitTorrent",
        ("bittorrent",),
        b"\x13BitTorrent protocol" + bytes(8) + INFO_HASH + b"-XX0001-" + blob(4, 12),
    ),
    ("eDonkey", ("edonkey",), bytes.fromhex("e3290000000110") + blob(5, 16) + bytes(24)),
    ("Gnutella", ("gnutella",), b"GNUTELLA CONNECT/0.6\r\nUser-Agent: a\r\n\r\n"),
    ("random bytes", ("random",), b"\xa7" + blob(6, 199)),
    ("memcached", ("memcached", "redis"), b"get k\r\n"),
    ("LDAP", ("ldap",), bytes.fromhex("300c020101600702010304008000")),
    ("AMQP", ("amqp",), b"AMQP\x00\x00\x09\x01"),
    ("NATS", ("nats",), b'CONNECT {"verbose":false}\r\nPING\r\n'),
    ("IRC", ("irc",), b"CAP LS 302\r\nNICK a\r\n"),
    ("XMPP", ("xmpp",), b"<stream:stream to='a.example.org' version='1.0'>"),
    ("rsync", ("rsync",), b"@RSYNCD: 31.0 sha512 md5\n"),
    ("git", ("git",), b"0033git-upload-pack /project.git\x00host=example.org\x00"),
    ("NNTP", ("nntp",), b"MODE READER\r\n"),
    ("VNC", ("vnc",), b"RFB 003.008\n"),
    (
        "PROXY",
        ("proxy",),
        b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET / HTTP/1.0\r\n\r\n",
    ),
    ("STOMP", ("stomp",), b"CONNECT\nhost:a\n\n\x00"),
    ("MongoDB", ("mongodb",), bytes.fromhex("2b0000000100000000000000dd070000") + bytes(27)),
    ("Kafka", ("kafka",), bytes.fromhex("0000001100120003000000010007") + b"rdkafka"),
    ("Minecraft", ("minecraft",), b"\x10\x00\xff\x05\x09localhost\x63\xdd\x01\x01\x00"),
    ("Icecast", ("icecast",), b"SOURCE /m ICE/1.0\r\n\r\n"),
    ("beanstalkd", ("beanstalkd",), b"use a-tube\r\n"),
    ("MPD", ("mpd",), b"currentsong\n"),
    ("DICT", ("dict",), b"DEFINE * penguin\r\n"),
    ("Gearman", ("gearman",), b"\x00REQ\x00\x00\x00\x10\x00\x00\x00\x02hi"),
    ("uwsgi", ("uwsgi",), b"\x00\x0d\x00\x00\x04\x00NAME\x05\x00value"),
    ("SOCKS 4", ("socks",), b"\x04\x01\x00\x50\xc0\x00\x02\x07me\x00"),
    ("Zabbix", ("zabbix",), b"ZBXD\x01\x0a\x00\x00\x00\x00\x00\x00\x00agent.ping"),
]


def say_hello(address, port, words, timeout=5, source=CLIENT4):
    """A client who says `words` at once: "reset", "closed" or "open" (nothing came in `timeout`
    seconds)."""
    with socket.create_connection(
        (address, port), timeout=timeout, source_address=(source, 0)
    ) as client:
        try:
            client.sendall(words)
            while client.recv(4096):
                pass
            return "closed"
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "open"


def profile_of(site, service):
    return site.lab.profile(service.port, site.server)


def learned(site, service):
    profile = profile_of(site, service)
    if not profile:
        return False
    evidence = profile["evidence"]
    return evidence["armed"] and evidence["handshakes"] >= 8 and evidence["requests"] >= 8


def requests_learned(site, service):
    """0 where there is no profile yet."""
    profile = profile_of(site, service)
    return profile["evidence"]["requests"] if profile else 0


def sessions_first(service):
    return service.sessions_first or max(
        SESSIONS_FIRST, -(-CONNECTIONS_FIRST // service.connections)
    )


def learn(site, service):
    """Sessions in normal mode until the profile is armed; what each said."""
    said = []
    while len(said) < service.learn_most:
        said.append(service.session(site))
        if len(said) >= sessions_first(service) and settle(lambda: learned(site, service)):
            return said
    raise Failure(f"not armed after {len(said)} sessions: {profile_of(site, service)}")


def settle(condition, within_s=1.5):
    """What is learned of a connection shows a second after its end at the latest."""
    try:
        return wait_until(condition, within_s, "")
    except Failure:
        return False


def check_profile(site, service):
    application = profile_of(site, service)["application"]
    check_equal(application["protocol"], service.protocols[0], "the protocol")
    check_equal(
        sorted(application["request"]["protocols"]), sorted(service.protocols), "accepted protocols"
    )
    first = (
        ("server", "client")
        if service.either_first
        else ("server" if service.greeting else "client",)
    )
    check(
        application["speaks_first"] in first,
        f"who speaks first: {application['speaks_first']}, wanted {' or '.join(first)}",
    )
    if application["speaks_first"] == "server":
        check(
            application["greeting"]["kind"] in service.greeting.split("|"),
            f"the greeting: {application['greeting']}, wanted {service.greeting}",
        )
    else:
        check_equal(application["greeting"], None, "the greeting where clients are first")


class Counters:
    """How far synward's counters, and the connections that the server accepted, have moved since
    then."""

    def __init__(self, site):
        self.site = site
        self.stats, self.accepted_then = site.lab.stats(), self._accepted()

    def _accepted(self):
        return self.site.lab.server.counter("TcpPassiveOpens")

    def moved(self, group, name):
        return self.site.lab.stats()[group][name] - self.stats[group][name]

    def accepted(self):
        return self._accepted() - self.accepted_then


def compare_sessions(site, service, wanted):
    """The same sessions in attack mode; each was let through by what synward knows."""
    counters = Counters(site)
    for _ in range(service.sessions):
        got = service.session(site)
        check(
            got in wanted,
            f"a session differs in attack mode: {got!r}, in normal mode {wanted[-1]!r}",
        )
    least = service.sessions * service.connections
    for group, name in [("cookies", "accepted"), ("flows", "opened")] + [
        ("requests", "matched")
    ] * (service.opened == "check"):
        check(
            counters.moved(group, name) >= least,
            f"{group} {name} went up by {counters.moved(group, name)}, wanted {least}; "
            f"{profile_of(site, service)}",
        )
    if service.opened == "check" and service.greeting and not service.either_first:
        check(
            counters.moved("greetings", "sent") >= least,
            f"{counters.moved('greetings', 'sent')} greetings were sent, wanted {least}",
        )
    for group, name in (("greetings", "unequal"), ("flows", "refused"), ("requests", "mismatched")):
        check_equal(counters.moved(group, name), 0, f"{group} {name}")


def wrong_clients(site, service):
    """Who came for something else is reset, and the server never hears of it. Returns how many
    there were."""
    wrong = [
        (name, words)
        for name, right_for, words in FIRST_WORDS
        if not set(right_for) & {*service.protocols, "random" if service.takes_random else ""}
    ]
    counters = Counters(site)
    with site.lab.client.inside():
        ends = {
            name: say_hello(site.server, service.port, words, 5, site.peer) for name, words in wrong
        }
    reached = counters.accepted()
    check_equal(
        {name: end for name, end in ends.items() if end != "reset"},
        {},
        "wrong clients who were not reset",
    )
    check_equal(reached, 0, "wrong clients who reached the server")
    check_equal(counters.moved("requests", "mismatched"), len(wrong), "requests mismatched")
    return len(wrong)


# Whoever says so means that protocol; the others could be a dialect that nobody spoke yet.
UNMISTAKABLE = ("http", "http2", "tls", "ssh", "smb", "bittorrent")
MINOR_PER_SOURCE = 2  # a second, engine/stages/request_check.c


def is_line(words):
    """Right by its shape where nothing but lines is known."""
    return words.isascii() and b"\x00" not in words and b"\x01" not in words


def strangers(site, service):
    """Clients of other protocols at a service that no protocol file knows, before a hundred
    different requests have proved what is right there."""
    pattern = profile_of(site, service)["application"]["request"]["pattern"] or {}
    lines = "line_bytes" in pattern and not pattern["bytes"]
    counters, begin = Counters(site), time.monotonic()
    ends, others = {}, 0
    with site.lab.client.inside():
        for name, right_for, words in FIRST_WORDS:
            if set(right_for) & set(UNMISTAKABLE):
                ends[name] = say_hello(site.server, service.port, words, 5, site.peer)
                check_equal(ends[name], "reset", f"a client of {name}")
    check_equal(counters.accepted(), 0, "unmistakable clients who reached the server")
    with site.lab.client.inside():
        for name, right_for, words in FIRST_WORDS:
            if not set(right_for) & set(UNMISTAKABLE) and not (lines and is_line(words)):
                others += 1
                say_hello(site.server, service.port, words, 0.2, site.peer)
    most = MINOR_PER_SOURCE * (2 + time.monotonic() - begin)
    reached = counters.accepted()
    if profile_of(site, service)["application"]["request"]["check"] == "pattern":
        check(reached <= most, f"{reached} others reached the server, {most:.0f} at most")
    return f"{len(ends)} unmistakable ones kept away, {reached} of {others} others let through"


def anybody(site, service):
    """Its greeting changes, so it greets for itself. Who waits for that reaches it by his cookie
    alone, whatever he wants; who speaks before is checked, and nobody without a good cookie does.
    """
    counters, words = Counters(site), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with site.lab.client.inside():
        end = say_hello(site.server, service.port, words, 5, site.peer)
    check_equal((end, counters.accepted()), ("reset", 0), "who speaks at once, of another protocol")
    with site.lab.client.inside(), socket.create_connection(
        (site.server, service.port), timeout=10, source_address=(site.peer, 0)
    ) as client:
        check(client.recv(4096), "it is greeted by the server itself")
        client.sendall(words)
        check_equal(counters.accepted(), 1, "who waits for the greeting, of another protocol")
    site.lab.flood(service.port, address=site.server, count=2000)
    check_equal(counters.accepted(), 1, "spoofed SYNs that reached the server")
    return "cookie only: who proves an address and waits to be greeted reaches it, whoever he is"


def learned_sessions(site, service):
    if service.opened != "cookie":
        return learn(site, service)
    said = [service.session(site) for _ in range(sessions_first(service) + 2)]
    check(
        settle(lambda: requests_learned(site, service) >= 8),
        f"not learned: {profile_of(site, service)}",
    )
    return said


def wrong_ones(site, service):
    if service.opened == "unknown":
        return strangers(site, service)
    if service.opened == "cookie":
        return anybody(site, service)
    return f"{wrong_clients(site, service)} wrong clients kept away"


def try_service(service, family=4):
    begin = time.monotonic()
    with Lab() as lab:
        site = Site(lab, family)
        lab.start(mode="normal")
        service.start(site)
        said = learned_sessions(site, service)
        check_profile(site, service)
        learning_s = time.monotonic() - begin
        lab.set_mode("attack", f"{site.host}:{service.port}")
        compare_sessions(site, service, said)
        note = wrong_ones(site, service)
        if service.opened == "unknown":  # what no pattern has seen is opened twice a second
            time.sleep(1)
        got = service.session(site)
        check(got in said, f"a session after the wrong clients: {got!r}, before {said[-1]!r}")
        if service.after:
            service.after(site)
        learned_in = f"{len(said)} sessions to learn in {learning_s:.1f} s"
        return f"{learned_in}, {service.sessions} attacked, {note}"


def add_tests(module_globals, services):
    """A test_* function for each row, as tests/net/runner.py wants them."""
    for service in services:
        name = "test_" + "".join(c if c.isalnum() else "_" for c in service.name.lower())
        for family in service.families:
            called = name if family == 4 else f"{name}_ipv6"
            assert called not in module_globals, called
            module_globals[called] = lambda s=service, f=family: try_service(s, f)
