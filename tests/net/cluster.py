# SPDX-License-Identifier: GPL-2.0-or-later
"""No test: bridges, each with its own hosts, that `synward sync` joins by Redis on a UNIX socket
between them; values put there as a bridge would; stores that are slow, or none."""
import contextlib
import hashlib
import json
import os
import secrets
import socket
import threading
import time

import runner
from lab import PROJECT, ROOT, SYNWARD, Lab, Process, check, make_root, run, wait_until

PORT = 80
NAME = "test"
SEALED = f"synward:{NAME}"


class Bridge(Lab):
    """A lab whose daemon has the cluster's key, with a sync beside it."""

    def __init__(self, cluster, name):
        super().__init__()
        self.cluster, self.name, self.sync = cluster, name, None
        if self.stand_in:
            raise runner.Skip("needs the daemon")

    def begin(self, mode="auto", sync=True):
        self.start(mode=mode, extra=["--cluster-key", self.cluster.key])
        self.http(PORT)
        if sync:
            self.join()

    def join(self, key=None, redis=None, name=None, node=None, state=True):
        self.sync = self._keep(
            Process(
                [SYNWARD, "sync", "--redis", redis or f"unix:{self.cluster.socket}"]
                + ["--name", name or NAME, "--node", node or self.name]
                + ["--cluster-key", key or self.cluster.key, "--control", self.control]
                + (["--state", os.path.join(self.folder, "seen")] if state else []),
                self.log("sync"),
            )
        )

    def say(self, **request):
        """To the daemon, without a program that does it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(self.control)
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.load(connection.makefile("rb"))
        check("error" not in answer, answer)
        return answer

    def state(self):
        return self.cli("status")["cluster"]

    def wait_state(self, state, bridges=None, timeout_s=30):
        def so():
            now = self.state()
            return now["state"] == state and bridges in (None, now["bridges"])

        wait_until(so, timeout_s, f"{self.name} is {state} with {bridges}: {self.state()}")

    def rules(self):
        return {
            f"{s['address']}/{s['length']}": s["state"]
            for s in self.cli("sources")["sources"]
            if s["by"] == "operator"
        }

    def asides(self):
        return [
            (s["address"], s["by"]) for s in self.cli("sources")["sources"] if s["state"] == "aside"
        ]


class Cluster:
    """The store, the key, and the bridges, all of which end with it."""

    def __init__(self, *names, redis=()):
        make_root()
        self.stack = contextlib.ExitStack()
        self.options = redis
        self.names = names

    def __enter__(self):
        place = self.stack.enter_context(Lab())
        self.place, self.folder = place, os.path.join(place.folder, "redis")
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        self.socket = os.path.join(self.folder, "redis.sock")
        self.key = self.key_file("cluster.key", secrets.token_hex(32))
        self.start_store()
        self.bridges = [self.stack.enter_context(Bridge(self, name)) for name in self.names]
        return self

    def __exit__(self, *what):
        return self.stack.__exit__(*what)

    def key_file(self, name, *keys):
        path = os.path.join(self.place.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("".join(key + "\n" for key in keys))
        os.chmod(path, 0o600)
        return path

    def start_store(self):
        self.store = self.place._keep(
            Process(
                [os.path.join(PROJECT, "tests/root/run-redis.sh"), self.place.server.name, ROOT]
                + [self.folder, *self.options],
                self.place.log("redis"),
            )
        )
        wait_until(self.answers, 30, "Redis answers")

    def answers(self):
        with contextlib.suppress(OSError):
            return self.ask("PING") == "PONG"
        return False

    def ask(self, *words):
        """One command; its reply as Python has it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(self.socket)
            parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            connection.sendall(
                b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
            )
            return self._reply(connection.makefile("rb"))

    def _reply(self, file):
        line = file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self._reply(file) for _ in range(int(rest))]
        if kind == b"$":
            data = None if int(rest) < 0 else file.read(int(rest) + 2)[:-2]
            return data.decode(errors="replace") if data is not None else None
        return int(rest) if kind == b":" else rest.decode()

    def seal(self, name, field, content, version, for_s=60, writer="a"):
        """Puts a value there as a bridge with the key file would (cli/sync_seal.h)."""
        with open(self.key, encoding="ascii") as file:
            key = bytes.fromhex(file.readline())
        key = hashlib.blake2b(
            key=key, salt=(3).to_bytes(8, "little"), person=b"synwardC", digest_size=32
        ).digest()
        until_ms = int(time.time() * 1000) + for_s * 1000
        numbers = version.to_bytes(8, "little") + until_ms.to_bytes(8, "little")
        text = json.dumps(content).encode()
        parts = [NAME, f"{SEALED}:{name}", field, writer]
        mac = hashlib.blake2b(key=key, digest_size=32)
        for part in [p.encode() for p in parts] + [numbers, text]:
            mac.update(len(part).to_bytes(8, "little") + part)
        head = f"s1 {mac.hexdigest()} {version} {until_ms} {writer}\n".encode()
        self.ask("HSET", f"{SEALED}:{name}", field, head + text)

    def ask_many(self, commands):
        """As many as they are, in one go; only the last reply is looked at."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(self.socket)
            text = b"".join(
                b"*%d\r\n" % len(c)
                + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, c))
                for c in commands
            )
            sender = threading.Thread(target=connection.sendall, args=(text,))
            sender.start()
            file = connection.makefile("rb")
            replies = [self._reply(file) for _ in commands]
            sender.join()
            return replies[-1]

    def hash(self, name):
        found = self.ask("HGETALL", f"{SEALED}:{name}")
        return dict(zip(found[::2], found[1::2]))


class SlowStore(threading.Thread):
    """Stands before the store, and hands on what it says `delay_s` late."""

    def __init__(self, path, behind, delay_s):
        super().__init__(daemon=True)
        self.behind, self.delay_s, self.listener = behind, delay_s, socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.behind)
                for pair in ((near, far, 0), (far, near, self.delay_s)):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    @staticmethod
    def carry(source, sink, delay_s):
        with contextlib.suppress(OSError):
            while text := source.recv(1 << 20):
                time.sleep(delay_s)
                sink.sendall(text)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


class FakeStore(threading.Thread):
    """A server that says what `answer` makes of each command's first word."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.answer, self.listener = answer, socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with contextlib.suppress(OSError), connection:
                    while text := connection.recv(65536):
                        word = text.split(b"\r\n")[2].decode()
                        self.answer(connection, word)

    def close(self):
        self.listener.close()


def attacked(bridge):
    return bridge.server_mode(PORT) == "attack"


def attack(bridge):
    """A flood that goes on; the caller stops it."""
    return bridge.start_flood(PORT, count=10_000_000, rate=3000)


def all_joined(cluster):
    for bridge in cluster.bridges:
        bridge.begin()
    for bridge in cluster.bridges:
        bridge.wait_state("joined", len(cluster.bridges))
    return cluster.bridges


def learned_at_both(cluster):
    """The first two have joined, and what one has learned the other has, too."""
    a, b = cluster.bridges[:2]
    for bridge in (a, b):
        bridge.begin()
        bridge.wait_state("joined")
    a.learn("http", PORT)
    wait_until(lambda: b.profile(PORT), 30, "b has the profile")
    return a, b


def promise(bridge):
    profile = bridge.profile(PORT)
    return profile and (profile["mark"], profile["tcp"], profile["application"]["protocol"])


def forget(bridge):
    bridge.cli("profiles", "forget", f"10.77.0.2:{PORT}")


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
