#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later The include test by its first name.
exec python3 "$(dirname "$0")/includes.py"
