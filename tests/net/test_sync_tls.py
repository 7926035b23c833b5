# SPDX-License-Identifier: GPL-2.0-or-later
"""The tunnel of doc/operate/cluster.md, word for word: Debian's Redis with TLS, Debian's stunnel
before it, and `synward sync` through both. What is shared crosses no wire in clear."""
import os
import shutil
import subprocess

import runner
from cluster import NAME, PORT, Cluster
from lab import BUILD, PROJECT, ROOT, SYNWARD, Process, check_equal, run, wait_until

RECIPE = os.path.join(PROJECT, "doc/operate/cluster.md")
UNPACKED = os.path.join(BUILD, "stunnel")
STORE = "10.0.0.9"


def recipe():
    """The first three blocks: a command, Redis's options, stunnel's configuration."""
    with open(RECIPE, encoding="utf-8") as file:
        text = file.read().split("## A store on somebody else's network")[1].split("\n## ")[0]
    return [block.split("\n", 1)[1] for block in text.split("```")[1::2]]


class Tunnelled(Cluster):
    """All in one namespace, where the store's address is."""

    def answers(self):
        return self.inside.listens(6379)

    def start_store(self):
        command, options, self.tunnel, _start = recipe()
        self.inside = self.place.server
        self.inside.run("ip", "link", "set", "lo", "up")
        self.inside.run("ip", "addr", "add", f"{STORE}/32", "dev", "lo")
        self.certify = command.split("chown")[0].replace("/etc/redis/store", f"{self.folder}/NAME")
        self.make_certificate("store")
        self.options = []
        for line in options.splitlines():
            if line and not line.startswith("#"):
                key, value = line.split(" ", 1)
                self.options += [f"--{key}", value.replace("/etc/redis/", "/mnt/")]
        self.password = os.path.join(self.place.folder, "password")
        with open(self.password, "w", encoding="ascii") as file:
            file.write(self.options[self.options.index("--requirepass") + 1] + "\n")
        os.chmod(self.password, 0o600)
        super().start_store()

    def make_certificate(self, name):
        command = self.certify.replace("NAME", name)
        subprocess.run(["sh", "-euc", command], check=True, capture_output=True, timeout=60)

    def stunnel(self, certificate="store.crt"):
        run("sh", os.path.join(PROJECT, "tests/root/unpack.sh"), UNPACKED, "stunnel4", timeout=300)
        shutil.copy(os.path.join(UNPACKED, "usr/bin/stunnel4"), self.folder)
        text = self.tunnel.replace("/etc/stunnel/store.crt", f"/mnt/{certificate}")
        with open(os.path.join(self.folder, "synward.conf"), "w", encoding="ascii") as file:
            file.write(text)
        process = self.place._keep(
            Process(
                [os.path.join(PROJECT, "tests/root/enter.sh"), self.inside.name, ROOT, self.folder]
                + ["/mnt/stunnel4", "/mnt/synward.conf"],
                self.place.log("stunnel"),
            )
        )
        wait_until(lambda: self.inside.listens(6380), 30, f"stunnel listens: {process.errors()}")
        return process


def join(bridge, url):
    """As Bridge.join(), from where the tunnel is."""
    bridge.sync = bridge._keep(
        Process(
            ["ip", "netns", "exec", bridge.cluster.inside.name, SYNWARD, "sync", "--redis", url]
            + ["--name", NAME, "--node", bridge.name, "--cluster-key", bridge.cluster.key]
            + ["--control", bridge.control, "--password-file", bridge.cluster.password],
            bridge.log("sync"),
        )
    )


def test_the_recipe_of_a_tunnel():
    tunnel = "redis://127.0.0.1:6380"
    with Tunnelled("a", "b") as cluster:
        a, b = cluster.bridges
        stunnel = cluster.stunnel()
        for bridge in (a, b):
            bridge.begin(sync=False)
            join(bridge, tunnel)
            bridge.wait_state("joined", timeout_s=30)
        a.learn("http", PORT)
        wait_until(lambda: b.profile(PORT), 30, "b has a's profile")
        # The store listens to nobody in clear.
        b.sync.stop()
        join(b, f"redis://{STORE}:6379")
        wait_until(lambda: b.state()["state"] == "away", 30, f"in clear: {b.state()}")
        # A store with another certificate is none.
        b.sync.stop()
        stunnel.stop()
        a.wait_state("away", timeout_s=30)
        check_equal(a.fetch("http", port=PORT, count=5)["failed"], 0, "clients are served")
        cluster.make_certificate("other")
        stunnel = cluster.stunnel("other.crt")
        join(b, tunnel)
        wait_until(lambda: "hung up" in (b.state()["why"] or ""), 30, f"another: {b.state()}")
        stunnel.stop()
        cluster.stunnel()
        for bridge in (a, b):
            bridge.wait_state("joined", 2, 30)


if __name__ == "__main__":
    runner.main(globals())
