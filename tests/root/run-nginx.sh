#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run-nginx.sh NETNS ROOT RUNDIR [COMMAND...] - nginx of the private root on port 80 of a namespace,
# in the foreground; SIGTERM ends it. RUNDIR gets its configuration, content, pid file and log.
# COMMAND starts it (mptcpize run).
set -eu
netns=$1 root=$2 rundir=$3
shift 3
mkdir -p "$rundir/html" "$rundir/tmp"
chmod 755 "$rundir"
echo "synward: a page from nginx" >"$rundir/html/index.html"
cat >"$rundir/nginx.conf" <<CONF
daemon off;
user root;
worker_processes 1;
pid /mnt/nginx.pid;
error_log /mnt/error.log;
events { worker_connections 200; }
http {
    access_log off;
    client_body_temp_path /mnt/tmp/body;
    proxy_temp_path /mnt/tmp/proxy;
    fastcgi_temp_path /mnt/tmp/fastcgi;
    uwsgi_temp_path /mnt/tmp/uwsgi;
    scgi_temp_path /mnt/tmp/scgi;
    default_type text/plain;
    sendfile on;
    server {
        listen 80;
        listen [::]:80;
        root /mnt/html;
    }
}
CONF
exec "$(dirname "$0")/enter.sh" "$netns" "$root" "$rundir" \
    "$@" /usr/sbin/nginx -c /mnt/nginx.conf -e /mnt/error.log
