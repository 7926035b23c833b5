#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crowdsec-bouncer.py - whom CrowdSec bans synward puts aside, in front of the server.

    cscli bouncers add synward                         (prints the key)
    CROWDSEC_KEY=... crowdsec-bouncer.py [--control SOCKET]

Asks CrowdSec's local API (CROWDSEC_URL, or http://127.0.0.1:8080) every CROWDSEC_EVERY_S seconds
(10) what is new, and hands all bans over as one list, `crowdsec`, which counts at once and outlives
a restart of either. While CrowdSec does not answer the list stays as it is; one that begins anew is
asked for everything. Options are those of `synward sources import`."""
import http.client
import ipaddress
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("CROWDSEC_URL", "http://127.0.0.1:8080").rstrip("/")
EVERY_S = float(os.environ.get("CROWDSEC_EVERY_S", "10"))
LIST = "crowdsec"


def prefix(decision):
    """Of a ban; None for what is no ban of an address, or of everybody."""
    if decision.get("type") != "ban" or decision.get("scope", "").lower() not in ("ip", "range"):
        return None
    try:
        network = ipaddress.ip_network(decision["value"], strict=False)
    except (KeyError, ValueError):
        return None
    return network if network.prefixlen > 0 else None


def ask(begin):
    """What is new and what is over since the last question; all there is at the beginning. Each
    decision for itself: of two for one address the shorter one would never be told as over."""
    request = urllib.request.Request(
        f"{URL}/v1/decisions/stream?startup={'true' if begin else 'false'}&dedup=false",
        headers={"X-Api-Key": os.environ["CROWDSEC_KEY"], "User-Agent": "synward-bouncer"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def follow(bans, news):
    """One address may be banned for several reasons: it goes with the last of them."""
    for decision in news.get("deleted") or []:
        bans.pop(decision.get("id"), None)
    for decision in news.get("new") or []:
        if banned := prefix(decision):
            bans[decision.get("id")] = banned


def hand_over(bans, options):
    text = "".join(f"{one}\n" for one in set(bans.values()))
    done = subprocess.run(
        ["synward", "sources", "import", LIST, "-", *options], input=text, text=True, check=False
    )
    return done.returncode == 0


def main():
    if not os.environ.get("CROWDSEC_KEY"):
        sys.exit(
            "crowdsec-bouncer.py: CROWDSEC_KEY is not set: `cscli bouncers add synward` prints it"
        )
    bans, begin, handed = {}, True, None
    while True:
        try:
            news = ask(begin)
            if begin:
                bans = {}
            follow(bans, news)
            begin = False
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as why:
            print(f"crowdsec-bouncer.py: {URL}: {why}; the list stays", file=sys.stderr, flush=True)
            begin = True
        # Also where synward did not take it the last time
        if not begin and handed != bans and hand_over(bans, sys.argv[1:]):
            handed = dict(bans)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
