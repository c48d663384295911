// Sends messages over one node and receives them on another, in a conversation of its own, which it deletes.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "app/doctor/probe.h"
#include "app/doctor/socket_client.h"

namespace parley::doctor {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Millis kJoined{5'000};
// Nodes read the logs of the store at least every 10 s.
constexpr Millis kArrives{15'000};
constexpr double kSlowDeliveryMillis = 1'000;
// Messages at different times between two reads of the store, so that one of them has to wait for the next read.
constexpr int kMessages = 4;
constexpr Millis kBetween{500};

class Failure : public std::runtime_error {
 public:
  Failure(Code code, const std::string& cause) : std::runtime_error(cause), code_(code) {}
  Code code() const { return code_; }

 private:
  Code code_;
};

ProbeInput At(const ProbeInput& input, size_t target) {
  ProbeInput out = input;
  out.target = target;
  return out;
}

std::string NameOf(const ProbeInput& input) { return input.url().url; }

// Throws Failure, with the node's URL.
HttpAnswer Ask(const ProbeInput& node, const HttpRequest& request) {
  try {
    return Fetch(node, request);
  } catch (const HttpFailure& failure) {
    throw Failure(Code::round_trip_failed, NameOf(node) + ": " + failure.what());
  }
}

// A group whose only member is the probe's user.
class Conversation {
 public:
  Conversation(ProbeInput node, Report& report) : node_(std::move(node)), report_(report) {
    const HttpAnswer answer =
        Ask(node_, {.method = "POST",
                    .path = ApiPath(node_, "conversations/"),
                    .token = node_.token,
                    .body = R"({"type":"group","participants":[],"title":"parley doctor"})"});
    id_ = JsonText(answer.body, "/id").value_or("");
    if (answer.status != 201 || id_.empty()) {
      throw Failure(Code::round_trip_failed,
                    NameOf(node_) + " does not create a conversation: " + answer.Describe());
    }
  }
  ~Conversation() {
    std::string cause;
    try {
      const HttpAnswer answer = Fetch(node_, {.method = "DELETE",
                                              .path = ApiPath(node_, "conversations/" + id_ + "/"),
                                              .token = node_.token});
      if (answer.status == 204) return;
      cause = answer.Describe();
    } catch (const HttpFailure& failure) {
      cause = failure.what();
    }
    report_.Add(Code::conversation_left, fmt::format("{} on {}: {}", id_, NameOf(node_), cause));
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  const std::string& id() const { return id_; }

 private:
  const ProbeInput node_;
  Report& report_;
  std::string id_;
};

SocketClient Subscribe(const ProbeInput& node, const std::string& id) {
  SocketClient socket(node, "/ws/messaging/conversations/" + id + "/");
  const auto first = socket.WaitFor(kJoined, [](const SocketFrame& f) {
    return HasType(f, "connection_established") || f.opcode == WsOpcode::kClose;
  });
  if (!first)
    throw Failure(Code::websocket_silent, NameOf(node) + ": the first frame did not arrive");
  if (first->opcode == WsOpcode::kClose) {
    if (first->CloseCode() == 4003) {
      throw Failure(Code::nodes_differ_store,
                    NameOf(node) + " does not have the conversation that another node has created");
    }
    throw Failure(Code::websocket_closed, NameOf(node) + ": " + first->Describe());
  }
  return socket;
}

int64_t SendOver(const ProbeInput& node, const std::string& id) {
  const HttpAnswer answer =
      Ask(node, {.method = "POST",
                 .path = ApiPath(node, "messages/"),
                 .token = node.token,
                 .body = R"({"content":"parley doctor","conversation_id":")" + id + "\"}"});
  const auto seq = JsonInt(answer.body, "/seq");
  if (answer.status == 201 && seq) return *seq;
  const bool unknown = answer.status == 404 || answer.Problem() == "not_participant";
  throw Failure(unknown ? Code::nodes_differ_store : Code::round_trip_failed,
                NameOf(node) + " does not accept a message: " + answer.Describe());
}

// Returns the longest time from sending a message over `sender` to its event on `reader`, in milliseconds.
double LongestTrip(const ProbeInput& reader, const ProbeInput& sender, const std::string& id) {
  SocketClient socket = Subscribe(reader, id);
  double longest = 0;
  std::vector<std::pair<int64_t, SteadyClock::time_point>> waiting;
  for (int i = 0; i < kMessages; ++i) {
    const auto sent_at = SteadyClock::now();
    waiting.emplace_back(SendOver(sender, id), sent_at);
    const auto next = sent_at + kBetween;
    const auto deadline = i + 1 < kMessages ? next : SteadyClock::now() + kArrives;
    while (!waiting.empty()) {
      const auto left = std::chrono::duration_cast<Millis>(deadline - SteadyClock::now());
      const auto frame = socket.Receive(std::max(left, Millis(0)));
      if (!frame) break;
      if (frame->opcode == WsOpcode::kClose) {
        throw Failure(Code::websocket_closed, NameOf(reader) + ": " + frame->Describe());
      }
      const auto seq = HasType(*frame, "message") ? JsonInt(frame->payload, "/seq") : std::nullopt;
      const auto done =
          std::ranges::find_if(waiting, [&](const auto& each) { return each.first == seq; });
      if (done == waiting.end()) continue;
      longest = std::max(
          longest,
          std::chrono::duration<double, std::milli>(SteadyClock::now() - done->second).count());
      waiting.erase(done);
    }
    if (i + 1 < kMessages) std::this_thread::sleep_until(next);
  }
  if (!waiting.empty()) {
    throw Failure(Code::round_trip_lost,
                  fmt::format("{} of {} messages sent over {} did not arrive at {} within {} s",
                              waiting.size(), kMessages, NameOf(sender), NameOf(reader),
                              kArrives.count() / 1000));
  }
  return longest;
}

// Throws only Failure.
double CheckedTrip(const ProbeInput& reader, const ProbeInput& sender, const std::string& id) {
  try {
    return LongestTrip(reader, sender, id);
  } catch (const UpgradeRefused& refused) {
    throw Failure(Code::round_trip_failed, NameOf(reader) + ": " + refused.what());
  } catch (const SocketLost& lost) {
    throw Failure(Code::round_trip_failed, NameOf(reader) + ": " + lost.what());
  }
}

}  // namespace

ProbeResult ProbeRoundTrip(const ProbeInput& input) {
  if (input.token.empty()) return Skip("no accepted token");
  Report report;
  try {
    const Conversation conversation(At(input, 0), report);
    for (size_t i = 0; i < input.targets.size(); ++i) {
      const ProbeInput reader = At(input, i), sender = At(input, (i + 1) % input.targets.size());
      const double millis = CheckedTrip(reader, sender, conversation.id());
      const std::string text =
          fmt::format("{} to {}: {:.1f} ms", NameOf(sender), NameOf(reader), millis);
      if (millis > kSlowDeliveryMillis) {
        report.Add(Code::round_trip_slow, text);
      } else {
        report.Note(text);
      }
    }
  } catch (const Failure& failure) {
    report.Add(failure.code(), failure.what());
  }
  return report.Done();
}

}  // namespace parley::doctor
