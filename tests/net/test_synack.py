# SPDX-License-Identifier: GPL-2.0-or-later
"""Our SYN-ACK against the server's own, field by field: differently tuned servers, each with
clients that offer different things."""
import runner
from lab import SERVER4, SERVER6, Lab, check, check_equal
from rawtcp import CLIENTS, RawClient

REQUEST = b"GET / HTTP/1.1\r\nHost: synward.example\r\n\r\n"
ROUNDS = 3  # each kind of client: one to learn its variant from, the others to compare


def visit(raw, options, ecn):
    """A whole connection; the shape of its SYN-ACK."""
    connection = raw.connection(80, options=options, ecn=ecn)
    shape = connection.handshake().shape()
    connection.send(REQUEST)
    connection.read(lambda data: data.endswith(b"server\n"))
    connection.finish()
    return shape


def shapes(raw):
    return {name: visit(raw, options, ecn) for name, (options, ecn) in CLIENTS.items()}


def compare(expect, sysctls=None, address=SERVER4, **server):
    with Lab(server_sysctls=sysctls) as lab:
        lab.start(mode="normal")
        lab.http(**server)
        raw = RawClient(lab, address)
        for _ in range(ROUNDS):
            normal = shapes(raw)
        for key, value in expect.items():
            check_equal(normal["everything"][key], value, f"the tuning shows: {key}")
        lab.wait_armed(80, address)
        lab.set_mode("attack")
        attack = shapes(raw)
        raw.close()
        different = [
            f"{client}: {field} {attack[client][field]!r}, the server's {value!r}"
            for client, shape in normal.items()
            for field, value in shape.items()
            if attack[client][field] != value
        ]
        check(not different, "; ".join(different))
        if not lab.stand_in:
            check(
                lab.stats()["cookies"]["sent"] >= len(CLIENTS),
                f"cookies were sent: {lab.stats()['cookies']}",
            )
        return f"{len(CLIENTS)} kinds of client"


def test_scale_10():
    return compare(
        {"window_scale": 10}, {"net.ipv4.tcp_rmem": "4096 131072 40000000", "net.ipv4.tcp_ecn": 1}
    )


def test_scale_7():
    return compare({"window_scale": 7}, {"net.ipv4.tcp_rmem": "4096 131072 6291456"})


def test_scale_3():
    return compare({"window_scale": 3}, rcvbuf=300000)


def test_no_timestamps():
    return compare({"timestamps": False}, {"net.ipv4.tcp_timestamps": 0})


def test_no_sack():
    return compare({"sack": False}, {"net.ipv4.tcp_sack": 0})


def test_no_scale():
    return compare({"window_scale": None}, {"net.ipv4.tcp_window_scaling": 0})


def test_small_mss():
    return compare({"mss": 536}, mss=536)


def test_other_ttl():
    return compare({"ttl": 128}, {"net.ipv4.ip_default_ttl": 128})


def test_no_ecn():
    return compare({}, {"net.ipv4.tcp_ecn": 0})


def test_ipv6():
    return compare({"mss": 1440}, address=SERVER6)


runner.main(globals())
