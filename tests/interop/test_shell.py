# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenSSH and dropbear, servers and clients against each other, with keys; telnetd under inetd,
with a real login."""
import os
import re
import select
import subprocess
import time

from interop import TESTER, Service, add_tests, blob

import runner
from lab import Failure, check

SSHD = """
Port 22
HostKey /mnt/host_key
AuthorizedKeysFile /mnt/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""
ASK = "id -un; wc -c; echo error >&2; exit 3"


def keys(site):
    """The server's key, which clients know, and the user's, which the server knows: one of each for
    both families of programs."""
    site.on_server("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/mnt/host_key")
    site.client("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/mnt/key")
    site.client(
        "dropbearconvert", "openssh", "dropbear", "/mnt/key", "/mnt/key.dropbear", ok=(0, 1)
    )
    site.client("dropbearkey", "-t", "ed25519", "-f", "/mnt/dbkey")
    public = site.client("dropbearkey", "-y", "-f", "/mnt/dbkey")
    line = next(line for line in public.split("\n") if line.startswith("ssh-ed25519"))
    site.write("server", "authorized", site.read("client", "key.pub").decode() + line + "\n")
    host = site.read("server", "host_key.pub").decode().split()
    site.write("client", ".ssh/known_hosts", f"{site.server} {host[0]} {host[1]}\n")
    home = site.folder("server", "home/.ssh", owner=TESTER)
    site.write(
        "server", "home/.ssh/authorized_keys", site.read("server", "authorized"), 0o600, TESTER
    )
    os.chown(os.path.dirname(home), TESTER, TESTER)
    site.write("client", "up", blob(20, 300000))


def start_openssh(site):
    keys(site)
    site.write("server", "sshd_config", SSHD)
    site.serve(
        "/bin/sh", "-c", "mkdir /run/sshd && exec /usr/sbin/sshd -D -e -f /mnt/sshd_config", port=22
    )


def start_dropbear(site):
    keys(site)
    site.on_server(
        "dropbearconvert", "openssh", "dropbear", "/mnt/host_key", "/mnt/host_key.dropbear"
    )
    site.serve(
        "/usr/sbin/dropbear",
        "-F",
        "-E",
        "-r",
        "/mnt/host_key.dropbear",
        "-P",
        "/mnt/pid",
        "-p",
        "22",
        port=22,
    )


OPTIONS = [
    "-F",
    "none",
    "-o",
    "UserKnownHostsFile=/mnt/.ssh/known_hosts",
    "-o",
    "StrictHostKeyChecking=yes",
    "-o",
    "BatchMode=yes",
    "-i",
    "/mnt/key",
]


def session(site):
    """A command with input, output and an exit code, by both clients; a file to the server and
    back."""
    said = site.client("ssh", *OPTIONS, f"tester@{site.server}", ASK, told="x" * 5000, ok=(3,))
    said += site.client(
        "dbclient", "-i", "/mnt/dbkey", f"tester@{site.server}", ASK, told="x" * 5000, ok=(3,)
    )
    return said


def copy(site, *protocol):
    """A file to the server and back."""
    site.client("scp", "-q", *protocol, *OPTIONS, "/mnt/up", f"tester@{site.host}:up")
    site.client("scp", "-q", *protocol, *OPTIONS, f"tester@{site.host}:up", "/mnt/down")
    check(
        site.digest("client", "down") == site.digest("client", "up"), "the file came back changed"
    )
    return site.digest("server", "home/up")


def openssh_session(site):
    site.write("client", "batch", "put /mnt/up sftp-up\nget sftp-up /mnt/sftp-down\nls -1\n")
    listed = site.client("sftp", "-q", *OPTIONS, "-b", "/mnt/batch", f"tester@{site.host}")
    return session(site) + listed + copy(site)


TELNET_PORT = 2323  # at another than 23 the client waits for the server to begin
INETD = f"{TELNET_PORT} stream %s nowait root /usr/sbin/telnetd telnetd -h\n"


def start_telnetd(site):
    site.folder("server", "home", owner=TESTER)
    site.write("server", "inetd.conf", INETD % ("tcp" if site.family == 4 else "tcp6"))
    site.serve("/usr/sbin/inetutils-inetd", "-d", "/mnt/inetd.conf", port=TELNET_PORT)


def converse(process, exchanges, timeout_s=20):
    """Answers what a program asks: (what it says, as an expression; the answer), one after the
    other; all it said until it ended."""
    said, end = "", time.monotonic() + timeout_s
    output = process.stdout.fileno()
    for wanted, answer in [*exchanges, (None, None)]:
        begin = len(said)
        while wanted is None or not re.search(wanted, said[begin:]):
            readable, _, _ = select.select([output], [], [], max(0, end - time.monotonic()))
            if not readable:
                raise Failure(f"{wanted!r} did not come; so far: {said!r}")
            data = os.read(output, 65536)
            if not data:
                check(wanted is None, f"ended before {wanted!r} came: {said!r}")
                return said
            said += data.decode(errors="replace")
        process.stdin.write(answer.encode())
        process.stdin.flush()
    return said


def telnet_session(site):
    """Login by name and password, a command in a terminal, the end."""
    with subprocess.Popen(
        site.argv("client", "inetutils-telnet", "-E", site.server, TELNET_PORT),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "TERM": "vt100"},
    ) as client:
        try:
            said = converse(
                client,
                [
                    ("login: ", "tester\n"),
                    ("assword: ", "secret\n"),
                    (r"\$ ", "echo $((6*7)) $TERM; tty | cut -c1-9\n"),
                    # Behind the prompt: what is typed before it may be echoed on either side of it.
                    (r"/dev/pts/\s+\$ ", "exit\n"),
                ],
            )
        finally:
            client.kill()
    keep = [line.strip() for line in said.replace("\r", "\n").split("\n")]
    return "\n".join(
        line for line in keep if line and not line.startswith(("Last login", "Linux "))
    )


SERVICES = [
    Service(
        "OpenSSH",
        22,
        ("ssh",),
        start_openssh,
        openssh_session,
        greeting="stable",
        either_first=True,
        connections=5,
    ),
    Service(
        "dropbear",
        22,
        ("ssh",),
        start_dropbear,
        session,
        greeting="stable",
        either_first=True,
        connections=2,
    ),
    Service("telnetd", TELNET_PORT, ("telnet",), start_telnetd, telnet_session, greeting="stable"),
]

add_tests(globals(), SERVICES)
runner.main(globals())
