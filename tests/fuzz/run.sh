#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh BUILD SECONDS [TARGET...] - builds the fuzz targets with clang into BUILD/fuzz and runs one after the other for
# SECONDS each. A line for each, and at the end "N passed, N failed". Without clang and its fuzzer: one line "skipped".
#
# What was found in a run stays in BUILD/fuzz/corpus and is where the next one begins; an input that fails is in
# BUILD/fuzz/crashes and can be run again: BUILD/fuzz/fuzz_NAME INPUT.
set -u
build=$1
seconds=$2
shift 2
[ $# -gt 0 ] || set -- frame tcp_options engine store
fuzz=$build/fuzz
here=tests/fuzz
flags="-std=gnu11 -O1 -g -Wall -Wextra -Wshadow -Wconversion -Werror -fno-strict-aliasing -D_GNU_SOURCE -I.
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
passed=0
failed=0
code=0

mkdir -p "$fuzz/corpus" "$fuzz/crashes" "$fuzz/logs"
if ! echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
	clang -fsanitize=fuzzer,address -x c -o "$fuzz/probe" - 2>"$fuzz/logs/probe"; then
	echo "skipped fuzz targets: clang and libclang-rt-14-dev are not installed"
	exit 0
fi

engine="engine/*.c engine/protocols/*.c"
packages=$(pkg-config --cflags --libs json-c libsodium libpcap) || exit 1

# The sources of a target beside its own.
sources() {
	case $1 in
	frame | engine) echo "tests/engine/support_frames.c $engine" ;;
	*) echo "profiles/*.c $engine" ;;
	esac
}

# Lengths that leave room for mutation and keep the runs short.
longest() {
	case $1 in
	tcp_options) echo 44 ;;
	engine) echo 1024 ;;
	frame) echo 2048 ;;
	*) echo 6144 ;;
	esac
}

finish() {
	[ "$2" = ok ] && passed=$((passed + 1)) || failed=$((failed + 1))
	echo "$1"
}

# The keys of a profile, as words for the fuzzer.
grep -oh '"[a-z_0-9]*"' profiles/profile_json.c profiles/settings.c profiles/profile.c | sort -u |
	grep -v '^""$' >"$fuzz/words"
# shellcheck disable=SC2046,SC2086 # lists of words
if ! clang $flags -o "$fuzz/seeds" $here/seeds.c tests/engine/support_frames.c $(sources store) $packages \
	2>"$fuzz/logs/seeds" || ! "$fuzz/seeds" "$fuzz/corpus"; then
	cat "$fuzz/logs/seeds"
	echo "FAILED seeds: cannot be built or run"
	echo "0 passed, 1 failed"
	exit 1
fi
for name; do
	log=$fuzz/logs/fuzz_$name
	# shellcheck disable=SC2046,SC2086 # lists of words
	if ! clang $flags -fsanitize=fuzzer -o "$fuzz/fuzz_$name" $here/fuzz_$name.c $(sources "$name") $packages \
		2>"$log"; then
		cat "$log"
		finish "FAILED fuzz_$name: does not compile" failed
		continue
	fi
	words=
	[ "$name" = store ] && words="-dict=$fuzz/words"
	# shellcheck disable=SC2086 # no word, or one
	timeout -k 5 $((seconds + 60)) "$fuzz/fuzz_$name" -max_total_time="$seconds" -max_len="$(longest "$name")" \
		-timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 $words \
		-artifact_prefix="$fuzz/crashes/fuzz_$name-" "$fuzz/corpus/fuzz_$name" >"$log" 2>&1
	code=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
	if [ $code = 0 ] && [ "${runs:-0}" -gt 0 ]; then
		finish "ok fuzz_$name ($runs runs)" ok
	else
		finish "FAILED fuzz_$name: ${input:-exit code $code, see $log}" failed
	fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
