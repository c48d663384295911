#include "app/bench/scenario.h"

#include <stdexcept>

#include "app/doctor/http_client.h"
#include "auth/token_minter.h"
#include "protocol/json_writer.h"

namespace parley::bench {

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> rows = {
      {"fanout", "one room; one member sends, all receive", 1, 100, 100, false},
      {"rooms", "many rooms of two; all members send", 100, 2, 500, true},
      {"send", "rooms of one: the time to the acknowledgement", 64, 1, 500, true},
      {"idle", "connections that receive nothing", 1000, 1, 0, false},
      {"slow", "one room; half of its members read 1 KiB a second", 1, 20, 50, false, true},
      {"nodes", "rooms whose members are on different nodes; all send", 50, 2, 200, true, false, 2},
      {"connect", "a storm of connections; nothing is sent", 10, 100, 0, false, false, 1,
       Work::kConnect},
      {"resume", "all receivers are cut, return and catch up", 10, 100, 200, false, false, 1,
       Work::kResume},
      {"history", "REST: pages of messages, the conversation list, unread counts", 20, 32, 500,
       true, false, 1, Work::kRead, true},
      {"post", "REST: messages sent with POST", 64, 1, 500, true, false, 1, Work::kPost},
  };
  return rows;
}

void Rooms::Create(const std::atomic<bool>& interrupted) {
  for (size_t room = 0; room < shape_.rooms; ++room) {
    if (interrupted) throw std::runtime_error("interrupted");
    CreateOne(room);
  }
}

std::string Rooms::User(size_t room, size_t member) const {
  const std::string name = "bench-" + tag_ + "-";
  return name + (scenario_.shared_users ? "all" : std::to_string(room)) + "-" +
         std::to_string(member);
}

std::string Rooms::Token(size_t room, size_t member) const {
  const auto& auth = input_.config.auth;
  const auto token = MintToken(key_,
                               {.user = User(room, member),
                                .ttl = std::chrono::hours(12),
                                .issuer = auth.issuer,
                                .audience = auth.audience},
                               SystemClock());
  if (!token) throw std::runtime_error(token.error().detail);
  return *token;
}

void Rooms::CreateOne(size_t room) {
  std::string body;
  JsonWriter out(body);
  out.BeginObject();
  out.Field("type", "group");
  out.Field("title", "parley bench");
  out.Key("participants");
  out.BeginArray();
  for (size_t member = 1; member < shape_.size; ++member) out.String(User(room, member));
  out.EndArray();
  out.EndObject();
  doctor::HttpAnswer answer;
  try {
    answer = doctor::Fetch(input_, {.method = "POST",
                                    .path = ApiPath(input_, "conversations/"),
                                    .token = Token(room, 0),
                                    .body = body});
  } catch (const doctor::HttpFailure& failure) {
    throw std::runtime_error(input_.url().url + ": " + failure.what());
  }
  const auto id = doctor::JsonText(answer.body, "/id");
  if (answer.status != 201 || !id) {
    throw std::runtime_error("the server refused to create a conversation: " + answer.Describe());
  }
  conversations_.push_back(*id);
}

Rooms::~Rooms() {
  for (size_t room = 0; room < conversations_.size(); ++room) {
    try {
      doctor::Fetch(input_, {.method = "DELETE",
                             .path = ApiPath(input_, "conversations/" + conversations_[room] + "/"),
                             .token = Token(room, 0)});
    } catch (const std::exception&) {
      return;  // the server is gone
    }
  }
}

loadgen::Member Rooms::MemberOf(size_t room, size_t member) const {
  return {.room = room,
          .sends = scenario_.work != Work::kConnect && scenario_.rate > 0 &&
                   (scenario_.all_send || member == 0),
          .slow = scenario_.half_slow && member > 0 && member * 2 >= shape_.size,
          .path = "/ws/messaging/conversations/" + conversations_[room] + "/",
          .token = Token(room, member),
          .endpoint = (room + member) % input_.targets.size()};
}

std::vector<loadgen::Member> Rooms::Members() const {
  std::vector<loadgen::Member> out;
  for (size_t room = 0; room < (scenario_.shared_users ? 1 : shape_.rooms); ++room) {
    for (size_t member = 0; member < shape_.size; ++member) out.push_back(MemberOf(room, member));
  }
  return out;
}

std::vector<loadgen::Member> Rooms::Creators() const {
  std::vector<loadgen::Member> out;
  for (size_t room = 0; room < shape_.rooms; ++room) {
    out.push_back(MemberOf(room, 0));
    out.back().sends = true;
  }
  return out;
}

}  // namespace parley::bench
