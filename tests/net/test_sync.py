# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward sync`: two or three bridges, each with its own hosts, and Redis on a UNIX socket between
them. What one knows serves all. What stores may do is test_sync_store.py's."""
import json
import os
import secrets
import signal
import time

import runner
from cluster import (
    NAME,
    PORT,
    SEALED,
    Cluster,
    all_joined,
    attack,
    attacked,
    forget,
    full_of_profiles,
    has_profile,
    learned_at_both,
    promise,
)
from lab import SYNWARD, check, check_equal, run, wait_until

SERVERS = 10_000
RULES = 512  # that a daemon has room for


def soon(begin, what):
    """Within 2 s on a machine that has time: the figure is told, and a busy one is given more."""
    took_s = time.monotonic() - begin
    print(f"{what} after {took_s:.1f} s", flush=True)
    check(took_s < 15, f"{what}: {took_s:.1f} s")


def test_bridges_join_and_one_that_dies_is_counted_out():
    with Cluster("a", "b") as cluster:
        a, b = all_joined(cluster)
        b.sync.stop(signal.SIGKILL)
        a.wait_state("joined", 1, 40)
        b.wait_state("away", 2, 40)
        check("does not run" in b.state()["why"], b.state())
        b.join()
        a.wait_state("joined", 2)
        b.wait_state("joined", 2)


def test_what_one_has_learned_serves_all():
    with Cluster("a", "b", "c") as cluster:
        a, b, c = cluster.bridges
        for bridge in (a, b):
            bridge.begin()
            bridge.wait_state("joined")
        a.learn("http", PORT)
        wait_until(lambda: b.profile(PORT), 30, "b has the profile")
        wait_until(lambda: promise(b) == promise(a), 30, f"{promise(a)} at both: {promise(b)}")
        c.begin()
        begin = time.monotonic()
        wait_until(lambda: promise(c) == promise(a), 30, "who joins has it")
        soon(begin, "who joins has it")
        # While a lives it teaches: what b sees of the server changes nothing there.
        before = b.profile(PORT)["evidence"]["handshakes"]
        b.fetch("http", port=PORT, count=20)
        check_equal(b.profile(PORT)["evidence"]["handshakes"], before, "b learns nothing of it")
        # The operator's word at b reaches all.
        b.cli("profiles", "set", f"10.77.0.2:{PORT}", "trigger.half_open=77")
        wait_until(
            lambda: a.profile(PORT)["settings"].get("trigger.half_open") == 77,
            30,
            f"the setting reaches a: {a.profile(PORT)['settings']}",
        )


def test_what_an_operator_has_forgotten_does_not_come_back():
    """Neither from a bridge that was away, nor from one that joins with a profile of before."""
    field = f"10.77.0.2 {PORT} [ ]"
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        old = cluster.hash("profiles")[field]
        forget(b)  # which is taught
        wait_until(
            lambda: not a.profile(PORT) and not b.profile(PORT), 30, "both have forgotten it"
        )
        check('"gone":true' in cluster.hash("profiles")[field], cluster.hash("profiles"))
        # Its owner plays the profile again: that is older than what was seen.
        cluster.ask("HSET", f"{SEALED}:profiles", field, old)
        cluster.ask("XADD", f"{SEALED}:changes", "*", "f", field)
        wait_until(lambda: "or old ones (" in a.sync.said(), 30, a.sync.said())
        # What stands behind it has come.
        a.cli("sources", "add", "198.51.100.1")
        wait_until(lambda: b.rules(), 30, "b has a's rule")
        check(not a.profile(PORT) and not b.profile(PORT), "it stays forgotten")
        # Learned anew, at b this time, it is there for all again.
        b.learn("http", PORT)
        wait_until(lambda: a.profile(PORT), 30, "a has b's new profile")
        check_equal(promise(a), promise(b), "the same at both")
        # a was away when it was forgotten again, and has its profile still.
        a.sync.stop()
        forget(b)
        wait_until(lambda: '"gone":true' in cluster.hash("profiles")[field], 30, "it is told")
        check(a.profile(PORT) is not None, "a has heard nothing")
        a.join()
        wait_until(lambda: not a.profile(PORT), 30, "a hears of it first")
        a.wait_state("joined", 2)
        check('"gone":true' in cluster.hash("profiles")[field], "and teaches nothing of it")
        check(not b.profile(PORT), "nor has b")


def test_another_one_teaches_when_the_teacher_has_died():
    field = f"10.77.0.2 {PORT} [ ]"
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)

        def teacher():
            return cluster.hash("profiles")[field].split("\n")[0].split(" ")[4]

        check_equal(teacher(), "a", "who has learned it teaches it")
        a.sync.stop(signal.SIGKILL)
        b.wait_state("joined", 1, 40)

        def b_teaches():
            check_equal(b.fetch("http", port=PORT, count=5)["failed"], 0, "b serves, and learns")
            return teacher() == "b"

        wait_until(b_teaches, 40, "b teaches it")
        a.join()
        a.wait_state("joined", 2, 40)
        check_equal(a.fetch("http", port=PORT, count=20)["failed"], 0, "a serves")
        check_equal(teacher(), "b", "and leaves it to b")


def test_who_fell_behind_the_changes_reads_all_again():
    """More of them than the stream holds come while its sync stands still: what came first is
    there no more."""
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        changes = f"{SEALED}:changes"
        wait_until(lambda: cluster.ask("XLEN", changes), 30, "the stream has begun")
        b.sync.popen.send_signal(signal.SIGSTOP)
        a.cli("profiles", "set", f"10.77.0.2:{PORT}", "trigger.half_open=77")
        wait_until(
            lambda: '"trigger.half_open":77' in "".join(cluster.hash("profiles").values()),
            30,
            "it is in the store",
        )
        more = ("XADD", changes, "MAXLEN", "~", "10000", "*", "node", "a")
        cluster.ask_many([more] * 10_400)
        check(not b.profile(PORT)["settings"].get("trigger.half_open"), "b has heard nothing")
        b.sync.popen.send_signal(signal.SIGCONT)
        wait_until(
            lambda: b.profile(PORT)["settings"].get("trigger.half_open") == 77, 30, "b has it"
        )


def test_an_attack_at_one_is_one_at_all():
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        check(not attacked(a) and not attacked(b), "calm")
        flood = attack(a)
        wait_until(lambda: attacked(a), 30, "a is attacked")
        begin = time.monotonic()
        wait_until(lambda: attacked(b), 30, "so is b")
        soon(begin, "an attack is told")
        causes = [s["cause"] for s in b.cli("status")["servers"] if s["port"] == PORT]
        check("half-open" in causes[0], causes)
        check_equal(b.fetch("http", port=PORT, count=5)["failed"], 0, "b's clients are served")
        flood.stop()
        wait_until(lambda: not attacked(a), 90, "a is calm")
        wait_until(lambda: not attacked(b), 30, "b is calm at the same time")


def test_who_is_put_aside_by_one_is_so_at_all():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        for bridge in (a, b):
            bridge.begin()
            bridge.wait_state("joined")
        a.learn("http", PORT)
        a.set_mode("attack")
        bad = a.start_talkers(
            PORT,
            count=10_000,
            sources="10.78.0.7/32",
            concurrency=10,
            say="bittorrent",
            hold_ms=100,
            connect_timeout_ms=500,
        )
        begin = wait_until(lambda: a.asides() and time.monotonic(), 30, "at a")
        bad.stop()
        check_equal(a.asides(), [("10.78.0.7", "judgement")], "at a")
        wait_until(lambda: b.asides() == [("10.78.0.7", "cluster")], 30, f"at b: {b.asides()}")
        said = cluster.hash("asides")["10.78.0.7/32 a"]
        check('"strikes":1' in said, f"and for which time: {said}")
        soon(begin, "who is put aside is told")


def test_the_operators_word_on_sources_counts_at_all():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges

        def both_have(wanted):
            wait_until(
                lambda: a.rules() == b.rules() == wanted, 30, f"{wanted}: {a.rules()}, {b.rules()}"
            )

        a.begin()
        a.cli("sources", "add", "198.51.100.0/24")
        b.begin()
        for bridge in (a, b):
            bridge.wait_state("joined", 2)
        both_have({"198.51.100.0/24": "aside"})
        b.cli("sources", "allow", "198.51.100.7")
        both_have({"198.51.100.0/24": "aside", "198.51.100.7/32": "allowed"})
        a.cli("sources", "add", "203.0.113.9", "--for", "600")
        a.cli("sources", "allow", "198.51.100.0/24")
        timed = {"203.0.113.9/32": "aside"}
        both_have({"198.51.100.0/24": "allowed", "198.51.100.7/32": "allowed", **timed})
        b.cli("sources", "remove", "198.51.100.0/24")
        both_have({"198.51.100.7/32": "allowed", **timed})
        cluster.ask("FLUSHALL")
        wait_until(lambda: len(cluster.hash("rules")) == 2, 30, "the store has them again")
        both_have({"198.51.100.7/32": "allowed", **timed})
        a.cli("sources", "remove", "198.51.100.7")
        both_have(timed)


def test_modes_and_lists_count_at_all():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        for bridge in (a, b):
            bridge.begin()
            bridge.wait_state("joined")
        a.learn("http", PORT)
        wait_until(lambda: b.profile(PORT), 30, "b has the profile")

        def modes():
            return [(x.cli("status")["mode"], x.server_mode(PORT)) for x in (a, b)]

        def both(mode, wanted):
            wait_until(lambda: modes() == [(mode, wanted)] * 2, 30, f"{mode}, {wanted}: {modes()}")

        b.fetch("http", port=PORT)
        both("auto", "normal")
        a.cli("mode", "attack", f"10.77.0.2:{PORT}")
        both("auto", "attack")
        b.cli("mode", "normal", f"10.77.0.2:{PORT}")
        both("auto", "normal")
        a.cli("mode", "attack")
        both("attack", "normal")
        a.cli("mode", "default", f"10.77.0.2:{PORT}")
        both("attack", "attack")
        b.cli("mode", "auto")
        wait_until(lambda: [m for m, _ in modes()] == ["auto"] * 2, 30, f"auto: {modes()}")

        def lists(bridge):
            return {l["name"] for l in bridge.cli("sources")["lists"]}

        path = os.path.join(cluster.place.folder, "drop")
        with open(path, "w", encoding="ascii") as file:
            for i in range(30_000):
                file.write(f"198.{18 + i // 65536}.{i // 128 % 256}.{i % 128 * 2}\n")
            file.write("2001:db8::/32\n10.77.0.1\n")
        check_equal(b.fetch("http", port=PORT)["failed"], 0, "b takes this client")
        a.cli("sources", "import", "drop", path)
        wait_until(lambda: lists(b) == {"drop"}, 30, f"b has the list: {b.cli('sources')}")
        b.set_mode("attack")
        refused = b.fetch("http", port=PORT, timeout_ms=500)
        check_equal(refused["failed"], 1, "and it is in force there")
        with open(path, "w", encoding="ascii") as file:
            file.write("203.0.113.0/24\n")
        b.cli("sources", "import", "drop", path)
        wait_until(
            lambda: [l["prefixes"] for l in a.cli("sources")["lists"]] == [1], 30, "the last word"
        )
        open(path, "w", encoding="ascii").close()
        a.cli("sources", "import", "drop", path)
        wait_until(lambda: not lists(a) and not lists(b), 30, f"gone: {lists(a)}, {lists(b)}")


def test_what_a_daemon_does_not_take_is_named_once():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        for bridge in (a, b):
            bridge.begin()
            bridge.wait_state("joined")
        odd = {"server": "10.77.0.2", "port": 80, "vlan": [], "cause": 99, "value": 1}
        now_us = int(time.time() * 1e6)
        for number in range(3):
            cluster.seal("attacks", f"10.77.0.2 8{number} [ ] a", odd, now_us + number)
        odd = {"server": "10.77.0.2", "port": 81, "vlan": [], "tcp": "of another version"}
        cluster.seal("profiles", "10.77.0.2 81 [ ]", odd, now_us)
        cluster.ask("XADD", f"{SEALED}:changes", "*", "f", "10.77.0.2 81 [ ]")
        wait_until(lambda: b.sync.said().count("does not take") == 3, 30, b.sync.errors())
        # All else goes on.
        a.cli("sources", "add", "198.51.100.0/24")
        wait_until(lambda: b.rules(), 30, "b has a's rule")
        a.learn("http", PORT)
        wait_until(lambda: b.profile(PORT), 30, "b has a's profile")
        wait_until(lambda: "a profile of a is not taken" in b.sync.said(), 30, b.sync.errors())
        a.cli("sources", "remove", "198.51.100.0/24")
        wait_until(lambda: not b.rules(), 30, "b has that, too")
        check_equal(b.sync.said().count("does not take"), 3, "each was named once")


def test_a_word_that_there_was_no_room_for_is_told_again():
    """Each of two daemons has one rule that the other has no room for, until one is taken away."""
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        b.begin(sync=False)
        for i in range(RULES):
            b.say(command="sources", action="add", source=f"198.18.{i // 256}.{i % 256}")
        a.begin()
        a.wait_state("joined", 1)
        a.cli("sources", "add", "203.0.113.9")
        wait_until(
            lambda: "203.0.113.9/32" in cluster.hash("rules"), 30, "a's word is in the store"
        )
        b.join()
        b.wait_state("joined", 2, 40)
        wait_until(lambda: "not take this of rules" in b.sync.said(), 30, "b has no room for it")
        wait_until(lambda: len(cluster.hash("rules")) == RULES + 1, 30, "b's words are there")
        wait_until(lambda: len(a.rules()) == RULES, 30, "a takes as many as it has room for")
        check("203.0.113.9/32" not in b.rules(), "as b has said")
        b.cli("sources", "remove", "198.18.0.0")
        wait_until(lambda: "203.0.113.9/32" in b.rules(), 30, "b is told again")
        wait_until(lambda: a.rules() == b.rules(), 30, "both have all that is left")
        check_equal(len(a.rules()), RULES, "rules")
        check_equal(b.sync.said().count("not take this of rules"), 1, "named once")


def test_sync_is_confined():
    with Cluster("a") as cluster:
        a = cluster.bridges[0]
        a.begin()
        a.wait_state("joined", 1)

        def status(pid):
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

        def helpers():
            with open(f"/proc/{a.sync.pid}/task/{a.sync.pid}/children", encoding="ascii") as file:
                return {status(pid)["Name"]: pid for pid in file.read().split()}

        check_equal(set(helpers()), {"synward-daemon", "synward-store"}, "its helpers")
        for pid in (a.sync.pid, *helpers().values()):
            now = status(pid)
            sets = [int(now[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapBnd")]
            check_equal(sets, [0] * 4, f"capabilities of {now['Name']}")
            check_equal((now["Seccomp"], now["NoNewPrivs"]), ("2", "1"), f"of {now['Name']}")
        check("0" not in status(a.sync.pid)["Uid"].split(), "it is not root")
        check_equal(run("ls", f"/proc/{a.sync.pid}/root", ok=False).stdout, "", "it sees no file")
        files = os.listdir(f"/proc/{a.sync.pid}/fd")
        check(len(files) < 16, f"open files: {files}")
        blocked = [line for line in cluster.ask("CLIENT", "LIST").splitlines() if "xread" in line]
        wait_until(
            lambda: "cmd=xread" in cluster.ask("CLIENT", "LIST"), 30, f"one waits: {blocked}"
        )
        # A helper that dies ends it: systemd starts it again.
        os.kill(int(helpers()["synward-store"]), signal.SIGKILL)
        wait_until(lambda: not a.sync.running(), 30, "it has ended")
        check("is gone" in a.sync.errors(), a.sync.errors())


def test_another_key_file_may_not_join():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        a.begin()
        a.wait_state("joined", 1)
        b.begin(sync=False)
        other = cluster.key_file("other.key", secrets.token_hex(32))
        b.join(key=other)
        b.wait_state("refused", 1)
        check("another key file" in b.state()["why"], b.state())
        check_equal(a.state()["bridges"], 1, "a counts only itself")
        cluster.ask("HSET", f"{SEALED}:meta", "schema", "2")
        a.wait_state("refused", 1)
        check("another version" in a.state()["why"], a.state())


def test_doctor_looks_at_the_store():
    with Cluster("a") as cluster:
        other = cluster.key_file("other.key", secrets.token_hex(32))
        url = ["--redis", f"unix:{cluster.socket}", "--name", NAME]

        def look(key, check_name):
            said = run(SYNWARD, "doctor", "--json", "--cluster-key", key, *url, ok=False).stdout
            return [f for f in json.loads(said)["findings"] if f["check"] == check_name][0]

        check_equal(look(cluster.key, "store")["level"], "ok", "the store")
        check_equal(look(cluster.key, "cluster")["level"], "note", "nobody has joined")
        a = cluster.bridges[0]
        a.begin()
        a.wait_state("joined", 1)
        check_equal(look(cluster.key, "cluster")["level"], "ok", "the key file")
        check_equal(look(other, "cluster")["level"], "wrong", "another key file")


def test_two_of_one_name():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        a.begin()
        a.wait_state("joined", 1)
        b.begin(sync=False)
        b.join(node="a")
        wait_until(
            lambda: "refused" in (a.state()["state"], b.state()["state"]), 30, "one is refused"
        )


def test_ten_thousand_servers():
    """What they take in the store, and how long who joins waits for them."""
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        a.begin()
        a.wait_state("joined", 1)
        a.learn("http", PORT)
        last = full_of_profiles(cluster, a, SERVERS)
        begin = time.monotonic()
        key = f"{SEALED}:profiles"
        wait_until(lambda: cluster.ask("HLEN", key) == SERVERS + 1, 60, "all are in the store")
        wrote = time.monotonic() - begin
        each = cluster.ask("MEMORY", "USAGE", key, "SAMPLES", "0") / (SERVERS + 1)
        check(each < 4096, f"{each:.0f} bytes of the store's memory for each")
        b.begin(sync=False)
        begin = time.monotonic()
        b.join()
        wait_until(lambda: has_profile(b, last), 40, "b has the last of them")
        took = time.monotonic() - begin
        b.wait_state("joined", 2, 40)
        check(took < 20, f"who joins has all, in 2 to 4 s of a quiet machine: {took:.1f}")
        check(a.sync.resident_kib() < 1024 * 1024, f"{a.sync.resident_kib()} KiB")
        return (
            f"{each:.0f} bytes each in the store, all there in {wrote:.1f} s;"
            f" who joins has them in {took:.1f} s;"
            f" sync takes {a.sync.resident_kib() // 1024} MiB there, and"
            f" {b.sync.resident_kib() // 1024} MiB here"
        )


if __name__ == "__main__":
    runner.main(globals())
