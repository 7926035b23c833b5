#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# unpack.sh DEST PACKAGE - the files of one Debian package, in a folder of their own: nothing is
# installed, nothing of what its scripts do is done, and no service is started. What it needs is
# what this system has. With the stamp of a finished one it does nothing and needs no network.
set -eu
mkdir -p "$(dirname "$1")"
dest=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
exec 9>"$dest.lock"
flock 9
[ "$(cat "$dest/.synward-root" 2>/dev/null)" != "$2" ] || exit 0
rm -rf "$dest"
mkdir -p "$dest/.package"
cd "$dest/.package"
apt-get -q update >/dev/null
apt-get -q download "$2" >log 2>&1 || {
	cat log >&2
	exit 1
}
dpkg-deb -x ./*.deb "$dest"
rm -r "$dest/.package"
echo "$2" >"$dest/.synward-root"
