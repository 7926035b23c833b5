#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make-vm.sh DEST - kernel and initramfs of the guests of tests/net/test_vm.py.
#
#   DEST/vmlinuz      Debian's kernel for cloud guests: downloaded with apt and unpacked, not
# installed
#   DEST/initramfs    busybox (static), the modules of a virtio network card, and of what synward
#                     needs, `init` beside this script as /init, and the programs of tests/servers,
#                     linked static
#
# What was downloaded has a stamp with the names of the modules: with it nothing is downloaded
# again. The initramfs is made again when anything in it is newer.
#
# Limits: amd64 only; about 30 MB are downloaded and 25 MB kept.
set -eu

PROGRAMS="http_server pop3_server fetch talkers"
MODULES="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci"
MODULES="$MODULES failover net_failover virtio_net"
# For a guest that is the bridge itself.
MODULES="$MODULES tun sch_ingress cls_u32 cls_bpf act_mirred"

fail()
{
    echo "make-vm: $*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: make-vm.sh DEST"
HERE=$(cd "$(dirname "$0")" && pwd)
PROJECT=$(dirname "$(dirname "$HERE")")
mkdir -p "$1"
DEST=$(cd "$1" && pwd)
LOG=$DEST/make.log

# Two makers at once would write over each other.
exec 9>"$DEST/lock"
flock 9

# The metapackage names the kernel of the day.
kernel_package()
{
    apt-cache depends --important linux-image-cloud-amd64 2>>"$LOG" |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# download PACKAGE... into the current folder. apt's lists may be older than the mirror: then once
# more with new ones.
download()
{
    apt-get download -o APT::Sandbox::User=root "$@" >>"$LOG" 2>&1 && return
    apt-get update -qq >>"$LOG" 2>&1 || return 1
    apt-get download -o APT::Sandbox::User=root "$@" >>"$LOG" 2>&1
}

# Debian packs modules or leaves them as they are, by release.
take_module()
{
    found=$(find "$work/unpacked" -name "$1.ko*" | head -n 1)
    case "$found" in
    *.ko) cp "$found" "$DEST/modules/" ;;
    *.ko.xz) "$DEST/busybox" xzcat "$found" >"$DEST/modules/$1.ko" ;;
    # Built into the kernel; where it is not, the guest has no card and says so.
    *) echo "no module $1 in $kernel" >>"$LOG" ;;
    esac
}

fetch_parts()
{
    work=$(mktemp -d "$DEST/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM HUP
    kernel=$(kernel_package)
    if [ -z "$kernel" ]; then
        apt-get update -qq >>"$LOG" 2>&1 || fail "apt-get update failed; see $LOG"
        kernel=$(kernel_package)
    fi
    [ -n "$kernel" ] || fail "apt knows no linux-image-cloud-amd64; see $LOG"
    (cd "$work" && download "$kernel" busybox-static) ||
        fail "apt-get download $kernel busybox-static failed; see $LOG"
    for package in "$work"/*.deb; do
        dpkg-deb -x "$package" "$work/unpacked"
    done
    find "$work/unpacked" -path '*/bin/busybox' -exec cp '{}' "$DEST/busybox" ';'
    cp "$work"/unpacked/boot/vmlinuz-* "$DEST/vmlinuz"
    rm -rf "$DEST/modules"
    mkdir "$DEST/modules"
    for module in $MODULES; do
        take_module "$module"
    done
    echo "$MODULES" >"$DEST/stamp"
    rm -rf "$work"
    trap - EXIT
}

# newer MADE FILE...: true where MADE is missing, or older than one of the files.
newer()
{
    made=$1
    shift
    [ -n "$(find "$@" -newer "$made" 2>&1)" ]
}

build_programs()
{
    mkdir -p "$DEST/programs"
    for program in $PROGRAMS; do
        source=tests/servers/$program.c
        newer "$DEST/programs/$program" "$PROJECT/$source" "$PROJECT"/tests/servers/*.h || continue
        (cd "$PROJECT" &&
            "${CC:-gcc}" -std=gnu11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -I. \
                -static -pthread -s -o "$DEST/programs/$program" "$source") ||
            fail "cannot build $source static"
    done
}

pack_initramfs()
{
    tree=$DEST/tree
    rm -rf "$tree"
    mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp"
    cp "$DEST/busybox" "$DEST"/programs/* "$tree/bin/"
    ln -s busybox "$tree/bin/sh"
    cp -r "$DEST/modules" "$tree/modules"
    cp "$HERE/init" "$tree/init"
    chmod 755 "$tree/init" "$tree/bin/"*
    # Not compressed: an emulated processor takes longer to unpack it than to read it.
    (cd "$tree" && find . | ./bin/busybox cpio -o -H newc >"$DEST/initramfs.new" 2>>"$LOG")
    mv "$DEST/initramfs.new" "$DEST/initramfs"
    rm -rf "$tree"
}

: >"$LOG"
rm -rf "$DEST"/work.*
[ "$(dpkg --print-architecture)" = amd64 ] || fail "the guests are amd64, this machine is not"
if [ ! -f "$DEST/stamp" ] || [ "$(cat "$DEST/stamp")" != "$MODULES" ]; then
    fetch_parts
fi
build_programs
if newer "$DEST/initramfs" "$HERE/init" "$HERE/make-vm.sh" "$DEST/stamp" "$DEST"/programs/*; then
    pack_initramfs
fi
