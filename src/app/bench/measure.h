// Runs a scenario of `parley bench`.
#pragma once
#include <atomic>
#include <ostream>

#include "app/bench/bench_options.h"
#include "app/bench/bench_report.h"
#include "app/bench/local_server.h"

namespace parley::bench {

// Creates the conversations, connects, measures and appends to `results.steps`. `own`: the server, if bench
// started it. `out`: receives the steps of a search. Errors: std::runtime_error. Once `interrupted` is true, it ends with
// what was measured so far, or with an error if that is nothing.
void Measure(const BenchOptions& options, const doctor::ProbeInput& input, const Key& key,
             const LocalServer* own, Results& results, std::ostream& out,
             const std::atomic<bool>& interrupted);

}  // namespace parley::bench
