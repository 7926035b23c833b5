# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands in offices and at providers: Postfix with STARTTLS, Kamailio, which knows nobody and
says so to each caller, DNS over TCP (dnsmasq), Subversion's server, and PHP behind FastCGI, whose
client writes its request in parts; of the last two the engine knows no more than what it learns."""
import itertools

from interop import Service, add_tests, blob, check, talk

import runner

FRESH = itertools.count(1)


def word():
    """One that nobody has said before."""
    number = next(FRESH)
    return blob(number, 2 + number % 7).hex()


# --- Postfix -----------------------------------------------------------------------------------

MAIN = """
compatibility_level = 3.6
queue_directory = /mnt/spool
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = /mnt/data
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.org
mydestination = example.org
inet_interfaces = all
inet_protocols = all
alias_maps =
alias_database =
local_recipient_maps =
local_transport = discard
smtpd_tls_cert_file = /mnt/tls.crt
smtpd_tls_key_file = /mnt/tls.key
smtpd_tls_security_level = may
maillog_file = /mnt/log
maillog_file_prefixes = /mnt
"""
MASTER = """
25 inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
SPOOL = """
for queue in active bounce corrupt defer deferred flush hold incoming private saved trace; do
    mkdir -p /mnt/spool/$queue
    chown postfix /mnt/spool/$queue
done
mkdir -p /mnt/spool/public /mnt/spool/maildrop /mnt/spool/pid /mnt/data
chown postfix /mnt/spool/public /mnt/spool/maildrop /mnt/data
exec /usr/lib/postfix/sbin/master -c /mnt/etc -d
"""


def start_postfix(site):
    site.certificate()
    site.write("server", "etc/main.cf", MAIN)
    site.write("server", "etc/master.cf", MASTER)
    site.folder("server", "spool")
    site.serve("sh", "-c", SPOOL, port=25)


def postfix_session(site):
    swaks = ["swaks", "--server", site.server, "--from", "a@example.org", "--to", "b@example.org"]
    swaks += ["--helo", "client.example.org", "--hide-informational", "--hide-send"]
    for more in ((), ("--tls",), ("--pipeline",)):
        said = site.client(*swaks, *more)
        check("queued as" in said, f"sent {more}: {said}")
    return "sent"


# --- Kamailio ----------------------------------------------------------------------------------

KAMAILIO = """#!KAMAILIO
debug=0
log_stderror=yes
children=2
listen=tcp:%s:5060
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
request_route { sl_send_reply("404", "Not here"); exit; }
"""
CALL = (
    b"%(method)s sip:%(word)s@example.org SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP client.example.org;branch=z9hG4bK%(word)s\r\n"
    b"From: <sip:a@example.org>;tag=%(word)s\r\nTo: <sip:b@example.org>\r\n"
    b"Call-ID: %(word)s\r\nCSeq: 1 %(method)s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def start_kamailio(site):
    site.write("server", "kamailio.cfg", KAMAILIO % site.host)
    site.serve(
        *("kamailio", "-DD", "-E", "-f", "/mnt/kamailio.cfg", "-Y", "/mnt", "-P", "/mnt/pid"),
        port=5060,
    )


def kamailio_session(site):
    for method in (b"OPTIONS", b"REGISTER", b"INVITE"):
        call = CALL % {b"method": method, b"word": word().encode()}
        talk(site, 5060, (call, b"SIP/2.0 404"))
    return "nobody was there"


# --- DNS over TCP ------------------------------------------------------------------------------


def start_dnsmasq(site):
    site.serve(
        *("dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "-u", "root"),
        *("--pid-file=/mnt/pid", "--bind-interfaces", f"--listen-address={site.server}"),
        "--address=/example.org/192.0.2.9",
        port=53,
    )


def dns_session(site):
    kdig = ["kdig", "+tcp", "+short", f"@{site.server}"]
    said = site.client(*kdig, word() + ".example.org")
    site.client(*kdig, "-t", "TXT", word() + ".example.org")
    site.client(*kdig, "+cookie", "+dnssec", word() + ".example.org")
    return said


# --- Subversion --------------------------------------------------------------------------------


def start_svnserve(site):
    site.on_server(
        *("sh", "-ec", "svnadmin create /mnt/one"),
    )
    site.write("server", "one/conf/svnserve.conf", "[general]\nanon-access = write\n")
    site.serve(
        "svnserve", "-d", "--foreground", "-r", "/mnt", "--listen-host", site.server, port=3690
    )


def svn_session(site):
    url = f"svn://{site.host}/one"
    said = site.client("svn", "--non-interactive", "info", url, "--show-item", "kind")
    site.client("svn", "--non-interactive", "mkdir", "-q", "-m", word(), f"{url}/{word()}")
    site.client("svn", "--non-interactive", "ls", f"{url}/{word()}", ok=(1,))
    return said


# --- PHP behind FastCGI ------------------------------------------------------------------------

FPM = """
[global]
error_log = /mnt/error
daemonize = no
[one]
user = nobody
group = nogroup
listen = %s:9000
pm = static
pm.max_children = 4
"""


def record(kind, content):
    return bytes((1, kind, 0, 1)) + len(content).to_bytes(2, "big") + bytes(2) + content


def parameters(**values):
    return b"".join(
        bytes((len(name), len(value))) + name.encode() + value.encode()
        for name, value in values.items()
    )


def start_php(site):
    site.write("server", "fpm.conf", FPM % site.host)
    site.write("server", "page.php", "<?php echo 'PHP says ' . 6 * 7;")
    site.serve("php-fpm8.2", "-F", "-R", "-n", "-y", "/mnt/fpm.conf", port=9000)


def php_session(site):
    """Who asks begins with a record, and says the rest when he has it."""
    for script in ("/mnt/page.php", f"/mnt/{word()}.php"):
        named = parameters(SCRIPT_FILENAME=script, REQUEST_METHOD="GET", QUERY_STRING=word())
        rest = record(4, named) + record(4, b"") + record(5, b"")
        until = b"PHP says 42" if "page" in script else b"script unknown"
        talk(site, 9000, (record(1, bytes((0, 1)) + bytes(6)), b""), (rest, until))
    return "told"


add_tests(
    globals(),
    [
        Service(
            "Postfix",
            25,
            ("smtp",),
            start_postfix,
            postfix_session,
            greeting="stable",
            connections=3,
        ),
        Service("Kamailio", 5060, ("sip",), start_kamailio, kamailio_session, connections=3),
        Service("dnsmasq", 53, ("dns",), start_dnsmasq, dns_session, connections=3),
        Service(
            "svnserve",
            3690,
            ("unknown",),
            start_svnserve,
            svn_session,
            greeting="stable",
            opened="unknown",
            connections=3,
        ),
        Service("PHP", 9000, ("unknown",), start_php, php_session, opened="unknown", connections=2),
    ],
)

runner.main(globals())
