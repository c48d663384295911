// Comparison of clocks. Units: seconds since the Unix epoch.
#pragma once
#include <string>

#include "app/doctor/probe.h"

namespace parley::doctor {

double LocalTime();

// Adds clock_differs or clock_wrong, or a note. `theirs` was read between `before` and `after`, and is truncated
// to `resolution` seconds.
void CompareClocks(const std::string& name, double theirs, double before, double after,
                   double resolution, Report& report);

}  // namespace parley::doctor
