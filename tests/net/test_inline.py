#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""--inline: an interface keeps its place in its bridge, or its addresses, while synward stands
between it and its wire, and nothing is left of that at the end, or after a kill.

Between the two hosts is a namespace with a bridge, whose members p0 and p1 lead to them
(Lab(sides="inline")): p1 is the interface, as a VM's tap or a container's veth end would be.

It is longer than most: each kind of interface and of bridge, from start to undoing."""
import contextlib
import json
import os
import re
import signal
import socket
import threading

import runner
from lab import (
    BRIDGE,
    CLIENT_IF,
    PORTS,
    PROGRAMS,
    SERVER4,
    SERVER_IF,
    SYNWARD,
    Lab,
    Process,
    Server,
    before_all_others,
    check,
    check_equal,
    listens,
    neighbours,
    run,
    wait_until,
)

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
HOST4 = "10.77.0.3"
WITHIN_S = 5


class Inline(Lab):
    """What the operator types: --inline in the place of both sides."""

    def __init__(self, **options):
        super().__init__(sides="inline", **options)
        if self.stand_in:
            self.close()
            raise runner.Skip("needs the daemon")

    def daemon_command(self, mode="normal", extra=()):
        argv = super().daemon_command(mode, extra)
        at = argv.index("--client")
        check_equal(argv[at + 2], "--server", "the sides stand together")
        argv[at : at + 4] = ["--inline", f"{PORTS[1]}@{self.bridge.name}"]
        return argv


def ip(lab, *words):
    return lab.bridge.run("ip", *words)


def has(lab, *words):
    """Whether this kernel does that."""
    return lab.bridge.run("ip", *words, ok=False).returncode == 0


def link(lab, interface):
    return json.loads(ip(lab, "-d", "-j", "link", "show", interface))[0]


def state(lab):
    """All that there is to be seen of the bridge and its members, but what the bridge has learned
    and what stands on its clocks."""
    links = {}
    for found in json.loads(ip(lab, "-d", "-j", "addr")):
        data = found.get("linkinfo", {})
        for timer in [key for part in data.values() if isinstance(part, dict) for key in part]:
            for part in data.values():
                if isinstance(part, dict) and "timer" in timer:
                    part.pop(timer, None)
        links[found["ifname"]] = found
    table = json.loads(lab.bridge.run("bridge", "-j", "fdb", "show", "br", BRIDGE))
    return {
        "links": links,
        "vlans": json.loads(lab.bridge.run("bridge", "-j", "vlan", "show")),
        "fdb": sorted(str(e) for e in table if e.get("state") in ("static", "permanent")),
        "tc": [
            lab.bridge.run("tc", what, "show", "dev", PORTS[1], *hook)
            for what, hook in (("qdisc", ()), ("filter", ("ingress",)), ("filter", ("egress",)))
        ],
    }


def seen_by_the_host(lab):
    """The same without what synward adds: its TAPs, and what tc has on the interface."""
    seen = state(lab)
    del seen["tc"]
    seen["links"] = {n: v for n, v in seen["links"].items() if not n.startswith("synw")}
    return seen


def make_odd(lab):
    """A member with everything that would be lost if another took its place."""
    lab.make_ports()
    mac = lab.server.mac(SERVER_IF)
    vlan = []
    # Not every kernel has it.
    if has(lab, "link", "set", BRIDGE, "type", "bridge", "vlan_filtering", "1"):
        for port in PORTS:
            lab.bridge.run("bridge", *f"vlan add dev {port} vid 10 pvid untagged".split())
        lab.bridge.run("bridge", *f"vlan add dev {PORTS[1]} vid 20".split())
        vlan = ["vlan", "10"]
    lab.bridge.run("bridge", *f"fdb replace {mac} dev {PORTS[1]} master static".split(), *vlan)
    ip(
        lab,
        *f"link set {PORTS[1]} type bridge_slave cost 7 priority 3 learning off flood off "
        "hairpin on isolated on neigh_suppress on mcast_flood off".split(),
    )
    ip(lab, *f"link set {PORTS[1]} alias a-guest txqueuelen 77".split())


def refused(lab, words, code=1, before=(), **options):
    argv = lab.daemon_command()
    for option, value in options.items():
        if value is None:
            at = argv.index(f"--{option}")
            del argv[at : at + 2]
        elif f"--{option}" in argv:
            argv[argv.index(f"--{option}") + 1] = value
        else:
            argv += [f"--{option}", value]
    for what in ("--control", "--store"):
        argv[argv.index(what) + 1] += ".second"
    done = run(*before, *argv, ok=False, timeout=10)
    check_equal(done.returncode, code, f"exit code ({done.stderr.strip()})")
    lines = done.stderr.strip().splitlines()
    check_equal(len(lines), 1, f"lines of the error ({lines})")
    for word in words:
        check(word in lines[0], f"no '{word}' in: {lines[0]}")


def protected(lab, address=SERVER4, before=0):
    """A server behind it is learned, and spoken for."""
    lab.set_mode("auto")
    lab.learn("http", 80, address)
    lab.set_mode("attack")
    check_equal(lab.fetch("http", 80, address, count=10)["failed"], 0, "fetches in attack mode")
    check_equal(lab.stats()["cookies"]["accepted"] - before, 10, "each came in by a cookie")


def passes(lab):
    check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches")


# what it is for


def test_the_servers_behind_it_are_protected():
    """And the interface is a member of its bridge all the while, as it was."""
    with Inline() as lab:
        make_odd(lab)
        before = seen_by_the_host(lab)
        lab.start()
        server = lab.http()
        protected(lab)
        accepted = server.counts()["accepted"]
        flood = lab.flood(80, count=20000, rate=40000)
        wait_until(lambda: lab.stats()["cookies"]["sent"] > 10000, 10, f"SYNs answered: {flood}")
        check_equal(server.counts()["accepted"], accepted, "what the flood came to at the server")
        check_equal(lab.fetch("http", 80, count=10)["failed"], 0, "fetches after the flood")
        # The addresses of the hosts' cards have come meanwhile, nothing else.
        check_equal(seen_by_the_host(lab), before, "what the host sees of its bridge")
        sides = lab.cli("status")["sides"]
        name = f"{PORTS[1]}@{lab.bridge.name}"
        check_equal(
            [(sides[s]["side"], sides[s]["device"]) for s in ("client", "server")],
            [(f"inline:{name}", PORTS[1]), (f"port:{name}", PORTS[1])],
            "the sides",
        )


def test_two_in_one_bridge():
    """Each member has a synward of its own: a frame passes both, each way."""
    with Inline() as lab:
        lab.start()
        argv = lab.daemon_command("normal")
        argv[argv.index("--inline") + 1] = f"{PORTS[0]}@{lab.bridge.name}"
        for what in ("--control", "--store"):
            argv[argv.index(what) + 1] += ".second"
        second = lab._keep(Process(argv, lab.log("second")))
        wait_until(lambda: listens(f"{lab.control}.second"), WITHIN_S, "the second is ready")
        lab.http()
        protected(lab)
        seen = json.loads(run(SYNWARD, "stats", "--json", "--control", f"{lab.control}.second"))[
            "frames"
        ]
        check(seen["client_in"] > 50 and seen["server_in"] > 50, f"frames of the second: {seen}")
        check_equal(second.stop()[0], 0, "exit code of the second")
        passes(lab)


def test_the_host_reaches_them_and_is_reached():
    """Its bridge's own address: ARP, and TCP both ways; what it asks of the server is checked as
    everybody's."""
    with Inline() as lab:
        lab.start()
        ip(lab, "addr", "add", f"{HOST4}/24", "dev", BRIDGE)
        lab.http()
        passes(lab)
        with lab.bridge.inside():
            for _ in range(3):
                socket.create_connection((SERVER4, 80), timeout=3).close()
            listener = socket.create_server((HOST4, 8080))
        with lab.server.inside():
            socket.create_connection((HOST4, 8080), timeout=3).close()
        listener.close()


def test_services_of_the_host_itself():
    """The other way round: the clients are on the wire, and the server is the host, at an interface
    of no bridge."""
    with Inline() as lab:
        lab.make_ports()
        ip(lab, "link", "set", PORTS[0], "nomaster")
        ip(lab, "addr", "add", f"{HOST4}/24", "dev", PORTS[0])
        name = f"{PORTS[0]}@{lab.bridge.name}"
        command = Lab.daemon_command
        lab.side_names = lambda: (f"port:{name}", f"inline:{name}")
        lab.daemon_command = lambda *words: command(lab, *words)
        before = state(lab)
        lab.start()
        mac = lab.bridge.mac(PORTS[0])
        lab.client.ip(*neighbours(mac, CLIENT_IF, HOST4))
        counts = os.path.join(lab.folder, "counts-host")
        argv = [os.path.join(PROGRAMS, "http_server"), "--port", "80", "--count", counts]
        lab._keep(Server(lab.bridge, argv, lab.log("host"), counts))
        protected(lab, HOST4)
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        after = state(lab)
        check_equal(after["tc"], before["tc"], "tc at the end")
        check_equal(after["links"][PORTS[0]], before["links"][PORTS[0]], "the interface")


# the end, and what was there before


def test_undone_at_the_end():
    with Inline() as lab:
        make_odd(lab)
        before = state(lab)
        for sandbox in ("on", "off"):
            for how in (signal.SIGTERM, signal.SIGINT):
                lab.start(extra=("--sandbox", sandbox))
                check(state(lab) != before, "nothing is to be seen of synward")
                with before_all_others(lab.daemon.pid):
                    code, took = lab.stop_daemon(how)
                check_equal(code, 0, "exit code")
                check(took < 0.25, f"the end took {took:.3f} s")
                check_equal(state(lab), before, f"the end, sandbox {sandbox}")


def test_after_a_kill():
    """The place in the bridge cannot be lost; the wire is cut, until the next start or detach."""
    with Inline() as lab:
        make_odd(lab)
        before = state(lab)
        lab.start()
        lab.http()
        passes(lab)
        lab.stop_daemon(signal.SIGKILL)
        wait_until(lambda: not taps(lab), WITHIN_S, "its TAPs are gone")
        without_tc = {key: value for key, value in state(lab).items() if key != "tc"}
        check_equal(
            without_tc, {k: v for k, v in before.items() if k != "tc"}, "all but the tc filters"
        )
        check_equal(lab.fetch("http", 80, timeout_ms=300)["ok"], 0, "fetches through a cut wire")
        os.unlink(lab.control)
        lab.start()
        check("left behind" in lab.daemon.errors(), f"the log: {lab.daemon.errors()}")
        passes(lab)
        lab.stop_daemon(signal.SIGKILL)
        os.unlink(lab.control)
        for side in ("inline", "port"):
            said = run(SYNWARD, "detach", f"{side}:{PORTS[1]}@{lab.bridge.name}")
            check(("removed" if side == "inline" else "nothing") in said, f"detach: {said}")
        check_equal(state(lab), before, "after detach")
        passes(lab)


def taps(lab):
    return [
        found["ifname"]
        for found in json.loads(ip(lab, "-j", "link"))
        if found["ifname"].startswith("synw")
    ]


def test_undone_where_the_start_fails():
    with Inline() as lab:
        make_odd(lab)
        before = state(lab)
        ip(lab, "link", "add", f"synward{link(lab, PORTS[1])['ifindex']}", "type", "bridge")
        refused(lab, ["synward", "is taken"])
        ip(lab, "link", "del", f"synward{link(lab, PORTS[1])['ifindex']}")
        check_equal(state(lab), before, "after a start that failed")


class Stream(threading.Thread):
    """Numbered datagrams from the client to the server, 2,000 a second, until it is told to stop;
    `lost` then says which numbers did not come."""

    def __init__(self, lab):
        super().__init__()
        with lab.client.inside():
            self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with lab.server.inside():
            self.into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.into.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)  # read at the end
        self.into.bind((SERVER4, 9009))
        self.into.settimeout(1)
        self.out.connect((SERVER4, 9009))
        self.sent, self.over = 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(1 / 2000):
            self.out.send(self.sent.to_bytes(8, "big"))
            self.sent += 1

    def lost(self):
        self.over.set()
        self.join()
        came = set()
        with contextlib.suppress(socket.timeout):
            while len(came) < self.sent:
                came.add(int.from_bytes(self.into.recv(64), "big"))
        self.into.close()
        self.out.close()
        return sorted(set(range(self.sent)) - came)


def test_the_wire_is_not_cut_by_a_start():
    """A frame or two are lost when it begins, as the kernel puts a qdisc onto the interface; when
    it ends those that were under way."""
    with Inline() as lab:
        lab.make_ports()
        lab._addresses(1500)
        stream = Stream(lab)
        wait_until(lambda: stream.sent > 100, WITHIN_S, "it flows")
        lab._start_daemon("normal", ())  # the hosts' addresses are left as they are
        begun = stream.sent
        wait_until(lambda: stream.sent > begun + 200, WITHIN_S, "it goes on")
        at_start = stream.lost()
        check(len(at_start) < 100, f"lost by the start: {at_start}")
        stream = Stream(lab)
        wait_until(lambda: stream.sent > 100, WITHIN_S, "it flows")
        lab.stop_daemon()
        ended = stream.sent
        wait_until(lambda: stream.sent > ended + 200, WITHIN_S, "it goes on")
        lost = stream.lost()
        check(len(lost) < 500, f"lost by the end: {len(lost)}")
        check(not lost or lost[-1] <= ended, "lost after the end")
        return f"of 2,000 a second the start lost {len(at_start)}, the end {len(lost)}"


# what is refused


def test_refusals():
    with Inline() as lab:
        lab.make_ports()
        name = lab.bridge.name
        refused(lab, ["no interface nosuch", "link` shows"], inline=f"nosuch@{name}")
        refused(
            lab, ["bridge itself", "ip link show master", "--client"], inline=f"{BRIDGE}@{name}"
        )
        refused(lab, ["not an Ethernet interface"], inline=f"lo@{name}")
        refused(lab, ["is not an interface name"], code=2, inline=f"port:{PORTS[1]}@{name}")
        refused(lab, ["leave out --client"], code=2, client="tap:x")
        sides = {"inline": None, "client": f"inline:{PORTS[1]}@{name}"}
        refused(lab, ["the other side", f"port:{PORTS[1]}@{name}"], code=2, **sides, server="tap:x")
        lab.bridge.run("tc", "qdisc", "add", "dev", PORTS[1], "ingress")
        refused(lab, ["qdisc already", "tc qdisc del dev p1"])
        lab.bridge.run("tc", "qdisc", "del", "dev", PORTS[1], "ingress")
        lab.start()
        refused(lab, ["in use by another synward"])
        for tap in taps(lab):
            refused(lab, ["in use by another synward"], inline=f"{tap}@{name}")
        refused(
            lab,
            ["is a member", "--inline p1"],
            inline=None,
            client=f"port:{PORTS[1]}@{name}",
            server="tap:x",
        )


def test_one_of_a_bond_is_refused():
    with Inline() as lab:
        lab.make_ports()
        if not has(lab, "link", "add", "bond7", "type", "bond"):
            raise runner.Skip("this kernel has no bonds")
        ip(lab, "link", "set", PORTS[1], "nomaster", "down")
        ip(lab, "link", "set", PORTS[1], "master", "bond7")
        refused(lab, ["several that make one wire"])


def test_config_and_check():
    with Inline() as lab:
        lab.make_ports()
        path = os.path.join(lab.folder, "synward.conf")

        def write(*lines):
            with open(path, "w") as file:
                file.write("".join(line + "\n" for line in lines))

        def checked(words):
            done = run(
                SYNWARD, "check", path, "--store", lab.store, "--control", lab.control, ok=False
            )
            check_equal(done.returncode, 1 if words else 0, f"exit code ({done.stderr})")
            for word in words:
                check(word in done.stderr, f"no '{word}' in: {done.stderr}")

        write("# the guest", "inline = a/b")
        checked([f"{path}:2: inline:", "is not an interface name"])
        write("inline = p1", "client = tap:x")
        checked([f"{path}:1: inline:", "stands for both sides"])
        write("mode = normal")
        checked(["client", "is missing", "inline = "])
        write("mode = normal", f"inline = {PORTS[1]}@{lab.bridge.name}")
        checked([])
        command = lab.daemon_command
        lab.daemon_command = lambda *words: without(command(*words), "--inline") + [
            "--config",
            path,
        ]
        lab.start()
        lab.http()
        passes(lab)
        write("mode = normal", f"inline = {PORTS[0]}@{lab.bridge.name}")
        changes = {c["key"]: c for c in lab.cli("reload")["changes"]}
        check_equal(sorted(changes), ["client", "server"], "what has changed")
        check(all(c["restart"] for c in changes.values()), "it waits for a restart")


def without(argv, option):
    at = argv.index(option)
    return argv[:at] + argv[at + 2 :]


def test_doctor():
    with Inline() as lab:
        lab.make_ports()

        def found(interface):
            argv = [SYNWARD, "doctor", "--json", "--inline", f"{interface}@{lab.bridge.name}"]
            findings = json.loads(run(*argv, ok=False).stdout)["findings"]
            return {f["check"]: f for f in findings if "side" in f}

        good = found(PORTS[1])
        check_equal({f["level"] for f in good.values()}, {"ok"}, f"{good}")
        check("stays where it is" in good["inline"]["text"], f"{good['inline']}")
        check("bridge itself" in found(BRIDGE)["inline"]["text"], "the bridge")
        ip(lab, "link", "set", PORTS[1], "down")
        check("leaves it so" in found(PORTS[1])["carrier"]["text"], "one that is down")
        check_equal(found("nosuch")["port"]["level"], "wrong", "none")
        ip(lab, "link", "set", PORTS[1], "up")
        lab.bridge.run("tc", "qdisc", "add", "dev", PORTS[1], "clsact")
        check("tc " in found(PORTS[1])["port"]["remedy"], "no word of leaving its bridge")
        lab.bridge.run("tc", "qdisc", "del", "dev", PORTS[1], "clsact")
        lab.start()
        check_equal(found(PORTS[1])["port"]["remedy"], "stop the other synward first", "in use")


# what changes meanwhile


def test_down_at_the_start():
    """It stays down, until somebody brings it up."""
    with Inline() as lab:
        lab.make_ports()
        ip(lab, "link", "set", PORTS[1], "down")
        lab.start()
        check("DOWN" == link(lab, PORTS[1])["operstate"], "it was brought up")
        ip(lab, "link", "set", PORTS[1], "up")
        wait_until(lambda: "a probe passed" in lab.daemon.errors(), WITHIN_S, "it is proved")
        lab.http()
        passes(lab)
        ip(lab, "link", "set", PORTS[1], "down")
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("UP" not in link(lab, PORTS[1])["flags"], "it is up at the end")


def test_renamed_moved_and_left_alone():
    """Another name, another bridge, none, and back: it goes with the interface; at the end it is
    where it was put."""
    with Inline() as lab:
        lab.start()
        lab.http()
        passes(lab)
        for what in (f"{PORTS[1]} down", f"{PORTS[1]} name renamed", "renamed up"):
            ip(lab, "link", "set", *what.split())
        passes(lab)
        ip(lab, "link", "add", "br1", "type", "bridge")
        ip(lab, "link", "set", "br1", "up")
        for member in (PORTS[0], "renamed"):
            ip(lab, "link", "set", member, "master", "br1")
        passes(lab)
        ip(lab, "link", "del", "br1")
        check_equal(lab.fetch("http", 80, timeout_ms=300)["ok"], 0, "fetches without a bridge")
        for member in (PORTS[0], "renamed"):
            ip(lab, "link", "set", member, "master", BRIDGE)
        passes(lab)
        check_equal(lab.cli("status")["sides"]["server"].get("cut"), None, "cut")
        code, _ = lab.stop_daemon()
        check_equal(code, 0, "exit code")
        check_equal(link(lab, "renamed").get("master"), BRIDGE, "its master at the end")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")
        passes(lab)


def test_no_frame_comes_twice():
    """A broadcast of either host arrives at the other once: nothing goes round."""
    with Inline() as lab:
        lab.start()
        ends = ((lab.client, CLIENT_IF), (lab.server, SERVER_IF))
        for (here, from_), (there, to) in (ends, ends[::-1]):
            with here.inside():
                mouth = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            mouth.bind((from_, 0))
            with there.inside():
                ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
            ear.bind((to, 0x88B5))
            ear.settimeout(WITHIN_S)
            for number in range(20):
                mouth.send(b"\xff" * 6 + b"\x02abcde\x88\xb5" + bytes([number]) * 50)
            heard = [ear.recv(2000)[14] for _ in range(20)]
            ear.settimeout(0.2)
            with contextlib.suppress(socket.timeout):
                heard.append(ear.recv(2000)[14])
            check_equal(heard, list(range(20)), "what was heard")
            mouth.close()
            ear.close()


def programs(lab, device):
    """(Of those that tc has on it, ingress and egress, their priorities.)"""
    hooks = [
        lab.bridge.run("tc", "filter", "show", "dev", device, h) for h in ("ingress", "egress")
    ]
    return [re.findall(r"pref (\d+) \w+ chain 0 (?:handle|fh)", shown) for shown in hooks]


def test_filters_that_are_taken_away():
    """Any of them: it is mended, and frames pass."""
    with Inline() as lab:
        lab.start()
        lab.http()
        host_tap = next(tap for tap in taps(lab) if tap.startswith("synwin"))
        for device in (PORTS[1], host_tap):
            for what in (
                ("qdisc", "del", "dev", device, "clsact"),
                ("filter", "del", "dev", device, "ingress"),
                ("filter", "del", "dev", device, "egress"),
            ):
                before = programs(lab, device)
                lab.bridge.run("tc", *what)
                wait_until(lambda: programs(lab, device) == before, WITHIN_S, f"mended: {what}")
                passes(lab)
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")


def test_one_that_comes_back():
    """A guest that is started again: its tap is another one of the same name."""
    with Inline() as lab:
        lab.start()
        lab.http()
        passes(lab)
        ip(lab, "link", "del", PORTS[1])
        wait_until(lambda: "has vanished" in lab.daemon.errors(), WITHIN_S, "the log says so")
        check("has vanished" in lab.cli("status")["sides"]["server"]["cut"], "the status, too")
        ends = ("type", "veth", "peer", "name", PORTS[1], "netns", lab.bridge.name)
        run("ip", "link", "add", SERVER_IF, "netns", lab.server.name, *ends)
        ip(lab, "link", "set", PORTS[1], "master", BRIDGE, "up")
        wait_until(lambda: "joined again" in lab.daemon.errors(), WITHIN_S, "it is joined again")
        lab._addresses(1500)
        protected(lab)
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")
        check_equal(link(lab, PORTS[1])["master"], BRIDGE, "its master")


def test_one_that_comes_back_taken():
    """With a qdisc of somebody else's, as a rate limit is one: it works, the status says that it is
    unprotected, and it is joined when that is gone."""
    with Inline() as lab:
        lab.start()
        lab.http()
        ip(lab, "link", "del", PORTS[1])
        ends = ("type", "veth", "peer", "name", "other", "netns", lab.bridge.name)
        run("ip", "link", "add", SERVER_IF, "netns", lab.server.name, *ends)
        lab.bridge.run("tc", "qdisc", "add", "dev", "other", "ingress")
        ip(lab, "link", "set", "other", "name", PORTS[1])
        ip(lab, "link", "set", PORTS[1], "master", BRIDGE, "up")
        lab._addresses(1500)

        def cut():
            return lab.cli("status")["sides"]["server"].get("cut") or ""

        wait_until(lambda: cut().startswith("unprotected"), WITHIN_S, "the status says so")
        passes(lab)
        lab.bridge.run("tc", "qdisc", "del", "dev", PORTS[1], "ingress")
        wait_until(lambda: not cut(), WITHIN_S, "it is joined")
        protected(lab)


def test_mtu_and_address_are_followed():
    with Inline() as lab:
        lab.start()
        ip(lab, "link", "set", PORTS[1], "mtu", "9000")
        for tap in taps(lab):
            wait_until(lambda t=tap: link(lab, t)["mtu"] == 9000, WITHIN_S, f"the MTU of {tap}")
        sides = lab.cli("status")["sides"]
        check_equal([sides[s]["mtu"] for s in ("client", "server")], [9000, 9000], "the status")
        ip(lab, "link", "set", PORTS[1], "address", "02:00:00:00:00:77")
        wait_until(
            lambda: any(link(lab, t)["address"] == "02:00:00:00:00:77" for t in taps(lab)),
            WITHIN_S,
            "a TAP with its new address",
        )
        check("keeps its MTU" not in lab.daemon.errors(), f"the log: {lab.daemon.errors()}")


def test_spanning_tree():
    """The bridge's BPDUs reach the wire, and the member never leaves forwarding."""
    with Inline() as lab:
        lab.make_ports()
        ip(lab, *f"link set {BRIDGE} type bridge forward_delay 200 stp_state 1".split())

        def stp_state():
            return link(lab, PORTS[1])["linkinfo"]["info_slave_data"]["state"]

        wait_until(lambda: stp_state() == "forwarding", 15, "the member forwards")
        lab.start()
        check_equal(stp_state(), "forwarding", "its state after the start")
        with lab.server.inside():
            ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        ear.bind((SERVER_IF, ETH_P_ALL))
        ear.settimeout(10)
        wait_until(lambda: ear.recv(2000)[:6] == b"\x01\x80\xc2\0\0\0", 10, "a BPDU is heard")
        ear.close()
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check_equal(stp_state(), "forwarding", "its state after the end")


runner.main(globals())
