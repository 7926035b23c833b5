# SPDX-License-Identifier: GPL-2.0-or-later
"""Path MTU discovery through a spliced connection (RFC 1191, RFC 8201), and "unreachable" in answer
to our SYN (RFC 5461).

    far client --1280-- router --[synward]-- server       download: the server must learn
    client --[synward]-- router --1280-- far server       upload: the client must learn

The narrow link is narrow only where the router sends into it: the far host announces the MSS of
1500 bytes, and nothing but an ICMP error tells the sender that its segments do not fit. Without it
the transfer stands still. Of the numbers in a quote Linux looks at seq alone, which only a
download's quote has moved; test_icmp.c is about the ack of an upload's."""
import contextlib
import json
import socket
import time

import runner
from lab import (
    CLIENT4,
    CLIENT6,
    SERVER4,
    SERVER6,
    Lab,
    before_all_others,
    check,
    check_equal,
    run,
)

ROUTER4, FAR4, NET4 = "10.80.0.1", "10.80.0.2", "10.80.0.0/24"
ROUTER6, FAR6, NET6 = "fd80::1", "fd80::2", "fd80::/64"
FAR = {4: FAR4, 6: FAR6}
NEAR = {4: SERVER4, 6: SERVER6}
PATH_MTU = 1280
BULK_BYTES = 5_000_000
NO_PROBING = {"net.ipv4.tcp_mtu_probing": 0}  # nothing but the error may tell


def ip(namespace, line):
    return run("ip", "-n", namespace.name, *line.split())


def put_router(lab, side):
    """The host on this side becomes a router; from here on lab.client or lab.server is a host
    behind it."""
    router, far, other = (
        getattr(lab, side),
        lab.namespace(),
        lab.server if side == "client" else lab.client,
    )
    run(
        "ip",
        "link",
        "add",
        "narrow",
        "netns",
        router.name,
        "mtu",
        str(PATH_MTU),
        "type",
        "veth",
        "peer",
        "name",
        "wide",
        "netns",
        far.name,
    )
    router.sysctl({"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
    for namespace, interface, four, six in (
        (router, "narrow", ROUTER4, ROUTER6),
        (far, "wide", FAR4, FAR6),
    ):
        ip(namespace, f"addr add {four}/24 dev {interface}")
        ip(namespace, f"addr add {six}/64 dev {interface} nodad")
        ip(namespace, f"link set {interface} up")
    ip(far, "link set wide mtu 1500")
    ip(far, f"route replace default via {ROUTER4}")
    ip(far, f"route replace default via {ROUTER6}")
    ip(other, f"route replace {NET4} via {CLIENT4 if side == 'client' else SERVER4}")
    ip(other, f"route replace {NET6} via {CLIENT6 if side == 'client' else SERVER6}")
    far.sysctl(NO_PROBING)
    setattr(lab, side, far)
    return router


def learned_mtu(namespace, address):
    """What the host believes of its way there: None as long as nobody told it anything."""
    route = json.loads(run("ip", "-n", namespace.name, "-j", "route", "get", address))[0]
    return next((m["mtu"] for m in route.get("metrics", []) if "mtu" in m), None)


def routed_lab(lab, side, address):
    lab.start(mode="normal")
    router = put_router(lab, side)
    lab.http()
    lab.learn("http", 80, address)
    lab.set_mode("attack")
    return router


def transfer(kind, side, family):
    with Lab(client_sysctls=NO_PROBING, server_sysctls=NO_PROBING) as lab:
        address = FAR[family] if side == "server" else NEAR[family]
        routed_lab(lab, side, address)
        sender = lab.server if kind == "download" else lab.client
        for flag in ("-4", "-6"):
            run("ip", "-n", sender.name, flag, "route", "flush", "cache")
        check_equal(learned_mtu(sender, FAR[family]), None, "path MTU before the transfer")
        result = lab.fetch(kind, 80, address, bytes=BULK_BYTES, timeout_ms=20000)
        check_equal(result["ok"], 1, f"{kind} of {BULK_BYTES} bytes ({result})")
        check_equal(learned_mtu(sender, FAR[family]), PATH_MTU, "path MTU that the sender learned")
        return f"{result['worst_us'] / 1000:.0f} ms"


def test_narrow_way_to_the_client_ipv4():
    return transfer("download", "client", 4)


def test_narrow_way_to_the_client_ipv6():
    return transfer("download", "client", 6)


def test_narrow_way_to_the_server_ipv4():
    return transfer("upload", "server", 4)


def test_narrow_way_to_the_server_ipv6():
    return transfer("upload", "server", 6)


def unreachable(family):
    """The router says that the server is gone: the client hears it at once, and not only after our
    last SYN."""
    with Lab() as lab:
        router = routed_lab(lab, "server", FAR[family])
        ip(router, f"route replace unreachable {FAR[family]}/{32 if family == 4 else 128}")
        with lab.client.inside():
            client = socket.create_connection((FAR[family], 80), timeout=20)
        client.settimeout(20)
        with before_all_others(lab.daemon.pid) if lab.daemon else contextlib.nullcontext():
            begin = time.monotonic()
            client.sendall(b"GET / HTTP/1.1\r\nHost: synward.example\r\n\r\n")
            try:
                answer = client.recv(1000)
            except ConnectionResetError:
                answer = "reset"
            took = time.monotonic() - begin
        client.close()
        check_equal(answer, "reset", "what the client hears")
        check(took < 0.9, f"not by the first SYN's error, but after {took:.1f} s")
        check_equal(lab.stats()["flows"]["refused"], 1, "openings refused")
        return f"{took * 1000:.0f} ms"


def test_unreachable_server_ipv4():
    return unreachable(4)


def test_unreachable_server_ipv6():
    return unreachable(6)


runner.main(globals())
