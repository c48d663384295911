#include "protocol/event.h"

#include <algorithm>
#include <array>

namespace parley {
namespace {

constexpr std::array<std::string_view, 11> kEventKinds = {"message",
                                                          "message_updated",
                                                          "message_deleted",
                                                          "conversation_updated",
                                                          "read_receipt",
                                                          "typing_indicator",
                                                          "user_online",
                                                          "user_offline",
                                                          "conversation_created",
                                                          "conversation_deleted",
                                                          "event"};

}  // namespace

std::string_view TypeOf(EventKind kind) {
  const auto at = static_cast<size_t>(kind);
  return at < kEventKinds.size() ? kEventKinds[at] : std::string_view();
}

EventKind KindOf(std::string_view json) {
  constexpr std::string_view kBegin = R"({"type":")";
  if (!json.starts_with(kBegin)) return EventKind::kUnknown;
  json.remove_prefix(kBegin.size());
  const std::string_view type = json.substr(0, json.find('"'));
  const auto found = std::ranges::find(kEventKinds, type);
  return found == kEventKinds.end() ? EventKind::kUnknown
                                    : static_cast<EventKind>(found - kEventKinds.begin());
}

bool SameChange(const Event& one, const Event& other) {
  if (one.seq != other.seq || one.about_seq != other.about_seq) return false;
  const auto first_part = [](std::string_view json) {
    return json.substr(0, json.find(R"("delivered_at":)"));
  };
  return first_part(one.json) == first_part(other.json);
}

size_t CostOf(const Event& event) {
  // Beside the event: its control block, the header of the frame, what malloc adds to each of the
  // three blocks, and a place in a vector.
  constexpr size_t kFixed = sizeof(Event) + 16 + 16 + 3 * 16 + 2 * sizeof(EventRef);
  const auto heap = [](const std::string& text) {
    return text.capacity() < sizeof(text) / 2 ? 0 : text.capacity() + 16;
  };
  return kFixed + heap(event.json) + event.json.size() + heap(event.except_user) +
         heap(event.undelivered_from) + heap(event.user);
}

}  // namespace parley
