# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers that are handed over at the other end of the client's veth at once, past the queue of the
port: whose that end is, where it goes, what it is called, they are to arrive."""
import json
import random

import runner
from kernelpath import answering, kernel
from lab import CLIENT_IF, PORTS, SERVER6, check, check_equal, wait_until
from rawtcp import RawClient
from test_kernel_path import path_lab

SYNS = 200
# Of the port's frames while so many are answered: what neighbours ask each other is among them.
FEW = SYNS // 10


def attacked(sides="port"):
    lab = path_lab("attack", sides=sides)
    answering(lab)
    return lab


def packets(namespace, interface, way):
    shown = json.loads(namespace.run("ip", "-s", "-j", "link", "show", interface))
    return shown[0]["stats64"][way]["packets"]


def left_by(lab, port=PORTS[0]):
    """Frames that the port has sent."""
    return packets(lab.bridge, port, "tx")


def come_to(lab):
    """Frames that the client's card got."""
    return packets(lab.client, CLIENT_IF, "rx")


def answered(raw, count=SYNS):
    """So many SYNs, each of which is answered."""
    for _ in range(count):
        client = raw.connection(port=80)
        client.syn()
        client.receive_synack(10)


def ways_of_answers(lab, raw):
    """How many answers were made in the kernel, and how many frames left by the port meanwhile."""
    made, left = kernel(lab)["answered"], left_by(lab)
    answered(raw)
    wait_until(lambda: kernel(lab)["answered"] - made >= 0.9 * SYNS, 20, "answers in the kernel")
    return kernel(lab)["answered"] - made, left_by(lab) - left


def handed_over(lab, raw):
    made, left = ways_of_answers(lab, raw)
    check(left <= SYNS - made + FEW, f"{left} frames left by the port, of {made} answers")
    return f"{made} answers, {left} frames by the port"


def through_the_port(lab, raw):
    made, left = ways_of_answers(lab, raw)
    check(left >= made, f"{left} frames left by the port, of {made} answers")
    return f"{made} answers, {left} frames by the port"


def test_answers_do_not_leave_by_the_port():
    with attacked() as lab:
        said = handed_over(lab, RawClient(lab))
        return f"{said}; IPv6: {handed_over(lab, RawClient(lab, SERVER6))}"


def test_who_has_another_mac_is_answered_through_the_port():
    """The frame is nobody's at that end who could be told so: behind it there may be a bridge."""
    with attacked() as lab:
        raw, mac = RawClient(lab), lab.client.mac(CLIENT_IF)
        raw.macs = raw.macs[:6] + bytes((2, *random.randbytes(5)))
        said = through_the_port(lab, raw)
        # Its new one is looked for with the next news of the port.
        lab.client.ip(f"link set {CLIENT_IF} address 02:00:00:00:77:01")
        check(lab.client.mac(CLIENT_IF) != mac, "it has another MAC")
        answered(RawClient(lab))
        lab.client.ip(f"link set {CLIENT_IF} down", f"link set {CLIENT_IF} up")
        wait_until(
            lambda: ways_of_answers(lab, RawClient(lab))[1] <= FEW, 20, "it is known by its new MAC"
        )
        return said


def moved(lab, source, target):
    source.ip(f"link set {CLIENT_IF} netns {target.name}")
    target.ip(f"link set {CLIENT_IF} up")
    wait_until(
        lambda: "LOWER_UP" in lab.bridge.run("ip", "link", "show", PORTS[0]), 5, "its carrier"
    )


def test_other_end_that_comes_to_us_and_goes_again():
    """The kernel drops what is handed over within one namespace."""
    with attacked() as lab:
        handed_over(lab, RawClient(lab))
        moved(lab, lab.client, lab.bridge)
        raw = RawClient(lab, host=lab.bridge)

        def comes_back():
            client = raw.connection(port=80)
            client.syn()
            return client.receive(1.0)

        wait_until(comes_back, 10, "an answer where both ends are in one namespace")
        said = through_the_port(lab, raw)
        moved(lab, lab.bridge, lab.client)
        wait_until(
            lambda: ways_of_answers(lab, RawClient(lab))[1] <= FEW, 20, "they are handed over again"
        )
        return said


def test_cards_of_ours():
    """The hidden end of a card is the port."""
    with attacked("veth") as lab:
        hidden = [
            line.split("@")[0].split()[-1]
            for line in lab.bridge.run("ip", "-o", "link", "show", "type", "veth").splitlines()
        ]
        before = {port: left_by(lab, port) for port in hidden}
        made = kernel(lab)["answered"]
        answered(RawClient(lab))
        check(kernel(lab)["answered"] - made >= 0.9 * SYNS, "answers in the kernel")
        grown = {port: left_by(lab, port) - before[port] for port in hidden}
        check(len(hidden) == 2 and max(grown.values()) <= FEW, f"by the ports: {grown}")
        return f"{kernel(lab)['answered'] - made} answers, by the ports {list(grown.values())}"


def test_fetches_are_whole():
    """By clients that are no raw ones."""
    with attacked() as lab:
        left, answers, came = left_by(lab), kernel(lab)["answered"], come_to(lab)
        result = lab.fetch("http", 80, count=500, concurrency=8)
        check_equal(result["failed"], 0, f"fetches ({result})")
        check_equal(result["distinct"], 1, f"all have the same answer ({result})")
        made = kernel(lab)["answered"] - answers
        check(made >= 450, f"{made} answers in the kernel")
        left, came = left_by(lab) - left, come_to(lab) - came
        check(came - left >= 450, f"{came} frames came, {left} of them by the port")
        return f"{made} answers, {left} of {came} frames by the port"


if __name__ == "__main__":
    runner.main(globals())
