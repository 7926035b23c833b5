# SPDX-License-Identifier: GPL-2.0-or-later
"""--hook: the server's own TCP makes the connections of clients that have proved themselves.

The kernel's own counters judge (TcpPassiveOpens, connections without offsets), beside the daemon's:
nobody fails, nothing is changed on the way, and where the server's TCP does not take a connection
it is spliced, which its client cannot tell.

It is longer than most: each reason for which a connection is not the hook's has its test."""
import collections
import contextlib
import http.server
import itertools
import os
import socket
import ssl
import threading
import time

import runner
from lab import (
    CLIENT4,
    CLIENT_IF,
    SERVER4,
    SERVER6,
    SERVER_IF,
    Lab,
    check,
    check_equal,
    make_root,
    run,
    wait_until,
)
from frames import Capture
from kernelpath import kernel, need_path, went_up
from rawtcp import parse
from services import Service
from services import connect as connect_from

IPPROTO_MPTCP = 262
SHORT_ONES = 500
REQUEST = b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"
BYTES = 50_000_000
PORTS = itertools.count(20000)  # below those that the kernel gives out


def hook_lab(sides="netns", extra=(), **options):
    """The daemon runs, with the hook; in normal mode."""
    lab = Lab(sides=sides, **options)
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    if sides == "port":
        extra = ("--server-stack", lab.server.name, *extra)
    lab.start(mode="normal", extra=("--hook", "auto", *extra))
    hook = lab.cli("status")["hook"]
    if not hook["on"] and "Linux 6.9" in hook["why"]:
        raise runner.Skip(hook["why"])
    return lab


def connect(lab, port):
    """From a port that nobody had before: the kernel draws one, and of 32 connections to a server
    that closes first one in 30 runs would meet an old one, which is spliced."""
    return connect_from(lab, port, source_port=next(PORTS))


def attack(lab, address=SERVER4, port=80, **options):
    """HTTP is learned, and synward answers for the server."""
    lab.learn("http", port, address, **options)
    lab.set_mode("attack")


def hooked(lab):
    return lab.stats()["hook"]


def came_of(before, after):
    """What has happened to grants in between, without what has not."""
    return {key: after[key] - before[key] for key in after if after[key] != before[key]}


def server_of(lab, port=80, address=SERVER4):
    for server in lab.cli("status")["servers"]:
        if (server["server"], server["port"]) == (address, port):
            return server
    return None


def fetches(lab, count, address=SERVER4, port=80, **options):
    """All of them succeed, and the server's TCP makes them by itself."""
    before, opened = hooked(lab), lab.server.counter("TcpPassiveOpens")
    result = lab.fetch("http", port, address, count=count, **options)
    check_equal((result["ok"], result["failed"]), (count, 0), f"fetches ({result})")
    came = came_of(before, hooked(lab))
    # A client may take a port again that the server still has in TIME-WAIT: that one is spliced.
    old = came.pop("old", 0)
    check_equal(came, {"granted": count, "taken": count - old}, "what came of grants")
    check(old <= count // 10, f"{old} of {count} old ones")
    check_equal(lab.server.counter("TcpPassiveOpens") - opened, count, "connections it made")
    return result


# --- right ones --------------------------------------------------------------------------------


def thousand(address, sides):
    with hook_lab(sides) as lab:
        lab.http()
        normal = lab.learn("http", 80, address, count=50)
        lab.set_mode("attack")
        before = hooked(lab)
        result = fetches(lab, 1000, address)
        check_equal(
            (result["distinct"], result["digest"]),
            (normal["distinct"], normal["digest"]),
            "answers against normal mode",
        )
        # A port that is taken again has one flow, and an offset where its grant was an old one.
        deltas = [flow["delta"] for flow in lab.flows() if flow["delta"] is not None]
        offsets = len(deltas) - deltas.count(0)
        old = came_of(before, hooked(lab)).get("old", 0)
        check(
            len(deltas) >= 900 and offsets <= old,
            f"{len(deltas)} connections, {offsets} with offsets, of which {old} may have some",
        )
        return f"p50 {result['p50_us']} us, {normal['p50_us']} us in normal mode"


def test_1000_fetches():
    return thousand(SERVER4, "netns")


def test_1000_fetches_over_ipv6():
    return thousand(SERVER6, "netns")


def test_1000_fetches_from_a_port():
    return thousand(SERVER4, "port")


def test_1000_fetches_from_a_port_over_ipv6():
    return thousand(SERVER6, "port")


def test_answers_do_not_come_up():
    """The kernel knows a connection before its server has the request: it carries the server's
    first word, and the engine is told. Of each connection the request alone is to come up."""
    with hook_lab("veth") as lab:
        need_path(lab)
        lab.http()
        attack(lab)
        before, granted = kernel(lab), hooked(lab)
        result = lab.fetch("http", 80, count=SHORT_ONES)
        check_equal((result["ok"], result["failed"]), (SHORT_ONES, 0), f"fetches ({result})")
        came = came_of(granted, hooked(lab))
        up = went_up(before, kernel(lab))
        told = f"went up: {up}, of {SHORT_ONES} connections ({came})"
        check(came["taken"] >= 0.9 * SHORT_ONES, told)
        check(up.get("up_unknown", 0) <= 0.5 * SHORT_ONES, told)
        return told


def test_32_at_once_with_two_workers():
    with hook_lab(extra=("--workers", "2")) as lab:
        lab.http()
        attack(lab)
        fetches(lab, 2000, concurrency=32)


def megabytes(lab, kind, address):
    """So many bytes, as fast as three times allow, in MB/s."""
    took = []
    for _ in range(3):
        result = lab.fetch(kind, 80, address, bytes=BYTES, timeout_ms=60000)
        check_equal(result["ok"], 1, f"{kind} ({result})")
        took.append(result["p50_us"])
    return BYTES / min(took)


def test_50_megabytes_each_way():
    """Whole, and as fast as in normal mode."""
    with hook_lab() as lab:
        lab.http()
        said = []
        for address in (SERVER4, SERVER6):
            lab.set_mode("normal")
            lab.learn("http", 80, address)
            for kind in ("download", "upload"):
                lab.set_mode("normal")
                normal = megabytes(lab, kind, address)
                lab.set_mode("attack")
                before = hooked(lab)
                speed = megabytes(lab, kind, address)
                check_equal(came_of(before, hooked(lab)), {"granted": 3, "taken": 3}, "grants")
                check(speed > normal * 0.5, f"{kind}: {speed:.0f} MB/s, {normal:.0f} in normal")
                said.append(f"{kind} {speed:.0f} of {normal:.0f} MB/s")
        return ", ".join(said)


def test_nginx():
    make_root()
    with hook_lab() as lab:
        lab.nginx()
        normal = lab.learn("http", 80, count=50)
        lab.set_mode("attack")
        result = fetches(lab, 1000)
        check_equal(
            (result["distinct"], result["digest"]),
            (normal["distinct"], normal["digest"]),
            "answers against normal mode",
        )
        return f"p50 {result['p50_us']} us, {normal['p50_us']} us in normal mode"


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def python_server(lab, port=80, context=None):
    with lab.server.inside():
        server = http.server.ThreadingHTTPServer((SERVER4, port), Quiet)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_python_http_server():
    with hook_lab() as lab, python_server(lab):
        attack(lab)
        fetches(lab, 100)


LISTENERS = {  # level, name, value of each option; the address that it has
    "both versions of IP": ("::", [(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)]),
    "any address": ("0.0.0.0", []),
    "defers": (SERVER4, [(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)]),
    "bound to its card": (
        "0.0.0.0",
        [(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, SERVER_IF.encode() + b"\0")],
    ),
    "small buffers": (SERVER4, [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)]),
    "short segments": (SERVER4, [(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 600)]),
    "fast open": (SERVER4, [(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)]),
}


@contextlib.contextmanager
def listening(lab, port, address, options, count):
    """`count` listeners on one port, as programs with several processes have them."""
    servers = []
    with lab.server.inside():
        for _ in range(count):
            one = http.server.ThreadingHTTPServer((address, port), Quiet, bind_and_activate=False)
            one.socket.close()
            one.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            for option in options:
                one.socket.setsockopt(*option)
            one.server_bind()
            one.server_activate()
            servers.append(one)
    threads = [
        threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True) for one in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for one, thread in zip(servers, threads):
            one.shutdown()
            one.server_close()
            thread.join()


def test_all_kinds_of_listeners_are_served():
    told = []
    with hook_lab() as lab, contextlib.ExitStack() as all_of_them:
        kinds = list(enumerate(itertools.product(LISTENERS, (1, 4)), 8000))
        for port, (kind, count) in kinds:
            all_of_them.enter_context(listening(lab, port, *LISTENERS[kind], count))
            lab.learn("http", port)
        lab.set_mode("attack")
        for port, (kind, count) in kinds:
            before = hooked(lab)
            result = lab.fetch("http", port, count=50)
            check_equal((result["ok"], result["failed"]), (50, 0), f"{count} listeners, {kind}")
            taken = came_of(before, hooked(lab)).get("taken", 0)
            check(taken, f"none of 50 was made by the server's TCP: {count}, {kind}")
            told.append(taken)
    return f"{sum(told)} of {50 * len(told)} were made by the server's TCP"


def tls_fetch(lab):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connect(lab, 443) as plain, context.wrap_socket(plain) as client:
        client.sendall(REQUEST)
        said = b""
        while part := client.recv(1000):
            said += part
        check(said.endswith(b"hello"), f"{said!r}")


def test_tls():
    with hook_lab() as lab:
        files = [os.path.join(lab.folder, name) for name in ("key", "certificate")]
        run(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a"),
            *("-keyout", files[0], "-out", files[1]),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files[1], files[0])
        with python_server(lab, 443, context):
            for _ in range(12):
                tls_fetch(lab)
            lab.wait_armed(443)
            lab.set_mode("attack")
            before = hooked(lab)
            for _ in range(20):
                tls_fetch(lab)
            check_equal(came_of(before, hooked(lab)), {"granted": 20, "taken": 20}, "grants")


def test_request_later():
    """Behind the handshake's ACK, and in two pieces."""
    with hook_lab() as lab:
        lab.http()
        attack(lab)
        before = hooked(lab)
        for pause in (0.3, 0, 0.3):
            with connect(lab, 80) as client:
                time.sleep(pause)
                client.sendall(REQUEST)
                check(client.recv(100).startswith(b"HTTP/1."), "answered")
        check_equal(came_of(before, hooked(lab)), {"granted": 3, "taken": 3}, "grants")
        with connect(lab, 80) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(REQUEST[:6])
            time.sleep(0.3)
            client.sendall(REQUEST[6:])
            check(client.recv(100).startswith(b"HTTP/1."), "answered")


# --- wrong ones --------------------------------------------------------------------------------


def test_10000_silent_and_wrong_clients():
    with hook_lab() as lab:
        server = lab.http()
        attack(lab)
        opened, accepted = lab.server.counter("TcpPassiveOpens"), server.accepted()
        for say in ("nothing", "bittorrent", "random"):
            count = 4000 if say == "nothing" else 3000
            lab.talkers(80, count=count, concurrency=200, say=say, hold_ms=20)
        check_equal(lab.server.counter("TcpPassiveOpens") - opened, 0, "connections it made")
        check_equal(server.accepted(), accepted, "accepted")
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "right ones, afterwards")


# --- servers whose TCP does not take it ----------------------------------------------------------


def spliced_instead(lab, why, outcome, times=3, port=80, count=20):
    """Nobody fails; after three tries the server is left alone, and status says why."""
    before = hooked(lab)
    result = lab.fetch("http", port, count=count)
    check_equal(result["failed"], 0, f"fetches ({result})")
    check_equal(came_of(before, hooked(lab)), {"granted": times, outcome: times}, "grants")
    check(why in server_of(lab, port)["no_hook"], f"{server_of(lab, port)}")
    check(f"hook: not for {SERVER4} port {port}: " in lab.cli_text("status"), "status says so")
    return f"slowest fetch {result['worst_us'] / 1000:.0f} ms"


def test_mptcp_listener():
    with hook_lab() as lab:
        with lab.server.inside():
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((SERVER4, 80))
            listener.listen(64)
        server = http.server.ThreadingHTTPServer((SERVER4, 80), Quiet, bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            attack(lab)
            return spliced_instead(lab, "MPTCP", "mptcp")
        finally:
            server.shutdown()
            server.server_close()


def test_nginx_under_mptcpize():
    make_root()
    with hook_lab() as lab:
        lab.nginx("mptcpize", "run")
        attack(lab)
        return spliced_instead(lab, "MPTCP", "mptcp")


def settings_off(setting):
    with hook_lab() as lab:
        lab.http()
        attack(lab)
        lab.server.sysctl({f"net.ipv4.{setting}": 0})
        return spliced_instead(lab, "refuses", "settings")


def test_sack_turned_off():
    return settings_off("tcp_sack")


def test_scaling_turned_off():
    return settings_off("tcp_window_scaling")


def test_cookies_turned_off():
    """Before the start nothing is tried; afterwards the server's resets reach nobody."""
    with hook_lab() as lab:
        lab.http()
        attack(lab)
        lab.server.sysctl({"net.ipv4.tcp_syncookies": 0})
        said = spliced_instead(lab, "tcp_syncookies", "reset")
    with hook_lab(server_sysctls={"net.ipv4.tcp_syncookies": 0}) as lab:
        check_equal(
            lab.cli("status")["hook"],
            {"on": False, "why": f"tcp_syncookies is 0 in namespace {lab.server.name}"},
            "status",
        )
    return said


def test_program_gone():
    """Somebody has taken the program away from the card, in a namespace that we hear nothing of."""
    with hook_lab("port") as lab:
        lab.http()
        attack(lab)
        lab.server.run("tc", "qdisc", "del", "dev", SERVER_IF, "clsact")
        return spliced_instead(lab, "saw no segment", "unseen")


def wait_back(lab):
    said = "the program of the hook is back"
    wait_until(lambda: said in lab.daemon.errors(), 10, "the log says that it is back")


def test_program_that_is_taken_away_comes_back():
    """By who has kept the privileges for it, and where nobody has given them up."""
    for sandbox in ("auto", "off"):
        with hook_lab(extra=("--sandbox", sandbox)) as lab:
            lab.http()
            attack(lab)
            lab.server.run("tc", "qdisc", "del", "dev", SERVER_IF, "clsact")
            wait_back(lab)
            fetches(lab, 50)


def wait_for_hook(lab, why):
    """What status says of it; None: it is on."""
    said = {"on": why is None, "why": why}
    wait_until(lambda: lab.cli("status")["hook"] == said, 10, f"status says {said}")


def test_program_that_cannot_come_back_is_told_of_and_tried_again():
    for sandbox in ("auto", "off"):
        with hook_lab(extra=("--sandbox", sandbox)) as lab:
            lab.http()
            attack(lab)
            lab.server.sysctl({"net.ipv4.tcp_syncookies": 0})
            lab.server.run("tc", "qdisc", "del", "dev", SERVER_IF, "clsact")
            wait_for_hook(lab, f"tcp_syncookies is 0 in namespace {lab.server.name}")
            lab.server.sysctl({"net.ipv4.tcp_syncookies": 1})
            wait_for_hook(lab, None)
            fetches(lab, 20)


def test_program_comes_to_a_card_that_is_made_anew():
    """The servers' wire is taken away and laid again, in attack mode."""
    with hook_lab("port") as lab:
        lab.http()
        attack(lab)
        fetches(lab, 20)
        run("ip", "-n", lab.bridge.name, "link", "del", "p1")
        wait_until(lambda: "p1 has vanished" in lab.daemon.errors(), 10, "p1 has vanished")
        name = lab.server.name
        wait_for_hook(lab, f"no interface of namespace {name} is the other end of p1")
        lab.lay_wire("p1")
        lab._addresses(1500)
        wait_back(lab)
        wait_until(lambda: "joined again" in lab.daemon.errors(), 10, "p1 is joined again")
        wait_for_hook(lab, None)
        fetches(lab, 50)


def test_no_child():
    """A filter of the server's own keeps the segment from its TCP, but no SYN."""
    with hook_lab() as lab:
        lab.http()
        attack(lab)
        chain = "type filter hook input priority 0; tcp flags & (syn|ack) == ack ct state new drop;"
        lab.server.run("nft", "table inet f {\nchain in {\n" + chain + "\n}\n}\n")
        return spliced_instead(lab, "did not answer within a second", "childless")


def from_one_port(lab):
    """A connection, None while the client has not let go of the port."""
    with lab.client.inside():
        client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.settimeout(10)
    with contextlib.suppress(OSError):
        client.bind((CLIENT4, 50123))
        client.connect((SERVER4, 80))
        return client
    client.close()
    return None


def test_port_used_again():
    """The server still has the connection before in TIME-WAIT: the client's new one is spliced."""
    with hook_lab() as lab:
        lab.http()
        attack(lab)
        before = hooked(lab)
        for _ in range(2):
            client = wait_until(lambda: from_one_port(lab), 20, "the port is free")
            client.sendall(REQUEST)
            while client.recv(1000):
                pass
            client.close()
        came = came_of(before, hooked(lab))
        check_equal(came, {"granted": 2, "taken": 1, "old": 1}, "grants")
        check_equal(server_of(lab).get("no_hook"), None, "it is not left alone")


def in_queue(lab, port):
    """Connections that wait to be accepted."""
    return int(lab.server.run("ss", "-Hltn", f"sport = :{port}").split()[1])


def test_accept_queue_full():
    """Nobody accepts: clients wait, as they would without synward, and are served once there is
    room, by connections that the server's TCP makes."""
    with hook_lab() as lab:
        with lab.server.inside():
            listener = socket.socket()
            listener.bind((SERVER4, 81))
            listener.listen(128)

        def serve(count):
            for _ in range(count):
                one, _ = listener.accept()
                with one:
                    one.recv(1000)
                    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve, args=(12,))
        thread.start()
        lab.learn("http", 81, count=12)
        thread.join()
        listener.listen(1)
        lab.set_mode("attack")
        before = hooked(lab)
        waiting = lab.start_fetch("http", 81, count=12, concurrency=12, timeout_ms=20000)
        wait_until(lambda: came_of(before, hooked(lab)).get("granted", 0) >= 8, 10, "8 at once")
        wait_until(lambda: in_queue(lab, 81) == 2, 10, "its accept queue is full")
        thread = threading.Thread(target=serve, args=(12,), daemon=True)
        thread.start()
        result = waiting.report()
        check_equal((result["ok"], result["failed"]), (12, 0), f"served in the end ({result})")
        came = came_of(before, hooked(lab))
        check(came["taken"] >= 10, f"made by the server's TCP: {came}")
        check_equal(server_of(lab, 81).get("no_hook"), None, "it is not left alone")
        listener.close()
        return (
            f"half of them at {result['p50_us'] / 1e6:.1f} s, all at {result['worst_us'] / 1e6:.1f}"
        )


# --- a connection without us ---------------------------------------------------------------------


def test_killed():
    """100 connections go on without a daemon, by nothing that it has left, and with the next."""
    extra = ("--hook", "auto", "--when-dead", "open", "--kernel-path", "off")
    with hook_lab("port", extra[2:]) as lab:
        extra = (*extra, "--server-stack", lab.server.name)
        service = Service(lab, 81, talk)
        for _ in range(12):
            with connect(lab, 81) as client:
                ask(client)
        lab.wait_armed(81)
        wait_until(lambda: os.path.exists(lab.store), 15, "what was learned is saved")
        lab.cli("sources", "allow", CLIENT4)  # or some of so many idle ones would be ended
        lab.set_mode("attack")
        clients, before = [], hooked(lab)
        for _ in range(100):
            clients.append(connect(lab, 81))
            ask(clients[-1])
        check_equal(came_of(before, hooked(lab))["taken"], 100, "taken")
        lab.kill_daemon()
        for client in clients:
            ask(client)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lab.control)
        lab._start_daemon("attack", extra)
        for client in clients:
            ask(client)
        before = hooked(lab)
        with connect(lab, 81) as client:
            ask(client)
        check_equal(came_of(before, hooked(lab)), {"granted": 1, "taken": 1}, "a new one")
        for client in clients:
            client.close()
        service.listening.close()


def talk(connection):
    """HTTP for as long as the client asks."""
    while connection.recv(1000):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def ask(client):
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    said = client.recv(1000)
    check(said.endswith(b"ok"), f"{said!r}")
    return True


def test_undone_at_the_end():
    with hook_lab("port") as lab:
        qdiscs = lab.server.run("tc", "qdisc")
        check("clsact" in qdiscs, qdiscs)
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("clsact" not in lab.server.run("tc", "qdisc"), "a qdisc is left behind")


def test_qdisc_of_a_program_that_came_back_is_undone():
    """It was there when the program came back, and it is ours all the same."""
    with hook_lab("veth") as lab:
        lab.server.run("tc", "filter", "del", "dev", SERVER_IF, "ingress", "prio", "21328")
        wait_back(lab)
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("clsact" not in lab.server.run("tc", "qdisc"), "a qdisc is left behind")


def test_a_start_that_fails_after_a_kill_leaves_none():
    """The wire goes on, and the hook has no grants any more: nothing is asked of it."""
    with hook_lab("port") as lab:
        stack = ("--server-stack", lab.server.name)
        lab.kill_daemon()
        filters = ("tc", "filter", "show", "dev", SERVER_IF, "ingress")
        check("bpf" in lab.server.run(*filters), "what the killed one has left")
        late = ("--hook", "on", "--escape", "main:nothing", *stack)
        for extra in (late, (*late, "--sandbox", "off")):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(lab.control)
            done = run(*lab.daemon_command(extra=extra), ok=False, timeout=20)
            check(done.returncode != 0, f"{extra}: {done.returncode}")
            check("the wire goes on" in done.stderr, done.stderr)
            check_equal(lab.server.run(*filters), "", "filters of the server's card")


def test_what_others_have_put_beside_it_stays():
    """In the qdisc that was made for the hook, at either of its ends."""
    for way in ("ingress", "egress"):
        with hook_lab("port") as lab:
            show = ("tc", "filter", "show", "dev", SERVER_IF)
            theirs = ("protocol", "ip", "prio", "7", "u32", "match", "u32", "0", "0")
            lab.server.run("tc", "filter", "add", "dev", SERVER_IF, way, *theirs)
            check_equal(lab.stop_daemon()[0], 0, "exit code")
            left = lab.server.run(*show, way)
            check("u32" in left, f"{way}: {left!r}")
            check("bpf" not in lab.server.run(*show, "ingress"), "ours is gone")


def is_after(one, other):
    return 0 < (one - other) % 2**32 < 2**31


def test_timestamps_never_run_backwards():
    """As the client hears them, from the SYN-ACK on. Of what lies behind in the sequence, and has
    overtaken others, its TCP takes no timestamp (RFC 7323 4.3): a bare acknowledgment may do that
    where the kernel begins to carry (limits.md)."""
    with hook_lab() as lab:
        lab.http()
        attack(lab)
        heard, seen = collections.defaultdict(list), 0
        with Capture(lab.client, CLIENT_IF) as caught:
            fetches(lab, 200)
            with connect(lab, 80) as client:
                time.sleep(1.2)  # so far its clock runs on while nothing is said
                client.sendall(REQUEST)
                check(client.recv(100), "answered")
        for coming, frame in caught.frames:
            segment = parse(frame) if coming else None
            option = segment.option("timestamps") if segment else None
            if not option:
                continue
            now = (option[0], segment.seq, segment.ack, segment.flags, len(segment.data))
            for before in heard[segment.dport]:
                backwards = is_after(before[0], now[0]) and not is_after(before[1], now[1])
                check(not backwards, f"TSval, seq, ack, flags, bytes: {now} after {before}")
            heard[segment.dport].append(now)
            seen += 1
        check(seen > 600, f"{seen} segments with timestamps")
        return f"{seen} segments"


def test_by_default():
    """Where the servers' namespace is known, and nothing is said of it where it is not."""
    for sides, hook in (("netns", {"on": True, "why": None}), ("port", None)):
        with Lab(sides=sides) as lab:
            if lab.stand_in:
                raise runner.Skip("needs the daemon")
            lab.start(mode="normal")
            status = lab.cli("status")
            if hook and "Linux 6.9" in (status["hook"]["why"] or ""):
                raise runner.Skip(status["hook"]["why"])
            check_equal(status.get("hook"), hook, f"status, {sides}")
            check_equal("hook: " in lab.cli_text("status"), bool(hook), f"text, {sides}")


def test_words():
    """What a start says where it cannot be."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.make_ports()
        client, server = f"port:p0@{lab.bridge.name}", f"port:p1@{lab.bridge.name}"
        command = lab.daemon_command(extra=("--hook", "on"))
        command[command.index("--client") + 1] = client
        command[command.index("--server") + 1] = server
        done = run(*command, ok=False)
        check_equal(done.returncode, 1, "exit code")
        check("no hook: the servers' namespace is not known" in done.stderr, done.stderr)


runner.main(globals())
