#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# deps.sh PACKAGE... - prints the Debian packages that are needed, and installs those that are
# missing.
set -eu

echo "needed: $*"
missing=
for package in "$@"; do
	status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) || status=
	[ "$status" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
if [ "$(id -u)" != 0 ]; then
	echo "deps: not root: run as root: apt-get install$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -qq -y --no-install-recommends $missing >/dev/null
