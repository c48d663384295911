#include "net/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <string>

namespace parley {
namespace {

// Collects what arrives; pauses after each piece if asked to.
class Recorder final : public Protocol {
 public:
  struct Seen {
    std::string bytes;
    bool ended = false;
    bool pause = false;
  };
  explicit Recorder(Seen& seen) : seen_(seen) {}
  size_t OnBytes(Connection& connection, std::span<char> bytes) override {
    seen_.bytes.append(bytes.data(), bytes.size());
    if (seen_.pause) connection.PauseReading();
    return bytes.size();
  }
  void OnEndOfStream(Connection&) override { seen_.ended = true; }
  void OnShutdown(Connection&, Duration) override {}

 private:
  Seen& seen_;
};

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    peer_ = SocketFd(fds[1]);
    shard_.Start();
    OnShard([&] {
      Connection& made = shard_.Adopt(std::make_unique<Connection>(
          shard_, SocketFd(fds[0]), Peer{}, std::make_unique<Recorder>(seen_), 1 << 20));
      id_ = made.id();
      made.Start();
    });
  }
  ~ConnectionTest() override {
    shard_.Stop();
    shard_.Join();
    shard_.DropConnections();
  }

  template <class F>
  void OnShard(F work) {
    std::promise<void> done;
    shard_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Runs other turns of the shard's event loop until `found` returns true.
  template <class F>
  void Until(F found) {
    bool reached = false;
    while (!reached) OnShard([&] { reached = found(); });
  }
  Connection& connection() { return *shard_.Find(id_); }
  void PeerSends(std::string_view bytes) const {
    ASSERT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  }
  std::string PeerReads(size_t bytes) const {
    std::string read(bytes, 0);
    EXPECT_EQ(::recv(peer_.get(), read.data(), bytes, MSG_WAITALL), static_cast<ssize_t>(bytes));
    return read;
  }

  SystemClock clock_;
  Gauge connections_;
  Shard shard_{0, clock_, connections_};
  Recorder::Seen seen_;
  SocketFd peer_;
  ConnectionId id_;
};

TEST_F(ConnectionTest, TheEndThatArrivesWithTheLastBytesIsSeen) {
  PeerSends("last");
  ::shutdown(peer_.get(), SHUT_WR);
  Until([&] { return seen_.ended; });
  EXPECT_EQ(seen_.bytes, "last");
}

TEST_F(ConnectionTest, BytesAndTheEndThatArriveDuringAPauseAreReadAfterIt) {
  OnShard([&] { seen_.pause = true; });
  PeerSends("first");
  Until([&] { return seen_.bytes == "first"; });
  PeerSends("second");
  ::shutdown(peer_.get(), SHUT_WR);
  for (int turn = 0; turn < 10; ++turn) OnShard([] {});
  OnShard([&] {
    EXPECT_EQ(seen_.bytes, "first");
    EXPECT_FALSE(seen_.ended);
    seen_.pause = false;
    connection().ResumeReading();
  });
  Until([&] { return seen_.ended; });
  EXPECT_EQ(seen_.bytes, "firstsecond");
}

TEST_F(ConnectionTest, MoreBytesThanOneTurnReadsAreAllRead) {
  const std::string much(3 << 20, 'x');
  PeerSends(much);
  Until([&] { return seen_.bytes.size() >= much.size(); });
  EXPECT_EQ(seen_.bytes, much);
}

TEST_F(ConnectionTest, AFullSocketIsWrittenOnAsThePeerReads) {
  const std::string much(3 << 20, 'x');
  OnShard([&] { connection().Answer(SharedBytes(much)); });
  EXPECT_EQ(PeerReads(much.size()), much);
  Until([&] { return connection().outbox().empty(); });
}

TEST_F(ConnectionTest, AConnectionIsGoneFromItsShardAsSoonAsItIsClosed) {
  OnShard([&] {
    connection().Abort();
    EXPECT_EQ(shard_.Find(id_), nullptr);
  });
  EXPECT_EQ(connections_.value(), 0);
}

TEST_F(ConnectionTest, GatheredFramesWaitForTheNextTickWhenThereAreMany) {
  constexpr size_t kPrompt = Shard::kPromptWrites;
  bool in_one_tick = false;
  while (!in_one_tick) {
    Monotonic tick;
    size_t queued = 0, waiting = 0;
    OnShard([&] {
      tick = shard_.recent();
      for (size_t i = 0; i < kPrompt; ++i) connection().SendGathered(SharedBytes("a"));
    });
    EXPECT_EQ(PeerReads(kPrompt), std::string(kPrompt, 'a'));
    OnShard([&] {
      for (int i = 0; i < 3; ++i) connection().SendGathered(SharedBytes("b"));
      queued = connection().outbox().bytes();
    });
    for (int turn = 0; turn < 5; ++turn) OnShard([] {});
    OnShard([&] {
      waiting = connection().outbox().bytes();
      in_one_tick = shard_.recent() == tick && queued == 3;
    });
    EXPECT_EQ(PeerReads(3), "bbb");
    if (in_one_tick) {
      EXPECT_EQ(waiting, 3u);
    }
  }
}

TEST_F(ConnectionTest, AFewGatheredFramesAreWrittenAtOnce) {
  Monotonic before, after;
  do {
    OnShard([&] {
      before = shard_.recent();
      connection().SendGathered(SharedBytes("a"));
    });
    EXPECT_EQ(PeerReads(1), "a");
    OnShard([&] { after = shard_.recent(); });
  } while (before != after);
}

TEST_F(ConnectionTest, AnyOtherFrameTakesGatheredFramesAlong) {
  OnShard([&] {
    for (int i = 0; i <= Shard::kPromptWrites; ++i) connection().SendGathered(SharedBytes("a"));
    connection().Answer(SharedBytes("b"));
    connection().Flush();
    EXPECT_TRUE(connection().outbox().empty());
  });
  EXPECT_EQ(PeerReads(Shard::kPromptWrites + 2), std::string(Shard::kPromptWrites + 1, 'a') + "b");
}

}  // namespace
}  // namespace parley
