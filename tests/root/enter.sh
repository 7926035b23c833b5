#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# enter.sh NETNS ROOT RUNDIR COMMAND... - runs a program of the private root inside a network
# namespace.
#
# RUNDIR appears as /mnt in the root, and is the only place where the program can leave anything:
# the rest of the root is read-only, /run and /tmp are empty and vanish with it. `ip netns exec`
# gives the program a mount namespace of its own: what is mounted here is seen by nobody else and is
# gone with the program.
set -eu
if [ "$1" != --inside ]; then
    netns=$1
    shift
    exec ip netns exec "$netns" "$0" --inside "$@"
fi
root=$2 rundir=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind /dev "$root/dev"
mount -t devpts -o ptmxmode=0666 devpts "$root/dev/pts"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$rundir" "$root/mnt"
exec chroot "$root" "$@"
