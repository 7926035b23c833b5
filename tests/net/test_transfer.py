# SPDX-License-Identifier: GPL-2.0-or-later
"""Large transfers and full first flights through the splice."""
import socket
import time

import runner
from lab import SERVER4, SERVER6, Lab, check, check_equal

BULK_BYTES = 200_000_000


def attack_lab(lab, address=SERVER4):
    lab.start(mode="normal")
    server = lab.http()
    lab.learn("http", 80, address)
    lab.set_mode("attack")
    return server


def transfer(kind, address):
    with Lab() as lab:
        attack_lab(lab, address)
        result = lab.fetch(kind, 80, address, bytes=BULK_BYTES, timeout_ms=20000)
        check_equal(result["ok"], 1, f"{kind} of {BULK_BYTES} bytes ({result})")
        return f"{BULK_BYTES * 8 / result['worst_us'] / 1000:.1f} Gb/s"


def test_download_200mb_ipv4():
    return transfer("download", SERVER4)


def test_download_200mb_ipv6():
    return transfer("download", SERVER6)


def test_upload_200mb_ipv4():
    return transfer("upload", SERVER4)


def test_upload_200mb_ipv6():
    return transfer("upload", SERVER6)


def post(total_bytes):
    """A POST of exactly so many bytes."""
    head = "POST /flight HTTP/1.1\r\nHost: synward.example\r\nContent-Length: {:05d}\r\n\r\n"
    body = total_bytes - len(head.format(0))
    return head.format(body).encode() + b"x" * body, body


def first_flight(total_bytes, sysctls, address=SERVER4, count=20):
    """One write of the whole: nothing of it is dropped while the server is opened, and no timer
    runs out.

    A machine that stalls for some milliseconds makes the client probe the tail (RFC 8985); only
    such probes may be sent twice."""
    with Lab(client_sysctls=sysctls) as lab:
        attack_lab(lab, address)
        request, body = post(total_bytes)
        before = {
            name: lab.client.counter(name)
            for name in ("TcpRetransSegs", "TcpExtTCPTimeouts", "TcpExtTCPLossProbes")
        }
        worst = 0.0
        for _ in range(count):
            with lab.client.inside():
                client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            client.settimeout(5)
            begin = time.monotonic()
            client.connect((address, 80))
            client.sendall(request)
            answer = b""
            while b"equal=" not in answer:
                part = client.recv(65536)
                check(part, f"closed after {answer!r}")
                answer += part
            worst = max(worst, time.monotonic() - begin)
            client.close()
            check(b"bytes=%d " % body in answer, f"the server got it whole: {answer!r}")
        after = {name: lab.client.counter(name) - value for name, value in before.items()}
        check_equal(after["TcpExtTCPTimeouts"], 0, "timeouts")
        check(after["TcpRetransSegs"] <= after["TcpExtTCPLossProbes"], f"sent again: {after}")
        check_equal(lab.stats()["drops"]["hold_full"], 0, "held data that was dropped")
        return f"slowest {worst * 1000:.1f} ms"


def test_first_flight_14600_bytes():
    return first_flight(14600, {"net.ipv4.tcp_timestamps": 0})


def test_first_flight_14480_bytes_with_timestamps():
    return first_flight(14480, {})


def test_first_flight_ipv6():
    return first_flight(14280, {}, SERVER6)


def test_request_in_many_pieces():
    """A request that comes in pieces is gathered; the server gets it whole."""
    with Lab() as lab:
        attack_lab(lab)
        for piece in (1, 7, 40):
            request = (
                b"GET /bytes/100 HTTP/1.1\r\nHost: synward.example\r\nConnection: close\r\n\r\n"
            )
            with lab.client.inside():
                client = socket.create_connection((SERVER4, 80), timeout=5)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(request), piece):
                client.send(request[at : at + piece])
            answer = b""
            while part := client.recv(65536):
                answer += part
            client.close()
            check(
                answer.startswith(b"HTTP/1.1 200") and len(answer.partition(b"\r\n\r\n")[2]) == 100,
                f"answer to {piece}-byte pieces",
            )


runner.main(globals())
