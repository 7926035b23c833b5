#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fresh.sh [WORK] - follows the README on a machine that has nothing: a bare Debian, as debootstrap
# makes it, in which the commands of the README's "Try it" are given word for word. What they need
# and no list of `make deps` names is found out here. WORK (build/fresh) keeps the bare system; what
# is installed and built goes into a copy of it that is removed at the end.
#
# The copy is entered by pivot_root, in mount, PID, IPC and UTS namespaces of its own: network
# namespaces, mounts and processes that the commands leave behind are gone with these. The network
# is this machine's, which apt needs; the mirror, and a proxy, are those that apt has here.
#
# Limits: root only; the kernel is this machine's. About 2 GB on disk while it runs.
set -eu

fail()
{
    echo "FAILED fresh machine: $*"
    echo "0 passed, 1 failed"
    exit 1
}

# The commands of the README, one a line, without what they say about themselves.
readme_commands()
{
    sed -n '/^## Try it/,/^## /p' "$1" | sed -n '/^```sh/,/^```/p' | sed -e '/^```/d' -e 's/ *#.*//'
}

# Devices of a machine; the terminal is a new one.
make_devices()
{
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
}

# Within the namespaces: ROOT becomes the whole machine, and the commands are given in it.
inside()
{
    mount --make-rprivate /
    mount --bind "$1" "$1"
    cd "$1"
    make_devices
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t tmpfs -o mode=755 tmpfs run
    mkdir -p before
    pivot_root . before
    umount -l before
    cd /root/synward
    # shellcheck disable=SC2093 # nothing is to follow
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh /root/synward/tests/fresh.sh --follow
}

# Gives the commands one after the other; each is a test.
follow()
{
    passed=0 failed=0
    readme_commands README.md >/root/commands
    while read -r command <&3; do
        echo "# $command"
        begin=$(date +%s)
        code=0
        sh -c "$command" || code=$?
        if [ $code = 0 ]; then
            passed=$((passed + 1))
            echo "ok fresh machine: $command ($(($(date +%s) - begin)) s)"
        else
            failed=$((failed + 1))
            echo "FAILED fresh machine: $command: exit code $code"
        fi
    done 3</root/commands
    echo "fresh machine: $passed passed, $failed failed"
    exit $((failed > 0))
}

case ${1-} in
--inside) inside "$2" ;;
--follow) follow ;;
esac

[ "$(id -u)" = 0 ] || fail "must be root"
project=$(cd "$(dirname "$0")/.." && pwd)
work=${1-$project/build/fresh}
mkdir -p "$work"
work=$(cd "$work" && pwd)
commands=$(readme_commands "$project/README.md")
for wanted in 'apt-get .*install' 'make demo' 'make check-unit'; do
    echo "$commands" | grep -q "^$wanted" || fail "README.md, \"Try it\", has no line '$wanted'"
done
sh "$project/tests/root/make-root.sh" "$work/bare" bare || fail "no bare system; see $work/bare.log"

# One run at a time; what an earlier one that was killed has left goes first.
exec 9>"$work/lock"
flock 9
root=$work/root
rm -rf --one-file-system "$root"
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT TERM HUP
cp -a --reflink=auto "$work/bare" "$root"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
apt-config dump Acquire | grep -i '::proxy' >"$root/etc/apt/apt.conf.d/90proxy" || true
mkdir -p "$root/root/synward"
tar -C "$project" --exclude=./build --exclude=./.git -cf - . | tar -C "$root/root/synward" -xf -
unshare --mount --pid --ipc --uts --fork --kill-child sh "$0" --inside "$root" 9>&-
