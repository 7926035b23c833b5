# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers behind VLAN tags: learned, protected and answered with the tags that they were asked with
(802.1Q, 802.1ad)."""
import runner
from frames import Capture, untag
from kernelpath import answering, kernel, need_path, went_up
from lab import CLIENT_IF, SERVER4, SERVER6, SERVER_IF, Lab, check, check_equal, wait_until
from rawtcp import SYN, parse
from vlan import CLIENT_PRIORITY, SERVER_PRIORITY, Network, tags_of

TRANSFER_BYTES = 20_000_000
FLOOD = 3000  # frames, in a second
CARRIED = 0.95  # of the frames of transfers, in the kernel: the first 20 of each go up
SUPER_FRAME_BYTES = 4000  # of payload for each frame: more than any single segment carries


def protected(lab, vlan):
    """The network with both servers learned, and attack mode in force. The servers are behind tags,
    in namespaces of their own: who listens at the same address in the card's namespace, which
    synward would look at by itself, says nothing of them, so that it looks elsewhere."""
    lab.start(mode="normal", extra=["--server-stack", lab.client.name])
    network = Network(lab, vlan)
    servers = {80: network.http(), 110: network.pop3()}
    for kind, port in (("http", 80), ("pop3", 110)):
        network.learn(kind, port)
    network.learn("http", 80, SERVER6)
    lab.set_mode("attack")
    return network, servers


def tcp_frames(capture, incoming):
    """[(tags, segment)] of the TCP frames that went the way."""
    found = []
    for inward, frame in capture.frames:
        borne, plain = untag(frame)
        segment = parse(plain) if inward == incoming else None
        if segment:
            found.append((borne, segment))
    return found


def check_tags(lab, network, vlan):
    """What a fetch of each kind looks like on both cards. Our SYN-ACK, ACK and greeting bear the
    tags that the client's frames bore."""
    with Capture(lab.client, CLIENT_IF) as near, Capture(lab.server, SERVER_IF) as far:
        for kind, port, address in (
            ("http", 80, SERVER4),
            ("pop3", 110, SERVER4),
            ("http", 80, SERVER6),
        ):
            result = network.fetch(kind, port, address)
            check_equal(result["ok"], 1, f"{kind} fetch from {address} ({result})")
    asked, answered = tags_of(vlan, CLIENT_PRIORITY), tags_of(vlan, SERVER_PRIORITY)
    for borne, segment in tcp_frames(near, incoming=False) + tcp_frames(far, incoming=True):
        check_equal(borne, asked, f"tags from the client ({segment})")
    to_client = tcp_frames(near, incoming=True)
    synacks = [borne for borne, segment in to_client if segment.flags & SYN]
    check(len(synacks) >= 3, f"SYN-ACKs: {synacks}")  # on a busy machine a SYN is said again
    for borne in synacks:
        check_equal(borne, answered if lab.stand_in else asked, "tags of the SYN-ACKs")
    for borne, segment in to_client:
        check(borne in (asked, answered), f"tags to the client: {borne} ({segment})")
    check(
        any(borne == answered for borne, segment in to_client if segment.data),
        "no data bears the server's own priority",
    )
    return len(to_client)


def flooded(network, address, counter, **options):
    """How many of a flood within the VLAN the kernel has counted so; fetches beside it succeed."""
    before = kernel(network.lab)
    flood = network.start_flood(80, address, count=FLOOD, rate=FLOOD, **options)
    fetched = network.fetch("http", 80, address, count=20)
    flood.report()
    check_equal(fetched["failed"], 0, f"fetches beside the flood ({fetched})")

    def counted():
        return kernel(network.lab)[counter] - before[counter]

    went = went_up(before, kernel(network.lab))
    wait_until(lambda: counted() >= 0.8 * FLOOD, 20, f"{counted()} {counter}, went up: {went}")
    return counted()


def check_wrong_clients(network, servers):
    """Silent ones and wrong requests reach nobody. 100 wrong requests of one address in ten seconds
    would put it aside."""
    before = {port: server.accepted() for port, server in servers.items()}
    seen = network.talkers(80, count=80, concurrency=50, say="bittorrent", hold_ms=20000)
    check_equal((seen["connected"], seen["reset"]), (80, 80), f"wrong requests ({seen})")
    seen = network.talkers(110, count=200, concurrency=100, say="nothing", hold_ms=20)
    check_equal(seen["connected"], 200, f"silent clients ({seen})")
    check_equal(
        {port: server.accepted() for port, server in servers.items()},
        before,
        "connections accepted",
    )


def check_ends_are_known(network):
    """Whoever carried their FINs."""
    with network.inside():
        fetched = network.lab.fetch("http", 80, count=100, concurrency=8)
    check_equal(fetched["failed"], 0, f"fetches ({fetched})")
    network.lab.wait_no_flows()


def check_kernel_does(network):
    """Most of a hundred short connections: their SYNs, and something behind."""
    before = kernel(network.lab)
    check_ends_are_known(network)
    after = kernel(network.lab)
    did = {what: after[what] - before[what] for what in ("answered", "carried")}
    check(min(did.values()) >= 50, f"{did} of 100 connections, went up: {went_up(before, after)}")


def attacked(vlan, sides="netns", by_kernel=False):
    with Lab(sides=sides) as lab:
        network, servers = protected(lab, vlan)
        if by_kernel and not lab.stand_in:
            need_path(lab)
            answering(lab)
        frames = check_tags(lab, network, vlan)
        if not lab.stand_in:
            check_wrong_clients(network, servers)
            if by_kernel:
                check_kernel_does(network)
            else:
                check_ends_are_known(network)
            check(
                any(flow["vlan"] == vlan for flow in lab.flows()),
                f"flows name the VLAN {vlan}: {lab.flows()[:2]}",
            )
        return f"{frames} frames to the client"


def test_attack_in_a_vlan():
    return attacked([7])


def test_flood_in_a_vlan():
    """Ends in the kernel, for each server in its VLAN."""
    with Lab(sides="veth") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        network, _ = protected(lab, [7])
        need_path(lab)
        answering(lab)
        answered = [flooded(network, address, "answered") for address in (SERVER4, SERVER6)]
        rejected = flooded(network, SERVER4, "rejected", ack="yes")
        return f"{answered} of {FLOOD} SYNs answered in the kernel, {rejected} ACKs dropped there"


def test_attack_in_qinq():
    return attacked([200, 7])


def test_attack_in_qinq_between_taps():
    """What a port sends through tc has its outer tag beside the frame, not in it."""
    return attacked([200, 7], "tap")


def test_same_address_in_two_vlans():
    """Four servers with one address and port: untagged, in VLAN 7, in VLAN 8, in VLAN 7 within 200.
    Each has a profile of its own."""
    with Lab() as lab:
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        networks = {vlan: Network(lab, list(vlan)) for vlan in ((7,), (8,), (200, 7), (200, 8))}
        kinds = {(): "http", (7,): "http", (8,): "pop3", (200, 7): "http", (200, 8): "pop3"}
        for vlan, network in networks.items():
            getattr(network, kinds[vlan])(port=80)
            network.learn(kinds[vlan], 80)
        lab.set_mode("attack")
        if not lab.stand_in:
            found = {
                tuple(p["vlan"]): p["application"]["protocol"]
                for p in lab.cli("profiles")["profiles"]
            }
            check_equal(found, kinds, "profiles")
        for vlan, network in networks.items():
            check_equal(
                network.fetch(kinds[vlan], 80, count=5)["ok"], 5, f"{kinds[vlan]} fetches in {vlan}"
            )
        check_equal(lab.fetch("http", 80, count=5)["ok"], 5, "untagged fetches")
        return f"{len(kinds)} servers at {SERVER4}:80"


def transfers(vlan, sides="netns"):
    """Both ways, both families. The hosts leave segmentation and checksums to the wire: tagged
    frames of up to 64 KiB cross."""
    with Lab(sides=sides) as lab:
        network, _ = protected(lab, vlan)
        worst, before = 0, lab.stats().get("frames")
        path = None
        if sides == "veth" and not lab.stand_in:
            need_path(lab)
            path = kernel(lab)
        for kind in ("download", "upload"):
            for address in (SERVER4, SERVER6):
                result = network.fetch(kind, 80, address, bytes=TRANSFER_BYTES, timeout_ms=60000)
                check_equal(result["ok"], 1, f"{kind} from {address} ({result})")
                worst = max(worst, result["worst_us"])
        if before:
            for side, bulk in (("client_in", "upload"), ("server_in", "download")):
                # Half of the frames on a side may be bare ACKs of what goes the other way.
                count = lab.stats()["frames"][side] - before[side]
                check(
                    2 * TRANSFER_BYTES / count > SUPER_FRAME_BYTES,
                    f"{count} frames on {side}: the {bulk} was no super-frames",
                )
        if path:
            after = kernel(lab)
            carried, up = after["carried"] - path["carried"], went_up(path, after)
            check(carried >= CARRIED * (carried + sum(up.values())), f"{carried} carried, up: {up}")
        return f"slowest {TRANSFER_BYTES * 8 / worst / 1000:.1f} Gb/s"


def test_transfers_in_a_vlan():
    return transfers([7])


def test_transfers_in_a_vlan_by_the_kernel():
    return transfers([7], "veth")


def test_attack_in_a_vlan_by_the_kernel():
    return attacked([7], "veth", by_kernel=True)


def test_attack_in_qinq_beside_the_kernel():
    return attacked([200, 7], "veth")


def test_transfers_in_qinq():
    return transfers([200, 7])


runner.main(globals())
