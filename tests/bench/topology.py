# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make bench` compares: two hosts as in lab.py, and in turn each of these between them.

    KernelBridge    client veth | br0 | veth server
                    the server is alone with the flood: its own SYN cookies
    NftSynproxy     client veth | router, proxy ARP, nft synproxy | veth server
    BareTap         client TAP | tests/bench/reflector | TAP server
                    forwards without looking
    BareAnswer      client TAP | tests/bench/reflector | TAP server
                    answers every SYN; for the SYN rate alone
    SynwardNormal   client TAP | synward | TAP server
    SynwardAttack   the same in attack mode, with the server's profile learned before
    HookAttack      the same, where the server's own TCP makes the connections
    HookPath        client veth | synward with the kernel path | veth server
                    both ends are its own, and the server's own TCP makes the connections: as it
                    runs when nothing is said
    PortNormal, PortAttack    client veth | synward between two port: sides | veth server
    PathNormal, PathAttack    the same with the kernel path
    Sink            client veth | nobody, for what a flood's sender costs

Every server's kernel has tcp_syncookies=1, as Linux has by default, and sends a SYN-ACK again only
once, so that what a flood left behind is gone after 3 s. The client's host counts SYN-ACKs to the
flood's addresses, and drops them, where frames come in."""
import json
import os
import re
import time

from lab import (
    BUILD,
    CLIENT4,
    CLIENT_IF,
    FLOOD,
    PORTS,
    SERVER4,
    SERVER_IF,
    TALKERS,
    Lab,
    Process,
    check,
    cpu_s,
    run,
    wait_until,
)

LOADS = os.path.join(BUILD, "tests/bench")
IPERF_PORT = 5201
HTTP_PORT = 80


def machine_cpu_s():
    """Time that all processors together were not idle so far: of the kernel, too, and of interrupts
    that came while one was idle. Time that others took from a guest is not in it."""
    with open("/proc/stat") as stat:
        words = stat.readline().split()
    idle, waiting, stolen = (int(words[n]) / os.sysconf("SC_CLK_TCK") for n in (4, 5, 8))
    return time.monotonic() * os.cpu_count() - idle - waiting - stolen


class Topology(Lab):
    name = title = None

    def __init__(self, sides="netns"):
        super().__init__(
            stand_in=False,
            server_sysctls={"net.ipv4.tcp_syncookies": 1, "net.ipv4.tcp_synack_retries": 1},
            sides=sides,
        )

    def join(self):
        """Puts what is measured between the hosts. Returns the Process whose CPU time is counted,
        where there is one."""
        raise NotImplementedError

    def settle(self):
        """What is to be done when servers listen and before anything is measured."""

    def build(self):
        self.worker = self.join()
        self.http(HTTP_PORT)
        iperf = self.spawn("iperf3", "-s", "-p", IPERF_PORT, side="server")
        wait_until(
            lambda: self.server.listens(IPERF_PORT) or check(iperf.running(), iperf.errors()),
            5,
            "iperf3 listens",
        )
        chain = (
            f"chain in {{ type filter hook ingress device {CLIENT_IF} priority 0; "
            f"ip daddr {FLOOD} tcp flags & (syn | ack) == syn | ack counter drop; "
            f"ip daddr {FLOOD} drop; }}"
        )
        self.client.run("nft", "table netdev flood {\n" + chain + "\n}\n")
        self.settle()
        self.load(1, 300)  # caches, neighbours, the way there
        return self

    # what is measured

    def gateway_mac(self):
        """Whom the client's host sends to."""
        return self.server.mac(SERVER_IF)

    def cpu_s(self):
        """CPU time of the bridge's own process so far, all threads; None where the kernel alone
        does the work."""
        return cpu_s(self.worker.pid) if self.worker else None

    def worker_kib(self):
        return self.worker.resident_kib() if self.worker else None

    def frames(self):
        """Frames that have passed the client's card, both ways."""
        stats = json.loads(
            run("ip", "-n", self.client.name, "-s", "-j", "link", "show", CLIENT_IF)
        )[0]["stats64"]
        return stats["tx"]["packets"] + stats["rx"]["packets"]

    def answered(self):
        """SYN-ACKs that came out for the flood's addresses."""
        return int(
            re.search(
                r"counter packets (\d+)", self.client.run("nft", "list", "table", "netdev", "flood")
            ).group(1)
        )

    # what it is loaded with

    def load(self, concurrency, for_ms):
        """Connections, so many at once: what tests/bench/load reports."""
        process = self.spawn(
            os.path.join(LOADS, "load"),
            SERVER4,
            HTTP_PORT,
            "--concurrency",
            concurrency,
            "--for-ms",
            for_ms,
            "--sources",
            TALKERS,
        )
        return process.report(timeout=for_ms / 1000 + 20)

    def wrk(self, connections, seconds):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk.lua")
        out = self.client.run(
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "-s",
            script,
            f"http://{SERVER4}:{HTTP_PORT}/",
            timeout=seconds + 20,
        )
        return json.loads(out.strip().splitlines()[-1])

    def iperf(self, streams, seconds):
        """Gigabits a second, and how many gigabytes that were."""
        end = json.loads(
            self.client.run(
                "iperf3",
                "-c",
                SERVER4,
                "-p",
                IPERF_PORT,
                "-t",
                seconds,
                "-P",
                streams,
                "-J",
                timeout=seconds + 20,
            )
        )["end"]["sum_received"]
        return {"gbit_s": end["bits_per_second"] / 1e9, "gigabytes": end["bytes"] / 1e9}

    def flood_to_server(self, seconds, rate=None, ack=False):
        """SYNs from made-up addresses, or acknowledgments of nothing; at most as many as `rate`
        asks for in so many seconds, and what finds no room is lost. Without a rate as many as the
        other end takes."""
        options = ["--rate", rate, "--drop", "yes"] if rate else []
        options += ["--ack", "yes"] if ack else []
        count = int((rate or 4_000_000) * seconds)
        return self.spawn(
            os.path.join(BUILD, "tests/servers/flood"),
            CLIENT_IF,
            self.gateway_mac(),
            SERVER4,
            HTTP_PORT,
            "--count",
            count,
            "--sources",
            FLOOD,
            *options,
        )


class KernelBridge(Topology):
    name, title = "bridge", "kernel bridge"

    def join(self):
        self.make_ports()
        self.bridge.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        # Where br_netfilter is there every frame would pass the IP layer's filters, too.
        self.bridge.run(
            "sysctl",
            "-qw",
            "net.bridge.bridge-nf-call-iptables=0",
            "net.bridge.bridge-nf-call-ip6tables=0",
            "net.bridge.bridge-nf-call-arptables=0",
            ok=False,
        )
        for port in PORTS:
            self.bridge.ip(f"link set {port} master br0")
        self.bridge.ip("link set br0 up")
        for port in PORTS:
            wait_until(
                lambda p=port: "state forwarding"
                in self.bridge.run("bridge", "link", "show", "dev", p),
                5,
                f"{port} forwards",
            )
        self._addresses(1500)


class NftSynproxy(Topology):
    name, title = "nft", "nft synproxy"

    # nft ends a rule at the end of its line.
    TO_SERVER = f"iif {PORTS[0]} tcp dport {HTTP_PORT}"
    RULES = "\n".join(
        (
            "table ip guard {",
            "chain first { type filter hook prerouting priority raw;",
            f"{TO_SERVER} tcp flags & (fin | syn | rst | ack) == syn notrack",
            "}",
            "chain pass { type filter hook forward priority filter;",
            f"{TO_SERVER} ct state invalid,untracked "
            "synproxy mss 1460 wscale 7 timestamp sack-perm",
            "ct state invalid drop",
            "}",
            "}\n",
        )
    )

    def join(self):
        self.make_ports()
        self._addresses(1500)
        hosts = (
            (PORTS[0], self.client, CLIENT_IF, CLIENT4, SERVER4),
            (PORTS[1], self.server, SERVER_IF, SERVER4, CLIENT4),
        )
        for port, host, interface, address, other in hosts:
            self.bridge.ip(f"route add {address}/32 dev {port}")
            self.bridge.ip(
                f"neigh replace {address} lladdr {host.mac(interface)} dev {port} nud permanent",
            )
            mac = self.bridge.mac(port)
            host.ip(f"neigh replace {other} lladdr {mac} dev {interface} nud permanent")
        for net in (TALKERS, FLOOD):
            self.bridge.ip(f"route add {net} via {CLIENT4} dev {PORTS[0]} onlink")
        self.bridge.sysctl(
            {
                "net.ipv4.ip_forward": 1,
                "net.ipv4.conf.all.send_redirects": 0,
                **{f"net.ipv4.conf.{port}.proxy_arp": 1 for port in PORTS},
            }
        )
        self.bridge.run("nft", self.RULES)
        # These are there once connections are tracked.
        self.bridge.sysctl(
            {
                "net.netfilter.nf_conntrack_tcp_loose": 0,
                "net.ipv4.tcp_timestamps": 1,
                "net.ipv4.tcp_syncookies": 1,
            }
        )

    def gateway_mac(self):
        return self.bridge.mac(PORTS[0])


class BareTap(Topology):
    name, title, what = "tap", "bare TAP", "forward"

    def join(self):
        sides = (f"{self.client.name}/{CLIENT_IF}", f"{self.server.name}/{SERVER_IF}")
        process = self._keep(
            Process([os.path.join(LOADS, "reflector"), self.what, *sides], self.log("reflector"))
        )
        check(process.popen.stdout.readline() == b"ready\n", f"reflector: {process.errors()}")
        # Queues as synward's own TAPs have them.
        for host, interface in ((self.client, CLIENT_IF), (self.server, SERVER_IF)):
            host.run("tc", "qdisc", "replace", "dev", interface, "root", "noqueue")
            host.ip(f"link set {interface} txqueuelen 8192")
        self._addresses(1500)
        return process


class BareAnswer(BareTap):
    name, title, what = "answer", "bare TAP that answers", "answer"

    def build(self):
        self.load = lambda *_: None  # nobody can connect
        return super().build()


class SynwardNormal(Topology):
    name, title = "normal", "synward, normal"

    def join(self):
        self.start(mode="normal", extra=("--card", "tap", "--hook", "off"))
        return self.daemon

    def settle(self):
        self.load(1, 300)
        self.wait_armed(HTTP_PORT)


class SynwardAttack(SynwardNormal):
    name, title = "attack", "synward, attack"

    def settle(self):
        super().settle()
        for _ in range(2):
            self.iperf(1, 1)
        self.set_mode("attack")


class HookAttack(SynwardAttack):
    name, title = "hook", "synward, attack, hook"

    def join(self):
        self.start(mode="normal", extra=("--card", "tap", "--hook", "on"))
        return self.daemon


class HookPath(SynwardAttack):
    name, title = "hook-path", "kernel path, attack, hook"

    def join(self):
        self.start(mode="normal", extra=("--card", "veth", "--kernel-path", "on", "--hook", "on"))
        return self.daemon


class PortNormal(SynwardNormal):
    name, title, path = "port-normal", "synward between ports, normal", "off"

    def __init__(self):
        super().__init__(sides="port")

    def join(self):
        self.start(mode="normal", extra=("--kernel-path", self.path))
        return self.daemon


class PortAttack(PortNormal, SynwardAttack):
    name, title = "port-attack", "synward between ports, attack"


class PathNormal(PortNormal):
    name, title, path = "path-normal", "kernel path, normal", "on"


class PathAttack(PortAttack):
    name, title, path = "path-attack", "kernel path, attack", "on"


class Sink(Topology):
    name, title = "sink", "nobody"

    def join(self):
        self.make_ports()
        self._addresses(1500)

    def build(self):
        self.load = lambda *_: None  # nobody can connect
        return super().build()


ALL = [KernelBridge, NftSynproxy, BareTap, SynwardNormal, SynwardAttack]
PORTS_NORMAL = [PortNormal, PathNormal]
PORTS_ATTACK = [PortAttack, PathAttack]
HOOKED = [HookAttack, HookPath]
EVERY = [*ALL, BareAnswer, *PORTS_NORMAL, *PORTS_ATTACK, *HOOKED, Sink]
