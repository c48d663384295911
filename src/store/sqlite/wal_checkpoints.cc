#include "store/sqlite/wal_checkpoints.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
#include "store/sql_session.h"

namespace parley {
namespace {

// The thread gives way to commits and shards when the cores are busy.
constexpr int kNice = 5;
// The writer appends while the thread copies. After this number of rounds, the writer helps.
constexpr int kRounds = 8;

}  // namespace

WalCheckpoints::WalCheckpoints(sqlite3* writer, const std::filesystem::path& file, bool fsync,
                               std::shared_ptr<WalFigures> figures, WalLimits limits)
    : writer_(writer), figures_(std::move(figures)), limits_(limits) {
  if (sqlite3_open_v2(file.c_str(), &copier_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK) {
    const std::string message = sqlite3_errmsg(copier_);
    sqlite3_close(copier_);
    throw StoreFailure("cannot open " + file.string() + ": " + message);
  }
  sqlite3_exec(copier_, fsync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF", nullptr,
               nullptr, nullptr);
  sqlite3_exec(
      writer_, "PRAGMA page_size",
      [](void* bytes, int, char** columns, char**) {
        *static_cast<int64_t*>(bytes) = std::stoll(columns[0]);
        return 0;
      },
      &page_bytes_, nullptr);
  sqlite3_wal_hook(writer_, &OnCommit, this);  // replaces SQLite's own checkpoint
  thread_ = std::thread([this] { Run(); });
}

WalCheckpoints::~WalCheckpoints() {
  {
    const MutexLock lock(mutex_);
    closed_ = true;
  }
  wanted_.NotifyOne();
  thread_.join();
  sqlite3_wal_hook(writer_, nullptr, nullptr);
  sqlite3_close(copier_);
}

int WalCheckpoints::OnCommit(void* self, sqlite3*, const char*, int frames) {
  auto& checkpoints = *static_cast<WalCheckpoints*>(self);
  const int64_t bytes = frames * checkpoints.page_bytes_;
  if (bytes < checkpoints.bytes_) {
    checkpoints.figures_->restarts.Add();
    checkpoints.retry_at_ = 0;
  }
  checkpoints.bytes_ = bytes;
  checkpoints.figures_->bytes = bytes;
  return SQLITE_OK;
}

void WalCheckpoints::BeforeTransaction() {
  if (bytes_ < limits_.start_bytes || bytes_ < retry_at_) return;
  {
    const MutexLock lock(mutex_);
    while (state_ == State::kCopying && bytes_ >= limits_.limit_bytes) copied_.Wait(mutex_);
    if (state_ == State::kCopying) return;
    if (state_ == State::kIdle && bytes_ < limits_.limit_bytes) {
      state_ = State::kCopying;
      wanted_.NotifyOne();
      return;
    }
    state_ = State::kIdle;
  }
  // If reads keep the log in use, it is tried again when the log has grown.
  retry_at_ = bytes_ + limits_.rest_bytes;
  Copy(writer_);
}

void WalCheckpoints::Run() {
  NameThread("checkpoint");
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
  while (true) {
    {
      const MutexLock lock(mutex_);
      while (!closed_ && state_ != State::kCopying) wanted_.Wait(mutex_);
      if (closed_) return;
    }
    CopyMost();
    {
      const MutexLock lock(mutex_);
      state_ = State::kRest;
    }
    copied_.NotifyOne();
  }
}

void WalCheckpoints::CopyMost() {
  for (int round = 0; round < kRounds; ++round) {
    const std::optional<int64_t> left = Copy(copier_);
    if (!left || *left <= limits_.rest_bytes) return;
    const MutexLock lock(mutex_);
    if (closed_) return;
  }
}

std::optional<int64_t> WalCheckpoints::Copy(sqlite3* with) {
  int frames = 0, copied = 0;
  const int result =
      sqlite3_wal_checkpoint_v2(with, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
  if (result != SQLITE_OK) {
    if (result != SQLITE_BUSY) log::warn("checkpoint failed error={}", sqlite3_errmsg(with));
    return std::nullopt;
  }
  return (frames - copied) * page_bytes_;
}

}  // namespace parley
