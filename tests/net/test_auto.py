# SPDX-License-Identifier: GPL-2.0-or-later
"""Auto mode on real traffic: triggers and their causes, honest crowds, sources that are put aside,
and by whom."""
import runner
from lab import CLIENT4, Lab, check, check_equal, wait_until

# Of a client that waits for its answer: on a machine that is busy with other things 300 ms are soon
# over.
PATIENCE_MS = 20000
SYNS_MOST = 1000  # of a flood, before its server is protected


def auto_lab(lab, http_port=80):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode="auto")
    http = lab.http(http_port)
    lab.learn("http", http_port)
    return http


def server(lab, port):
    return next(s for s in lab.cli("status")["servers"] if s["port"] == port)


def test_silent_clients():
    with Lab() as lab:
        http = auto_lab(lab)
        lab.pop3()
        lab.learn("pop3", 110)
        lab.cli(
            "profiles", "set", "10.77.0.2:80", "trigger.half_open=2000"
        )  # three hundred connect at once
        accepted = http.accepted()
        lab.talkers(80, count=1500, concurrency=300, hold_ms=1500)
        check_equal(lab.server_mode(80), "attack", "mode under silent clients")
        check("silent" in server(lab, 80)["cause"], f"the cause: {server(lab, 80)['cause']}")
        reached = http.accepted() - accepted
        check(reached <= SYNS_MOST, f"{reached} silent clients reached the server")
        check_equal(lab.server_mode(110), "normal", "mode of the other server")
        check_equal(lab.fetch("http", 80, count=100)["failed"], 0, "fetches in attack mode")
        check_equal(lab.fetch("pop3", 110, count=20)["failed"], 0, "fetches of the other server")
        cause = server(lab, 80)["cause"]
        return f"{reached} of 1,500 silent clients reached the server, cause {cause}"


def test_wrong_requests_where_the_trigger_is_set():
    with Lab() as lab:
        http = auto_lab(lab)
        lab.cli("profiles", "set", "10.77.0.2:80", "trigger.mismatch=100")
        accepted = http.accepted()
        lab.talkers(80, count=3000, concurrency=200, say="bittorrent", hold_ms=100)
        check(
            "mismatches" in (server(lab, 80)["cause"] or ""),
            f"the cause: {server(lab, 80)['cause']}",
        )
        reached = http.accepted() - accepted
        check(reached <= SYNS_MOST, f"{reached} wrong clients reached the server")
        check_equal(lab.fetch("http", 80, count=100)["failed"], 0, "fetches in attack mode")
        return f"{reached} of 3,000 wrong clients reached the server"


def test_full_speed_is_no_attack():
    with Lab() as lab:
        auto_lab(lab)
        fetching = [lab.start_fetch("http", 80, count=2500) for _ in range(8)]
        check_equal(sum(f.report()["failed"] for f in fetching), 0, "fetches at full speed")
        check_equal(
            lab.server_mode(80), "normal", f"mode after it (cause {server(lab, 80)['cause']})"
        )
        check_equal(lab.cli("sources")["sources"], [], "sources")


def test_crowd_is_served():
    """5,000 clients with the right request: no switch, or nobody who fails by it; nobody is put
    aside."""
    with Lab() as lab:
        auto_lab(lab)
        report = lab.talkers(
            80, count=5000, concurrency=1000, say="http", hold_ms=300, patience_ms=PATIENCE_MS
        )
        check_equal(report["connected"], 5000, f"clients that were let in ({report})")
        check_equal(report["answered"], 5000, f"clients that were answered ({report})")
        check_equal(lab.cli("sources")["sources"], [], "sources")
        return f"mode {lab.server_mode(80)}, cause {server(lab, 80)['cause']}"


def test_a_bad_address_is_put_aside():
    with Lab() as lab:
        auto_lab(lab)
        lab.set_mode("attack")
        bad = lab.start_talkers(
            80,
            count=10_000,
            sources="10.78.0.7/32",
            concurrency=10,
            say="bittorrent",
            hold_ms=100,
            connect_timeout_ms=500,
        )
        wait_until(lambda: lab.cli("sources")["sources"], 20, "a source")
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches from elsewhere")
        wait_until(lambda: lab.stats()["drops"]["aside"] > 0, 20, "its SYNs are dropped")
        bad.stop()
        found = lab.cli("sources")["sources"]
        check_equal(
            [(s["address"], s["length"], s["state"], s["by"]) for s in found],
            [("10.78.0.7", 32, "aside", "judgement")],
            "sources",
        )
        lab.cli("sources", "remove", "10.78.0.7")
        check_equal(lab.cli("sources")["sources"], [], "sources after it was removed")


def test_rules_of_the_operator():
    with Lab() as lab:
        auto_lab(lab)
        lab.cli("sources", "add", f"{CLIENT4}/24")
        check(
            lab.fetch("http", 80, count=1, timeout_ms=500)["failed"] == 1, "a fetch while put aside"
        )
        lab.cli("sources", "allow", CLIENT4)
        check_equal(
            lab.fetch("http", 80, count=5)["failed"],
            0,
            "fetches while the longer prefix is allowed",
        )
        lab.cli("sources", "remove", CLIENT4)
        lab.cli("sources", "add", f"{CLIENT4}/24", "--for", "1")
        wait_until(lambda: not lab.cli("sources")["sources"], 20, "the rule is over")
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches after it")


runner.main(globals())
