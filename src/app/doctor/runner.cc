#include "app/doctor/runner.h"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <thread>

namespace parley::doctor {
namespace {

using SteadyClock = std::chrono::steady_clock;

ProbeResult RunCaught(const Probe& probe, const ProbeInput& input) {
  try {
    return probe.run(input);
  } catch (const std::exception& error) {
    return Fail(Code::probe_error, error.what());
  }
}

class Run {
 public:
  Run(ProbeInput input, const RunOptions& options, const std::function<void(const Finding&)>& show)
      : input_(std::move(input)), options_(options), show_(show) {}

  RunResult All() {
    if (options_.local) RunScope(Scope::kLocal, "");
    std::string first_token;
    bool all_reached = !input_.targets.empty();
    for (input_.target = 0; input_.target < input_.targets.size(); ++input_.target) {
      input_.token.clear();
      all_reached &= RunScope(Scope::kUrl, input_.url().url);
      if (first_token.empty()) first_token = input_.token;
    }
    input_.target = 0;
    input_.token = first_token;
    if (!input_.targets.empty()) {
      if (all_reached) {
        RunScope(Scope::kNodes, "");
      } else {
        SkipScope(Scope::kNodes, "", "a probe of a URL failed");
      }
    }
    return std::move(result_);
  }

 private:
  bool Wanted(const Probe& probe) const {
    const auto holds = [&](const auto& names) {
      return std::ranges::find(names, probe.name) != names.end();
    };
    return (options_.only.empty() || holds(options_.only)) && !holds(options_.skip);
  }

  // Returns false if a probe that others depend on has failed.
  bool RunScope(Scope scope, const std::string& target) {
    std::string failed;
    for (const Probe& probe : Probes()) {
      if (probe.scope != scope || !Wanted(probe)) continue;
      if (!failed.empty()) {
        Add(probe, target, Skip("the probe " + failed + " failed"), 0);
        continue;
      }
      if (RunOne(probe, target) && probe.gate) failed = probe.name;
    }
    return failed.empty();
  }

  void SkipScope(Scope scope, const std::string& target, const std::string& why) {
    for (const Probe& probe : Probes()) {
      if (probe.scope == scope && Wanted(probe)) Add(probe, target, Skip(why), 0);
    }
  }

  // Returns true if the probe failed.
  bool RunOne(const Probe& probe, const std::string& target) {
    const auto since = SteadyClock::now();
    auto promise = std::make_shared<std::promise<ProbeResult>>();
    std::future<ProbeResult> future = promise->get_future();
    std::thread thread([promise, &probe, input = std::make_shared<const ProbeInput>(input_)] {
      promise->set_value(RunCaught(probe, *input));
    });
    ProbeResult result;
    if (future.wait_for(probe.deadline) == std::future_status::ready) {
      thread.join();
      result = future.get();
    } else {
      thread.detach();
      result_.abandoned = true;
      result =
          Fail(Code::probe_timeout,
               "no result within " +
                   std::to_string(
                       std::chrono::duration_cast<std::chrono::seconds>(probe.deadline).count()) +
                   " s");
    }
    const bool failed = HasFailed(result.findings);
    if (!result.token.empty()) input_.token = result.token;
    Add(probe, target, std::move(result),
        std::chrono::duration_cast<Millis>(SteadyClock::now() - since).count());
    return failed;
  }

  void Add(const Probe& probe, const std::string& target, ProbeResult result, int64_t millis) {
    for (Finding& finding : result.findings) {
      finding.probe = probe.name;
      if (finding.target.empty()) finding.target = target;
      finding.millis = millis;
      show_(finding);
      result_.findings.push_back(std::move(finding));
    }
  }

  ProbeInput input_;
  const RunOptions& options_;
  const std::function<void(const Finding&)>& show_;
  RunResult result_;
};

}  // namespace

RunResult RunProbes(const ProbeInput& input, const RunOptions& options,
                    const std::function<void(const Finding&)>& show) {
  return Run(input, options, show).All();
}

}  // namespace parley::doctor
