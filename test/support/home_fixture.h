// A home on a model store, without other shards or nodes. Threads: one.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hub/home.h"
#include "protocol/events.h"
#include "test/support/model_store.h"
#include "test/support/rooms.h"
#include "test/support/step_executor.h"

namespace parley::test {

using Seqs = std::vector<int64_t>;

class HomeTest : public testing::Test, protected HomeSink {
 protected:
  void Deliver(unsigned shard, std::vector<EventRef> events) override {
    for (const EventRef& event : events) {
      if (event->rewind_to >= 0) rewound_.push_back(event->rewind_to);
      if (event->rewind_to < 0) delivered_[shard].push_back(event->seq);
    }
  }

  // Runs until no call is in flight.
  void Rest() {
    while (!store_.idle() || !executor_.idle()) {
      store_.Run();
      executor_.Run();
    }
  }

  Result<Subscription> Subscribe(const UserId& user, unsigned shard = 0, bool trusted = false) {
    Result<Subscription> answer = Fail(ErrorCode::internal, "No answer came.");
    home_.Subscribe(kRoom, user, trusted, shard,
                    [&](Result<Subscription> given) { answer = std::move(given); });
    Rest();
    return answer;
  }

  NewMessage MakeMessage(const UserId& sender = "ann", const char* client_id = nullptr) {
    NewMessage message{.id = Uuid{{0x77, ++made_}},
                       .conversation_id = kRoom,
                       .sender_id = sender,
                       .content = "hello"};
    if (client_id != nullptr) message.client_id = client_id;
    return message;
  }
  void StartSend(NewMessage message) {
    home_.Send(std::move(message),
               [this](Result<StoredMessage> stored) { sent_.push_back(std::move(stored)); });
  }
  // The second of two messages is answered first, and the read of what is before it fails; the first
  // one's answer still waits.
  void FailToFillAGap() {
    store_.Put(kRoom, {"ann"});
    ASSERT_TRUE(Subscribe("ann"));
    StartSend(MakeMessage());
    StartSend(MakeMessage());
    store_.Happen();
    store_.AnswerAt(1);
    store_.fail_next_changes = 1;
    executor_.Run();
    store_.Happen();
    store_.AnswerAt(1);
    executor_.Run();
  }
  void Apply(ChangeVerb verb) {
    home_.Apply({.conversation = kRoom, .actor = "ann", .verb = std::move(verb)},
                [](Result<AppliedChange> applied) { EXPECT_TRUE(applied); });
  }
  Result<StoredMessage> Send(NewMessage message) {
    StartSend(std::move(message));
    Rest();
    return sent_.back();
  }

  Result<PageRef> Read(int64_t since, const Uuid& conversation = kRoom) {
    Result<PageRef> answer = Fail(ErrorCode::internal, "No answer came.");
    home_.Read(conversation, since, [&](Result<PageRef> given) { answer = std::move(given); });
    Rest();
    return answer;
  }
  static Seqs SeqsOf(const Page& page) {
    Seqs out;
    for (const EventRef& event : page.events) out.push_back(event->seq);
    return out;
  }

  StepExecutor executor_;
  ModelStore store_;
  HubCounters counters_;
  Home home_{executor_, store_, *this, counters_, {.shards = 3, .live_participants = 3}};
  std::vector<Seqs> delivered_ = std::vector<Seqs>(3);
  std::vector<Result<StoredMessage>> sent_;
  Seqs rewound_;
  uint8_t made_ = 0;
};

}  // namespace parley::test
