# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that lack TCP options, and wires that lose frames, in attack mode: everything arrives, as
it would over the bare wire.

What lab.lose() loses: "ends" as the frames reach either host, so synward has seen all of them;
"client" on the client's wire both ways, so synward misses SYNs, handshake ACKs and requests too.
Sessions that lose a SYN take a second (RFC 6298 2.1), those that lose it again three: many run at
once, and a client gives up only after a minute."""
import runner
from lab import CLIENT_IF, SERVER4, SERVER6, SERVER_IF, Lab, check, check_equal, run

BULK_BYTES = 50_000_000
SESSIONS = 500
SERVICES = (("http", 80), ("pop3", 110))
PATIENCE_MS = 60000
NO_TIMESTAMPS = {"net.ipv4.tcp_timestamps": 0}
NO_SACK = {"net.ipv4.tcp_sack": 0}
NO_SCALE = {"net.ipv4.tcp_window_scaling": 0}


def attack_lab(lab, *services):
    """The services are learned over the family that clients will come by."""
    lab.start(mode="normal")
    lab.http()
    lab.pop3()
    for kind, port, address in services:
        lab.learn(kind, port, address)
    lab.set_mode("attack")


def start_transfers(lab):
    """Down and up, IPv4 and IPv6, all four at once."""
    return [
        (
            f"{kind} from {address}",
            lab.start_fetch(kind, 80, address, count=1, bytes=BULK_BYTES, timeout_ms=PATIENCE_MS),
        )
        for address in (SERVER4, SERVER6)
        for kind in ("download", "upload")
    ]


def finish_transfers(running):
    """How fast the four were together."""
    slowest_us = 0
    for name, fetch in running:
        result = fetch.report()
        check_equal(result["ok"], 1, f"{BULK_BYTES} bytes, {name} ({result})")
        slowest_us = max(slowest_us, result["worst_us"])
    return f"{len(running) * BULK_BYTES * 8 / slowest_us:.0f} Mb/s"


def transfers_lacking(sysctls):
    with Lab(client_sysctls=sysctls) as lab:
        attack_lab(lab, ("http", 80, SERVER4), ("http", 80, SERVER6))
        return finish_transfers(start_transfers(lab))


def test_transfers_without_timestamps():
    return transfers_lacking(NO_TIMESTAMPS)


def test_transfers_without_sack():
    return transfers_lacking(NO_SACK)


def test_transfers_without_window_scaling():
    return transfers_lacking(NO_SCALE)


def test_transfers_without_all_three():
    return transfers_lacking({**NO_TIMESTAMPS, **NO_SACK, **NO_SCALE})


def lossy_lab(lab, where, single_segments=True):
    attack_lab(lab, ("http", 80, SERVER4), ("http", 80, SERVER6))
    if single_segments:
        lab.single_segments()
    lab.lose(2, where)


def finish_lossy(lab, running):
    rate, lost = finish_transfers(running), lab.lost()
    check(lost >= 20, f"the wire lost only {lost} frames")
    return f"{rate}, {lost} frames lost"


def lossy_transfers(where, sysctls=None, single_segments=True):
    with Lab(client_sysctls=sysctls) as lab:
        lossy_lab(lab, where, single_segments)
        return finish_lossy(lab, start_transfers(lab))


def test_transfers_with_loss():
    """Super-frames are lost whole."""
    return lossy_transfers("ends", single_segments=False)


def test_transfers_with_loss_of_segments():
    return lossy_transfers("ends")


def test_transfers_with_loss_on_the_clients_wire():
    return lossy_transfers("client")


def test_transfers_with_loss_without_timestamps():
    return lossy_transfers("ends", NO_TIMESTAMPS)


def test_transfers_with_loss_without_window_scaling():
    return lossy_transfers("ends", NO_SCALE)


def hurry(lab):
    """Timers of 50 ms at least instead of 200: a host without SACK waits for them often (RFC 6582),
    over the bare wire too."""
    for namespace, interface in ((lab.client, CLIENT_IF), (lab.server, SERVER_IF)):
        for net in ("10.77.0.0/24", "fd77::/64"):
            run(
                "ip",
                "-n",
                namespace.name,
                "route",
                "replace",
                net,
                "dev",
                interface,
                "metric",
                "0" if "." in net else "1",
                "rto_min",
                "50ms",
            )


def test_transfers_with_loss_without_sack():
    with Lab(client_sysctls=NO_SACK) as one, Lab(
        client_sysctls={**NO_TIMESTAMPS, **NO_SACK, **NO_SCALE}
    ) as other:
        for lab in (one, other):
            lossy_lab(lab, "ends")
            hurry(lab)
        running = [start_transfers(lab) for lab in (one, other)]
        figures = [finish_lossy(lab, transfers) for lab, transfers in zip((one, other), running)]
        return f"alone {figures[0]}; without timestamps and window scaling too {figures[1]}"


def sessions(where, address):
    """Short sessions of both kinds beside each other. None fails, and all are told the same as
    without loss."""
    with Lab() as lab:
        attack_lab(lab, ("http", 80, address), ("pop3", 110, address))
        lab.single_segments()
        told = {kind: lab.fetch(kind, port, address, count=1)["digest"] for kind, port in SERVICES}
        lab.lose(2, where)
        running = [
            (
                kind,
                lab.start_fetch(
                    kind, port, address, count=SESSIONS, concurrency=50, timeout_ms=PATIENCE_MS
                ),
            )
            for kind, port in SERVICES
        ]
        figures = []
        for kind, fetch in running:
            result = fetch.report()
            check_equal(
                (result["ok"], result["failed"]), (SESSIONS, 0), f"{kind} sessions ({result})"
            )
            check_equal(
                (result["distinct"], result["digest"]),
                (1, told[kind]),
                f"what {kind} clients were told",
            )
            p50_ms, p99_ms, worst_ms = (result[k] / 1000 for k in ("p50_us", "p99_us", "worst_us"))
            figures.append(f"{kind} {p50_ms:.1f} / {p99_ms:.0f} / {worst_ms:.0f} ms")
        check(lab.lost() >= 50, f"the wire lost only {lab.lost()} frames")
        return f"p50/p99/worst {', '.join(figures)}, {lab.lost()} frames lost"


def test_sessions_with_loss():
    return sessions("ends", SERVER4)


def test_sessions_with_loss_ipv6():
    return sessions("ends", SERVER6)


def test_sessions_with_loss_on_the_clients_wire():
    return sessions("client", SERVER4)


def test_sessions_with_loss_on_the_servers_wire():
    return sessions("server", SERVER4)


runner.main(globals())
