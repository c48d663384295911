#include "store/sqlite/wal_checkpoints.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
#include "store/sql_session.h"
#include "store/sqlite/sqlite_session.h"

namespace parley {
namespace {

// The thread gives way to commits and shards when the cores are busy.
constexpr int kNice = 5;
// The writer appends while the thread copies. After this number of rounds, the writer helps.
constexpr int kRounds = 8;
// From the limit on, before a transaction: writes are slower, but none is refused because of its age.
constexpr auto kWaitForThread = std::chrono::milliseconds(500);
constexpr int kWaitForReadsMillis = 100;
// A log that reads keep in use grows by this part between two attempts.
constexpr int64_t kGrowth = 8;

}  // namespace

WalCheckpoints::WalCheckpoints(sqlite3* writer, const std::filesystem::path& file, bool fsync,
                               std::shared_ptr<WalFigures> figures, WalLimits limits)
    : writer_(writer), fsync_(fsync), figures_(std::move(figures)), limits_(limits) {
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
    const MutexLock lock(checkpoints.mutex_);
    // The thread has left nothing to copy.
    if (checkpoints.state_ == State::kCopied) checkpoints.state_ = State::kIdle;
  }
  checkpoints.bytes_ = bytes;
  checkpoints.figures_->bytes = bytes;
  return SQLITE_OK;
}

void WalCheckpoints::BeforeTransaction() {
  if (bytes_ < limits_.start_bytes || bytes_ < retry_at_ || !ThreadHasCopied()) return;
  retry_at_ = bytes_ + limits_.rest_bytes;
  if (bytes_ < limits_.limit_bytes) {
    Copy(writer_, SQLITE_CHECKPOINT_PASSIVE);
    return;
  }
  // The next attempt comes later for a long log, so that the waits take a small part of the time.
  retry_at_ = bytes_ + std::max(limits_.rest_bytes, bytes_ / kGrowth);
  sqlite3_busy_timeout(writer_, kWaitForReadsMillis);
  Copy(writer_, SQLITE_CHECKPOINT_RESTART);
  sqlite3_busy_timeout(writer_, kSqliteBusyMillis);
}

// Wakes the thread if it has not copied since the last attempt.
bool WalCheckpoints::ThreadHasCopied() {
  const auto deadline = std::chrono::steady_clock::now() + kWaitForThread;
  const MutexLock lock(mutex_);
  if (state_ == State::kIdle) {
    state_ = State::kCopying;
    wanted_.NotifyOne();
  }
  while (state_ == State::kCopying && bytes_ >= limits_.limit_bytes) {
    if (!copied_.WaitUntil(mutex_, deadline)) break;
  }
  if (state_ == State::kCopying) return false;
  state_ = State::kIdle;
  return true;
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
      // Idle if the log has started anew meanwhile.
      state_ = figures_->bytes < limits_.start_bytes ? State::kIdle : State::kCopied;
    }
    copied_.NotifyOne();
  }
}

// Until little is left, or a read prevents more.
void WalCheckpoints::CopyMost() {
  int64_t before = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::optional<int64_t> copied = Copy(copier_, SQLITE_CHECKPOINT_PASSIVE);
    if (!copied || *copied <= before || !SyncDatabase()) return;
    if (figures_->bytes - *copied <= limits_.rest_bytes) return;
    before = *copied;
    const MutexLock lock(mutex_);
    if (closed_) return;
  }
}

// SQLite syncs the database when nothing is left in the log. Then the writer waits for it, and finds most of the
// work done. A failure is reported to the writer too, which has a descriptor of its own.
bool WalCheckpoints::SyncDatabase() {
  sqlite3_file* file = nullptr;
  if (!fsync_ || sqlite3_file_control(copier_, "main", SQLITE_FCNTL_FILE_POINTER, &file) != 0) {
    return true;
  }
  const int result = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  if (result != SQLITE_OK) log::warn("checkpoint failed error={}", sqlite3_errstr(result));
  return result == SQLITE_OK;
}

std::optional<int64_t> WalCheckpoints::Copy(sqlite3* with, int mode) {
  int copied = 0;
  const int result = sqlite3_wal_checkpoint_v2(with, "main", mode, nullptr, &copied);
  if (result != SQLITE_OK) {
    if (result != SQLITE_BUSY) log::warn("checkpoint failed error={}", sqlite3_errmsg(with));
    return std::nullopt;
  }
  return copied * page_bytes_;
}

}  // namespace parley
