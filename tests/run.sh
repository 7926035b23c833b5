#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh BUILD unit|all|more - runs the test programs of BUILD one after the other and ends with
# "N passed, N failed".
#
# unit: Criterion programs, simulator, order of includes, list of rules, names in documents, tests
# of threats, loops of BPF programs, manual pages, completion.
# all: also the engine's instruction counts, and the namespace tests, which need root.
# more: what says the same again in another dress, or for longer, and the fuzz targets.
set -u
build=$1
what=$2
here=$(dirname "$0")
log=$build/tests/run.log
passed=0
failed=0

# count PASSED FAILED
count() {
	passed=$((passed + $1))
	failed=$((failed + $2))
}

# A Criterion program with its arguments: its last line says "Tested: n | Passing: n | Failing: n |
# Crashing: n". One that ends without it failed.
criterion() {
	echo "== $*"
	"$@" --color=never >"$log" 2>&1
	code=$?
	grep -v '^\[----\] *$' "$log"
	line=$(tail -n 5 "$log" |
		sed -nE 's/.*Passing: ([0-9]+) \| Failing: ([0-9]+) \| Crashing: ([0-9]+).*/\1 \2 \3/p')
	if [ -z "$line" ]; then
		echo "FAILED $1: ended with exit code $code and no summary"
		count 0 1
		return
	fi
	# A leak does not fail a test by itself.
	reports=$(grep -cE 'ERROR: [A-Za-z]*Sanitizer|runtime error:' "$log")
	# shellcheck disable=SC2086 # four numbers
	set -- $line "$reports"
	count "$1" $(($2 + $3 + $4))
}

# A script of ours: its last line says "... N passed, N failed".
script() {
	echo "== $*"
	: >"$log.script" # before tail opens it
	"$@" >>"$log.script" 2>&1 &
	tail -f --pid=$! -n +1 "$log.script"
	wait $!
	code=$?
	line=$(sed -nE 's/.*(^|[^0-9])([0-9]+) passed, ([0-9]+) failed.*/\2 \3/p' "$log.script" |
		tail -n 1)
	[ -n "$line" ] || line="0 1"
	case "$code:$line" in
	0:*) ;;
	*" 0") line="${line% 0} 1" ;;
	esac
	# shellcheck disable=SC2086 # two numbers
	count $line
}

# in_namespaces [WORD...] - the namespace tests that run-all.py knows by WORD.
in_namespaces() {
	if [ "$(id -u)" = 0 ] && sh "$here/root/make-root.sh" "$build/root"; then
		script python3 "$here/net/run-all.py" "$@"
	else
		echo "FAILED namespace tests: they need root, and the private root that is made with it:" \
			"run this as root"
		count 0 1
	fi
}

units() {
	script python3 "$here/includes.py"
	script python3 "$here/rules.py"
	script python3 "$here/documents.py"
	script python3 "$here/threats.py"
	script python3 "$here/backedges.py" "$build/bridge/bpf"
	script python3 "$here/man.py" "$SYNWARD" "$build/man"
	script python3 "$here/cli/shells.py" "$SYNWARD"
	for program in unit-engine unit-profiles unit-bridge unit-cli simulator; do
		criterion "$build/tests/$program"
	done
}

case $what in
unit) units ;;
all)
	units
	script python3 "$here/bench/instructions.py" "$build/tests/bench/engine-bench"
	in_namespaces
	;;
more)
	script python3 "$here/cli/shells.py" "$SYNWARD" zsh fish
	# From RUNS + 1 of tests/sim/test_random.c on.
	export SIM_FIRST=301 SIM_RUNS=600
	criterion "$build/tests/simulator" --filter 'random/*'
	export SYNWARD_TEST_KILLS=10000
	criterion "$build/tests/unit-profiles" --filter 'atomic_file/killed*'
	# Those wait most of their time, and these need nothing but processors.
	in_namespaces --more --beside "sh $here/fuzz/run.sh $build/fuzz 25 5000000"
	;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
