#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# frame.sh SYNWARD FRAME - prints a manual page for scdoc: FRAME, in which a line "@part@" stands
# for what `SYNWARD manual part` says.
set -eu
while IFS= read -r line; do
	case $line in
	@*@)
		part=${line#@}
		"$1" manual "${part%@}"
		;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$2"
