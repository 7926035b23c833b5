# SPDX-License-Identifier: GPL-2.0-or-later
"""Odd frames against a real server in auto mode: a flood in each form brings attack mode on, and a
client that says everything in that form is served in it (doc/frames.md). All forms:
tests/engine/test_odd_frames.c."""
import struct

import runner
from frames import checksum
from lab import SERVER4, SERVER6, Lab, check, check_equal, wait_until
from rawtcp import RawClient

SYNS = 600
PORT = 80  # of the first form; each has a server of its own
REQUEST = b"GET / HTTP/1.1\r\nHost: server\r\n\r\n"


def _tags(count, tag=b"\x81\x00\xa0\x00"):
    return lambda frame: frame[:12] + tag * count + frame[12:]


def _trailer(frame):
    return frame + b"\x5a" * 46


def _ipv4_options(options):
    def put(frame):
        ip = bytearray(frame[14:34])
        ip[0] += len(options) // 4
        ip[2:4] = struct.pack("!H", len(frame) - 14 + len(options))
        ip[10:12] = b"\0\0"
        ip[10:12] = struct.pack("!H", checksum(bytes(ip) + options))
        return frame[:14] + bytes(ip) + options + frame[34:]

    return put


def _extensions(*chain, length=True):
    """IPv6 headers of eight bytes, the first one first: (protocol number, bytes two to seven)."""

    def put(frame):
        protocols = [kind for kind, _ in chain] + [frame[20]]
        headers = b"".join(bytes((protocols[i + 1], 0)) + body for i, (_, body) in enumerate(chain))
        stated = len(frame) - 54 + len(headers) if length else 0
        ip = frame[14:18] + struct.pack("!HB", stated, protocols[0]) + frame[21:54]
        return frame[:14] + ip + headers + frame[54:]

    return put


PADDING = b"\1\4\0\0\0\0"
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
FORMS = {
    "priority tag": (4, _tags(1)),
    "sixty tags": (4, _tags(60, b"\x88\xa8\0\0")),
    "trailer": (4, _trailer),
    "record route": (4, _ipv4_options(b"\7\7\4\0\0\0\0\0")),
    "hop-by-hop": (6, _extensions((HOP_BY_HOP, PADDING))),
    "length 0": (6, _extensions((HOP_BY_HOP, PADDING), length=False)),
    "atomic fragment": (6, _extensions((FRAGMENT, bytes(6)))),
    "chain": (
        6,
        _extensions(
            (HOP_BY_HOP, PADDING),
            (DESTINATION, PADDING),
            (ROUTING, b"\x4d\0\0\0\0\0"),
            (FRAGMENT, bytes(6)),
        ),
    ),
}


def attacked(lab, port, address):
    return lab.server_mode(port, address) == "attack"


def flood(lab, raw, port):
    """SYNs from as many ports, until the server is in attack mode."""
    for number in range(SYNS):
        raw.connection(port).syn()
        if number % 100 == 99 and attacked(lab, port, raw.server):
            break


def served(raw, port):
    client = raw.connection(port)
    client.handshake()
    client.send(REQUEST)
    answer = client.read(lambda data: b"\r\n\r\n" in data)
    check(answer.startswith(b"HTTP/1.1 200"), f"answered {answer[:40]!r}")
    client.send(REQUEST)
    client.read(lambda data: b"\r\n\r\n" in data)
    client.reset()


def one_form(lab, name, port):
    family, form = FORMS[name]
    address = SERVER4 if family == 4 else SERVER6
    http = lab.http(port)
    lab.learn("http", port, address)
    accepted = http.accepted()
    raw = RawClient(lab, address)
    raw.form = form
    check_equal(lab.server_mode(port, address), "normal", f"mode before the flood ({name})")
    flood(lab, raw, port)
    wait_until(lambda: attacked(lab, port, address), 20, f"attack mode by a flood of: {name}")
    served(raw, port)
    check_equal(http.accepted() - accepted, 1, f"connections at the server ({name})")
    raw.close()


def test_each_form_is_noticed_and_served():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="auto")
        for number, name in enumerate(FORMS):
            one_form(lab, name, PORT + number)
        return ", ".join(FORMS)


runner.main(globals())
