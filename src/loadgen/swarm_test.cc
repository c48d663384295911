// The generator against a server on a real socket that loses, repeats and reorders deliveries on purpose.
#include "loadgen/swarm.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "loadgen/faulty_server.h"
#include "loadgen/parley_dialect.h"

namespace parley::loadgen {
namespace {

constexpr int kReceivers = 3;

struct Measured {
  Report report;
  int messages = 0;
};

// As Parley's, but takes 15 ms for each frame.
class SlowlyReadDialect final : public Dialect {
 public:
  void OnText(Connection& connection, std::string_view frame) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
    parley_.OnText(connection, frame);
  }
  void Encode(const Member& member, const Outgoing& message, std::string& out) const override {
    parley_.Encode(member, message, out);
  }

 private:
  const ParleyDialect parley_{"t"};
};

// Connects the senders and the other receivers, and measures with `run`.
Measured MeasureWith(const Misbehaviour& how, Plan plan, const Dialect& dialect,
                     const std::function<Report(Swarm&)>& run, int receivers = kReceivers,
                     int senders = 1) {
  FaultyServer server(how);
  plan.endpoints = {Resolve("127.0.0.1", server.port())};
  plan.prefix = "t";
  plan.quiet_seconds = 1;
  std::vector<Member> members;
  for (int i = 0; i < receivers; ++i) members.push_back({.sends = i < senders, .path = "/"});
  Measured out;
  {
    Swarm swarm(plan, dialect, std::move(members));
    out.report = run(swarm);
    server.Stop();
  }
  out.messages = server.messages();
  return out;
}

Measured MeasureWith(const Misbehaviour& how, Plan plan, const std::function<Report(Swarm&)>& run,
                     int receivers = kReceivers, int senders = 1) {
  return MeasureWith(how, std::move(plan), ParleyDialect("t"), run, receivers, senders);
}

Measured Measure(const Misbehaviour& how) {
  return MeasureWith(how, {}, [](Swarm& swarm) {
    swarm.Connect();
    return swarm.Run({.rate = 200, .warm_up = 0, .seconds = 1});
  });
}

Measured MeasureOutage(const Misbehaviour& how) {
  return MeasureWith(how, {}, [](Swarm& swarm) {
    swarm.Connect();
    return swarm.RunOutage({.rate = 200}, {.before = 0.3, .away = 0.3, .after = 0.3});
  });
}

// The last message may be one of the affected; a swap of the last one is a loss.
uint64_t Affected(const Measured& measured, int each) {
  return static_cast<uint64_t>(measured.messages / each * kReceivers);
}

TEST(SwarmTest, AServerThatDeliversEverythingHasNoFaults) {
  const Measured measured = Measure({});
  EXPECT_FALSE(measured.report.faults.any());
  EXPECT_GT(measured.messages, 100);
  EXPECT_EQ(measured.report.delivery.count(), Affected(measured, 1));
  EXPECT_EQ(measured.report.ack.count(), static_cast<uint64_t>(measured.messages));
}

TEST(SwarmTest, LostMessagesAreCountedForEveryReceiver) {
  const Measured measured = Measure({.lose_each = 7});
  EXPECT_EQ(measured.report.faults.lost, Affected(measured, 7));
  EXPECT_EQ(measured.report.faults.repeated, 0U);
  EXPECT_EQ(measured.report.faults.reordered, 0U);
}

TEST(SwarmTest, RepeatedMessagesAreCountedForEveryReceiver) {
  const Measured measured = Measure({.repeat_each = 5});
  EXPECT_EQ(measured.report.faults.repeated, Affected(measured, 5));
  EXPECT_EQ(measured.report.faults.seq_repeated, Affected(measured, 5));
  EXPECT_EQ(measured.report.faults.lost, 0U);
}

TEST(SwarmTest, ReorderedMessagesAreCountedForEveryReceiver) {
  const Measured measured = Measure({.swap_each = 6});
  const uint64_t held = measured.messages % 6 == 0 ? kReceivers : 0;
  EXPECT_EQ(measured.report.faults.reordered, Affected(measured, 6) - held);
  EXPECT_EQ(measured.report.faults.seq_reordered, Affected(measured, 6) - held);
  EXPECT_EQ(measured.report.faults.lost, held);
  EXPECT_EQ(measured.report.faults.repeated, 0U);
}

TEST(SwarmTest, MissingAcknowledgementsAreCounted) {
  const Measured measured = Measure({.drop_acks_each = 10});
  EXPECT_EQ(measured.report.faults.unacknowledged, static_cast<uint64_t>(measured.messages / 10));
  EXPECT_EQ(measured.report.faults.lost, 0U);
}

// 100 messages were due during a stall of 500 ms; half of them waited for more than 200 ms.
TEST(SwarmTest, AStallDelaysAllMessagesThatWereDueMeanwhile) {
  const Measured measured = Measure({.stall_at = 50});
  EXPECT_FALSE(measured.report.faults.any());
  EXPECT_GE(measured.report.ack.CountFrom(200'000), 55U);
}

TEST(SwarmTest, ALoadOfACertainNumberOfMessagesEndsAfterThem) {
  for (const Pace pace : {Pace::kRate, Pace::kAcked}) {
    const Measured measured = MeasureWith({}, {}, [&](Swarm& swarm) {
      swarm.Connect();
      return swarm.Run({.pace = pace,
                        .window = 8,
                        .rate = 1000,
                        .warm_up = 0,
                        .seconds = 60,
                        .messages_each = 70});
    });
    EXPECT_EQ(measured.messages, 70);
    EXPECT_EQ(measured.report.sent, 70U);
    EXPECT_FALSE(measured.report.faults.any());
  }
}

// A generator that is busy reading at the end sends late, and leaves nothing out.
TEST(SwarmTest, EveryMessageThatIsDueWithinALoadIsSent) {
  const SlowlyReadDialect dialect;
  const Measured measured = MeasureWith({}, {}, dialect, [](Swarm& swarm) {
    swarm.Connect();
    return swarm.Run({.rate = 100, .warm_up = 0.1, .seconds = 0.2});
  });
  EXPECT_EQ(measured.messages, 30);
  EXPECT_EQ(measured.report.ack.count(), 20U);
  EXPECT_EQ(measured.report.unsent, 0U);
  EXPECT_FALSE(measured.report.faults.any());
}

// As Parley's, but sends a message only after the answer to the last one.
class OneAtATimeDialect final : public Dialect {
 public:
  bool one_at_a_time() const override { return true; }
  void OnText(Connection& connection, std::string_view frame) const override {
    parley_.OnText(connection, frame);
  }
  void Encode(const Member& member, const Outgoing& message, std::string& out) const override {
    parley_.Encode(member, message, out);
  }

 private:
  const ParleyDialect parley_{"t"};
};

// Messages that wait for the server are late, and the generator is not.
TEST(SwarmTest, ASlowServerIsNotADelayOfTheGenerator) {
  const OneAtATimeDialect dialect;
  const Measured measured = MeasureWith({.stall_at = 20}, {}, dialect, [](Swarm& swarm) {
    swarm.Connect();
    return swarm.Run({.rate = 200, .warm_up = 0, .seconds = 1});
  });
  EXPECT_GE(measured.report.ack.CountFrom(200'000), 55U);
  EXPECT_EQ(measured.report.send_delay.count(), 200U);
  EXPECT_LT(measured.report.send_delay.CountFrom(200'000), 10U);
}

// The first load ends in a stall, and its last message arrives while the generator waits for what is missing.
TEST(SwarmTest, ALateDeliveryIsNotInTheTimelineOfTheNextLoad) {
  const Measured measured = MeasureWith({.stall_at = 50}, {}, [](Swarm& swarm) {
    swarm.Connect();
    const Report first = swarm.Run({.rate = 200, .warm_up = 0, .seconds = 0.25});
    EXPECT_GE(first.delivery.max(), 400'000U);
    return swarm.Run({.rate = 200, .warm_up = 0.1, .seconds = 0.5});
  });
  ASSERT_EQ(measured.report.timeline.size(), 1U);
  EXPECT_LT(measured.report.timeline[0].max, 400'000U);
}

TEST(SwarmTest, ARepetitionOfTheLastMessageIsCounted) {
  const Measured measured = MeasureWith({.repeat_late_at = 40}, {}, [](Swarm& swarm) {
    swarm.Connect();
    return swarm.Run({.rate = 400, .warm_up = 0, .seconds = 60, .messages_each = 40});
  });
  EXPECT_EQ(measured.report.faults.repeated, static_cast<uint64_t>(kReceivers));
  EXPECT_EQ(measured.report.faults.seq_repeated, static_cast<uint64_t>(kReceivers));
}

TEST(SwarmTest, ALoadThatWaitsForAServerThatDoesNotAnswerGivesUp) {
  const Measured measured = MeasureWith({.drop_acks_each = 1}, {}, [](Swarm& swarm) {
    swarm.Connect();
    return swarm.Run({.pace = Pace::kAcked,
                      .window = 8,
                      .warm_up = 0,
                      .seconds = 30,
                      .messages_each = 70,
                      .give_up = 0.3});
  });
  EXPECT_LT(measured.report.seconds, 5);
  EXPECT_EQ(measured.report.faults.unacknowledged, 8U);
}

TEST(SwarmTest, ClientsThatWereCutCatchUpWithoutAFault) {
  const Measured measured = MeasureOutage({});
  EXPECT_FALSE(measured.report.faults.any());
  EXPECT_EQ(measured.report.catch_up.count(), kReceivers - 1U);
  EXPECT_EQ(measured.report.resumed, kReceivers - 1U);
  EXPECT_GT(measured.messages, 150);
}

TEST(SwarmTest, MessagesThatAResumeLosesAreCounted) {
  const Measured measured = MeasureOutage({.lose_each = 7});
  EXPECT_EQ(measured.report.faults.lost, Affected(measured, 7));
  EXPECT_EQ(measured.report.faults.repeated + measured.report.faults.reordered, 0U);
}

TEST(SwarmTest, MessagesThatAResumeRepeatsAreCounted) {
  const Measured measured = MeasureOutage({.repeat_each = 5});
  EXPECT_EQ(measured.report.faults.repeated, Affected(measured, 5));
  EXPECT_EQ(measured.report.faults.lost + measured.report.faults.reordered, 0U);
}

TEST(SwarmTest, AStormConnectsAgainAfterARefusalAndCountsIt) {
  const Measured measured =
      MeasureWith({.refuse_first = 2}, {}, [](Swarm& swarm) { return swarm.Storm(); });
  EXPECT_EQ(measured.report.faults.failed_connects, 2U);
  EXPECT_EQ(measured.report.ready, static_cast<uint64_t>(kReceivers));
  EXPECT_EQ(measured.report.connect.CountFrom(900'000), 2U);  // they waited for a second
  EXPECT_EQ(measured.report.first_error, "HTTP/1.1 503 Service Unavailable");
}

TEST(SwarmTest, AClientThatIsNeverReadyIsCounted) {
  const Measured measured = MeasureWith({.refuse_first = 3}, {.connect_seconds = 0.3},
                                        [](Swarm& swarm) { return swarm.Storm(); });
  EXPECT_EQ(measured.report.faults.never_ready, static_cast<uint64_t>(kReceivers));
}

TEST(SwarmTest, TheTimeOfTheLastReadyConnectionIsKnownIfOthersAreNotReady) {
  const Measured measured =
      MeasureWith({.refuse_first = 1}, {.connect_rate = 10, .connect_seconds = 0.5},
                  [](Swarm& swarm) { return swarm.Storm(); });
  EXPECT_EQ(measured.report.faults.never_ready, 1U);
  EXPECT_GE(measured.report.connect_seconds, 0.2);
}

TEST(SwarmTest, AnAnswerThatIsNotHttpIsAnErrorWithItsReason) {
  const auto error_of = [](const std::string& answer) -> std::string {
    try {
      MeasureWith({.upgrade_answer = answer}, {.connect_seconds = 5}, [](Swarm& swarm) -> Report {
        swarm.Connect();
        return {};
      });
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  const std::string refused = "the server refused a connection after 0: ";
  EXPECT_EQ(error_of("\r\n\r\n"), refused + "the server does not answer in HTTP");
  EXPECT_EQ(error_of("HTTP/1.1 418 \x1b[2J\r\n\r\n"), refused + "HTTP/1.1 418  [2J");
  EXPECT_EQ(error_of("HTTP/1.1 101 OK\r\n\r\n\x88\x06\x0f\xa1"
                     "gone"),
            refused + "the server closed the connection with code 4001: gone");
  EXPECT_EQ(error_of(std::string(17 << 20, 'x')),
            refused + "the server sent an answer or a frame of more than 16 MiB");
}

TEST(SwarmTest, ARateOfConnectsIsKept) {
  const Measured measured =
      MeasureWith({}, {.connect_rate = 10}, [](Swarm& swarm) { return swarm.Storm(); });
  EXPECT_GE(measured.report.connect_seconds, 0.2);
  EXPECT_FALSE(measured.report.faults.any());
}

// Members of two loops that send to each other: every delivery is checked against the sender's count, which
// another thread keeps.
TEST(SwarmTest, CountsAreExactOverThreads) {
  for (const size_t threads : {2, 3, 64}) {
    const Measured measured = MeasureWith(
        {.lose_each = 7, .drop_acks_each = 10}, {.threads = threads},
        [](Swarm& swarm) {
          swarm.Connect();
          return swarm.Run({.rate = 400, .warm_up = 0, .seconds = 60, .messages_each = 40});
        },
        5, 5);
    EXPECT_EQ(measured.messages, 200);
    EXPECT_EQ(measured.report.sent, 200U);
    EXPECT_EQ(measured.report.faults.lost, 200U / 7 * 5);
    EXPECT_EQ(measured.report.faults.unacknowledged, 20U);
    EXPECT_EQ(measured.report.faults.repeated + measured.report.faults.reordered, 0U);
    EXPECT_EQ(measured.report.delivery.count(), (200U - 200U / 7) * 5);
    EXPECT_EQ(measured.report.ack.count(), 180U);
  }
}

TEST(SwarmTest, ClientsOfSeveralThreadsCatchUpWithoutAFault) {
  const Measured measured = MeasureWith(
      {}, {.threads = 2},
      [](Swarm& swarm) {
        swarm.Connect();
        return swarm.RunOutage({.rate = 200}, {.before = 0.2, .away = 0.2, .after = 0.2});
      },
      6, 2);
  EXPECT_FALSE(measured.report.faults.any());
  EXPECT_EQ(measured.report.resumed, 4U);
  EXPECT_EQ(measured.report.connect.count(), 4U);
  EXPECT_EQ(measured.report.delivery.count(), 6U * static_cast<uint64_t>(measured.messages));
}

// The last message is due after 179/300 s; loops that each kept the whole rate would end earlier.
TEST(SwarmTest, ThreadsShareARate) {
  const Measured measured = MeasureWith(
      {}, {.threads = 2},
      [](Swarm& swarm) {
        swarm.Connect();
        return swarm.Run({.rate = 300, .warm_up = 0, .seconds = 60, .messages_each = 60});
      },
      3, 3);
  EXPECT_EQ(measured.messages, 180);
  EXPECT_GE(measured.report.seconds, 0.59);
  EXPECT_EQ(measured.report.ack.count(), 180U);
  EXPECT_FALSE(measured.report.faults.any());
}

TEST(SwarmTest, ThreadsShareARateOfConnects) {
  const Measured measured = MeasureWith({}, {.threads = 2, .connect_rate = 10},
                                        [](Swarm& swarm) { return swarm.Storm(); });
  EXPECT_GE(measured.report.connect_seconds, 0.2);
  EXPECT_EQ(measured.report.ready, static_cast<uint64_t>(kReceivers));
  EXPECT_FALSE(measured.report.faults.any());
}

TEST(SwarmTest, AConnectionThatIsLostInOneThreadEndsTheLoadInAll) {
  const Measured measured = MeasureWith(
      {.close_at = 20}, {.threads = 2},
      [](Swarm& swarm) {
        swarm.Connect();
        return swarm.Run({.rate = 200, .warm_up = 0, .seconds = 60});
      },
      4, 2);
  EXPECT_EQ(measured.report.faults.lost_connections, 1U);
  EXPECT_LT(measured.report.seconds, 30);
}

TEST(SwarmTest, ARefusedConnectionOfAnyThreadIsAnError) {
  EXPECT_THROW(MeasureWith({.refuse_first = 1}, {.threads = 3},
                           [](Swarm& swarm) -> Report {
                             swarm.Connect();
                             return {};
                           }),
               std::runtime_error);
}

TEST(SwarmTest, ThePaceOfDeliveriesNeedsOneThread) {
  EXPECT_THROW(MeasureWith({}, {.threads = 2},
                           [](Swarm& swarm) {
                             swarm.Connect();
                             return swarm.Run({.pace = Pace::kDelivered, .seconds = 1});
                           }),
               std::invalid_argument);
}

}  // namespace
}  // namespace parley::loadgen
