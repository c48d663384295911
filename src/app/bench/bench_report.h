// The results of `parley bench`, as text, JSON and a page of HTML.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "app/bench/scenario.h"
#include "loadgen/swarm.h"

namespace parley::bench {

struct Step {
  double rate = 0;  // messages a second that were due
  bool kept_up = true;
  std::string why = {};  // it did not keep up
  loadgen::Report report = {};
  // Of the server that bench started, in the measured time: seconds of CPU of each thread name.
  std::map<std::string, double> cpu = {};

  void Fail(std::string reason) {
    kept_up = false;
    why = std::move(reason);
  }
};

struct Results {
  std::string scenario;
  std::vector<std::string> urls;
  bool own_server = false;
  size_t rooms = 0, size = 0, connections = 0, bytes = 0, threads = 1;
  double max_p99_ms = 0;  // of a search
  bool search = false;
  bool interrupted = false;
  Work work = Work::kMessages;
  std::vector<Step> steps;                               // one, or those of a search
  uint64_t resident_before = 0, resident_connected = 0;  // bytes of the own server

  // The step that kept up with the highest rate; null if none did.
  const Step* best() const;
  // The step whose figures are shown: the best, or the last if none kept up.
  const Step& shown() const;
  bool faulty() const;
  bool over_rest() const { return work == Work::kRead || work == Work::kPost; }
  // What the CPU time of a step is divided by, and its name.
  uint64_t work_of(const Step& step) const {
    return work == Work::kConnect ? step.report.ready : step.report.acked;
  }
  const char* work_name() const {
    return over_rest() ? "request" : work == Work::kConnect ? "connection" : "message";
  }
  const char* unit() const { return over_rest() ? "requests" : "messages"; }
};

std::string StepText(const Results& results, const Step& step);
std::string SummaryText(const Results& results, bool with_latencies = true);
// The latencies of the step whose figures are shown, that have a value.
std::vector<std::pair<std::string, const loadgen::Histogram*>> ShownLatencies(
    const Results& results);
// The schema is in docs/bench.md.
std::string ResultsJson(const Results& results);
std::string ResultsHtml(const Results& results);

}  // namespace parley::bench
