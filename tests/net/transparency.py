# SPDX-License-Identifier: GPL-2.0-or-later
"""What is not TCP to a server crosses byte for byte and in order, both ways, in every mode, with
multishot reads and with single ones.

Frames are sent and received on packet sockets, under a source address that nobody else uses: what
the kernels say of their own accord is not mistaken for them."""
import collections
import contextlib
import hashlib
import random
import socket
import struct
import threading
import time

import runner
from frames import MARK, PEER, Wire, checksum
from lab import CLIENT_IF, SERVER_IF, SERVER4, SERVER6, WORKERS, Lab, check, check_equal

WINDOW = 200  # frames under way at once: far below the 1,000 that a TAP's queue holds
LLDP = bytes.fromhex("0207045254001234560403616263060200780000")
BPDU = bytes.fromhex("424203000002023c800000112233445500000000800000112233445580010000140002000f00")


def ethernet(kind, payload, to=PEER):
    frame = to + MARK + struct.pack("!H", kind) + payload
    return frame + b"\0" * (60 - len(frame))


def ipv4(protocol, payload, to=bytes([198, 51, 100, 9]), fragment=0, options=b""):
    words = 5 + len(options) // 4
    header = (
        struct.pack(
            "!BBHHHBBH4s4s",
            0x40 | words,
            0,
            words * 4 + len(payload),
            0x1234,
            fragment,
            64,
            protocol,
            0,
            bytes([192, 0, 2, 7]),
            to,
        )
        + options
    )
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(next_header, payload, to="2001:db8:1::9"):
    return (
        struct.pack(
            "!IHBB16s16s",
            0x60012345,
            len(payload),
            next_header,
            64,
            socket.inet_pton(socket.AF_INET6, "2001:db8::7"),
            socket.inet_pton(socket.AF_INET6, to),
        )
        + payload
    )


def udp(data):
    return struct.pack("!HHHH", 5353, 5354, 8 + len(data), 0) + data


def tcp(flags, data=b""):
    return struct.pack("!HHIIBBHHH", 40000, 8080, 1, 2, 0x50, flags, 64240, 0xBEEF, 0) + data


def corpus(dice):
    """(name, frame): one of each kind that must not be touched."""
    blob = dice.randbytes
    extension = lambda following: struct.pack("!BB6x", following, 0)
    yield "ARP request", ethernet(
        0x0806,
        struct.pack(
            "!HHBBH6s4s6s4s",
            1,
            0x0800,
            6,
            4,
            1,
            MARK,
            bytes([192, 0, 2, 7]),
            b"\0" * 6,
            bytes([192, 0, 2, 99]),
        ),
        b"\xff" * 6,
    )
    yield "LLDP", ethernet(0x88CC, LLDP, bytes.fromhex("0180c200000e"))
    yield "STP", ethernet(len(BPDU), BPDU, bytes.fromhex("0180c2000000"))
    yield "LACP", ethernet(0x8809, b"\x01\x01" + blob(108), bytes.fromhex("0180c2000002"))
    yield "pause", ethernet(0x8808, b"\0\x01\0\xff", bytes.fromhex("0180c2000001"))
    yield "VLAN", ethernet(0x8100, struct.pack("!HH", 0x6064, 0x0800) + ipv4(17, udp(blob(100))))
    yield "VLAN priority tag", ethernet(0x8100, struct.pack("!HH", 0xE000, 0x88B5) + blob(64))
    yield "QinQ", ethernet(
        0x88A8, struct.pack("!HHHH", 200, 0x8100, 0x1064, 0x0800) + ipv4(17, udp(blob(300)))
    )
    yield "three tags", ethernet(
        0x88A8,
        struct.pack("!HHHHHH", 200, 0x8100, 100, 0x8100, 300, 0x0800) + ipv4(17, udp(blob(90))),
    )
    yield "unknown ethertype", ethernet(0x88B5, blob(400))
    yield "PPPoE", ethernet(0x8864, b"\x11\0\0\x07\0\x14\0\x21" + blob(60))
    yield "MPLS", ethernet(0x8847, bytes.fromhex("000641ff") + ipv4(17, udp(blob(30))))
    yield "IPv4 UDP", ethernet(0x0800, ipv4(17, udp(blob(512))))
    yield "IPv4 with options", ethernet(0x0800, ipv4(17, udp(blob(50)), options=b"\x94\x04\0\0"))
    yield "IPv4 multicast", ethernet(
        0x0800, ipv4(17, udp(blob(80)), to=bytes([239, 1, 2, 3])), bytes.fromhex("01005e010203")
    )
    yield "IPv4 first fragment", ethernet(0x0800, ipv4(17, udp(blob(1000)), fragment=0x2000))
    yield "IPv4 later fragment", ethernet(0x0800, ipv4(17, blob(700), fragment=126))
    yield "TCP fragment", ethernet(0x0800, ipv4(6, tcp(0x10, blob(400)), fragment=0x2000))
    yield "ICMP echo", ethernet(0x0800, ipv4(1, b"\x08\0\0\0" + blob(56)))
    yield "GRE", ethernet(0x0800, ipv4(47, blob(120)))
    yield "SCTP", ethernet(0x0800, ipv4(132, blob(120)))
    yield "TCP, wrong checksum, no flow", ethernet(0x0800, ipv4(6, tcp(0x10, blob(33))))
    yield "TCP, all flags", ethernet(0x0800, ipv4(6, tcp(0xFF)))
    yield "IPv4 with a wrong length", ethernet(
        0x0800, ipv4(6, tcp(0x02))[:2] + b"\xff\xff" + ipv4(6, tcp(0x02))[4:]
    )
    yield "IPv6 UDP", ethernet(0x86DD, ipv6(17, udp(blob(200))))
    yield "IPv6 hop-by-hop", ethernet(0x86DD, ipv6(0, extension(17) + udp(blob(99))))
    yield "IPv6 extension chain", ethernet(
        0x86DD,
        ipv6(0, extension(60) + extension(43) + extension(60) + extension(17) + udp(blob(41))),
    )
    yield "IPv6 fragment", ethernet(
        0x86DD, ipv6(44, struct.pack("!BBHI", 17, 0, 1, 77) + blob(640))
    )
    yield "IPv6 nothing follows", ethernet(0x86DD, ipv6(59, blob(20)))
    yield "IPv6 neighbour solicitation", ethernet(
        0x86DD, ipv6(58, b"\x87\0\0\0" + b"\0" * 4 + blob(16)), bytes.fromhex("3333ff000009")
    )


def shapes(to4, to6):
    """(name, function): makes a frame of the kind around any number of bytes. The IP ones go to a
    server."""
    four, cut = socket.inet_aton(to4), 0x2000
    arp = struct.pack(
        "!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, MARK, bytes([192, 0, 2, 7]), b"\0" * 6, four
    )
    solicit = b"\x87\0\0\0" + b"\0" * 4 + socket.inet_pton(socket.AF_INET6, to6)
    yield "ARP", lambda data: ethernet(0x0806, arp + data, b"\xff" * 6)
    yield "ND", lambda data: ethernet(
        0x86DD, ipv6(58, solicit + data, "ff02::1:ff00:2"), bytes.fromhex("3333ff000002")
    )
    yield "LLDP", lambda data: ethernet(0x88CC, LLDP + data, bytes.fromhex("0180c200000e"))
    yield "STP", lambda data: ethernet(len(BPDU), BPDU + data, bytes.fromhex("0180c2000000"))
    yield "LACP", lambda data: ethernet(0x8809, b"\x01\x01" + data, bytes.fromhex("0180c2000002"))
    yield "VLAN", lambda data: ethernet(
        0x8100, struct.pack("!HH", 0x6064, 0x0800) + ipv4(17, udp(data), four)
    )
    yield "ARP in a VLAN", lambda data: ethernet(
        0x8100, struct.pack("!HH", 0x0007, 0x0806) + arp + data, b"\xff" * 6
    )
    yield "QinQ", lambda data: ethernet(
        0x88A8, struct.pack("!HHHH", 0xA0C8, 0x8100, 0x1064, 0x86DD) + ipv6(17, udp(data), to6)
    )
    yield "unknown ethertype", lambda data: ethernet(0x88B5, data)
    yield "UDP", lambda data: ethernet(0x0800, ipv4(17, udp(data), four))
    yield "UDP over IPv6", lambda data: ethernet(0x86DD, ipv6(17, udp(data), to6))
    yield "first fragment", lambda data: ethernet(0x0800, ipv4(17, udp(data), four, cut))
    yield "later fragment", lambda data: ethernet(0x0800, ipv4(17, data, four, cut | 185))
    yield "last fragment", lambda data: ethernet(0x0800, ipv4(17, data, four, 185))
    yield "IPv6 fragment", lambda data: ethernet(
        0x86DD, ipv6(44, struct.pack("!BBHI", 17, 0, 0x5C9, 77) + data, to6)
    )
    yield "multicast", lambda data: ethernet(
        0x0800, ipv4(17, udp(data), bytes([239, 1, 2, 3])), bytes.fromhex("01005e010203")
    )
    yield "IPv6 multicast", lambda data: ethernet(
        0x86DD, ipv6(17, udp(data), "ff05::1:3"), bytes.fromhex("333300010003")
    )
    yield "TCP to nobody's server", lambda data: ethernet(0x0800, ipv4(6, tcp(0x10, data)))


def every_kind_in_many_sizes(dice, longest, to4="198.51.100.9", to6="2001:db8:1::9"):
    """Each shape from the shortest frame to the longest, one kind after the other in each size."""
    steps = {60, 61, 63, 64, 65, 127, 128, 129, 590, 1513, 1514, longest - 1, longest} | {
        dice.randrange(60, longest) for _ in range(12)
    }
    for size in sorted(steps):
        for name, make in shapes(to4, to6):
            headers = len(make(b"\0" * 1000)) - 1000
            if size >= headers:
                frame = make(dice.randbytes(size - headers))
                yield f"{name}, {len(frame)} bytes", frame


def sizes(dice, longest):
    """Every size at the ends of the range, and some between."""
    span = sorted(
        set(range(60, 140))
        | set(range(longest - 40, longest + 1))
        | {dice.randrange(140, longest) for _ in range(200)}
    )
    for size in span:
        yield f"{size} bytes", ethernet(0x88B6, dice.randbytes(size - 14))


def conversation(frame):
    """Whose frames keep their order: those that one queue is given (bridge/bpf/steer.bpf.c). SYNs
    have a queue to themselves, and are overtaken; of the others all keep it with one worker, and
    with more those of two hosts."""
    at, kind = 14, frame[12:14]
    while kind in (b"\x81\0", b"\x88\xa8"):
        at, kind = at + 4, frame[at + 2 : at + 4]
    tcp = (
        kind == b"\x08\0"
        and frame[at + 9] == 6
        and not struct.unpack_from("!H", frame, at + 6)[0] & 0x3FFF
    )
    syn = tcp and frame[at + (frame[at] & 15) * 4 + 13] & 0x12 == 0x02
    if kind == b"\x08\0":
        return (
            (syn, tcp, frozenset((frame[at + 12 : at + 16], frame[at + 16 : at + 20])))
            if WORKERS > 1
            else syn
        )
    if WORKERS > 1 and kind == b"\x86\xdd":
        return False, False, frozenset((frame[at + 8 : at + 24], frame[at + 24 : at + 40]))
    return False


def cross(source, target, frames):
    """Sends the (name, frame) pairs a window at a time; each must come out as it went in, in its
    turn."""
    for begin in range(0, len(frames), WINDOW):
        window = frames[begin : begin + WINDOW]
        for _, frame in window:
            source.send(frame)
        left = collections.defaultdict(collections.deque)
        for pair in window:
            left[conversation(pair[1])].append(pair)
        for _ in window:
            got = target.receive()
            check(
                got is not None,
                f"did not arrive: {[name for pairs in left.values() for name, _ in pairs][:5]}",
            )
            check(left[conversation(got)], f"a frame too many: {got.hex()[:160]}")
            name, frame = left[conversation(got)].popleft()
            check(got == frame, f"{name}: sent {frame.hex()[:160]}, got {got.hex()[:160]}")


@contextlib.contextmanager
def wires(single, mtu=1500, prepare=lambda lab: None, sides="netns"):
    with Lab(sides=sides) as lab:
        if lab.stand_in and single:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal", extra=["--single-reads"] if single else [], mtu=mtu)
        prepare(lab)
        yield lab, Wire(lab.client, CLIENT_IF), Wire(lab.server, SERVER_IF)


def both_ways(single, make, mtu=1500, prepare=lambda lab: None, sides="netns"):
    seed = random.SystemRandom().randrange(1 << 32)
    with wires(single, mtu, prepare, sides) as (_, client, server):
        for source, target in ((client, server), (server, client)):
            frames = list(make(random.Random(seed)))
            try:
                cross(source, target, frames)
            except Exception as why:
                raise type(why)(f"{why} (seed {seed})") from None
    return f"{len(frames)} frames each way"


def test_kinds_multishot():
    return both_ways(False, corpus)


def test_kinds_single():
    return both_ways(True, corpus)


def test_kinds_tap():
    return both_ways(False, corpus, sides="tap")


def test_kinds_port():
    return both_ways(False, corpus, sides="port")


def through_a_bridge(make):
    """Less what bridges keep to themselves (802.1Q, 8.6.3)."""
    return lambda dice: [
        (name, frame) for name, frame in make(dice) if frame[:5] != b"\x01\x80\xc2\0\0"
    ]


def test_kinds_inline():
    return both_ways(False, through_a_bridge(corpus), sides="inline")


def test_jumbo_inline():
    return both_ways(False, lambda dice: sizes(dice, 9014), mtu=9000, sides="inline")


def test_jumbo_port():
    return both_ways(False, lambda dice: sizes(dice, 9014), mtu=9000, sides="port")


def test_sizes_multishot():
    return both_ways(False, lambda dice: sizes(dice, 1514))


def test_sizes_single():
    return both_ways(True, lambda dice: sizes(dice, 1514))


def test_jumbo_multishot():
    return both_ways(False, lambda dice: sizes(dice, 9014), mtu=9000)


def test_jumbo_single():
    return both_ways(True, lambda dice: sizes(dice, 9014), mtu=9000)


def test_jumbo_tap():
    return both_ways(False, lambda dice: sizes(dice, 9014), mtu=9000, sides="tap")


def attacked_server(lab):
    lab.http()
    for address in (SERVER4, SERVER6):
        lab.learn("http", 80, address)
    lab.set_mode("attack")


def test_every_kind_up_to_9014_bytes_multishot():
    return both_ways(False, lambda dice: every_kind_in_many_sizes(dice, 9014), mtu=9000)


def test_every_kind_up_to_9014_bytes_single():
    return both_ways(True, lambda dice: every_kind_in_many_sizes(dice, 9014), mtu=9000)


def test_every_kind_to_a_server_under_attack_multishot():
    return both_ways(
        False,
        lambda dice: every_kind_in_many_sizes(dice, 9014, SERVER4, SERVER6),
        9000,
        attacked_server,
    )


def test_every_kind_to_a_server_under_attack_single():
    return both_ways(
        True,
        lambda dice: every_kind_in_many_sizes(dice, 9014, SERVER4, SERVER6),
        9000,
        attacked_server,
    )


def test_every_kind_to_a_server_under_attack_tap():
    return both_ways(
        False,
        lambda dice: every_kind_in_many_sizes(dice, 9014, SERVER4, SERVER6),
        9000,
        attacked_server,
        "tap",
    )


def test_every_kind_up_to_9014_bytes_port():
    return both_ways(
        False, lambda dice: every_kind_in_many_sizes(dice, 9014), mtu=9000, sides="port"
    )


def test_every_kind_to_a_server_under_attack_port():
    return both_ways(
        False,
        lambda dice: every_kind_in_many_sizes(dice, 9014, SERVER4, SERVER6),
        9000,
        attacked_server,
        "port",
    )


def count_out(wire, count, failures):
    """Receives `count` numbered frames; they must come in order."""
    for number in range(count):
        frame = wire.receive()
        if frame is None:
            failures.append(f"frame {number} did not arrive")
            return
        found = struct.unpack_from("!I", frame, 14)[0]
        if found != number:
            failures.append(f"frame {found} came in the place of {number}")
            return


def backlog_drops():
    """Frames that the machine itself has dropped since it was started, of all that is tested on it:
    what goes through a pair of cards waits in a queue that each processor has for all."""
    with open("/proc/net/softnet_stat") as file:
        return sum(int(line.split()[1], 16) for line in file)


def cross_in_order(dice, count, client, server):
    """What went wrong."""
    failures = []
    takers = [
        threading.Thread(target=count_out, args=(w, count, failures)) for w in (client, server)
    ]
    for taker in takers:
        taker.start()
    try:
        for number in range(count):
            frame = ethernet(
                0x88B6, struct.pack("!I", number) + b"\0" * dice.choice((0, 0, 0, 1400))
            )
            client.send(frame)
            server.send(frame)
    except OSError as why:  # ENOBUFS: that queue is full
        failures.append(str(why))
    for taker in takers:
        taker.join()
    return failures


def order(single, sides="netns"):
    """Bursts both ways at once, as fast as they can be sent, in sizes that make one overtake the
    other if any could. A burst of which the machine has dropped something is sent again."""
    count, burst, again = 20000, 250, 0
    with wires(single, sides=sides) as (_, client, server):
        dice = random.Random(7)
        for begin in range(0, count, burst):
            dropped = backlog_drops()
            while failures := cross_in_order(dice, burst, client, server):
                check(backlog_drops() > dropped, f"after {begin} frames: {failures}")
                again += 1
                check(again <= 20, f"after {begin} frames, {again} bursts: {failures}")
                for wire in (client, server):
                    while wire.receive():
                        pass
                dropped = backlog_drops()
    return f"{count} frames each way"


def test_order_multishot():
    return order(False)


def test_order_single():
    return order(True)


def test_order_port():
    return order(False, sides="port")


def serve_hash(listener, out):
    connection, _ = listener.accept()
    digest = hashlib.sha256()
    with connection:
        while data := connection.recv(1 << 18):
            digest.update(data)
    out.append(digest.hexdigest())


def super_frames(single, sides="netns"):
    """A TCP stream whose sender leaves segmentation and checksums to the wire arrives intact, as
    frames of up to 64 KiB."""
    total, piece = 64 << 20, random.Random(3).randbytes(1 << 20)
    with wires(single, sides=sides) as (lab, client, server):
        client.socket.close()
        server.socket.close()
        with lab.server.inside():
            listener = socket.create_server((SERVER4, 5001))
        with lab.client.inside():
            sender = socket.socket()
        received = []
        taker = threading.Thread(target=serve_hash, args=(listener, received))
        taker.start()
        digest = hashlib.sha256()
        sender.connect((SERVER4, 5001))
        begin = time.monotonic()
        for _ in range(total // len(piece)):
            sender.sendall(piece)
            digest.update(piece)
        sender.close()
        taker.join(120)
        seconds = time.monotonic() - begin
        listener.close()
        check_equal(received, [digest.hexdigest()], "the stream's hash")
        frames = lab.stats().get("frames", {}).get("client_in")
        if frames:
            check(total / frames > 4000, f"{frames} frames for {total} bytes: no super-frames")
    return f"{total * 8 / seconds / 1e9:.1f} Gb/s"


def test_super_frames_multishot():
    return super_frames(False)


def test_super_frames_single():
    return super_frames(True)


def test_super_frames_port():
    return super_frames(False, sides="port")


def test_super_frames_inline():
    return super_frames(False, sides="inline")


runner.main(globals())
