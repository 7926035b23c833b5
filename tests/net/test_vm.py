# SPDX-License-Identifier: GPL-2.0-or-later
"""Two virtual machines, each on a TAP that QEMU opens; synward is the wire between the TAPs (port:
sides).

guest "client" -- virtio-net -- QEMU -- vm1 --- synward --- vm2 -- QEMU -- virtio-net -- guest
"server"

The TAPs lie in one namespace, as they do on a host of virtual machines. The stand-in is a redirect
from either TAP to the other."""
import json
import os

import runner
from guest import Guest, make_vm, missing
from lab import (
    BUILD,
    CLIENT4,
    CLIENT6,
    PORTS,
    SERVER4,
    SERVER6,
    SYNWARD,
    Lab,
    check,
    check_equal,
    run,
    wait_until,
)

VM_TAPS = CLIENT_TAP, SERVER_TAP = "vm1", "vm2"
UNIT_TESTS = os.path.join(BUILD, "tests/unit-bridge")
BULK_BYTES = 50_000_000
SUPER_FRAME_BYTES = 3000  # a mean that frames of 1,514 bytes cannot have


class Machines(Lab):
    def __init__(self):
        why = missing()
        if why:
            raise runner.Skip(why)
        make_vm()
        super().__init__()
        for tap in VM_TAPS:
            self.client.ip(f"tuntap add {tap} mode tap")

    def side_names(self):
        return tuple(f"port:{tap}@{self.client.name}" for tap in VM_TAPS)

    def start(self, mode="normal", extra=()):
        if self.stand_in:
            self._join()
        else:
            self._start_daemon(mode, extra)
        self.mode = mode

    def _join(self):
        for tap, other in (VM_TAPS, VM_TAPS[::-1]):
            self.client.ip(f"link set {tap} up")
            self.client.run("tc", "qdisc", "add", "dev", tap, "ingress")
            self.client.run(
                "tc",
                "filter",
                "add",
                "dev",
                tap,
                "ingress",
                "protocol",
                "all",
                "u32",
                "match",
                "u32",
                "0",
                "0",
                "action",
                "mirred",
                "egress",
                "redirect",
                "dev",
                other,
            )

    def boot_client(self):
        return Guest(self, CLIENT_TAP, CLIENT4, CLIENT6)

    def boot_server(self):
        return Guest(self, SERVER_TAP, SERVER4, SERVER6)

    def boot(self):
        """Both at the same time; the server serves when this returns."""
        client, server = self.boot_client(), self.boot_server()
        serve(server.ready())
        return client.ready(), server

    def remove(self, tap):
        if not self.stand_in:  # whose redirects nobody would make again
            self.client.ip(f"link del {tap}")

    def carrier(self, tap):
        return "LOWER_UP" in run("ip", "-n", self.client.name, "link", "show", tap)

    def received(self, tap):
        """What the guest has sent into its TAP: (packets, bytes). A super-frame is one packet."""
        link = json.loads(run("ip", "-n", self.client.name, "-s", "-j", "link", "show", tap))[0]
        return link["stats64"]["rx"]["packets"], link["stats64"]["rx"]["bytes"]


def serve(server):
    server.serve("http_server", 80)
    server.serve("pop3_server", 110)


def ping(client):
    """Both families; each has to find the neighbour first (ARP, ND), which gives up after 3 s where
    the other guest is late: it is asked for again then."""
    for address in (SERVER4, SERVER6):
        wait_until(
            lambda a=address: client.run(f"ping -c 3 -i 0.2 -w 20 {a}", ok=False)[0] == 0,
            60,
            f"{address} answers",
        )


def fetch(client, kind, port, address=SERVER4, count=1, **options):
    seen = client.program("fetch", kind, address, port, count=count, timeout_ms=20000, **options)
    check_equal(seen["ok"], count, f"{kind} from [{address}]:{port} ({seen})")
    return seen


def learn(lab, client, address=SERVER4):
    fetch(client, "http", 80, address, count=12)
    fetch(client, "pop3", 110, address, count=12)
    lab.wait_armed(80, address)
    lab.wait_armed(110, address)


def neighbours(namespace_or_guest):
    """Address by address, whose hardware answered for it."""
    lines = namespace_or_guest.run("ip neigh show").splitlines()
    words = [line.split() for line in lines if "lladdr" in line]
    return {w[0]: w[w.index("lladdr") + 1] for w in words if not w[0].startswith("fe80")}


def check_wrong_requests_end_here(lab, client, server):
    """Silent clients, and those that came for something else, 40 each: the servers' guest sees none
    of them.

    All come from one address, which 100 wrong requests in ten seconds would put aside.
    """

    def answered():
        return lab.stats().get("cookies", {}).get("syn", 0)

    def sent():
        return client.counter("Tcp", "ActiveOpens") + client.counter("TcpExt", "TCPSynRetrans")

    def reached():
        return (
            server.accepted("http_server"),
            server.accepted("pop3_server"),
            server.counter("Tcp", "PassiveOpens"),
        )

    before, syns_answered, syns_sent = reached(), answered(), sent()
    for port, words in ((80, "bittorrent"), (80, "nothing"), (110, "http")):
        seen = client.program("talkers", SERVER4, port, count=40, say=words, hold_ms=1000)
        check_equal(seen["connected"], 40, f"handshakes with port {port} ({seen})")
    check_equal(reached(), before, "connections that the servers and their kernel have seen")
    check_equal(answered() - syns_answered, sent() - syns_sent, "SYNs answered with cookies")


def transfer(lab, client, kind, address, sender_tap):
    """A transfer whose bytes are compared, in frames as large as the guests' drivers make them."""
    packets, sent_bytes = lab.received(sender_tap)
    seen = fetch(client, kind, 80, address, bytes=BULK_BYTES)
    packets_after, sent_bytes_after = lab.received(sender_tap)
    mean = (sent_bytes_after - sent_bytes) // (packets_after - packets)
    check(
        mean > SUPER_FRAME_BYTES,
        f"{kind}: {mean} bytes to a packet on {sender_tap}: there were no super-frames",
    )
    return f"{kind} {BULK_BYTES * 8 / seen['worst_us']:.0f} Mb/s in frames of {mean} bytes"


def check_carried(lab):
    """By the kernel, and not by the engine: its path is on between two TAPs, too."""
    if lab.stand_in:
        return []
    path, frames = lab.cli("status")["kernel_path"], lab.stats()["kernel"]
    check(path["on"], f"{path}")
    check(frames["carried"] > 1000, f"{frames}")
    return [f"{frames['carried']} carried"]


def test_guests_meet_and_only_right_requests_reach_the_server():
    """synward is there before the guests are: the TAPs have no carrier yet."""
    with Machines() as lab:
        lab.start()
        client, server = lab.boot()
        ping(client)
        check_equal(
            neighbours(client),
            {SERVER4: server.mac, SERVER6: server.mac},
            "who answered ARP and ND",
        )
        learn(lab, client)
        learn(lab, client, SERVER6)
        lab.set_mode("attack")
        check_wrong_requests_end_here(lab, client, server)
        fetch(client, "http", 80, count=10)
        fetch(client, "pop3", 110, SERVER6, count=10)
        ping(client)
        transferred = [
            transfer(lab, client, "download", SERVER4, SERVER_TAP),
            transfer(lab, client, "upload", SERVER6, CLIENT_TAP),
        ]
        return "; ".join(transferred + check_carried(lab))


def test_a_guest_goes_and_comes_back():
    """The guests are there before synward is. Each is switched off in turn while synward stays, and
    finds its wire again.

    The client's TAP stays without carrier meanwhile; the server's is removed, and made again by
    QEMU."""
    with Machines() as lab:
        client, server = lab.boot()
        lab.start()
        learn(lab, client)
        lab.set_mode("attack")
        client.stop()
        wait_until(
            lambda: not lab.carrier(CLIENT_TAP), 5, f"no carrier on {CLIENT_TAP} without its guest"
        )
        check(lab.carrier(SERVER_TAP), f"carrier on {SERVER_TAP}, whose guest runs")
        client = lab.boot_client().ready()
        check(lab.carrier(CLIENT_TAP), f"carrier on {CLIENT_TAP} with its guest back")
        fetch(client, "http", 80, count=5)
        server.stop()
        lab.remove(SERVER_TAP)
        server = lab.boot_server()
        serve(server.ready())
        fetch(client, "http", 80, count=5)
        fetch(client, "pop3", 110, count=5)
        if lab.stand_in:
            return
        check_equal(lab.stop_daemon()[0], 0, "exit code of synward")
        check_equal(
            lab.client.run("tc", "qdisc", "show", "ingress"), "", "what is left on the TAPs"
        )


class Bridged(Machines):
    """Both guests' TAPs are members of a bridge, and the server's is inline."""

    def __init__(self):
        super().__init__()
        if self.stand_in:
            self.close()
            raise runner.Skip("needs the daemon")
        self.client.ip("link add br0 type bridge", "link set br0 up")
        self.client.ip(*(f"link set {tap} master br0 up" for tap in VM_TAPS))

    def side_names(self):
        return tuple(f"{kind}:{SERVER_TAP}@{self.client.name}" for kind in ("inline", "port"))


def test_a_guest_that_stays_in_its_bridge():
    """synward comes and goes while the guests run; the server's is switched off, and comes back as
    another TAP of that name."""
    with Bridged() as lab:
        client, server = lab.boot()
        fetch(client, "http", 80, count=2)
        lab.start()
        learn(lab, client)
        lab.set_mode("attack")
        check_wrong_requests_end_here(lab, client, server)
        transferred = transfer(lab, client, "download", SERVER4, SERVER_TAP)
        server.stop()
        lab.remove(SERVER_TAP)
        lab.client.ip(f"tuntap add {SERVER_TAP} mode tap", f"link set {SERVER_TAP} master br0 up")
        server = lab.boot_server()
        serve(server.ready())
        fetch(client, "http", 80, count=5)
        check_equal(lab.stop_daemon()[0], 0, "exit code of synward")
        check_equal(lab.client.run("tc", "qdisc", "show", "ingress"), "", "what is left")
        fetch(client, "http", 80, count=5)
        return transferred


CARDS = "eth0", "eth1"


class Between(Guest):
    """A guest with two cards, which is the bridge: each with the TAP of its name in a bridge with
    the port."""

    side, memory_mib = "bridge", 512

    def _cards(self):
        words = []
        for number, card in enumerate(CARDS):
            words += ["-netdev", f"tap,id={card},ifname=v{card},script=no,downscript=no"]
            words += ["-device", f"virtio-net-pci,netdev={card},mac={self.mac[:-2]}{number:02}"]
            words[-1] += ",romfile="
        return words

    def begin(self):
        """Waits until it is ready, or gone; what it says."""
        sides = " ".join(f"--{name} port:{card}" for name, card in zip(("client", "server"), CARDS))
        files = "--store /tmp/store --control /tmp/control"
        # What the last one said would count where the shell is here before the new one is begun.
        return self.run(
            f"rm -f /tmp/log; {SYNWARD} run {sides} {files} --mode normal --workers 2 2>/tmp/log & "
            "while [ -d /proc/$! ] && ! grep -qs ' ready: ' /tmp/log; do sleep 0.1; done; "
            "cat /tmp/log",
            timeout=120,
        )

    def end(self, how):
        return self.run(f"kill -{how} %1; wait %1; echo $?; rm -f /tmp/control")


def bridge_of_cards(lab):
    for port, card in zip(PORTS, CARDS):
        tap, bridge = f"v{card}", f"b{card}"
        lab.bridge.ip(f"tuntap add {tap} mode tap", f"link add {bridge} type bridge")
        for member in (port, tap):
            lab.bridge.ip(f"link set {member} master {bridge}", f"link set {member} up")
        lab.bridge.ip(f"link set {bridge} up")


def test_cards_that_take_only_what_is_for_them():
    """A virtio card hears of other cards' frames only while it is promiscuous, which must outlive a
    kill: the wire goes on by itself. No veth and no TAP is like that."""
    why = missing()
    if why:
        raise runner.Skip(why)
    make_vm()
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.make_ports()
        bridge_of_cards(lab)
        lab._addresses(1500)
        lab.http()
        guest = Between(lab, "between", "10.77.0.9", "fd77::9", programs=[SYNWARD]).ready()
        guest.run(f"ip link set {CARDS[1]} up; ip addr flush dev {CARDS[0]}")

        def served():
            return lab.fetch("http", 80, count=3, timeout_ms=10000)["ok"]

        def promiscuous():
            flags = guest.run("cat " + " ".join(f"/sys/class/net/{card}/flags" for card in CARDS))
            return sum(int(flag, 16) >> 8 & 1 for flag in flags.split())

        said = guest.begin()
        check("ready" in said, f"synward in the guest: {said}")
        check_equal(served(), 3, "fetches while it lives")
        said = guest.run("cat /tmp/log")
        check("takes no" not in said, f"its kernel takes all of it: {said}")
        guest.end("KILL")
        check_equal(promiscuous(), 2, "cards that hear all after a kill")
        check_equal(served(), 3, "fetches when it is dead")
        guest.run(f"ip link set {CARDS[1]} promisc off")
        seen = lab.fetch("http", 80, count=1, timeout_ms=2000)
        check_equal(seen["ok"], 0, "fetches by a card that filters: else all this says nothing")
        guest.run(f"ip link set {CARDS[1]} promisc on")
        said = guest.begin()
        check("ready" in said, f"the next synward: {said}")
        check_equal(served(), 3, "fetches with the next one")
        check("0" in guest.end("TERM").split(), "exit code")
        check_equal(promiscuous(), 0, "cards that hear all after an end in order")


def test_kernel_of_debian_12_takes_the_programs_of_the_kernel_path():
    """The unit tests of both parts, as Linux 6.1 runs them: each loads, what it carries and what it
    answers are the engine's own bytes."""
    with Machines() as lab:
        if lab.stand_in:
            raise runner.Skip("needs no wire")
        guest = Guest(lab, CLIENT_TAP, CLIENT4, CLIENT6, programs=[UNIT_TESTS]).ready()
        release = guest.run("uname -r").strip()
        check(release.startswith("6.1."), f"the guest runs Linux {release}")
        guest.run("mkdir -p /dev/shm /tmp && mount -t tmpfs shm /dev/shm")
        # What fails is said last, where an error that is cut off shows it.
        said = guest.run(
            f"SYNWARD_TEST_PERCENT=2 {UNIT_TESTS} --color=never -j1 --verbose "
            "--filter '@(answering|bypassing|carrying|completing|steering|telling)/*' >/tmp/said"
            " 2>&1 && cat /tmp/said || { grep -v -e disabled -e '^.RUN' -e '^.PASS'"
            " -e '^.====. Run' -e SEED= /tmp/said; false; }",
            timeout=400,
        )
        check("skipped" not in said.lower(), f"none is skipped: {said}")
        return f"Linux {release}: {said.strip().splitlines()[-1]}"


runner.main(globals())
