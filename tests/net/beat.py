# SPDX-License-Identifier: GPL-2.0-or-later
"""Datagrams that tell how long a wire was cut, and segments that tell it of one connection.

Who sends and who reads may be held up by whatever else a machine does: when a datagram came the
kernel's stamp says, and while nobody sent nothing could come.
"""
import contextlib
import socket
import struct
import threading
import time

from frames import SO_RCVBUFFORCE, Wire, checksum
from lab import CLIENT_IF, SERVER4, SERVER_IF, wait_until

EVERY_S = 0.002
WIRE_PORT = 5005
SO_TIMESTAMPNS = 35


def monotonic_ahead_s():
    """Of the clock of the kernel's stamps, which nobody may set meanwhile: of some looks the
    shortest one, as between its two readings anything may happen."""
    looks = []
    for _ in range(20):
        before, stamp, after = time.monotonic(), time.time(), time.monotonic()
        looks.append((after - before, (before + after) / 2 - stamp))
    return min(looks)[1]


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
        self.receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.ahead_s = monotonic_ahead_s()
        self.receiver.settimeout(0.2)
        self._begin()

    def _begin(self):
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
                self._send_one(len(self.sent) - 1)
            time.sleep(EVERY_S)

    def _send_one(self, number):
        self.sender.sendto(struct.pack("!Qd", number, self.sent[number]), (SERVER4, WIRE_PORT))

    def _receive(self):
        while not self.stopping:
            number, at_s = self._receive_one() or (None, 0)
            if number is not None:
                self.came.append((number, self.sent[number], at_s))

    def _receive_one(self):
        """Its number, and when it came; None: none came."""
        with contextlib.suppress(socket.timeout):
            data, ancillary, _, _ = self.receiver.recvmsg(64, 64)
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
            number = struct.unpack("!Qd", data)[0]
            return number, seconds + nanoseconds / 1e9 + self.ahead_s

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        self.sender.close()
        self.receiver.close()

    def __enter__(self):
        wait_until(lambda: len(self.came) > 20, 20, "datagrams come")
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
        """Between two that came, since then: of what is missing there from the first to the last,
        and how late the second one was. The last ones may still be under way."""
        longest, upto, missing = 0.0, begin, self._first_since(begin)
        for number, sent, received in self.since(begin):
            late = received - max(upto, sent)
            lost = self.sent[number - 1] - max(upto, self.sent[missing]) if number > missing else 0
            longest = max(longest, late + max(lost, 0))
            upto, missing = received, max(missing, number + 1)
        return longest

    def _first_since(self, begin):
        """Of those that were sent, its number."""
        return next((n for n, sent in enumerate(self.sent) if sent >= begin), len(self.sent))


MARK_TTL = 99  # of what is sent by hand


class ConnectionBeat(Beat):
    """A bare ACK of one connection, again and again: it comes to the server's card where the
    connection is let through, and means nothing there."""

    def __init__(self, lab, port):
        self.port = port
        self.sender = Wire(lab.client, CLIENT_IF)
        self.receiver = Wire(lab.server, SERVER_IF)
        self.receiver.socket.settimeout(0.2)
        wait_until(self._find, 30, "the client says an ACK")
        self._begin()

    def _of(self, frame):
        """Its IPv4 and TCP headers; None: it is no bare ACK of this client's."""
        if frame[12:14] != b"\x08\x00" or frame[14] != 0x45 or frame[23] != socket.IPPROTO_TCP:
            return None
        source, flags = struct.unpack_from("!H", frame, 34)[0], frame[47]
        return frame[14:] if source == self.port and flags == 0x10 else None

    def _find(self):
        out, frame = self.sender.next() or (True, b"")
        bare = not out and self._of(frame)
        # Its checksum was left to the card, and is wrong: the server's TCP takes it for nothing.
        self.frame = frame if bare and 20 + (frame[46] >> 4) * 4 == len(bare) else None
        return self.frame

    def _send_one(self, number):
        frame = bytearray(self.frame)
        struct.pack_into("!H", frame, 18, number & 0xFFFF)
        struct.pack_into("!H", frame, 34 + 18, number >> 16)  # no URG: it means nothing
        frame[22] = MARK_TTL
        frame[24:26] = b"\0\0"
        struct.pack_into("!H", frame, 24, checksum(bytes(frame[14:34])))
        self.sender.send(bytes(frame))

    def _receive_one(self):
        coming, frame = self.receiver.next() or (False, b"")
        if not coming or not self._of(frame) or frame[22] != MARK_TTL:
            return None
        low, high = struct.unpack_from("!H", frame, 18)[0], struct.unpack_from("!H", frame, 52)[0]
        return high << 16 | low, time.monotonic()
