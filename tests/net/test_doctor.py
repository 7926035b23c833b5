# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward doctor`: each finding is made to appear, and its remedy, run as it is written, makes it
go away."""
import ctypes
import errno
import json
import os
import shlex
import signal

import runner
from lab import SYNWARD, Lab, check, check_equal, run

SSH = {"SSH_CONNECTION": "10.77.9.9 40000 10.77.9.1 22"}
BY_HAND = ["env", "--unset=SSH_CONNECTION"]


def doctor(*arguments, before=()):
    """(exit code, findings by (side or None, check))."""
    got = run(*before, SYNWARD, "doctor", "--json", *arguments, ok=False)
    document = json.loads(got.stdout)
    findings = {(f.get("side"), f["check"]): f for f in document["findings"]}
    for level, name in (("wrong", "wrong"), ("note", "notes")):
        check_equal(
            sum(f["level"] == level for f in findings.values()), document[name], f"{name} counted"
        )
    check_equal(got.returncode, 1 if document["wrong"] else 0, f"exit code: {got}")
    check_equal(bool(got.stderr), bool(document["wrong"]), f"stderr: {got.stderr}")
    return findings


def look(lab, side, name, before=BY_HAND):
    text = dict(zip(("client", "server"), lab.side_names()))[side]
    return doctor(f"--{side}", text, before=before)[(text, name)]


def remedied(finding):
    """What the operator would copy."""
    words = shlex.split(finding["remedy"])
    run(*([SYNWARD] + words[1:] if words[0] == "synward" else words))


def expect(finding, level, words):
    check_equal(finding["level"], level, f"{finding}")
    check(words in finding["text"], f"{finding}")


def port_lab():
    lab = Lab(sides="port")
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def test_nothing_is_wrong_and_nothing_is_changed():
    with port_lab() as lab:
        lab.make_ports()
        before = lab.bridge.run("ip", "-d", "address"), lab.bridge.run("tc", "qdisc")
        client, server = lab.side_names()
        found = doctor("--client", client, "--server", server, before=BY_HAND)
        wrong = [f for f in found.values() if f["level"] == "wrong"]
        check_equal(wrong, [], "wrong")
        for name in ("port", "lro", "carrier", "host"):
            finding = found[(client, name)]
            check_equal(finding["level"], "ok", f"{name} of a free port: {finding['text']}")
        for name in ("privileges", "io_uring", "bpf", "tun", "tc"):
            finding = found[(None, name)]
            check_equal(finding["level"], "ok", f"{name} of this machine: {finding['text']}")
        after = lab.bridge.run("ip", "-d", "address"), lab.bridge.run("tc", "qdisc")
        check_equal(after, before, "interfaces and qdiscs")


def test_port_in_a_bridge():
    with port_lab() as lab:
        lab.make_ports()
        lab.bridge.ip("link add br9 type bridge", "link set p0 master br9")
        finding = look(lab, "client", "port")
        expect(finding, "wrong", "is a member of another interface")
        remedied(finding)
        check_equal(look(lab, "client", "port")["level"], "ok", "after the remedy")


def test_port_with_a_qdisc_of_others():
    with port_lab() as lab:
        lab.make_ports()
        lab.bridge.run("tc", "qdisc", "add", "dev", "p0", "clsact")
        finding = look(lab, "client", "port")
        expect(finding, "wrong", "has an ingress or clsact qdisc already")
        remedied(finding)
        check_equal(look(lab, "client", "port")["level"], "ok", "after the remedy")


def test_port_of_a_running_and_of_a_killed_synward():
    with port_lab() as lab:
        lab.start(mode="normal")
        expect(look(lab, "server", "port"), "wrong", "in use by another synward")
        cut = lab.cli("status")["when_dead"]["why"]  # where this kernel passes nothing on
        lab.stop_daemon(signal.SIGKILL)
        finding = look(lab, "server", "port")
        words = "cut by what a killed" if cut else "a killed synward left behind passes frames on"
        expect(finding, "note", words)
        remedied(finding)
        check_equal(look(lab, "server", "port")["level"], "ok", "after the remedy")


def test_what_the_host_would_lose():
    """An address, this SSH session, the default route."""
    with port_lab() as lab:
        lab.make_ports()
        lab.bridge.ip("address add 10.77.9.1/24 dev p1")
        expect(look(lab, "server", "host"), "note", "addresses of the host")
        ssh = ["env", *(f"{k}={v}" for k, v in SSH.items())]
        expect(look(lab, "server", "host", before=ssh), "wrong", "this SSH session comes in here")
        lab.bridge.ip("link set p1 up", "route add default via 10.77.9.2 dev p1")
        expect(look(lab, "server", "host"), "wrong", "the default route leads out here")


def test_what_stands_on_the_port():
    """A macvlan on it has the default route; a bridge that it is in has this session's address."""
    with port_lab() as lab:
        lab.make_ports()
        lab.bridge.ip(
            "link add link p1 name above1 type macvlan mode bridge",
            "link set above1 up",
            "address add 10.77.9.1/24 dev above1",
        )
        expect(look(lab, "server", "host"), "note", "addresses of the host")
        lab.bridge.ip("route add default via 10.77.9.2 dev above1")
        expect(look(lab, "server", "host"), "wrong", "the default route leads out here")
        lab.bridge.ip("link add br9 type bridge", "link set p0 master br9", "link set br9 up")
        lab.bridge.ip("address add 10.77.9.1/24 dev br9", "address del 10.77.9.1/24 dev above1")
        ssh = ["env", *(f"{k}={v}" for k, v in SSH.items())]
        expect(look(lab, "client", "host", before=ssh), "wrong", "this SSH session comes in here")
        finding = look(lab, "client", "port", before=ssh)
        check("nomaster" not in finding["remedy"], f"it would end the session: {finding}")


def test_sudo_hides_the_session():
    """Whoever started us has it in its environment."""
    with port_lab() as lab:
        lab.make_ports()
        lab.bridge.ip("address add 10.77.9.1/24 dev p1")
        session = ["env", *(f"{k}={v}" for k, v in SSH.items()), "sh", "-c"]
        sudo = [*session, '"$@"; exit $?', "sh", *BY_HAND]
        expect(look(lab, "server", "host", before=sudo), "wrong", "this SSH session comes in here")


def test_mtu_and_carrier():
    with port_lab() as lab:
        lab.make_ports()
        lab.bridge.ip("link set p1 mtu 1400")
        client, server = lab.side_names()
        sides = ("--client", client, "--server", server)
        finding = doctor(*sides, before=BY_HAND)[(server, "mtu")]
        expect(finding, "note", "(1500 and 1400 bytes)")
        remedied(finding)
        check((server, "mtu") not in doctor(*sides, before=BY_HAND), "after the remedy")
        lab.bridge.ip("link add d0 type veth peer name d1", "link set d0 up")
        text = f"port:d0@{lab.bridge.name}"
        expect(doctor("--client", text, before=BY_HAND)[(text, "carrier")], "note", "no carrier")


def test_tap_that_is_there():
    with port_lab() as lab:
        lab.make_ports()
        name = lab.bridge.name
        lab.bridge.run("ip", "tuntap", "add", "dev", "t0", "mode", "tap")
        lab.bridge.ip("link set t0 txqueuelen 10")
        finding = doctor("--client", f"netns:{name}/t0")[(f"netns:{name}/t0", "queue")]
        expect(finding, "note", "holds 10 frames")
        remedied(finding)
        found = doctor("--client", f"netns:{name}/t0")
        check_equal(found[(f"netns:{name}/t0", "queue")]["level"], "ok", "after the remedy")
        taken = f"netns:{name}/p0"
        expect(
            doctor("--server", taken)[(taken, "name")], "wrong", "by an interface that is no TAP"
        )
        free = f"netns:{name}/free0"
        expect(doctor("--server", free)[(free, "name")], "ok", "is free")


def test_sides_that_are_none():
    for text, words in (
        ("port:nosuchport0", "nosuchport0"),
        ("netns:nosuchspace/c0", "no namespace nosuchspace"),
        ("eth0", "write netns:NAME/IFNAME"),
    ):
        found = [f for (side, _), f in doctor("--client", text).items() if side == text]
        check_equal(len(found), 1, f"findings of {text}")
        expect(found[0], "wrong", words)
    found = doctor("--client", "eth1", "--server", "eth2")
    check("port:eth1" in found[("eth1", "side")]["remedy"], f"{found}")
    check("same interface" not in found[("eth2", "side")]["text"], f"{found}")
    found = doctor("--client", "tap:x0", "--server", "tap:x0")
    expect(found[("tap:x0", "side")], "wrong", "the same interface")


def test_nobody():
    """Without privileges all of it is said, and nothing hangs."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
    found = doctor(before=nobody)
    expect(found[(None, "privileges")], "wrong", "CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN")
    expect(found[(None, "tun")], "wrong", "no namespace for it")


def hidden_behind(path, text):
    """A view of the files in which `path` holds `text`; or, with None, is an empty folder."""
    over = f"mount -t tmpfs none {path}" if text is None else f"mount --bind $1 {path}"
    return ["unshare", "--mount", "sh", "-c", f'f=$1; {over}; shift; exec "$@"', "sh"]


def test_machine_that_lacks_something():
    with Lab() as lab:
        zero = os.path.join(lab.folder, "zero")
        with open(zero, "w", encoding="ascii") as file:
            file.write("0\n")
        jit = doctor(before=[*hidden_behind("/proc/sys/net/core/bpf_jit_enable", "0"), zero])
        expect(jit[(None, "jit")], "note", "interpreted")
        tun = doctor(before=[*hidden_behind("/dev/net", None), zero])
        expect(tun[(None, "tun")], "wrong", "no /dev/net/tun")
    asks = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    script = f"mount -t tmpfs none /proc/sys/net; mkdir {os.path.dirname(asks)}; echo 1 >{asks}"
    bridges = doctor(before=["unshare", "--mount", "sh", "-c", f'{script}; exec "$@"', "sh"])
    expect(bridges[(None, "br_netfilter")], "note", "pass its iptables")


def forbid_io_uring():
    """As the seccomp profiles of containers do."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EPERM  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(allow)))
    number = seccomp.seccomp_syscall_resolve_name(b"io_uring_setup")
    if seccomp.seccomp_rule_add(context, ctypes.c_uint32(refuse), number, 0) != 0:
        os._exit(99)
    if seccomp.seccomp_load(context) != 0:
        os._exit(99)


def test_container_that_forbids_io_uring():
    child = os.fork()
    if child == 0:
        try:
            forbid_io_uring()
            finding = doctor()[(None, "io_uring")]
            expect(finding, "wrong", "Operation not permitted")
            check("seccomp" in finding["remedy"] or "sysctl" in finding["remedy"], f"{finding}")
            os._exit(0)
        except BaseException as why:  # pylint: disable=broad-except
            print(why, flush=True)
            os._exit(1)
    check_equal(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, "what the container saw")


def test_for_people():
    """A line for each finding, its remedy under it, and nothing that moves a cursor."""
    said = run(SYNWARD, "doctor", "--client", "port:no\x1b[2Jsuch", ok=False)
    check_equal(said.returncode, 1, "exit code")
    check("\x1b" not in said.stdout, "an escape sequence")
    lines = said.stdout.splitlines()
    check(all(l[:5] in ("ok   ", "note ", "wrong", "     ") for l in lines), f"{lines}")
    check(any(l.startswith("wrong  port:no?[2Jsuch port: ") for l in lines), f"{lines}")


def test_what_several_bridges_need():
    with port_lab() as lab:
        key = os.path.join(lab.folder, "cluster.key")
        found = doctor("--cluster-key", key)
        expect(found[(None, "cluster key")], "wrong", "No such file")
        with open(key, "w", encoding="ascii") as file:
            file.write("0" * 64 + "\n")
        os.chmod(key, 0o644)
        finding = doctor("--cluster-key", key)[(None, "cluster key")]
        expect(finding, "wrong", "others may use it")
        os.chmod(key, 0o600)
        found = doctor("--cluster-key", key, "--redis", f"unix:{lab.folder}/none.sock")
        expect(found[(None, "cluster key")], "ok", "has 1 line")
        expect(found[(None, "store")], "wrong", "does not answer")
        check_equal(
            found[(None, "cluster clock")]["level"] == "wrong", not clock_is_kept(), "the clock"
        )
        check((None, "cluster clock") not in doctor(), "who is alone needs none of it")


def clock_is_kept():
    """As adjtimex(2) has it: STA_UNSYNC."""
    state = ctypes.create_string_buffer(256)
    ctypes.CDLL(None).adjtimex(state)
    return not int.from_bytes(state[40:44], "little") & 0x40


if __name__ == "__main__":
    runner.main(globals())
