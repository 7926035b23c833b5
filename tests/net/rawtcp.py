# SPDX-License-Identifier: GPL-2.0-or-later
"""A TCP client made of frames: it says exactly what a test tells it to, and shows every field of
what comes back.

    raw = RawClient(lab)
    c = raw.connection(port=80, options=EVERYTHING)
    synack = c.handshake()              SYN, SYN-ACK, ACK
    c.send(b"GET / HTTP/1.1...")        data; what comes back is read with c.receive() or c.read()
    c.reset()

It speaks from an address that the client's kernel does not own (10.79.0.1, fd79::1), over a packet
socket in the client's namespace: the server routes that address to the client, whose kernel is no
router and drops the answers in silence, so nobody else resets the connection. It repeats nothing by
itself and acknowledges only when told (read() does)."""
import random
import socket
import struct
import time
from dataclasses import dataclass, field

from frames import checksum
from lab import CLIENT_IF, RAW4, RAW6, SERVER4, SERVER_IF, Failure

FIN, SYN, RST, PSH, ACK, ECE, CWR = 0x01, 0x02, 0x04, 0x08, 0x10, 0x40, 0x80

LATE_FRAMES = 20_000  # at the most that may wait in a socket when the time is over
EVENT_S = 20  # for what is to come: a busy machine may take its time

# What a client may offer, by name: the option list of its SYN, in the order of Linux.
EVERYTHING = ("mss", "sack", "timestamps", "nop", "window_scale")
CLIENTS = {
    "everything": (EVERYTHING, False),
    "no timestamps": (("mss", "nop", "nop", "sack", "nop", "window_scale"), False),
    "no SACK": (("mss", "nop", "nop", "timestamps", "nop", "window_scale"), False),
    "no scale": (("mss", "sack", "timestamps"), False),
    "nothing": ((), False),
    "ECN": (EVERYTHING, True),
}
OPTION_NAMES = {
    0: "end",
    1: "nop",
    2: "mss",
    3: "window_scale",
    4: "sack",
    5: "sack_blocks",
    8: "timestamps",
}


@dataclass
class Segment:
    source: str
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    data: bytes
    ttl: int
    df: bool
    ip_id: int
    traffic_class: int
    options: list = field(default_factory=list)  # (name, value) in their order
    bytes_on_wire: int = 0

    def option(self, name):
        return next((value for n, value in self.options if n == name), None)

    def shape(self):
        """All that a fingerprint sees of a SYN-ACK; what differs from connection to connection is
        left out."""
        return {
            "flags": self.flags,
            "window": self.window,
            "mss": self.option("mss"),
            "window_scale": self.option("window_scale"),
            "sack": any(n == "sack" for n, _ in self.options),
            "timestamps": self.option("timestamps") is not None,
            "order": [n for n, _ in self.options],
            "ttl": self.ttl,
            "df": self.df,
            "ip_id": "zero" if self.ip_id == 0 else "not zero",
            "traffic_class": self.traffic_class,
        }


def _parse_options(raw):
    options, at = [], 0
    while at < len(raw):
        kind = raw[at]
        name = OPTION_NAMES.get(kind, str(kind))
        if kind < 2:
            options.append((name, None))
            at += 1
            if kind == 0:
                break
            continue
        length = raw[at + 1] if at + 1 < len(raw) else 0
        if length < 2:
            options.append(("broken", None))
            break
        body = raw[at + 2 : at + length]
        value = body
        if kind == 2:
            value = struct.unpack("!H", body)[0]
        elif kind == 3:
            value = body[0]
        elif kind == 8:
            value = struct.unpack("!II", body)
        options.append((name, value))
        at += length
    return options


def parse(frame):
    """A Segment, or None for anything but TCP over IPv4 or IPv6 without extension headers."""
    ethertype = struct.unpack_from("!H", frame, 12)[0]
    if ethertype == 0x0800 and len(frame) >= 54 and frame[23] == 6:
        header = (frame[14] & 15) * 4
        total, ip_id, fragment = struct.unpack_from("!HHH", frame, 16)
        ttl, tos, source = frame[22], frame[15], socket.inet_ntop(socket.AF_INET, frame[26:30])
        tcp, end, df = 14 + header, 14 + total, bool(fragment & 0x4000)
    elif ethertype == 0x86DD and len(frame) >= 74 and frame[20] == 6:
        ttl, tos, source = (
            frame[21],
            struct.unpack_from("!H", frame, 14)[0] >> 4 & 0xFF,
            socket.inet_ntop(socket.AF_INET6, frame[22:38]),
        )
        tcp, end, df, ip_id = 54, 54 + struct.unpack_from("!H", frame, 18)[0], True, 0
    else:
        return None
    sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", frame, tcp)
    data_at = tcp + (offset >> 4) * 4
    return Segment(
        source,
        sport,
        dport,
        seq,
        ack,
        flags,
        window,
        frame[data_at:end],
        ttl,
        df,
        ip_id,
        tos,
        _parse_options(frame[tcp + 20 : data_at]),
        len(frame),
    )


class RawClient:
    def __init__(self, lab, address=SERVER4, source=None, host=None):
        """`host`: the namespace where the client's card is, if not the client's own."""
        host = host or lab.client
        self.lab, self.server = lab, address
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.source = source or (RAW6 if self.family == socket.AF_INET6 else RAW4)
        self.macs = bytes.fromhex(
            (lab.server.mac(SERVER_IF) + host.mac(CLIENT_IF)).replace(":", "")
        )
        with host.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            self.socket.bind((CLIENT_IF, 0))
        self.next_port = random.randrange(20000, 50000)
        self.waiting = []
        self.form = lambda frame: frame  # what else is done to each frame that is sent

    def close(self):
        self.socket.close()

    def send_segment(
        self, sport, dport, seq, ack, flags, window, options=b"", data=b"", source=None, ecn=0
    ):
        options += b"\1" * (-len(options) % 4)
        tcp = (
            struct.pack(
                "!HHIIBBHHH",
                sport,
                dport,
                seq & 0xFFFFFFFF,
                ack & 0xFFFFFFFF,
                (5 + len(options) // 4) << 4,
                flags,
                window,
                0,
                0,
            )
            + options
            + data
        )
        source, target = (
            socket.inet_pton(self.family, a) for a in (source or self.source, self.server)
        )
        pseudo = source + target + struct.pack("!IHBB", len(tcp), 0, 0, 6)
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        if self.family == socket.AF_INET:
            ip = (
                struct.pack(
                    "!BBHHHBBH",
                    0x45,
                    ecn,
                    20 + len(tcp),
                    random.randrange(1, 65536),
                    0x4000,
                    64,
                    6,
                    0,
                )
                + source
                + target
            )
            ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
            ethertype = b"\x08\x00"
        else:
            ip = struct.pack("!IHBB", 0x60000000 | ecn << 20, len(tcp), 6, 64) + source + target
            ethertype = b"\x86\xdd"
        self.socket.send(self.form(self.macs + ethertype + ip + tcp))

    def receive(self, wanted, timeout_s):
        """The first segment for which wanted(segment) is true, or None; others are kept for their
        connections."""
        for i, segment in enumerate(self.waiting):
            if wanted(segment):
                return self.waiting.pop(i)
        end, late = time.monotonic() + timeout_s, 0
        while late < LATE_FRAMES:
            # What is there when the time is over came in time: a busy machine reads late.
            late += time.monotonic() >= end
            self.socket.settimeout(max(0.0, end - time.monotonic()))
            try:
                frame, (_, _, packet_type, *_) = self.socket.recvfrom(70000)
            except (TimeoutError, BlockingIOError):
                return None
            segment = parse(frame) if packet_type != socket.PACKET_OUTGOING else None
            if segment is None or segment.source != self.server:
                continue
            if wanted(segment):
                return segment
            self.waiting.append(segment)
            del self.waiting[:-1000]
        return None

    def connection(self, port, **options):
        self.next_port += 1
        return Connection(self, self.next_port, port, **options)


class Connection:
    def __init__(
        self,
        raw,
        sport,
        dport,
        options=EVERYTHING,
        ecn=False,
        mss=1460,
        scale=7,
        window=64240,
        source=None,
    ):
        self.raw, self.sport, self.dport = raw, sport, dport
        self.source, self.offered, self.ecn, self.mss, self.scale, self.window = (
            source,
            options,
            ecn,
            mss,
            scale,
            window,
        )
        self.isn = random.getrandbits(32)
        self.seq, self.ack = (self.isn + 1) & 0xFFFFFFFF, 0
        self.synack = None
        self.ts_base, self.ts_recent = random.getrandbits(31), 0

    def timestamps(self):
        value = (self.ts_base + int(time.monotonic() * 1000)) & 0xFFFFFFFF
        return struct.pack("!BBII", 8, 10, value, self.ts_recent)

    def syn_options(self):
        parts = {
            "mss": lambda: struct.pack("!BBH", 2, 4, self.mss),
            "sack": lambda: b"\4\2",
            "timestamps": self.timestamps,
            "nop": lambda: b"\1",
            "window_scale": lambda: bytes((3, 3, self.scale)),
        }
        return b"".join(parts[name]() for name in self.offered)

    def _timestamps_on(self):
        return self.synack and self.synack.option("timestamps") is not None

    def segment(self, flags, data=b"", seq=None, ack=None, options=None, ecn=0):
        if options is None:
            options = b"\1\1" + self.timestamps() if self._timestamps_on() else b""
        self.raw.send_segment(
            self.sport,
            self.dport,
            self.seq if seq is None else seq,
            self.ack if ack is None else ack,
            flags,
            self.window if flags & SYN else min(self.window, 65535),
            options,
            data,
            self.source,
            ecn,
        )

    def syn(self):
        self.raw.send_segment(
            self.sport,
            self.dport,
            self.isn,
            0,
            SYN | (ECE | CWR if self.ecn else 0),
            self.window,
            self.syn_options(),
            source=self.source,
        )

    def receive(self, timeout_s=2.0, wanted=lambda s: True):
        """The next segment of this connection, or None."""
        segment = self.raw.receive(
            lambda s: s.dport == self.sport and s.sport == self.dport and wanted(s), timeout_s
        )
        if segment and segment.option("timestamps"):
            self.ts_recent = segment.option("timestamps")[0]
        return segment

    def receive_synack(self, timeout_s=EVENT_S):
        segment = self.receive(timeout_s, lambda s: s.flags & (SYN | ACK) == SYN | ACK)
        if segment is None:
            raise Failure(f"no SYN-ACK from port {self.dport} within {timeout_s} s")
        if segment.ack != self.seq:
            raise Failure(f"SYN-ACK acknowledges {segment.ack}, not {self.seq}")
        self.synack, self.ack = segment, (segment.seq + 1) & 0xFFFFFFFF
        return segment

    def handshake(self, timeout_s=EVENT_S):
        self.syn()
        synack = self.receive_synack(timeout_s)
        self.segment(ACK)
        return synack

    def send(self, data, flags=ACK | PSH, advance=True):
        self.segment(flags, data)
        if advance:
            self.seq = (self.seq + len(data)) & 0xFFFFFFFF

    def read(self, enough, timeout_s=EVENT_S):
        """Reads and acknowledges data in order until enough(data) is true; returns it. A reset or
        silence is a Failure."""
        data, end = b"", time.monotonic() + timeout_s
        while not enough(data):
            segment = self.receive(max(0.0, end - time.monotonic()))
            if segment is None:
                raise Failure(f"silence after {data[-80:]!r}")
            if segment.flags & RST:
                raise Failure(f"reset after {data[-80:]!r}")
            if segment.flags & SYN or not (segment.data or segment.flags & FIN):
                continue
            skip = (self.ack - segment.seq) & 0xFFFFFFFF
            if skip <= len(segment.data):
                data += segment.data[skip:]
                self.ack = (
                    segment.seq + len(segment.data) + bool(segment.flags & FIN)
                ) & 0xFFFFFFFF
            self.segment(ACK)
            if segment.flags & FIN and not enough(data):
                raise Failure(f"closed after {data[-80:]!r}")
        return data

    def line(self, timeout_s=EVENT_S):
        return self.read(lambda data: data.endswith(b"\n"), timeout_s)

    def wait_reset(self, timeout_s=EVENT_S):
        """The RST, or a Failure."""
        segment = self.receive(timeout_s, lambda s: bool(s.flags & RST))
        if segment is None:
            raise Failure("no reset came")
        return segment

    def reset(self):
        self.segment(RST | ACK)

    def finish(self, timeout_s=2.0):
        """An orderly end: FIN, what the server still has to say, its FIN."""
        self.segment(FIN | ACK)
        self.seq = (self.seq + 1) & 0xFFFFFFFF
        end = time.monotonic() + timeout_s
        while (segment := self.receive(max(0.0, end - time.monotonic()))) is not None:
            if segment.flags & RST:
                return
            if segment.data or segment.flags & FIN:
                self.ack = (
                    segment.seq + len(segment.data) + bool(segment.flags & FIN)
                ) & 0xFFFFFFFF
                self.segment(ACK)
            if segment.flags & FIN:
                return
