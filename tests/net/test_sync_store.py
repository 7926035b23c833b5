# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward sync` and its store: one that is slow, gone, emptied, full, none at all, or somebody
else's takes nothing away."""
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
    FakeStore,
    SlowStore,
    all_joined,
    attack,
    attacked,
    full_of_profiles,
    has_profile,
    learned_at_both,
    promise,
)
from lab import SYNWARD, check, check_equal, run, wait_until


def stands(cluster, source, state):
    """A word that is said just before `sync` ends is not written."""
    return f'"state":"{state}"' in cluster.hash("rules").get(source, "")


def test_nothing_old_is_believed_after_a_new_start():
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        for bridge in (a, b):
            bridge.begin()
            bridge.wait_state("joined", timeout_s=30)
        source = "198.51.100.0/24"
        a.cli("sources", "add", source)
        wait_until(lambda: b.rules() == {source: "aside"}, 30, f"b has it: {b.rules()}")
        old = cluster.hash("rules")[source]
        a.cli("sources", "remove", source)
        wait_until(lambda: b.rules() == {}, 30, f"b has that, too: {b.rules()}")
        for bridge in (a, b):
            bridge.sync.stop()
        for kept, wanted, other in (
            (True, {}, "203.0.113.9/32"),
            (False, {source: "aside"}, "203.0.113.10/32"),
        ):
            cluster.ask("HSET", f"{SEALED}:rules", source, old)
            b.join(state=kept)
            b.wait_state("joined", timeout_s=30)
            # What stands there behind it has come.
            b.cli("sources", "add", other)
            wait_until(lambda: stands(cluster, other, "aside"), 30, "b writes")
            b.cli("sources", "remove", other)
            wait_until(lambda: stands(cluster, other, "clear"), 30, "b writes that")
            wait_until(lambda: b.rules() == wanted, 30, f"{wanted}: {b.rules()}")
            if kept:
                wait_until(lambda: "or old ones" in b.sync.said(), 30, "it says so")
            else:
                check("or old ones" not in b.sync.said(), b.sync.said())
            b.sync.stop()


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
            30,
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
            bridge.wait_state("joined", 2, 30)
        a.cli("sources", "add", "198.51.100.0/24")
        wait_until(lambda: b.rules(), 30, "b has a's rule")
        check_equal([x.state()["bridges"] for x in (a, b)], [2, 2], "both live")


def test_a_slow_store_keeps_nobody_from_being_heard_of():
    """Each of b's questions takes a third of a second, and there is much to ask."""
    with Cluster("a", "b") as cluster:
        a, b = cluster.bridges
        a.begin()
        a.wait_state("joined", 1)
        for i in range(100):
            a.cli("sources", "add", f"198.51.100.{i}")
        wait_until(lambda: len(cluster.hash("rules")) == 100, 30, "a's rules are there")
        path = os.path.join(cluster.folder, "slow.sock")
        slow = SlowStore(path, cluster.socket, 0.33)
        slow.start()
        b.begin(sync=False)
        for i in range(5):
            b.cli("sources", "add", f"203.0.113.{i}")
        b.join(redis=f"unix:{path}")
        b.wait_state("joined", 2, 30)
        a.wait_state("joined", 2)
        end = time.monotonic() + 180
        while len(a.rules()) < 105 or len(b.rules()) < 105:
            check_equal([x.state()["bridges"] for x in (a, b)], [2, 2], "both live")
            check_equal([x.state()["state"] for x in (a, b)], ["joined"] * 2, "both are heard of")
            check(time.monotonic() < end, f"all rules: {len(a.rules())}, {len(b.rules())}")
            time.sleep(0.5)  # between two looks
        slow.close()


def test_a_store_that_is_away_takes_nothing():
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        cluster.store.popen.send_signal(signal.SIGSTOP)
        a.wait_state("away", 2, 30)
        check("the store at" in a.state()["why"], a.state())
        check_equal(b.fetch("http", port=PORT, count=5)["failed"], 0, "b's clients are served")
        cluster.store.popen.send_signal(signal.SIGCONT)
        a.wait_state("joined", 2)
        cluster.store.stop(signal.SIGKILL)
        os.unlink(cluster.socket)
        a.wait_state("away", 2, 30)
        b.wait_state("away", 2, 30)
        check(promise(b) == promise(a), "profiles stay")
        cluster.start_store()  # an empty one
        for bridge in (a, b):
            bridge.wait_state("joined", 2)
        wait_until(lambda: len(cluster.hash("profiles")) == 1, 30, "the profile is there again")
        cluster.ask("FLUSHALL")
        wait_until(lambda: len(cluster.hash("profiles")) == 1, 30, "and again")
        check(promise(b) == promise(a), "profiles stay")
        check_equal([x.state()["bridges"] for x in (a, b)], [2, 2], "nobody is counted out")


def test_an_attack_elsewhere_ends_without_the_store():
    """It is not renewed: b goes by its own triggers, as a does."""
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        flood = attack(a)
        wait_until(lambda: attacked(a) and attacked(b), 30, "both protect")
        cluster.store.popen.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        wait_until(lambda: not attacked(b), 90, "b is calm")
        took = time.monotonic() - begin
        check(attacked(a), "a is flooded still")
        check_equal(b.fetch("http", port=PORT, count=5)["failed"], 0, "b's clients are served")
        flood.stop()
        cluster.store.popen.send_signal(signal.SIGCONT)
        return f"{took:.0f} s after the store's last word"


def test_a_full_store_is_away():
    with Cluster("a", redis=["--maxmemory", "1200kb"]) as cluster:
        a = cluster.bridges[0]
        cluster.ask("CONFIG", "SET", "maxmemory", "1")
        a.begin()
        wait_until(lambda: "OOM" in (a.state()["why"] or ""), 30, f"told: {a.state()}")
        check_equal(a.state()["state"], "away", "state")
        cluster.ask("CONFIG", "SET", "maxmemory", "0")
        a.wait_state("joined", 1)


def all_is_over(cluster):
    """What the bridges have said of themselves counts no more."""
    ends = [int(text.split(" ")[3]) for text in cluster.hash("nodes").values()]
    return len(ends) == 2 and max(ends) < time.time() * 1000


def test_a_store_that_refuses_writes_lets_nobody_die():
    """Full, or without the replicas that it wants: it is read, and says nothing new for longer than
    a bridge is taken to live."""
    with Cluster("a", "b") as cluster:
        a, b = all_joined(cluster)

        def both_live(state):
            check_equal([x.state()["bridges"] for x in (a, b)], [2, 2], "nobody is counted out")
            return [x.state()["state"] for x in (a, b)] == [state] * 2

        for setting, why in (("maxmemory", "OOM"), ("min-replicas-to-write", "NOREPLICAS")):
            cluster.ask("CONFIG", "SET", setting, "1")
            wait_until(lambda: both_live("away"), 30, f"{setting}: both say so")
            wait_until(lambda: both_live("away") and all_is_over(cluster), 60, "long enough")
            wait_until(lambda w=why: w in (a.state()["why"] or ""), 30, f"{a.state()}")
            cluster.ask("CONFIG", "SET", setting, "0")
            wait_until(lambda: both_live("joined"), 30, "joined again")
            wait_until(lambda: both_live("joined") and not all_is_over(cluster), 30, "both write")


def room_left(cluster, kib):
    """The store has room for so much more, and no longer."""
    used = [l for l in cluster.ask("INFO", "memory").splitlines() if l.startswith("used_memory:")]
    most = int(used[0].split(":")[1]) + kib * 1024
    cluster.ask("CONFIG", "SET", "maxmemory", str(most))


def test_a_key_is_rolled_while_the_store_is_full():
    """Nothing can be written, neither that a makes by the new key: what b has said by the old one
    is read, nobody is counted out, and what could not be said comes when there is room."""
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    with Cluster("a", "b") as cluster:
        cluster.key = cluster.key_file("first.key", old, new)
        a, b = learned_at_both(cluster)
        a.sync.stop()
        flood = attack(b)
        wait_until(lambda: cluster.hash("attacks"), 30, "b is attacked, and says so")
        cluster.ask("CONFIG", "SET", "maxmemory", "1")
        check(not attacked(a), "a has not heard of it")
        a.join(key=cluster.key_file("second.key", new, old))
        wait_until(lambda: attacked(a), 30, "a hears of it")
        for bridge in (a, b):
            wait_until(lambda x=bridge: "OOM" in (x.state()["why"] or ""), 30, "full, it says")
            check_equal(bridge.state()["bridges"], 2, "nobody is counted out")
            check_equal(bridge.fetch("http", port=PORT, count=5)["failed"], 0, "clients are served")
        flood.stop()
        cluster.ask("CONFIG", "SET", "maxmemory", "0")
        for bridge in (a, b):
            bridge.wait_state("joined", 2, 30)
        a.cli("sources", "add", "198.51.100.1")
        wait_until(lambda: b.rules(), 30, "b takes a's word, by the new key")


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
        wait_until(lambda: attacked(a), 30, "a protects its server nevertheless")
        flood.stop()
        cluster.ask("CONFIG", "SET", "maxmemory", "0")
        for bridge in (a, b):
            bridge.wait_state("joined", 2, 30)
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
        wait_until(lambda: "the store has lost" in a.sync.said(), 30, "a says so")
        for bridge in (a, b):
            check_equal(bridge.state()["bridges"], 2, "nobody is counted out")
            check_equal(bridge.fetch("http", port=PORT, count=5)["failed"], 0, "clients are served")
            check(bridge.sync.running(), bridge.sync.errors())
        check_equal(promise(b), before, "profiles stay")
        check(has_profile(a, last), "a's own, too")
        cluster.ask("CONFIG", "SET", "maxmemory", "0")
        wait_until(lambda: has_profile(b, last), 60, "with room again all are at b")
        for bridge in (a, b):
            bridge.wait_state("joined", 2, 30)


def test_nobody_without_the_key_is_believed():
    with Cluster("a", "b") as cluster:
        a, b = learned_at_both(cluster)
        flood = attack(a)
        wait_until(lambda: cluster.hash("attacks"), 30, "an attack is told")
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
        wait_until(lambda: "no bridge wrote" in b.sync.said(), 30, f"said: {b.sync.errors()}")
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
                30,
                f"b has heard of {word}",
            )
        check(not attacked(b), "an old attack is none")


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


def ahead(seconds):
    """A clock so far ahead, and nothing else."""

    def say(connection, word):
        now = f"{int(time.time() + seconds)}".encode()
        told = b"*2\r\n$10\r\n" + now + b"\r\n$1\r\n0\r\n"
        connection.sendall(told if word == "TIME" else b"-ERR no\r\n")

    return say


def test_a_store_that_is_none():
    answers = {
        "drip": (drip, "away", "in time"),
        "gush": (gush, "away", "than it was asked"),
        "nest": (lambda c, _: c.sendall(b"*1\r\n" * 100), "away", "no Redis"),
        "many": (lambda c, _: c.sendall(b"*2147483647\r\n"), "away", "the store at"),
        "http": (lambda c, _: c.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"), "away", "no Redis"),
        "time": (lie_about_time, "refused", "off the store's"),
        "ahead": (ahead(12), "refused", "off the store's"),
        "behind": (ahead(-12), "refused", "off the store's"),
        "some seconds": (ahead(8), "away", "ERR no"),
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
                30,
                f"{name}: {state}, {why}: {a.state()}",
            )
            check(a.sync.running(), f"{name}: it lives: {a.sync.errors()}")
            check(a.sync.resident_kib() < 200_000, f"{name}: {a.sync.resident_kib()} KiB")
            check_equal(a.fetch("http", port=PORT, count=3)["failed"], 0, f"{name}: served")
            a.sync.stop()
            store.close()


if __name__ == "__main__":
    runner.main(globals())
