// The arguments of `parley bench`.
#pragma once
#include <string>
#include <vector>

#include "app/bench/scenario.h"
#include "config/config_loader.h"

namespace parley::bench {

// What the loader of the configuration does not take: words that are repeated or have no value.
struct Given {
  std::vector<std::string> urls, scenarios, rest;
  bool search = false, self_test = false;
};

struct BenchOptions {
  const Scenario* scenario = nullptr;
  Shape shape;
  double rate = 0, seconds = 10, max_p99 = 50, away = 2;
  size_t bytes = 128, messages = 200, threads = 1;
  bool search = false;
};

const std::vector<CommandFlag>& BenchFlags();
Given SortArguments(const std::vector<std::string>& args);
// Appends to `loaded.errors`.
BenchOptions ReadBenchOptions(const Given& given, ConfigResult& loaded);

}  // namespace parley::bench
