# SPDX-License-Identifier: GPL-2.0-or-later
"""No test: three bridges before one server, and a client whose router spreads what it sends over
them: the SYN by A, the handshake's ACK by B, the request by C, or each connection by one of them.
From the opening on both directions stay where it happened.

           c0 -- p0 bridge A p1 -- s0
    client c1 -- p0 bridge B p1 -- s1 server
           c2 -- p0 bridge C p1 -- s2
"""
import contextlib
import json
import os
import secrets
import signal

from lab import (
    CLIENT4,
    FLOOD,
    PROGRAMS,
    PROJECT,
    ROOT,
    SERVER4,
    SYNWARD,
    TALKERS,
    Lab,
    Process,
    check,
    listens,
    run,
    wait_until,
)

NAMES = ("a", "b", "c")
BY_SEGMENT = """
table inet spread {
    chain outward {
        type route hook output priority mangle;
        ip daddr %s tcp flags & (syn | ack) == syn meta mark set 100
        ip daddr %s tcp flags & (syn | ack) != syn ct original packets <= 2 meta mark set 101
        ip daddr %s tcp flags & (syn | ack) != syn ct original packets > 2 meta mark set 102
    }
}""" % (
    (SERVER4,) * 3
)
BY_CONNECTION = """
table inet spread {
    chain outward {
        type route hook output priority mangle;
        ip daddr %s ip protocol tcp meta mark set jhash ip saddr . tcp sport mod 3 offset 100
    }
}""" % (
    SERVER4
)
BACK = "\n".join(
    [
        "table inet back {",
        "    chain inward {",
        "        type filter hook prerouting priority mangle;",
        *(f'        iifname "s{i}" ct mark set {100 + i}' for i in range(3)),
        "    }",
        "    chain outward {",
        "        type route hook output priority mangle;",
        "        meta mark set ct mark",
        "    }",
        "}",
    ]
)


class Spread(Lab):
    def __init__(self, redis=True):
        super().__init__()
        self.key = os.path.join(self.folder, "cluster.key")
        self.write_key(secrets.token_hex(32))
        self.rundir = os.path.join(self.folder, "redis")
        os.makedirs(self.rundir)
        self.daemons, self.syncs = {}, {}
        self.before = {}  # by bridge: words before its commands
        self.between = {name: self.namespace() for name in NAMES}
        for number in range(3):
            self._wires(number)
        self._hosts()
        if redis:
            self.start_store()

    def write_key(self, *keys):
        """What bridges read that start from now on."""
        with open(self.key, "w", encoding="ascii") as file:
            os.chmod(self.key, 0o600)
            file.write("".join(key + "\n" for key in keys))

    def _wires(self, number):
        bridge = self.between[NAMES[number]]
        for port, host, interface in (
            ("p0", self.client, f"c{number}"),
            ("p1", self.server, f"s{number}"),
        ):
            run(*f"ip link add {interface} netns {host.name} type veth peer name {port}".split())
            run("ip", "link", "set", port, "netns", bridge.name)
            host.ip(f"link set {interface} up")
            bridge.ip(f"link set {port} up")

    def _hosts(self):
        for host, address, other, kind, far in (
            (self.client, CLIENT4, SERVER4, "c", "s"),
            (self.server, SERVER4, CLIENT4, "s", "c"),
        ):
            peer = self.server if host is self.client else self.client
            lines = [f"address add {address}/32 dev lo"]
            if host is self.client:
                lines += [f"route replace local {net} dev lo" for net in (TALKERS,)]
            for number in range(3):
                there = peer.mac(f"{far}{number}")
                lines += [
                    f"route add {other}/32 dev {kind}{number} src {address} table {100 + number}",
                    f"neigh replace {other} lladdr {there} dev {kind}{number} nud permanent",
                    f"rule add fwmark {100 + number} table {100 + number}",
                ]
                if host is self.server:
                    lines += [
                        f"route add {net} via {other} dev s{number} onlink table {100 + number}"
                        for net in (TALKERS, FLOOD)
                    ]
            lines.append(f"route add {other}/32 dev {kind}0 src {address}")
            if host is self.server:
                lines += [f"route add {net} via {other} dev s0 onlink" for net in (TALKERS, FLOOD)]
            host.ip(*lines)
        self.server.run("nft", BACK)
        self.client.sysctl({"net.netfilter.nf_conntrack_acct": 1})

    def spread(self, rules):
        self.client.run("nft", "delete", "table", "inet", "spread", ok=False)
        self.client.run("nft", rules)

    def start_store(self):
        self.redis = self._keep(
            Process(
                [os.path.join(PROJECT, "tests/root/run-redis.sh"), self.server.name, ROOT]
                + [self.rundir],
                self.log("redis"),
            )
        )
        path = os.path.join(self.rundir, "redis.sock")
        wait_until(lambda: listens(path), 20, "Redis listens")

    def control_of(self, name):
        return os.path.join(self.folder, f"{name}.control.sock")

    def start_bridge(self, name, mode="auto", sync=True):
        bridge = self.between[name].name
        control = self.control_of(name)
        self.daemons[name] = self._keep(
            Process(
                [
                    *self.before.get(name, []),
                    SYNWARD,
                    "run",
                    "--client",
                    f"port:p0@{bridge}",
                    "--server",
                    f"port:p1@{bridge}",
                ]
                + ["--store", os.path.join(self.folder, f"{name}.json"), "--control", control]
                + ["--mode", mode, "--cluster-key", self.key],
                self.log(f"daemon-{name}"),
            )
        )

        def ready():
            check(self.daemons[name].running(), f"{name}: {self.daemons[name].errors()}")
            return os.path.exists(control)

        wait_until(ready, 30, f"{name} is there")
        if sync:
            self.start_sync(name)

    def start_sync(self, name):
        self.syncs[name] = self._keep(
            Process(
                [*self.before.get(name, []), SYNWARD, "sync"]
                + ["--redis", f"unix:{self.rundir}/redis.sock", "--name", "spread"]
                + ["--node", name, "--cluster-key", self.key]
                + ["--control", self.control_of(name)],
                self.log(f"sync-{name}"),
            )
        )

    def stop_bridge(self, name, how=signal.SIGTERM):
        for process in (self.syncs.pop(name, None), self.daemons.pop(name)):
            if process:
                process.stop(how)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.control_of(name))

    def ask(self, name, *arguments):
        return json.loads(run(SYNWARD, *arguments, "--json", "--control", self.control_of(name)))

    def bridges(self, name):
        cluster = self.ask(name, "status")["cluster"]
        return cluster["bridges"] if cluster["state"] == "joined" else 0

    def mode_at(self, name, port=80):
        return [s["mode"] for s in self.ask(name, "status")["servers"] if s["port"] == port]

    def profiles_of(self, name):
        return self.ask(name, "profiles")["profiles"]

    def start_flood_at(self, number, rate, count=10_000_000, port=80):
        return self.spawn(
            os.path.join(PROGRAMS, "flood"),
            f"c{number}",
            self.server.mac(f"s{number}"),
            SERVER4,
            port,
            "--count",
            count,
            "--rate",
            rate,
            "--seed",
            number + 1,
        )
