// A home beside other nodes.
#include "test/support/home_fixture.h"

namespace parley {
namespace {

using test::HomeTest;
using test::kRoom;
using test::Seqs;

class SilentPublisher final : public EventTap, public FollowSink {
 public:
  void Follow(const Uuid&) override {}
  void Leave(const Uuid&) override {}
  void OnEvent(const EventRef& event, const MemberChange&, uint64_t) override {
    published.push_back(event->seq);
  }
  void OnTyping(const TypingUpdate&) override {}
  Seqs published;
};

class HomeWithOtherNodesTest : public HomeTest {
 protected:
  Result<Subscription> SubscribeHere(const UserId& user) {
    Result<Subscription> answer = Fail(ErrorCode::internal, "No answer came.");
    shared_.Subscribe(kRoom, user, false, 0, [&](Result<Subscription> given) { answer = given; });
    Rest();
    return answer;
  }
  static RemoteEvent Joined(const UserId& user, int64_t seq) {
    return {std::make_shared<const Event>(Event{.conversation = kRoom, .seq = seq, .json = "{}"}),
            {.added = user, .removed = {}, .participant_count = 3}};
  }
  SilentPublisher publisher_;
  Home shared_{executor_,
               store_,
               *this,
               counters_,
               {.shards = 1,
                .live_participants = 3,
                .other_writers = true,
                .follow_sinks = {&publisher_},
                .taps = {&publisher_}}};
};

TEST_F(HomeWithOtherNodesTest, AnOutdatedMemberChangeDoesNotOverwriteALaterRead) {
  store_.Put(kRoom, {"ann", "bob"}, 2);
  ASSERT_TRUE(SubscribeHere("ann"));
  shared_.IngestRemote(Joined("eve", 1));  // eve was removed by 2, which the read had in it
  Rest();
  EXPECT_EQ(SubscribeHere("eve").error().code, ErrorCode::not_participant);
}

TEST_F(HomeWithOtherNodesTest, APageReportsTheStoreHeadIfTheCacheIsBehind) {
  store_.Put(kRoom, {"ann"}, 2);
  ASSERT_TRUE(SubscribeHere("ann"));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(Send(MakeMessage()));  // on another node
  PageRef page;
  shared_.Read(kRoom, 0, [&](Result<PageRef> given) { page = *given; });
  Rest();
  ASSERT_NE(page, nullptr);
  EXPECT_LT(page->through, page->newest) << "there is more";
  EXPECT_EQ(page->newest, 202);
  EXPECT_EQ(page->head, 2) << "from there on, events come live";
}

TEST_F(HomeWithOtherNodesTest, EphemeralEventsOfLargeConversationsAreNotPublished) {
  store_.Put(kRoom, {"ann", "bob", "cho", "dan"});
  shared_.BroadcastEphemeral(ReadReceiptEvent(kRoom, "ann", {}, 1));
  EXPECT_EQ(publisher_.published.size(), 1u) << "it may be small elsewhere";
  ASSERT_TRUE(SubscribeHere("ann"));
  shared_.BroadcastEphemeral(ReadReceiptEvent(kRoom, "ann", {}, 1));
  EXPECT_EQ(publisher_.published.size(), 1u);
}

}  // namespace
}  // namespace parley
