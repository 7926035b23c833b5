# SPDX-License-Identifier: GPL-2.0-or-later
"""The look into the servers' TCP stack: servers known before their first connection, programs,
accept queues, ports that nobody listens on, and what it costs."""
import socket
import time

import runner
from lab import PORTS, SERVER4, SERVER6, Lab, check, check_equal, cpu_s, wait_until

FILLER = """
import signal, socket, sys
listener = socket.create_server(("", int(sys.argv[1])), backlog=int(sys.argv[2]))
print("ready", flush=True)
signal.pause()
"""
MANY = """
import resource, signal, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
kept = [socket.create_server(("127.0.0.1", port), backlog=1) for port in range(10000, 15000)]
print("ready", flush=True)
signal.pause()
"""


def stack_lab(lab, mode="auto", **options):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode=mode, **options)


def listen(lab, program, *arguments):
    process = lab.spawn("python3", "-c", program, *map(str, arguments), side="server")
    check_equal(process.popen.stdout.readline(), b"ready\n", f"it listens ({process.errors()})")
    return process


def known(lab, port):
    return sorted(s["server"] for s in lab.cli("status")["servers"] if s["port"] == port)


def test_known_before_the_first_connection():
    with Lab() as lab:
        stack_lab(lab)
        check_equal(known(lab, 80), [], "servers before anybody listens")
        lab.http()
        wait_until(
            lambda: known(lab, 80) == [SERVER4, SERVER6],
            5,
            "both addresses of the wildcard listener are known",
        )
        check_equal(lab.profile(80), None, "a profile needs a connection")
        lab.set_mode("attack")
        check_equal(lab.server_mode(80), "attack", "mode of a server that nobody has asked yet")
        check_equal(
            lab.fetch("http", 80, count=5)["failed"], 0, "its first clients ever, in attack mode"
        )


def test_listeners_that_come_while_it_runs():
    """One listener at first, then ninety-nine more: the list grows behind the round before."""
    with Lab() as lab:
        stack_lab(lab)
        with lab.server.inside():
            kept = [socket.create_server((SERVER4, 3000))]
        wait_until(lambda: known(lab, 3000) == [SERVER4], 20, "the first one is known")
        with lab.server.inside():
            kept += [socket.create_server((SERVER4, 3000 + i)) for i in range(1, 100)]
        wait_until(lambda: known(lab, 3099) == [SERVER4], 20, "the last one is known")
        names = {server["port"] for server in lab.cli("status")["servers"]}
        check_equal(len(names & set(range(3000, 3100))), 100, "ports that are known")
        for listening in kept:
            listening.close()


def test_the_program_is_named():
    with Lab() as lab:
        stack_lab(lab)
        lab.http()
        lab.learn("http", 80)
        wait_until(
            lambda: lab.profile(80)["program"] == "http_server",
            5,
            f"program {lab.profile(80)['program']}",
        )
        check(
            "program        http_server" in lab.cli_text("profiles", "10.77.0.2:80"),
            "the table for people",
        )
        lab.stop_daemon()
        with open(lab.store) as store:
            check(
                '"program":"http_server"' in store.read().replace(" ", ""),
                "the name is in the store",
            )


def fill(lab, port, backlog):
    """A server that accepts nobody, whose queue real clients fill."""
    listen(lab, FILLER, port, backlog)
    wait_until(lambda: known(lab, port), 20, "the server is known")
    with lab.client.inside():
        return [
            socket.create_connection((SERVER4, port), timeout=5) for _ in range(backlog * 9 // 10)
        ]


def test_a_server_that_stops_accepting():
    with Lab() as lab:
        stack_lab(lab)
        clients = fill(lab, 5000, 100)
        wait_until(lambda: lab.server_mode(5000) == "attack", 20, "attack mode")
        server = next(
            s for s in lab.cli("status")["servers"] if s["port"] == 5000 and s["server"] == SERVER4
        )
        check_equal(server["cause"], "accept queue 90 %", "the cause")
        for client in clients:
            client.close()
        return server["cause"]


def dead(lab, port):
    return {s["dead"] for s in lab.cli("status")["servers"] if s["port"] == port}


def test_a_port_that_nobody_listens_on_any_more():
    with Lab() as lab:
        stack_lab(lab)
        http = lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        http.stop()
        wait_until(lambda: not lab.server.listens(80), 20, "nobody listens")

        # A few are passed on, and answered by the server itself; whoever refuses them, they are
        # refused.
        def refused():
            lab.fetch("http", 80, count=20, timeout_ms=1000)
            return lab.stats()["drops"]["unlistened"]

        wait_until(refused, 10, "synward refuses")
        wait_until(lambda: "nobody listens" in dead(lab, 80), 20, "status says why")
        resets = lab.server.counter("TcpOutRsts")
        flood = lab.flood(80, count=5000)
        # What it has sent last still stands in the queue of the TAP when it ends.
        wait_until(lambda: lab.stats()["drops"]["unlistened"] > 4000, 20, "the flood is refused")
        passed = lab.server.counter("TcpOutRsts") - resets
        check(passed < 500, f"{passed} SYNs of the flood reached the server")
        check(flood.get("resets", 1) != 0, "the flood is told so")
        lab.http()
        wait_until(
            lambda: lab.fetch("http", 80, count=1, timeout_ms=1000)["failed"] == 0,
            5,
            "served again when it listens again",
        )
        check_equal(lab.fetch("http", 80, count=50)["failed"], 0, "fetches then")
        # The next look at the listening sockets tells; there is one a second.
        wait_until(lambda: dead(lab, 80) == {None}, 10, "status says that it listens")
        return f"{passed} of more than 5,000 reached the server"


def test_a_redirected_port_is_never_refused():
    """The probe sees no listener on port 8080, and yet it is served: nft there redirects it to port
    80."""
    with Lab() as lab:
        stack_lab(lab)
        lab.server.run(
            "nft",
            "table ip redirection {\nchain in {\ntype nat hook prerouting priority -100;\n"
            "tcp dport 8080 redirect to :80\n}\n}\n",
        )
        lab.http()
        lab.learn("http", 8080)
        lab.set_mode("attack")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            check_equal(
                lab.fetch("http", 8080, count=20)["failed"], 0, "fetches of the redirected port"
            )
        check_equal(lab.stats()["drops"]["unlistened"], 0, "clients refused")


def test_a_stack_that_is_named():
    """tap: sides; the servers' namespace is elsewhere on this machine."""
    with Lab(sides="tap") as lab:
        stack_lab(lab, extra=("--server-stack", lab.server.name))
        lab.http()
        wait_until(lambda: SERVER4 in known(lab, 80), 20, "known before its first connection")
        clients = fill(lab, 5000, 50)
        wait_until(lambda: lab.server_mode(5000) == "attack", 20, "attack mode")
        for client in clients:
            client.close()


def test_ports_see_no_stack():
    with Lab(sides="port") as lab:
        stack_lab(lab)
        lab.http()
        lab.fetch("http", 80)
        time.sleep(1.5)  # longer than a look's period
        check_equal(known(lab, 80), [SERVER4], "servers known")
        check_equal(lab.profile(80)["program"], None, "the program")
        check(PORTS[1] in lab.side_names()[1], "the side is a port")


def test_thousands_of_sockets():
    with Lab() as lab:
        stack_lab(lab)
        before, begin = cpu_s(lab.daemon.pid), time.monotonic()
        time.sleep(3)  # the interval that is measured
        without = (cpu_s(lab.daemon.pid) - before) / (time.monotonic() - begin)
        listen(lab, MANY)
        time.sleep(5)  # the one look that finds them all and names their program
        before, begin = cpu_s(lab.daemon.pid), time.monotonic()
        time.sleep(20)  # the interval that is measured: five looks
        share = (cpu_s(lab.daemon.pid) - before) / (time.monotonic() - begin)
        check(
            share < 0.05, f"{100 * share:.2f} % of a core with 5,000 listeners"
        )  # noise apart; the figure is for people
        return (
            f"{100 * share:.2f} % of a core with 5,000 listeners, {100 * without:.2f} % with none"
        )


runner.main(globals())
