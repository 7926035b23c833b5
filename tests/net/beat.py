# SPDX-License-Identifier: GPL-2.0-or-later
"""Datagrams that tell how long a wire was cut."""
import contextlib
import socket
import struct
import threading
import time

from frames import SO_RCVBUFFORCE
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
        # A busy machine may keep the reader waiting: none is to be lost for that.
        self.receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.receiver.settimeout(0.2)
        self.sent = []  # when, by number
        self.came = []  # (number, sent, received)
        self.stopping = False
        self.threads = [threading.Thread(target=t) for t in (self._send, self._receive)]
        for thread in self.threads:
            thread.start()

    def _send(self):
        while not self.stopping:
            self.sent.append(time.monotonic())
            with contextlib.suppress(OSError):
                self.sender.sendto(
                    struct.pack("!Qd", len(self.sent) - 1, self.sent[-1]), (SERVER4, WIRE_PORT)
                )
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

    def lost(self, begin, end):
        """When those were sent then that have not come: whatever else a busy machine does to
        receivers, they say how long the wire was cut. The last ones may still be under way."""
        came = {number for number, _, _ in self.came}
        return [t for n, t in enumerate(self.sent) if begin <= t < end and n not in came]

    def longest_loss_s(self, begin, end):
        """From the first to the last of those in a row that were sent then and have not come."""
        came = {number for number, _, _ in self.came}
        first, longest = None, 0.0
        for number, sent in enumerate(self.sent):
            if not begin <= sent < end:
                continue
            first = None if number in came else first or sent
            longest = max(longest, sent - first if first else 0.0)
        return longest

    def longest_gap_s(self, begin):
        """Between two that came, since then; and since the last."""
        times = [begin, *(received for _, _, received in self.since(begin)), time.monotonic()]
        return max(later - earlier for earlier, later in zip(times, times[1:]))
