-- The last line of wrk's output, for programs: how many requests in how long, the slowest percent and one, and what failed.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests": %d, "microseconds": %d, "p99_microseconds": %d, "slowest_microseconds": %d, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
