// bare_commits DIRECTORY BATCH MESSAGES: sends to 500 conversations of two with the store's statements, on one thread
// and without a server: the least that a committed message costs. Prints JSON.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "store/client_id_queries.h"
#include "store/client_ids.h"
#include "store/sqlite/open_sqlite.h"
#include "store/sqlite/sqlite_session.h"

namespace {

using namespace parley;
using Steady = std::chrono::steady_clock;

constexpr size_t kRooms = 500;

double CpuSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class BareStore {
 public:
  explicit BareStore(const std::filesystem::path& directory)
      : file_(directory / "parley.db"), session_(file_, SqliteSession::Mode::kWriter, true) {
    MigrateSqlite(session_, clock_);
    session_.CheckpointBeside(file_, true, std::make_shared<WalFigures>());
    client_ids_.emplace(session_, [] {});
    session_.Begin();
    for (size_t i = 0; i < kRooms; ++i) AddRoom(i);
    session_.Commit();
  }

  // One transaction.
  void Send(size_t messages) {
    session_.Begin();
    for (size_t i = 0; i < messages; ++i) SendOne();
    if (client_ids_->HasWork()) {
      client_ids_->WriteSome(session_, 2 * messages);
      client_ids_->Settle(true);
    }
    session_.Commit();
  }

 private:
  void AddRoom(size_t number) {
    const Uuid id = ids_.Next();
    rooms_.push_back(id);
    session_.Prepare(queries::kInsertConversation)
        .Bind(1, id)
        .Bind(2, "group")
        .BindNull(3)
        .Bind(4, NextTime())
        .Bind(5, "{}")
        .Bind(6, 2)
        .BindNull(7)
        .BindNull(8)
        .Bind(9, NextTime())
        .Run();
    for (const char* side : {"a", "b"}) {
      session_.Prepare(queries::kInsertParticipant)
          .Bind(1, id)
          .Bind(2, side + std::to_string(number))
          .Bind(3, NextTime())
          .Bind(4, 0)
          .Run();
    }
  }

  void SendOne() {
    const size_t number = random_() % kRooms;
    const Uuid& room = rooms_[number];
    const std::string sender = (sent_ % 2 == 0 ? "a" : "b") + std::to_string(number);
    const std::string client_id = "bare-" + std::to_string(sent_++);
    const int64_t hash = client_ids_->HashOf(room, sender, client_id);
    if (!client_ids_->Find(session_, room, hash).empty()) std::abort();
    const int64_t now = NextTime();
    Statement& read = session_.Prepare(queries::kReadSeq).Bind(1, room).Bind(2, sender);
    if (!read.Step()) std::abort();
    const int64_t seq = read.Int(0) + 1;
    read.Run();
    session_.Prepare(queries::kSetSeq).Bind(1, room).Bind(2, seq).Bind(3, now).Bind(4, now).Run();
    const Uuid id = ids_.Next();
    session_.Prepare(queries::kInsertMessage)
        .Bind(1, room)
        .Bind(2, seq)
        .Bind(3, id)
        .Bind(4, sender)
        .Bind(5, content_)
        .Bind(6, "text")
        .Bind(7, now)
        .BindNull(8)
        .Bind(9, "{}")
        .Bind(10, client_id)
        .BindBlob(11, hash_)
        .Bind(12, 0)
        .Run();
    client_ids_->Add(session_, id, room, hash, seq);
  }

  int64_t NextTime() { return last_time_ = std::max(last_time_ + 1, clock_.Now().micros); }

  SystemClock clock_;
  UuidGenerator ids_{clock_};
  const std::filesystem::path file_;
  SqliteSession session_;
  std::optional<ClientIds> client_ids_;
  std::vector<Uuid> rooms_;
  std::minstd_rand random_;
  const std::string content_ = std::string(128, 'x');
  const std::vector<uint8_t> hash_ = std::vector<uint8_t>(16, 7);
  int64_t last_time_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  BareStore store(argv[1]);
  const size_t batch = std::strtoul(argv[2], nullptr, 10);
  const size_t messages = std::strtoul(argv[3], nullptr, 10);
  std::vector<double> millis;
  const double cpu = CpuSeconds();
  for (size_t sent = 0; sent < messages; sent += batch) {
    const auto start = Steady::now();
    store.Send(batch);
    millis.push_back(std::chrono::duration<double, std::milli>(Steady::now() - start).count());
  }
  const double micros = 1e6 * (CpuSeconds() - cpu) / static_cast<double>(millis.size() * batch);
  std::ranges::sort(millis);
  std::printf("{\"batch\":%zu,\"micros\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
              batch, micros, millis[millis.size() / 2], millis[millis.size() * 99 / 100],
              millis.back());
}
