# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues, players, dictionaries and other small services, each asked for something new in every
session: beanstalkd, gearmand, MPD, dictd, uWSGI behind nginx, SOCKS, the agent of Zabbix and
tinysshd; and finger, Gopher and distcc, of which the engine knows no more than what it learns."""
import itertools

from interop import Service, add_tests, blob, talk

import runner

FRESH = itertools.count(1)


def word():
    """One that nobody has said before."""
    number = next(FRESH)
    return blob(number, 2 + number % 7).hex()


# --- work queues -------------------------------------------------------------------------------


def start_beanstalkd(site):
    site.serve("beanstalkd", "-l", "::", "-p", "11300", port=11300)


def beanstalk_session(site):
    """A producer, a consumer, an operator."""
    tube, job = word().encode(), word().encode()
    talk(
        site,
        11300,
        (b"use %s\r\n" % tube, b"USING %s\r\n" % tube),
        (b"put 0 0 60 %d\r\n%s\r\n" % (len(job), job), b"INSERTED"),
    )
    talk(site, 11300, (b"watch %s\r\n" % tube, b"WATCHING 2\r\n"), (b"reserve\r\n", job + b"\r\n"))
    talk(site, 11300, (b"stats-tube %s\r\n" % tube, b"current-jobs-ready"))
    talk(site, 11300, (b"put 1 0 60 %d\r\n%s\r\n" % (len(job), job), b"INSERTED"))
    return "served"


def start_gearmand(site):
    site.serve("gearmand", "-u", "root", "-L", site.server, "-l", "/mnt/log", port=4730)


def gearman_session(site):
    """A job that no worker takes runs in the background; the operator asks by lines."""
    where = ["-h", site.server, "-p", "4730"]
    site.client("gearman", *where, "-f", word(), "-b", word())
    site.client("gearman", *where, "-f", word(), "-b", word() * 9)
    said = site.client("gearadmin", *where, "--server-version")
    site.client("gearadmin", *where, "--create-function=" + word())
    return said


# --- MPD ---------------------------------------------------------------------------------------

MPD = """
music_directory "/mnt/music"
db_file "/mnt/db"
state_file "/mnt/state"
bind_to_address "any"
port "6600"
audio_output {
    type "null"
    name "none"
}
"""


def start_mpd(site):
    site.folder("server", "music")
    site.write("server", "mpd.conf", MPD)
    site.serve("mpd", "--no-daemon", "/mnt/mpd.conf", port=6600)


def mpd_session(site):
    mpc = ["mpc", "-h", site.server, "-q"]
    site.client(*mpc, "version")
    site.client(*mpc, "search", "title", word())
    talk(site, 6600, (b"", b"\n"), (b'find "artist" "%s"\n' % word().encode(), b"OK\n"))
    talk(site, 6600, (b"", b"\n"), (b"status\n", b"OK\n"))
    talk(site, 6600, (b"", b"\n"), (b"command_list_begin\nstatus\ncommand_list_end\n", b"OK\n"))
    return "played"


# --- dictd -------------------------------------------------------------------------------------

DICTD = """
access { allow * }
database one { data "/mnt/dict/one.dict" index "/mnt/dict/one.index" }
"""


def start_dictd(site):
    """It wants a name for whoever comes."""
    site.write("server", "dict/one.dict", b"apple\n   a fruit\npear\n   another\n")
    site.write("server", "dict/one.index", b"apple\tA\tQ\npear\tQ\tQ\n")
    site.write("server", "dictd.conf", DICTD)
    site.write("server", "hosts", f"{site.peer} client\n")
    site.serve(
        "sh",
        "-c",
        "mount --bind /mnt/hosts /etc/hosts; "
        "exec dictd -d nodetach -c /mnt/dictd.conf --pid-file /mnt/pid "
        f"--address-family {site.family}",
        port=2628,
    )


def dict_session(site):
    said = site.client("dict", "-h", site.server, "-d", "one", "apple")
    site.client("dict", "-h", site.server, word(), ok=(20, 21))
    talk(site, 2628, (b"", b"\r\n"), (b"DEFINE * %s\r\n" % word().encode(), b"552 "))
    talk(site, 2628, (b"", b"\r\n"), (b"MATCH * . %s\r\n" % word().encode(), b"552 "))
    return said


# --- uWSGI behind nginx ------------------------------------------------------------------------

NGINX = """
daemon off;
error_log /mnt/error.log;
pid /mnt/pid;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path /mnt/tmp;
    proxy_temp_path /mnt/tmp;
    fastcgi_temp_path /mnt/tmp;
    uwsgi_temp_path /mnt/tmp;
    scgi_temp_path /mnt/tmp;
    server {
        listen 127.0.0.1:8000;
        location / {
            uwsgi_pass %s:3031;
            uwsgi_param REQUEST_METHOD $request_method;
            uwsgi_param REQUEST_URI $request_uri;
            uwsgi_param PATH_INFO $document_uri;
            uwsgi_param SERVER_PROTOCOL $server_protocol;
            uwsgi_param HTTP_HOST $host;
        }
    }
}
"""
PAGE = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\na page from uWSGI\\n'
"""


def start_uwsgi(site):
    site.write("server", "page", PAGE, mode=0o755)
    site.serve(
        "uwsgi-core",
        *("--plugin", "0:cgi", "--cgi", "/mnt/page", "--socket", f"{site.host}:3031"),
        port=3031,
    )
    site.write("client", "nginx.conf", NGINX % site.host)
    site.folder("client", "tmp", mode=0o777)
    site.spawn("client", "nginx", "-c", "/mnt/nginx.conf", port=8000)


def uwsgi_session(site):
    curl = ["curl", "-sS", "--max-time", "10"]
    said = site.client(*curl, f"http://127.0.0.1:8000/page?{word()}")
    said += site.client(*curl, "-H", f"Host: {word()}.example.org", "http://127.0.0.1:8000/page")
    return said


# --- what inetd starts: finger, Gopher ---------------------------------------------------------


def start_inetd(site, port, *command):
    kind = "tcp" if site.family == 4 else "tcp6"
    site.write("server", "inetd.conf", f"{port} stream {kind} nowait nobody {' '.join(command)}\n")
    site.serve("/usr/sbin/inetutils-inetd", "-d", "/mnt/inetd.conf", port=port)


def start_finger(site):
    start_inetd(site, 79, "/usr/sbin/in.fingerd", "in.fingerd")


def finger_session(site):
    said = site.client("finger", f"tester@{site.server}", ok=(0, 1))
    site.client("finger", f"{word()}@{site.server}", ok=(0, 1))
    return said


def start_gophernicus(site):
    site.write("server", "gopher/a", "a file from Gopher\n")
    start_inetd(
        site, 70, "/usr/sbin/gophernicus", "gophernicus", "-r", "/mnt/gopher", "-h", site.server
    )


def gopher_session(site):
    said = site.client("curl", "-sS", "--max-time", "10", f"gopher://{site.host}/0/a")
    for _ in range(2):
        site.client("curl", "-sS", "--max-time", "10", f"gopher://{site.host}/1/{word()}")
    return said


# --- SOCKS -------------------------------------------------------------------------------------


def start_microsocks(site):
    """What it leads to is a web server beside it."""
    site.serve("microsocks", "-i", site.server, "-p", "1080", port=1080)


def socks_session(site):
    """Nobody listens behind it, and clients are told so."""
    curl = ["curl", "-sS", "--max-time", "10"]
    said = ""
    for kind in ("socks5", "socks5h"):
        for user in ("", f"{word()}:{word()}@"):
            said += site.client(
                *curl,
                "-x",
                f"{kind}://{user}{site.host}:1080",
                f"http://{site.host}:9/",
                ok=(7, 97),
            )[:9]
    return said


# --- Zabbix's agent ----------------------------------------------------------------------------

ZABBIX = """
LogType=console
Server=0.0.0.0/0,::/0
ListenIP=0.0.0.0,::
ListenPort=10050
AllowRoot=1
StartAgents=3
PidFile=/mnt/pid
"""


def start_zabbix(site):
    site.write("server", "zabbix.conf", ZABBIX)
    site.serve("zabbix_agentd", "-f", "-c", "/mnt/zabbix.conf", port=10050)


def zabbix_session(site):
    """As servers ask: with a header that says how long the question is."""
    for key in (b"agent.ping", b"vfs.file.exists[/%s]" % word().encode(), word().encode()):
        header = b"ZBXD\x01" + len(key).to_bytes(8, "little")
        talk(site, 10050, (header + key, b"ZBXD\x01"))
    return "asked"


# --- a shell -----------------------------------------------------------------------------------


def start_tinysshd(site):
    site.on_server("tinysshd-makekey", "/mnt/keys")
    start_inetd(site, 22, "/usr/sbin/tinysshd", "tinysshd", "-l", "/mnt/keys")


def tinysshd_session(site):
    """Nobody may log in; by then the requests were exchanged."""
    said = site.client(
        *("ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null", f"tester@{site.server}", "true"),
        ok=(255,),
    )
    return "Permission denied" if "Permission denied" in said else said


# --- distcc ------------------------------------------------------------------------------------


def start_distcc(site):
    site.serve(
        *("distccd", "--daemon", "--no-detach", "--allow-private", "--allow", "fd77::/16"),
        *("--user", "nobody", "--log-file", "/mnt/log", "--port", "3632", "--jobs", "2"),
        *("--listen", site.server, "--enable-tcp-insecure"),
        port=3632,
    )


def distcc_session(site):
    """A compiler that is not there: the answer says so."""
    words = [b"cc", b"-c", word().encode() + b".c"]
    source = b"int " + word().encode() + b";\n"
    request = b"DIST00000001ARGC%08x" % len(words)
    request += b"".join(b"ARGV%08x%s" % (len(w), w) for w in words)
    request += b"DOTI%08x%s" % (len(source), source)
    talk(site, 3632, (request, b"DONE00000001"))
    return "told"


add_tests(
    globals(),
    [
        Service(
            "beanstalkd",
            11300,
            ("beanstalkd",),
            start_beanstalkd,
            beanstalk_session,
            connections=4,
        ),
        Service("gearmand", 4730, ("gearman",), start_gearmand, gearman_session, connections=4),
        Service("MPD", 6600, ("mpd",), start_mpd, mpd_session, greeting="stable", connections=4),
        Service(
            "dictd",
            2628,
            ("dict",),
            start_dictd,
            dict_session,
            greeting="variable|template",
            opened="cookie",
            connections=4,
        ),
        Service("uWSGI", 3031, ("uwsgi",), start_uwsgi, uwsgi_session, connections=2),
        Service("SOCKS", 1080, ("socks",), start_microsocks, socks_session, connections=4),
        Service("Zabbix", 10050, ("zabbix",), start_zabbix, zabbix_session, connections=3),
        Service(
            "tinysshd",
            22,
            ("ssh",),
            start_tinysshd,
            tinysshd_session,
            greeting="variable|template",
            opened="cookie",
            either_first=True,
            sessions=2,
        ),
        Service(
            "finger",
            79,
            ("unknown",),
            start_finger,
            finger_session,
            opened="unknown",
            connections=2,
        ),
        Service(
            "Gopher",
            70,
            ("unknown",),
            start_gophernicus,
            gopher_session,
            opened="unknown",
            connections=3,
        ),
        Service("distcc", 3632, ("unknown",), start_distcc, distcc_session, opened="unknown"),
    ],
)

runner.main(globals())
