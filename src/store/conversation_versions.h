// Versions of conversations, for caches of pages that were read from a store with one writing process. A
// version changes with each change of the rows that a page can show. While a transaction that changes them is
// in flight, the version is busy: pages are neither cached nor served from a cache.
//
// A cache loads the version before the snapshot that it reads begins, and serves the page while the version
// is the same. A change begins before its COMMIT and ends before the write is acknowledged, so a request that
// follows an acknowledgement never gets an older page.
//
// Users have versions of the same form, for what a list or a count shows: `members` changes when the user joins a
// conversation, `messages` also when a read mark of the user moves.
//
// Conversations share slots by hash: a change of another one may invalidate a page, and the memory is fixed.
// Threads: any.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "base/ids.h"
#include "base/keyed_hash.h"

namespace parley {

class ConversationVersions {
  struct Slot;

 public:
  // What a change affects. Messages do not affect the members.
  enum class Part : uint8_t { kMessages, kMessagesAndMembers };

  struct Version {
    uint64_t messages = 0, members = 0;
    bool busy() const { return IsBusy(messages | members); }
    bool operator==(const Version&) const = default;
  };

  Version Of(const Uuid& conversation) const {
    const Slot& slot = SlotOf(conversation);
    return {slot.messages.load(), slot.members.load()};
  }

  Version OfUser(const UserId& user) const {
    const Slot& slot = SlotOf(user);
    return {slot.messages.load(), slot.members.load()};
  }
  // For many conversations: their places, and Version::messages at a place, which every change changes.
  using Place = uint16_t;
  static Place PlaceOf(const Uuid& conversation) {
    uint64_t words[2];
    static_assert(sizeof words == sizeof conversation.bytes);
    std::memcpy(words, conversation.bytes.data(), sizeof words);
    return static_cast<Place>(((words[0] ^ words[1]) * 0x9e3779b97f4a7c15) >> 50);
  }
  uint64_t At(Place place) const { return slots_[place].messages.load(); }
  static bool IsBusy(uint64_t version) { return (version & kInFlight) != 0; }

  // A change in flight. Ends when it is destroyed, at the latest.
  class Change {
   public:
    Change() = default;
    Change(Change&& other) noexcept
        : slot_(std::exchange(other.slot_, nullptr)), part_(other.part_) {}
    Change& operator=(Change other) noexcept {
      std::swap(slot_, other.slot_);
      std::swap(part_, other.part_);
      return *this;
    }
    ~Change() { End(); }

    // Beginning again (a transaction that is retried) has no effect. `versions` may be null.
    template <class Id>  // of a conversation or a user
    void Begin(const ConversationVersions* versions, const Id& id, Part part) {
      if (slot_ != nullptr || versions == nullptr) return;
      slot_ = &versions->SlotOf(id);
      part_ = part;
      Add(1);
    }
    // Call it when the outcome is known, before it is announced.
    void End() {
      if (slot_ != nullptr) Add(kInFlight);  // one change less in flight, one version more
      slot_ = nullptr;
    }

   private:
    void Add(uint64_t n) {
      slot_->messages.fetch_add(n);
      if (part_ == Part::kMessagesAndMembers) slot_->members.fetch_add(n);
    }
    Slot* slot_ = nullptr;
    Part part_ = Part::kMessages;
  };

 private:
  // The low bits count the changes in flight. Adding this number takes one from them and adds one to the rest.
  static constexpr uint64_t kInFlight = (uint64_t{1} << 24) - 1;
  static constexpr size_t kSlots = 16'384;
  struct Slot {
    std::atomic<uint64_t> messages{0}, members{0};
  };

  Slot& SlotOf(const Uuid& conversation) const { return slots_[PlaceOf(conversation)]; }
  Slot& SlotOf(const UserId& user) const { return user_slots_[KeyedHashOf(user) % kSlots]; }

  const std::unique_ptr<Slot[]> slots_ = std::make_unique<Slot[]>(kSlots);
  const std::unique_ptr<Slot[]> user_slots_ = std::make_unique<Slot[]>(kSlots);
};

}  // namespace parley
