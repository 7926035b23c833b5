#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""cluster.py: three bridges before one server, told in plain words, in under a minute.

Two of them learn from each other by way of Redis; a third joins; a flood comes over all three at
once; one dies, and then the store. Real clients fetch all the while. What is said is measured.
Everything is bounded, and removed at the end and on Ctrl-C."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
from lab import SERVER4, Failure, make_root, wait_until  # noqa: E402
from spread import BY_CONNECTION, BY_SEGMENT, Spread  # noqa: E402

RATE = 10_000  # SYNs a second by each bridge
FETCHES = 1000
PATIENCE_MS = 5000


class Demo:
    def __init__(self, lab):
        self.lab, self.begin, self.failed = lab, time.monotonic(), 0

    def say(self, text):
        print(f"{time.monotonic() - self.begin:5.1f} s  {text}", flush=True)

    def took(self, condition, limit_s, why):
        begin = time.monotonic()
        wait_until(condition, limit_s, why)
        return time.monotonic() - begin

    def fetch(self, count, what):
        report = self.lab.fetch("http", port=80, count=count, concurrency=8, timeout_ms=PATIENCE_MS)
        self.failed += report["failed"]
        self.say(f"{what}: {report['ok']:,} fetches, {report['failed']} failed")

    def has_profile(self, name):
        return any(p["evidence"]["armed"] for p in self.lab.profiles_of(name))

    def learn(self):
        lab = self.lab
        for name in "ab":
            lab.start_bridge(name)
        self.took(lambda: lab.bridges("a") == lab.bridges("b") == 2, 10, "two have joined")
        self.say(f"a and b stand before {SERVER4}, with one key file, and Redis between them")
        lab.spread(BY_CONNECTION.replace("mod 3", "mod 2"))
        self.fetch(60, "calm; each connection by one of the two, which learn the server")
        self.took(lambda: all(self.has_profile(n) for n in "ab"), 8, "both have the profile")
        lab.start_bridge("c")
        took = self.took(lambda: self.has_profile("c"), 8, "c has the profile")
        self.took(lambda: lab.bridges("a") == 3, 8, "all have joined")
        self.say(f"c joins, and {took:.1f} s later has the profile that it has never learned")

    def attack(self):
        lab = self.lab
        floods = [lab.start_flood_at(number, RATE) for number in range(3)]
        attacked = {}

        def all_attacked():
            for name in "abc":
                if name not in attacked and "attack" in lab.mode_at(name):
                    attacked[name] = time.monotonic()
            return len(attacked) == 3

        self.took(all_attacked, 10, "all protect the server")
        apart = max(attacked.values()) - min(attacked.values())
        self.say(f"a flood, {RATE:,} SYNs a second by each: all three protect, {apart:.1f} s apart")
        lab.spread(BY_SEGMENT)
        self.fetch(FETCHES, "under it, SYN by a, ACK by b, request by c")
        return floods

    def one_dies(self):
        lab = self.lab
        lab.stop_bridge("c", signal.SIGKILL)
        lab.spread(BY_CONNECTION.replace("mod 3", "mod 2"))
        self.fetch(FETCHES, "c is killed; the router spreads over a and b")
        took = self.took(lambda: lab.bridges("a") == 2, 25, "a has noticed")
        self.say(f"{took:.0f} s later a and b are two bridges, no longer three")

    def store_dies(self):
        lab = self.lab
        lab.redis.stop(signal.SIGKILL)
        self.took(lambda: lab.bridges("a") == 0, 10, "a has noticed")
        self.fetch(FETCHES, "Redis is killed")
        still = "attack" in lab.mode_at("a") and "attack" in lab.mode_at("b")
        self.say(f"a and b go on by themselves, {'still' if still else 'no longer'} protecting")
        self.failed += not still

    def run(self):
        self.lab.http(80)
        self.learn()
        floods = self.attack()
        self.one_dies()
        self.store_dies()
        for flood in floods:
            flood.stop()
        print(f"{self.failed} of what was asked for failed.")
        return 1 if self.failed else 0


def main():
    make_root()
    try:
        with Spread() as lab:
            return Demo(lab).run()
    except Failure as failure:
        print(f"cluster-demo: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
