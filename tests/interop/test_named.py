# SPDX-License-Identifier: GPL-2.0-or-later
"""Services of which the engine has a file each: memcached, OpenLDAP, git and rsync as daemons,
ngIRCd, Prosody, NATS, Icecast, and haproxy behind another one's PROXY header."""
import itertools

from interop import AS_TESTER, TESTER, Service, add_tests, talk

import runner

# --- memcached ---------------------------------------------------------------------------------


def start_memcached(site):
    site.serve("memcached", "-u", "root", "-m", "16", "-l", "0.0.0.0,::", port=11211)


def memcached_session(site):
    noop = b"\x80\x0a" + bytes(22)
    return (
        talk(site, 11211, (b"set k 0 0 1\r\na\r\n", b"\r\n"), (b"get k\r\n", b"END\r\n"))
        + talk(site, 11211, (b"get missing\r\n", b"END\r\n"))
        + talk(site, 11211, (b"mg k v\r\n", b"a\r\n"))
        + talk(site, 11211, (noop, b"\x81\x0a"))
    )


# --- OpenLDAP ----------------------------------------------------------------------------------

SLAPD = """
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /mnt/slapd.pid
TLSCertificateFile /mnt/tls.crt
TLSCertificateKeyFile /mnt/tls.key
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw secret
directory /mnt/data
maxsize 10485760
"""
LDIF = """dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example
"""


def start_slapd(site):
    site.write("server", "slapd.conf", SLAPD)
    site.folder("server", "data")
    site.certificate()
    site.on_server("slapadd", "-f", "/mnt/slapd.conf", told=LDIF)
    site.serve(
        "slapd",
        "-f",
        "/mnt/slapd.conf",
        "-h",
        "ldap://0.0.0.0:389/ ldap://[::]:389/",
        "-d",
        "0",
        port=389,
    )


def start_tls(site, url, base):
    """ldapsearch names the server in its ClientHello, where GnuTLS refuses an address of IPv6."""
    if site.family == 4:
        return site.client("ldapsearch", *url, *base, "-ZZ", env={"LDAPTLS_REQCERT": "never"})
    wish = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
    return talk(site, 389, (wish, b"\x0a\x01\x00"))


def ldap_session(site):
    url = ["-x", "-H", f"ldap://{site.host}"]
    admin = ["-D", "cn=admin,dc=example,dc=org", "-w", "secret"]
    base = ["-LLL", "-b", "dc=example,dc=org"]
    return (
        site.client("ldapsearch", *url, *base)
        + site.client("ldapsearch", *url, *admin, *base, "(o=Example)")
        + site.client("ldapwhoami", *url, *admin)
        + start_tls(site, url, base)
    )


# --- git and rsync -----------------------------------------------------------------------------


def start_git(site):
    site.folder("server", "git", owner=TESTER)
    as_tester = [*AS_TESTER, "env", "HOME=/mnt/git", "git"]
    for name in ("one.git", "another/two.git"):
        site.on_server(*as_tester, "init", "-q", "--bare", f"/mnt/git/{name}")
    site.on_server(
        *AS_TESTER,
        "sh",
        "-ec",
        "export HOME=/mnt/git; cd /mnt/git; git -c init.defaultBranch=main init -q work; cd work;"
        "git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m first;"
        "git push -q ../one.git HEAD:refs/heads/main",
    )
    site.serve(
        *AS_TESTER,
        "env",
        "HOME=/mnt/git",
        "git",
        "daemon",
        "--export-all",
        "--reuseaddr",
        "--base-path=/mnt/git",
        "/mnt/git",
        port=9418,
    )


def git_session(site):
    said = ""
    for path in ("one.git", "another/two.git"):
        for version in ("0", "2"):
            said += site.client(
                "git", "-c", f"protocol.version={version}", "ls-remote", f"git://{site.host}/{path}"
            )
    return said


RSYNCD = """
use chroot = no
[public]
path = /mnt/public
[other]
path = /mnt/public
"""


def start_rsync(site):
    site.write("server", "public/file", "a file from rsync\n")
    site.write("server", "rsyncd.conf", RSYNCD)
    site.serve("rsync", "--daemon", "--no-detach", "--config=/mnt/rsyncd.conf", port=873)


def rsync_session(site):
    said = site.client("rsync", f"rsync://{site.host}/")
    for module in ("public", "other"):
        site.client("rsync", "-r", f"rsync://{site.host}/{module}/", "/mnt/copy")
        said += site.digest("client", "copy/file")
    return said


# --- chat --------------------------------------------------------------------------------------

NGIRCD = """
[Global]
Name = irc.example.org
Info = test
Ports = 6667
Listen = 0.0.0.0,::
MotdPhrase = hello
PidFile = /mnt/pid
ServerUID = 0
ServerGID = 0
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
SyslogFacility = local1
"""


def start_ngircd(site):
    site.write("server", "ngircd.conf", NGIRCD)
    site.serve("ngircd", "-n", "-f", "/mnt/ngircd.conf", port=6667)


def irc_session(site):
    register = b"NICK tester\r\nUSER tester 0 * :A Tester\r\n"
    first = [b"CAP LS 302\r\n" + register + b"CAP END\r\n", register, register.lower()]
    for words in first:
        talk(site, 6667, (words, b" 001 tester "), (b"QUIT :bye\r\n", b"ERROR"))
    return "registered"


PROSODY = """
daemonize = false
run_as_root = true
pidfile = "/mnt/pid"
data_path = "/mnt/data"
interfaces = { "*", "::" }
modules_enabled = { "roster", "saslauth", "disco" }
modules_disabled = { "s2s", "tls" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
log = { error = "/mnt/log" }
VirtualHost "a.example.org"
VirtualHost "b.example.org"
"""


def start_prosody(site):
    site.write("server", "prosody.cfg.lua", PROSODY)
    site.folder("server", "data")
    site.serve("prosody", "--config", "/mnt/prosody.cfg.lua", "-F", port=5222)


def xmpp_session(site):
    for host in ("a.example.org", "b.example.org"):
        for declaration in ("<?xml version='1.0'?>", ""):
            stream = (
                f"{declaration}<stream:stream to='{host}' xmlns='jabber:client' version='1.0' "
                "xmlns:stream='http://etherx.jabber.org/streams'>"
            )
            talk(site, 5222, (stream.encode(), b"</stream:features>"))
    return "streams"


# --- NATS, Icecast ------------------------------------------------------------------------


def start_nats(site):
    site.serve("nats-server", "-a", "::", "-p", "4222", port=4222)


def nats_session(site):
    connect = (
        b'CONNECT {"verbose":false,"pedantic":false,"lang":"python","version":"1"}\r\nPING\r\n'
    )
    talk(site, 4222, (b"", b"INFO {"), (connect, b"PONG\r\n"))
    talk(site, 4222, (b"", b"INFO {"), (b"SUB a 1\r\nPUB a 1\r\nx\r\n", b"MSG a 1 1\r\nx\r\n"))
    return "connected"


ICECAST = """
<icecast>
  <limits><clients>50</clients><sources>50</sources></limits>
  <authentication><source-password>secret</source-password><admin-user>admin</admin-user>
    <admin-password>secret</admin-password></authentication>
  <hostname>a.example.org</hostname>
  <listen-socket><port>8000</port><bind-address>%s</bind-address></listen-socket>
  <paths><basedir>/usr/share/icecast2</basedir><logdir>/mnt/log</logdir>
    <webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot></paths>
  <logging><accesslog>access</accesslog><errorlog>error</errorlog></logging>
  <security><chroot>0</chroot></security>
</icecast>
"""


MOUNTS = itertools.count()


def start_icecast(site):
    site.write("server", "icecast.xml", ICECAST % site.server)
    site.folder("server", "log", owner=TESTER)
    site.serve(*AS_TESTER, "icecast2", "-c", "/mnt/icecast.xml", port=8000)


def icecast_session(site):
    login = b"Authorization: Basic c291cmNlOnNlY3JldA==\r\nContent-Type: audio/mpeg\r\n\r\n"
    for version in (b"ICE/1.0", b"HTTP/1.0"):
        name = b"/%d.mp3 " % next(MOUNTS)  # the one before is in use until its end was noticed
        talk(site, 8000, (b"SOURCE " + name + version + b"\r\n" + login, b" 200 OK"))
    talk(site, 8000, (b"GET /status.xsl HTTP/1.0\r\n\r\n", b" 200 OK"))
    return "streamed"


# --- haproxy behind haproxy --------------------------------------------------------------------

HAPROXY = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend behind_another
    bind 0.0.0.0:8081 accept-proxy
    bind :::8081 v6only accept-proxy
    http-request return status 200 content-type text/plain string "behind"
"""
SENDER = """
global
    maxconn 200
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen one
    bind 127.0.0.1:8001
    server behind %(server)s:8081 source %(client)s send-proxy
listen two
    bind 127.0.0.1:8002
    server behind %(server)s:8081 source %(client)s send-proxy-v2
"""


def start_haproxy(site):
    site.write("server", "haproxy.cfg", HAPROXY)
    site.serve("haproxy", "-db", "-f", "/mnt/haproxy.cfg", port=8081)
    site.write(
        "client",
        "haproxy.cfg",
        SENDER
        % {"server": site.host, "client": site.peer if site.family == 4 else f"[{site.peer}]:0"},
    )
    site.spawn("client", "haproxy", "-db", "-f", "/mnt/haproxy.cfg", port=8001)


def proxy_session(site):
    curl = ["curl", "-sS", "--max-time", "10"]
    return "".join(site.client(*curl, f"http://127.0.0.1:800{n}/{n}") for n in (1, 2))


add_tests(
    globals(),
    [
        Service(
            "memcached", 11211, ("memcached",), start_memcached, memcached_session, connections=4
        ),
        Service("OpenLDAP", 389, ("ldap",), start_slapd, ldap_session, connections=4),
        Service("git daemon", 9418, ("git",), start_git, git_session, connections=4),
        Service(
            "rsync daemon",
            873,
            ("rsync",),
            start_rsync,
            rsync_session,
            greeting="stable",
            connections=3,
            either_first=True,
        ),
        Service("ngIRCd", 6667, ("irc",), start_ngircd, irc_session, connections=3),
        Service("Prosody", 5222, ("xmpp",), start_prosody, xmpp_session, connections=4),
        Service(
            "NATS",
            4222,
            ("nats",),
            start_nats,
            nats_session,
            greeting="variable|template",
            opened="cookie",
            connections=2,
        ),
        Service(
            "Icecast", 8000, ("icecast", "http"), start_icecast, icecast_session, connections=3
        ),
        Service(
            "haproxy behind PROXY", 8081, ("proxy",), start_haproxy, proxy_session, connections=2
        ),
    ],
)

runner.main(globals())
