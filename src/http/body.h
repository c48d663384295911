// Request bodies and path parameters, checked: what every JSON handler begins with.
#pragma once
#include <optional>

#include "http/request.h"
#include "protocol/json_reader.h"

namespace parley {

// The body as a JSON object; good until the reader's next text.
// Errors: unsupported_media_type, bad_json.
Result<JsonObject> JsonBody(const Request& request, JsonReader& json);

// The same, or a form: application/x-www-form-urlencoded, or multipart/form-data without files (which
// are passed over). For the routes that clients of the original call.
// Errors: unsupported_media_type, bad_json, bad_request (a broken form).
Result<JsonObject> JsonOrFormBody(const Request& request, JsonReader& json);

// The UUID that the route's {name} matched. Errors: invalid_field.
Result<Uuid> IdParam(const Request& request, std::string_view name);

// A whole number of a query, between the bounds; `otherwise` when absent. Errors: invalid_field.
Result<int64_t> NumberQuery(const Request& request, std::string_view name, int64_t least,
                            int64_t most, int64_t otherwise);

// 1 or true, 0 or false, in any case; false when absent. Errors: invalid_field.
Result<bool> FlagQuery(const Request& request, std::string_view name);

// The Idempotency-Key header: what tells a repeat of the request (P2). Absent: nullopt.
// Errors: invalid_field (empty, longer than that, or there twice).
Result<std::optional<std::string>> IdempotencyKey(const Request& request, size_t most_characters);

}  // namespace parley
