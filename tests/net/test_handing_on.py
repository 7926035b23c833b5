# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that is told that another one follows (SIGUSR2) leaves it the wire as it is: nothing is
cut in between, what is joined goes on, and the keys are the same."""
import os
import secrets
import signal
import time

import runner
from beat import Beat, ConnectionBeat
from lab import SERVER4, SERVER6, SYNWARD, check, check_equal, listens, run, wait_until
from rawtcp import ACK, EVERYTHING, PSH, RST, RawClient
from streams import Streams
from test_takeover import (
    REQUEST,
    asked_for_over_a_restart,
    daemon_lab,
    halves_over_restarts,
    KINDS,
    let_in_beside_restarts,
    many_under_a_flood,
    restarts_under_traffic,
    served_by_a_cookie_of_the_old_one,
)

RESTARTS = int(os.environ.get("DEAD_KILLS", "3"))
HOLE_MS = 50
HANDED_ON = "the wire goes on without synward, until the next start"


def end(lab):
    """In order, with its files written."""
    code, _ = lab.daemon.stop(signal.SIGUSR2)
    check_equal(code, 0, "exit code")
    check(HANDED_ON in lab.daemon.said(), lab.daemon.errors())


def follow(lab, mode="attack", extra=()):
    check(not listens(lab.control), "nobody is there")
    lab._start_daemon(mode, extra)  # pylint: disable=protected-access
    check("took over" in lab.daemon.said(), lab.daemon.errors())
    check("killed" not in lab.daemon.said(), lab.daemon.errors())


def holes(lab):
    """Of datagrams and of a joined connection, over the whole of a restart."""
    worst = {}
    with Beat(lab) as beat, Streams(lab) as streams:
        with ConnectionBeat(lab, Streams.JOINED_PORT) as joined:
            for _ in range(RESTARTS):
                begin = time.monotonic()
                end(lab)
                streams.go_on()
                follow(lab)
                streams.go_on()
                for name, of in (("datagrams", beat), ("a joined connection", joined)):
                    newest = max(sent for _, sent, _ in of.came)
                    hole, lost = worst.get(name, (0, 0))
                    hole = max(hole, 1000 * of.longest_loss_s(begin, newest))
                    worst[name] = hole, lost + len(of.lost(begin, newest))
    return worst


def no_hole(sides):
    with daemon_lab(sides=sides) as lab:
        lab.start()
        worst = holes(lab)
        check(max(worst.values())[0] <= HOLE_MS, f"ms in a row that did not come, lost: {worst}")
        said = (f"{name}: {ms:.0f} ms in a row, {lost} lost" for name, (ms, lost) in worst.items())
        return f"{RESTARTS} restarts; {'; '.join(said)}"


def test_no_hole_between_ports():
    return no_hole("port")


def test_no_hole_between_cards():
    return no_hole("netns")


def test_connections_of_all_kinds():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        return restarts_under_traffic(lab, how=signal.SIGUSR2)


def test_many_under_a_flood():
    return many_under_a_flood(how=signal.SIGUSR2)


def test_handshake_with_a_cookie_of_the_old_process():
    served_by_a_cookie_of_the_old_one([SYNWARD], how=signal.SIGUSR2)


def answered_meanwhile(lab, raw, when, extra=()):
    """A handshake and a request, one part of it while nobody is there. What is said then is neither
    answered by the server nor lost: its client says it again."""
    client = raw.connection(port=80, options=EVERYTHING)
    if when == "request":
        client.handshake()
        end(lab)
    else:
        end(lab)
        client.handshake()
    client.send(REQUEST, advance=False)
    reset = client.receive(0.5, lambda segment: segment.flags & RST)
    check(reset is None, f"a reset: {reset}")
    follow(lab, extra=extra)
    client.send(REQUEST, advance=False)
    said = client.read(lambda said: b"200" in said)
    check(b"200 OK" in said, f"served: {said}")


def test_who_comes_meanwhile_to_a_server_in_attack_mode():
    """His SYN is answered with a cookie that the next one takes, and that of the last one does not
    come to the server, which would break it off."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        http = lab.http()
        lab.learn("http", 80)
        lab.learn("http", 80, SERVER6)
        lab.set_mode("attack")
        for address in (SERVER4, SERVER6):
            raw = RawClient(lab, address)
            for when in ("request", "SYN"):
                before = http.counts()["requests"]
                answered_meanwhile(lab, raw, when)
                check_equal(http.counts()["requests"], before + 1, f"requests served ({when})")
            raw.close()


def test_who_comes_meanwhile_with_a_key_for_all_bridges():
    """The time of such cookies is another."""
    with daemon_lab(sides="port") as lab:
        key = os.path.join(lab.folder, "cluster.key")
        with open(key, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"{secrets.token_hex(32)}\n")
        extra = ("--cluster-key", key)
        lab.start(mode="normal", extra=extra)
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        raw = RawClient(lab)
        for when in ("request", "SYN"):
            answered_meanwhile(lab, raw, when, extra)
        raw.close()


def test_who_was_greeted_and_speaks_meanwhile():
    """He acknowledges our greeting, which his server has not said."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        lab.pop3()
        lab.learn("pop3", 110)
        lab.set_mode("attack")
        raw = RawClient(lab)
        client = raw.connection(110, options=EVERYTHING)
        client.handshake()
        check_equal(client.line(), b"+OK ready\r\n", "the greeting")
        end(lab)
        client.send(b"USER test\r\n", advance=False)
        reset = client.receive(0.5, lambda segment: segment.flags & RST)
        check(reset is None, f"a reset: {reset}")
        follow(lab)
        client.send(b"USER test\r\n", advance=False)
        check_equal(client.line(), b"+OK\r\n", "the answer")
        raw.close()


def test_other_sides_than_before():
    """Nobody goes on with the old wire: it is as it was before synward."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        lab.bridge.run("ip", *"link add q0 type veth peer name q1".split())
        end(lab)
        lab.side_names = lambda: tuple(f"port:{q}@{lab.bridge.name}" for q in ("q0", "q1"))
        lab._start_daemon("normal", ())  # pylint: disable=protected-access
        check("is removed" in lab.daemon.said(), lab.daemon.errors())
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")


def test_requests_of_which_a_part_was_acknowledged():
    """Their rest, said meanwhile, is not for the server, which would break them off."""
    halves_over_restarts(signal.SIGUSR2)


def test_requests_whose_server_was_asked():
    asked_for_over_a_restart(signal.SIGUSR2)


def test_who_comes_meanwhile_to_a_server_in_calm():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        lab.http()
        check_equal(lab.fetch("http", 80)["ok"], 1, "served before")
        end(lab)
        check_equal(lab.fetch("http", 80, count=8)["ok"], 8, "served meanwhile")
        follow(lab, "normal")
        check_equal(lab.fetch("http", 80, count=8)["ok"], 8, "served then")


def test_nobody_follows():
    """The wire goes on as after a kill, by --when-dead; `detach` ends it."""
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        end(lab)
        # So long the kernel answers SYNs for the next one, who would check the cookies.
        wait_until(lambda: lab.fetch("http", 80, timeout_ms=1000)["ok"] == 1, 60, "it is over")
        check_equal(lab.fetch("http", 80, count=4)["ok"], 4, "by the server itself")
        run(SYNWARD, "detach", *lab.side_names())
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")


def test_those_who_are_being_let_in():
    """Nobody is reset, and nobody waits for ever for a server that is opened, or its greeting."""
    told = [let_in_beside_restarts(kind, port, "port", signal.SIGUSR2) for kind, port in KINDS]
    return "; ".join(told)


def test_where_the_wire_cannot_go_on_it_is_an_end_as_any():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="normal", extra=("--when-dead", "closed"))
        check_equal(lab.daemon.stop(signal.SIGUSR2)[0], 0, "exit code")
        check("stopped" in lab.daemon.said(), lab.daemon.errors())
        check(HANDED_ON not in lab.daemon.said(), lab.daemon.errors())
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")


if __name__ == "__main__":
    runner.main(globals())
