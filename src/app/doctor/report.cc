#include "app/doctor/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/json_writer.h"

namespace parley::doctor {
namespace {

int64_t CountOf(const Findings& findings, Verdict verdict) {
  return std::ranges::count_if(findings,
                               [&](const Finding& f) { return VerdictOf(f.code) == verdict; });
}

constexpr Verdict kVerdicts[] = {Verdict::ok, Verdict::warning, Verdict::failed, Verdict::skipped};

}  // namespace

std::string TextOf(const Finding& finding) {
  const Verdict verdict = VerdictOf(finding.code);
  const bool good = verdict == Verdict::ok || verdict == Verdict::skipped;
  std::string out = fmt::format("{:<8} {:<13} {}", Name(verdict), finding.probe,
                                good ? "" : std::string(Name(finding.code)) + ": ");
  out += finding.cause;
  if (!finding.target.empty()) out += fmt::format("  [{}]", finding.target);
  out += '\n';
  if (!Fix(finding.code).empty()) out += fmt::format("{:<22} fix: {}\n", "", Fix(finding.code));
  return out;
}

std::string SummaryOf(const Findings& findings) {
  std::string out;
  for (const Verdict verdict : kVerdicts) {
    out +=
        fmt::format("{}{} {}", out.empty() ? "" : ", ", CountOf(findings, verdict), Name(verdict));
  }
  return out + '\n';
}

std::string JsonOf(const Findings& findings) {
  std::string json;
  JsonWriter out(json);
  out.BeginObject();
  out.Field("version", PARLEY_VERSION);
  out.Key("findings");
  out.BeginArray();
  for (const Finding& finding : findings) {
    out.BeginObject();
    out.Field("probe", finding.probe);
    out.Field("target", finding.target);
    out.Field("verdict", Name(VerdictOf(finding.code)));
    out.Field("code", Name(finding.code));
    out.Field("cause", finding.cause);
    out.Field("fix", Fix(finding.code));
    out.Field("elapsed_ms", finding.millis);
    out.EndObject();
  }
  out.EndArray();
  out.Key("summary");
  out.BeginObject();
  for (const Verdict verdict : kVerdicts) out.Field(Name(verdict), CountOf(findings, verdict));
  out.EndObject();
  out.EndObject();
  return json + '\n';
}

}  // namespace parley::doctor
