// Runs the probes one after another, each in a thread of its own with a deadline.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "app/doctor/probe.h"

namespace parley::doctor {

struct RunOptions {
  std::vector<std::string> only, skip;  // names of probes; an empty `only` means all
  bool local = true;                    // run the probes of the configuration
};

struct RunResult {
  Findings findings;
  // A probe missed its deadline and its thread still runs: the process must end without destructors.
  bool abandoned = false;
};

// `show` is called with each finding, as soon as it is known.
RunResult RunProbes(const ProbeInput& input, const RunOptions& options,
                    const std::function<void(const Finding&)>& show);

}  // namespace parley::doctor
