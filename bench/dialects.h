// How the load generator speaks to each server that ./dev bench peers compares. Parley, and the server of
// bench/peers/ws, which has the same frames, have loadgen::ParleyDialect.
#pragma once
#include <memory>
#include <string>

#include "loadgen/dialect.h"

namespace parley::bench {

// `prefix`: of the client ids. Errors: std::runtime_error for an unknown name.
std::unique_ptr<loadgen::Dialect> DialectNamed(const std::string& name, const std::string& prefix);

}  // namespace parley::bench
