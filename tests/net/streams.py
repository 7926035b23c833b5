# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that ask for so many bytes from a port of their own, and are read as long as they
last."""
import contextlib
import socket
import threading
import time

from lab import CLIENT4, SERVER4, SERVER_IF, check, check_equal, wait_until


def ask(lab, count, source_port, timeout_s=60, close=True):
    """A request from this port, on a connection that is still open; with `close` until it is
    answered."""
    with lab.client.inside():
        asker = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    asker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    asker.settimeout(timeout_s)
    asker.bind((CLIENT4, source_port))
    asker.connect((SERVER4, 80))
    end = b"Connection: close\r\n" if close else b""
    asker.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: a\r\n%b\r\n" % (count, end))
    return asker


def answer_bytes(asker):
    """Until its end."""
    total = 0
    with asker:
        while True:
            piece = asker.recv(1 << 20)
            if not piece:
                return total
            total += len(piece)


class Streams:
    """One connection that is plain and one that is joined, on a server that is slowed down; what
    came of each."""

    COUNT = 4_000_000_000  # bytes: neither ends by itself
    PLAIN_PORT, JOINED_PORT = 45000, 45001

    def __init__(self, lab):
        lab.http()
        lab.learn("http", 80)
        lab.server.run("tc", *f"qdisc add dev {SERVER_IF} root tbf rate {self.RATE}".split())
        self.came, self.threads, self.askers = [0, 0], [], []
        for which in range(2):
            self.askers.append(ask(lab, self.COUNT, self.PLAIN_PORT + which))
            self.threads.append(threading.Thread(target=self._read, args=(which,)))
            self.threads[-1].start()
            self.go_on()
            lab.set_mode("attack")
        states = {flow["state"] for flow in lab.flows()} - {"closing"}
        check_equal(states, {"established", "spliced"}, "one of each")

    RATE = "20mbit burst 64kb latency 20ms"

    def _read(self, which):
        with contextlib.suppress(OSError):
            while piece := self.askers[which].recv(1 << 16):
                self.came[which] += len(piece)

    def go_on(self, least=50_000):
        """How long that took."""
        begin, before = time.monotonic(), list(self.came)
        wait_until(
            lambda: all(a > b + least for a, b in zip(self.came[: len(self.threads)], before)),
            20,
            "they go on",
        )
        return time.monotonic() - begin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for asker in self.askers:
            with contextlib.suppress(OSError):
                asker.shutdown(socket.SHUT_RDWR)
            asker.close()
        for thread in self.threads:
            thread.join()


def slow_down(lab, mbit=500):
    """The server's card."""
    slow = f"root tbf rate {mbit}mbit burst 256kb latency 50ms"
    lab.server.run("tc", "qdisc", "add", "dev", SERVER_IF, *slow.split())


@contextlib.contextmanager
def stream_that_lasts(lab, count):
    """A download, slow for as long as what is done meanwhile takes, on a busy machine too. Then it
    may go on as fast as it likes, and comes to its end."""
    slow_down(lab, mbit=100)
    fetch = lab.start_fetch("download", 80, count=1, bytes=count, timeout_ms=180000)
    yield
    check(fetch.running(), "the stream is still under way")
    lab.server.run("tc", "qdisc", "del", "dev", SERVER_IF, "root")
    check_equal(fetch.report()["ok"], 1, "the stream, with its end")
