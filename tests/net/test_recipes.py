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
at=  # where the daemon is asked
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
        if ip netns exec $2 curl -sf -m 20 -o /dev/null http://192.0.2.2/; then
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
[ -n "$at" ] || [ -S /run/synward/view.sock ]  # also where nobody has made the folder
fetch normal outside
until synward profiles $at | grep -q " yes "; do sleep 0.05; done  # armed
synward mode attack $at
fetch attack outside
cookies() { synward stats $at | sed -n 's/.* accepted  *\\([0-9]*\\)  *handshakes.*/\\1/p'; }
until [ "$(cookies)" -ge 10 ]; do sleep 0.05; done
echo "cookies: $(cookies)"
stop
"""


# A guest is there from the start, and ends: what its libvirt or Proxmox would do is to call the
# hook. Of systemd there is what the hooks ask of it: the unit's program, with what its file says.
HYPERVISOR = """
for folder in /etc /usr/share/doc /var/lib; do
    mount -t tmpfs none /mnt
    cp -a $folder/. /mnt 2>/dev/null || :
    mount --move /mnt $folder
done
mkdir -p /etc/synward /var/lib/vz/snippets /usr/share/doc/synward/examples /run/bin
cp -a "$PROJECT/dist/hooks" /usr/share/doc/synward/examples
PATH=/run/bin:$PATH
cat >/run/bin/systemctl <<'END'
#!/bin/bash
set -eu
what=$1 unit=${!#} name=${unit#synward@}
[ $unit != libvirtd ] || exit 0
echo "$*" >>/run/asked
case $what in
start) [ ! -e /run/pid-$name ] || exit 0 ;;
esac
if [ $what != start ] && [ -e /run/pid-$name ]; then
    kill $(cat /run/pid-$name)
    rm /run/pid-$name
fi
if [ $what != stop ]; then
    eval "$(sed -n 's/^Environment=//p' "$PROJECT/dist/synward@.service")"
    file=$(sed -n 's/^EnvironmentFile=-//p' "$PROJECT/dist/synward@.service")
    # As systemd reads it: the rest of the line is the value.
    [ ! -e ${file//%i/$name} ] || SIDES=$(sed -n 's/^SIDES=//p' ${file//%i/$name})
    mkdir -p /run/synward/$name /var/lib/synward/$name
    command=$(sed -n 's,^ExecStart=/usr/local/sbin/synward,"$SYNWARD",p' \
        "$PROJECT/dist/synward@.service")
    eval "exec 3>&- ; ${command//%i/$name} &"
    echo $! >/run/pid-$name
fi
END
chmod +x /run/bin/systemctl
guest() {  # INSTANCE HOOK ARGUMENTS: begins, and is there when its synward is
    at="--control /run/synward/$1/control.sock"
    instance=$1
    shift
    "$@"
    until [ -S "${at#* }" ]; do kill -0 $(cat /run/pid-$instance); sleep 0.02; done
}
stop() { :; }
gone() {
    while [ -S "${at#* }" ]; do sleep 0.02; done
    while tc qdisc | grep -q clsact; do sleep 0.02; done
    [ -z "$(ls -A /run/synward-sides)" ]
}
"""

LIBVIRT = """
cat >/run/shop.xml <<'END'
<domain type='kvm' id='7'>
  <name>shop</name>
  <devices>
    <disk type='file' device='disk'>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='bridge'>
      <mac address='52:54:00:11:22:33'/>
      <source bridge='br0'/>
      <target dev='vnet7'/>
      <model type='virtio'/>
    </interface>
    <interface type='bridge'>
      <source bridge='br0'/>
      <target dev='vnet8'/>
    </interface>
  </devices>
</domain>
END
hook() { /etc/libvirt/hooks/qemu.d/synward shop $1 $2 - </run/shop.xml; }
virsh() {
    case $1 in
    start)
        hook prepare begin
        hook start begin
        guest shop-0 hook started begin
        hook reconnect begin ;;
    destroy) hook stopped end; hook release end; gone ;;
    esac
}
"""

PROXMOX = """
hook() { /var/lib/vz/snippets/synward.sh 100 $1; }
qm() {
    case $1 in
    start) hook pre-start; guest tap100i0 hook post-start ;;
    stop) hook pre-stop; hook post-stop; gone ;;
    esac
}
"""


def recipe(number):
    """(the commands of a recipe, those that undo it)"""
    with open(RECIPES) as file:
        text = re.search(rf"^## {number}\. .*?(?=^## |\Z)", file.read(), re.M | re.S).group(0)
    forward, _, back = text.partition("\nUndo:")
    return tuple(
        "".join(re.findall(r"^```sh\n(.*?)^```", part, re.M | re.S)) for part in (forward, back)
    )


def follow(stage, number, after=""):
    commands, undo = recipe(number)
    check(commands, f"recipe {number} has commands")
    script = PRELUDE + stage + commands + TRY + undo + after
    os.environ.update(SYNWARD=os.path.abspath(SYNWARD), PROGRAMS=PROGRAMS, PROJECT=PROJECT)
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
        timeout=180,
    )
    check_equal(done.returncode, 0, f"exit code ({done.stdout[-400:]} {done.stderr[-400:]})")
    fetched = re.findall(r"^fetched (\w+): (\d+)", done.stdout, re.M)
    check({"normal", "attack"} <= {when for when, _ in fetched}, f"fetches: {done.stdout[-400:]}")
    check_equal([f for f in fetched if f[1] != "10"], [], "fetches that failed")
    check("cookies: 10\n" in done.stdout, f"each came in by a cookie: {done.stdout[-400:]}")
    return done.stdout


def test_two_namespaces():
    follow("", 1)


def test_two_cards():
    follow(CARDS.format(to_client="eth1", to_server="eth2"), 2, "fetch after outside")


def behind_a_bridge(number, bridge, to_server, before="", after=""):
    names = {"bridge": bridge, "to_client": "eth1", "to_server": to_server}
    stage = before + (CARDS + BRIDGE).format(**names)
    return follow(stage, number, "fetch after outside\n" + after)


def test_machine_behind_a_bridge():
    behind_a_bridge(4, "br0", "vm1")


def test_whole_bridge():
    behind_a_bridge(5, "br0", "vm1")


ASKED = "cat /run/asked\n"


def asked(output):
    return re.findall(r"^.* synward@.*$", output, re.M)


def test_libvirt():
    """Of two interfaces one has a file; libvirt that is started again changes nothing."""
    got = behind_a_bridge(6, "br0", "vnet7", HYPERVISOR + LIBVIRT, ASKED)
    check_equal(
        asked(got),
        [f"{what} --no-block synward@shop-0" for what in ("restart", "start", "stop")],
        "what systemd was asked",
    )


def test_proxmox():
    got = behind_a_bridge(8, "br0", "tap100i0", HYPERVISOR + PROXMOX, ASKED)
    check_equal(
        asked(got),
        ["start --no-block synward@tap100i0", "stop --no-block synward@tap100i0"],
        "what systemd was asked",
    )


def test_container():
    behind_a_bridge(7, "docker0", "vethXXXX")


runner.main(globals())
