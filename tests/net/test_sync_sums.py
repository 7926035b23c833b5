# SPDX-License-Identifier: GPL-2.0-or-later
"""Three bridges that judge the sum of what all of them count, and each its part of the limit where
they do not hear of each other."""
import collections
import json
import signal
import socket
import time

import runner
from cluster import PORT, Cluster, all_joined, attacked
from lab import SERVER4, check, check_equal, wait_until

LIMIT = 90  # of half-open clients, and of silent ones: a part of it is 30
SERVER = f"10.77.0.2:{PORT}"


def sums(cluster):
    return [bridge.state()["sums"] for bridge in cluster.bridges]


def half_open(bridge):
    found = [s for s in bridge.cli("status")["servers"] if s["port"] == PORT]
    return found[0]["figures"]["half_open"]


def begin(cluster):
    """All three know the server, hear of each other, and have one limit."""
    a = all_joined(cluster)[0]
    a.learn("http", PORT)
    wanted = {"trigger.half_open": LIMIT, "trigger.silent": LIMIT}
    for name, value in wanted.items():
        a.cli("profiles", "set", SERVER, f"{name}={value}")
    for bridge in cluster.bridges:
        wait_until(
            lambda b=bridge: b.profile(PORT)
            and wanted.items() <= b.profile(PORT)["settings"].items(),
            20,
            f"{bridge.name} has the profile",
        )
        check_equal(bridge.fetch("http", port=PORT)["failed"], 0, f"{bridge.name} serves")
    wait_until(lambda: all(sums(cluster)), 20, f"sums are known: {sums(cluster)}")
    return cluster.bridges


def told(cluster):
    """What each that is attacked by a trigger of its own says of it."""
    said = {f.split(" ")[-1]: t for f, t in cluster.hash("attacks").items()}
    return {node: json.loads(text.split("\n", 1)[1])["value"] for node, text in said.items()}


def counted(cluster, bridge, figure):
    """What `bridge` tells the others of it."""
    text = cluster.hash("figures").get(bridge.name, "\n{}")
    servers = json.loads(text.split("\n", 1)[1]).get("servers", [])
    return sum(s[figure] for s in servers if s["port"] == PORT)


def hold_half_open(cluster, bridge, count, seed):
    bridge.flood(PORT, count=count, rate=200, seed=seed)
    wait_until(
        lambda: counted(cluster, bridge, "half_open") >= count or attacked(bridge),
        10,
        f"{count} are told",
    )


def spread_over_three():
    """What is told of the attack; None: this machine was so busy that a bridge fell behind, which
    acts at its part then."""
    with Cluster("a", "b", "c") as cluster:
        a, b, c = begin(cluster)
        hold_half_open(cluster, a, 60, 1)  # twice a part of the limit
        hold_half_open(cluster, b, 20, 2)
        # What all say behind it has been heard, and judged.
        a.cli("sources", "add", "198.51.100.1")
        wait_until(lambda: c.rules(), 15, "c has a's rule")
        for bridge in (a, b, c):
            check_equal(bridge.fetch("http", port=PORT, count=10)["failed"], 0, "served")
        if told(cluster):
            check(min(told(cluster).values()) >= 3 * 20, f"by parts: {told(cluster)}")
            return None
        check(half_open(a) > LIMIT // 3, f"more than its part: {half_open(a)}")
        check_equal([attacked(x) for x in (a, b, c)], [False] * 3, "80 of 90 are no attack")
        hold_half_open(cluster, c, 20, 3)
        wait_until(lambda: all(attacked(x) for x in (a, b, c)), 20, "100 of 90 are one at all")
        causes = [s["cause"] for s in b.cli("status")["servers"] if s["port"] == PORT]
        check("half-open" in causes[0], causes)
        figures = told(cluster)
        # 180 is a's own, as it acts at its part.
        return figures if max(figures.values()) < 3 * LIMIT // 2 else None


def test_half_open_clients_are_judged_as_a_sum():
    """No part that would be an attack by itself, nor one that is none beside the others."""
    for _ in range(4):
        figures = spread_over_three()
        if figures:
            break
    check(figures, "four times one acted at its part of the limit")
    check(min(figures.values()) > LIMIT, figures)
    return f"60, 20 and 20 half-open, of which {LIMIT} are the limit: told {figures}"


class SilentClients:
    """They connect, 33 a second at each bridge, and say nothing."""

    def __init__(self):
        self.held = collections.deque()
        self.next = 0

    def more_at(self, bridges):
        """A tick of theirs; a busy machine makes up for three of them, and no more."""
        now = time.monotonic()
        self.next = max(self.next, now - 0.09)
        time.sleep(max(0, self.next - now))
        self.next += 0.03
        for bridge in bridges:
            with bridge.client.inside():
                one = socket.socket()
            one.setblocking(False)
            one.connect_ex((SERVER4, PORT))
            self.held.append(one)
        while len(self.held) > 300:  # long out of any window
            self.held.popleft().close()

    def close(self):
        while self.held:
            self.held.popleft().close()


def silent_at_three(clients):
    """The same as spread_over_three(), of clients that come all the time."""
    with Cluster("a", "b", "c") as cluster:
        bridges = begin(cluster)
        a = bridges[0]
        most, end = 0, time.monotonic() + 30
        begun = None  # when a had more than its part
        while not begun or time.monotonic() < begun + 3:
            clients.more_at([a])
            most = max(most, counted(cluster, a, "silent"))
            begun = begun or (most > LIMIT // 3 + 2 and time.monotonic())
            if told(cluster):
                check(min(told(cluster).values()) >= LIMIT, f"by parts: {told(cluster)}")
                return None
            check(time.monotonic() < end, f"{most} silent, of a part of {LIMIT // 3}")
        check_equal([attacked(x) for x in bridges], [False] * 3, f"{most} of {LIMIT} are no attack")
        while not all(attacked(x) for x in bridges):
            for _ in range(10):
                clients.more_at(bridges)
            check(time.monotonic() < end + 30, f"three times as many are one at all: {most}")
        return most


def test_silent_clients_are_judged_as_a_sum():
    clients = SilentClients()
    try:
        most = next(filter(None, (silent_at_three(clients) for _ in range(4))), None)
    finally:
        clients.close()
    check(most, "four times one acted at its part of the limit")
    return f"{most} silent at one of three are none, at each of them are: {LIMIT} are the limit"


def test_without_the_store_each_acts_at_its_part():
    with Cluster("a", "b", "c") as cluster:
        a, b, c = begin(cluster)
        cluster.store.popen.send_signal(signal.SIGSTOP)
        wait_until(lambda: not any(sums(cluster)), 30, f"no sums: {sums(cluster)}")
        check_equal([x.state()["bridges"] for x in (a, b, c)], [3] * 3, "nobody is counted out")
        a.flood(PORT, count=20, rate=200, seed=1)
        wait_until(lambda: half_open(a) >= 20, 10, "a has 20")
        check(not attacked(a), "less than its part")
        a.flood(PORT, count=40, rate=200, seed=2)
        wait_until(lambda: attacked(a), 10, "60 are twice its part")
        cluster.store.popen.send_signal(signal.SIGCONT)
        wait_until(lambda: all(sums(cluster)), 30, f"sums again: {sums(cluster)}")
        # One that dies is no sum for the others before it is counted out.
        c.sync.stop(signal.SIGKILL)
        wait_until(
            lambda: sums(cluster) == [False] * 3 and "each acts by itself" in a.cli_text("status"),
            20,
            f"c says nothing: {sums(cluster)}",
        )
        for bridge in (a, b):
            bridge.wait_state("joined", 2, 40)
        wait_until(lambda: sums(cluster)[:2] == [True] * 2, 20, f"a and b: {sums(cluster)}")


if __name__ == "__main__":
    runner.main(globals())
