// The OpenAPI document: put together from what the router serves and what the features say of it.
// Each feature describes its routes in feature/X/X_openapi.json, which travels in the binary.
#pragma once
#include <string>
#include <vector>

#include "domain/limits.h"
#include "http/router.h"

namespace parley {

struct ApiDocument {
  std::string json;
  std::vector<std::string> undescribed;  // "GET /x": served, and in no X_openapi.json; left out
  std::vector<std::string> unserved;     // described, and not served here; left out
};

// What the rows of the routers say is not described again: path parameters, security, and the
// errors that every route of its kind may answer. `${name}` in a description is a value of the
// server's own: a member of Limits, or its version.
// Throws std::logic_error if a description is not valid JSON or names an unknown value.
ApiDocument DescribeApi(const std::vector<const Router*>& routers, const Limits& limits);

// A route's path as the document names it: API paths end with a slash.
std::string DocumentPath(const std::string& pattern);

}  // namespace parley
