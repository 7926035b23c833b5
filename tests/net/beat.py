# SPDX-License-Identifier: GPL-2.0-or-later
"""Datagrams that tell how long a wire was cut."""
import contextlib
import socket
import struct
import threading
import time

from lab import SERVER4, wait_until

EVERY_S = 0.002
WIRE_PORT = 5005


class Beat:
    """Datagrams with their number and time, each 2 ms, from the client to the server."""

    def __init__(self, lab):
        with lab.client.inside():
            self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with lab.server.inside():
            self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.receiver.bind((SERVER4, WIRE_PORT))
        self.receiver.settimeout(0.2)
        self.came = []  # (number, sent, received)
        self.stopping = False
        self.threads = [threading.Thread(target=t) for t in (self._send, self._receive)]
        for thread in self.threads:
            thread.start()

    def _send(self):
        number = 0
        while not self.stopping:
            with contextlib.suppress(OSError):
                self.sender.sendto(
                    struct.pack("!Qd", number, time.monotonic()), (SERVER4, WIRE_PORT)
                )
            number += 1
            time.sleep(EVERY_S)

    def _receive(self):
        while not self.stopping:
            with contextlib.suppress(socket.timeout):
                number, sent = struct.unpack("!Qd", self.receiver.recv(64))
                self.came.append((number, sent, time.monotonic()))

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        self.sender.close()
        self.receiver.close()

    def __enter__(self):
        wait_until(lambda: len(self.came) > 20, 5, "datagrams come")
        return self

    def __exit__(self, *_):
        self.stop()

    def since(self, begin):
        return [one for one in self.came if one[2] >= begin]

    def longest_gap_s(self, begin):
        """Between two that came, since then; and since the last."""
        times = [begin, *(received for _, _, received in self.since(begin)), time.monotonic()]
        return max(later - earlier for earlier, later in zip(times, times[1:]))
