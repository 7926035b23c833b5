# SPDX-License-Identifier: GPL-2.0-or-later
"""dovecot (POP3 with and without APOP, IMAP, STARTTLS, both inside TLS) and exim4, which refuses
those who speak before its greeting. Clients: curl, openssl s_client, swaks."""
import re

from interop import TESTER, Service, add_tests, check_equal

import runner
from lab import check
from rawtcp import RawClient

DOVECOT = """
protocols = pop3 imap
listen = *, ::
base_dir = /mnt/run
state_dir = /mnt/run
log_path = /mnt/dovecot.log
ssl = yes
ssl_cert = </mnt/tls.crt
ssl_key = </mnt/tls.key
disable_plaintext_auth = no
auth_mechanisms = plain {apop}
mail_location = maildir:~/Maildir
mail_max_userip_connections = 0
passdb {{
  driver = static
  args = password={{plain}}secret
}}
userdb {{
  driver = static
  args = uid=1000 gid=1000 home=/mnt/mail/%u
}}
"""
MAIL = "From: a@example.org\r\nSubject: one\r\n\r\nThe only message.\r\n"

# Local delivery into one file; no name is looked up, and who speaks early is refused
# (smtp_enforce_sync, the default).
EXIM = """
primary_hostname = mx.example.org
{banner}
daemon_smtp_ports = 25
local_interfaces = <; 0.0.0.0 ; ::0
tls_advertise_hosts =
host_lookup =
rfc1413_hosts =
log_file_path = /mnt/log/%s
spool_directory = /mnt/spool
keep_environment =
queue_only
acl_smtp_rcpt = accept_all
begin acl
accept_all:
  accept
begin routers
all:
  driver = accept
  transport = one_file
begin transports
one_file:
  driver = appendfile
  file = /mnt/spool/mail
  user = Debian-exim
"""


def dovecot(site, apop, port):
    site.certificate()
    for folder in ("cur", "new", "tmp"):
        site.folder("server", f"mail/tester/Maildir/{folder}", owner=TESTER)
    for folder in ("mail", "mail/tester", "mail/tester/Maildir"):
        site.folder("server", folder, owner=TESTER)
    site.write("server", "mail/tester/Maildir/cur/1000000000.M1P1.a:2,S", MAIL, owner=TESTER)
    site.write("server", "dovecot.conf", DOVECOT.format(apop="apop" if apop else ""))
    site.folder("server", "run")
    site.serve("/usr/sbin/dovecot", "-F", "-c", "/mnt/dovecot.conf", port=port)


def start_dovecot(site):
    dovecot(site, False, 993)


def start_dovecot_apop(site):
    dovecot(site, True, 110)


def curl(site, *options):
    return site.client(
        "curl", "-sS", "--insecure", "--max-time", "20", "--user", "tester:secret", *options
    )


def fetch_pop3(site, *options, scheme="pop3"):
    url = f"{scheme}://{site.host}/"
    return curl(site, *options, url) + curl(site, *options, url + "1")


def fetch_imap(site, *options, scheme="imap"):
    url = f"{scheme}://{site.host}/"
    said = (
        curl(site, *options, url)
        + curl(site, *options, url + "INBOX;UID=1")
        + curl(site, *options, url, "-X", "EXAMINE INBOX")
    )
    return re.sub(r"UIDVALIDITY \d+", "UIDVALIDITY", said)


def pop3_session(site):
    return fetch_pop3(site, "--login-options", "AUTH=PLAIN") + fetch_pop3(
        site, "--ssl-reqd", "--login-options", "AUTH=PLAIN"
    )


def apop_session(site):
    """curl answers the timestamp of the greeting: the right password alone would not do."""
    return fetch_pop3(site, "--login-options", "AUTH=+APOP")


def imap_session(site):
    return fetch_imap(site) + fetch_imap(site, "--ssl-reqd")


def start_exim(site, banner):
    for folder in ("log", "spool", "spool/db", "spool/input", "spool/msglog"):
        site.folder("server", folder)
    owner = int(site.on_server("id", "-u", "Debian-exim"))
    for folder in ("log", "spool", "spool/db", "spool/input", "spool/msglog"):
        site.folder("server", folder, owner=owner)
    site.write("server", "exim.conf", EXIM.format(banner=banner))
    site.serve("/usr/sbin/exim4", "-C", "/mnt/exim.conf", "-bdf", port=25)


def start_exim_plain(site):
    start_exim(site, "smtp_banner = mx.example.org ESMTP")


def start_exim_date(site):
    """Its default banner tells the time of day."""
    start_exim(site, "")


def smtp_session(site):
    said = site.client(
        "swaks",
        "--server",
        site.server,
        "--from",
        "a@example.org",
        "--to",
        "b@example.org",
        "--header",
        "Subject: one",
        "--body",
        "text",
        "--helo",
        "client.example.org",
        "--hide-informational",
        "--hide-send",
    )
    said = re.sub(r"220 .*", "220", said)
    said = re.sub(r"id=\S+", "id=", said)
    return re.sub(r"(?m)^.*(Date|Message-Id):.*$", "", said)


def nobody_spoke_early(site):
    """A client who does is refused by synward; the server never saw one."""
    if site.family == 4:  # as the raw client is
        accepted = site.lab.server.counter("TcpPassiveOpens")
        raw = RawClient(site.lab)
        early = raw.connection(25)
        early.handshake()
        early.send(b"EHLO client.example.org\r\n")  # it has acknowledged no greeting
        early.wait_reset()
        raw.close()
        check_equal(
            site.lab.server.counter("TcpPassiveOpens"),
            accepted,
            "early talkers who reached the server",
        )
    for log in ("log/main", "log/reject"):
        said = site.read("server", log).decode() if site.exists("server", log) else ""
        check(
            "synchronization error" not in said,
            f"the server saw a client speak early: {said[-400:]}",
        )
    check("<= a@example.org" in site.read("server", "log/main").decode(), "no message arrived")


SERVICES = [
    Service(
        "dovecot POP3, STARTTLS",
        110,
        ("pop3",),
        start_dovecot,
        pop3_session,
        greeting="stable",
        connections=4,
    ),
    Service(
        "dovecot POP3 with APOP",
        110,
        ("pop3",),
        start_dovecot_apop,
        apop_session,
        greeting="template",
        opened="cookie",
        connections=2,
    ),
    Service(
        "dovecot IMAP, STARTTLS",
        143,
        ("imap",),
        start_dovecot,
        imap_session,
        greeting="stable",
        connections=6,
    ),
    Service(
        "dovecot POP3 inside TLS",
        995,
        ("tls",),
        start_dovecot,
        lambda site: fetch_pop3(site, scheme="pop3s"),
        connections=2,
    ),
    Service(
        "dovecot IMAP inside TLS",
        993,
        ("tls",),
        start_dovecot,
        lambda site: fetch_imap(site, scheme="imaps"),
        connections=3,
    ),
    Service(
        "exim",
        25,
        ("smtp",),
        start_exim_plain,
        smtp_session,
        greeting="stable",
        after=nobody_spoke_early,
        families=(4,),  # as swaks is, without another package
    ),
    Service(
        "exim that tells the time",
        25,
        ("smtp",),
        start_exim_date,
        smtp_session,
        greeting="template",
        after=nobody_spoke_early,
        families=(4,),  # as swaks is, without another package
    ),
]

add_tests(globals(), SERVICES)
runner.main(globals())
