#include "hub/typists.h"

#include <algorithm>

namespace parley {

bool Typists::Start(const Uuid& conversation, const UserId& user, uint64_t tab, Monotonic now) {
  auto found = typists_.find({conversation, user});
  if (found == typists_.end()) {
    if (typists_.size() >= kMost) return false;
    found = typists_.try_emplace({conversation, user}).first;
  }
  std::vector<Tab>& tabs = found->second.tabs;
  std::erase_if(tabs, [&](const Tab& one) { return one.id == tab; });
  if (tabs.size() == kTabs) tabs.erase(tabs.begin());  // in the order in which they end
  tabs.push_back({tab, now + kTypingEnds});
  Settle(*found, now);
  return true;
}

void Typists::Stop(const Uuid& conversation, const UserId& user, uint64_t tab, Monotonic now) {
  const auto found = typists_.find({conversation, user});
  if (found == typists_.end()) return;
  std::erase_if(found->second.tabs, [&](const Tab& one) { return one.id == tab; });
  Settle(*found, now);
}

void Typists::End(const Uuid& conversation, const UserId& user, Monotonic now) {
  const auto found = typists_.find({conversation, user});
  if (found == typists_.end()) return;
  found->second.tabs.clear();
  Settle(*found, now);
}

void Typists::OnTick(Monotonic now) {
  for (auto at = typists_.begin(); at != typists_.end();) {
    Typist& typist = at->second;
    std::erase_if(typist.tabs, [&](const Tab& one) { return one.until <= now; });
    Settle(*at, now);
    // Kept for as long as it holds back another start.
    const bool over = typist.tabs.empty() && now >= typist.next_start;
    at = over ? typists_.erase(at) : std::next(at);
  }
}

void Typists::Settle(Typing::value_type& entry, Monotonic now) {
  Typist& typist = entry.second;
  const bool is_typing = !typist.tabs.empty();
  if (is_typing == typist.shown || (is_typing && now < typist.next_start)) return;
  typist.shown = is_typing;
  if (is_typing) typist.next_start = now + kBetweenStarts;
  show_(entry.first.first, entry.first.second, is_typing);
}

}  // namespace parley
