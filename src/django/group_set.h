// The groups that a node is in or shall be in, and when each needs a command: a join, a renewal of its
// membership, or, some time after it is no longer wanted, a leave. Reads no clock. Threads: one.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace parley::django {

class GroupSet {
 public:
  struct Options {
    Duration linger{std::chrono::seconds(30)};  // from Leave to the leave
    std::optional<Duration> renew_every;        // nullopt: a membership lasts
  };
  struct Action {
    bool join = false;  // or renew; otherwise leave
    std::string group;
  };

  explicit GroupSet(Options options) : options_(options) {}

  void Join(std::string_view group, Monotonic now);
  void Leave(std::string_view group, Monotonic now);

  // Returns an action that is due, which counts as done unless PutOff follows.
  std::optional<Action> Next(Monotonic now);
  void PutOff(const Action& action, Monotonic until);
  std::optional<Monotonic> next_due() const;

  // The memberships of these groups may be lost: they are due at once.
  void Renew(Monotonic now, const std::function<bool(const std::string&)>& which);

  bool Contains(std::string_view group) const { return groups_.find(group) != groups_.end(); }
  // A group that was joined and is still wanted, among those for which `which` is true.
  std::optional<std::string> AnyJoined(const std::function<bool(const std::string&)>& which) const;
  // All groups that were joined, wanted or not.
  std::vector<std::string> Joined() const;
  size_t size() const { return groups_.size(); }

 private:
  using Schedule = std::multimap<Monotonic, std::string>;
  struct Group {
    Schedule::iterator at;  // end(): nothing is due
    bool wanted = true, joined = false;
  };
  using Groups = std::map<std::string, Group, std::less<>>;

  void ScheduleAt(Groups::iterator group, std::optional<Monotonic> when);
  void Erase(Groups::iterator group);

  const Options options_;
  Groups groups_;
  Schedule schedule_;
};

}  // namespace parley::django
