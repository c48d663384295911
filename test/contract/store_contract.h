// The contract of all stores (src/store/store.h) as one suite, run on every engine. A new engine is one
// line in store_contract.cc.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "store/store.h"
#include "test/contract/waiting_executor.h"

namespace parley::test {

// A private directory, deleted with the object.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Engine {
  using Path = std::filesystem::path;
  std::string name;
  bool shared = false;  // several processes may open one store at the same time
  // Opens the store that belongs to the directory, making it the first time. Throws
  // std::runtime_error, also while it is open already.
  std::function<std::unique_ptr<Store>(const Path&, const Clock&)> open;
  // Changes rows while the store is closed, for tests of states that no call of the store creates.
  std::function<void(const Path&, const std::string& sql)> execute;
  // Copies the files that a kill of this process would leave of the open store `from` to `to`, while no
  // write is pending. Empty if a test cannot copy the files of the engine.
  std::function<void(const Path& from, const Path& to)> take_remains;
};
std::string PrintToString(const Engine& engine);
std::vector<Engine> Engines();  // all engines

// Opens a store of the engine in a private directory; the clock stands still.
class StoreContract : public testing::TestWithParam<Engine> {
 protected:
  StoreContract();
  ~StoreContract() override;

  void Close() { store_.reset(); }
  void Open() { store_ = GetParam().open(directory_.path(), clock_); }
  void Reopen();
  // Closes the store, changes the rows, and opens it again.
  void Execute(const std::string& sql);

  Uuid NewId() { return ids_.Next(); }
  NewConversation Wanted(std::vector<UserId> users,
                         ConversationType type = ConversationType::kGroup);
  // Creates a group and returns its id.
  Uuid Room(std::vector<UserId> users);
  NewMessage Text(const Uuid& room, const UserId& sender, const std::string& content = "hello");
  // Returns a message with a client_id; the request hash depends on the content.
  NewMessage Named(const Uuid& room, const UserId& sender, const std::string& client_id,
                   const std::string& content = "hello");

  // Starts a call on the test's own executor and runs it until the answer arrives.
  template <class T, class Start>
  Result<T> Ask(Start start) {
    std::optional<Result<T>> answer;
    start(on_, Answer<T>([&answer](Result<T> given) { answer.emplace(std::move(given)); }));
    if (!on_.RunUntil([&answer] { return answer.has_value(); })) {
      ADD_FAILURE() << "The call was not answered.";
      return Fail(ErrorCode::internal, "No answer came.");
    }
    return std::move(*answer);
  }

  Result<StoredMessage> Insert(NewMessage message);
  // Inserts `count` messages with the contents "1", "2", ..., many to a batch.
  std::vector<StoredMessage> InsertMany(const Uuid& room, const UserId& sender, int count);
  Result<CreatedConversation> Create(NewConversation wanted);
  Result<AppliedChange> Apply(const Uuid& room, const UserId& actor, ChangeVerb verb);
  Result<ReadMarks> Mark(const Uuid& room, const UserId& reader, int64_t up_to);
  Result<void> Delete(const Uuid& room, const UserId& actor);
  Result<ConversationHead> Head(const Uuid& room, size_t participants_limit = 10);
  Result<bool> IsParticipant(const Uuid& room, const UserId& user);
  Result<ConversationView> View(const Uuid& room, const UserId& reader, bool as_service = false);
  Result<PageOfConversations> List(const UserId& reader, int limit = 1000,
                                   std::optional<ConversationCursor> after = std::nullopt);
  Result<int64_t> Unread(const UserId& reader, std::optional<Uuid> room = std::nullopt);
  Result<PageOfMessages> History(const HistoryQuery& query);
  Result<Message> Read(const Uuid& message, const UserId& reader, bool as_service = false);
  Result<ChangesSince> Changes(const Uuid& room, int64_t since, int limit = 1000);
  Result<UserConversations> UserHeads(const UserId& user,
                                      std::optional<int64_t> since = std::nullopt);

  static constexpr int64_t kMostUnattached = 5;
  int64_t quota_ = 0;  // bytes of a user's files; 0: no limit
  NewAttachment File(const UserId& uploader, const std::string& name = "cat.png");
  Result<StoredAttachment> Upload(NewAttachment file);
  Uuid Upload(const UserId& uploader) { return Upload(File(uploader))->attachment.id; }
  Result<void> RemoveUnattached(const Uuid& attachment, const UserId& uploader);
  Result<FoundAttachment> FindFile(const Uuid& attachment, const UserId& reader,
                                   bool as_service = false);
  std::vector<Uuid> RemovedFiles();
  int64_t Expire(Timestamp uploaded_before);
  // Returns a message with these attachments.
  NewMessage With(const Uuid& room, const UserId& sender, std::vector<Uuid> attachments);

  // Returns the seqs of all stored messages, from the changes since 0.
  std::vector<int64_t> StoredSeqs(const Uuid& room);
  static std::vector<int64_t> SeqsOf(const std::vector<Message>& messages);
  static std::vector<int64_t> OneTo(int64_t last);
  static std::vector<Uuid> IdsOf(const PageOfConversations& page);

  ManualClock clock_;
  ScratchDirectory directory_;
  WaitingExecutor on_;  // the test's own thread
  std::unique_ptr<Store> store_;

 private:
  UuidGenerator ids_{clock_};
};

// Returns the error code of a result that must be a failure.
template <class T>
ErrorCode CodeOf(const Result<T>& result) {
  if (!result) return result.error().code;
  ADD_FAILURE() << "The call succeeded.";
  return ErrorCode::internal;
}

}  // namespace parley::test

// For failure messages.
namespace parley {
inline void PrintTo(ErrorCode code, std::ostream* out) { *out << Name(code); }
inline void PrintTo(const Uuid& id, std::ostream* out) { *out << id.ToString(); }
}  // namespace parley
