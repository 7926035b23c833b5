# SPDX-License-Identifier: GPL-2.0-or-later
"""dist/container and dist/containerlab, as far as they run without Docker: the daemon under the
seccomp profile, and the node's command in a network namespace."""
import os
import re
import shutil
import sys

import runner
from lab import PROJECT, SYNWARD, Lab, check, check_equal, listens, run, wait_until

CONTAINER = os.path.join(PROJECT, "dist/container")
PROFILE = os.path.join(CONTAINER, "seccomp.json")
TOPOLOGY = os.path.join(PROJECT, "dist/containerlab/synward.clab.yml")
UNIT = os.path.join(PROJECT, "dist/synward@.service")


def confined(lab, *without):
    """Every daemon of the lab is started under the profile."""
    whole = lab.daemon_command
    lab.daemon_command = lambda *args, **options: [
        *(sys.executable, os.path.join(PROJECT, "tests/net/confined.py")),
        *(f"-{name}" for name in without),
        PROFILE,
        *whole(*args, **options),
    ]


def test_profile_is_that_of_the_unit():
    if not shutil.which("systemd-analyze"):
        raise runner.Skip("needs systemd-analyze")
    said = run(sys.executable, os.path.join(CONTAINER, "seccomp.py"), UNIT)
    with open(PROFILE) as file:
        check_equal(said, file.read(), "seccomp.json, and what seccomp.py prints")


def test_daemon_uses_no_call_that_the_profile_lacks():
    """Learning, attack mode, the control socket, the store, a look into the servers' stack and the
    kernel path: a call beyond the profile kills."""
    for sides, extra in (("netns", ()), ("port", ("--kernel-path", "auto"))):
        with Lab(sides=sides) as lab:
            if lab.stand_in:
                raise runner.Skip("needs the daemon")
            confined(lab)
            lab.start(extra=("--server-stack", lab.server.name, *extra))
            check_equal(lab.cli("status")["sandbox"]["state"], "on", "the sandbox")
            lab.http()
            lab.learn("http", 80)
            lab.set_mode("attack")
            check_equal(lab.fetch("http", port=80, count=5)["failed"], 0, f"fetches, {sides}")
            check_equal(lab.stop_daemon()[0], 0, "exit code")
            check(os.path.exists(lab.store), "the store is saved")


def test_without_io_uring_the_start_says_so():
    """As in a container of Docker's own profile."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        confined(lab, "io_uring_setup")
        done = run(*lab.daemon_command(), ok=False)
        check_equal(done.returncode, 1, "exit code")
        check("io_uring" in done.stderr, done.stderr)


def test_capabilities_are_those_of_the_unit():
    with open(UNIT) as unit, open(os.path.join(CONTAINER, "Containerfile")) as container:
        wanted = {
            name.lower()
            for line in re.findall(r"^CapabilityBoundingSet=(.*)", unit.read(), re.M)
            for name in re.findall(r"CAP_(\w+)", line)
        }
        check_equal(set(re.findall(r"--cap-add (\w+)", container.read())), wanted, "capabilities")


def test_node_of_the_topology():
    """Its command waits for its links, and then is the wire."""
    with open(TOPOLOGY) as file:
        (script,) = re.findall(r"^ *cmd: -c '(.*)'$", file.read(), re.M)
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.make_ports()
        lab.bridge.ip("link set p0 down", "link set p1 down")
        script = script.replace("/usr/sbin/synward", SYNWARD).replace("mkdir -p /run/synward; ", "")
        script += f" --store {lab.store} --control {lab.control}"
        node = lab.spawn("ip", "netns", "exec", lab.bridge.name, "sh", "-c", script)
        check(node.running(), "the node waits for its links")
        for port, name in (("p0", "eth1"), ("p1", "eth2")):
            lab.bridge.ip(f"link set {port} name {name}", f"link set {name} up")
        wait_until(lambda: listens(lab.control), 30, f"the wire is there: {node.errors()}")
        lab._addresses(1500)
        lab.http()
        lab.learn("http", 80)


runner.main(globals())
