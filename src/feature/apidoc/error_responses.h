// Errors in the OpenAPI document, from the one table of codes (base/error_codes.def).
#pragma once
#include <string>

#include "protocol/json_writer.h"

namespace parley {

std::string ErrorResponseName(int status);

// The schema `ErrorCode`: each code there is.
void WriteErrorCodes(JsonWriter& json);
// The section `responses`: for each status, its codes, headers and an example.
void WriteErrorResponses(JsonWriter& json);

}  // namespace parley
