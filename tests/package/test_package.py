# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package on a system that boots: installed, started, attacked, killed, upgraded,
purged.

    make package-test      the system is in namespaces of its own, with a systemd of its own
                           (namespaces.py)
    make package-test-vm   it is a virtual machine with Debian's kernel (machine.py)

The wire's two ends are p0 and p1 there; clients and servers are those of every lab."""
import contextlib
import glob
import json
import os
import re
import secrets
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
import runner  # noqa: E402
from lab import BUILD, PORTS, SERVER_IF, SYNWARD, check, check_equal, run, wait_until  # noqa: E402
from machine import Machine  # noqa: E402
from namespaces import Namespaces  # noqa: E402

System = Machine if os.environ.get("SYNWARD_PACKAGE_VM") else Namespaces
SLOW = System.slow  # by which all takes longer there
DEBS = os.path.join(BUILD, "deb")
UNIT = "synward@lab.service"
CONFIG = "/etc/synward/lab.conf"
CONFIG_TEXT = "client = port:p0\nserver = port:p1\nmode = auto\n"
STATE = "/var/lib/synward/lab"
SOCKET, PAGE = "/run/synward/lab/control.sock", "/run/synward-web/lab/web.sock"
APT_S = 200
# Where a system says that a package was once there, and what of it apt keeps.
HISTORY = (
    r"^/(var/log|var/cache|var/lib/apt|proc|sys|root)/|^/var/lib/dpkg/(status|triggers|available)"
)


def only(pattern):
    found = glob.glob(pattern)
    check_equal(len(found), 1, f"files that are {pattern}")
    return found[0]


def packages(folder):
    """The package of `make deb`, and the same as a later build."""
    told = run(SYNWARD, "version").split()[-1]
    first = only(f"{DEBS}/synward_{told}_*.deb")
    shutil.copy(first, f"{folder}/first.deb")
    version = run("dpkg-deb", "-f", first, "Version").strip()
    tree = f"{folder}/tree"
    run("dpkg-deb", "-R", first, tree)
    with open(f"{tree}/DEBIAN/control") as file:
        control = file.read()
    with open(f"{tree}/DEBIAN/control", "w") as file:
        file.write(control.replace(f"Version: {version}\n", f"Version: {version}+b1\n"))
    run("dpkg-deb", "--root-owner-group", "-b", tree, f"{folder}/second.deb")
    shutil.rmtree(tree)
    shutil.copy(only(f"{DEBS}/synward-web_{told}_*.deb"), f"{folder}/web.deb")
    return version, f"{version}+b1"


def fetch_dependencies(root):
    """Into apt's cache of `root`, with this machine's network: the system that boots has none."""
    proxies = [
        l for l in run("apt-config", "dump", "Acquire").splitlines() if "::proxy" in l.lower()
    ]
    with open(f"{root}/etc/apt/apt.conf.d/90proxy", "w") as file:
        file.write("\n".join([*proxies, ""]))
    shutil.copy("/etc/resolv.conf", f"{root}/etc/resolv.conf")
    script = (
        "mount -t proc proc /proc && apt-get -q update && "
        "apt-get -q -y --no-install-recommends --download-only install "
        "/root/first.deb /root/web.deb"
    )
    run(
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "chroot", root),
        *("sh", "-c", script),
        timeout=APT_S,
    )


class Packaged(System):
    def prepare(self, root):
        """What is in it before it boots."""
        self.versions = packages(f"{root}/root")
        fetch_dependencies(root)

    def cli(self, *arguments):
        """The installed program's, which alone may ask."""
        return json.loads(self.inside("synward", *arguments, "--json", "--control", SOCKET))

    def apt(self, *argv):
        return self.inside("apt-get", "-q", "-y", "--no-install-recommends", *argv)

    def shown(self, name):
        """A property of the unit."""
        return self.inside("systemctl", "show", "-P", name, UNIT).strip()

    def write(self, path, text):
        self.inside("mkdir", "-p", os.path.dirname(path))
        self.inside("sh", "-c", 'printf %s "$1" >"$2"', "sh", text, path)

    def is_there(self, path):
        return self.inside("test", "-e", path, ok=False).returncode == 0

    def status_of(self, unit):
        """Of its main process, as /proc has it."""
        pid = self.inside("systemctl", "show", "-P", "MainPID", unit).strip()
        lines = self.inside("cat", f"/proc/{pid}/status").splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    def journal(self, *argv):
        return self.inside("journalctl", "-q", "--no-pager", "-u", UNIT, *argv)

    @contextlib.contextmanager
    def traffic(self, what, port=80, kind="http"):
        """Clients that fetch meanwhile; none may fail."""
        clients = self.start_fetch(
            kind, port, count=100000, concurrency=4, interval_ms=20, timeout_ms=8000 * SLOW
        )
        yield
        # What was to be done meanwhile may be quicker than they are.
        served = self.http_server.accepted()
        wait_until(lambda: self.http_server.accepted() > served + 20, 20 * SLOW, f"{what}: clients")
        seen = clients.stop_report()
        check(seen["ok"] > 20, f"{what}: clients were served ({seen})")
        check_equal(seen["failed"], 0, f"{what}: fetches that failed ({seen})")

    def start_again(self, what, how):
        """The unit's main process is another one after `how`, and the wire carries frames."""
        before = self.shown("MainPID")
        how()
        wait_until(
            lambda: self.shown("MainPID") not in (before, "0")
            and self.shown("ActiveState") == "active",
            30 * SLOW,
            f"{what}: another process is active",
        )
        check_equal(self.fetch("http", 80, count=5, timeout_ms=8000 * SLOW)["failed"], 0, what)


def install(lab):
    lab.apt("install", "/root/first.deb")
    check_equal(
        lab.inside("dpkg-query", "-W", "-f", "${Version}", "synward"), lab.versions[0], "version"
    )
    lab.inside("getent", "group", "synward")
    for path in (
        "/usr/share/man/man8/synward.8.gz",
        "/usr/share/man/man5/synward.conf.5.gz",
        "/usr/share/bash-completion/completions/synward",
    ):
        check(path in lab.inside("dpkg", "-L", "synward"), f"the package has {path}")
    lab.write(CONFIG, CONFIG_TEXT)
    lab.inside("synward", "check", CONFIG)
    findings = lab.inside("synward", "doctor", ok=False)
    check(findings.returncode in (0, 1) and findings.stdout, f"doctor: {findings}")
    lab.inside("systemctl", "enable", "--now", UNIT)
    check_equal(lab.shown("ActiveState"), "active", "the unit, when enable --now returns")
    check(lab.is_there(SOCKET), "the socket is there when the unit is ready")


def guarded(lab):
    """What the unit and the sandbox take away."""
    status = lab.status_of(UNIT)
    check_equal(
        (status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)),
        ("1", "2", 0),
        "NoNewPrivs, Seccomp and CapEff of the main thread",
    )
    sandbox = lab.cli("status")["sandbox"]
    check_equal((sandbox["state"], sandbox["why"]), ("on", None), "the sandbox under the unit")
    lines = lab.journal("-o", "cat", "-p", "info")
    check("synward: " in lines and not re.search(r"^<\d>", lines, re.M), f"the journal: {lines}")
    check("error" not in lab.journal("-o", "cat", "-p", "err"), "no error in the journal")


def page_of_its_own(lab):
    """Another package: a page that reads view.sock as a user who may not more than that."""
    unit = "synward-web@lab"

    def state():
        answer = lab.inside("curl", "-s", "--unix-socket", PAGE, "http://localhost/state", ok=False)
        return json.loads(answer.stdout) if answer.stdout.startswith("{") else {"away": True}

    lab.apt("install", "/root/web.deb")
    lab.inside("systemctl", "enable", "--now", unit)
    wait_until(
        lambda: not state()["away"] and state()["status"], 10 * SLOW, "the page has the daemon"
    )
    check_equal(state()["status"]["sides"]["client"]["side"], "port:p0", "and it is the right one")
    status = lab.status_of(unit)
    check("0" not in status["Uid"].split(), f"who runs it: {status['Uid']}")
    check_equal((status["Seccomp"], int(status["CapBnd"], 16)), ("2", 0), "Seccomp, CapBnd")
    check_equal(
        lab.inside("stat", "-c", "%a", PAGE)[-2:], "0\n", "what others may do with its socket"
    )
    lab.inside("systemctl", "stop", UNIT)
    wait_until(lambda: state()["away"], 10 * SLOW, "the page tells that the daemon is gone")
    lab.inside("systemctl", "start", UNIT)
    wait_until(lambda: not state()["away"], 10 * SLOW, "and that it is back")
    logged = lab.inside("journalctl", "-q", "--no-pager", "-u", unit, "-o", "cat", "-p", "err")
    check_equal(logged, "", "errors in its journal")
    lab.apt("purge", "synward-web")
    check(not lab.is_there(PAGE), "its socket is gone")


def sync_beside(lab):
    """Its unit: without a store here, it tells the daemon so, and has no privileges."""
    unit = "synward-sync@lab"
    lab.write("/etc/synward/cluster.key", secrets.token_hex(32) + "\n")
    lab.inside("chmod", "0600", "/etc/synward/cluster.key")
    lab.write(CONFIG, CONFIG_TEXT + "cluster-key = /etc/synward/cluster.key\n")
    lab.write("/etc/synward/lab.sync", "SYNC=--redis redis://127.0.0.1 --name edge\n")
    lab.inside("systemctl", "restart", UNIT)
    lab.inside("systemctl", "enable", "--now", unit)
    wait_until(
        lambda: "the store at" in (lab.cli("status")["cluster"]["why"] or ""),
        10 * SLOW,
        f"sync has spoken: {lab.cli('status')['cluster']}",
    )
    status = lab.status_of(unit)
    check("0" not in status["Uid"].split(), f"who runs it: {status['Uid']}")
    check_equal((status["Seccomp"], int(status["CapBnd"], 16)), ("2", 0), "Seccomp, CapBnd")
    logged = lab.inside("journalctl", "-q", "--no-pager", "-u", unit, "-o", "cat")
    check("sandbox" not in logged, f"its sandbox is whole: {logged}")
    lab.inside("test", "-s", "/var/lib/synward-sync/lab/seen")


def between_namespaces(lab):
    """A second instance, whose cards it makes in namespaces that are made after systemd began."""
    for name in ("outside", "inside"):
        lab.inside("ip", "netns", "add", name)
    text = "client = netns:outside/wan0\nserver = netns:inside/eth0\n"
    lab.write("/etc/synward/inner.conf", text)
    lab.inside("systemctl", "start", "synward@inner")
    control = "/run/synward/inner/control.sock"
    status = json.loads(lab.inside("synward", "status", "--json", "--control", control))
    check_equal(status["sandbox"]["state"], "on", "the sandbox between namespaces")
    unsaid = lab.inside("synward", "status", ok=False)
    check_equal(unsaid.returncode, 4, f"which of two is meant has to be said ({unsaid})")
    lab.inside("ip", "-n", "inside", "link", "show", "eth0")
    lab.inside("systemctl", "stop", "synward@inner")
    lab.inside("ip", "-n", "inside", "link", "show", "eth0")
    lab.inside("synward", "detach", "netns:outside/wan0", "netns:inside/eth0")
    left = lab.inside("ip", "-n", "inside", "link", "show", "eth0", ok=False)
    check_equal(left.returncode, 1, "the card, when it was detached")
    check(
        "port:p0" in lab.inside("synward", "status"), "the only instance is the one that is asked"
    )


def attacked(lab):
    """Two servers, learned in calm; a flood of SYNs and silent clients make synward help."""
    lab.http_server = lab.http()
    lab.pop3()
    lab.learn("http", 80)
    lab.learn("pop3", 110)
    with lab.traffic("under attack"):
        talkers = lab.start_talkers(
            80, count=300, concurrency=300, say="nothing", hold_ms=3000, connect_timeout_ms=3000
        )
        lab.flood(80, count=30000, rate=20000)
        wait_until(lambda: lab.server_mode(80) == "attack", 5 * SLOW, "the server is protected")
        talkers.report()
    cookies = lab.stats()["cookies"]
    check(cookies["sent"] > 1000, f"cookies were sent ({cookies})")
    return cookies["sent"]


def test_installed_started_attacked_killed_upgraded_purged():
    with Packaged() as lab:
        release = lab.inside("uname", "-r").strip()
        install(lab)
        lab._addresses(1500)
        guarded(lab)
        page_of_its_own(lab)
        sync_beside(lab)
        between_namespaces(lab)
        cookies = attacked(lab)
        with lab.traffic("a restart"):
            lab.start_again("a restart", lambda: lab.inside("systemctl", "restart", UNIT))
        check(lab.profile(80)["evidence"]["armed"], "the profile after a restart")
        lab.start_again("a kill", lambda: lab.inside("systemctl", "kill", "-s", "KILL", UNIT))
        check_equal(lab.shown("NRestarts"), "1", "restarts by systemd after a kill")
        hang(lab)
        full_disk(lab)
        with lab.traffic("an upgrade"):
            lab.start_again("an upgrade", lambda: lab.apt("install", "/root/second.deb"))
        check_equal(
            lab.inside("dpkg-query", "-W", "-f", "${Version}", "synward"),
            lab.versions[1],
            "version after the upgrade",
        )
        purge(lab)
        return f"Linux {release}, {cookies} cookies"


def hang(lab):
    """A process that stands still is killed by the watchdog."""
    lab.write(
        f"/run/systemd/system/{UNIT}.d/soon.conf",
        "[Service]\nWatchdogSec=3s\nTimeoutAbortSec=1s\n",
    )
    lab.inside("systemctl", "daemon-reload")
    lab.start_again("a new watchdog", lambda: lab.inside("systemctl", "restart", UNIT))
    lab.start_again(
        "a hang", lambda: lab.inside("systemctl", "kill", "--kill-who=main", "-s", "STOP", UNIT)
    )
    check("atchdog timeout" in lab.journal(), "the journal tells of the watchdog")
    lab.inside("rm", "-r", f"/run/systemd/system/{UNIT}.d")


@contextlib.contextmanager
def small_disk(lab):
    """Where the unit has its files, with what it had there."""
    kept = "/tmp/kept"
    lab.inside("systemctl", "stop", UNIT)
    lab.inside("cp", "-a", STATE, kept)
    lab.inside("mount", "-t", "tmpfs", "-o", "size=16m,mode=0750", "none", STATE)
    lab.inside("cp", "-a", f"{kept}/.", STATE)
    lab.inside("systemctl", "start", UNIT)
    yield
    lab.inside("systemctl", "stop", UNIT)
    lab.inside("umount", "-l", STATE)
    lab.inside("rm", "-r", kept)
    lab.inside("systemctl", "start", UNIT)


def full_disk(lab):
    """What a restart keeps is in systemd's hands meanwhile: a stream that is joined goes on."""
    slow = f"qdisc add dev {SERVER_IF} root tbf rate 20mbit burst 64kb latency 20ms"
    lab.server.run("tc", *slow.split())
    with small_disk(lab):
        lab.cli("mode", "attack")
        before = lab.journal("-o", "cat")
        stream = lab.start_fetch(
            "download", 80, count=1, bytes=SLOW * 10_000_000, timeout_ms=SLOW * 30000
        )
        wait_until(
            lambda: any(flow["state"] == "spliced" for flow in lab.flows()),
            5 * SLOW,
            "it is joined",
        )
        lab.inside("sh", "-c", f"cat /dev/zero >{STATE}/filler 2>/dev/null || true")
        lab.start_again("a full disk", lambda: lab.inside("systemctl", "restart", UNIT))
        said = lab.journal("-o", "cat")[len(before) :]
        check("the service manager is asked to keep them" in said, said[-600:])
        check(re.search(r"took over \d+ connections", said), f"systemd's: {said[-600:]}")
        check_equal(stream.report()["ok"], 1, "the stream, with its end")
        lab.cli("mode", "auto")
    lab.server.run("tc", "qdisc", "del", "dev", SERVER_IF, "root")


def purge(lab):
    lab.apt("purge", "synward")
    lab.inside("systemctl", "daemon-reload")
    names = lab.inside("find", "/", "-xdev", "-iname", "*synward*")
    names += lab.inside("find", "/run", "/dev/shm", "/tmp", "-iname", "*synward*")
    left = [name for name in names.splitlines() if not re.search(HISTORY, name)]
    check_equal(left, [], "what is left of synward")
    check_equal(lab.inside("getent", "group", "synward", ok=False).returncode, 2, "the group")
    check_equal(lab.inside("getent", "passwd", "synward-sync", ok=False).returncode, 2, "the user")
    check_equal(
        lab.inside("sh", "-c", "ps -e -o comm | grep -c synward || true").strip(), "0", "ps"
    )

    def units():
        listed = lab.inside("systemctl", "list-units", "--all", "--plain", "--no-legend")
        return [line for line in listed.splitlines() if "synward" in line]

    wait_until(lambda: not units(), 10 * SLOW, f"no unit ({units()})")
    for port in PORTS:
        check_equal(lab.inside("tc", "filter", "show", "dev", port, "ingress"), "", f"tc on {port}")
    check("clsact" not in lab.inside("tc", "qdisc", "show"), "a qdisc")


runner.main(globals())
