# SPDX-License-Identifier: GPL-2.0-or-later
"""Attack mode holds: silent clients, wrong requests and spoofed SYNs reach no server, hold no flow
and cost no memory."""
import runner
from lab import SERVER6, Lab, before_all_others, check, check_equal

MEMORY_MAY_MOVE_KIB = 1024


def protected_lab(lab, ipv6=False):
    lab.start(mode="normal")
    servers = {80: lab.http(), 110: lab.pop3()}
    lab.learn("http", 80)
    lab.learn("pop3", 110)
    if ipv6:
        lab.learn("http", 80, address=SERVER6)
    lab.set_mode("attack")
    return servers


class Watch:
    """What the attack must not move."""

    def __init__(self, lab, servers):
        self.lab, self.servers = lab, servers
        self.accepted = {port: s.accepted() for port, s in servers.items()}
        self.opened = lab.server.counter("TcpPassiveOpens")
        lab.wait_no_flows()
        self.flows = len(lab.flows())
        self.resident = lab.resident_kib()

    def check_nothing_moved(self):
        for port, server in self.servers.items():
            check_equal(
                server.accepted() - self.accepted[port], 0, f"connections accepted on port {port}"
            )
        check_equal(
            self.lab.server.counter("TcpPassiveOpens") - self.opened,
            0,
            "connections that the server's kernel completed",
        )
        self.lab.wait_no_flows()
        check(
            len(self.lab.flows()) <= self.flows,
            f"flows: {len(self.lab.flows())}, before the attack {self.flows}",
        )
        moved = self.lab.resident_kib() - self.resident
        check(abs(moved) <= MEMORY_MAY_MOVE_KIB, f"resident memory moved by {moved} KiB")
        for kind, port in (("http", 80), ("pop3", 110)):
            check_equal(
                self.lab.fetch(kind, port, count=10)["failed"],
                0,
                f"{kind} fetches after the attack",
            )
        return f"memory moved by {moved} KiB"


def attack(action, ipv6=False):
    with Lab() as lab:
        watch = Watch(lab, protected_lab(lab, ipv6))
        action(lab)
        return watch.check_nothing_moved()


def silent(lab, port, end):
    seen = lab.talkers(port, count=10000, concurrency=500, say="nothing", hold_ms=20, end=end)
    check_equal(seen["connected"], 10000, f"handshakes ({seen})")


def wrong(lab, port, words, count=10000):
    seen = lab.talkers(port, count=count, concurrency=200, say=words, hold_ms=1000)
    check_equal(seen["connected"], count, f"handshakes ({seen})")
    check(seen["reset"] >= count * 99 // 100, f"each wrong request is reset: {seen}")


def test_10000_silent_to_http():
    return attack(lambda lab: silent(lab, 80, "rst"))


def test_10000_silent_to_pop3():
    return attack(lambda lab: silent(lab, 110, "fin"))


def test_10000_bittorrent_to_http():
    return attack(lambda lab: wrong(lab, 80, "bittorrent"))


def test_10000_http_to_pop3():
    return attack(lambda lab: wrong(lab, 110, "http"))


def test_10000_random_bytes():
    def both(lab):
        wrong(lab, 80, "random", 5000)
        wrong(lab, 110, "random", 5000)

    return attack(both)


def test_1000000_spoofed_syns():
    return attack(lambda lab: lab.flood(80, count=1000000))


def test_100000_spoofed_syns_ipv6():
    return attack(lambda lab: lab.flood(80, address=SERVER6, count=100000), ipv6=True)


def test_client_fetches_under_flood():
    """The wire itself is not full: 30,000 SYNs a second, and every fetch succeeds."""
    with Lab() as lab:
        protected_lab(lab)
        flood = lab.start_flood(80, count=90000, rate=30000)
        fetched = lab.fetch("http", 80, count=300)
        flood.report()
        check_equal(fetched["failed"], 0, f"fetches under the flood ({fetched})")
        return f"p50 {fetched['p50_us']} us, p99 {fetched['p99_us']} us"


def test_flood_that_began_before_the_switch():
    """The table is full of the flood's half-open connections when attack mode comes, and the same
    SYNs come again."""
    with Lab() as lab:
        protected_lab(lab)
        lab.set_mode("normal")
        lab.flood(110, count=50000, rate=25000)
        lab.set_mode("attack")
        flood = lab.start_flood(110, count=50000, rate=25000)
        silent = lab.start_talkers(110, count=250, concurrency=250, say="nothing", hold_ms=3000)
        # A machine that has other work would lose SYNs in front of it, flood or not.
        with before_all_others(lab.daemon.pid):
            fetched = lab.fetch("pop3", 110, count=200, interval_ms=5, timeout_ms=2000)
        flood.report()
        silent.report()
        check_equal(fetched["failed"], 0, f"sessions ({fetched})")


runner.main(globals())
