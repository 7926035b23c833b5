# SPDX-License-Identifier: GPL-2.0-or-later
"""MariaDB, PostgreSQL (with and without TLS), redis and mosquitto, each with its own client."""
import subprocess

from interop import TESTER, Service, add_tests

import runner
from lab import check

# As "tester": neither database wants to be root.
AS_TESTER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]

MARIADB = """
[mariadbd]
datadir = /mnt/data
socket = /mnt/data/socket
pid_file = /mnt/data/pid
log_error = /mnt/data/log
bind_address = *
skip_name_resolve
innodb_buffer_pool_size = 8M
innodb_log_file_size = 4M
"""
MARIADB_USER = """
CREATE DATABASE mysql_test;
CREATE USER tester@'%' IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO tester@'%';
"""
SQL = "SELECT 6*7 AS answer, REPEAT('x', 5000) AS long_one; SELECT * FROM nothing_there;"


def start_mariadb(site):
    site.write("server", "my.cnf", MARIADB)
    site.folder("server", "data", owner=TESTER)
    site.on_server(
        *AS_TESTER,
        "mariadb-install-db",
        "--defaults-file=/mnt/my.cnf",
        "--auth-root-authentication-method=normal",
        "--force",
        "--skip-test-db",
    )
    site.serve(*AS_TESTER, "mariadbd", "--defaults-file=/mnt/my.cnf", port=3306)
    site.on_server(
        "mariadb", "--no-defaults", "-S", "/mnt/data/socket", "-u", "root", told=MARIADB_USER
    )


def mariadb_session(site):
    said = site.client(
        "mariadb",
        "--no-defaults",
        "-h",
        site.server,
        "-u",
        "tester",
        "-psecret",
        "mysql_test",
        "--force",
        "-e",
        SQL,
        ok=(0, 1),
    )
    # 1 is the second statement's, but also what a server that is not reached makes of it.
    check("42" in str(said), f"no answer: {said}")
    return said


def start_postgresql(site):
    programs = "/usr/lib/postgresql/15/bin"
    site.folder("server", "data", 0o700, owner=TESTER)
    site.certificate(owner=TESTER)
    site.write("server", "password", "secret")
    site.on_server(
        *AS_TESTER,
        f"{programs}/initdb",
        "-D",
        "/mnt/data",
        "-U",
        "tester",
        "--pwfile=/mnt/password",
        "--auth=scram-sha-256",
        "--no-sync",
    )
    site.write(
        "server",
        "data/postgresql.conf",
        "listen_addresses = '*'\nunix_socket_directories = ''\n"
        "ssl = on\nssl_cert_file = '/mnt/tls.crt'\n"
        "ssl_key_file = '/mnt/tls.key'\ndynamic_shared_memory_type = mmap\nfsync = off\n",
        owner=TESTER,
    )
    site.write("server", "data/pg_hba.conf", "host all all all scram-sha-256\n", owner=TESTER)
    site.serve(*AS_TESTER, f"{programs}/postgres", "-D", "/mnt/data", port=5432)


def psql(site, sslmode):
    asked = (
        "SELECT 6*7 AS answer, repeat('x', 5000); "
        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();"
    )
    return site.client(
        "/usr/lib/postgresql/15/bin/psql",
        "-X",
        f"host={site.server} user=tester password=secret dbname=postgres sslmode={sslmode} "
        "gssencmode=disable",
        "-c",
        asked,
        "-c",
        "SELECT nothing",
        ok=(1,),
    )


def postgresql_session(site):
    return psql(site, "disable") + psql(site, "require")


def start_redis(site):
    site.serve(
        "redis-server",
        "--port",
        "6379",
        "--bind",
        "0.0.0.0",
        "::",
        "--protected-mode",
        "no",
        "--save",
        "",
        "--dir",
        "/mnt",
        port=6379,
    )


def redis_session(site):
    ask = ["redis-cli", "-h", site.server]
    said = (
        site.client(*ask, "SET", "key", "value" * 1000)
        + site.client(*ask, "GET", "key")
        + site.client(*ask, "NOT-A-COMMAND", ok=(0, 1))
    )
    return said + site.client(*ask, told="INCRBY counter 1\nDEL counter\nPING\n")


def start_mosquitto(site):
    site.write(
        "server",
        "mosquitto.conf",
        "listener 1883\nallow_anonymous true\npersistence false\nuser root\n",
    )
    site.serve("mosquitto", "-c", "/mnt/mosquitto.conf", port=1883)


def mosquitto_session(site):
    """A subscriber hears what was published before and after it came."""
    host = ["-h", site.server, "-t", "a/topic", "-q", "1"]
    site.client("mosquitto_pub", *host, "-r", "-m", "retained")
    with subprocess.Popen(
        site.argv("client", "stdbuf", "-oL", "mosquitto_sub", *host, "-C", "2", "-W", "20"),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as subscriber:
        first = subscriber.stdout.readline()  # it has subscribed
        site.client("mosquitto_pub", *host, "-m", "x" * 3000)
        rest = subscriber.stdout.read()
    check(subscriber.returncode == 0, f"mosquitto_sub ended with {subscriber.returncode}")
    return first + rest


SERVICES = [
    Service(
        "MariaDB",
        3306,
        ("mysql",),
        start_mariadb,
        mariadb_session,
        greeting="template|variable",
        opened="cookie",
    ),
    Service(
        "PostgreSQL", 5432, ("postgresql",), start_postgresql, postgresql_session, connections=2
    ),
    Service("redis", 6379, ("redis",), start_redis, redis_session, connections=4),
    Service("mosquitto", 1883, ("mqtt",), start_mosquitto, mosquitto_session, connections=3),
]

add_tests(globals(), SERVICES)
runner.main(globals())
