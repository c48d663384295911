#include "feature/messages/history_cache.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

class HistoryCacheTest : public testing::Test {
 protected:
  using Version = HistoryCache::Version;
  static constexpr uint64_t kChange = uint64_t{1} << 24;

  static HistoryQuery QueryOf(uint8_t conversation, UserId reader, int limit = 50) {
    HistoryQuery query{.reader = std::move(reader), .limit = limit};
    query.conversation_id.bytes[15] = conversation;
    return query;
  }
  static HistoryQuery Before(uint8_t message, HistoryQuery query) {
    query.before_id = Uuid{};
    query.before_id->bytes[15] = message;
    return query;
  }
  void Add(const HistoryQuery& query, const Version& version, std::string_view json) {
    cache_.Add(query, {.version = version,
                       .formatted = SharedBytes(json),
                       .undelivered = {{.first = 1, .last = 1, .sender = "ann"}}});
  }
  std::string_view Find(const HistoryQuery& query, const Version& version) {
    const auto* page = cache_.Find(query, version);
    return page == nullptr ? "" : page->json.view();
  }

  HistoryCacheCounters counters_;
  HistoryCache cache_{counters_};
  const HistoryQuery anns_ = QueryOf(1, "ann"), bobs_ = QueryOf(1, "bob");
  const Version first_{}, second_{.messages = kChange, .members = 0},
      third_{.messages = 2 * kChange, .members = kChange};
};

TEST_F(HistoryCacheTest, APageIsServedAtItsVersionOnly) {
  Add(anns_, first_, "page");
  EXPECT_EQ(Find(anns_, first_), "page");
  EXPECT_EQ(Find(anns_, second_), "");
  EXPECT_EQ(Find(anns_, {.messages = 1}), "") << "a change is in flight";
}

TEST_F(HistoryCacheTest, APageReadDuringAChangeIsNotKept) {
  Add(anns_, {.messages = 1}, "page");
  EXPECT_EQ(Find(anns_, {.messages = 1}), "");
}

TEST_F(HistoryCacheTest, APageIsServedOnlyToReadersWhomTheStoreFoundToBeMembers) {
  Add(anns_, first_, "page");
  EXPECT_EQ(Find(bobs_, first_), "");
  Add(bobs_, first_, "page");
  EXPECT_EQ(Find(bobs_, first_), "page");
  EXPECT_EQ(Find(anns_, first_), "page");
}

TEST_F(HistoryCacheTest, ANewMessageKeepsTheReadersAndAChangeOfMembersDoesNot) {
  Add(anns_, first_, "one");
  Add(bobs_, second_, "two");
  EXPECT_EQ(Find(anns_, second_), "two");
  Add(bobs_, third_, "three");
  EXPECT_EQ(Find(anns_, third_), "");
  EXPECT_EQ(Find(bobs_, third_), "three");
}

TEST_F(HistoryCacheTest, AServiceReadsAnyPageAndIsNoReader) {
  HistoryQuery service = QueryOf(1, "backend");
  service.as_service = true;
  Add(service, first_, "page");
  EXPECT_EQ(Find(service, first_), "page");
  EXPECT_EQ(Find(QueryOf(1, "backend"), first_), "");
}

TEST_F(HistoryCacheTest, AnotherLimitIsAnotherPage) {
  Add(anns_, first_, "page");
  EXPECT_EQ(Find(QueryOf(1, "ann", 10), first_), "");
}

TEST_F(HistoryCacheTest, OlderPagesAreKeptByTheMessageThatTheyEndBefore) {
  Add(anns_, first_, "newest");
  Add(Before(2, anns_), first_, "before 2");
  Add(Before(3, anns_), first_, "before 3");
  EXPECT_EQ(Find(anns_, first_), "newest");
  EXPECT_EQ(Find(Before(2, anns_), first_), "before 2");
  EXPECT_EQ(Find(Before(3, anns_), first_), "before 3");
  EXPECT_EQ(Find(Before(2, QueryOf(2, "ann")), first_), "") << "another conversation";
  EXPECT_EQ(Find(Before(2, QueryOf(1, "ann", 10)), first_), "") << "another limit";
}

TEST_F(HistoryCacheTest, AnOlderPageIsServedAtItsVersionOnly) {
  Add(Before(2, anns_), first_, "older");
  EXPECT_EQ(Find(Before(2, anns_), second_), "");
  EXPECT_EQ(Find(Before(2, anns_), {.messages = 1}), "") << "a change is in flight";
}

TEST_F(HistoryCacheTest, AReaderOfOnePageGetsTheOthersUntilTheMembersChange) {
  Add(Before(2, anns_), first_, "older");
  EXPECT_EQ(Find(Before(2, bobs_), first_), "");
  Add(bobs_, first_, "newest");
  EXPECT_EQ(Find(Before(2, bobs_), first_), "older");
  Add(Before(2, anns_), third_, "older");
  EXPECT_EQ(Find(Before(2, bobs_), third_), "");
}

TEST_F(HistoryCacheTest, OlderPagesDoNotEvictNewestOnes) {
  Add(anns_, first_, "newest");
  const std::string large(500'000, 'x');
  for (uint8_t i = 1; i < 40; ++i) Add(Before(i, anns_), first_, large);
  EXPECT_EQ(Find(anns_, first_), "newest");
  EXPECT_EQ(Find(Before(1, anns_), first_), "");
  EXPECT_EQ(Find(Before(39, anns_), first_), large);
  EXPECT_LE(counters_.bytes.value(),
            static_cast<int64_t>(HistoryCache::kOlderBytes + HistoryCache::kReaderBytes));
}

TEST_F(HistoryCacheTest, APageThatTheStoreDidNotFormatIsNotKept) {
  cache_.Add(anns_, {.messages = {Message{.attachments = {Attachment{}}}}, .version = first_});
  EXPECT_EQ(Find(anns_, first_), "");
  EXPECT_EQ(counters_.bytes.value(), 0);
}

TEST_F(HistoryCacheTest, UndeliveredMessagesAreKeptWithThePage) {
  Add(bobs_, first_, "page");
  const auto* page = cache_.Find(bobs_, first_);
  ASSERT_NE(page, nullptr);
  ASSERT_EQ(page->undelivered.size(), 1u);
  EXPECT_EQ(page->undelivered[0].sender, "ann");
}

TEST_F(HistoryCacheTest, TheLeastRecentlyUsedPageIsEvictedAtTheBound) {
  const std::string large(500'000, 'x');
  for (uint8_t i = 1; i <= 16; ++i) {
    Add(QueryOf(i, "ann"), first_, large);
    EXPECT_EQ(Find(QueryOf(1, "ann"), first_), large) << "it is used";
  }
  for (uint8_t i = 17; i < 40; ++i) Add(QueryOf(i, "ann"), first_, large);
  EXPECT_LE(counters_.bytes.value(),
            static_cast<int64_t>(HistoryCache::kNewestBytes + HistoryCache::kReaderBytes));
  EXPECT_EQ(Find(QueryOf(1, "ann"), first_), "");
  EXPECT_EQ(Find(QueryOf(39, "ann"), first_), large);
}

TEST_F(HistoryCacheTest, AHugePageIsNotKept) {
  Add(anns_, first_, std::string(HistoryCache::kNewestBytes / 8 + 1, 'x'));
  EXPECT_EQ(Find(anns_, first_), "");
  EXPECT_LT(counters_.bytes.value(), 1'000) << "the reader";
}

TEST_F(HistoryCacheTest, TheReadersOfAConversationAreBounded) {
  for (size_t i = 0; i <= HistoryCache::kMaxReaders; ++i) {
    Add(QueryOf(1, "user-" + std::to_string(i)), first_, "page");
  }
  EXPECT_EQ(Find(QueryOf(1, "user-0"), first_), "");
  EXPECT_EQ(Find(QueryOf(1, "user-" + std::to_string(HistoryCache::kMaxReaders)), first_), "page");
}

}  // namespace
}  // namespace parley
