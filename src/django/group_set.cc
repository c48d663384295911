#include "django/group_set.h"

namespace parley::django {

void GroupSet::ScheduleAt(Groups::iterator group, std::optional<Monotonic> when) {
  Schedule::iterator& at = group->second.at;
  if (at != schedule_.end()) schedule_.erase(at);
  at = when ? schedule_.emplace(*when, group->first) : schedule_.end();
}

void GroupSet::Erase(Groups::iterator group) {
  ScheduleAt(group, std::nullopt);
  groups_.erase(group);
}

void GroupSet::Join(std::string_view group, Monotonic now) {
  const auto [found, added] = groups_.try_emplace(std::string(group), Group{.at = schedule_.end()});
  if (!added && found->second.wanted) return;
  found->second.wanted = true;
  // A group that is still joined may have been due for a renewal meanwhile.
  ScheduleAt(found, now);
}

void GroupSet::Leave(std::string_view group, Monotonic now) {
  const auto found = groups_.find(group);
  if (found == groups_.end() || !found->second.wanted) return;
  if (!found->second.joined) return Erase(found);
  found->second.wanted = false;
  ScheduleAt(found, now + options_.linger);
}

std::optional<GroupSet::Action> GroupSet::Next(Monotonic now) {
  if (schedule_.empty() || schedule_.begin()->first > now) return std::nullopt;
  const auto group = groups_.find(schedule_.begin()->second);
  Action action{.join = group->second.wanted, .group = group->first};
  if (!action.join) {
    Erase(group);
    return action;
  }
  group->second.joined = true;
  std::optional<Monotonic> next;
  if (options_.renew_every) next = now + *options_.renew_every;
  ScheduleAt(group, next);
  return action;
}

void GroupSet::PutOff(const Action& action, Monotonic until) {
  const auto [group, added] = groups_.try_emplace(
      action.group, Group{.at = schedule_.end(), .wanted = action.join, .joined = true});
  if (!added && !action.join) return;  // joined again meanwhile
  ScheduleAt(group, until);
}

std::optional<Monotonic> GroupSet::next_due() const {
  if (schedule_.empty()) return std::nullopt;
  return schedule_.begin()->first;
}

void GroupSet::Renew(Monotonic now, const std::function<bool(const std::string&)>& which) {
  for (auto group = groups_.begin(); group != groups_.end(); ++group) {
    if (group->second.wanted && which(group->first)) ScheduleAt(group, now);
  }
}

std::optional<std::string> GroupSet::AnyJoined(
    const std::function<bool(const std::string&)>& which) const {
  for (const auto& [name, group] : groups_) {
    if (group.wanted && group.joined && which(name)) return name;
  }
  return std::nullopt;
}

std::vector<std::string> GroupSet::Joined() const {
  std::vector<std::string> names;
  for (const auto& [name, group] : groups_) {
    if (group.joined) names.push_back(name);
  }
  return names;
}

}  // namespace parley::django
