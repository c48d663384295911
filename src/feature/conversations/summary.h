// The part of a listed conversation that is the same for all its participants, as the cache holds it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "domain/message.h"

namespace parley {

class JsonReader;

struct Summary {
  // The state of the conversation that it is of.
  int64_t seq = 0, changed = 0;
  uint64_t epoch = 0;
  std::vector<UserId> participants;
  std::optional<Message> last_message;
};

std::string SummaryJson(const Uuid& conversation, const Summary& summary);
// Returns nullopt for text that SummaryJson did not write, or that is of another conversation.
std::optional<Summary> ParseSummary(JsonReader& reader, std::string_view json,
                                    const Uuid& conversation);

}  // namespace parley
