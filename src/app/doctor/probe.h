// The probes of `parley doctor`: a table of functions from the configuration and a URL to findings. To
// add a probe: a file with its function, a declaration here, a row in probes.cc, and its codes in
// doctor_codes.def.
#pragma once
#include <chrono>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/doctor/finding.h"
#include "app/doctor/target.h"
#include "config/config.h"

namespace parley::doctor {

using Millis = std::chrono::milliseconds;

// Input of a probe. The runner passes a copy, so that a probe that missed its deadline can keep it.
struct ProbeInput {
  Config config;
  std::map<std::string, std::string> sources;  // ConfigResult::sources
  std::vector<Target> targets;                 // all URLs
  size_t target = 0;                           // the URL of this run
  std::string ca_file;                         // empty: the system's authorities
  std::string given_token;                     // --token-file; empty: none
  std::string token;                           // accepted by the server of the URL; empty: none
  std::string user = "parley-doctor";          // of tokens that the doctor mints

  const Target& url() const { return targets[target]; }
};

struct ProbeResult {
  Findings findings;
  std::string token = {};  // a token that the server accepted, for the probes after this one
};

enum class Scope {
  kLocal,  // once, from the configuration
  kUrl,    // for each URL
  kNodes,  // once, over all URLs
};

struct Probe {
  std::string_view name;
  Scope scope;
  Millis deadline;
  ProbeResult (*run)(const ProbeInput& input);
  bool gate = false;  // kUrl: a failure skips the later probes of the URL
};

std::span<const Probe> Probes();

// Collects the findings of one probe; without any, the finding is ok.
class Report {
 public:
  void Add(Code code, std::string cause) { findings_.push_back({code, std::move(cause)}); }
  // A measured value, for the cause of `ok`.
  void Note(const std::string& text) { notes_ += (notes_.empty() ? "" : "; ") + text; }
  ProbeResult Done(std::string token = {}) {
    if (findings_.empty()) Add(Code::ok, notes_);
    return {std::move(findings_), std::move(token)};
  }

 private:
  Findings findings_;
  std::string notes_;
};

inline ProbeResult Skip(std::string why) {
  return ProbeResult{.findings = Findings{Finding{Code::skipped, std::move(why)}}};
}
inline ProbeResult Fail(Code code, std::string cause) {
  return ProbeResult{.findings = Findings{Finding{code, std::move(cause)}}};
}

// kLocal
ProbeResult ProbeCapacity(const ProbeInput& input);
ProbeResult ProbeSecrets(const ProbeInput& input);
ProbeResult ProbeCertificate(const ProbeInput& input);
ProbeResult ProbeDataDirectory(const ProbeInput& input);
ProbeResult ProbePostgres(const ProbeInput& input);
ProbeResult ProbeRedis(const ProbeInput& input);
ProbeResult ProbeClocks(const ProbeInput& input);
ProbeResult ProbeNodes(const ProbeInput& input);
// kUrl
ProbeResult ProbeDns(const ProbeInput& input);
ProbeResult ProbeTcp(const ProbeInput& input);
ProbeResult ProbeTls(const ProbeInput& input);
ProbeResult ProbeHttp(const ProbeInput& input);
ProbeResult ProbeServerClock(const ProbeInput& input);
ProbeResult ProbeToken(const ProbeInput& input);
ProbeResult ProbeWebSocket(const ProbeInput& input);
ProbeResult ProbeIdle(const ProbeInput& input);
// kNodes
ProbeResult ProbeRoundTrip(const ProbeInput& input);

}  // namespace parley::doctor
