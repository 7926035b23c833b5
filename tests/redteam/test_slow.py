# SPDX-License-Identifier: GPL-2.0-or-later
"""Slow clients: Apache with 150 processes, each of which serves one connection at a time, and a
thousand clients that take theirs and hold it: with headers that do not end, bodies that trickle,
answers that are not read, ranges that cost much. Slowhttptest does it from one address, sockets of
ours do it from 200 prefixes. An honest client of another address fetches a page all the while; it
is known from before, or never seen.

In 0.1.0 (commit 03e5305) the honest client was served 0 times of 10 beside each but the ranges."""
import contextlib
import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
# pylint: disable=wrong-import-position # they lie beside this folder
import runner
from lab import PROJECT, SERVER4, SERVER_IF, Lab, Process, check, check_equal, wait_until
from wire_attacks import POST, PREFIXES, Sockets, ends_of, find

ROOT = os.path.join(PROJECT, "build/redteam-root")
ENTER = os.path.join(PROJECT, "tests/root/enter.sh")
WORKERS, CONNECTIONS = 150, 1000
HELD_MOST = 66  # in attack mode, of a server whose peak was small: 64, and what is just ending
HELD_MOST_OF_MANY = 130  # sources that hold little each: twice that
LEARNED, FETCHES, HONEST = 12, 10, "10.78.250.7"
RATE, SECONDS = 400, 60  # of slowhttptest: connections a second, and how long it goes on
PAGE = b"a page of Apache\n"

CONFIG = """
ServerRoot /usr/lib/apache2
PidFile /mnt/apache.pid
ErrorLog /mnt/error.log
LogFormat "%%a %%>s" plain
CustomLog /mnt/access.log plain
Listen 80
ServerName localhost
User www-data
Group www-data
DocumentRoot /mnt/html
DirectoryIndex index.html
LoadModule mpm_prefork_module modules/mod_mpm_prefork.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule dir_module modules/mod_dir.so
StartServers 20
MaxRequestWorkers %d
KeepAlive Off
Timeout 300
"""


class Apache:
    def __init__(self, lab):
        self.folder = folder = os.path.join(lab.folder, "apache")
        os.makedirs(os.path.join(folder, "html"))
        os.chmod(folder, 0o755)
        self.write(folder, "apache.conf", (CONFIG % WORKERS).encode())
        self.write(folder, "html/index.html", PAGE)
        self.write(folder, "html/large", os.urandom(1 << 20))
        argv = [ENTER, lab.server.name, ROOT, folder]
        argv += ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", "/mnt/apache.conf"]
        process = Process(argv, lab.log("apache"))
        lab.processes.append(process)
        wait_until(lambda: lab.server.listens(80), 15, f"Apache listens ({process.errors()})")

    def served_others(self):
        """Requests of others than the honest client that were whole and answered with a page."""
        with open(os.path.join(self.folder, "access.log"), encoding="ascii") as log:
            lines = [line.split() for line in log if line.startswith("10.")]  # not its own
        return sum(code == "200" and who != HONEST for who, code in lines[LEARNED:])

    @staticmethod
    def write(folder, name, data):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


def fetch(lab, address, timeout=10):
    """True where the page came."""
    request = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"
    with lab.client.inside():
        connection = socket.socket()
    with connection, contextlib.suppress(OSError):
        connection.settimeout(timeout)
        connection.bind((address, 0))
        connection.connect((SERVER4, 80))
        connection.sendall(request)
        data = b""
        while more := connection.recv(4000):
            data += more
        return data.endswith(PAGE)
    return False


def timed_fetch(lab, timeout):
    """The seconds that a page took of the honest client; None: it did not come."""
    begun = time.monotonic()
    return round(time.monotonic() - begun, 1) if fetch(lab, HONEST, timeout) else None


def count_syns(lab):
    """From here on the SYNs of others that reach the server are counted on its wire: Apache opens
    some connections to itself."""
    hook = f"type filter hook ingress device {SERVER_IF} priority 0"
    attackers = f"ip saddr != {HONEST} tcp flags & (syn | ack) == syn counter"
    lab.server.run("nft", f"table netdev seen {{\n chain in {{ {hook}; {attackers}; }}\n}}\n")


def syns_seen(lab):
    listed = lab.server.run("nft", "list", "table", "netdev", "seen")
    return int(re.search(r"counter packets (\d+)", listed).group(1))


@contextlib.contextmanager
def apache_lab(known=False):
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        # What reaches the server is counted by its SYNs: a grant of the hook has none.
        lab.start(mode="normal", extra=("--hook", "off"))
        lab.apache = Apache(lab)
        for i in range(LEARNED):
            check(fetch(lab, f"10.78.{i % 4}.1"), "a page while learning")
        if known:
            check(fetch(lab, HONEST), "the honest client is known")
        lab.wait_armed(80)
        lab.set_mode("attack")
        yield lab


class Observer(threading.Thread):
    """The most connections of others than the honest client that the server held at once: there
    at two looks. One whose end is on its way to the server counts for the bridge no more."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.most, self.over = lab, 0, threading.Event()
        self.start()

    def run(self):
        before = set()
        while not self.over.wait(0.2):
            now = ends_of(self.lab.server, f"sport = :80 and not dst {HONEST}")
            self.most = max(self.most, len(now & before))
            before = now

    def end(self):
        self.over.set()
        self.join()
        return self.most


def beside(attack, whole=False, at_most=CONNECTIONS, known=False, patience_s=10):
    """An honest client is served each time while the attack stands. What reaches the server is a
    whole request (slowhttptest asks for its page now and then, too); `whole`: all of them are.
    at_most: how many the server may hold at once. `known`: the server has answered the honest
    client in calm."""
    with apache_lab(known) as lab:
        count_syns(lab)
        observer = Observer(lab)
        attack.begin(lab)
        took = [timed_fetch(lab, patience_s) for _ in range(FETCHES)]
        attack.end()
        most, served = observer.end(), sum(seconds is not None for seconds in took)
        check_equal(served, FETCHES, f"honest fetches beside it {took}, {most} held by the server")
        check(most <= at_most, f"{most} held by the server at once, at most {at_most} wanted")
        if not whole:
            wait_until(
                lambda: syns_seen(lab) == lab.apache.served_others(),
                3,
                f"{syns_seen(lab)} connections, {lab.apache.served_others()} whole requests",
            )
        opened = syns_seen(lab)
        return (
            f"{opened} connections at the server, {most} at once, {served} of {FETCHES} served "
            f"within {max(took):.1f} s"
        )


class SlowHttpTest:
    """slowhttptest from one address."""

    def __init__(self, *options, holds=True):
        self.options, self.holds = options, holds

    def begin(self, lab):
        argv = ["/usr/bin/slowhttptest", "-c", CONNECTIONS, "-r", RATE, "-l", SECONDS, "-p", 3]
        argv += ["-u", f"http://{SERVER4}/large", *self.options]
        folder = os.path.join(lab.folder, "slow")
        os.mkdir(folder)
        before = lab.client.counter("TcpActiveOpens")
        self.process = Process([ENTER, lab.client.name, ROOT, folder, *argv], lab.log("slow"))
        lab.processes.append(self.process)
        wait_until(
            lambda: lab.client.counter("TcpActiveOpens") - before >= CONNECTIONS,
            30,
            f"slowhttptest began {CONNECTIONS} connections",
        )

    def end(self):
        running = self.process.running() or not self.holds
        check(running, f"slowhttptest ended early: {self.process.errors()}")
        self.process.stop()


def crowd(part_of_a_name):
    """The same by sockets of ours, five from each of 200 prefixes."""
    attack = find(part_of_a_name).make()
    attack.whole = True
    return attack


def bodies():
    return Sockets(CONNECTIONS, PREFIXES, POST, b"a", whole=True)


def reading():
    request = b"GET /large HTTP/1.0\r\nHost: localhost\r\n\r\n"
    return Sockets(CONNECTIONS, PREFIXES, request, window=2048, whole=True)


def test_headers_of_one_address():
    return beside(SlowHttpTest("-H", "-i", 5, "-t", "GET"))


def test_headers_of_200_prefixes():
    return beside(crowd("headers without end, 1,000"))


def test_bodies_of_one_address():
    return beside(SlowHttpTest("-B", "-i", 5, "-s", 200_000), whole=True, at_most=HELD_MOST)


def test_reading_of_one_address():
    return beside(
        SlowHttpTest("-X", "-w", 10, "-y", 20, "-n", 5, "-z", 32), whole=True, at_most=HELD_MOST
    )


def test_bodies_of_200_prefixes():
    return beside(bodies(), whole=True, at_most=HELD_MOST_OF_MANY)


def test_bodies_of_200_prefixes_beside_a_known_client():
    return beside(bodies(), whole=True, at_most=HELD_MOST_OF_MANY, known=True)


def test_reading_of_200_prefixes():
    """Who has never been here draws with 200 other networks that have not, and says it again after
    1, 3, 7 and 15 s."""
    return beside(reading(), whole=True, at_most=HELD_MOST_OF_MANY, patience_s=20)


def test_reading_of_200_prefixes_beside_a_known_client():
    return beside(reading(), whole=True, at_most=HELD_MOST_OF_MANY, known=True)


def test_ranges_of_one_address():
    return beside(SlowHttpTest("-R", "-a", 10, "-b", 3000, holds=False), whole=True)


runner.main(globals())
