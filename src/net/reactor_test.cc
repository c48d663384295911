#include "net/reactor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <map>
#include <string>
#include <vector>

#include "net/socket_fd.h"

namespace parley {
namespace {

struct Pair {
  Pair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ours = SocketFd(fds[0]);
    peer = SocketFd(fds[1]);
  }
  void PeerSends(std::string_view bytes) const {
    ASSERT_EQ(::send(peer.get(), bytes.data(), bytes.size(), 0), std::ssize(bytes));
  }
  SocketFd ours, peer;
};

class ReactorTest : public testing::Test {
 protected:
  struct Report {
    uint64_t key;
    Readiness readiness;
  };
  // Runs the event loop until it has nothing to do at once; returns what was reported.
  std::vector<Report> Poll() {
    reports_.clear();
    io_.restart();
    while (io_.poll() > 0) {
    }
    return reports_;
  }

  boost::asio::io_context io_{1};
  std::vector<Report> reports_;
  Reactor reactor_{
      io_, [this](uint64_t key, Readiness readiness) { reports_.push_back({key, readiness}); }};
};

TEST_F(ReactorTest, AnIdleSocketIsNotReported) {
  const Pair pair;
  ASSERT_TRUE(reactor_.Add(pair.ours.get(), 7));
  EXPECT_TRUE(Poll().empty());
}

TEST_F(ReactorTest, EachArrivalIsReportedOnceThoughTheSocketStaysReadable) {
  const Pair pair;
  ASSERT_TRUE(reactor_.Add(pair.ours.get(), uint64_t{5} << 32 | 7));
  for (int i = 0; i < 3; ++i) {
    pair.PeerSends("x");
    const auto reports = Poll();
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].key, uint64_t{5} << 32 | 7);
    EXPECT_TRUE(reports[0].readiness.readable);
    EXPECT_FALSE(reports[0].readiness.writable);
    EXPECT_FALSE(reports[0].readiness.ended);
    EXPECT_TRUE(Poll().empty());
  }
}

TEST_F(ReactorTest, BytesThatArrivedBeforeTheRegistrationAreReported) {
  const Pair pair;
  pair.PeerSends("x");
  ASSERT_TRUE(reactor_.Add(pair.ours.get(), 7));
  ASSERT_EQ(Poll().size(), 1u);
}

TEST_F(ReactorTest, TheEndIsReportedWithTheLastBytes) {
  const Pair pair;
  ASSERT_TRUE(reactor_.Add(pair.ours.get(), 7));
  pair.PeerSends("x");
  ::shutdown(pair.peer.get(), SHUT_WR);
  const auto reports = Poll();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(reports[0].readiness.readable);
  EXPECT_TRUE(reports[0].readiness.ended);
}

TEST_F(ReactorTest, WritabilityIsReportedOnRequestAndAfterTheBufferWasFull) {
  const Pair pair;
  ASSERT_TRUE(reactor_.Add(pair.ours.get(), 7));
  ASSERT_TRUE(reactor_.AddWritable(pair.ours.get(), 7));
  auto reports = Poll();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(reports[0].readiness.writable);
  EXPECT_FALSE(reports[0].readiness.readable);

  const std::string block(65536, 'x');
  while (::send(pair.ours.get(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
  }
  EXPECT_TRUE(Poll().empty());
  std::string read(1 << 20, 0);
  while (::recv(pair.peer.get(), read.data(), read.size(), 0) > 0) {
  }
  reports = Poll();
  ASSERT_FALSE(reports.empty());
  EXPECT_TRUE(reports[0].readiness.writable);
}

TEST_F(ReactorTest, AClosedSocketIsNoLongerReported) {
  Pair pair;
  ASSERT_TRUE(reactor_.Add(pair.ours.get(), 7));
  pair.PeerSends("x");
  pair.ours.Close();
  EXPECT_TRUE(Poll().empty());
}

// A busy moment cannot keep other tasks of the event loop waiting for all sockets.
TEST_F(ReactorTest, PostedTasksRunBetweenTurnsOfManyReadySockets) {
  constexpr size_t kSockets = 2 * Reactor::kEventsPerTurn + 10;
  std::vector<Pair> pairs(kSockets);
  for (size_t i = 0; i < kSockets; ++i) {
    pairs[i].PeerSends("x");
    ASSERT_TRUE(reactor_.Add(pairs[i].ours.get(), i));
  }
  size_t before_task = 0;
  reports_.clear();
  io_.run_one();  // the first turn
  boost::asio::post(io_, [&] { before_task = reports_.size(); });
  while (io_.poll() > 0) {
  }
  EXPECT_LE(before_task, 2 * size_t{Reactor::kEventsPerTurn});
  std::map<uint64_t, int> times;
  for (const Report& report : reports_) ++times[report.key];
  EXPECT_EQ(times.size(), kSockets);
  for (const auto& [key, count] : times) EXPECT_EQ(count, 1) << key;
}

TEST_F(ReactorTest, ADescriptorThatCannotBeWatchedIsRefused) { EXPECT_FALSE(reactor_.Add(-1, 7)); }

}  // namespace
}  // namespace parley
