// Generates the OpenAPI document from the router's rows and the descriptions of the features, in
// feature/X/X_openapi.json, which are embedded in the binary.
#pragma once
#include <string>
#include <vector>

#include "domain/limits.h"
#include "http/router.h"

namespace parley {

struct ApiDocument {
  std::string json;
  std::vector<std::string> undescribed;  // "GET /x": served, but without a description; omitted
  std::vector<std::string> unserved;     // described, but not served; omitted
};

// Path parameters, security, and the common errors of a kind of route come from the rows, not from
// descriptions. `${name}` in a description is a value of this server: a member of Limits, or its version.
// Throws std::logic_error if a description is not valid JSON or names an unknown value.
ApiDocument DescribeApi(const std::vector<const Router*>& routers, const Limits& limits);

// A route's path in the document: API paths end with a slash.
std::string DocumentPath(const std::string& pattern);

}  // namespace parley
