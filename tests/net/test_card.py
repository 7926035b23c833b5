# SPDX-License-Identifier: GPL-2.0-or-later
"""netns: sides whose cards are ends of veth pairs (--card veth): they outlive the daemon with all
that their namespaces know of them, and so do connections; and nothing is left by detach."""
import contextlib
import json
import os
import re
import signal
import socket
import threading
import time

import runner
from beat import Beat
from lab import (
    CLIENT4,
    CLIENT_IF,
    SERVER4,
    SERVER_IF,
    SYNWARD,
    Lab,
    check,
    check_equal,
    neighbours,
    run,
    wait_until,
)

# As many as the figures of a release are made of; a suite has less time.
KILLS = int(os.environ.get("CARD_KILLS", "8"))
HOLE_S = 0.05  # p99 of 50, on a machine that nobody else uses
SLACK_S = 0.25
LONG_BYTES = 4_000_000_000


def card_lab(sides="veth"):
    lab = Lab(sides=sides)
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def start_again(lab, mode="normal", *extra):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lab.control)
    lab._start_daemon(mode, extra)


def links_of(namespace):
    return {one["ifname"]: one for one in json.loads(run("ip", "-n", namespace.name, "-j", "link"))}


def hidden_ends(lab):
    return {name for name in links_of(lab.bridge) if name.startswith("synwardc")}


def side_of(lab, side):
    return lab.cli("status")["sides"][side]


def passes(lab):
    check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches")


# what it is


def test_pair():
    """The hidden end says nothing of its own, tells whose it is, and takes what the card sends."""
    with card_lab() as lab:
        lab.start()
        lab.http()
        passes(lab)
        status = lab.cli("status")
        check(status["kernel_path"]["on"], f"{status['kernel_path']}")
        check_equal(status["when_dead"]["why"], None, "what passes while nobody is alive")
        check_equal(status["restart"]["cards_vanish"], [], "cards that vanish")
        for side, host, interface in (
            ("client", lab.client, CLIENT_IF),
            ("server", lab.server, SERVER_IF),
        ):
            told = status["sides"][side]
            check_equal((told["device"], told["netns"]), (interface, host.name), side)
            hidden = links_of(lab.bridge)[told["hidden_end"]]
            check_equal(hidden["altnames"], [f"synward:{host.name}/{interface}"], "whose it is")
            check("NOARP" in hidden["flags"], f"{hidden['flags']}")
            shown = lab.bridge.run("ip", "-d", "-j", "addr", "show", told["hidden_end"])
            shown = json.loads(shown)[0]
            check_equal(shown["addr_info"], [], "its addresses")
            check(shown["gso_max_size"] <= 65536, f"{shown['gso_max_size']}")
            with lab.bridge.inside():
                with open(f"/proc/sys/net/ipv6/conf/{told['hidden_end']}/disable_ipv6") as file:
                    check_equal(file.read().strip(), "1", "IPv6 is off")


def test_tap():
    """As asked for: it goes with synward, and nothing of the kernel's is to be had."""
    with card_lab() as lab:
        lab.start(extra=("--card", "tap"))
        lab.http()
        passes(lab)
        check_equal(hidden_ends(lab), set(), "hidden ends")
        check(
            not lab.cli("status")["kernel_path"]["on"]
            if "kernel_path" in lab.cli("status")
            else True,
            "no kernel path",
        )
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check(CLIENT_IF not in links_of(lab.client), "the card is gone")
        start_again(lab, "normal", "--card", "veth")
        lab.stop_daemon()
        done = run(*lab.daemon_command(extra=("--card", "tap")), ok=False)
        check("synward detach netns:" in done.stderr, f"what helps: {done.stderr}")
        done = run(*lab.daemon_command(extra=("--card", "wire")), ok=False)
        check_equal(done.returncode, 2, f"{done.stderr}")


def test_names_that_are_taken():
    """By a TAP, and by another interface; of a start that is refused nothing is left."""
    with card_lab() as lab:
        lab.make_host()
        for kind, why in (
            ("tuntap add {} mode tap", "--card tap uses one"),
            ("link add {} type veth peer name other", "is not ours"),
        ):
            lab.server.run("ip", *kind.format(SERVER_IF).split())
            done = run(*lab.daemon_command(), ok=False)
            check_equal(done.returncode, 1, f"exit code ({done.stderr})")
            check(why in done.stderr, done.stderr)
            check_equal(len(done.stderr.strip().splitlines()), 1, f"lines ({done.stderr})")
            check_equal(hidden_ends(lab), set(), "hidden ends")
            check(CLIENT_IF not in links_of(lab.client), "the client's card is gone")
            lab.server.run("ip", "link", "del", SERVER_IF)


def test_a_start_that_fails_late():
    """When the cards are made and joined; what an earlier one has left stays."""
    with card_lab() as lab:
        lab.make_host()
        with lab.server.inside():
            with open("/proc/sys/net/ipv4/tcp_syncookies", "w") as file:
                file.write("0")

        def fails():
            done = run(*lab.daemon_command(extra=("--hook", "on")), ok=False)
            check_equal(done.returncode, 1, f"exit code ({done.stderr})")
            check("no hook" in done.stderr, done.stderr)

        fails()
        check_equal(hidden_ends(lab), set(), "hidden ends")
        check(CLIENT_IF not in links_of(lab.client), "the client's card is gone")
        check(SERVER_IF not in links_of(lab.server), "the server's card is gone")
        lab.start()
        lab.http()
        passes(lab)
        lab.stop_daemon()
        before = hidden_ends(lab)
        check_equal(len(before), 2, f"hidden ends of one that ended in order: {before}")
        fails()
        check_equal(hidden_ends(lab), before, "what it left")
        start_again(lab)
        passes(lab)


def test_mixed():
    """A card on one side, a port of the daemon's namespace on the other."""
    with card_lab() as lab:
        lab.make_host()
        one = ("link", "add", SERVER_IF, "netns", lab.server.name, "type", "veth")
        run("ip", *one, "peer", "name", "p1", "netns", lab.bridge.name)
        lab.server.ip(f"link set {SERVER_IF} up")
        lab.bridge.ip("link set p1 up")
        lab.side_names = lambda: (f"netns:{lab.client.name}/{CLIENT_IF}", "port:p1")
        lab.start(extra=("--kernel-path", "on"))
        lab.http()
        passes(lab)
        fetch = lab.start_fetch("download", 80, count=1, bytes=LONG_BYTES, timeout_ms=60000)
        wait_until(lambda: lab.stats()["kernel"]["carried"] > 500, 20, "it is carried")
        fetch.stop(signal.SIGKILL)
        lab.kill_daemon()
        passes(lab)
        start_again(lab)
        passes(lab)
        check_equal(lab.stop_daemon()[0], 0, "exit code")


# what outlives what


def known(namespace, interface, peer):
    """What a namespace knows of its card: (index, MAC, MTU, addresses, routes, the neighbour)."""
    link = links_of(namespace)[interface]
    addresses = json.loads(run("ip", "-n", namespace.name, "-j", "addr", "show", interface))[0]
    routes = [run("ip", "-n", namespace.name, f, "route", "show") for f in ("-4", "-6")]
    near = run("ip", "-n", namespace.name, "neigh", "show", peer)
    return (
        link["ifindex"],
        link["address"],
        link["mtu"],
        sorted((a["local"], a["prefixlen"]) for a in addresses["addr_info"]),
        [r.replace(" linkdown", "") for r in routes],
        re.findall(r"lladdr (\S+)", near),
    )


def test_what_the_namespaces_know():
    """Over a kill, an end in order, and what comes after each; neighbours were learned."""
    with card_lab() as lab:
        lab.start()
        lab.http()
        lab.client.ip("link set sw0 mtu 1400", "route add 198.51.100.0/24 via 10.77.0.2")
        wait_until(lambda: links_of(lab.server)[SERVER_IF]["mtu"] == 1400, 20, "the MTU is one")
        for namespace, interface, peer in (
            (lab.client, CLIENT_IF, SERVER4),
            (lab.server, SERVER_IF, CLIENT4),
        ):
            namespace.ip(f"neigh del {peer} dev {interface}")
        passes(lab)

        def both():
            return known(lab.client, CLIENT_IF, SERVER4), known(lab.server, SERVER_IF, CLIENT4)

        before = both()
        check(all(len(one[5]) == 1 for one in before), f"neighbours: {before}")
        hidden = hidden_ends(lab)
        check_equal(len(hidden), 2, f"hidden ends: {hidden}")
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            lab.kill_daemon() if how == signal.SIGKILL else lab.stop_daemon()
            check_equal(both(), before, f"after {how.name}")
            start_again(lab)
            check_equal(both(), before, f"with the next one, after {how.name}")
            check_equal(hidden_ends(lab), hidden, "hidden ends")
            passes(lab)
        said = lab.daemon.errors()
        check("what a killed synward left" in said, f"after a kill: {said}")


def test_an_end_in_order_cuts_the_wire():
    """And says nothing of a kill at the next start."""
    with card_lab() as lab:
        lab.start()
        with Beat(lab) as beat:
            check_equal(lab.stop_daemon()[0], 0, "exit code")
            begin = time.monotonic()
            time.sleep(0.5)  # what is measured is that nothing happens
            check_equal(len(beat.since(begin)), 0, "datagrams that went by")
            start_again(lab)
            wait_until(lambda: len(beat.since(begin)) > 50, 20, "datagrams come")
        check("killed" not in lab.daemon.errors(), lab.daemon.errors())


def test_detach():
    """Who runs is left alone; then nothing is left, twice as good as once."""
    for how in (signal.SIGKILL, signal.SIGTERM):
        with card_lab() as lab:
            lab.start()
            inside = ("ip", "netns", "exec", lab.bridge.name, SYNWARD)
            done = run(*inside, "detach", *lab.side_names(), ok=False)
            check("in use by another synward" in done.stderr, f"while it runs: {done}")
            lab.stop_daemon(how)
            check_equal(len(hidden_ends(lab)), 2, "hidden ends")
            said = run(*inside, "detach", *lab.side_names())
            check_equal(said.count("is removed"), 2, said)
            check_equal(set(links_of(lab.bridge)), {"lo"}, "interfaces of the daemon's namespace")
            for namespace in (lab.client, lab.server):
                check_equal(set(links_of(namespace)), {"lo"}, namespace.name)
            said = run(*inside, "detach", *lab.side_names())
            check_equal(said.count("nothing is left behind"), 2, said)


class Asker:
    """One connection that asks again as soon as it is answered, for as long as it lives."""

    def __init__(self, lab, port):
        with lab.client.inside():
            self.socket = socket.create_connection((SERVER4, port), timeout=10)
        self.answers, self.failed, self.stopping = 0, None, False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            while not self.stopping:
                self.socket.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                said = b""
                while not said.endswith(b"synward test server\n"):
                    piece = self.socket.recv(4096)
                    if not piece:
                        raise ConnectionError("closed by the server")
                    said += piece
                self.answers += 1
                time.sleep(0.001)
        except OSError as error:
            self.failed = error

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()


def quantile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def told(name, holes):
    p50, p99 = quantile(holes, 0.5), quantile(holes, 0.99)
    return f"{name} p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"


def test_kills_under_traffic():
    """Plain and joined connections live over all of them."""
    kills, starts = [], []
    with card_lab() as lab:
        lab.start()
        lab.http(80)
        lab.http(8080)
        lab.learn("http", 80)
        plain = Asker(lab, 8080)
        lab.set_mode("attack", f"{SERVER4}:80")
        joined = Asker(lab, 80)
        wait_until(
            lambda: any(flow["state"] == "spliced" for flow in lab.flows()), 20, "it is joined"
        )
        wait_until(lambda: lab.stats()["kernel"]["carried"] > 200, 20, "they are carried")
        with Beat(lab) as beat:
            for _ in range(KILLS):
                for one in (plain, joined):
                    was = one.answers
                    wait_until(lambda o=one, w=was: o.answers > w + 20, 20, "answers")
                begin = time.monotonic()
                lab.kill_daemon()
                wait_until(lambda b=begin: len(beat.since(b)) > 100, 20, "datagrams go by")
                kills.append(beat.longest_gap_s(begin))
                begin = time.monotonic()
                start_again(lab)
                wait_until(lambda b=begin: len(beat.since(b)) > 100, 20, "datagrams come")
                starts.append(beat.longest_gap_s(begin))
        for name, one in (("plain", plain), ("joined", joined)):
            was = one.answers
            wait_until(lambda o=one, w=was: o.answers > w + 20 or o.failed, 20, f"{name} lives")
            check_equal(one.failed, None, f"the {name} connection")
            one.stop()
        check(quantile(kills, 0.5) <= HOLE_S + SLACK_S, told("kill", kills))
        check(quantile(starts, 0.5) <= HOLE_S + SLACK_S, told("start", starts))
        return f"{KILLS} kills, holes: {told('kill', kills)}; {told('start', starts)}"


# what others do


def test_card_that_is_removed():
    """With its namespace, which is made anew, or alone: it is made again."""
    with card_lab() as lab:
        lab.start(extra=("--sandbox", "off"))
        before = links_of(lab.bridge)[side_of(lab, "server")["hidden_end"]]["ifindex"]
        run("ip", "netns", "del", lab.server.name)
        run("ip", "netns", "add", lab.server.name)
        wait_until(lambda: SERVER_IF in links_of(lab.server), 20, "a card")
        wait_until(lambda: lab.daemon.said().count(" ready: ") == 2, 20, "ready again")
        after = links_of(lab.bridge)[side_of(lab, "server")["hidden_end"]]["ifindex"]
        check(after != before, "another pair")
        check(CLIENT_IF in links_of(lab.client), "the client's card")
        run("ip", "-n", lab.client.name, "link", "del", CLIENT_IF)
        wait_until(lambda: lab.daemon.said().count(" ready: ") == 3, 20, "ready again")
        check(CLIENT_IF in links_of(lab.client), "the client's card is made again")
        check("was removed" in lab.daemon.said(), f"the log: {lab.daemon.errors()}")
        check_equal(lab.stop_daemon()[0], 0, "exit code")


def test_card_that_gets_another_name():
    """It is the same card, for the next start, too."""
    with card_lab() as lab:
        lab.start()
        lab.http()
        lab.client.ip(f"link set {CLIENT_IF} down", f"link set {CLIENT_IF} name eth0")
        lab.client.ip("link set eth0 up")
        lab.client.ip(
            f"addr replace {CLIENT4}/24 dev eth0",
            *neighbours(lab.server.mac(SERVER_IF), "eth0", SERVER4),
        )
        passes(lab)
        lab.stop_daemon()
        start_again(lab)
        passes(lab)
        check_equal(side_of(lab, "client")["device"], "eth0", "what status calls it")
        lab.client.ip("link set eth0 mtu 1400")
        wait_until(lambda: links_of(lab.server)[SERVER_IF]["mtu"] == 1400, 20, "its MTU counts")


def test_card_that_is_moved_away():
    """A next start says so, and what helps."""
    with card_lab() as lab:
        lab.start()
        lab.stop_daemon()
        other = lab.namespace()
        lab.client.ip(f"link set {CLIENT_IF} netns {other.name}")
        done = run(*lab.daemon_command(), ok=False)
        check_equal(done.returncode, 1, f"exit code ({done.stderr})")
        check("is not in that namespace" in done.stderr, done.stderr)
        check("synward detach netns:" in done.stderr, done.stderr)


def test_filters_that_are_taken_away():
    """From the hidden end: they come back, and with them the kernel path."""
    with card_lab() as lab:
        lab.start()
        lab.http()
        hidden = side_of(lab, "client")["hidden_end"]
        lab.bridge.run("tc", "qdisc", "del", "dev", hidden, "clsact")
        wait_until(lambda: "taken away" in lab.daemon.errors(), 20, "the log says so")
        passes(lab)
        wait_until(lambda: lab.cli("status")["kernel_path"]["on"], 20, "the kernel path is back")


def test_doctor():
    with card_lab() as lab:
        lab.make_host()
        doctor = ("ip", "netns", "exec", lab.bridge.name, SYNWARD, "doctor")
        sides = dict(zip(("--client", "--server"), lab.side_names()))
        argv = [word for pair in sides.items() for word in pair]
        check("is free, synward makes it" in run(*doctor, *argv, ok=False).stdout, "before")
        lab.start()
        lab.stop_daemon()
        said = run(*doctor, *argv, ok=False).stdout
        check_equal(said.count("it is used again"), 2, said)


runner.main(globals())
