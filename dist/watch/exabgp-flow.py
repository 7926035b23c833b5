#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""exabgp-flow.py - sources that are put aside are dropped upstream, by a BGP flow route (RFC 8955).

    synward watch --kind source --exec exabgp-flow.py

One that is released, or allowed, is withdrawn. Commands go to ExaBGP's named pipe (EXABGP_PIPE, or
/run/exabgp/exabgp.in). A router holds few flow routes: its own limit counts, and what it does not
take synward goes on dropping itself."""
import ipaddress
import json
import os
import sys

PIPE = os.environ.get("EXABGP_PIPE", "/run/exabgp/exabgp.in")


def command(event):
    """What ExaBGP is told, or None."""
    if event.get("event") != "source" or "source" not in event:
        return None
    source = ipaddress.ip_network(event["source"], strict=False)
    if source.prefixlen == 0:
        return None  # never the whole world
    match = f"match {{ source {source}; }}"
    if event.get("state") == "aside":
        return f"announce flow route {{ {match} then {{ discard; }} }}"
    return f"withdraw flow route {{ {match} then {{ discard; }} }}"


def main():
    said = command(json.load(sys.stdin))
    if said:
        # Without a reader this fails at once instead of waiting.
        pipe = os.open(PIPE, os.O_WRONLY | os.O_NONBLOCK)
        os.write(pipe, f"{said}\n".encode())


if __name__ == "__main__":
    main()
