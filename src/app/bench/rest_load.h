// The requests of the REST scenarios of `parley bench`.
#pragma once
#include <memory>

#include "app/bench/bench_options.h"
#include "loadgen/rest_dialect.h"
#include "loadgen/swarm.h"

namespace parley::bench {

// Fills the rooms with messages, and returns a dialect that reads them: newest and older pages of every
// room, the conversation list and the unread count, in equal shares. Errors: std::runtime_error.
std::unique_ptr<loadgen::Dialect> MakeReader(const BenchOptions& options,
                                             const doctor::ProbeInput& input, const Rooms& rooms,
                                             const loadgen::Plan& plan);
// A dialect whose members post messages to their rooms.
std::unique_ptr<loadgen::Dialect> MakePoster(const doctor::ProbeInput& input, const Rooms& rooms,
                                             size_t size);

}  // namespace parley::bench
