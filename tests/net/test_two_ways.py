# SPDX-License-Identifier: GPL-2.0-or-later
"""Joined connections on which both sides say much at once, over orderly restarts: each is followed
to its end all the same."""
import contextlib
import signal
import socket
import threading

import runner
from lab import SERVER4, Lab, wait_until
from services import Service, connect

CARRIED = ("--kernel-path", "on")
PORT, CONNECTIONS, RESTARTS = 8080, 8, 3
PIECE = bytes(1 << 18)
LEAST_BYTES = 30_000_000  # of the server: more than is under way, or waits in a host
LEAST_CARRIED = 3_000  # segments, of 64 KiB at the most; some 100 go up where the kernel carries
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def send_until(connection, over):
    while not over.is_set():
        connection.sendall(PIECE)
    connection.shutdown(socket.SHUT_WR)


def speak(connection):
    """Who asks for bytes is told them for as long as he says some himself."""
    asked = connection.recv(1 << 16)
    if asked.startswith(b"GET"):
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
        return
    over = threading.Event()
    connection.sendall(HEAD + b"\r\n")
    teller = threading.Thread(target=send_until, args=(connection, over))
    teller.start()
    with contextlib.suppress(OSError):
        while connection.recv(1 << 18):
            pass
    over.set()
    teller.join()


class TwoWays:
    def __init__(self, lab):
        self.came, self.over = 0, threading.Event()
        self.socket = connect(lab, PORT, timeout=60)
        self.socket.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n")
        self.threads = [
            threading.Thread(target=send_until, args=(self.socket, self.over)),
            threading.Thread(target=self._read),
        ]
        for thread in self.threads:
            thread.start()

    def _read(self):
        with contextlib.suppress(OSError):
            while piece := self.socket.recv(1 << 18):
                self.came += len(piece)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.socket.close()


def ask(lab):
    with connect(lab, PORT) as asker:
        asker.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while asker.recv(1000):
            pass


def go_on(lab, streams):
    """Most of them in the kernel, once the worker has caught up with each."""
    before, carried = [stream.came for stream in streams], lab.stats()["kernel"]["carried"]

    def gone_on():
        return all(s.came > b + LEAST_BYTES for s, b in zip(streams, before))

    wait_until(gone_on, 60, "they go on")
    wait_until(
        lambda: lab.stats()["kernel"]["carried"] > carried + LEAST_CARRIED, 60, "in the kernel"
    )


def test_over_orderly_ends():
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal", extra=CARRIED)
        Service(lab, PORT, speak)
        for _ in range(12):
            ask(lab)
        lab.wait_armed(PORT, SERVER4)
        lab.set_mode("attack")
        streams = [TwoWays(lab) for _ in range(CONNECTIONS)]
        go_on(lab, streams)
        for _ in range(RESTARTS):
            lab.restart("attack", signal.SIGTERM, CARRIED)
            go_on(lab, streams)
        for stream in streams:
            stream.end()
        lab.wait_no_flows()


if __name__ == "__main__":
    runner.main(globals())
