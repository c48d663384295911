// What a probe of `parley doctor` found: a stable code with its verdict and fix, and the cause with the
// measured values.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace parley::doctor {

enum class Verdict { ok, warning, failed, skipped };

enum class Code {
#define PARLEY_FINDING(code, verdict, meaning, fix) code,
#include "app/doctor/doctor_codes.def"
#undef PARLEY_FINDING
};

std::string_view Name(Verdict verdict);
std::string_view Name(Code code);
Verdict VerdictOf(Code code);
std::string_view Meaning(Code code);
std::string_view Fix(Code code);

struct Finding {
  Code code = Code::ok;
  std::string cause;  // one line, without secrets

  // Set by the runner:
  std::string probe = {}, target = {};
  int64_t millis = 0;
};

using Findings = std::vector<Finding>;

// True if the findings contain a failure.
bool HasFailed(const Findings& findings);

}  // namespace parley::doctor
