#include "app/doctor/finding.h"

#include <gtest/gtest.h>

#include <set>

#include "app/doctor/probe.h"
#include "app/doctor/report.h"
#include "test/support/documents.h"

namespace parley::doctor {
namespace {

std::string Table() {
  std::string out = "| code | verdict | meaning | fix |\n|---|---|---|---|\n";
#define PARLEY_FINDING(code, verdict, meaning, fix)                                            \
  out += "| `" #code "` | " #verdict " | " + std::string(meaning) + " | " + std::string(fix) + \
         " |\n";
#include "app/doctor/doctor_codes.def"
#undef PARLEY_FINDING
  return out;
}

// Proves: doctor
TEST(DoctorCodes, TheDocumentationHoldsTheTable) {
  test::ExpectDocumentHolds("doctor.md", Table());
}

TEST(DoctorCodes, EachFaultHasAFix) {
#define PARLEY_FINDING(code, verdict, meaning, fix)                                  \
  if (Verdict::verdict == Verdict::warning || Verdict::verdict == Verdict::failed) { \
    EXPECT_FALSE(Fix(Code::code).empty()) << #code;                                  \
  }                                                                                  \
  EXPECT_FALSE(Meaning(Code::code).empty()) << #code;
#include "app/doctor/doctor_codes.def"
#undef PARLEY_FINDING
}

TEST(DoctorProbes, NamesAreUniqueAndDeadlinesBounded) {
  std::set<std::string_view> names;
  for (const Probe& probe : Probes()) {
    EXPECT_TRUE(names.insert(probe.name).second) << probe.name;
    EXPECT_GT(probe.deadline.count(), 0) << probe.name;
    EXPECT_LE(probe.deadline, std::chrono::minutes(10)) << probe.name;
  }
}

TEST(DoctorReport, TheTextHasTheCodeTheCauseAndTheFix) {
  const Finding finding{.code = Code::dns_failed,
                        .cause = "x.invalid: unknown",
                        .probe = "dns",
                        .target = "http://x.invalid"};
  const std::string text = TextOf(finding);
  for (const std::string part :
       {"failed", "dns_failed", "x.invalid: unknown", "fix: ", "[http://x.invalid]"}) {
    EXPECT_NE(text.find(part), text.npos) << part << " is not in\n" << text;
  }
  EXPECT_EQ(SummaryOf({finding}), "0 ok, 0 warning, 1 failed, 0 skipped\n");
}

}  // namespace
}  // namespace parley::doctor
