-- SPDX-License-Identifier: GPL-2.0-or-later
-- What wrk measured, as one JSON object on the last line.
done = function(summary, latency, requests)
	local errors = summary.errors
	io.write(string.format('{"done": %d, "per_s": %.1f, "p50_us": %d, "p99_us": %d, "max_us": %d, "failed": %d}\n',
		summary.requests, summary.requests * 1e6 / summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
		errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
