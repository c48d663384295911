#include "feature/conversations/list_assembly.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "protocol/json_reader.h"

namespace parley {
namespace {

using namespace std::chrono_literals;

Uuid Id(int number) {
  char text[37];
  std::snprintf(text, sizeof text, "0190b8a4-7c1e-7abc-8def-%012d", number);
  return *Uuid::Parse(text);
}

Message MessageIn(const Uuid& room, int64_t seq, const char* content) {
  return {.id = Id(100 + static_cast<int>(seq)),
          .conversation_id = room,
          .seq = seq,
          .sender_id = "bob",
          .content = content,
          .sent_at = {1'700'000'000'000'000}};
}

// One conversation as the store shows it to ann.
struct Stored {
  int64_t seq = 3, changed = 50, mark = 1, unread = 2;
  std::string content = "hello";
  std::optional<Timestamp> delivered_at = {}, read_at = {};
};

class ListAssemblyTest : public testing::Test {
 protected:
  const Uuid room_ = Id(1);
  Stored stored_;
  uint64_t epoch_ = 7;
  std::map<std::string, std::string> redis_;
  CacheCounters counters_;
  CacheFormat format_{.prefix = "p", .lifetime = 60s, .seal = CacheSeal(std::string(32, 's'))};
  JsonReader json_{16};
  ListParts missing_;

  ListedConversation Row() const {
    return {.conversation = {.id = room_, .participant_count = 2, .seq = stored_.seq},
            .changed = stored_.changed,
            .read_mark = stored_.mark};
  }
  FoundParts Find(const ListParts& wanted) const {
    FoundParts found{.epoch = epoch_};
    Message message = MessageIn(room_, stored_.seq, stored_.content.c_str());
    message.delivered_at = stored_.delivered_at;
    message.read_at = stored_.read_at;
    const bool whole = !wanted.whole.empty();
    if (whole || !wanted.unread.empty()) {
      FoundParts::Part part{
          .view = {.conversation = Row().conversation, .unread_count = stored_.unread},
          .changed = stored_.changed,
          .read_mark = stored_.mark,
          .whole = whole};
      if (whole) {
        part.view.conversation.members = {{.user = "ann"}, {.user = "bob"}};
        part.view.last_message = message;
      }
      found.parts.push_back(std::move(part));
    }
    for (const Uuid& id : wanted.stamps) {
      if (id == message.id) found.stamps.push_back({id, stored_.delivered_at, stored_.read_at});
    }
    return found;
  }
  // Lists as ListCache does. `gone`: the reader is removed between the two steps.
  PageOfConversations List(bool answered = true, bool gone = false) {
    ListAssembly list(format_, counters_, "ann",
                      {.conversations = {Row()}, .last = {{}, room_}, .epoch = epoch_});
    std::optional<RedisCache::Values> values;
    if (answered) {
      values.emplace();
      for (const auto& wanted : list.Wanted()) {
        const auto found = redis_.find(wanted.key);
        values->push_back(found == redis_.end() ? std::nullopt : std::optional(found->second));
      }
    }
    list.TakeValues(json_, values);
    missing_ = list.Missing();
    list.TakeParts(gone ? FoundParts{} : Find(missing_));
    for (const RedisCache::Entry& entry : list.Entries()) redis_[entry.key] = entry.value;
    return std::move(list).Take();
  }
  void ExpectShown(const PageOfConversations& page) {
    ASSERT_EQ(page.conversations.size(), 1u);
    const ConversationView& view = page.conversations[0];
    EXPECT_EQ(view.conversation.seq, stored_.seq);
    EXPECT_EQ(view.conversation.members.size(), 2u);
    EXPECT_EQ(view.unread_count, stored_.mark >= stored_.seq ? 0 : stored_.unread);
    ASSERT_TRUE(view.last_message);
    EXPECT_EQ(view.last_message->content, stored_.content);
    EXPECT_EQ(view.last_message->delivered_at, stored_.delivered_at);
    EXPECT_EQ(view.last_message->read_at, stored_.read_at);
  }
  uint64_t Count(CachedKind kind, CacheResult result) {
    return counters_.Lookups(kind, result).value();
  }
};

TEST_F(ListAssemblyTest, TheSecondListReadsOnlyWhatChangesWithoutASeq) {
  ExpectShown(List());
  EXPECT_EQ(missing_.whole.size(), 1u);
  EXPECT_EQ(redis_.size(), 2u);
  ExpectShown(List());
  EXPECT_TRUE(missing_.whole.empty() && missing_.unread.empty());
  EXPECT_EQ(missing_.stamps.size(), 1u);
  EXPECT_EQ(Count(CachedKind::kSummary, CacheResult::kHit), 1u);
  EXPECT_EQ(Count(CachedKind::kUnread, CacheResult::kHit), 1u);

  stored_.delivered_at = Timestamp{1'700'000'001'000'000};
  ExpectShown(List());
  stored_.read_at = Timestamp{1'700'000'002'000'000};
  ExpectShown(List());
  ExpectShown(List());
  EXPECT_TRUE(missing_.stamps.empty()) << "both times are set and stay as they are";
}

TEST_F(ListAssemblyTest, AnEntryOfAnotherStateIsNotUsed) {
  ExpectShown(List());
  for (const auto& change : std::vector<std::function<void()>>{
           [&] { ++stored_.seq; }, [&] { ++stored_.changed; }, [&] { ++epoch_; }}) {
    change();
    stored_.content += "!";
    ++stored_.unread;
    ExpectShown(List());
    EXPECT_EQ(missing_.whole.size(), 1u);
  }
  EXPECT_EQ(Count(CachedKind::kSummary, CacheResult::kStale), 3u);
}

TEST_F(ListAssemblyTest, AMovedMarkReadsTheUnreadCountOnly) {
  ExpectShown(List());
  ++stored_.mark;
  --stored_.unread;
  ExpectShown(List());
  EXPECT_TRUE(missing_.whole.empty());
  EXPECT_EQ(missing_.unread.size(), 1u);
  stored_.mark = stored_.seq;
  ExpectShown(List());
  EXPECT_TRUE(missing_.unread.empty()) << "nothing is unread";
}

TEST_F(ListAssemblyTest, WithoutAnAnswerEverythingIsRead) {
  ExpectShown(List(false));
  EXPECT_EQ(missing_.whole.size(), 1u);
  EXPECT_EQ(Count(CachedKind::kSummary, CacheResult::kUnanswered), 1u);
}

TEST_F(ListAssemblyTest, ARemovedReaderIsNotShownTheConversation) {
  EXPECT_TRUE(List(true, true).conversations.empty());
}

TEST_F(ListAssemblyTest, AChangedEntryIsNeverShown) {
  ExpectShown(List());
  const auto good = redis_;
  for (const auto& [key, value] : good) {
    for (size_t at = 0; at < value.size(); ++at) {
      redis_ = good;
      redis_[key][at] = static_cast<char>(redis_[key][at] ^ 0x15);
      const bool number = value.size() < 3;
      if (!number) ExpectShown(List());
    }
  }
  for (const char* value :
       {"", "-1", "1001", "99999999999999999999", "x", "2.0", "\x80\x04\x88."}) {
    for (const auto& [key, unused] : good) {
      redis_ = good;
      redis_[key] = value;
      ExpectShown(List());
    }
  }
}

TEST_F(ListAssemblyTest, AnEntryOfAnotherConversationIsNotUsed) {
  ExpectShown(List());
  const std::string other = format_.KeyOf("summary:" + Id(2).ToString());
  const std::string mine = format_.KeyOf("summary:" + room_.ToString());
  ASSERT_TRUE(redis_.contains(mine));
  const std::string foreign = SummaryJson(Id(2), {.seq = 3, .changed = 50, .epoch = 7});
  redis_[mine] = format_.seal.Seal(other, foreign);
  ExpectShown(List());
  redis_[mine] = format_.seal.Seal(mine, foreign);
  ExpectShown(List());
  EXPECT_EQ(Count(CachedKind::kSummary, CacheResult::kInvalid), 2u);
}

}  // namespace
}  // namespace parley
