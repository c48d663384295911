// The scenarios of `parley bench`: how many rooms of how many members, and which of them send.
#pragma once
#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/doctor/probe.h"
#include "auth/key.h"
#include "loadgen/member.h"

namespace parley::bench {

enum class Work {
  kMessages,  // open the connections, then send messages
  kConnect,   // only open the connections
  kResume,    // send messages, cut the receivers, and let them resume
  kRead,      // REST: pages of messages, lists and counts
  kPost,      // REST: send messages
};

struct Scenario {
  std::string_view name;
  std::string_view about;
  size_t rooms, size;  // defaults
  double
      rate;  // a second: messages over all senders, requests, or connections; 0: none, or no limit
  bool all_send;           // otherwise the first member of each room
  bool half_slow = false;  // the second half of each room reads slowly
  size_t least_nodes = 1;
  Work work = Work::kMessages;
  bool shared_users =
      false;  // the same users are the members of all rooms, with one connection each

  // True if its connections may fail, and are tried again until a deadline.
  bool storms() const { return work == Work::kConnect || work == Work::kResume; }
};

const std::vector<Scenario>& Scenarios();

struct Shape {
  size_t rooms = 1, size = 1;
};

// Conversations that are created over REST, and deleted with the object.
class Rooms {
 public:
  // `tag`: a part of the names of users, another one each run.
  Rooms(const doctor::ProbeInput& input, const Key& key, const std::string& tag,
        const Scenario& scenario, Shape shape)
      : input_(input), key_(key), tag_(tag), scenario_(scenario), shape_(shape) {}
  ~Rooms();
  Rooms(const Rooms&) = delete;
  Rooms& operator=(const Rooms&) = delete;

  // Errors: std::runtime_error with the server's answer, or if it is interrupted. What was created before is
  // deleted all the same.
  void Create(const std::atomic<bool>& interrupted);
  std::vector<loadgen::Member> Members() const;
  // The first member of each room, which sends.
  std::vector<loadgen::Member> Creators() const;
  const std::string& conversation(size_t room) const { return conversations_[room]; }
  size_t size() const { return conversations_.size(); }
  std::string Token(size_t room, size_t member) const;

 private:
  std::string User(size_t room, size_t member) const;
  void CreateOne(size_t room);
  loadgen::Member MemberOf(size_t room, size_t member) const;

  doctor::ProbeInput input_;
  const Key& key_;
  const std::string tag_;
  const Scenario& scenario_;
  const Shape shape_;
  std::vector<std::string> conversations_;
};

}  // namespace parley::bench
