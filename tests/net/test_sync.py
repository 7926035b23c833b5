# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward sync`: two or three bridges, each with its own hosts, and Redis on a UNIX socket between
them. What one knows serves all; a store that is slow, gone, emptied, full or somebody else's takes
nothing away."""
import json
import os
import secrets
import signal
import time

import runner
from cluster import PORT, NAME, SEALED, Cluster, SlowStore, FakeStore
from lab import SYNWARD, check, check_equal, run, wait_until

SERVERS = 10_000


def attacked(bridge):
    return bridge.server_mode(PORT) == "attack"


def attack(bridge):
    """A flood that goes on; the caller stops it."""
    return bridge.start_flood(PORT, count=10_000_000, rate=3000)


def learned_at_both(cluster):
    """The first two have joined, and what one has learned the other has, too."""
    a, b = cluster.bridges[:2]
    for bridge in (a, b):
        bridge.begin()
        bridge.wait_state("joined")
    a.learn("http", PORT)
    wait_until(lambda: b.profile(PORT), 5, "b has the profile")
    return a, b


def promise(bridge):
    profile = bridge.profile(PORT)
    return profile and (profile["mark"], profile["tcp"], profile["application"]["protocol"])


def test_bridges_join_and_one_that_dies_is_counted_out():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        for bridge in (a, b):
            bridge.begin()
        for bridge in (a, b):
            bridge.wait_state("joined", 2)
        b.sync.stop(signal.SIGKILL)
        a.wait_state("joined", 1, 30)
        b.wait_state("away", 2, 20)
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
        wait_until(lambda: b.profile(PORT), 5, "b has the profile")
        wait_until(lambda: promise(b) == promise(a), 5, f"{promise(a)} at both: {promise(b)}")
        begin = time.monotonic()
        c.begin()
        wait_until(lambda: promise(c) == promise(a), 5, "who joins has it")
        check(time.monotonic() - begin < 8, "within seconds")
        # While a lives it teaches: what b sees of the server changes nothing there.
        before = b.profile(PORT)["evidence"]["handshakes"]
        b.fetch("http", port=PORT, count=20)
        check_equal(b.profile(PORT)["evidence"]["handshakes"], before, "b learns nothing of it")
        # The operator's word at b reaches all.
        b.cli("profiles", "set", f"10.77.0.2:{PORT}", "trigger.half_open=77")
        wait_until(
            lambda: a.profile(PORT)["settings"].get("trigger.half_open") == 77,
            8,
            f"the setting reaches a: {a.profile(PORT)['settings']}",
        )


def forget(bridge):
    bridge.cli("profiles", "forget", f"10.77.0.2:{PORT}")


def test_what_an_operator_has_forgotten_does_not_come_back():
    """Neither from a bridge that was away, nor from one that joins with a profile of before."""
    field = f"10.77.0.2 {PORT} [ ]"
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        old = cluster.hash("profiles")[field]
        forget(b)  # which is taught
        wait_until(lambda: not a.profile(PORT) and not b.profile(PORT), 8, "both have forgotten it")
        check('"gone":true' in cluster.hash("profiles")[field], cluster.hash("profiles"))
        # Its owner plays the profile again: that is older than what was seen.
        cluster.ask("HSET", f"{SEALED}:profiles", field, old)
        cluster.ask("XADD", f"{SEALED}:changes", "*", "f", field)
        wait_until(lambda: "or old ones (" in a.sync.said(), 10, a.sync.said())
        # What stands behind it has come.
        a.cli("sources", "add", "198.51.100.1")
        wait_until(lambda: b.rules(), 8, "b has a's rule")
        check(not a.profile(PORT) and not b.profile(PORT), "it stays forgotten")
        # Learned anew, at b this time, it is there for all again.
        b.learn("http", PORT)
        wait_until(lambda: a.profile(PORT), 15, "a has b's new profile")
        check_equal(promise(a), promise(b), "the same at both")
        # a was away when it was forgotten again, and has its profile still.
        a.sync.stop()
        forget(b)
        wait_until(lambda: '"gone":true' in cluster.hash("profiles")[field], 8, "it is told")
        check(a.profile(PORT) is not None, "a has heard nothing")
        a.join()
        wait_until(lambda: not a.profile(PORT), 15, "a hears of it first")
        a.wait_state("joined", 2)
        check('"gone":true' in cluster.hash("profiles")[field], "and teaches nothing of it")
        check(not b.profile(PORT), "nor has b")


def test_an_attack_at_one_is_one_at_all():
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        check(not attacked(a) and not attacked(b), "calm")
        flood = attack(a)
        wait_until(lambda: attacked(a), 10, "a is attacked")
        begin = time.monotonic()
        wait_until(lambda: attacked(b), 5, "so is b")
        check(time.monotonic() - begin < 2, f"within 2 s: {time.monotonic() - begin:.1f}")
        causes = [s["cause"] for s in b.cli("status")["servers"] if s["port"] == PORT]
        check("half-open" in causes[0], causes)
        check_equal(b.fetch("http", port=PORT, count=5)["failed"], 0, "b's clients are served")
        flood.stop()
        wait_until(lambda: not attacked(a), 90, "a is calm")
        wait_until(lambda: not attacked(b), 4, "b is calm at the same time")


def test_who_is_put_aside_by_one_is_so_at_all():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        for bridge in (a, b):
            bridge.begin()
            bridge.wait_state("joined")
        a.learn("http", PORT)
        a.set_mode("attack")
        a.talkers(
            PORT,
            count=150,
            sources="10.78.0.7/32",
            concurrency=10,
            say="bittorrent",
            hold_ms=100,
            connect_timeout_ms=500,
        )
        check_equal(a.asides(), [("10.78.0.7", "judgement")], "at a")
        begin = time.monotonic()
        wait_until(lambda: b.asides() == [("10.78.0.7", "cluster")], 5, f"at b: {b.asides()}")
        said = cluster.hash("asides")["10.78.0.7/32 a"]
        check('"strikes":1' in said, f"and for which time: {said}")
        check(time.monotonic() - begin < 2, f"within 2 s: {time.monotonic() - begin:.1f}")


def test_the_operators_word_on_sources_counts_at_all():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges

        def both_have(wanted):
            wait_until(
                lambda: a.rules() == b.rules() == wanted, 5, f"{wanted}: {a.rules()}, {b.rules()}"
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
        wait_until(lambda: len(cluster.hash("rules")) == 2, 10, "the store has them again")
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
        wait_until(lambda: b.profile(PORT), 5, "b has the profile")

        def modes():
            return [(x.cli("status")["mode"], x.server_mode(PORT)) for x in (a, b)]

        def both(mode, wanted):
            wait_until(lambda: modes() == [(mode, wanted)] * 2, 8, f"{mode}, {wanted}: {modes()}")

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
        wait_until(lambda: [m for m, _ in modes()] == ["auto"] * 2, 8, f"auto: {modes()}")

        def lists(bridge):
            return {l["name"] for l in bridge.cli("sources")["lists"]}

        path = os.path.join(cluster.place.folder, "drop")
        with open(path, "w", encoding="ascii") as file:
            for i in range(30_000):
                file.write(f"198.{18 + i // 65536}.{i // 128 % 256}.{i % 128 * 2}\n")
            file.write("2001:db8::/32\n10.77.0.1\n")
        check_equal(b.fetch("http", port=PORT)["failed"], 0, "b takes this client")
        a.cli("sources", "import", "drop", path)
        wait_until(lambda: lists(b) == {"drop"}, 15, f"b has the list: {b.cli('sources')}")
        b.set_mode("attack")
        refused = b.fetch("http", port=PORT, timeout_ms=500)
        check_equal(refused["failed"], 1, "and it is in force there")
        with open(path, "w", encoding="ascii") as file:
            file.write("203.0.113.0/24\n")
        b.cli("sources", "import", "drop", path)
        wait_until(
            lambda: [l["prefixes"] for l in a.cli("sources")["lists"]] == [1], 15, "the last word"
        )
        open(path, "w", encoding="ascii").close()
        a.cli("sources", "import", "drop", path)
        wait_until(lambda: not lists(a) and not lists(b), 15, f"gone: {lists(a)}, {lists(b)}")


def test_nothing_old_is_believed_after_a_new_start():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        for bridge in (a, b):
            bridge.begin()
            bridge.wait_state("joined", timeout_s=15)
        source = "198.51.100.0/24"
        a.cli("sources", "add", source)
        wait_until(lambda: b.rules() == {source: "aside"}, 15, f"b has it: {b.rules()}")
        old = cluster.hash("rules")[source]
        a.cli("sources", "remove", source)
        wait_until(lambda: b.rules() == {}, 15, f"b has that, too: {b.rules()}")
        for bridge in (a, b):
            bridge.sync.stop()
        for kept, wanted in ((True, {}), (False, {source: "aside"})):
            cluster.ask("HSET", f"{SEALED}:rules", source, old)
            b.join(state=kept)
            b.wait_state("joined", timeout_s=15)
            # What stands there behind it has come.
            b.cli("sources", "add", "203.0.113.9")
            wait_until(lambda: "203.0.113.9/32" in cluster.hash("rules"), 15, "b writes")
            b.cli("sources", "remove", "203.0.113.9")
            wait_until(lambda: b.rules() == wanted, 15, f"{wanted}: {b.rules()}")
            check_equal("or old ones" in b.sync.said(), kept, "it says so")
            b.sync.stop()


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
        wait_until(lambda: b.sync.said().count("does not take") == 3, 10, b.sync.errors())
        # All else goes on.
        a.cli("sources", "add", "198.51.100.0/24")
        wait_until(lambda: b.rules(), 5, "b has a's rule")
        a.learn("http", PORT)
        wait_until(lambda: b.profile(PORT), 5, "b has a's profile")
        wait_until(lambda: "a profile of a is not taken" in b.sync.said(), 10, b.sync.errors())
        a.cli("sources", "remove", "198.51.100.0/24")
        wait_until(lambda: not b.rules(), 5, "b has that, too")
        check_equal(b.sync.said().count("does not take"), 3, "each was named once")


def test_a_profile_that_nobody_wrote_is_replaced():
    with Cluster("a") as cluster:
        a = cluster.bridges[0]
        field = f"10.77.0.2 {PORT} [ ]"
        cluster.ask("HSET", f"{SEALED}:profiles", field, "s1 " + "0" * 64 + " 1 1 a\n{}")
        a.begin()
        a.wait_state("joined", 1)
        a.learn("http", PORT)
        wait_until(
            lambda: '"armed":true' in cluster.hash("profiles").get(field, ""),
            15,
            f"a's own stands there: {cluster.hash('profiles')}",
        )


def test_no_number_of_values_ends_the_sharing():
    """More than anybody reads at once, of others' making, in every hash."""
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        for name in ("nodes", "attacks", "asides", "counts", "rules", "settings", "lists"):
            cluster.ask_many(
                [("HSET", f"{SEALED}:{name}", f"odd {i}", "x" * 80) for i in range(20_000)]
            )
        for bridge in (a, b):
            bridge.begin()
        for bridge in (a, b):
            bridge.wait_state("joined", 2, 20)
        a.cli("sources", "add", "198.51.100.0/24")
        wait_until(lambda: b.rules(), 15, "b has a's rule")
        check_equal([x.state()["bridges"] for x in (a, b)], [2, 2], "both live")


def test_a_slow_store_keeps_nobody_from_being_heard_of():
    """Each of b's questions takes a third of a second, and there is much to ask."""
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        a.begin()
        a.wait_state("joined", 1)
        for i in range(100):
            a.cli("sources", "add", f"198.51.100.{i}")
        wait_until(lambda: len(cluster.hash("rules")) == 100, 10, "a's rules are there")
        path = os.path.join(cluster.folder, "slow.sock")
        slow = SlowStore(path, cluster.socket, 0.33)
        slow.start()
        b.begin(sync=False)
        for i in range(5):
            b.cli("sources", "add", f"203.0.113.{i}")
        b.join(redis=f"unix:{path}")
        b.wait_state("joined", 2, 20)
        a.wait_state("joined", 2)
        end = time.monotonic() + 180
        while len(a.rules()) < 105 or len(b.rules()) < 105:
            check_equal([x.state()["bridges"] for x in (a, b)], [2, 2], "both live")
            check_equal([x.state()["state"] for x in (a, b)], ["joined"] * 2, "both are heard of")
            check(time.monotonic() < end, f"all rules: {len(a.rules())}, {len(b.rules())}")
            time.sleep(0.5)  # between two looks
        slow.close()


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
            lambda: "cmd=xread" in cluster.ask("CLIENT", "LIST"), 10, f"one waits: {blocked}"
        )
        # A helper that dies ends it: systemd starts it again.
        os.kill(int(helpers()["synward-store"]), signal.SIGKILL)
        wait_until(lambda: not a.sync.running(), 10, "it has ended")
        check("is gone" in a.sync.errors(), a.sync.errors())


def test_a_store_that_is_away_takes_nothing():
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        cluster.store.popen.send_signal(signal.SIGSTOP)
        a.wait_state("away", 2, 20)
        check("the store at" in a.state()["why"], a.state())
        check_equal(b.fetch("http", port=PORT, count=5)["failed"], 0, "b's clients are served")
        cluster.store.popen.send_signal(signal.SIGCONT)
        a.wait_state("joined", 2)
        cluster.store.stop(signal.SIGKILL)
        os.unlink(cluster.socket)
        a.wait_state("away", 2, 20)
        b.wait_state("away", 2, 20)
        check(promise(b) == promise(a), "profiles stay")
        cluster.start_store()  # an empty one
        for bridge in (a, b):
            bridge.wait_state("joined", 2)
        wait_until(lambda: len(cluster.hash("profiles")) == 1, 10, "the profile is there again")
        cluster.ask("FLUSHALL")
        wait_until(lambda: len(cluster.hash("profiles")) == 1, 15, "and again")
        check(promise(b) == promise(a), "profiles stay")
        check_equal([x.state()["bridges"] for x in (a, b)], [2, 2], "nobody is counted out")


def test_a_full_store_is_away():
    with Cluster("a", redis=["--maxmemory", "1200kb"]) as cluster:
        a = cluster.bridges[0]
        cluster.ask("CONFIG", "SET", "maxmemory", "1")
        a.begin()
        wait_until(lambda: "OOM" in (a.state()["why"] or ""), 10, f"told: {a.state()}")
        check_equal(a.state()["state"], "away", "state")
        cluster.ask("CONFIG", "SET", "maxmemory", "0")
        a.wait_state("joined", 1)


def full_of_profiles(cluster, bridge, count):
    """As many servers as `bridge` has one, by import; the last of them."""
    profile = bridge.profile(PORT)
    for key in ("mark", "enforced", "configured"):
        profile.pop(key, None)
    path = os.path.join(cluster.place.folder, "many.json")
    many = [{**profile, "server": f"10.88.{i // 250}.{i % 250 + 1}"} for i in range(count)]
    with open(path, "w", encoding="ascii") as file:
        json.dump({"synward": {"version": "0.1.0", "schema": 1}, "profiles": many}, file)
    bridge.cli("profiles", "import", path)
    return f"{many[-1]['server']}:{PORT}"


def has_profile(bridge, server):
    asked = [SYNWARD, "profiles", server, "--json", "--control", bridge.control]
    return run(*asked, ok=False).returncode == 0


def room_left(cluster, kib):
    """The store has room for so much more, and no longer."""
    used = [l for l in cluster.ask("INFO", "memory").splitlines() if l.startswith("used_memory:")]
    most = int(used[0].split(":")[1]) + kib * 1024
    cluster.ask("CONFIG", "SET", "maxmemory", str(most))


def doctor_on_memory(cluster):
    url = ["--redis", f"unix:{cluster.socket}", "--name", NAME]
    said = run(SYNWARD, "doctor", "--json", "--cluster-key", cluster.key, *url, ok=False).stdout
    found = [f for f in json.loads(said)["findings"] if f["check"] == "store memory"]
    return found[0]["level"], found[0]["text"]


def test_a_store_that_fills_up_takes_nothing():
    """It refuses what is new. All that was known stays, and what was refused comes when it can."""
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        check_equal(doctor_on_memory(cluster)[0], "ok", "doctor, with room")
        before = promise(b)
        room_left(cluster, 2048)
        last = full_of_profiles(cluster, a, 2000)
        wait_until(lambda: "OOM" in (a.state()["why"] or ""), 40, "a says so")
        for bridge in (a, b):  # b says so, where it has something to write
            check_equal(bridge.state()["bridges"], 2, "nobody is counted out")
            check_equal(bridge.fetch("http", port=PORT, count=5)["failed"], 0, "clients are served")
        check_equal(doctor_on_memory(cluster)[0], "wrong", "doctor")
        check("are taken" in doctor_on_memory(cluster)[1], doctor_on_memory(cluster))
        check_equal(promise(b), before, "profiles stay")
        flood = attack(a)
        wait_until(lambda: attacked(a), 10, "a protects its server nevertheless")
        flood.stop()
        cluster.ask("CONFIG", "SET", "maxmemory", "0")
        for bridge in (a, b):
            bridge.wait_state("joined", 2, 20)
        wait_until(lambda: has_profile(b, last), 40, "b has the last of a's")


def test_a_store_that_takes_values_away_takes_nothing():
    """Full again and again, it drops whole hashes: what bridges know is theirs."""
    with Cluster("a", "b", redis=["--maxmemory-policy", "allkeys-lru"]) as cluster:
        a, b = learned_at_both(cluster)
        before = promise(b)
        room_left(cluster, 2048)
        check("takes values away" in doctor_on_memory(cluster)[1], doctor_on_memory(cluster))
        last = full_of_profiles(cluster, a, 2000)

        def evicted():
            stats = cluster.ask("INFO", "stats").splitlines()
            return int([l for l in stats if l.startswith("evicted_keys:")][0].split(":")[1])

        wait_until(lambda: evicted() > 3, 60, "values are evicted, and written, and evicted")
        wait_until(lambda: "the store has lost" in a.sync.said(), 20, "a says so")
        for bridge in (a, b):
            check_equal(bridge.state()["bridges"], 2, "nobody is counted out")
            check_equal(bridge.fetch("http", port=PORT, count=5)["failed"], 0, "clients are served")
            check(bridge.sync.running(), bridge.sync.errors())
        check_equal(promise(b), before, "profiles stay")
        check(has_profile(a, last), "a's own, too")
        cluster.ask("CONFIG", "SET", "maxmemory", "0")
        wait_until(lambda: has_profile(b, last), 60, "with room again all are at b")
        for bridge in (a, b):
            bridge.wait_state("joined", 2, 20)


def test_nobody_without_the_key_is_believed():
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        flood = attack(a)
        wait_until(lambda: cluster.hash("attacks"), 10, "an attack is told")
        kept = cluster.hash("attacks")
        flood.stop()
        good = next(iter(kept.values()))
        field = next(iter(kept))
        profiles = cluster.hash("profiles")
        b.set_mode("normal")
        b.set_mode("auto")
        # Of somebody else's making, moved to another place, changed, cut short, and far too long.
        forged = {
            "10.77.0.2 81 [ ] a": good,
            "10.77.0.2 82 [ ] a": good.replace("80", "82"),
            "10.77.0.2 83 [ ] a": "s1 " + "0" * 64 + good[67:],
            "10.77.0.2 84 [ ] a": good[:40],
            "10.77.0.2 85 [ ] a": "x" * 3_000_000,
        }
        for name, text in forged.items():
            cluster.ask("HSET", f"{SEALED}:attacks", name, text)
        cluster.ask("HSET", f"{SEALED}:nodes", "evil", next(iter(cluster.hash("nodes").values())))
        server, text = next(iter(profiles.items()))
        cluster.ask(
            "HSET", f"{SEALED}:profiles", server, text.replace('"armed":true', '"armed":false')
        )
        cluster.ask("XADD", f"{SEALED}:changes", "*", "f", server)
        wait_until(lambda: "no bridge wrote" in b.sync.errors(), 10, f"said: {b.sync.errors()}")
        for bridge in (a, b):
            bridge.wait_state("joined", 2)
            ports = [s["port"] for s in bridge.cli("status")["servers"] if s["mode"] == "attack"]
            check(set(ports) <= {PORT}, f"attacked: {ports}")
            check(bridge.profile(PORT)["evidence"]["armed"], "armed as before")
        # What was true once: its time is over.
        wait_until(lambda: not attacked(a) and not attacked(b), 90, "calm again")
        cluster.ask("HSET", f"{SEALED}:attacks", field, good)
        cluster.ask("HDEL", f"{SEALED}:attacks", *forged)
        # What is said behind it has come: b has read that, too, once and again.
        for word in ("add", "remove"):
            a.cli("sources", word, "198.51.100.99")
            wait_until(
                lambda w=word: (w == "add")
                == any(s["address"] == "198.51.100.99" for s in b.cli("sources")["sources"]),
                15,
                f"b has heard of {word}",
            )
        check(not attacked(b), "an old attack is none")


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
            lambda: "refused" in (a.state()["state"], b.state()["state"]), 10, "one is refused"
        )


def test_ten_thousand_servers():
    """What they take in the store, and how long who joins waits for them."""
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        a.begin()
        a.wait_state("joined", 1)
        a.learn("http", PORT)
        begin = time.monotonic()
        last = full_of_profiles(cluster, a, SERVERS)
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


def drip(connection, _word):
    for byte in b"*2\r\n$10\r\n" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def gush(connection, _word):
    connection.sendall(b"$900000000\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def lie_about_time(connection, word):
    connection.sendall(
        b"*2\r\n$10\r\n1000000000\r\n$1\r\n0\r\n" if word == "TIME" else b"-ERR no\r\n"
    )


def lie_about_microseconds(connection, word):
    """The second is right: what is written at it would be kept as the newest for good."""
    now = f"{int(time.time())}".encode()
    connection.sendall(
        b"*2\r\n$10\r\n" + now + b"\r\n$19\r\n9000000000000000000\r\n"
        if word == "TIME"
        else b"*-1\r\n"
    )


def test_a_store_that_is_none():
    answers = {
        "drip": (drip, "away", "in time"),
        "gush": (gush, "away", "than it was asked"),
        "nest": (lambda c, _: c.sendall(b"*1\r\n" * 100), "away", "no Redis"),
        "many": (lambda c, _: c.sendall(b"*2147483647\r\n"), "away", "the store at"),
        "http": (lambda c, _: c.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"), "away", "no Redis"),
        "time": (lie_about_time, "refused", "off the store's"),
        "microseconds": (lie_about_microseconds, "refused", "says no time"),
    }
    with Cluster("a") as cluster:
        a = cluster.bridges[0]
        a.begin(sync=False)
        a.learn("http", PORT)
        for name, (answer, state, why) in answers.items():
            path = os.path.join(cluster.folder, f"{name}.sock")
            store = FakeStore(path, answer)
            store.start()
            a.join(redis=f"unix:{path}")
            wait_until(
                lambda s=state, w=why: (a.state()["state"], w in (a.state()["why"] or ""))
                == (s, True),
                20,
                f"{name}: {state}, {why}: {a.state()}",
            )
            check(a.sync.running(), f"{name}: it lives: {a.sync.errors()}")
            check(a.sync.resident_kib() < 200_000, f"{name}: {a.sync.resident_kib()} KiB")
            check_equal(a.fetch("http", port=PORT, count=3)["failed"], 0, f"{name}: served")
            a.sync.stop()
            store.close()


if __name__ == "__main__":
    runner.main(globals())
