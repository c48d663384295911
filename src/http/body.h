// Reads and validates request bodies and path parameters for JSON handlers.
#pragma once
#include <optional>

#include "http/request.h"
#include "protocol/json_reader.h"

namespace parley {

// The body as a JSON object, valid until the reader parses the next text.
// Errors: unsupported_media_type, bad_json.
Result<JsonObject> JsonBody(const Request& request, JsonReader& json);

// The body as a JSON object, or from a form: application/x-www-form-urlencoded or multipart/form-data,
// whose files are ignored. For the routes of the original Django API.
// Errors: unsupported_media_type (also for JSON that is declared as a form), bad_json, bad_request (a
// malformed form).
Result<JsonObject> JsonOrFormBody(const Request& request, JsonReader& json);

// The UUID in the route parameter {name}. Errors: invalid_field.
Result<Uuid> IdParam(const Request& request, std::string_view name);

// An integer query parameter within the bounds, or `otherwise` if absent. Errors: invalid_field.
Result<int64_t> NumberQuery(const Request& request, std::string_view name, int64_t least,
                            int64_t most, int64_t otherwise);

// A boolean query parameter: 1 or true, 0 or false, in any case; false if absent. Errors: invalid_field.
Result<bool> FlagQuery(const Request& request, std::string_view name);

// The Idempotency-Key header, which identifies repeats of a request, or nullopt if absent.
// Errors: invalid_field (empty, too long, or duplicate).
Result<std::optional<std::string>> IdempotencyKey(const Request& request, size_t most_characters);

}  // namespace parley
