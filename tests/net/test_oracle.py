#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""50,000 odd frames, given to the kernel and to the engine (tests/oracle/oracle.c): what a host
answers does not pass a server in attack mode, and is answered. One million: `make oracle`."""
import os
import subprocess
import sys

from lab import BUILD

MUTANTS = 50000

sys.exit(
    subprocess.run(
        [os.path.join(BUILD, "tests/oracle/oracle"), str(MUTANTS)], check=False
    ).returncode
)
