# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward web` as programs see it: the same figures as everywhere, a flood told within 2 s,
nothing changed, no file, no stranger; bounded whatever its clients do, and the daemon does not
notice. What a browser makes of it: test_page.py."""
import contextlib
import json
import os
import resource
import socket
import threading
import time

import runner
from lab import (
    SYNWARD,
    Lab,
    check,
    check_equal,
    in_time,
    load,
    run,
    wait_until,
)
from web import web

LOOKS = {"sample", "watch", "status", "stats", "sources", "profiles", "rehearse"}
PATHS = ("/state", "/past?server=10.77.0.2:80", "/profile?server=10.77.0.2:80")
PATHS += ("/rehearsal?server=10.77.0.2:80", "/sources", "/metrics", "/", "/page.js", "/page.css")


def rejects(lab, port):
    """Whether a wrong request would be refused: what was learned is in force."""
    lab.talkers(port, count=2, say="bittorrent", hold_ms=10)
    server = lab.cli("rehearse", f"10.77.0.2:{port}")["rehearsal"]
    return server and server[0]["refused"] > 0


def watched_lab(lab, *ports):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode="auto")
    for port in ports or (80,):
        lab.http(port)
        lab.learn("http", port)


def test_figures_are_those_of_stats_and_top():
    with Lab() as lab:
        watched_lab(lab, 80, 81)
        wait_until(lambda: rejects(lab, 80), 20, "what was learned is in force")
        with web(lab) as page:
            lab.flood(80, count=5000)
            check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches")
            lab.talkers(80, count=30, say="bittorrent", hold_ms=10)

            def told():
                figures = lab.cli("stats", "10.77.0.2:80")["servers"][0]["figures"]
                return figures == page.server()["figures"] and figures

            figures = wait_until(told, 10, "the page has the figures of stats")
            check(figures["refused"].get("mismatch", 0) > 0, f"something was refused: {figures}")
            state = page.state()
            names = [state["servers"][number]["name"] for number in state["order"]]
            lines = lab.cli_text("top", "--once").splitlines()
            check_equal(names[0], "10.77.0.2:80", "who is attacked comes first")
            check(lines[3].startswith(names[0]), f"and so it does in top: {lines}")
            status = next(s for s in lab.cli("status")["servers"] if s["port"] == 80)
            for key in ("mode", "cause", "since", "half_open_limit", "usual_syns"):
                check_equal(page.server()[key], status[key], key)
            counted = (
                f'synward_server_syns_total{{server="10.77.0.2:80",vlan=""}} {figures["syns"]}\n'
            )
            check(counted in page.get("/metrics").decode(), "metrics have them")
            check_equal(page.get("/metrics").decode().count("# EOF"), 1, "metrics are whole")


def test_a_flood_is_told_within_two_seconds():
    ports = iter((80, 81, 82))
    with Lab() as lab:
        watched_lab(lab, 80, 81, 82)
        with web(lab) as page, page.follow() as events:
            next(events)
            known = {s["number"]: s for s in page.state()["servers"]}

            def attack():
                name = f"10.77.0.2:{next(ports)}"
                flood = lab.start_flood(int(name[-2:]), count=40000, rate=20000)
                begun = time.monotonic()
                for kind, data, _ in events:
                    for news in (page.state() if kind == "reset" else data).get("servers", []):
                        server = known.setdefault(news["number"], {"figures": {}})
                        figures = {**server["figures"], **news.get("figures", {})}
                        server.update(news, figures=figures)
                    found = [s for s in known.values() if s["name"] == name]
                    if found and found[0]["mode"] == "attack":
                        break
                took = time.monotonic() - begun
                check(found[0]["cause"].startswith("half-open "), f"the cause: {found}")
                check(found[0]["figures"]["cookies_sent"] > 0, f"what is kept away: {found}")
                flood.finish()
                return took

            took = in_time(2, attack, "telling of a flood")
            kinds = {e["text"] for e in page.state()["events"] if e["event"] == "mode"}
            check(any("attack mode" in text for text in kinds), f"the event: {kinds}")
            return f"{took * 1000:.0f} ms"


def test_only_this_machine_is_let_in_and_only_with_the_token():
    with Lab() as lab:
        watched_lab(lab)
        for place in ("0.0.0.0:80", "10.77.0.1:80", "[::]:80", "example.com:80", "127.0.0.1", "80"):
            done = run(SYNWARD, "web", "--control", lab.control, "--listen", place, ok=False)
            check_equal(done.returncode, 2, f"--listen {place}: {done.stderr}")
        with web(lab) as page:
            for path in PATHS:
                wanted = 200 if path in ("/", "/page.js", "/page.css") else 401
                for wrong in (None, "", "Bearer", "Bearer x", f"Basic {page.token}"):
                    check_equal(
                        page.request(path, {"Authorization": wrong})[0], wanted, f"{path}: {wrong}"
                    )
                check_equal(page.request(path)[0], 200, path)
            for host in ("127.0.0.1", "127.0.0.1:9", "localhost", "LOCALHOST:80", "[::1]:80"):
                check_equal(page.request("/state", {"Host": host})[0], 200, host)
            for host in (
                *("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil"),
                *("10.77.0.1", "0.0.0.0", "[::]", "", "127.0.0.1:x", "127.0.0.1@evil", "[::1"),
            ):
                for path in ("/", "/state"):
                    status = page.request(path, {"Host": host})[0]
                    check(status in (400, 421), f"Host {host!r}: {path}: {status}")
            old = page.say(b"GET / HTTP/1.0\r\n\r\n")
            check(old.startswith(b"HTTP/1.0 421") or b" 421 " in old[:15], f"no Host: {old[:99]}")
            _, headers, _ = page.request("/")
            check("default-src 'none'" in headers["Content-Security-Policy"], str(headers))
            check("unsafe" not in headers["Content-Security-Policy"], str(headers))
            check("Access-Control-Allow-Origin" not in headers, str(headers))


def test_a_token_of_a_file_and_a_socket_for_a_group():
    with Lab() as lab:
        watched_lab(lab)
        path, place = os.path.join(lab.folder, "token"), os.path.join(lab.folder, "web.sock")
        with open(path, "w", encoding="ascii") as token:
            token.write("0123456789abcdef\nrest\n")
        os.chmod(path, 0o644)
        argv = (SYNWARD, "web", "--control", lab.control, "--token", path)
        done = run(*argv, "--listen", "127.0.0.1:0", ok=False)
        check("others may read it" in done.stderr, f"an open token: {done}")
        os.chmod(path, 0o640)
        with web(lab, "--token", path) as page:
            check_equal(page.token, "", "a token of a file is not printed")
            page.token = "0123456789abcdef"
            page.wait_state()
            check(page.server(), "the token of the file is that of clients")
        with lab.client.inside():
            process = lab.spawn(SYNWARD, "web", "--control", lab.control)
        wait_until(lambda: os.path.exists(place), 20, "the socket is there")
        check_equal(os.stat(place).st_mode & 0o7, 0, "what others may do with the socket")
        answer = run("curl", "-s", "--unix-socket", place, "http://localhost/state")
        check("servers" in json.loads(answer), answer[:200])
        evil = run("curl", "-s", "--unix-socket", place, "http://evil.example/state")
        check("not this machine" in evil, evil[:200])
        check_equal(process.stop()[0], 0, "exit code")
        check(not os.path.exists(place), "the socket is gone")


def test_paths_lead_to_no_file():
    with Lab() as lab:
        watched_lab(lab)
        with web(lab) as page:
            for path in (
                *("/etc/passwd", "/../etc/passwd", "//etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"),
                *("/..%2f..%2fetc/passwd", "/%252e%252e/etc/passwd", "/page.js/../../etc/passwd"),
                *("/state/", "/page.html", "/profiles.json", "/."),
                *("/proc/self/environ", "\\..\\etc\\passwd", "/\xff", "*"),
            ):
                raw = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                raw += f"Authorization: Bearer {page.token}\r\n\r\n"
                answer = page.say(raw.encode("latin-1"))
                check(b"root:" not in answer and b" 200 " not in answer[:20], f"{path}: {answer}")
            check(page.server(), "and it goes on")
            _, _, body = page.request("/past?server=../../etc/passwd")
            check_equal(body, b"no such server\n", "a server that is a path")


class Recorder:
    """Listens where the daemon would, answers what a daemon may, and keeps what it was asked."""

    def __init__(self, folder):
        self.asked = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(folder, "view.sock"))
        self.listener.listen(64)
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(
                    target=self._answer, args=(self.listener.accept()[0],), daemon=True
                ).start()

    def _answer(self, client):
        request = json.loads(client.makefile().readline())
        self.asked.append(request)
        answer = {"synward": {"version": "0", "schema": 1}, "mode": "auto", "servers": []}
        client.sendall(json.dumps(answer).encode() + b"\n")
        if request["command"] not in ("sample", "watch"):
            client.close()
        else:
            self.asked_to_stay = client  # open until the end


def test_nothing_that_is_asked_changes_anything():
    with Lab() as lab:
        recorder = Recorder(lab.folder)
        with web(lab) as page:
            wait_until(lambda: len(recorder.asked) >= 2, 10, "it asks for sample and watch")
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
                for path in PATHS:
                    check_equal(page.request(path, method=method)[0], 405, f"{method} {path}")
            for path in PATHS:
                check(page.request(path)[0] in (200, 404), path)
                check_equal(page.request(path, method="HEAD")[2], b"", f"HEAD {path}")
            body = {"Content-Length": "2"}
            check_equal(page.request("/state", body, "GET", b"{}")[0], 400, "GET with a body")
            for server in (
                'x","command":"mode","setting":"attack',
                "x%22%2C%22setting%22%3A%22attack%22%7D%0A%7B%22command%22%3A%22learn%22",
                "10.77.0.2:80&command=mode&setting=attack",
            ):
                page.request("/profile?server=" + server.replace(" ", "%20"))
        for request in recorder.asked:
            check(request["command"] in LOOKS, f"asked: {request}")
            extra = set(request) - {"command", "server", "every_ms", "changes", "at_once", "since"}
            check_equal(extra, set(), f"asked: {request}")
        check({r["command"] for r in recorder.asked} == LOOKS, f"all is asked: {recorder.asked}")


def test_huge_and_slow_requests_end():
    with Lab() as lab:
        watched_lab(lab)
        with web(lab) as page:
            small = page.process.resident_kib()
            head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
            for text in (
                b"GET /" + b"a" * 10**6 + b" HTTP/1.1\r\n\r\n",
                head + b"X: " + b"a" * 10**6 + b"\r\n\r\n",
                head + b"".join(b"X-%d: a\r\n" % i for i in range(50000)) + b"\r\n",
                b"\0" * 10**6,
                b"GET / HTTP/9.9\r\n\r\n",
                head + b"Content-Length: 99999999999999999999\r\n\r\n",
                head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            ):
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    check(b" 200 " not in page.say(text)[:20], f"{text[:60]}")
            grown = page.process.resident_kib() - small
            check(grown < 8192, f"it has grown by {grown} KiB")

            # One byte each second is no silence, and yet no request.
            slow = page.connect(30)
            begun = time.monotonic()
            slow.settimeout(0.5)
            for byte in head * 2:
                with contextlib.suppress(TimeoutError):
                    slow.sendall(bytes([byte]))
                    if slow.recv(1) == b"":
                        break
            took = time.monotonic() - begun
            check(took < 20, f"a slow client stays for {took:.0f} s")
            check(page.server(), "and it goes on")


def files_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_two_hundred_clients_and_the_daemon_does_not_notice():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    with Lab() as lab:
        watched_lab(lab)
        with web(lab) as page:
            files = files_of(lab.daemon.pid)
            stream = (
                f"GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {page.token}\r\n"
            )
            clients = []
            for i in range(300):
                clients.append(page.connect())
                clients[-1].sendall(f"{stream}\r\n".encode() if i % 2 else b"GET / HT")
            # Who makes room for another who is then refused leaves a place.
            wait_until(lambda: files_of(page.pid) >= 170, 20, "two hundred are let in")
            check(files_of(page.pid) < 230, "and not more")
            check(page.process.resident_kib() < 65536, "its memory")
            now = files_of(lab.daemon.pid)
            check(now <= files + 2, f"the daemon has {now} files, {files} before")
            check_equal(lab.cli("status")["mode"], "auto", "the daemon answers")
            check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "and bridges")
            begun = time.monotonic()
            check(page.server(), "those who say nothing make room")
            took = time.monotonic() - begun
            check(took < 5, f"after {took:.1f} s")
            for client in clients:
                client.close()
            wait_until(lambda: files_of(page.pid) < 20, 10, "all of them are gone")


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


def test_it_has_no_privilege():
    with Lab() as lab:
        watched_lab(lab)
        with web(lab) as page:
            check(page.server(), "it runs")
            connector = int(run("pgrep", "-P", page.pid))
            for pid in (page.pid, connector):
                status = status_of(pid)
                for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                    check_equal(int(status[key], 16), 0, f"{status['Name']}: {key}")
                check_equal(status["NoNewPrivs"], "1", f"{status['Name']}: NoNewPrivs")
                check_equal(status["Seccomp"], "2", f"{status['Name']}: Seccomp")
            check(set(status_of(page.pid)["Uid"].split()) != {"0"}, "it is not root")
            check_equal(status_of(page.pid)["Groups"].strip(), "", "its groups")
            opened = [
                os.readlink(f"/proc/{page.pid}/fd/{fd}")
                for fd in os.listdir(f"/proc/{page.pid}/fd")
            ]
            files = [p for p in opened if p.startswith("/") and p != "/dev/null"]
            check(all(p.startswith(lab.folder) and "web" in p for p in files), f"files: {files}")
            check_equal(page.stop()[0], 0, "exit code")
            wait_until(lambda: not os.path.exists(f"/proc/{connector}"), 20, "so has its helper")


def test_a_daemon_that_begins_again():
    with Lab() as lab:
        watched_lab(lab)
        lab.cli("profiles", "export", os.path.join(lab.folder, "kept.json"))
        with web(lab) as page:
            check_equal(page.state()["away"], False, "the daemon is there")
            with page.follow() as events:
                next(events)
                lab.stop_daemon()
                for kind, _, _ in events:
                    if kind == "away":
                        break
                check_equal(page.state()["away"], True, "it is told in the state, too")
                check(page.server(), "what was known stays")
                check_equal(page.request("/metrics")[0], 503, "but metrics")
                lab.start(mode="attack")
                for kind, _, last in events:
                    if kind == "reset":
                        break
                for kind, data, last in events:
                    if kind == "tick":
                        break
                check_equal(data["away"], False, "it is back")
                check_equal(data["status"]["mode"], "attack", "as it is now")
            with page.follow(last) as events:
                check(next(events)[2] > last, "a page goes on where it was")
            with page.follow(1) as events:
                check_equal(next(events)[0], "reset", "or from the beginning")


def test_of_a_thousand_busy_servers_few_are_told_at_once_and_all_in_ten_lines():
    """What a line costs is what it tells."""
    # At once; those of some moments before, where a line comes late; those whose turn it is.
    most = 60 + 3 * 60 + 1001 // 10 + 1
    with Lab() as lab:
        watched_lab(lab)
        listeners = lab.thousand_servers()

        def stats():
            return [s["figures"]["syns"] for s in lab.cli("status")["servers"]]

        with web(lab) as page, socket.socket(socket.AF_UNIX) as control:
            control.connect(lab.control)
            control.sendall(b'{"command": "sample", "changes": true, "at_once": 60}\n')
            lines = map(json.loads, control.makefile())
            known, told, since_ms, left = {}, [], 0, 11  # ten lines, and one that was on its way
            for line in lines:
                if line["whole"]:
                    known = dict(enumerate(s["figures"]["syns"] for s in line["servers"]))
                    continue
                told.append(len(line["servers"]))
                for server in line["servers"]:
                    known[server["number"]] = server["figures"].get("syns", known[server["number"]])
                if len(told) == 3:
                    lab.connect_to_thousand()
                    since_ms = time.time() * 1000
                left -= since_ms and line["time_ms"] > since_ms
                if not left:
                    break
            check(max(told) <= most, f"servers in each line: {told}")
            check_equal([known[n] for n in range(len(known))], stats(), "SYNs as stats has them")
            wait_until(
                lambda: [s["figures"]["syns"] for s in page.state()["servers"]] == stats(),
                20,
                "the page has the same",
            )
        for listener in listeners:
            listener.close()
        return f"{max(told)} servers in a line at most"


def test_a_thousand_servers_cost_less_than_a_hundredth_of_a_core():
    with Lab() as lab:
        watched_lab(lab)
        listeners = lab.thousand_servers()
        (alone,) = load([lab.daemon.pid])
        with web(lab) as page, page.follow() as events:
            check(len(page.state()["servers"]) >= 1000, "the page has them")
            threading.Thread(target=lambda: list(events), daemon=True).start()
            costs = []

            def measured():
                costs[:] = load([page.pid, lab.daemon.pid])
                return costs[0] + max(0, costs[1] - alone)

            in_time(0.01, measured, "a second of the page")
        for listener in listeners:
            listener.close()
        return (
            f"page {costs[0] * 100:.2f} % of a core, daemon {costs[1] * 100:.2f} %,"
            f" {alone * 100:.2f} % without it"
        )


runner.main(globals())
