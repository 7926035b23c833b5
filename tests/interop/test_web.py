# SPDX-License-Identifier: GPL-2.0-or-later
"""nginx: HTTP, HTTPS (HTTP/1.1 and HTTP/2 inside TLS), HTTP/2 without TLS. Clients: curl and
nghttp."""
from interop import Service, add_tests, blob

import runner

NGINX = """
daemon off;
user root;
worker_processes 1;
pid /mnt/nginx.pid;
error_log /mnt/error.log;
events { worker_connections 200; }
http {
    access_log off;
    client_body_temp_path /mnt/tmp/body;
    proxy_temp_path /mnt/tmp/proxy;
    fastcgi_temp_path /mnt/tmp/fastcgi;
    uwsgi_temp_path /mnt/tmp/uwsgi;
    scgi_temp_path /mnt/tmp/scgi;
    default_type text/plain;
    sendfile on;
    root /mnt/html;
    server { listen [::]:80 ipv6only=off; }
    server { listen [::]:8080 ipv6only=off http2; }
    server {
        listen [::]:443 ipv6only=off ssl http2;
        ssl_certificate /mnt/tls.crt;
        ssl_certificate_key /mnt/tls.key;
    }
}
"""


def start(site):
    site.certificate()
    site.write("server", "nginx.conf", NGINX)
    site.write("server", "html/index.html", "a page from nginx\n")
    site.write("server", "html/large", blob(10, 400000))
    site.folder("server", "tmp")
    site.serve("/usr/sbin/nginx", "-c", "/mnt/nginx.conf", "-e", "/mnt/error.log", port=443)


def curl(site, *options):
    """What it answered, without what changes by the second; then a large answer's digest."""
    common = ["curl", "-sS", "--insecure", "--max-time", "20", *options[:-1]]
    url = options[-1]
    answers = [site.client(*common, "-i", f"{url}/{path}") for path in ("", "missing")]
    site.client(*common, "-o", "/mnt/large", f"{url}/large")
    lines = "".join(answers).replace("\r", "").split("\n")
    return "\n".join(line for line in lines if not line.lower().startswith("date:")) + site.digest(
        "client", "large"
    )


def http(site):
    return curl(site, f"http://{site.host}")


def https(site):
    return curl(site, "--http1.1", f"https://{site.host}") + curl(
        site, "--http2", f"https://{site.host}"
    )


def http2(site):
    return curl(site, "--http2-prior-knowledge", f"http://{site.host}:8080") + site.client(
        "nghttp", f"http://{site.host}:8080/"
    )


SERVICES = [
    Service("nginx HTTP", 80, ("http",), start, http, connections=3),
    Service("nginx HTTPS", 443, ("tls",), start, https, connections=6),
    Service("nginx HTTP/2 without TLS", 8080, ("http2",), start, http2, connections=4),
]

add_tests(globals(), SERVICES)
runner.main(globals())
