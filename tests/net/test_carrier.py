# SPDX-License-Identifier: GPL-2.0-or-later
"""--carrier: what one side has lost is mirrored to the other, as a cable does, and comes back."""
import json
import os

import runner
from lab import CLIENT_IF, PORTS, SERVER_IF, SYNWARD, Lab, check, check_equal, run, wait_until

WITHIN_S = 20  # the kernel tells of a carrier that is lost within 1 s, and the machine is busy
PATIENCE_S = 4  # bridge/sides/carrier.h
SANDBOX = ("--sandbox", "auto")


def daemon_lab(**options):
    lab = Lab(**options)
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def link(namespace, interface):
    return json.loads(namespace.run("ip", "-j", "-d", "link", "show", interface))[0]


def has_carrier(namespace, interface):
    flags = link(namespace, interface)["flags"]
    return "LOWER_UP" in flags and "UP" in flags


def is_up(namespace, interface):
    return "UP" in link(namespace, interface)["flags"]


def carrier_of(lab, side):
    return lab.cli("status")["sides"][side]["carrier"]


def passes(lab):
    check_equal(lab.fetch("http", 80, count=5, timeout_ms=20000)["failed"], 0, "fetches")


def events(lab):
    """Of the sides, as `watch` tells them afterwards."""
    lines = lab.daemon.said().splitlines()
    return [line for line in lines if "carrier" in line and "probe" not in line]


def both_ends(lab):
    """(side, its host, interface there) of what is to be told, and the same of what loses."""
    client = ("client", lab.client, CLIENT_IF)
    server = ("server", lab.server, SERVER_IF)
    return (client, server), (server, client)


def mirrored_and_back(lab, loses, told, down, up):
    """`down` takes the carrier of side `loses`: the far end of `told` sees none until `up`."""
    side, _, _ = loses
    other, host, interface = told
    before = len(events(lab))
    down()
    wait_until(lambda: not has_carrier(host, interface), WITHIN_S, f"{other} is told")
    wait_until(lambda: carrier_of(lab, side) == "lost", WITHIN_S, f"status of {side}")
    check_equal(carrier_of(lab, other), "held", f"status of {other}")
    wait_until(lambda: len(events(lab)) > before, WITHIN_S, "an event")
    check("nor does" in events(lab)[-1], events(lab)[-1])
    before = len(events(lab))
    check("no carrier" in lab.cli_text("status"), "for people, too")
    up()
    wait_until(lambda: has_carrier(host, interface), WITHIN_S, f"{other} has it back")
    wait_until(lambda: carrier_of(lab, side) == "there", WITHIN_S, f"status of {side}")
    wait_until(lambda: carrier_of(lab, other) == "there", WITHIN_S, f"status of {other}")
    wait_until(lambda: len(events(lab)) > before, WITHIN_S, "another event")
    check("has a carrier again" in events(lab)[-1], events(lab)[-1])


def by_hosts(lab):
    """The host's end goes down and up: a veth behind a port, or the card that is our TAP."""
    for told, loses in both_ends(lab):
        _, host, interface = loses
        mirrored_and_back(
            lab,
            loses,
            told,
            lambda h=host, i=interface: h.ip(f"link set {i} down"),
            lambda h=host, i=interface: h.ip(f"link set {i} up"),
        )
        passes(lab)


def test_ports():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=SANDBOX)
        lab.http()
        passes(lab)
        by_hosts(lab)
        flags = {port: set(link(lab.bridge, port)["flags"]) for port in PORTS}
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        for port in PORTS:
            check_equal(set(link(lab.bridge, port)["flags"]), flags[port] - {"PROMISC"}, port)


def test_ports_by_the_kernel():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=("--kernel-path", "on"))
        lab.http()
        by_hosts(lab)
        check(lab.cli("status")["kernel_path"]["on"], "the kernel path is as before")


def test_cards():
    with daemon_lab() as lab:
        lab.start(mode="normal", extra=SANDBOX)
        lab.http()
        passes(lab)
        by_hosts(lab)


def test_without_the_sandbox():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=("--sandbox", "off"))
        lab.http()
        by_hosts(lab)


def test_keep():
    """Nothing is mirrored, but told; and what is mirrored is taken back where that ends."""
    with daemon_lab(sides="port") as lab:
        lab.make_ports()
        config = f"{lab.folder}/synward.conf"

        def say(setting):
            with open(config, "w") as file:
                file.write(f"carrier = {setting}\n")

        say("keep")
        lab.start(mode="normal", extra=("--config", config))
        lab.client.ip(f"link set {CLIENT_IF} down")
        wait_until(lambda: carrier_of(lab, "client") in ("awaited", "lost"), WITHIN_S, "it is seen")
        wait_until(lambda: events(lab), WITHIN_S + PATIENCE_S, "an event")
        check("is not told: as asked for" in events(lab)[-1], events(lab)[-1])
        check(has_carrier(lab.server, SERVER_IF), "the server's stays")
        for setting, told in (("mirror", True), ("keep", False)):
            say(setting)
            changes = lab.cli("reload")["changes"]
            check_equal([c["restart"] for c in changes if c["key"] == "carrier"], [False], changes)
            wait_until(
                lambda t=told: has_carrier(lab.server, SERVER_IF) != t, WITHIN_S, f"now {setting}"
            )


def test_port_that_vanishes():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=SANDBOX)
        lab.bridge.run("ip", "link", "del", "p0")
        wait_until(lambda: not has_carrier(lab.server, SERVER_IF), WITHIN_S, "the server is told")
        lab.bridge.run("ip", "link", "add", "p0", "type", "veth", "peer", "name", "far0")
        lab.bridge.ip("link set far0 up")
        wait_until(lambda: has_carrier(lab.server, SERVER_IF), WITHIN_S, "it is back")


def test_both_at_once():
    """Who comes back last brings both back."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=SANDBOX)
        lab.http()
        passes(lab)
        lab.client.ip(f"link set {CLIENT_IF} down")
        wait_until(lambda: carrier_of(lab, "server") == "held", WITHIN_S, "the server is told")
        lab.server.ip(f"link set {SERVER_IF} down")
        lab.client.ip(f"link set {CLIENT_IF} up")
        wait_until(
            lambda: carrier_of(lab, "client") == "held",
            WITHIN_S + PATIENCE_S,
            "the other way round",
        )
        lab.server.ip(f"link set {SERVER_IF} up")
        wait_until(lambda: has_carrier(lab.client, CLIENT_IF), WITHIN_S, "the client's")
        wait_until(lambda: has_carrier(lab.server, SERVER_IF), WITHIN_S, "the server's")
        passes(lab)


def test_two_in_a_row():
    """What one mirrors, the next one mirrors on: both have all back, whoever comes first."""
    with daemon_lab(sides="port") as lab:
        lab.make_ports()
        # client -- p0 [ one ] p1 -- w0 [ two ] p2 -- server
        lab.bridge.run("ip", "link", "set", "p1", "name", "p2")
        lab.bridge.run("ip", "link", "add", "p1", "type", "veth", "peer", "name", "w0")
        lab.bridge.ip("link set p1 up", "link set w0 up")
        lab.start(mode="normal", extra=SANDBOX)
        argv = lab.daemon_command(extra=SANDBOX)
        name = lab.bridge.name
        for option, value in (
            ("--client", f"port:w0@{name}"),
            ("--server", f"port:p2@{name}"),
            ("--store", f"{lab.folder}/second.json"),
            ("--control", f"{lab.folder}/second.sock"),
        ):
            argv[argv.index(option) + 1] = value
        second = lab.spawn(*argv)
        wait_until(lambda: " ready: " in second.said(), 20, "the second is ready")
        lab.http()
        passes(lab)
        lab.client.ip(f"link set {CLIENT_IF} down")
        wait_until(lambda: not has_carrier(lab.server, SERVER_IF), 2 * WITHIN_S, "told over two")
        lab.client.ip(f"link set {CLIENT_IF} up")
        wait_until(lambda: has_carrier(lab.server, SERVER_IF), 2 * WITHIN_S, "back over two")
        passes(lab)
        # Both ends at once: each bridge takes the wire between them down.
        lab.client.ip(f"link set {CLIENT_IF} down")
        lab.server.ip(f"link set {SERVER_IF} down")
        wait_until(
            lambda: not (is_up(lab.bridge, "p1") and is_up(lab.bridge, "w0")),
            WITHIN_S,
            "the wire between them is down",
        )
        lab.client.ip(f"link set {CLIENT_IF} up")
        lab.server.ip(f"link set {SERVER_IF} up")
        for host, interface in ((lab.client, CLIENT_IF), (lab.server, SERVER_IF)):
            wait_until(lambda h=host, i=interface: has_carrier(h, i), 60, f"{interface} is back")
        passes(lab)
        check_equal(second.stop()[0], 0, "exit code of the second")


def test_where_nobody_can_be_told():
    """A port with an address of the host, a tap that a guest holds: said, and left alone."""
    with daemon_lab(sides="port") as lab:
        lab.make_ports()
        lab.bridge.ip("addr add 192.0.2.9/24 dev p1")
        lab.start(mode="normal", extra=SANDBOX)
        check("has an address" in lab.cli("status")["sides"]["server"]["untold"], "status says so")
        check("untold" not in lab.cli("status")["sides"]["client"], "of the other it does not")
        check("is not mirrored to" in lab.cli_text("status"), "for people, too")
        lab.client.ip(f"link set {CLIENT_IF} down")
        wait_until(lambda: events(lab), WITHIN_S, "an event")
        check("is not told: p1 has an address" in events(lab)[-1], events(lab)[-1])
        check(has_carrier(lab.server, SERVER_IF), "the server's stays")
        check_equal(carrier_of(lab, "server"), "there", "status of the server side")
    with daemon_lab(sides="port") as lab:
        lab.make_ports()
        lab.bridge.run("ip", "link", "del", "p1")
        lab.bridge.run("ip", "tuntap", "add", "p1", "mode", "tap")
        argv = lab.daemon_command()
        daemon = lab.spawn(*argv)
        wait_until(lambda: " ready: " in daemon.said(), 20, "ready")
        said = lab.cli("status")["sides"]["server"]["untold"]
        check("nobody behind p1 would see it (tun)" in said, said)


def test_who_brings_it_up_has_the_last_word():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=SANDBOX)
        lab.client.ip(f"link set {CLIENT_IF} down")
        wait_until(lambda: not is_up(lab.bridge, "p1"), WITHIN_S, "held")
        lab.bridge.ip("link set p1 up")
        seen = lab.cli("status")["uptime_s"]
        wait_until(lambda: lab.cli("status")["uptime_s"] >= seen + 3, 30, "some looks")
        check(is_up(lab.bridge, "p1"), "it is left alone")
        lab.client.ip(f"link set {CLIENT_IF} up")
        wait_until(lambda: carrier_of(lab, "client") == "there", WITHIN_S, "there")
        lab.client.ip(f"link set {CLIENT_IF} down")
        wait_until(lambda: not is_up(lab.bridge, "p1"), WITHIN_S, "held again")


def held(lab):
    lab.make_ports()
    lab.start(mode="normal", extra=SANDBOX)
    lab.client.ip(f"link set {CLIENT_IF} down")
    wait_until(lambda: not is_up(lab.bridge, "p1"), WITHIN_S, "held")


def test_the_end_while_it_is_held():
    with daemon_lab(sides="port") as lab:
        held(lab)
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check(is_up(lab.bridge, "p1"), "as it was before")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "nothing is left")


def test_a_kill_while_it_is_held():
    """The next start, and detach, know that it was up."""
    for how in ("start", "detach"):
        with daemon_lab(sides="port") as lab:
            held(lab)
            lab.kill_daemon()
            check(not is_up(lab.bridge, "p1"), "it stays down")
            if how == "detach":
                run(SYNWARD, "detach", *lab.side_names())
            else:
                lab.client.ip(f"link set {CLIENT_IF} up")
                os.unlink(lab.control)
                lab.start(mode="normal")
                lab.http()
                passes(lab)
                check_equal(lab.stop_daemon()[0], 0, "exit code")
            check(is_up(lab.bridge, "p1"), "as it was before")
            check("clsact" not in lab.bridge.run("tc", "qdisc"), "nothing is left")


runner.main(globals())
