# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward metrics`: what Prometheus scrapes is well formed, equals `stats` and `status`, and has
what the alerts and the dashboard in dist/ ask for."""
import contextlib
import itertools
import json
import os
import re
import socket

import runner
from lab import PROJECT, SERVER4, Lab, check, check_equal, wait_until

SYNS, FETCHES = 2000, 20
NAME = r"[a-z_][a-z0-9_]*"
LABEL = rf'{NAME}="(?:[^"\\]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.e+]+)")


def parsed(text):
    """{(name, labels): value}. A family is explained, then typed, then has its samples."""
    lines = text.splitlines()
    check_equal(lines.pop(), "# EOF", "the last line")
    samples, families, family = {}, set(), None
    for line in lines:
        comment = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
        if comment and comment[1] == "HELP":
            family = comment[2]
            check(family not in families, f"{family} begins twice")
            families.add(family)
        elif comment:
            check(comment[3] in ("gauge", "counter", "histogram"), line)
            endings = ("_bucket", "_sum", "_count") if comment[3] == "histogram" else ("",)
            check_equal(comment[2], family, "what is typed")
            check_equal(comment[3] == "counter", family.endswith("_total"), line)
        else:
            sample = SAMPLE.fullmatch(line)
            fits = sample and sample[1] in [family + ending for ending in endings]
            check(fits, f"no sample of {family}: {line}")
            key = (sample[1], sample[2] or "")
            check(key not in samples, f"told twice: {line}")
            samples[key] = float(sample[3])
    return samples


def shown(lab):
    """The figures, and what stats said right before and right behind them."""
    before = lab.stats()
    samples = parsed(lab.cli_text("metrics"))
    return samples, before, lab.stats()


def check_counters(samples, before, after):
    """Each counter of `stats` is there, and lies between what it was before and behind."""
    for group, counters in before.items():
        if group in ("synward", "tables"):
            continue
        for name, value in counters.items():
            keys = [
                ("synward_drops_total", f'reason="{name}"'),
                (f"synward_{group}_{name}_total", ""),
                (f"synward_{group}_{name}", ""),
            ][0 if group == "drops" else 1 : 1 if group == "drops" else 3]
            found = [samples[key] for key in keys if key in samples]
            check_equal(len(found), 1, f"{group}.{name} among the metrics")
            least, most = sorted((value, after[group][name]))
            check(least <= found[0] <= most, f"{group}.{name}: {found[0]}, not {least} to {most}")


def in_attack_mode(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start()
    lab.http()
    lab.learn("http", 80)
    lab.set_mode("attack")


def under_a_flood(lab):
    """Of as many SYNs as are counted in the end, and as many fetches."""
    in_attack_mode(lab)
    before = lab.stats()["cookies"]
    lab.flood(80, count=SYNS, rate=5000)
    check_equal(lab.fetch("http", 80, count=FETCHES)["failed"], 0, "fetches")

    def counted():
        now = lab.stats()["cookies"]
        grown = {name: now[name] - before[name] for name in ("sent", "accepted")}
        return grown["sent"] >= SYNS + FETCHES and grown["accepted"] >= FETCHES

    wait_until(counted, 20, f"cookies are counted: {lab.stats()['cookies']}")


def test_figures_are_those_of_stats_and_status():
    with Lab() as lab:
        under_a_flood(lab)
        samples, before, after = shown(lab)
        check_counters(samples, before, after)
        check(samples[("synward_cookies_sent_total", "")] >= SYNS, "cookies are counted")
        server = 'server="10.77.0.2:80",vlan=""'
        check_equal(samples[("synward_server_attack_mode", server)], 1, "the server's mode")
        check_equal(samples[("synward_mode", 'mode="attack"')], 1, "the mode for all")
        return f"{len(samples)} samples"


def asked_at(path, request):
    """The first line that is answered at this socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        client.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(client.makefile().readline())


def test_figures_of_a_server_are_the_same_everywhere():
    with Lab() as lab:
        under_a_flood(lab)
        shown_by = lab.cli("stats", "10.77.0.2:80")["servers"][0]["figures"]
        check(shown_by["cookies_sent"] >= SYNS + FETCHES, "cookies are counted")
        check(shown_by["syns"] >= shown_by["cookies_sent"], "so are SYNs")
        check_equal(shown_by["admitted"], FETCHES, "connections opened")
        check_equal(sum(shown_by["admission"]), FETCHES, "times of admissions")
        check(shown_by["bytes_out"] > shown_by["frames_out"] * 54 > 0, "bytes are counted")
        samples = parsed(lab.cli_text("metrics"))
        server = 'server="10.77.0.2:80",vlan=""'
        for name in ("syns", "cookies_sent", "proofs", "admitted", "switches"):
            found = samples[(f"synward_server_{name}_total", server)]
            check_equal(found, shown_by[name], f"{name} of metrics")
        view = lab.control.replace("control.sock", "view.sock")
        view = view if view != lab.control else lab.control + ".view"
        sample = asked_at(view, {"command": "sample"})
        check_equal(sample["servers"][0]["figures"]["admitted"], FETCHES, "the same by sample")
        refused = asked_at(view, {"command": "mode", "setting": "normal"})
        check_equal(refused["error"]["code"], 2, "what only looks changes nothing")
        lab.stop_daemon()
        check(not os.path.exists(view), "the second socket is gone")


def test_alerts_and_dashboard_ask_for_what_is_there():
    """Names, and labels: a query for what nobody tells shows an empty panel, and no error."""
    with Lab() as lab:
        in_attack_mode(lab)
        lab.fetch("http", 80)
        with lab.client.inside(), socket.create_connection((SERVER4, 80), timeout=20) as wrong:
            wrong.sendall(b"SSH-2.0-x\r\n")  # a reason of refusal
            with contextlib.suppress(ConnectionResetError):
                wrong.recv(1)
        labels = {}
        for name, pairs in parsed(lab.cli_text("metrics")):
            labels.setdefault(name, set()).update(re.findall(r'(\w+)="', pairs))
        for file in ("synward.rules.yml", "synward.dashboard.json"):
            with open(os.path.join(PROJECT, "dist", file), encoding="utf-8") as asking:
                asked = re.findall(r"\b(synward_[a-z_]+)\b(?:\{([^}]*)\})?", asking.read())
            check(len(asked) >= 5, f"{file} asks for something")
            for name, pairs in asked:
                check(name in labels, f"{file} asks for {name}, and nobody tells it")
                wanted = set(re.findall(r"(\w+)=", pairs)) - {"instance"}  # Prometheus adds that
                check(wanted <= labels[name], f"{file}: {name} has labels {labels[name]}: {wanted}")


def test_dashboard_is_one():
    """As Grafana reads it: each panel has a place of its own, and a query."""
    with open(os.path.join(PROJECT, "dist/synward.dashboard.json"), encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    check_equal(len({panel["id"] for panel in panels}), len(panels), "numbers of panels")
    places = set()
    for panel in panels:
        at = panel["gridPos"]
        check(at["x"] + at["w"] <= 24, f"{panel['title']} is within 24 columns")
        for place in itertools.product(
            range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        ):
            check(place not in places, f"{panel['title']} lies on another at {place}")
            places.add(place)
        queries = [target["expr"] for target in panel.get("targets", [])]
        check(queries or panel["type"] == "row", f"{panel['title']} asks for something")
        for query in queries:
            check_equal(query.count("("), query.count(")"), f"parentheses of {query}")


runner.main(globals())
