# SPDX-License-Identifier: GPL-2.0-or-later
"""The first attack that an operator sees: within 2 s of the moment at which a server is protected
`synward top`, the page and the metrics name it, the cause, and what is refused; and when it is over
their figures are those of `synward stats`. test_page.py has the same in a browser."""
import re
import time

import runner
from lab import Failure, Lab, check, check_equal, in_time, wait_until
from terminal import terminal
from web import web
from wire_attacks import FLOODS, WEB, find

NAME = f"10.77.0.2:{WEB}"
# Each begins by itself: of a slow one it takes as long as the trigger takes.
BEGINS_S = 20
TWO_S = 2
FIGURES = ("syns", "cookies_sent", "proofs", "admitted", "failed", "switches", "half_open")


def of_server(lab):
    return next(s for s in lab.cli("status")["servers"] if s["port"] == WEB)


def unproved(figures):
    return max(0, figures["cookies_sent"] - figures["proofs"])


def unasked(figures):
    """What is refused without a proof is not of those."""
    refused = sum(n for why, n in figures["refused"].items() if why not in ("bad_cookie", "aside"))
    return max(0, figures["proofs"] - figures["admitted"] - figures["failed"] - refused)


def kept_away(figures):
    return unproved(figures) + unasked(figures) + sum(figures["refused"].values())


def metrics_of(lab):
    """{name and other labels: value} of this server."""
    server = f'{{server="{NAME}",vlan=""'
    return {
        line.rsplit(" ", 1)[0]
        .replace(server + ",", "{")
        .replace(server + "}", ""): float(line.rsplit(" ", 1)[1])
        for line in lab.cli_text("metrics").splitlines()
        if server in line
    }


def named_by_metrics(lab, cause):
    told = metrics_of(lab)
    what, figure = re.fullmatch(r"(.+?) (\d+).*", cause).groups()
    return (
        told["synward_server_attack_mode"] == 1
        and told.get(f'synward_server_attack_cause{{cause="{what}"}}') == int(figure)
        and (
            told["synward_server_cookies_sent_total"] > told["synward_server_admitted_total"]
            or any("refused_total" in name for name in told)
        )
    )


def named_by_page(page, cause):
    told = page.server(NAME)
    return told["mode"] == "attack" and told["cause"] == cause and kept_away(told["figures"]) > 0


def named_by_top(shown, cause):
    """Of the one server that is chosen."""
    text = "\n".join(shown.screen())
    counts = re.findall(r"(?:not come back|for nothing|^refused) (\d+)", text, re.M)
    return f"{NAME}  mode attack  setting -  cause {cause}" in text and any(map(int, counts))


def figures_of_top(shown):
    text = "\n".join(shown.screen())
    found = {
        name: re.search(rf"{words} (\d+)", text)
        for name, words in (
            ("unproved", "come back"),
            ("unasked", "for nothing"),
            ("refused", "refused"),
            ("admitted", "admitted"),
        )
    }
    reasons = dict(re.findall(r"^  ([a-z_]+) +(\d+)$", text, re.M))
    return (
        *(int(one.group(1)) if one else None for one in found.values()),
        {reason: int(count) for reason, count in reasons.items()},
    )


def who_says_otherwise(lab, page, shown):
    figures = lab.cli("stats", NAME)["servers"][0]["figures"]
    told = metrics_of(lab)
    counted = {
        name: told.get(f"synward_server_{name}_total", told.get(f"synward_server_{name}"))
        for name in FIGURES
    }
    refused = {
        reason: told.get(f'synward_server_refused_total{{reason="{reason}"}}')
        for reason in figures["refused"]
    }
    top = (
        unproved(figures),
        unasked(figures),
        sum(figures["refused"].values()),
        figures["admitted"],
        figures["refused"],
    )
    return [
        f"{who}: {told}, wanted {wanted}"
        for who, told, wanted in (
            ("page", page.server(NAME)["figures"], figures),
            ("metrics", counted, {name: figures[name] for name in FIGURES}),
            ("metrics", refused, figures["refused"]),
            ("top", figures_of_top(shown), top),
        )
        if told != wanted
    ]


def told_by_all(name, setting):
    """How long it took until all named it."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="auto")
        lab.http(WEB)
        lab.learn("http", WEB)
        if setting:
            lab.cli("profiles", "set", NAME, setting)
        with web(lab) as page, terminal(lab, 80, 24) as shown:
            shown.expect(NAME, "normal")
            shown.press("Enter")
            shown.expect("admitted")
            attack = find(name).make()
            attack.begin(lab)
            try:
                wait_until(
                    lambda: of_server(lab)["mode"] == "attack", BEGINS_S, f"{name}: attack mode"
                )
                begun, cause = time.monotonic(), of_server(lab)["cause"]
                for who, named in (
                    ("metrics", lambda: named_by_metrics(lab, cause)),
                    ("page", lambda: named_by_page(page, cause)),
                    ("top", lambda: named_by_top(shown, cause)),
                ):
                    wait_until(named, BEGINS_S, f"{name}: {who} names {cause}: {shown.screen()}")
                took = time.monotonic() - begun
            finally:
                attack.end()
            check_equal(of_server(lab)["cause"], cause, "the cause stays")
            check(kept_away(lab.cli("stats", NAME)["servers"][0]["figures"]) > 0, "what is refused")
            last = []

            def same():
                last[:] = who_says_otherwise(lab, page, shown)
                return not last

            try:
                wait_until(same, 20, f"{name}: the figures of stats")
            except Failure as why:
                raise Failure(f"{why}: {last}") from None
        return took, cause


def test_top_page_and_metrics_name_it_within_two_seconds():
    said = []
    for name, setting in FLOODS.items():
        causes = []

        def attempt(name=name, setting=setting, causes=causes):
            took, cause = told_by_all(name, setting)
            causes.append(cause)
            return took

        took = in_time(TWO_S, attempt, f"{name}: naming it")
        said.append(f"{name}: {causes[-1]}, {took * 1000:.0f} ms")
    return "; ".join(said)


runner.main(globals())
