#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# deb.sh DEST - builds the Debian packages out of a clean copy of this tree, into DEST (`make deb`),
# and has lintian look at them: a warning that debian/ does not explain is an error.
#
# What they are built with is the Build-Depends of debian/control. The unit tests run unless
# DEB_BUILD_OPTIONS has nocheck, as it has from `make deb`.
set -eu
project=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
dest=$(cd "$1" && pwd)
rm -rf "$dest"/synward*
mkdir "$dest/synward"
tar -C "$project" --exclude=./build --exclude=./.git --exclude=__pycache__ -cf - . |
	tar -C "$dest/synward" -xf -
cd "$dest/synward"
dpkg-buildpackage --build=binary --no-sign --jobs="$(nproc)"
cd ..
rm -rf "synward"
lintian --allow-root --fail-on error,warning ./*.changes
ls -l ./*.deb
