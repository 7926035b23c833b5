# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames as they stand on the wire: made by hand, sent, and caught on a card inside a namespace.

    wire = Wire(lab.client, CLIENT_IF)      one frame at a time
    with Capture(lab.client, "sw0") as seen:
        ...
    seen.frames                             (coming in?, bytes) of all that crossed the card
                                            meanwhile, in order

A VLAN tag that the kernel keeps beside the frame is put back where it stands on the wire. Checksums
and segmentation that a host leaves to its card are not done yet in what that host's own card shows.
"""
import select
import socket
import struct
import threading

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
SO_RCVBUFFORCE = 33
TAG_TYPES = (0x8100, 0x88A8, 0x9100)
MARK = bytes.fromhex("025a17e0aa01")  # who sends by hand: nobody else uses it
PEER = bytes.fromhex("025a17e0bb02")
PATIENCE_S = 10  # until a frame is taken for lost


def _retag(frame, ancillary):
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                return frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
    return frame


class Wire:
    """One end: a packet socket on a card inside its namespace."""

    def __init__(self, namespace, interface):
        with namespace.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.settimeout(PATIENCE_S)

    def send(self, frame):
        self.socket.send(frame)

    def next(self):
        """(coming in?, frame), whoever sent it; None where none comes."""
        try:
            frame, ancillary, _, address = self.socket.recvmsg(70000, 64)
        except TimeoutError:
            return None
        return address[2] != PACKET_OUTGOING, _retag(frame, ancillary)

    def receive(self):
        """The next frame with our mark that came in; None where none comes."""
        while (seen := self.next()) is not None:
            if seen[0] and seen[1][6:12] == MARK:
                return seen[1]
        return None

    def close(self):
        self.socket.close()


class Capture:
    """All that crosses a card while the block runs. The kernel's buffer holds what the thread has
    not taken yet."""

    def __init__(self, namespace, interface):
        self.wire = Wire(namespace, interface)
        self.frames = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while True:
            last = self._ended.is_set()  # asked first: what was there by then is still taken
            if select.select([self.wire.socket], [], [], 0 if last else 0.02)[0]:
                self.frames.append(self.wire.next())
            elif last:
                return

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self.wire.close()


def untag(frame):
    """([(tag type, priority and VLAN ID), ...] with the outermost first, the frame without its
    tags)."""
    tags, at = [], 12
    while struct.unpack_from("!H", frame, at)[0] in TAG_TYPES:
        tpid, tci = struct.unpack_from("!HH", frame, at)
        tags.append((tpid, tci))
        at += 4
    return tags, frame[:12] + frame[at:]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
