#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make-root.sh DEST [LIST] - a private Debian root for the tests. LIST says what is in it:
#
#   tests    (default) nginx (and mptcpize), dovecot (POP3), curl, nmap, p0f, tcpdump, Redis: for
#            `make check`
#   interop  the servers and clients of `make interop`
#   redteam  Apache, and slowhttptest against it; nginx and haproxy: what `make redteam` uses
#   systemd  a system that boots: what `make package-test` installs the package on
#   machine  the same with Debian's kernel, for `make package-test-vm`
#   bare     nothing but the system itself: the machine that ../fresh.sh begins with
#
# Nothing of it is installed or started on the host. debootstrap and what is unpacked run in mount
# and PID namespaces of their own, so that what they mount and what a package might start is gone
# when they end, however they end. The mirror is the one that apt uses here.
#
# The programs of "interop" are unpacked, not installed: none of their install scripts runs, so
# nothing is set up that would have to be undone, and programs that Debian does not want side by
# side (two FTP servers) fit into one root. The accounts that those scripts would
# have made are made here.
#
# A finished root has a stamp that names its packages: with it, the script does nothing and needs no
# network. A root without the right stamp is half made or out of date: it is removed and made again.
#
# Limits: root only; about 300 MB on disk for "tests", 1.3 GB for "interop".
set -eu

fail()
{
    echo "make-root: $*" >&2
    exit 1
}

[ $# -eq 1 ] || [ $# -eq 2 ] || fail "usage: make-root.sh DEST [LIST]"
[ "$(id -u)" -eq 0 ] || fail "must be root"
install='' unpack='' unpack_alone=''
case ${2-tests} in
tests)
    install=nginx-light,mptcpize,dovecot-pop3d,curl,nmap,p0f,tcpdump,redis-server
    ;;
interop)
    unpack="nginx-light curl nghttp2-client
        openssh-server openssh-client openssh-sftp-server dropbear-bin
        inetutils-telnetd inetutils-telnet inetutils-inetd
        vsftpd lftp dovecot-pop3d dovecot-imapd exim4-daemon-light swaks
        mariadb-server-core mariadb-client postgresql-15
        redis-server redis-tools mosquitto mosquitto-clients
        transmission-daemon transmission-cli aria2 opentracker amule-daemon amule-utils openssl
        memcached nats-server slapd ldap-utils git rsync ngircd prosody haproxy icecast2
        beanstalkd gearman-job-server gearman-tools mpd mpc dictd dict uwsgi-core microsocks
        fingerd finger gophernicus zabbix-agent tinysshd distcc
        kamailio dnsmasq-base knot-dnsutils subversion php8.2-fpm libicu72 libnsl2
        libnet-ssleay-perl libio-socket-inet6-perl
        unbound bind9 knot bind9-dnsutils"
    unpack_alone="pure-ftpd pure-ftpd-common postfix"
    ;;
redteam)
    install=apache2-bin,nginx-light,haproxy,slowhttptest
    ;;
systemd)
    install=systemd-sysv,dbus,iproute2,procps,curl
    ;;
machine)
    install=systemd-sysv,dbus,iproute2,procps,curl,linux-image-cloud-amd64
    ;;
bare) ;;
*)
    fail "no list of packages is called $2"
    ;;
esac
mkdir -p "$(dirname "$1")"
DEST=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
STAMP=$DEST/.synward-root
LOG=$DEST.log
# shellcheck disable=SC2086 # lists of words, on one line
WANTED=$(echo $install $unpack $unpack_alone)
: "${WANTED:=minbase}"

if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$WANTED" ]; then
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
if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$WANTED" ]; then
    exit 0
fi

# apart COMMAND...: in namespaces of its own, its words in the log.
apart()
{
    unshare --mount --pid --fork --kill-child --mount-proc "$@" >>"$LOG" 2>&1 9>&- && return
    tail -n 5 "$LOG" >&2
    fail "$1 failed; see $LOG"
}

# Packages, and what they need, as files only; those "alone" without what they need, which the
# others have brought.
unpack_packages()
{
    # shellcheck disable=SC2016 # for the shell inside
    apart chroot "$DEST" sh -euc '
        mount -t proc proc /proc
        apt-get -q update
        apt-get -q -y --no-install-recommends --download-only install $1
        cd /var/cache/apt/archives
        apt-get -q download $2
        for package in *.deb; do
            dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C /
        done
        rm -f -- *.deb
        ldconfig' sh "$unpack" "$unpack_alone"
}

# A user "tester", password "secret", whose home each test brings along; the others are what the
# servers run as.
make_accounts()
{
    # shellcheck disable=SC2016 # for the shell inside
    apart chroot "$DEST" sh -euc '
        useradd -u 1000 -s /bin/sh -d /mnt/home tester
        echo tester:secret | chpasswd
        for name in sshd dovecot dovenull Debian-exim ftp postfix postdrop; do
            useradd -r -s /usr/sbin/nologin -d /mnt/nobody "$name"
        done
        touch /etc/hosts # a test may mount its own over it'
}

if grep -q " $DEST/" /proc/mounts; then
    fail "something is mounted below $DEST; unmount it first"
fi
rm -rf "$DEST"
trap 'rm -rf "$DEST"' EXIT
trap 'exit 130' INT TERM HUP
echo "Unpacking a private root with $WANTED (once; log: $LOG)"
: >"$LOG"
apart debootstrap --variant=minbase ${install:+--include="$install"} "$CODENAME" "$DEST" "$MIRROR"
rm -rf "$DEST"/var/cache/apt/archives/*.deb
if [ -n "$unpack" ]; then
    unpack_packages
    make_accounts
fi
echo "$WANTED" >"$STAMP"
trap - EXIT
