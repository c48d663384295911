#include "app/doctor/finding.h"

#include <algorithm>
#include <array>

namespace parley::doctor {
namespace {

struct Row {
  std::string_view name;
  Verdict verdict;
  std::string_view meaning, fix;
};

constexpr auto kRows = std::to_array<Row>({
#define PARLEY_FINDING(code, verdict, meaning, fix) {#code, Verdict::verdict, meaning, fix},
#include "app/doctor/doctor_codes.def"
#undef PARLEY_FINDING
});

const Row& RowOf(Code code) { return kRows[static_cast<size_t>(code)]; }

}  // namespace

std::string_view Name(Verdict verdict) {
  constexpr std::string_view kNames[] = {"ok", "warning", "failed", "skipped"};
  return kNames[static_cast<size_t>(verdict)];
}

std::string_view Name(Code code) { return RowOf(code).name; }
Verdict VerdictOf(Code code) { return RowOf(code).verdict; }
std::string_view Meaning(Code code) { return RowOf(code).meaning; }
std::string_view Fix(Code code) { return RowOf(code).fix; }

bool HasFailed(const Findings& findings) {
  return std::ranges::any_of(findings,
                             [](const Finding& f) { return VerdictOf(f.code) == Verdict::failed; });
}

}  // namespace parley::doctor
