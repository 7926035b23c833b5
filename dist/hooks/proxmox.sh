#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A hookscript of Proxmox VE that protects guests and containers while they run. As
# /var/lib/vz/snippets/synward.sh, executable; then
#   qm set 100 --hookscript local:snippets/synward.sh    (pct set for a container)
#
# Interface M of guest N is tapNiM, of a container vethNiM. It has the instance synward@tapNiM, if
# there is a file /etc/synward/tapNiM.conf, which may be empty, or have all that a configuration has
# but sides.
#
# A guest is never held up, nor kept from starting: what goes wrong is in the journal.
guest=$1
phase=$2
sides=/run/synward-sides

case $guest in '' | *[!0-9]*) exit 0 ;; esac

begin() {
	for path in /sys/class/net/"tap$guest"i[0-9]* /sys/class/net/"veth$guest"i[0-9]*; do
		name=${path##*/}
		[ -e "/etc/synward/$name.conf" ] || continue
		mkdir -p "$sides"
		echo "SIDES=--inline $name" >"$sides/$name"
		systemctl start --no-block "synward@$name"
	done
}

end() {
	for file in "$sides/tap$guest"i[0-9]* "$sides/veth$guest"i[0-9]*; do
		[ -e "$file" ] || continue
		systemctl stop --no-block "synward@${file##*/}"
		rm -f "$file"
	done
}

# Not pre-stop: a guest that shuts itself down has none.
case $phase in
post-start) begin ;;
post-stop) end ;;
esac
exit 0
