#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Includes point one way only: cli -> bridge -> profiles -> engine. And the engine is pure: nothing
# in it may reach for the system, so what it includes from outside is a short list.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0

# verdict NAME OFFENDING-LINES
verdict() {
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		printf 'FAILED %s:\n%s\n' "$1" "$2"
	fi
}

# may FOLDER "FOLDERS IT MAY INCLUDE"
may() {
	allowed=$(echo "$2" | tr ' ' '|')
	verdict "$1/ includes only $2" \
		"$(grep -rnE '^ *# *include *"' "$1" --include='*.[ch]' | grep -vE "\"($allowed)/")"
}

may engine "engine"
may profiles "profiles engine"
may bridge "bridge profiles engine"
may cli "cli bridge profiles engine"
verdict "engine/ includes only what is freestanding, string.h, sodium and nettle" \
	"$(grep -rnE '^ *# *include *<' engine --include='*.[ch]' |
		grep -vE '<(stdbool|stddef|stdint|stdatomic|limits|string)\.h>|<sodium|<nettle/')"
# Names of libc that would make it impure; string.h's memcpy, memcmp, memset and memmove are fine.
impure='malloc|calloc|realloc|free|printf|fprintf|snprintf|time|clock_gettime|gettimeofday'
impure="$impure|rand|random|getenv|abort|exit|read|write|open|close"
verdict "engine/ calls nothing of the system" \
	"$(grep -rnE "\b($impure) *\(" engine --include='*.[ch]' |
		grep -vE ':[[:space:]]*(/?\*|//)' | grep -vE '(_free|_open|_close|_read|_write|_time) *\(')"
type='(struct|enum|unsigned|signed|u?int[0-9]*_t|uint[0-9]+_t|size_t|bool|char|int|long) '
verdict "engine/ has no variable that lasts" \
	"$(grep -nE "^(static )?${type}[a-z_ *]*[a-z_]+(\[[^]]*\])?( = .*)?;\$" \
		engine/*.c engine/*/*.c)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
