# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests whose header has 20 KiB, beside slow clients: at Apache (prefork), nginx and haproxy as
Debian has them, over IPv4 and IPv6. All take a hundred fields, the first two of 8 KiB each;
haproxy's buffer of 16 KiB has to be made larger.

Beside them stand 300 headers that do not end and 60 bodies that trickle. Each second request comes
in pieces."""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
# pylint: disable=wrong-import-position # they lie beside this folder
import runner
from lab import CLIENT6, PROJECT, SERVER4, SERVER6, Lab, Process, check, check_equal, wait_until
from wire_attacks import GET, POST, PREFIXES, Sockets

ROOT = os.path.join(PROJECT, "build/redteam-root")
ENTER = os.path.join(PROJECT, "tests/root/enter.sh")
SIZE, PIECE, PIECE_APART_S = 20 * 1024, 4000, 0.03
LEARNED, FETCHES = 12, 10
HEADERS, BODIES = 300, 60
BEGUN = 60  # what one source may have is 64, and a /64 is one
HONEST4, CROWD6 = "10.78.250.7", "fd79::/64"
PAGE = b"a page\n"

APACHE = """
ServerRoot /usr/lib/apache2
PidFile /mnt/apache.pid
ErrorLog /mnt/error.log
Listen 80
ServerName localhost
User www-data
Group www-data
DocumentRoot /mnt/html
DirectoryIndex index.html
LoadModule mpm_prefork_module modules/mod_mpm_prefork.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule dir_module modules/mod_dir.so
StartServers 100
MaxRequestWorkers 150
Timeout 300
"""

NGINX = """
daemon off;
user root;
worker_processes 1;
pid /mnt/nginx.pid;
error_log /mnt/error.log;
events { worker_connections 1000; }
http {
    access_log off;
    client_body_temp_path /mnt/body;
    proxy_temp_path /mnt/proxy;
    fastcgi_temp_path /mnt/fastcgi;
    uwsgi_temp_path /mnt/uwsgi;
    scgi_temp_path /mnt/scgi;
    root /mnt/html;
    server { listen [::]:80 ipv6only=off; }
}
"""

HAPROXY = """
global
    tune.bufsize 65536
defaults
    mode http
    timeout client 300s
    timeout http-request 300s
frontend web
    bind :::80 v4v6
    http-request return status 200 content-type text/plain string "a page\\n"
"""

# A name, the program and its words, its file of settings.
SERVERS = {
    "apache": (("/usr/sbin/apache2", "-D", "FOREGROUND", "-f", "/mnt/conf"), APACHE),
    "nginx": (("/usr/sbin/nginx", "-c", "/mnt/conf", "-e", "/mnt/error.log"), NGINX),
    "haproxy": (("/usr/sbin/haproxy", "-db", "-f", "/mnt/conf"), HAPROXY),
}


def serve(lab, name):
    argv, settings = SERVERS[name]
    folder = os.path.join(lab.folder, name)
    os.makedirs(os.path.join(folder, "html"))
    os.chmod(folder, 0o755)
    for file, content in (("conf", settings.encode()), ("html/index.html", PAGE)):
        with open(os.path.join(folder, file), "wb") as out:
            out.write(content)
    process = Process([ENTER, lab.server.name, ROOT, folder, *argv], lab.log(name))
    lab.processes.append(process)

    def ready():
        check(process.running(), f"{name} has ended: {process.errors()}")
        return lab.server.listens(80)

    wait_until(ready, 15, f"{name} listens")


def long_request(fields):
    """So many fields, SIZE bytes in all."""
    each = SIZE // fields
    padding = b"".join(b"X-%04d: %s\r\n" % (i, b"a" * (each - 10)) for i in range(fields))
    return GET[:-2] + padding + b"\r\n"


def fetch(lab, server, source, request=GET, in_pieces=False):
    """Fails where the page does not come."""
    with lab.client.inside():
        client = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET)
    with client:
        client.settimeout(20)
        client.bind((source, 0))
        client.connect((server, 80))
        for at in range(0, len(request), PIECE if in_pieces else len(request)):
            client.sendall(request[at : at + PIECE] if in_pieces else request)
            if in_pieces:
                time.sleep(PIECE_APART_S)
        data = b""
        while not data.endswith(PAGE):
            more = client.recv(4000)
            check(more, f"{len(request)} bytes were answered by {data[:200]!r}, and the end")
            data += more
        check(data.startswith(b"HTTP/1.1 200"), f"{len(request)} bytes: {data[:200]!r}")


def attacks(server, sources):
    """Headers without end, and bodies."""
    endless = GET[:-2] + b"X-a: "
    return [
        Sockets(HEADERS, sources, endless, b"a", server=server),
        Sockets(BODIES, sources, POST, b"a", server=server),
    ]


def beside(name, server, honest, crowd):
    requests = [long_request(fields) for fields in (90, 3)]
    with Lab(client_sysctls={"net.ipv6.ip_nonlocal_bind": 1}) as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        lab.client.ip(f"route replace local {CROWD6} dev lo")
        serve(lab, name)
        for i in range(LEARNED):
            fetch(lab, server, crowd[i % 4])
        lab.wait_armed(80, server)
        lab.set_mode("attack")
        slow = attacks(server, crowd)
        for one in slow:
            one.begin(lab)
        took = []
        try:
            wait_until(
                lambda: lab.stats()["tables"]["assemblies_used"] >= BEGUN, 20, f"{BEGUN} have begun"
            )
            begun = time.monotonic()
            for i in range(FETCHES):
                begin = time.monotonic()
                fetch(lab, server, honest, requests[i % 2], in_pieces=i // 2 % 2)
                took.append(time.monotonic() - begin)
        finally:
            for one in slow:
                one.end()
        check_equal(len(took), FETCHES, "pages")
        check_equal(lab.stats()["sources"]["put_aside"], 0, "sources that are put aside")
        return f"10 of 10 in {time.monotonic() - begun:.1f} s, the slowest {max(took):.1f} s"


def over_ipv4(name):
    return beside(name, SERVER4, HONEST4, PREFIXES)


def over_ipv6(name):
    return beside(name, SERVER6, CLIENT6, [f"fd79::{i:x}" for i in range(1, 201)])


def test_apache():
    return over_ipv4("apache")


def test_apache_ipv6():
    return over_ipv6("apache")


def test_nginx():
    return over_ipv4("nginx")


def test_nginx_ipv6():
    return over_ipv6("nginx")


def test_haproxy():
    return over_ipv4("haproxy")


def test_haproxy_ipv6():
    return over_ipv6("haproxy")


runner.main(globals())
