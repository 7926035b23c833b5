# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of doc/operate/attach.md, word for word: each recipe is followed, tried and undone.

A recipe runs in a network and mount namespace of its own, with /run and /var/lib empty, where its
cards are there under the names that it uses: veth ends that lead to a client and to a server.
Virtual machines are test_vm.py's."""
import os
import re

import runner
from lab import PROGRAMS, PROJECT, SYNWARD, check, check_equal, run

RECIPES = os.path.join(PROJECT, "doc/operate/attach.md")

PRELUDE = """
set -eu
mount -t sysfs none /sys
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
mkdir /run/netns /var/lib/synward
ip link set lo up
ethtool() { :; }  # a veth has nothing of what is turned off
synward() {
    case $1 in
    run) "$SYNWARD" "$@" &
        daemon=$!
        until [ -S /run/synward/control.sock ]; do kill -0 $daemon; sleep 0.02; done ;;
    *) "$SYNWARD" "$@" ;;
    esac
}
stop() { kill $daemon; wait $daemon; }
card() {  # NAME NAMESPACE ADDRESS: a card of ours that leads there
    ip netns add $2
    ip link add $1 type veth peer name far netns $2
    ip -n $2 addr add $3/24 dev far
    ip -n $2 link set far up
    ip link set $1 up
}
member() { ip link set $1 master $2; }
serve() {
    mkfifo /run/up
    ip netns exec $1 "$PROGRAMS/http_server" --port 80 >/run/up &
    read line </run/up
}
fetch() {
    good=0
    for i in 1 2 3 4 5 6 7 8 9 10; do
        if ip netns exec $2 curl -sf -m 5 -o /dev/null http://192.0.2.2/; then
            good=$((good + 1))
        fi
    done
    echo "fetched $1: $good"
}
"""

CARDS = """
card {to_client} outside 192.0.2.1
card {to_server} inside 192.0.2.2
serve inside
"""

BRIDGE = """
ip link add {bridge} type bridge
ip link set {bridge} up
member {to_client} {bridge}
member {to_server} {bridge}
fetch before outside
"""

TRY = """
fetch normal outside
until synward profiles | grep -q " yes "; do sleep 0.05; done  # armed
synward mode attack
fetch attack outside
echo "cookies: $(synward stats | sed -n 's/.* accepted  *\\([0-9]*\\)  *handshakes.*/\\1/p')"
stop
"""


def recipe(number):
    """(the commands of a recipe, those that undo it)"""
    with open(RECIPES) as file:
        text = re.search(rf"^## {number}\. .*?(?=^## |\Z)", file.read(), re.M | re.S).group(0)
    forward, _, back = text.partition("\nUndo: ")
    return tuple(
        "".join(re.findall(r"^```sh\n(.*?)^```", part, re.M | re.S)) for part in (forward, back)
    )


def follow(stage, number, after=""):
    commands, undo = recipe(number)
    check(commands and undo, f"recipe {number} has commands and says how to undo them")
    script = PRELUDE + stage + commands + TRY + undo + after
    os.environ.update(SYNWARD=SYNWARD, PROGRAMS=PROGRAMS)
    done = run(
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
        "bash",
        "-c",
        script,
        ok=False,
        timeout=60,
    )
    check_equal(done.returncode, 0, f"exit code ({done.stdout[-400:]} {done.stderr[-400:]})")
    fetched = re.findall(r"^fetched (\w+): (\d+)", done.stdout, re.M)
    check({"normal", "attack"} <= {when for when, _ in fetched}, f"fetches: {done.stdout[-400:]}")
    check_equal([f for f in fetched if f[1] != "10"], [], "fetches that failed")
    check("cookies: 10\n" in done.stdout, f"each came in by a cookie: {done.stdout[-400:]}")


def test_two_namespaces():
    follow("", 1)


def test_two_cards():
    follow(CARDS.format(to_client="eth1", to_server="eth2"), 2, "fetch after outside")


def behind_a_bridge(number, bridge, to_server):
    names = {"bridge": bridge, "to_client": "eth1", "to_server": to_server}
    follow((CARDS + BRIDGE).format(**names), number, "fetch after outside")


def test_machine_behind_a_bridge():
    behind_a_bridge(4, "br0", "vm1")


def test_whole_bridge():
    behind_a_bridge(5, "br0", "vm1")


def test_container():
    behind_a_bridge(7, "docker0", "vethXXXX")


runner.main(globals())
