#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""port: sides: traffic through two veth pairs, a host in between that is neither heard nor hears,
and nothing left behind.

Between the two hosts is the bridge's own namespace, with p0 and p1 as ports (Lab(sides="port")).
That the corpus of frames crosses them is shown by transparency.py."""
import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import time

import runner
from lab import (
    CLIENT4,
    CLIENT6,
    CLIENT_IF,
    PORTS,
    SERVER4,
    SERVER6,
    SERVER_IF,
    Lab,
    before_all_others,
    check,
    check_equal,
    in_time,
    run,
    wait_until,
)

ETH_P_ALL, PACKET_OUTGOING = 3, 4
PROBE_TYPE = 0x88B5
BULK_BYTES = 50_000_000
BRIDGE4, BRIDGE6 = "10.77.0.3", "fd77::3"


def daemon_only(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def ports_lab(**options):
    return daemon_only(Lab(sides="port", **options))


def bridge_ip(lab, *words):
    return lab.bridge.run("ip", *words)


def state_of_ports(lab):
    """All that synward may have touched, as it can be seen from outside."""
    links = {}
    for link in json.loads(bridge_ip(lab, "-d", "-j", "addr")):
        addresses = [(a["local"], a["prefixlen"], a["scope"]) for a in link["addr_info"]]
        links[link["ifname"]] = {
            key: link.get(key)
            for key in ("flags", "mtu", "qdisc", "operstate", "promiscuity", "allmulti", "address")
        } | {"addresses": addresses}
    sysctls = [
        lab.bridge.run("sysctl", "-n", f"net.ipv6.conf.{p}.{key}")
        for p in PORTS
        if p in links
        for key in ("disable_ipv6", "addr_gen_mode", "accept_ra", "accept_dad", "forwarding")
    ]
    filters = [
        lab.bridge.run("tc", what, "show", "dev", p, *hook)
        for p in PORTS
        if p in links
        for what, hook in (("qdisc", ()), ("filter", ("ingress",)), ("filter", ("egress",)))
    ]
    return links, sysctls, filters


def refused(lab, words, code=1, client=None, server=None):
    """`synward run` ends with this exit code and one line with these words."""
    argv = lab.daemon_command()
    for option, side in (("--client", client), ("--server", server)):
        if side:
            argv[argv.index(option) + 1] = side
    for what in ("--control", "--store"):
        argv[argv.index(what) + 1] += ".second"
    done = run(*argv, ok=False)
    check_equal(done.returncode, code, f"exit code ({done.stderr.strip()})")
    lines = done.stderr.strip().splitlines()
    check_equal(len(lines), 1, f"lines of the error ({lines})")
    for word in words:
        check(word in lines[0], f"no '{word}' in: {lines[0]}")
    return lines[0]


# traffic


def attack_lab(lab, address=SERVER4):
    lab.start(mode="normal")
    server = lab.http()
    lab.learn("http", 80, address)
    lab.set_mode("attack")
    return server


def transfer(kind, address):
    """50 MB in attack mode; the frames are counted, to see that super-frames stay whole."""
    with ports_lab() as lab:
        attack_lab(lab, address)
        before = lab.stats()["frames"]
        result = lab.fetch(kind, 80, address, bytes=BULK_BYTES, timeout_ms=20000)
        check_equal(result["ok"], 1, f"{kind} of {BULK_BYTES} bytes ({result})")
        after = lab.stats()["frames"]
        side = "server_in" if kind == "download" else "client_in"
        frames = after[side] - before[side]
        check(
            BULK_BYTES / frames > 4000, f"{frames} frames for {BULK_BYTES} bytes: no super-frames"
        )
        gbit_s = BULK_BYTES * 8 / result["worst_us"] / 1000
        return f"{BULK_BYTES // frames} bytes a frame, {gbit_s:.1f} Gb/s"


def test_download_ipv4():
    return transfer("download", SERVER4)


def test_download_ipv6():
    return transfer("download", SERVER6)


def test_upload_ipv4():
    return transfer("upload", SERVER4)


def test_upload_ipv6():
    return transfer("upload", SERVER6)


def dropped_by_card(lab):
    """Frames of the client's host for which the machine had no room between the two ends of its
    card: nobody is told of them but its own counter."""
    shown = lab.client.run("ip", "-s", "-j", "link", "show", CLIENT_IF)
    return json.loads(shown)[0]["stats64"]["tx"]["dropped"]


def test_attack():
    with ports_lab() as lab:
        server = attack_lab(lab)
        accepted = server.accepted()
        lab.flood(80, count=20000)
        check_equal(lab.fetch("http", 80, count=200)["failed"], 0, "fetches in attack mode")
        check_equal(server.accepted() - accepted, 200, "connections accepted")

        def fates():
            """Of the SYNs: answered, and dropped before us, by a TAP or by the pair of cards."""
            stats = lab.stats()
            return stats["cookies"]["sent"], stats["frames"]["tap_overflow"] + dropped_by_card(lab)

        wait_until(lambda: sum(fates()) >= 20200, 20, f"all have a fate: {fates()}")
        answered, lost = fates()
        return f"{answered} SYNs answered, {lost} dropped before us"


def test_addresses_are_resolved():
    """ARP and neighbour discovery cross by themselves: here the hosts' tables are empty."""
    with ports_lab() as lab:
        lab.start()
        for namespace, interface in ((lab.client, CLIENT_IF), (lab.server, SERVER_IF)):
            run("ip", "-n", namespace.name, "neigh", "flush", "dev", interface, "nud", "permanent")
        lab.http()
        for address in (SERVER4, SERVER6):
            check_equal(lab.fetch("http", 80, address)["failed"], 0, f"fetches from {address}")


# the host in between


class Ears:
    """All frames that come in from the wire at the two hosts."""

    def __init__(self, lab):
        self.sockets = []
        for namespace, interface in ((lab.client, CLIENT_IF), (lab.server, SERVER_IF)):
            with namespace.inside():
                ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            ear.bind((interface, ETH_P_ALL))
            ear.setblocking(False)
            self.sockets.append(ear)
        self.hosts = {
            bytes.fromhex(n.mac(i).replace(":", ""))
            for n, i in ((lab.client, CLIENT_IF), (lab.server, SERVER_IF))
        }

    def strangers(self):
        """Frames heard so far that neither host sent."""
        heard = []
        for ear in self.sockets:
            while True:
                try:
                    frame, address = ear.recvfrom(70000)
                except BlockingIOError:
                    break
                except OSError:  # the link went down: said once, then it goes on
                    continue
                if address[2] != PACKET_OUTGOING and frame[6:12] not in self.hosts:
                    heard.append(frame.hex()[:120])
        return heard


def talk(lab, interface):
    """The bridge's own host sends what it can from this interface: UDP (with ARP and ND before it),
    and a frame as LLDP daemons do."""
    with lab.bridge.inside():
        talkers = [
            socket.socket(family, kind, 0)
            for family, kind in (
                (socket.AF_INET, socket.SOCK_DGRAM),
                (socket.AF_INET6, socket.SOCK_DGRAM),
                (socket.AF_PACKET, socket.SOCK_RAW),
            )
        ]
    frame = bytes.fromhex("0180c200000e02aaaaaaaaaa88cc") + b"LLDP of the host".ljust(60)
    for talker, data, to in zip(
        talkers, (b"udp", b"udp", frame), ((CLIENT4, 9), (CLIENT6, 9), (interface, 0))
    ):
        if talker.family != socket.AF_PACKET:
            talker.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        with contextlib.suppress(OSError):  # refused at once is as good
            talker.sendto(data, to)
        talker.close()


def passes(lab):
    """The wire works: a server's answer gets through."""
    if not lab.server.listens(80):
        lab.http()
    check_equal(lab.fetch("http", 80)["failed"], 0, "fetches")


def test_the_host_says_nothing():
    """Addresses, ARP, neighbour discovery, router solicitations, multicast reports, a link that
    goes down and up: all stays inside."""
    with ports_lab() as lab:
        lab.start()
        ears = Ears(lab)
        for port, four, six in zip(PORTS, (BRIDGE4, "10.77.0.4"), (BRIDGE6, "fd77::4")):
            lab.bridge.sysctl(
                {
                    f"net.ipv6.conf.{port}.router_solicitations": 3,
                    f"net.ipv6.conf.{port}.accept_dad": 1,
                }
            )
            bridge_ip(lab, "addr", "add", f"{four}/24", "dev", port)
            bridge_ip(lab, "addr", "add", f"{six}/64", "dev", port)
            lab.bridge.sysctl({f"net.ipv4.conf.{port}.arp_notify": 1})
            for way in ("down", "up"):
                bridge_ip(lab, "link", "set", port, way)
        taps = [
            link["ifname"]
            for link in json.loads(bridge_ip(lab, "-j", "link"))
            if link["ifname"].startswith("synward")
        ]
        check_equal(len(taps), 2, f"TAPs in the bridge's namespace ({taps})")
        for interface in (*PORTS, *taps):
            talk(lab, interface)
        time.sleep(3)  # what a kernel says of its own accord comes in its own time
        check_equal(ears.strangers(), [], "frames that neither host sent")
        passes(lab)


def test_the_host_hears_nothing():
    with ports_lab() as lab:
        lab.make_ports()
        bridge_ip(lab, "addr", "add", f"{BRIDGE4}/24", "dev", "p0")
        bridge_ip(lab, "addr", "add", f"{BRIDGE6}/64", "dev", "p0", "nodad")
        lab.start()
        mac = lab.bridge.mac("p0")
        for address in (BRIDGE4, BRIDGE6):
            run(
                "ip",
                "-n",
                lab.client.name,
                "neigh",
                "replace",
                address,
                "lladdr",
                mac,
                "dev",
                CLIENT_IF,
                "nud",
                "permanent",
            )
        names = ("IpInReceives", "Ip6InReceives", "IcmpInMsgs")
        before = {name: lab.bridge.counter(name) for name in names}
        for family, address in ((socket.AF_INET, BRIDGE4), (socket.AF_INET6, BRIDGE6)):
            with lab.client.inside():
                caller = socket.socket(family)
            caller.settimeout(1)
            with contextlib.suppress(socket.timeout):
                caller.connect((address, 80))
                check(False, f"{address} answered")
            caller.close()
        passes(lab)
        check_equal(
            {name: lab.bridge.counter(name) for name in names},
            before,
            "what the bridge's own stack received",
        )


# the end, and what was there before


def test_undone_at_the_end():
    with ports_lab() as lab:
        lab.make_ports()
        bridge_ip(lab, "addr", "add", f"{BRIDGE4}/24", "dev", "p0")
        bridge_ip(lab, "addr", "add", f"{BRIDGE6}/64", "dev", "p0", "nodad")
        bridge_ip(lab, "link", "set", "p1", "down")
        before = state_of_ports(lab)

        def the_end(how):
            """How long it took."""
            lab.start()
            passes(lab)
            check(state_of_ports(lab) != before, "nothing is to be seen of the ports in use")
            with before_all_others(lab.daemon.pid):
                code, took = lab.stop_daemon(how)
            check_equal(code, 0, "exit code")
            check_equal(state_of_ports(lab), before, "the ports after the end")
            return took

        for how in (signal.SIGTERM, signal.SIGINT):
            in_time(0.25, lambda h=how: the_end(h), f"the end by {how.name}")


def test_undone_after_a_kill():
    """p1 was down before: the second process knows that from the first, which could not tell
    anybody."""
    with ports_lab() as lab:
        lab.make_ports()
        bridge_ip(lab, "link", "set", "p1", "down")
        before = state_of_ports(lab)
        lab.start()
        lab.stop_daemon(signal.SIGKILL)
        for _ in range(3):
            os.unlink(lab.control)  # its being there is to say that the next one is ready
            lab.start()
            check(
                "undoing what a killed synward left behind" in lab.daemon.said(),
                f"the log: {lab.daemon.errors()}",
            )
            passes(lab)
            lab.stop_daemon(signal.SIGKILL)
        os.unlink(lab.control)
        lab.start()
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check_equal(state_of_ports(lab), before, "the ports after the end")


def test_undone_where_the_start_fails():
    """The second side is refused when the first is joined already; then a probe that does not get
    through."""
    with ports_lab() as lab:
        lab.make_ports()
        bridge_ip(lab, "link", "set", "p0", "down")
        before = state_of_ports(lab)
        refused(lab, ["nosuch"], server=f"port:nosuch@{lab.bridge.name}")
        check_equal(state_of_ports(lab), before, "the ports after a start that failed")
        lab.bridge.run("tc", "qdisc", "add", "dev", "p1", "root", "bfifo", "limit", "1")
        before = state_of_ports(lab)
        refused(lab, ["probe", "on its way out of p1"])
        check_equal(state_of_ports(lab), before, "the ports after a probe that failed")


# what is refused


def test_foreign_qdiscs_are_left_alone():
    forms = ("ingress", "clsact")
    with ports_lab() as lab:
        lab.make_ports()
        for form in forms:
            lab.bridge.run("tc", "qdisc", "add", "dev", "p1", form)
            for filters in (False, True):
                if filters:
                    lab.bridge.run(
                        "tc",
                        "filter",
                        "add",
                        "dev",
                        "p1",
                        "ingress",
                        "protocol",
                        "all",
                        "prio",
                        "7",
                        "u32",
                        "match",
                        "u32",
                        "0",
                        "0",
                        "action",
                        "mirred",
                        "egress",
                        "mirror",
                        "dev",
                        "lo",
                    )
                before = state_of_ports(lab)
                line = refused(
                    lab,
                    [
                        f"port:p1@{lab.bridge.name}",
                        "ingress or clsact qdisc already",
                        "tc qdisc del dev p1",
                    ],
                )
                check_equal(state_of_ports(lab), before, f"the ports with a foreign {form}")
            lab.bridge.run("tc", "qdisc", "del", "dev", "p1", form)
        lab.start()
        check_equal(lab.stop_daemon()[0], 0, "exit code when the qdisc is gone")
    return line.split(": ", 2)[2]


def test_refusals():
    with ports_lab() as lab:
        lab.make_ports()
        name = lab.bridge.name
        refused(lab, ["p0", "both sides"], code=2, server=f"port:p0@{name}")
        refused(lab, ["both sides"], code=2, client="port:eth0", server="tap:eth0")
        refused(
            lab,
            ["no interface nosuch in namespace", f"`ip -n {name} link`"],
            client=f"port:nosuch@{name}",
        )
        refused(lab, ["no namespace", "ip netns"], client="port:p0@nosuch-namespace")
        refused(lab, ["not an Ethernet interface"], client=f"port:lo@{name}")
        refused(
            lab, ["interface name"], code=2, client=f"port:aninterfacenamewhichistoolong@{name}"
        )
        bridge_ip(lab, "link", "add", "br0", "type", "bridge")
        bridge_ip(lab, "link", "set", "p1", "master", "br0")
        refused(lab, ["p1 is a member", "nomaster"])
        bridge_ip(lab, "link", "set", "p1", "nomaster")
        lab.start()
        before = state_of_ports(lab)
        refused(lab, ["in use by another synward"])
        taps = re.findall(r"\d+: (synward\d+):", bridge_ip(lab, "link"))
        refused(lab, ["in use by another synward"], client=f"port:{taps[0]}@{name}")
        links, _, filters = state_of_ports(lab)
        check_equal((links, filters), (before[0], before[2]), "the ports that the first one uses")
        passes(lab)


# what changes meanwhile


def rejoin(lab):
    """The client's wire is taken away and laid anew, as when a VM is started again."""
    run("ip", "-n", lab.bridge.name, "link", "del", "p0")
    wait_until(
        lambda: "p0 has vanished" in lab.daemon.said(), 20, "the log says that p0 has vanished"
    )
    lab.cli("status")
    lab.lay_wire("p0")
    lab._addresses(1500)


def test_a_port_that_comes_back():
    with ports_lab() as lab:
        lab.start()
        lab.http()
        rejoin(lab)
        wait_until(lambda: "joined again" in lab.daemon.said(), 20, "p0 is joined again")
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches afterwards")
        bridge_ip(lab, "link", "set", "p0", "name", "renamed")
        check_equal(
            lab.fetch("http", 80, count=20)["failed"], 0, "fetches through a port with a new name"
        )
        code, took = lab.stop_daemon()
        check_equal(code, 0, "exit code")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")


def test_a_port_that_comes_back_taken():
    """It comes back with a qdisc of somebody else's: said once, and the daemon lives."""
    with ports_lab() as lab:
        lab.start()
        run("ip", "-n", lab.bridge.name, "link", "del", "p0")
        bridge_ip(lab, "link", "add", "other0", "type", "veth", "peer", "name", "other1")
        lab.bridge.run("tc", "qdisc", "add", "dev", "other0", "clsact")
        bridge_ip(lab, "link", "set", "other0", "name", "p0")
        wait_until(lambda: "cannot be joined" in lab.daemon.said(), 20, "the log says so")
        for way in ("up", "down", "up"):
            bridge_ip(lab, "link", "set", "p0", way)
        lab.cli("status")
        check_equal(lab.daemon.said().count("cannot be joined"), 1, "how often it was said")
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check(
            "clsact" in lab.bridge.run("tc", "qdisc", "show", "dev", "p0"),
            "the foreign qdisc is gone",
        )


def mtu_of(lab, interface):
    return json.loads(bridge_ip(lab, "-j", "link", "show", interface))[0]["mtu"]


def test_mtu():
    """The TAP behind a port follows it, the status tells it; one port's is never forced on the
    other."""
    with ports_lab() as lab:
        lab.start()
        index = json.loads(bridge_ip(lab, "-j", "link", "show", "p0"))[0]["ifindex"]
        bridge_ip(lab, "link", "set", "p0", "mtu", "9000")
        wait_until(
            lambda: mtu_of(lab, f"synward{index}") == 9000, 20, "the TAP has the MTU of its port"
        )
        wait_until(
            lambda: "keeps its MTU 1500" in lab.daemon.said(), 20, "the log says that they differ"
        )
        sides = lab.cli("status")["sides"]
        check_equal(
            sides["client"],
            {
                "side": f"port:p0@{lab.bridge.name}",
                "device": "p0",
                "netns": lab.bridge.name,
                "mtu": 9000,
                "carrier": "there",
            },
            "client side",
        )
        check_equal(
            (sides["server"]["mtu"], mtu_of(lab, "p1")), (1500, 1500), "the other port's MTU"
        )


def test_a_tap_without_a_guest():
    """A VM's tap before the VM: no carrier, nothing to prove, and joined all the same; when
    somebody holds it, frames pass."""
    with ports_lab() as lab:
        lab.make_ports()
        bridge_ip(lab, "tuntap", "add", "dev", "vm1", "mode", "tap")
        name = lab.bridge.name
        lab.side_names = lambda: (f"port:p0@{name}", f"port:vm1@{name}")
        lab.start()
        check(
            "vm1@" in lab.daemon.said() and "joined without a probe" in lab.daemon.said(),
            f"the log: {lab.daemon.errors()}",
        )
        with lab.bridge.inside():
            guest = open_tap("vm1")
        with lab.client.inside():
            host = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PROBE_TYPE))
        host.bind((CLIENT_IF, PROBE_TYPE))
        host.settimeout(20)
        wait_until(
            lambda: "carrier, and a probe passed" in lab.daemon.said(),
            20,
            "vm1 has carrier, and is proved",
        )
        frame = bytes.fromhex("02aaaaaaaaaa02bbbbbbbbbb88b5") + b"from the guest".ljust(200)
        guest.write(frame)
        check_equal(host.recv(2000), frame, "the frame from the guest")
        frame = bytes.fromhex("02bbbbbbbbbb02aaaaaaaaaa88b5") + b"to the guest".ljust(200)
        host.send(frame)
        check_equal(read_marked(guest, frame[:12]), frame, "the frame to the guest")
        guest.close()


def open_tap(name):
    import fcntl

    tap = open("/dev/net/tun", "r+b", buffering=0)
    fcntl.ioctl(
        tap, 0x400454CA, struct.pack("16sH", name.encode(), 0x1002)
    )  # TUNSETIFF, IFF_TAP | IFF_NO_PI
    return tap


def read_marked(tap, head):
    """The next frame with these addresses; others (the client's own) are passed over."""
    end = time.monotonic() + 20
    while select.select([tap], [], [], max(0, end - time.monotonic()))[0]:
        frame = tap.read(2000)
        if frame[:12] == head:
            return frame
    return None


runner.main(globals())
