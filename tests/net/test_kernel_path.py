#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""--kernel-path: what the kernel carries between two port: sides arrives whole, in both modes, on
wires that lose frames, over switches of modes, kills and ports that vanish; and how much of it the
kernel carries is counted.

That each frame is carried as the engine would let it go, and each SYN answered as it would, is
tests/bridge/bpf/test_carrying.c's and test_answering.c's.

It is longer than most: each way out of the kernel's path is tried, and each of them with
traffic."""
import contextlib
import errno
import os
import signal
import sys
import time

import runner
from lab import (
    CLIENT_IF,
    PORTS,
    SERVER4,
    SERVER6,
    SERVER_IF,
    Failure,
    Lab,
    check,
    check_equal,
    run,
    wait_until,
)
from kernelpath import answering, kernel, need_path, went_up
from streams import stream_that_lasts

BULK_BYTES = 600_000_000  # 20 to 140 frames before a connection is carried are less than 1 %
LOSSY_ROUNDS, LOSSY_CARRIED = 5, 30  # in one of them so many for each that goes up
LOSSY_BYTES = 10_000_000
LONG_BYTES = 2_000_000_000
SHORT_ONES = 1000
UNDER_A_KILL, AT_ONCE = 4000, 8
WAITING_UP = 5000  # SYNs a second whose clients are asked again (engine/stages/answering.h)
FEW = 2  # frames of a short connection that come up
ON = ("--kernel-path", "on")
CARRIED = 0.99  # of a stream's frames
SUPER_FRAME_BYTES = 5000  # a mean, with the acks, that frames of 1,514 bytes cannot have
OUT_OF_ORDER = 0.001  # of the segments that a host gets, more than over the bare wire
JOINED_BYTES = 256 << 10  # a connection that is joined while a window of it is on its way
# What clients may lack.
NO_TIMESTAMPS = {"net.ipv4.tcp_timestamps": 0}
NO_SACK = {"net.ipv4.tcp_sack": 0}
NO_SCALE = {"net.ipv4.tcp_window_scaling": 0}
OPTION_SETS = (NO_TIMESTAMPS, NO_SCALE, NO_SACK, {**NO_TIMESTAMPS, **NO_SACK, **NO_SCALE})


def daemon_only(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def path_lab(mode="normal", workers=1, sides="port", lacking=None):
    """The path is on, where the kernel has it. For attack mode HTTP is learned before. `lacking`:
    options that the client does without."""
    lab = daemon_only(Lab(sides=sides, client_sysctls=lacking))
    several = ("--workers", str(workers)) if workers > 1 else ()
    lab.start(mode="normal", extra=("--kernel-path", "auto", *several))
    need_path(lab)
    lab.server_program = lab.http()
    if mode == "attack":
        for address in (SERVER4, SERVER6):
            lab.learn("http", 80, address)
        lab.set_mode("attack")
    return lab


def stream(mode, kind, address, sent=BULK_BYTES, sides="port"):
    with path_lab(mode, sides=sides) as lab:
        before = kernel(lab)
        result = lab.fetch(kind, 80, address, bytes=sent, timeout_ms=60000)
        check_equal(result["ok"], 1, f"{kind} of {sent} bytes ({result})")
        after = kernel(lab)
        carried, up = after["carried"] - before["carried"], went_up(before, after)
        check(
            carried >= CARRIED * (carried + sum(up.values())), f"{carried} carried, went up: {up}"
        )
        check(
            sent > SUPER_FRAME_BYTES * carried, f"{sent} bytes in super-frames, {carried} carried"
        )
        check_equal(after["lost"], 0, "segments lost")
        server = f"[{address}]:80" if ":" in address else f"{address}:80"
        figures = lab.cli("stats", server)["servers"][0]["figures"]
        moved = max(figures["bytes_in"], figures["bytes_out"])
        check(sent < moved < 1.3 * sent, f"the server's figures have it: {figures}")
        return f"{carried} carried, {sum(up.values())} went up"


def test_download_in_normal_mode():
    return stream("normal", "download", SERVER4)


def test_upload_in_normal_mode():
    return stream("normal", "upload", SERVER4)


def test_download_in_normal_mode_over_ipv6():
    return stream("normal", "download", SERVER6)


def test_download_in_attack_mode():
    return stream("attack", "download", SERVER4)


def test_upload_in_attack_mode():
    return stream("attack", "upload", SERVER4)


def test_download_in_attack_mode_over_ipv6():
    return stream("attack", "download", SERVER6)


def test_upload_in_attack_mode_over_ipv6():
    return stream("attack", "upload", SERVER6)


def test_streams_between_cards():
    """netns: sides whose cards are veth ends."""
    told = [
        stream(mode, kind, address, sides="veth")
        for mode, kind, address in (
            ("normal", "download", SERVER4),
            ("attack", "download", SERVER6),
            ("attack", "upload", SERVER4),
        )
    ]
    return "; ".join(told)


def without_checksums(lab, hosts="both"):
    """They compute their checksums themselves: none is left for a card to fill in."""
    ends = {"client": (lab.client, CLIENT_IF), "server": (lab.server, SERVER_IF)}
    for namespace, interface in ends.values() if hosts == "both" else (ends[hosts],):
        namespace.run("ethtool", "-K", interface, "tx", "off")


def full_checksums(mode, hosts):
    """An edit that left one wrong would stop the stream."""
    with path_lab(mode) as lab:
        without_checksums(lab, hosts)
        before = kernel(lab)
        for kind in ("download", "upload"):
            result = lab.fetch(kind, 80, bytes=LOSSY_BYTES, timeout_ms=60000)
            check_equal(result["ok"], 1, f"{kind} ({result})")
        carried = kernel(lab)["carried"] - before["carried"]
        check(carried > 1000, f"{carried} carried")
        return f"{carried} carried"


def test_full_checksums():
    return full_checksums("attack", "both")


def test_full_checksums_of_either_host():
    return "; ".join(
        f"{hosts}, {mode}: {full_checksums(mode, hosts)}"
        for hosts in ("client", "server")
        for mode in ("normal", "attack")
    )


def lossy_round(lab):
    """(frames that were carried, those that went up by reason) of two downloads and uploads."""
    before = kernel(lab)
    running = [
        lab.start_fetch(kind, 80, address, count=1, bytes=LOSSY_BYTES, timeout_ms=60000)
        for address in (SERVER4, SERVER6)
        for kind in ("download", "upload")
    ]
    for fetch in running:
        result = fetch.report()
        check_equal(result["ok"], 1, f"{LOSSY_BYTES} bytes ({result})")
    after = kernel(lab)
    return after["carried"] - before["carried"], went_up(before, after)


def lossy(mode, lacking=None):
    """SACKs, retransmissions and holes are carried, too."""
    with path_lab(mode, lacking=lacking) as lab:
        lab.single_segments()
        lab.lose(2)
        # A stream that begins while the worker has others to write goes through it until it has
        # caught up once, and its acks come before what they answer counts as written: 0.5 to 30 of
        # 100 went up so, whatever is lost. That is a matter of time, what losses do is none.
        for _ in range(LOSSY_ROUNDS):
            carried, up = lossy_round(lab)
            if carried > LOSSY_CARRIED * sum(up.values()):
                return f"{carried} carried, {sum(up.values())} went up, {lab.lost()} lost"
        raise Failure(f"in {LOSSY_ROUNDS} rounds, the last: {carried} carried, went up: {up}")


def test_loss_in_normal_mode():
    return lossy("normal")


def test_loss_in_attack_mode():
    return lossy("attack")


def test_loss_with_all_sets_of_options():
    """As clients have them: each without one, and without all three."""
    return "; ".join(lossy("attack", lacking) for lacking in OPTION_SETS)


def test_short_connections():
    """Each begins and ends as it would without: nothing is left of them."""
    with path_lab("attack") as lab:
        accepted = lab.server_program.accepted()
        result = lab.fetch("http", 80, count=300, concurrency=8)
        check_equal(result["failed"], 0, f"fetches ({result})")
        check_equal(lab.server_program.accepted() - accepted, 300, "connections accepted")
        lab.wait_no_flows()


class Unlearned:
    """A lab whose kernel passes on what it tells of, from the first connections on: nobody learns,
    so nobody is to see any whole."""

    def __init__(self, mode):
        self.lab = daemon_only(Lab(sides="port"))
        self.mode = mode

    def __enter__(self):
        lab = self.lab
        lab.start(mode=self.mode, extra=("--kernel-path", "auto", "--learn", "off"))
        need_path(lab)
        lab.server_program = lab.http()
        for address in (SERVER4, SERVER6):
            wait_until(lambda a=address: self.is_told(a), 20, "the kernel tells of what passes")
        return lab

    def is_told(self, address):
        before = kernel(self.lab)["told"]
        self.lab.fetch("http", 80, address, count=20)
        return kernel(self.lab)["told"] > before + 100

    def __exit__(self, *error):
        return self.lab.__exit__(*error)


def few_go_up(address):
    """Where nobody learns, not one of a connection's frames needs to: the one that wakes a worker
    that sleeps does, and what follows it on its heels."""
    with Unlearned("normal") as lab:
        server = lab.server_program
        before, accepted = kernel(lab), server.accepted()
        result = lab.fetch("http", 80, address, count=SHORT_ONES, concurrency=8)
        check_equal(result["failed"], 0, f"fetches ({result})")
        after = kernel(lab)
        check_equal(server.accepted() - accepted, SHORT_ONES, "connections accepted")
        up, passed = sum(went_up(before, after).values()), after["told"] - before["told"]
        check(up <= 2 * SHORT_ONES, f"{up} went up, {passed} passed, of {SHORT_ONES} connections")
        check(passed >= 5 * SHORT_ONES, f"{passed} passed of {SHORT_ONES} connections")
        figures = lab.cli("stats", f"[{address}]:80" if ":" in address else f"{address}:80")
        check(figures["servers"][0]["figures"]["syns"] >= SHORT_ONES, f"all are known: {figures}")
        lab.wait_no_flows()
        return f"{up} of {up + passed} went up"


def test_few_frames_of_short_connections_go_up():
    return few_go_up(SERVER4)


def test_few_frames_of_short_connections_go_up_over_ipv6():
    return few_go_up(SERVER6)


def few_of_a_crowd_go_up(lab):
    """The first hundred whole, the learner's fifty a second, and who wakes a worker. It comes after
    some quiet: else it would be the rest of the one before."""
    time.sleep(1.5)
    before, begin = kernel(lab), time.monotonic()
    result = lab.fetch("http", 80, count=SHORT_ONES, concurrency=8)
    took = time.monotonic() - begin
    check_equal(result["failed"], 0, f"fetches ({result})")
    up = sum(went_up(before, kernel(lab)).values())
    few = 12 * (200 + 100 * min(took, 1)) + 2 * SHORT_ONES  # of a slower crowd more may come up
    return up <= few and f"{up} went up in {took:.2f} s"


def test_few_frames_of_a_crowd_go_up_where_the_server_is_known():
    """Beside a learner, which hears of so many requests before."""
    with path_lab() as lab:
        for _ in range(2):
            check_equal(lab.fetch("http", 80, count=500, concurrency=4)["failed"], 0, "fetches")
        return wait_until(lambda: few_of_a_crowd_go_up(lab), 60, "few go up")


def received(lab):
    """Of both hosts: segments that came in, and such as came out of order with data."""
    segments = out_of_order = 0
    for host in (lab.client, lab.server):
        for file, protocol, field in (
            ("snmp", "Tcp", "InSegs"),
            ("netstat", "TcpExt", "TCPOFOQueue"),
        ):
            lines = [
                line.split()
                for line in host.run("cat", f"/proc/net/{file}").splitlines()
                if line.startswith(f"{protocol}: ")
            ]
            number = int(dict(zip(*lines))[field])
            segments += number if field == "InSegs" else 0
            out_of_order += number if field != "InSegs" else 0
    return segments, out_of_order


@contextlib.contextmanager
def hosts_on_one_processor(server):
    """A host whose programs are moved from one processor to another has its frames in two queues
    and makes disorder by itself, over any wire. Here what is left is the bridge's own, whose
    workers run where they like."""
    everywhere = os.sched_getaffinity(0)
    try:
        for process in (0, server.pid):
            os.sched_setaffinity(process, {min(everywhere)})
        yield
    finally:
        os.sched_setaffinity(0, everywhere)


def out_of_order(lab, server):
    """The part of what the hosts get, of streams and of short connections."""
    segments, queued = received(lab)
    with hosts_on_one_processor(server):
        for kind in ("download", "upload"):
            result = lab.fetch(kind, 80, bytes=BULK_BYTES // 3, timeout_ms=60000)
            check_equal(result["ok"], 1, f"{kind} ({result})")
        for kind in ("download", "upload"):
            result = lab.fetch(kind, 80, bytes=JOINED_BYTES, count=400, concurrency=4)
            check_equal(result["failed"], 0, f"{kind} ({result})")
        result = lab.fetch("http", 80, count=SHORT_ONES, concurrency=8)
        check_equal(result["failed"], 0, f"fetches ({result})")
    now = received(lab)
    return (now[1] - queued) / (now[0] - segments)


def test_order_is_kept():
    """As a bridge keeps it, in both modes: what is carried overtakes nothing that goes up."""
    told = []
    with Lab(stand_in=True) as bare:
        bare.start()
        wire = out_of_order(bare, bare.http())
    for mode in ("normal", "attack"):
        with path_lab(mode) as lab:
            part = out_of_order(lab, lab.server_program)
            told.append(f"{mode}: {100 * part:.3f} %")
            check(part <= wire + OUT_OF_ORDER, f"{mode}: {part:.5f}, the wire {wire:.5f}")
    return f"{', '.join(told)}, wire {100 * wire:.3f} %"


def attacked_unlearned():
    """A lab in attack mode whose profile was learned before, and where nobody learns any more."""
    lab = path_lab("attack")
    lab.restart("attack", signal.SIGTERM, ("--kernel-path", "auto", "--learn", "off"))
    need_path(lab)
    answering(lab)
    lab.fetch("http", 80, count=20)
    return lab


def short_ones_under_attack(lab, address):
    """What became of the frames of so many: which went up, and what the kernel did."""
    before, accepted = kernel(lab), lab.server_program.accepted()
    result = lab.fetch("http", 80, address, count=SHORT_ONES, concurrency=8)
    check_equal(result["failed"], 0, f"fetches ({result})")
    check_equal(result["distinct"], 1, f"all have the same answer ({result})")
    check_equal(lab.server_program.accepted() - accepted, SHORT_ONES, "connections accepted")
    after = kernel(lab)
    did = {k: after[k] - before[k] for k in ("carried", "noted", "completed")}
    return went_up(before, after), did


def few_go_up_under_attack(address):
    """One of a connection's nine frames, the request; and the server's answer to our SYN, where it
    is late. Others that come while the worker is late do so as well: on a busy machine that may be
    half of them, so it is tried until it is not. What comes up never is more than that."""
    with attacked_unlearned() as lab:
        tries = []

        def few():
            up, did = short_ones_under_attack(lab, address)
            told = f"{did}, went up: {up}, of {SHORT_ONES} connections"
            tries.append(told)
            check(sum(up.values()) <= 6 * SHORT_ONES, told)
            check(did["carried"] >= 2 * SHORT_ONES, told)
            check(did["noted"] >= 0.3 * SHORT_ONES, told)
            check(did["completed"] >= 0.3 * SHORT_ONES, told)
            return sum(up.values()) <= FEW * SHORT_ONES

        try:
            wait_until(few, 60, f"{FEW} frames of a connection go up at most")
        except Failure as failure:
            raise Failure(f"{failure}: {tries}") from failure
        lab.wait_no_flows()
        return tries[-1]


def test_few_frames_of_short_connections_go_up_under_attack():
    return few_go_up_under_attack(SERVER4)


def test_few_frames_of_short_connections_go_up_under_attack_over_ipv6():
    return few_go_up_under_attack(SERVER6)


def test_server_that_answers_otherwise_is_left_unprepared():
    """Its SYN-ACKs have another scale than clients are promised: what the kernel is to compare is
    not tried for each. A server that goes back to what it said is believed again."""
    with attacked_unlearned() as lab:
        usual = lab.server.run("sysctl", "-n", "net.ipv4.tcp_rmem").strip()
        lab.server.run("sysctl", "-qw", "net.ipv4.tcp_rmem=4096 131072 400000000")
        before = kernel(lab)
        result = lab.fetch("http", 80, count=200)
        check_equal(result["failed"], 0, f"fetches ({result})")
        after = kernel(lab)
        up, left = (after[k] - before[k] for k in ("up_synack", "unprepared"))
        check_equal(after["completed"], before["completed"], "none is as promised")
        check(8 <= up <= 60, f"{up} SYN-ACKs went up, {left} left unprepared")
        check(left >= 100, f"{up} SYN-ACKs went up, {left} left unprepared")
        lab.server.run("sysctl", "-qw", f"net.ipv4.tcp_rmem={usual}")

        def completed():
            was = kernel(lab)["completed"]
            check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches")
            return kernel(lab)["completed"] - was >= 10

        wait_until(completed, 70, "it is believed again")
        return f"{up} SYN-ACKs went up, {left} left unprepared"


def test_short_connections_on_a_lossy_wire_under_attack():
    """Whichever of their frames is lost, and wherever it is repeated: here, or in the engine."""
    with attacked_unlearned() as lab:
        lab.lose(2)
        for address in (SERVER4, SERVER6):
            result = lab.fetch("http", 80, address, count=300, concurrency=16, timeout_ms=60000)
            check_equal(result["failed"], 0, f"fetches ({result})")
            check_equal(result["distinct"], 1, f"all have the same answer ({result})")
        lost = lab.lost()
        check(lost > 0, "frames are lost")
        return f"{lost} lost"


# Asks and leaves: how (reset, half) when (after what it has read of the answer). A half-closed one
# is answered all the same.
LEAVING = """
import socket, struct, sys

address, how, reads = sys.argv[1], sys.argv[2], int(sys.argv[3])
for _ in range(20):
    s = socket.create_connection((address, 80), timeout=10)
    s.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    got = s.recv(reads) if reads else b""
    if how == "half":
        s.shutdown(socket.SHUT_WR)
        while part := s.recv(4096):
            got += part
        assert got.startswith(b"HTTP/1.1 200") and got.endswith(b"synward test server\\n"), got
    else:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
"""


def test_clients_that_leave_at_any_point_under_attack():
    with attacked_unlearned() as lab:
        accepted = lab.server_program.accepted()
        for how in ("half", "reset"):
            for reads in (0, 1, 4096):
                lab.client.run("python3", "-c", LEAVING, SERVER4, how, str(reads), timeout=60)
        reached = lab.server_program.accepted() - accepted
        check(100 <= reached <= 120, f"{reached} reached the server: 20 may have left before")
        lab.wait_no_flows()
        return f"{reached} of 120 reached the server"


def live(lab):
    return {f["client"] for f in lab.flows() if f["state"] != "closing"}


def test_killed_under_short_connections_under_attack():
    """Whatever was joined then: nobody gets another's answer, and after it all is as before."""
    with attacked_unlearned() as lab:
        fetch = lab.start_fetch(
            "http", 80, count=UNDER_A_KILL, concurrency=AT_ONCE, interval_ms=5, timeout_ms=20000
        )
        before, accepted = kernel(lab)["carried"], lab.server_program.accepted()
        wait_until(lambda: kernel(lab)["carried"] > before + 500, 20, "they are carried")
        accepted = lab.server_program.accepted() - accepted
        check(fetch.running(), "connections are under way at the kill")
        lab.restart("attack", signal.SIGKILL, ("--kernel-path", "auto", "--learn", "off"))
        result = fetch.report(timeout=120)
        check_equal(result["distinct"], 1, f"all have the same answer ({result})")
        # Whose SYN was answered and whose cookie nobody was there to check is reset by the server.
        check_equal(result["ok"] + result["reset"], UNDER_A_KILL, f"fetches over a kill ({result})")
        # While nobody is there that is soon said: many may be. Those before were served.
        check(accepted > 2 * AT_ONCE, f"{accepted} were there before the kill")
        check(result["ok"] >= accepted - AT_ONCE, f"{accepted} before the kill ({result})")
        # Of some that were there at the kill the FINs were told to nobody.
        before, left = kernel(lab)["carried"], live(lab)
        check(len(left) <= 200, f"{len(left)} are left")
        result = lab.fetch("http", 80, count=200, concurrency=8)
        check_equal(result["failed"], 0, f"fetches after it ({result})")
        check(kernel(lab)["carried"] - before >= 400, "they are carried again")
        wait_until(lambda: not live(lab) - left, 20, "the end of each is known")
        return f"{len(left)} of before the kill are left"


def test_flood_that_passes_is_noticed():
    """By what is told of it, while the kernel passes it on."""
    with Unlearned("auto") as lab:
        syns = lab.cli("stats", f"{SERVER4}:80")["servers"][0]["figures"]["syns"]
        flood = lab.start_flood(80, count=200_000, rate=20_000)
        wait_until(lambda: lab.server_mode(80) == "attack", 20, "attack mode")
        flood.report()
        told_of = lab.cli("stats", f"{SERVER4}:80")["servers"][0]["figures"]["syns"]
        check(told_of > syns, "SYNs are known")


def test_flood_that_passes_is_not_passed_for_long():
    """However fast it comes: what a worker was told of late is bounded, and so is what goes up."""
    with Unlearned("auto") as lab:
        before = lab.server.counter("TcpInSegs")
        sent = lab.flood(80, count=400_000, rate=150_000)["sent"]
        wait_until(lambda: lab.server_mode(80) == "attack", 20, "mode under the flood")
        reached = lab.server.counter("TcpInSegs") - before
        check(reached < 3_000, f"{reached} of {sent} SYNs reached the server")
        return f"{reached} of {sent} SYNs reached the server"


def test_resets_and_ends_are_seen():
    """A download that the client breaks off, and one whose server is killed: both ends hear of it,
    and so does synward."""
    with path_lab("attack") as lab:
        fetch = lab.start_fetch("download", 80, count=1, bytes=LONG_BYTES, timeout_ms=60000)
        before = kernel(lab)["carried"]
        wait_until(lambda: kernel(lab)["carried"] > before + 500, 20, "the stream is carried")
        fetch.stop(signal.SIGKILL)
        lab.wait_no_flows()
        fetch = lab.start_fetch("download", 80, count=1, bytes=LONG_BYTES, timeout_ms=60000)
        before = kernel(lab)["carried"]
        wait_until(lambda: kernel(lab)["carried"] > before + 500, 20, "the stream is carried")
        lab.server_program.stop(signal.SIGKILL)
        check_equal(fetch.report()["ok"], 0, "downloads of a killed server")
        lab.wait_no_flows()


def test_modes_switch_under_a_stream():
    with path_lab("attack") as lab:
        with stream_that_lasts(lab, LONG_BYTES):
            for mode in ("normal", "attack", "normal", "attack"):
                before = kernel(lab)["carried"]
                wait_until(lambda b=before: kernel(lab)["carried"] > b + 200, 20, "it is carried")
                lab.set_mode(mode)


def test_killed_and_started_again():
    """What was there goes on without the daemon, and with the next one."""
    with path_lab() as lab:
        with stream_that_lasts(lab, LONG_BYTES):
            before = kernel(lab)["carried"]
            wait_until(lambda: kernel(lab)["carried"] > before + 500, 20, "the stream is carried")
            lab.restart("normal", signal.SIGKILL, ON)
            wait_until(lambda: kernel(lab)["carried"] > 100, 20, "the next one carries it")
        lab.daemon.stop()
        left = lab.bridge.run("tc", "filter", "show", "dev", PORTS[0], "ingress")
        check_equal(left, "", "filters left")


def is_on(lab):
    return lab.cli("status")["kernel_path"]["on"]


def download_is_carried(lab):
    before = kernel(lab)
    result = lab.fetch("download", 80, bytes=BULK_BYTES, timeout_ms=60000)
    check_equal(result["ok"], 1, f"a download ({result})")
    after = kernel(lab)
    carried, up = after["carried"] - before["carried"], went_up(before, after)
    check_equal(after["lost"] - before["lost"], 0, "segments lost")
    return carried >= CARRIED * (carried + sum(up.values()))


def test_port_that_vanishes_and_comes_back():
    """The path ends with the port, and is there again with it."""
    with path_lab("attack") as lab:
        took = []
        for port in PORTS:
            fetch = lab.start_fetch("download", 80, count=1, bytes=LONG_BYTES, timeout_ms=60000)
            before = kernel(lab)["carried"]
            wait_until(
                lambda b=before: kernel(lab)["carried"] > b + 500, 20, "the stream is carried"
            )
            fetch.stop(signal.SIGKILL)
            lab.bridge.run("ip", "link", "del", port)
            wait_until(lambda: not is_on(lab), 20, "the path has ended")
            why = lab.cli("status")["kernel_path"]["why"]
            check(f"{port} is gone" in why, f"{why} names it")
            lab.lay_wire(port)
            begin = time.monotonic()
            wait_until(lambda: is_on(lab), 20, "the path is back")
            took.append(time.monotonic() - begin)
            lab._addresses(1500)
            # Until it is known what of before has come up, and what never will.
            wait_until(lambda: download_is_carried(lab), 20, "downloads are carried")
        check("the kernel path is back" in lab.daemon.errors(), lab.daemon.errors())
        return f"back after {', '.join(f'{s * 1000:.0f} ms' for s in took)}"


def test_filters_that_are_taken_away():
    """Under a stream, which goes on, and is carried again."""
    with path_lab("attack") as lab:
        took = []
        with stream_that_lasts(lab, LONG_BYTES):
            for port in PORTS:
                before = kernel(lab)["carried"]
                wait_until(lambda b=before: kernel(lab)["carried"] > b + 500, 20, "it is carried")
                lab.bridge.run("tc", "qdisc", "del", "dev", port, "clsact")
                begin, before = time.monotonic(), kernel(lab)["carried"]
                wait_until(lambda b=before: kernel(lab)["carried"] > b + 100, 20, "it is again")
                took.append(time.monotonic() - begin)
                check(is_on(lab), f"{lab.cli('status')['kernel_path']}")
        check_equal(lab.daemon.errors().count("taken away"), 2, lab.daemon.errors())
        return f"carried again after {', '.join(f'{s * 1000:.0f} ms' for s in took)}"


def test_port_that_gets_another_name():
    with path_lab() as lab:
        with stream_that_lasts(lab, LONG_BYTES):
            wait_until(lambda: kernel(lab)["carried"] > 500, 20, "the stream is carried")
            lab.bridge.run("ip", "link", "set", PORTS[0], "name", "renamed")
            before = kernel(lab)["carried"]
            wait_until(lambda: kernel(lab)["carried"] > before + 500, 20, "it is carried as before")
            check(is_on(lab), f"{lab.cli('status')['kernel_path']}")


def refused(lab, *extra):
    argv = lab.daemon_command(extra=("--kernel-path", *extra))
    return run(*argv, ok=False)


def test_refused_where_it_cannot_be():
    with daemon_only(Lab()) as lab:
        tap = ("--card", "tap")
        done = refused(lab, "on", *tap)
        check_equal(done.returncode, 1, f"exit code ({done.stderr.strip()})")
        check_equal(len(done.stderr.strip().splitlines()), 1, f"lines ({done.stderr})")
        check("port:" in done.stderr, done.stderr)
        done = refused(lab, "perhaps")
        check_equal(done.returncode, 2, f"exit code ({done.stderr.strip()})")
        lab.start(extra=("--kernel-path", "auto", *tap))
        path = lab.cli("status")["kernel_path"]
        check(not path["on"] and "port:" in path["why"], f"{path}")
        lab.http()
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches")


# Runs a command in which the kernel makes no map of BPF: it fails with this errno.
NO_MAPS = """
import ctypes, os, sys

class Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64),
                ("b", ctypes.c_uint64)]

ALLOW, ERRNO, EQUAL, MAP_CREATE = 0x7FFF0000, 0x00050000, 4, 0
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
filter = ctypes.c_void_p(seccomp.seccomp_init(ALLOW))
number = seccomp.seccomp_syscall_resolve_name(b"bpf")
compare = (Compare * 1)(Compare(0, EQUAL, MAP_CREATE, 0))
assert seccomp.seccomp_rule_add_array(filter, ERRNO | int(sys.argv[1]), number, 1, compare) == 0
assert seccomp.seccomp_load(filter) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""

# Leaves a program behind at tcx, which lets all pass: DEVICE.
TCX_PROGRAM = """
import ctypes, os, socket, struct, sys

PROG_LOAD, PROG_ATTACH, SCHED_CLS, TCX_INGRESS = 5, 8, 3, 46

def bpf(command, attributes):
    code = ctypes.CDLL(None, use_errno=True).syscall(321, command, attributes, len(attributes))
    if code < 0:
        print(os.strerror(ctypes.get_errno()))
        sys.exit(3)
    return code

program = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xB7, 0, 0, -1, 0x95, 0, 0, 0))
license = ctypes.create_string_buffer(b"GPL")
where = ctypes.addressof
file = bpf(PROG_LOAD, struct.pack("<IIQQ48x", SCHED_CLS, 2, where(program), where(license)))
bpf(PROG_ATTACH, struct.pack("<IIII16x", socket.if_nametoindex(sys.argv[1]), file, TCX_INGRESS, 0))
"""


class Hindered(Lab):
    """Whose daemon is started by another program, once something was done at its ports."""

    def __init__(self, *before, at_ports=None):
        super().__init__(sides="port")
        self.before, self.at_ports = before, at_ports

    def make_ports(self, mtu):
        super().make_ports(mtu)
        if self.at_ports:
            self.at_ports(self)

    def daemon_command(self, mode="normal", extra=()):
        return [*self.before, *super().daemon_command(mode, extra)]


def check_no_path(lab, why):
    """One line says so, a bridge is there as without it; and `on` is refused."""
    lab.start(extra=("--kernel-path", "auto"))
    path = lab.cli("status")["kernel_path"]
    check(not path["on"] and why in path["why"], f"{path}")
    said = [line for line in lab.daemon.errors().splitlines() if "kernel path" in line]
    check(len(said) == 1 and why in said[0], f"what the daemon says: {lab.daemon.errors()}")
    lab.http()
    check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches")
    check_equal(kernel(lab)["carried"], 0, "segments carried")
    lab.stop_daemon()
    done = refused(lab, "on")
    check_equal(done.returncode, 1, f"exit code ({done.stderr.strip()})")
    check_equal(len(done.stderr.strip().splitlines()), 1, f"lines ({done.stderr})")
    check(why in done.stderr, done.stderr)


def test_kernel_that_takes_no_program():
    """Without BPF, locked down, and where the load fails."""
    for number, why in (
        (errno.ENOSYS, "no BPF"),
        (errno.EPERM, "locked down"),
        (errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ):
        with daemon_only(Hindered(sys.executable, "-c", NO_MAPS, str(number))) as lab:
            check_no_path(lab, why)


def test_memory_that_may_not_be_locked():
    """What BPF has is counted for the cgroup; on a kernel where it is not, there is no path."""
    with daemon_only(Hindered("prlimit", "--memlock=0:0", "--")) as lab:
        lab.start(extra=("--kernel-path", "auto"))
        path = lab.cli("status")["kernel_path"]
        check(path["on"] or "RLIMIT_MEMLOCK" in path["why"], f"{path}")
        lab.http()
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches")
        return "on" if path["on"] else path["why"]


def leave_a_program(lab):
    done = lab.bridge.run("python3", "-c", TCX_PROGRAM, PORTS[1], ok=False)
    if done.returncode == 3:
        raise runner.Skip(f"this kernel has no tcx: {done.stdout.strip()}")
    check_equal(done.returncode, 0, f"a program at {PORTS[1]}'s tcx ({done.stderr})")


def test_programs_of_others_that_run_first():
    with daemon_only(Hindered(at_ports=leave_a_program)) as lab:
        check_no_path(lab, f"tcx programs of somebody else run first on {PORTS[1]}")


def test_requests_and_answers():
    """One connection for long, as a client of a database has it: from the first 4 KiB on, which
    the learner reads, the kernel carries all of it."""
    with path_lab() as lab:
        count = 3000
        before, began = kernel(lab), time.monotonic()
        program = f"""
import socket, time
s = socket.create_connection(("{SERVER4}", 80))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for _ in range({count}):
    s.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    got = b""
    while not got.endswith(b"synward test server\\n"):
        got += s.recv(4096)
"""
        lab.client.run("python3", "-c", program, timeout=60)
        after = kernel(lab)
        carried, up = after["carried"] - before["carried"], went_up(before, after)
        check(carried > 2 * count * 0.9, f"{carried} carried, went up: {up}")
        return f"{(time.monotonic() - began) * 1e6 / count:.0f} us each, {sum(up.values())} went up"


def flooded(lab, port, address, kind, count=90_000):
    """Honest sessions beside a flood of 30,000 SYNs a second. What the kernel answered of it, what
    it sent up, and how many seconds it took, is returned."""
    before, cookies = kernel(lab), lab.stats()["cookies"]
    flood = lab.start_flood(port, address=address, count=count, rate=30_000)
    fetched = lab.fetch(kind, port, address, count=300, timeout_ms=10_000)
    took_s = flood.report()["took_us"] / 1e6
    check_equal(fetched["failed"], 0, f"sessions beside the flood ({fetched})")

    def grown(name):
        return lab.stats()["cookies"][name] - cookies[name]

    wait_until(lambda: grown("sent") >= 0.99 * count, 20, f"cookies sent ({cookies})")
    wait_until(lambda: grown("accepted") >= 300, 20, f"cookies that came back ({cookies})")
    after = kernel(lab)
    return after["answered"] - before["answered"], went_up(before, after), took_s


def flood_ends_in_the_kernel(address, prepare=None, workers=1):
    with path_lab("attack", workers) as lab:
        answering(lab)
        if prepare:
            prepare(lab)
        answered, up, _ = flooded(lab, 80, address, "http")
        check(answered >= 0.99 * 90_000, f"{answered} answered in the kernel, went up: {up}")
        check_equal(kernel(lab)["lost"], 0, "frames lost")
        return f"{answered} answered in the kernel"


def test_syn_flood_ends_in_the_kernel():
    return flood_ends_in_the_kernel(SERVER4)


def test_syn_flood_ends_in_the_kernel_over_ipv6():
    return flood_ends_in_the_kernel(SERVER6)


def test_syn_flood_ends_in_the_kernel_beside_three_workers():
    return flood_ends_in_the_kernel(SERVER4, workers=3)


def test_syn_flood_ends_in_the_kernel_with_full_checksums():
    return flood_ends_in_the_kernel(SERVER4, without_checksums)


def test_ack_flood_ends_in_the_kernel():
    """A flood of acknowledgments of nothing: a hundred a second may pass, to be reset by the server
    if it does not know them, and the rest is dropped and counted."""
    with path_lab("attack") as lab:
        answering(lab)
        before, stats = kernel(lab), lab.stats()
        flood = lab.start_flood(80, count=90_000, rate=30_000, ack="yes")
        fetched = lab.fetch("http", 80, count=300, timeout_ms=10_000)
        flood.report()
        check_equal(fetched["failed"], 0, f"sessions beside the flood ({fetched})")

        def counted():
            return lab.stats()["cookies"]["rejected"] - stats["cookies"]["rejected"]

        wait_until(lambda: counted() >= 89_000, 20, f"{counted()} counted of 90,000")
        check(counted() <= 90_100, f"{counted()} counted of 90,000")
        after = kernel(lab)
        rejected = after["rejected"] - before["rejected"]
        check(rejected >= 0.95 * 90_000, f"{rejected} dropped, went up: {went_up(before, after)}")
        return f"{rejected} dropped in the kernel, went up: {went_up(before, after)}"


def test_floods_whose_headers_are_in_pieces_end_in_the_kernel():
    """As some network cards hand frames over: only the link header lies where all headers are
    otherwise."""
    with path_lab("attack") as lab:
        answering(lab)
        before = kernel(lab)
        for ack, did, part in (("no", "answered", 0.95), ("yes", "rejected", 0.9)):
            lab.flood(80, count=9_000, rate=30_000, pieces="yes", ack=ack)
            wait_until(
                lambda d=did, p=part: kernel(lab)[d] - before[d] >= p * 9_000,
                20,
                f"{did} in the kernel, went up: {went_up(before, kernel(lab))}",
            )
        after = kernel(lab)
        answered, rejected = (after[what] - before[what] for what in ("answered", "rejected"))
        up = went_up(before, after)
        return f"{answered} answered, {rejected} dropped, went up: {up}"


def test_clients_who_wait_to_be_greeted():
    """Some of the SYNs go up, so that their clients are asked again if their ACK is lost."""
    with path_lab("attack") as lab:
        answering(lab)
        lab.set_mode("normal")
        lab.pop3()
        lab.learn("pop3", 110)
        lab.set_mode("attack")
        answered, up, took_s = flooded(lab, 110, SERVER4, "pop3")
        most = WAITING_UP * (took_s + 0.25)
        check(answered >= 0.99 * 90_000 - most, f"{answered} in {took_s:.1f} s, went up: {up}")
        check(up.get("up_syn_waiting", 0) >= 300, f"went up: {up}")
        return f"{answered} answered in the kernel, {up['up_syn_waiting']} not"


def test_attack_begins_and_ends_by_what_the_kernel_counts():
    with path_lab() as lab:
        answering(lab)
        lab.learn("http", 80)
        lab.set_mode("auto")
        flood = lab.start_flood(80, count=90_000, rate=30_000)
        wait_until(lambda: lab.server_mode(80) == "attack", 20, "mode under the flood")
        flood.report()
        before = kernel(lab)["answered"]
        lab.flood(80, count=90_000, rate=30_000, seed=2)

        def answered_most():
            answered = kernel(lab)["answered"] - before
            return answered >= 0.99 * 90_000 and answered

        answered = wait_until(answered_most, 20, f"{answered_most()} answered in the kernel")
        began = time.monotonic()
        while lab.server_mode(80) == "attack":
            check(time.monotonic() - began < 90, "attack mode ends")
            check_equal(lab.fetch("http", 80, count=100)["failed"], 0, "fetches")
        took = time.monotonic() - began
        check(took > 20, f"back after {took:.0f} s")
        check_equal(lab.fetch("http", 80, count=50)["failed"], 0, "fetches after it")
        return f"{answered} answered in the kernel, back after {took:.0f} s"


if __name__ == "__main__":
    runner.main(globals())
