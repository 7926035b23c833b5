# SPDX-License-Identifier: GPL-2.0-or-later
"""vsftpd, whose greeting never changes, and pure-ftpd, whose greeting counts users and tells the
time. Clients: curl and lftp."""
import contextlib

from interop import TESTER, Service, add_tests, blob

import runner
from lab import check

VSFTPD = """
listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
port_enable=YES
pasv_enable=YES
seccomp_sandbox=NO
allow_writeable_chroot=YES
secure_chroot_dir=/mnt/empty
pam_service_name=vsftpd
xferlog_enable=NO
ssl_enable=YES
force_local_logins_ssl=NO
force_local_data_ssl=NO
require_ssl_reuse=NO
rsa_cert_file=/mnt/tls.crt
rsa_private_key_file=/mnt/tls.key
"""
LFTP = """
set net:max-retries 1
set net:timeout 10
set xfer:clobber yes
set ftp:ssl-allow no
set ftp:passive-mode {passive}
open -u tester,secret {server}
put /mnt/up -o lftp-up
get lftp-up -o /mnt/down
rm lftp-up
pwd
"""


def files(site):
    site.folder("server", "home", owner=TESTER)
    site.write("server", "home/file", blob(30, 200000), owner=TESTER)
    site.write("client", "up", blob(31, 300000))


def start_vsftpd(site):
    files(site)
    site.certificate()
    site.folder("server", "empty", 0o555)
    site.write("server", "vsftpd.conf", VSFTPD)
    site.serve("/usr/sbin/vsftpd", "/mnt/vsftpd.conf", port=21)


def start_pure_ftpd(site):
    files(site)
    site.serve(
        "/usr/sbin/pure-ftpd",
        "-S",
        "21",
        "-l",
        "unix",
        "-H",
        "-u",
        "100",
        "-g",
        "/mnt/pid",
        port=21,
    )


def curl(site, *options):
    return site.client("curl", "-sS", "--max-time", "20", "--user", "tester:secret", *options)


def transfers(site):
    """Down, up, a list; passive and active; two clients."""
    said = curl(site, "--list-only", f"ftp://{site.host}/")
    curl(site, "-o", "/mnt/down", f"ftp://{site.host}/file")
    curl(site, "--ftp-port", site.peer, "-T", "/mnt/up", f"ftp://{site.host}/up")
    check(
        site.digest("server", "home/up") == site.digest("client", "up"), "what came up was changed"
    )
    said += site.digest("client", "down")
    for passive in ("yes", "no"):
        site.write("client", "script", LFTP.format(passive=passive, server=site.host))
        said += site.client("lftp", "-f", "/mnt/script", env={"LFTP_HOME": "/mnt/lftp"})
        check(
            site.digest("client", "down") == site.digest("client", "up"),
            "what lftp had back was changed",
        )
    return said


def vsftpd_session(site):
    said = transfers(site)
    curl(site, "--ssl-reqd", "--insecure", "-o", "/mnt/down", f"ftp://{site.host}/file")
    return said + site.digest("client", "down")


def pure_ftpd_session(site):
    """Every second one while somebody else is logged in, and so user number 2."""
    site.pure_sessions = getattr(site, "pure_sessions", 0) + 1
    with contextlib.ExitStack() as others:
        if site.pure_sessions % 2:
            other = others.enter_context(site.connect(21))
            words = other.makefile("rb")
            others.enter_context(words)
            while not words.readline().startswith(b"220 "):
                pass
            for command, answer in ((b"USER tester\r\n", b"331"), (b"PASS secret\r\n", b"230")):
                other.sendall(command)
                check(words.readline().startswith(answer), f"no {answer!r} after {command!r}")
        return transfers(site)


SERVICES = [
    Service("vsftpd", 21, ("ftp",), start_vsftpd, vsftpd_session, greeting="stable", connections=6),
    Service(
        "pure-ftpd",
        21,
        ("ftp",),
        start_pure_ftpd,
        pure_ftpd_session,
        greeting="template",
        connections=5,
    ),
]

add_tests(globals(), SERVICES)
runner.main(globals())
