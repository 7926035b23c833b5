# SPDX-License-Identifier: GPL-2.0-or-later
"""Jumbo frames, unequal MTUs, cards without offloads, more than 2 GiB, IPv6 flow labels: all
through the splice.

The sizes of segments that both hosts settle on are compared with those over a plain veth pair. What
our cookie can carry of the client's MSS is rounded down: the server's segments may be up to 1 %
smaller than on a bare wire.

TAPs in the hosts' own namespaces always have one MTU, as synward copies a change of one to the
other. Unequal hosts stand behind tap: sides, with cards of their own; the bridge between them is as
wide as the wider one."""
import re
import socket
import struct

import runner
from frames import Capture
from lab import CLIENT_IF, SERVER4, SERVER6, SERVER_IF, Lab, check, check_equal, run
from rawtcp import SYN, parse

TRANSFER_BYTES = 5_000_000
MORE_THAN_2_GIB = 2_300_000_000
ADDRESSES = (SERVER4, SERVER6)
TCP_INFO_SND_MSS = 16  # offset in struct tcp_info
NO_OFFLOADS = ("tx", "off", "tso", "off", "gso", "off", "gro", "off")


def set_cards(lab, client_mtu, server_mtu, features=()):
    for namespace, interface, mtu in (
        (lab.client, CLIENT_IF, client_mtu),
        (lab.server, SERVER_IF, server_mtu),
    ):
        run("ip", "-n", namespace.name, "link", "set", interface, "mtu", mtu)
        if features:
            namespace.run("ethtool", "-K", interface, *features)


def segment_sizes(lab, address):
    """(the client's, the server's): payload of the segments that each sends on a connection."""
    with lab.client.inside():
        client = socket.create_connection((address, 80), timeout=5)
    with client:
        client.sendall(b"GET /bytes/100000 HTTP/1.1\r\nHost: synward.example\r\n\r\n")
        left = 100000
        while left > 0:
            left -= len(client.recv(65536))
        near = struct.unpack_from(
            "I", client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), TCP_INFO_SND_MSS
        )[0]
        found = lab.server.run(
            "ss",
            "-Htino",
            "state",
            "established",
            f"sport = :80 and dport = :{client.getsockname()[1]}",
        )
        return near, int(re.search(r"\bmss:(\d+)", found).group(1))


def bare_sizes(client_mtu, server_mtu):
    with Lab(stand_in=True) as bare:
        bare.start()
        set_cards(bare, client_mtu, server_mtu)
        bare.http()
        return {address: segment_sizes(bare, address) for address in ADDRESSES}


def attacked(lab, client_mtu, server_mtu, features=()):
    lab.start(mode="normal", mtu=max(client_mtu, server_mtu))
    set_cards(lab, client_mtu, server_mtu, features)
    lab.http()
    lab.pop3()
    for address in ADDRESSES:
        lab.learn("http", 80, address)
        lab.learn("pop3", 110, address)
    lab.set_mode("attack")


def transfer_all(lab, total=TRANSFER_BYTES):
    """Everything both ways over both families; no segment arrives with a wrong checksum."""
    worst = 0
    for address in ADDRESSES:
        for kind in ("download", "upload"):
            result = lab.fetch(kind, 80, address, bytes=total, timeout_ms=20000)
            check_equal(result["ok"], 1, f"{kind} from {address} ({result})")
            worst = max(worst, result["worst_us"])
        result = lab.fetch("pop3", 110, address, count=5)
        check_equal(result["ok"], 5, f"pop3 sessions with {address} ({result})")
    for host in (lab.client, lab.server):
        check_equal(host.counter("TcpInCsumErrors"), 0, f"wrong checksums in {host.name}")
    return worst


def mtus(client_mtu, server_mtu, features=()):
    wanted = bare_sizes(client_mtu, server_mtu)
    with Lab(sides="netns" if client_mtu == server_mtu else "tap") as lab:
        attacked(lab, client_mtu, server_mtu, features)
        worst = transfer_all(lab)
        shown = []
        for address in ADDRESSES:
            client, server = segment_sizes(lab, address)
            bare_client, bare_server = wanted[address]
            check_equal(client, bare_client, f"the client's segments to {address}")
            check(
                bare_server * 0.99 <= server <= bare_server,
                f"segments of {address}: {server}, on the bare wire {bare_server}",
            )
            shown.append(f"{client}/{server}")
        return f"segments {', '.join(shown)}, slowest {TRANSFER_BYTES * 8 / worst / 1000:.1f} Gb/s"


def test_jumbo():
    return mtus(9000, 9000)


def test_client_1500_server_9000():
    return mtus(1500, 9000)


def test_client_9000_server_1500():
    return mtus(9000, 1500)


def test_client_1400_server_1500():
    return mtus(1400, 1500)


def test_client_1500_server_1400():
    return mtus(1500, 1400)


def test_server_whose_mtu_shrinks_under_attack():
    """Its clients were promised jumbo segments, and send them, until the profile has caught up;
    what it gets fits its card."""
    with Lab(sides="tap") as lab:
        attacked(lab, 9000, 9000)
        set_cards(lab, 9000, 1500)
        body = b"x" * 5000  # one segment of the client's, and no super-frame
        for address in ADDRESSES:
            with lab.client.inside():
                client = socket.create_connection((address, 80), timeout=5)
            with client:
                for request in (
                    b"GET / HTTP/1.1\r\nHost: synward.example\r\n\r\n",
                    b"POST / HTTP/1.1\r\nHost: synward.example\r\nContent-Length: 5000\r\n\r\n"
                    + body,
                ):
                    client.sendall(request)
                    answer = client.recv(65536)
                    check(answer.startswith(b"HTTP/1.1 200 "), f"answer from {address}: {answer!r}")
        worst = transfer_all(lab)
        return f"slowest {TRANSFER_BYTES * 8 / worst / 1000:.1f} Gb/s"


def test_cards_without_offloads():
    """Full checksums and single segments on both ends: ours are edited, the hosts verify each."""
    return mtus(1500, 1500, NO_OFFLOADS)


def test_jumbo_without_offloads():
    return mtus(9000, 9000, NO_OFFLOADS)


def test_one_card_without_offloads():
    """What one host left undone the other need not do: partial checksums one way, full ones the
    other."""
    with Lab() as lab:
        attacked(lab, 1500, 1500)
        lab.client.run("ethtool", "-K", CLIENT_IF, *NO_OFFLOADS)
        worst = transfer_all(lab)
        lab.client.run(
            "ethtool", "-K", CLIENT_IF, *(word.replace("off", "on") for word in NO_OFFLOADS)
        )
        lab.server.run("ethtool", "-K", SERVER_IF, *NO_OFFLOADS)
        worst = max(worst, transfer_all(lab))
        return f"slowest {TRANSFER_BYTES * 8 / worst / 1000:.1f} Gb/s"


def test_download_of_more_than_2_gib():
    """The client says nothing but ACK, further and further from where it began."""
    with Lab() as lab:
        attacked(lab, 1500, 1500)
        result = lab.fetch("download", 80, bytes=MORE_THAN_2_GIB, timeout_ms=20000)
        check_equal(result["ok"], 1, f"download ({result})")
        return f"{MORE_THAN_2_GIB * 8 / result['worst_us'] / 1000:.1f} Gb/s"


def labels(capture, incoming, server):
    """{client's port: the flow labels of its connection's frames}, of those from the server or of
    those to it."""
    found = {}
    for inward, frame in capture.frames:
        segment = parse(frame) if inward == incoming and frame[12:14] == b"\x86\xdd" else None
        if segment and (segment.source == SERVER6) == server:
            label = struct.unpack_from("!I", frame, 14)[0] & 0xFFFFF
            found.setdefault(segment.dport if server else segment.sport, []).append(
                (label, segment)
            )
    return found


def test_ipv6_flow_labels():
    """One label each way for a connection's whole life, ours and the server's own frames alike; the
    client's arrives as it was sent."""
    with Lab() as lab:
        attacked(lab, 1500, 1500)
        with Capture(lab.client, CLIENT_IF) as near, Capture(lab.server, SERVER_IF) as far:
            for kind, port, count in (
                ("http", 80, 10),
                ("pop3", 110, 5),
                ("download", 80, 1),
                ("upload", 80, 1),
            ):
                check_equal(
                    lab.fetch(kind, port, SERVER6, count=count)["failed"], 0, f"{kind} fetches"
                )
            lab.talkers(
                110, address=SERVER6, count=5, concurrency=5, say="bittorrent", hold_ms=1000
            )
            lab.wait_no_flows()
        answered, asked, arrived = (
            labels(near, True, True),
            labels(near, False, False),
            labels(far, True, False),
        )
        for port, seen in answered.items():
            check(seen[0][1].flags & SYN, f"port {port} begins with the SYN-ACK")
            check_equal(
                len({label for label, _ in seen}),
                1,
                f"labels to the client on port {port}: {seen[:3]}",
            )
        for port, seen in arrived.items():
            check_equal(
                {label for label, _ in seen},
                {label for label, _ in asked[port]},
                f"labels to the server on port {port}",
            )
        ours = {seen[0][0] for seen in answered.values()}
        check(
            len(ours) > len(answered) // 2, f"labels differ from connection to connection: {ours}"
        )
        check(0 not in ours, "no label is zero")
        return f"{len(answered)} connections, {sum(map(len, answered.values()))} frames"


runner.main(globals())
