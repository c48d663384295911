#include "hub/online_members.h"

#include <algorithm>

namespace parley {

const std::vector<bool>& OnlineMembers::Of(const Uuid& conversation, const SharedUsers& members) {
  if (lists_.size() >= kMaxLists) lists_.clear();
  List& list = lists_[conversation];
  if (list.members == members) return list.online;
  list.members = members;
  list.online.assign(members->size(), false);
  if (online_ == nullptr) return list.online;
  for (size_t i = 0; i < members->size(); ++i) list.online[i] = online_->Has((*members)[i]);
  return list.online;
}

void OnlineMembers::OnPresence(const Event& event) {
  if (event.origin != Origin::kThisNode) return;  // not of OnlineUsers
  const auto found = lists_.find(event.conversation);
  if (found == lists_.end()) return;
  List& list = found->second;
  const auto at = std::ranges::find(*list.members, event.except_user);
  if (at == list.members->end()) return;
  list.online[static_cast<size_t>(at - list.members->begin())] =
      event.kind == EventKind::kUserOnline;
}

}  // namespace parley
