# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward support`: what is in the file, and that --redact leaves no address and no name in it."""
import json
import os
import re
import subprocess
import stat
import tarfile

import runner
from lab import (
    CLIENT4,
    CLIENT_IF,
    SERVER4,
    SERVER6,
    SERVER_IF,
    SYNWARD,
    Lab,
    check,
    check_equal,
    run,
    wait_until,
)

FILES = {f"{name}.json" for name in ("status", "stats", "profiles", "sources")}
FILES |= {"versions.txt", "links.txt", "log.txt"}


def support(lab, *options):
    """The members of a new file: (bytes, as JSON or text)."""
    path = os.path.join(lab.folder, "s.tar.gz")
    lab.cli_text("support", path, *options)
    check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "who may read it")
    with tarfile.open(path) as archive:
        texts = {m.name: archive.extractfile(m).read().decode() for m in archive.getmembers()}
    check_equal(set(texts), FILES, "files")
    return texts


def all_is_learned(lab, connections):
    """Of all that each server was asked; and how many it held at once, which is looked at now and
    then. So the figures of two calls are the same."""
    evidence = [profile["evidence"] for profile in lab.cli("profiles")["profiles"]]
    return all(one["requests"] == connections and "held_peak" in one for one in evidence)


def figures(document):
    """A document without its strings."""
    if isinstance(document, dict):
        return {key: figures(value) for key, value in document.items()}
    if isinstance(document, list):
        return [figures(value) for value in document]
    return None if isinstance(document, str) else document


def test_support_and_what_redact_takes_out():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start()
        lab.http()
        lab.pop3()
        for address in (SERVER4, SERVER6):
            lab.learn("http", 80, address)
        lab.learn("pop3", 110)
        wait_until(lambda: all_is_learned(lab, 12), 30, f"all is learned: {lab.cli('profiles')}")
        lab.cli("sources", "add", CLIENT4)
        open_texts = support(lab)
        check(SERVER4 in open_texts["profiles.json"], "the server, unredacted")
        check(CLIENT4 in open_texts["sources.json"], "the source, unredacted")
        check("synward" in open_texts["versions.txt"], "versions")
        texts = support(lab, "--redact")
        secret = [SERVER4, SERVER6, CLIENT4, lab.client.name, lab.server.name, CLIENT_IF, SERVER_IF]
        profiles = json.loads(open_texts["profiles.json"])["profiles"]
        secret += [
            profile["application"]["greeting"][key]
            for profile in profiles
            if profile["application"]["greeting"]
            for key in ("text", "hex")
        ]
        for name, text in texts.items():
            found = [word for word in secret if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)]
            check_equal(found, [], f"what {name} still tells")
        redacted = json.loads(texts["profiles.json"])["profiles"]
        check_equal(figures(redacted), figures(profiles), "figures of the profiles")
        servers = [profile["server"] for profile in redacted]
        check_equal(
            [servers.index(s) for s in servers],
            [[p["server"] for p in profiles].index(p["server"]) for p in profiles],
            "what is the same stays the same",
        )
        known = {s["server"] for s in json.loads(texts["status.json"])["servers"]}
        check_equal(known, set(servers), "servers of status and of profiles")
        return f"{len(secret)} words gone"


def test_support_without_a_daemon_and_without_room():
    with Lab() as lab:
        path = os.path.join(lab.folder, "s.tar.gz")
        run(SYNWARD, "support", path, "--control", lab.control)
        with tarfile.open(path) as archive:
            said = archive.extractfile("status.txt").read().decode()
        check("no daemon answers" in said, f"status.txt: {said}")
        done = run(SYNWARD, "support", f"{lab.folder}/none/s.tar.gz", ok=False)
        check_equal(done.returncode, 1, "exit code where the file cannot be made")
        check("No such file" in done.stderr, done.stderr)


def test_support_leaves_what_is_no_file():
    """A pipe is written to, and the link that leads to it stays; no file is lost by a failure."""
    with Lab() as lab:
        link = os.path.join(lab.folder, "out")
        os.symlink("/proc/self/fd/1", link)
        argv = [SYNWARD, "support", link, "--control", lab.control]
        done = subprocess.run(argv, capture_output=True, timeout=60, check=True)
        check_equal(done.stdout[:2], b"\x1f\x8b", "what came out of the pipe")
        check(os.path.islink(link), "the link is gone")
        check_equal([n for n in os.listdir(lab.folder) if n.endswith(".new")], [], "left beside")


runner.main(globals())
