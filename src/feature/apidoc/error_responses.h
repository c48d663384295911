// Errors in the OpenAPI document, from the table of codes (base/error_codes.def).
#pragma once
#include <string>

#include "protocol/json_writer.h"

namespace parley {

std::string ErrorResponseName(int status);

// Writes the schema `ErrorCode` with all codes.
void WriteErrorCodes(JsonWriter& json);
// Writes the section `responses`: the codes, headers and an example of each status.
void WriteErrorResponses(JsonWriter& json);

}  // namespace parley
