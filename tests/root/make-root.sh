#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make-root.sh DEST - a private Debian root for the tests: nginx, dovecot (POP3), curl, nmap, p0f, tcpdump.
#
# Nothing of it is installed or started on the host. debootstrap runs in mount and PID namespaces of its own, so that what it
# mounts and what a package might start is gone when it ends, however it ends. The mirror is the one that apt uses here.
#
# A finished root has a stamp that names its packages: with it, the script does nothing and needs no network. A root without the
# right stamp is half made or out of date: it is removed and made again.
#
# Limits: root only; the amount is about 450 MB on disk.
set -eu

PACKAGES=nginx-light,dovecot-pop3d,curl,nmap,p0f,tcpdump

fail()
{
    echo "make-root: $*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: make-root.sh DEST"
[ "$(id -u)" -eq 0 ] || fail "must be root"
mkdir -p "$(dirname "$1")"
DEST=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
STAMP=$DEST/.synward-root
LOG=$DEST.log

if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$PACKAGES" ]; then
    exit 0
fi
command -v debootstrap >/dev/null || fail "debootstrap is not installed (make deps)"

# shellcheck disable=SC1091 # every Debian has it
CODENAME=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016 # names of apt, not of the shell
MIRROR=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT)' "Created-By: Packages" |
    awk -v want="$CODENAME" '$2 == want && $3 == "main" { print $1; exit }')
[ -n "$MIRROR" ] || fail "apt knows no mirror for $CODENAME main (run apt-get update)"

# Two makers at once would tear each other's root down.
exec 9>"$DEST.lock"
flock 9
if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$PACKAGES" ]; then
    exit 0
fi

if grep -q " $DEST/" /proc/mounts; then
    fail "something is mounted below $DEST; unmount it first"
fi
rm -rf "$DEST"
trap 'rm -rf "$DEST"' EXIT
trap 'exit 130' INT TERM HUP
echo "Unpacking a private root with $PACKAGES (once; log: $LOG)"
if ! unshare --mount --pid --fork --kill-child --mount-proc \
    debootstrap --variant=minbase --include="$PACKAGES" "$CODENAME" "$DEST" "$MIRROR" >"$LOG" 2>&1 9>&-; then
    tail -n 5 "$LOG" >&2
    fail "debootstrap failed; see $LOG"
fi
rm -rf "$DEST"/var/cache/apt/archives/*.deb
echo "$PACKAGES" >"$STAMP"
trap - EXIT
