#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# agent.sh - does in a guest what its second serial port says (tests/package/machine.py).
#
#   in    ID said COMMAND-IN-BASE64   a line of shell; what it says on standard error is kept
#         ID errors                   what the last one said there
#   out   what it says, then "end ID EXIT-CODE"
exec </dev/ttyS1 >/dev/ttyS1 2>&1
stty raw -echo
said()
{
    sh -c "$(echo "$1" | base64 -d)" 2>/run/agent.errors </dev/null
}
errors()
{
    cat /run/agent.errors
}
echo ready
while read -r id command; do
    # shellcheck disable=SC2086 # a function and its argument
    $command
    code=$?
    # What does not end with a line's end would take the next line along.
    printf '\nend %s %s\n' "$id" "$code"
done
