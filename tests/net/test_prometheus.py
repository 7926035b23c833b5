# SPDX-License-Identifier: GPL-2.0-or-later
"""Prometheus, Debian's, at the page's /metrics: promtool accepts what is told and the alerts, a
scrape has the figures of stats, the dashboard asks for nothing that is not there, alerts fire."""
import contextlib
import http.client
import json
import os
import re
import socket
import urllib.parse

import runner
from lab import BUILD, PROJECT, Lab, check, check_equal, run, wait_until
from web import web

PORT = 9090
UNPACKED = os.path.join(BUILD, "prometheus")
RULES = os.path.join(PROJECT, "dist/synward.rules.yml")
DASHBOARD = os.path.join(PROJECT, "dist/synward.dashboard.json")
# What Grafana puts in before it asks.
VARIABLES = {"$instance": ".*", "$server": ".*", "$__rate_interval": "1m"}


def program(name):
    run("sh", os.path.join(PROJECT, "tests/root/unpack.sh"), UNPACKED, "prometheus", timeout=300)
    return os.path.join(UNPACKED, "usr/bin", name)


def attacked_lab(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode="auto")
    lab.http()
    lab.learn("http", 80)
    lab.flood(80, count=20000)
    wait_until(lambda: lab.server_mode(80) == "attack", 20, "the server is protected")
    check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches")

    def refused():
        lab.talkers(80, count=5, say="bittorrent", hold_ms=10)
        figures = lab.cli("stats", "10.77.0.2:80")["servers"][0]["figures"]
        return figures["refused"].get("mismatch", 0) > 0

    wait_until(refused, 10, "what was learned is in force")


class Prometheus:
    """One that scrapes the page each second, in the client's namespace."""

    def __init__(self, lab, page):
        self.lab = lab
        path = os.path.join(lab.folder, "prometheus.yml")
        token = os.path.join(lab.folder, "prometheus.token")
        with open(token, "w", encoding="ascii") as file:
            file.write(page.token)
        with open(path, "w", encoding="ascii") as file:
            file.write(
                "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                f'rule_files: ["{RULES}"]\n'
                "scrape_configs:\n"
                "  - job_name: synward\n"
                f"    authorization: {{credentials_file: {token}}}\n"
                f'    static_configs: [{{targets: ["127.0.0.1:{page.port}"]}}]\n'
            )
        checked = run(program("promtool"), "check", "config", path, ok=False)
        check_equal(checked.returncode, 0, f"promtool check config: {checked.stderr}")
        self.process = lab.spawn(
            program("prometheus"),
            *(f"--config.file={path}", f"--web.listen-address=127.0.0.1:{PORT}"),
            f"--storage.tsdb.path={os.path.join(lab.folder, 'tsdb')}",
        )
        wait_until(self.scrapes, 30, "it scrapes")

    def ask(self, path, **arguments):
        client = http.client.HTTPConnection("127.0.0.1", PORT)
        with self.lab.client.inside():
            client.sock = socket.create_connection(("127.0.0.1", PORT), timeout=10)
        with contextlib.closing(client):
            client.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(arguments)}")
            answer = json.loads(client.getresponse().read())
        check_equal(answer["status"], "success", f"{path} {arguments}: {answer}")
        return answer["data"]

    def values(self, query):
        """Of the series that it answers with now, by their labels."""
        return {
            tuple(sorted(each["metric"].items())): float(each["value"][1])
            for each in self.ask("query", query=query)["result"]
        }

    def scrapes(self):
        check(self.process.running(), f"prometheus: {self.process.errors()}")
        with contextlib.suppress(OSError, ValueError):  # not yet; says so, and not in JSON
            return 1 in self.values('up{job="synward"}').values()


def test_promtool_accepts_rules_and_metrics():
    with Lab() as lab:
        attacked_lab(lab)
        checked = run(program("promtool"), "check", "rules", RULES, ok=False)
        check("SUCCESS: 5 rules found" in checked.stdout, f"rules: {checked}")
        told = lab.cli_text("metrics")
        checked = run(program("promtool"), "check", "metrics", said=told, ok=False)
        check_equal((checked.returncode, checked.stdout + checked.stderr), (0, ""), "metrics")
        return f"{len(told.splitlines())} lines"


def queries():
    """Each query of the dashboard, as Grafana asks it."""
    with open(DASHBOARD, encoding="utf-8") as file:
        document = json.load(file)
    found = [target["expr"] for panel in document["panels"] for target in panel.get("targets", [])]
    found += [each["expr"] for each in document["annotations"]["list"] if "expr" in each]
    variables = [str(variable["query"]) for variable in document["templating"]["list"]]
    found += re.findall(r"label_values\((.+), \w+\)", "\n".join(variables))
    for name, value in VARIABLES.items():
        found = [query.replace(name, value) for query in found]
    return found


def test_a_scrape_has_the_figures_and_the_dashboard_its_metrics():
    with Lab() as lab:
        attacked_lab(lab)
        with web(lab) as page:
            prometheus = Prometheus(lab, page)
            figures = lab.cli("stats", "10.77.0.2:80")["servers"][0]["figures"]
            check(figures["refused"].get("mismatch", 0) > 0, f"something was refused: {figures}")

            def same():
                told = {
                    name: prometheus.values(f'synward_server_{name}_total{{server="10.77.0.2:80"}}')
                    for name in ("syns", "cookies_sent", "proofs", "admitted")
                }
                return all(list(told[name].values()) == [figures[name]] for name in told)

            wait_until(same, 10, f"the figures of stats: {figures}")
            (reason,) = prometheus.values(
                'synward_server_refused_total{reason="mismatch"}'
            ).values()
            check_equal(reason, figures["refused"]["mismatch"], "refused, by reason")
            asked = queries()
            check(len(asked) > 25, f"queries of the dashboard: {asked}")
            there = set(prometheus.ask("label/__name__/values"))
            for query in asked:
                prometheus.values(query)  # is a query
                names = set(re.findall(r"\bsynward_\w+", query))
                check(names and names <= there, f"{query}: not there: {names - there}")
            return f"{len(asked)} queries, {len(there)} metrics"


def test_alerts_fire():
    with Lab() as lab:
        attacked_lab(lab)
        with web(lab) as page:
            prometheus = Prometheus(lab, page)

            def alerts():
                return {
                    each["labels"]["alertname"]: each["annotations"]["summary"]
                    for each in prometheus.ask("alerts")["alerts"]
                    if each["state"] == "firing"
                }

            wait_until(alerts, 10, "an alert")
            check_equal(
                alerts(),
                {"SynwardServerAttacked": "10.77.0.2:80 is attacked, and protected"},
                "alerts that fire",
            )
            lab.set_mode("normal")
            wait_until(lambda: not alerts(), 10, "none is left")


runner.main(globals())
