// The output of `parley doctor`.
#pragma once
#include <string>

#include "app/doctor/finding.h"

namespace parley::doctor {

// One finding as lines of text: verdict, probe, code, cause, and the fix if there is one.
std::string TextOf(const Finding& finding);
// The number of findings per verdict.
std::string SummaryOf(const Findings& findings);
// All findings as one JSON object.
std::string JsonOf(const Findings& findings);

}  // namespace parley::doctor
