#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run-redis.sh NETNS ROOT RUNDIR [OPTION...] - redis-server of the private root on the UNIX socket
# RUNDIR/redis.sock, and on nothing else, in the foreground; SIGTERM ends it. It saves nothing.
set -eu
netns=$1 root=$2 rundir=$3
shift 3
exec "$(dirname "$0")/enter.sh" "$netns" "$root" "$rundir" \
    /usr/bin/redis-server --port 0 --unixsocket /mnt/redis.sock --unixsocketperm 777 \
    --save '' --dir /mnt --logfile /mnt/redis.log "$@"
