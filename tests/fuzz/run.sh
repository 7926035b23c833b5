#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later run.sh FUZZ SECONDS FRAMES [TARGET...] - runs the fuzz
# programs that were built into the folder FUZZ, two at a time: targets for SECONDS each (for a
# third of it those that no frame reaches), and FRAMES random inputs to the engine. A line for each,
# and at the end "N passed, N failed". Where they are not built for want of clang: one line
# "skipped".
#
# Inputs that failed once are in tests/fuzz/regressions/TARGET and run first, each a test. What was
# found in a run stays in FUZZ/corpus and is where the next one begins; an input that fails is in
# FUZZ/crashes, and the line says how to run it again.
set -u
fuzz=$1
seconds=$2
frames=$3
shift 3
INPUT_BYTES_SHOWN=2048
here=$(dirname "$0")
# In the order in which the two lanes take about as long.
lane1="random_inputs engine frame"
lane2="greeting dns tcp_options requests store capture texts"
if [ $# -gt 0 ]; then
	lane1="$*"
	lane2=
fi

if [ ! -x "$fuzz/fuzz_engine" ]; then
	echo "skipped fuzz targets: clang or libclang-rt-14-dev is not installed"
	echo "0 passed, 0 failed"
	exit 0
fi
rm -rf "$fuzz/logs"
mkdir -p "$fuzz/corpus" "$fuzz/crashes" "$fuzz/logs"

# Lengths that leave room for mutation and keep the runs short.
longest() {
	case $1 in
	tcp_options) echo 44 ;;
	greeting | requests | texts | dns) echo 512 ;;
	engine) echo 1024 ;;
	frame) echo 2048 ;;
	*) echo 6144 ;;
	esac
}

seconds_of() {
	case $1 in
	requests | store | capture | texts | dns) echo $(((seconds + 2) / 3)) ;;
	*) echo "$seconds" ;;
	esac
}

# failed NAME HOW-TO-REPLAY [INPUT]: the line, with the first that the program said of it, and then
# more; the input itself where it is small, as FUZZ is gone where somebody else's machine ran this.
failed() {
	grep -E 'not true:|ERROR: |runtime error:|SUMMARY: |random_inputs: ' "$fuzz/logs/$1" |
		head -n 5 >"$fuzz/logs/$1.reasons"
	echo "FAILED $1: $(head -n 1 "$fuzz/logs/$1.reasons" | cut -c 1-200); replay: $2"
	tail -n +2 "$fuzz/logs/$1.reasons"
	if [ -s "${3:-}" ] && [ "$(wc -c <"$3")" -le "$INPUT_BYTES_SHOWN" ]; then
		echo "its input, by base64 -d | gunzip: $(gzip -9 <"$3" | base64 -w 0)"
	fi
}

run_regressions() {
	for input in "$here/regressions/$1"/*; do
		[ -f "$input" ] || continue
		if "$fuzz/fuzz_$1" "$input" >"$fuzz/logs/regression" 2>&1; then
			echo "ok regression $1/$(basename "$input")"
		else
			cp "$fuzz/logs/regression" "$fuzz/logs/regression_$1"
			failed "regression_$1" "$fuzz/fuzz_$1 $input"
		fi
	done
}

run_random() {
	if "$fuzz/random_inputs" "$frames" >"$fuzz/logs/random_inputs" 2>&1; then
		tail -n 1 "$fuzz/logs/random_inputs"
	else
		failed random_inputs "$fuzz/$(sed -n 's/.*to replay: //p' "$fuzz/logs/random_inputs")"
	fi
}

run_target() {
	words=
	[ "$1" != store ] || words="-dict=$fuzz/words"
	# shellcheck disable=SC2086 # no word, or one
	timeout -k 5 $((seconds + 60)) "$fuzz/fuzz_$1" \
		-max_total_time="$(seconds_of "$1")" -max_len="$(longest "$1")" \
		-timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 $words \
		-artifact_prefix="$fuzz/crashes/fuzz_$1-" "$fuzz/corpus/fuzz_$1" >"$fuzz/logs/fuzz_$1" 2>&1
	code=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$fuzz/logs/fuzz_$1")
	input=$(sed -n 's/.*Test unit written to //p' "$fuzz/logs/fuzz_$1" | tail -n 1)
	if [ $code = 0 ] && [ "${runs:-0}" -gt 0 ]; then
		echo "ok fuzz_$1 ($runs runs)"
	else
		replay="${input:+$fuzz/fuzz_$1 }${input:-see $fuzz/logs/fuzz_$1, exit code $code}"
		failed "fuzz_$1" "$replay" "$input"
	fi
}

run_lane() {
	for name; do
		if [ "$name" = random_inputs ]; then
			run_random
		else
			run_target "$name"
		fi
	done
}

# The keys of a profile, as words for the fuzzer.
grep -oh '"[a-z_0-9]*"' engine/protocols/keyword.h profiles/store/*_fields.c \
	profiles/model/settings.c profiles/model/profile.c |
	sort -u | grep -v '^""$' >"$fuzz/words"
if ! "$fuzz/seeds" "$fuzz/corpus" >"$fuzz/logs/seeds" 2>&1; then
	cat "$fuzz/logs/seeds"
	echo "FAILED seeds: see above"
	echo "0 passed, 1 failed"
	exit 1
fi
results=$fuzz/logs/results
for name in $lane1 $lane2; do
	run_regressions "$name"
done >"$results.0"
cat "$results.0"
# shellcheck disable=SC2086 # lists of words
run_lane $lane2 >"$results.2" &
# shellcheck disable=SC2086
run_lane $lane1 >"$results.1"
wait
cat "$results.1" "$results.2"
passed=$(cat "$results".? | grep -c '^ok ')
failed=$(cat "$results".? | grep -c '^FAILED ')
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
