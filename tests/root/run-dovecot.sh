#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run-dovecot.sh NETNS ROOT RUNDIR - dovecot of the private root as a POP3 server on port 110 of a
# namespace, in the foreground; SIGTERM ends it. Any user, password "secret", one message for user
# "test". RUNDIR gets everything it writes.
set -eu
netns=$1 root=$2 rundir=$3
mail=$rundir/mail/test/Maildir
mkdir -p "$mail/cur" "$mail/new" "$mail/tmp" "$rundir/run"
chmod 755 "$rundir"
printf 'From: a@example.org\nSubject: one\n\nThe only message.\n' \
    >"$mail/cur/1000000000.M1P1.test:2,S"
chown -R 1000:1000 "$rundir/mail"
cat >"$rundir/dovecot.conf" <<CONF
protocols = pop3
listen = *, ::
base_dir = /mnt/run
state_dir = /mnt/run
log_path = /mnt/dovecot.log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:~/Maildir
mail_max_userip_connections = 0
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=1000 gid=1000 home=/mnt/mail/%u
}
service pop3-login {
  service_count = 0
  process_min_avail = 1
  process_limit = 1
  client_limit = 400
  inet_listener pop3s {
    port = 0
  }
}
service pop3 {
  service_count = 0
  process_min_avail = 1
}
service anvil {
  client_limit = 1000
}
service auth {
  client_limit = 1000
}
CONF
exec "$(dirname "$0")/enter.sh" "$netns" "$root" "$rundir" /usr/sbin/dovecot -F -c /mnt/dovecot.conf
