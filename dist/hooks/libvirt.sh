#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A hook of libvirt (6.5 and later) that protects guests while they run. As
# /etc/libvirt/hooks/qemu.d/synward, executable; libvirtd must be restarted once, guests need not.
#
# Interface N of the guest NAME (0 is the first in its XML) has the instance synward@NAME-N, if
# there is a file /etc/synward/NAME-N.conf, which may be empty, or have all that a configuration has
# but sides. libvirt may give the interface another name each time: the instance is told it.
#
# A guest is never held up, nor kept from starting: what goes wrong is in the journal.
guest=$1
operation=$2
sides=/run/synward-sides

# What cannot be the name of an instance.
case $guest in '' | *[!A-Za-z0-9_.-]*) exit 0 ;; esac

# N NAME, a line for each interface of the guest's XML.
interfaces() {
	awk '
		/<interface[ >]/ { inside = 1; name = "" }
		inside && /<target / && match($0, /dev=.[A-Za-z0-9_.-]+/) {
			name = substr($0, RSTART + 5, RLENGTH - 5)
		}
		inside && /<\/interface>/ { inside = 0; if (name != "") print count + 0, name; count++ }
	'
}

begin() {
	interfaces | while read -r number name; do
		instance=$guest-$number
		[ -e "/etc/synward/$instance.conf" ] || continue
		mkdir -p "$sides"
		if [ "$(cat "$sides/$instance" 2>/dev/null)" = "SIDES=--inline $name" ]; then
			systemctl start --no-block "synward@$instance"
		else
			echo "SIDES=--inline $name" >"$sides/$instance"
			systemctl restart --no-block "synward@$instance"
		fi
	done
}

end() {
	for file in "$sides/$guest"-[0-9] "$sides/$guest"-[0-9][0-9]; do
		[ -e "$file" ] || continue
		systemctl stop --no-block "synward@${file##*/}"
		rm -f "$file"
	done
}

case $operation in
started | reconnect) begin ;;
stopped) end ;;
esac
exit 0
