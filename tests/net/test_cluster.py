# SPDX-License-Identifier: GPL-2.0-or-later
"""Bridges with one key file: a SYN meets one, the ACK another, the request a third. They stand in
the same place one after the other, each with a store of its own, so that nothing but key, clock and
profiles is common to them."""
import os
import secrets
import shutil
import subprocess

import runner
from lab import SYNWARD, Lab, check, check_equal, wait_until
from rawtcp import ACK, EVERYTHING, RawClient

REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
PORT = 80


def cluster_lab():
    lab = Lab(sides="port")
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def key_file(lab, name, *keys, mode=0o600):
    path = os.path.join(os.path.dirname(lab.store), name)
    with open(path, "w", encoding="ascii") as file:
        file.write("".join(key + "\n" for key in keys))
    os.chmod(path, mode)
    return path


def next_bridge(lab, number, key):
    """Another one in its place, which knows the profiles."""
    lab.stop_daemon()
    store = f"{lab.store}.{number}"
    shutil.copy(lab.store, store)
    lab._start_daemon("attack", ["--store", store, "--cluster-key", key])


def learned(lab):
    lab.start(mode="normal")
    lab.http(PORT)
    lab.learn("http", PORT)


def connect(lab, keys):
    """SYN, ACK and request each at a bridge with the next of `keys`."""
    client = RawClient(lab)
    connection = client.connection(PORT, options=EVERYTHING)
    next_bridge(lab, 1, keys[0])
    connection.syn()
    connection.receive_synack()
    next_bridge(lab, 2, keys[1])
    connection.segment(ACK)
    next_bridge(lab, 3, keys[2])
    connection.send(REQUEST)
    return client, connection


def test_request_at_another_bridge_than_the_syn():
    with cluster_lab() as lab:
        learned(lab)
        key = key_file(lab, "cluster.key", secrets.token_hex(32))
        client, connection = connect(lab, [key] * 3)
        check(b"200 OK" in connection.read(lambda data: b"200 OK" in data), "the answer")
        wait_until(
            lambda: "cookies are those of every bridge" in lab.daemon.said(), 5, "the log says so"
        )
        client.close()


def test_a_key_is_rolled():
    with cluster_lab() as lab:
        learned(lab)
        old, new = secrets.token_hex(32), secrets.token_hex(32)
        before = key_file(lab, "before.key", old, new)
        after = key_file(lab, "after.key", new, old)
        client, connection = connect(lab, [after, before, before])
        check(b"200 OK" in connection.read(lambda data: b"200 OK" in data), "the answer")
        client.close()


def test_another_key_is_another_cluster():
    with cluster_lab() as lab:
        learned(lab)
        one = key_file(lab, "one.key", secrets.token_hex(32))
        other = key_file(lab, "other.key", secrets.token_hex(32))
        client, connection = connect(lab, [one, other, other])
        check(
            not connection.receive(1.0, wanted=lambda s: b"200 OK" in s.data),
            "no answer: the cookie is not one of theirs",
        )
        client.close()


def test_key_file_that_others_may_read_is_refused():
    with cluster_lab() as lab:
        key = key_file(lab, "cluster.key", secrets.token_hex(32), mode=0o644)
        said = subprocess.run(
            [SYNWARD, "run", "--client", "port:none0", "--server", "port:none1"]
            + ["--store", lab.store, "--control", lab.control, "--cluster-key", key],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        check_equal(said.returncode, 1, said.stderr)
        check_equal(len(said.stderr.strip().splitlines()), 1, said.stderr)
        check("chmod 0600" in said.stderr, said.stderr)


runner.main(globals())
