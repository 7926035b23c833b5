#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# boot.sh ROOT - boots the system in ROOT: its systemd is PID 1 of namespaces of its own (mount,
# PID, IPC, UTS, network, cgroup), as in a container. It says nothing; who starts this enters the
# namespaces of its only child. All is gone when this is killed: --kill-child.
#
# /sys can only be read, so that systemd leaves devices and their rules alone, and the network is
# empty: nothing that is started there can reach anything.
set -eu
if [ "$1" != --inside ]; then
    exec unshare --mount --pid --ipc --uts --net --cgroup --fork --kill-child \
        sh "$0" --inside "$1"
fi
mount --make-rprivate /
mount --bind "$2" "$2"
cd "$2"
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/net dev/pts dev/shm
for device in null zero full random urandom tty net/tun; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p before
pivot_root . before
umount -l before
rmdir before
hostname synward-package
exec env -i container=synward-package PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --show-status=no
