// Floating-point numbers as Python's repr writes them: the shortest digits that read back as the same
// number, always with a fraction or an exponent (`1795395057.3461795`, `1.0`, `1e+16`).
#pragma once
#include <string>

namespace parley::django {

// `number` is finite.
std::string FloatText(double number);

}  // namespace parley::django
