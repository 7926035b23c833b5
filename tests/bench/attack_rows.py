# SPDX-License-Identifier: GPL-2.0-or-later
"""Each attack of tests/net/wire_attacks.py on a server behind synward in normal mode, in attack
mode, and behind nft's synproxy (for the web server only): what it costs whom.

Each time hosts, servers and what stands between them are new, and two honest clients (10.77.0.1)
fetch from the attacked server all the while."""
import json
import re
import time

import attacks
from lab import CLIENT4, CLIENT_IF, PORTS, SERVER_IF, Failure, Lab, cpu_s, run, wait_until
from topology import NftSynproxy
from wire_attacks import ATTACKS, WEB, standing

LOOK_S = 0.2
HEAD = [
    "attack",
    "server behind",
    "attacker sent",
    "sent back",
    "CPU",
    "memory",
    "SYNs at server",
    "most held at once",
    "honest served",
    "honest failed",
]


class Normal:
    title = "synward, normal"

    def build(self, lab):
        lab.start(mode="normal")
        for port, kind in attacks.KINDS.items():
            getattr(lab, kind)(port)
            lab.learn(kind, port)

    @staticmethod
    def lab():
        return Lab()

    @staticmethod
    def runs(attack):
        return True

    @staticmethod
    def spent(lab):
        """(CPU seconds, KiB of memory) so far."""
        return cpu_s(lab.daemon.pid), lab.resident_kib()

    @staticmethod
    def spent_text(cpu, kib, seconds):
        return f"{cpu / seconds:.0%} of a core", f"{kib:+,.0f} KiB"


class Attacked(Normal):
    title = "synward, attack"

    def build(self, lab):
        super().build(lab)
        lab.set_mode("attack")


class _Router(NftSynproxy):
    """Its cards have the hosts' addresses, so that attackers need not know which case this is."""

    def join(self):
        self.make_ports()
        ends = ((PORTS[0], self.server, SERVER_IF), (PORTS[1], self.client, CLIENT_IF))
        for port, host, interface in ends:
            self.bridge.ip(f"link set {port} address {host.mac(interface)}")
        super().join()
        self.bridge.ip(f"route add 10.79.0.0/16 via {CLIENT4} dev {PORTS[0]} onlink")


class Synproxy(Normal):
    title = "nft synproxy"

    def build(self, lab):
        lab.join()
        lab.http(WEB)
        result = lab.fetch("http", WEB, count=5)
        if result["failed"]:
            raise Failure(f"nft's synproxy carries nothing here ({result})")

    @staticmethod
    def lab():
        return _Router()

    @staticmethod
    def runs(attack):
        return attack.port == WEB

    @staticmethod
    def spent(lab):
        """The kernel's work has no process: its entries are counted."""
        return 0, int(lab.bridge.run("sysctl", "-n", "net.netfilter.nf_conntrack_count"))

    @staticmethod
    def spent_text(_cpu, entries, _seconds):
        return "", f"{entries:+,} entries"


CASES = [Normal(), Attacked(), Synproxy()]


def count(lab):
    """Counters of what the honest client sends and gets, of attackers' SYNs that reach the server,
    and of what is made by hand on its side."""

    def chain(name, hook, interface, what):
        hook = f"type filter hook {hook} device {interface} priority 0"
        return f"chain {name} {{ {hook}; {what} counter; }}\n"

    def table(host, chains):
        host.run("nft", "table netdev rows {\n" + chains + "}\n")

    syns = f"ip saddr != {CLIENT4} tcp flags & (syn | ack) == syn"
    table(
        lab.client,
        chain("sent", "egress", CLIENT_IF, f"ip saddr {CLIENT4}")
        + chain("got", "ingress", CLIENT_IF, f"ip daddr {CLIENT4}"),
    )
    table(
        lab.server,
        chain("syns", "ingress", SERVER_IF, syns)
        + chain("made", "egress", SERVER_IF, "ip daddr 10.79.0.0/16"),
    )


def counted(lab, host, name):
    """(packets, bytes) so far."""
    text = getattr(lab, host).run("nft", "list", "chain", "netdev", "rows", name)
    return tuple(map(int, re.search(r"counter packets (\d+) bytes (\d+)", text).groups()))


def on_card(lab):
    """Bytes that the client's host has sent and got, all of them."""
    shown = run("ip", "-n", lab.client.name, "-s", "-j", "link", "show", CLIENT_IF)
    stats = json.loads(shown)[0]["stats64"]
    return stats["tx"]["bytes"], stats["rx"]["bytes"]


def attackers_bytes(lab, side):
    """What attackers have sent, and what came back to them, so far."""
    if side == "server":
        return counted(lab, "server", "made")[1], 0
    sent, got = on_card(lab)
    packets, payload = counted(lab, "client", "got")  # without Ethernet's header
    return sent - counted(lab, "client", "sent")[1], got - payload - 14 * packets


def measure(case, attack, seconds):
    """One row's cells."""
    with case.lab() as lab:
        case.build(lab)
        count(lab)
        honest = lab.start_fetch(
            attacks.KINDS[attack.port], attack.port, count=0, interval_ms=20, concurrency=2
        )
        wait_until(lambda: counted(lab, "client", "got")[0], 5, "honest clients are served")
        program, held, begin_s = attack.make(), 0, time.monotonic()
        bytes_before, spent_before = attackers_bytes(lab, attack.side), case.spent(lab)
        program.begin(lab)
        others = f"sport = :{attack.port} and not dst {CLIENT4}"
        while time.monotonic() - begin_s < seconds:
            time.sleep(LOOK_S)
            held = max(held, standing(lab.server, others))
        took_s, spent = time.monotonic() - begin_s, case.spent(lab)
        sent, back = (
            now - before for now, before in zip(attackers_bytes(lab, attack.side), bytes_before)
        )
        program.end()
        report = honest.stop_report()
        return [
            attack.name,
            case.title,
            f"{sent / 1000:,.0f} kB",
            f"{max(0, back) / 1000:,.0f} kB" if attack.side == "client" else "",
            *case.spent_text(*(now - old for now, old in zip(spent, spent_before)), took_s),
            f"{counted(lab, 'server', 'syns')[0]:,}",
            f"{held:,}",
            f"{report['ok']:,}",
            str(report["failed"]),
        ]


def rows(seconds, part_of_a_name="", say=lambda text: None):
    """All rows, HEAD first."""
    made = [HEAD]
    for attack in (a for a in ATTACKS if part_of_a_name in a.name):
        for case in (c for c in CASES if c.runs(attack)):
            say(f"{attack.name}: {case.title}")
            made.append(measure(case, attack, seconds))
    return made
