# SPDX-License-Identifier: GPL-2.0-or-later
"""What others do to the sides' interfaces while synward runs: it is mended, or said."""
import json
import signal
import time

import runner
from beat import Beat
from lab import CLIENT_IF, PORTS, SERVER_IF, SYNWARD, Lab, check, check_equal, run, wait_until

WITHIN_S = 20  # of a machine that is busy; how soon it is mended datagrams tell
HOLE_S = 1


def daemon_lab(**options):
    lab = Lab(**options)
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def passes(lab):
    check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches")


def cut_of(lab, side):
    return lab.cli("status")["sides"][side].get("cut")


def tap_of(lab, port):
    index = json.loads(lab.bridge.run("ip", "-j", "link", "show", port))[0]["ifindex"]
    return f"synward{index}"


def has_filters(lab, interface):
    shown = lab.bridge.run("tc", "filter", "show", "dev", interface, "ingress")
    return "u32" in shown and "bpf" in lab.bridge.run(
        "tc", "filter", "show", "dev", interface, "egress"
    )


def hole_s(beat, begin):
    """For how long of the time since then nothing came through that was sent meanwhile."""
    now = time.monotonic()
    wait_until(lambda: len(beat.since(now)) > 50, 20, "datagrams come")
    return beat.longest_loss_s(begin, now)


def test_filters_that_are_taken_away():
    """The whole qdisc, or one filter, of the port or of its TAP."""
    holes = []
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        lab.http()
        passes(lab)
        with Beat(lab) as beat:
            for port in PORTS:
                for device in (port, tap_of(lab, port)):
                    for what in (
                        ("qdisc", "del", "dev", device, "clsact"),
                        ("filter", "del", "dev", device, "ingress"),
                        ("filter", "del", "dev", device, "egress"),
                    ):
                        begin = time.monotonic()
                        lab.bridge.run("tc", *what)
                        wait_until(lambda: has_filters(lab, device), WITHIN_S, f"mended: {what}")
                        passes(lab)
                        holes.append(hole_s(beat, begin))
                        check(holes[-1] <= HOLE_S, f"{what}: cut for {holes[-1]:.2f} s")
        check("joined again" in lab.daemon.said(), f"the log: {lab.daemon.errors()}")
        check_equal(cut_of(lab, "client"), None, "the client side")
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")
        return f"{len(holes)} times, cut for {max(holes) * 1000:.0f} ms at most"


def test_filters_of_somebody_else():
    """Their qdisc in the place of ours is left alone, and the side is cut until it is gone."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        lab.http()
        lab.bridge.run("ip", "link", "set", "p0", "down")  # so that nobody is quicker
        lab.daemon.popen.send_signal(signal.SIGSTOP)  # so that they are quicker than the daemon
        lab.bridge.run("tc", *"qdisc del dev p0 clsact".split())
        lab.bridge.run("tc", *"qdisc add dev p0 ingress".split())
        lab.daemon.popen.send_signal(signal.SIGCONT)
        wait_until(lambda: "left alone" in (cut_of(lab, "client") or ""), WITHIN_S, "status says")
        check("the wire is cut" in lab.daemon.said(), f"the log: {lab.daemon.errors()}")
        check("cut: " in lab.cli_text("status"), "for people, too")
        lab.bridge.run("tc", "qdisc", "del", "dev", "p0", "ingress")
        lab.bridge.run("ip", "link", "set", "p0", "up")
        wait_until(lambda: cut_of(lab, "client") is None, WITHIN_S, "joined again")
        passes(lab)


def test_detach_after_a_kill():
    """p1 was down before. Twice is as good as once; who runs is left alone."""
    with daemon_lab(sides="port") as lab:
        lab.make_ports()
        lab.bridge.run("ip", "link", "set", "p1", "down")
        lab.start(mode="normal")
        refused = run(SYNWARD, "detach", *lab.side_names(), ok=False)
        check("in use by another synward" in refused.stderr, f"while it runs: {refused}")
        lab.stop_daemon(signal.SIGKILL)
        check("clsact" in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")
        said = run(SYNWARD, "detach", *lab.side_names())
        check_equal(said.count("is removed"), 2, said)
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "nothing is left")
        check("UP" not in lab.bridge.run("ip", "-br", "link", "show", "p1"), "p1 is down again")
        said = run(SYNWARD, "detach", *lab.side_names())
        check_equal(said.count("nothing is left behind"), 2, said)


def test_detach_beside_somebody_else():
    """Our filters go, theirs stay, and frames that come in go up again."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        theirs = "filter add dev p0 {} pref 7 protocol 0x88B6 u32 match u32 0 0 flowid 1:1"
        for hook in ("ingress", "egress"):
            lab.bridge.run("tc", *theirs.format(hook).split())
        refused = run(SYNWARD, "detach", lab.side_names()[0], ok=False)
        check("in use by another synward" in refused.stderr, f"while it runs: {refused}")
        lab.stop_daemon(signal.SIGKILL)
        said = run(SYNWARD, "detach", *lab.side_names())
        check_equal(said.count("is removed"), 2, said)
        for hook in ("ingress", "egress"):
            left = lab.bridge.run("tc", "filter", "show", "dev", "p0", hook)
            check("pref 7 " in left, f"theirs: {left}")
            check("mirred" not in left and "synward" not in left, f"ours: {left}")


def test_detach_of_what_is_not_there():
    """A name that nobody bears is most likely a mistyped one."""
    refused = run(SYNWARD, "detach", "port:nosuchport0", ok=False)
    check(refused.returncode != 0 and "nosuchport0" in refused.stderr, f"{refused}")
    check("nothing is left" not in refused.stdout, f"{refused}")


def test_port_that_is_gone():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        run("ip", "-n", lab.bridge.name, "link", "del", "p0")
        wait_until(lambda: "vanished" in (cut_of(lab, "client") or ""), WITHIN_S, "status says so")


def test_port_that_gets_another_name():
    """It is the same port; and so it is where somebody else takes the name."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        lab.http()
        with Beat(lab) as beat:
            begin = time.monotonic()
            lab.bridge.run("ip", "link", "set", "p0", "name", "p9")
            passes(lab)
            lab.bridge.ip("link add p0 type veth peer name p8", "link set p0 up")
            seen = lab.cli("status")["uptime_s"]
            wait_until(lambda: lab.cli("status")["uptime_s"] >= seen + 2, 20, "two looks at it")
            passes(lab)
            hole = hole_s(beat, begin)
        check(hole <= HOLE_S, f"cut for {hole:.2f} s")
        check(not cut_of(lab, "client"), f"cut: {cut_of(lab, 'client')}")
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")
        return f"cut for {hole * 1000:.0f} ms"


def test_namespace_of_ports_that_is_made_anew():
    """While only its name is gone, frames pass; then it is said, and when there are ports again the
    sides are opened anew, in the sandbox by the next start."""
    for sandbox in ("off", "auto"):
        with daemon_lab(sides="port") as lab:
            lab.start(mode="normal", extra=("--sandbox", sandbox))
            lab.http()
            run("ip", "netns", "del", lab.bridge.name)
            passes(lab)
            run("ip", "netns", "add", lab.bridge.name)
            for side in ("client", "server"):
                wait_until(lambda s=side: "made anew" in (cut_of(lab, s) or ""), WITHIN_S, side)
            check("the wire is cut" in lab.daemon.said(), f"the log: {lab.daemon.errors()}")
            for host, interface in ((lab.client, CLIENT_IF), (lab.server, SERVER_IF)):
                host.ip(f"link del {interface}")
            for port in PORTS:
                lab.lay_wire(port)
            if sandbox == "off":
                wait_until(
                    lambda: lab.daemon.said().count(" ready: ") == 2, WITHIN_S, "ready again"
                )
            else:
                check_equal(lab.daemon.popen.wait(timeout=30), 1, "exit code")
                lab.start(mode="normal")
            lab._addresses(1500)
            passes(lab)
            check_equal(lab.stop_daemon()[0], 0, "exit code")


def test_tap_that_is_gone():
    """The TAP behind a port is removed: it is made again, and connections live on."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=("--sandbox", "off"))
        lab.http()
        lab.learn("http", 80)
        passes(lab)
        lab.bridge.run("ip", "link", "del", tap_of(lab, "p0"))
        wait_until(lambda: "opened anew" in lab.daemon.said(), WITHIN_S, "the log says so")
        wait_until(lambda: lab.daemon.said().count(" ready: ") == 2, WITHIN_S, "ready again")
        passes(lab)
        lab.daemon.popen.send_signal(signal.SIGTERM)
        check_equal(lab.daemon.popen.wait(timeout=30), 0, "exit code")


def test_tap_that_is_gone_in_the_sandbox():
    """Without privileges it takes a start from outside; connections live on then, too."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=("--sandbox", "auto"))
        if lab.cli("status")["sandbox"]["state"] == "off":
            raise runner.Skip("there is no sandbox")
        lab.http()
        lab.learn("http", 80)
        lab.bridge.run("ip", "link", "del", tap_of(lab, "p0"))
        check_equal(lab.daemon.popen.wait(timeout=30), 1, "exit code")
        check("a service manager does" in lab.daemon.said(), f"the log: {lab.daemon.errors()}")
        lab.start(mode="normal")
        passes(lab)


def test_card_that_gets_another_name():
    """As where it is to be eth0 in a container: frames pass as before."""
    with daemon_lab() as lab:
        lab.start(mode="normal")
        lab.http()
        passes(lab)
        lab.client.ip(
            f"link set {CLIENT_IF} down",
            f"link set {CLIENT_IF} name eth0",
            "link set eth0 up",
        )
        seen = lab.cli("status")["uptime_s"]
        wait_until(lambda: lab.cli("status")["uptime_s"] >= seen + 2, 20, "two looks at the sides")
        check(not cut_of(lab, "client"), f"cut: {cut_of(lab, 'client')}")
        check("anew" not in lab.daemon.said(), lab.daemon.errors())
        check_equal(lab.stop_daemon()[0], 0, "exit code")


def test_namespace_that_is_made_anew():
    """The server's, with the card that synward had made there."""
    with daemon_lab() as lab:
        lab.start(mode="normal", extra=("--sandbox", "off"))
        name = lab.server.name
        run("ip", "netns", "del", name)
        run("ip", "netns", "add", name)
        wait_until(lambda: SERVER_IF in run("ip", "-n", name, "-br", "link"), WITHIN_S, "a card")
        wait_until(lambda: lab.daemon.said().count(" ready: ") == 2, WITHIN_S, "ready again")
        check("was made anew" in lab.daemon.said(), f"the log: {lab.daemon.errors()}")
        check(CLIENT_IF in run("ip", "-n", lab.client.name, "-br", "link"), "the client's card")
        check_equal(lab.stop_daemon()[0], 0, "exit code")


runner.main(globals())
