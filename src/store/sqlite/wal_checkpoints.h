// Copies the write-ahead log of SQLite into the database file beside the commits. SQLite by itself copies
// inside a COMMIT, and every write waits for that.
//
// A thread with a connection of its own copies while the writer appends (a passive checkpoint). When little
// is left, the writer copies the rest between two transactions, and its next one starts the log anew. A read
// that began before the last commit prevents that. From `limit_bytes` on, the writer therefore waits a short
// time for such reads, and for the thread: a slow disk slows the writes down. Only a read that takes longer
// lets the log grow. Source: https://www.sqlite.org/wal.html#ckpt
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "store/store_stats.h"

struct sqlite3;

namespace parley {

struct WalLimits {
  int64_t start_bytes = int64_t{32} << 20;  // the thread begins to copy
  int64_t rest_bytes = int64_t{1} << 20;    // the writer copies so much at once
  int64_t limit_bytes = int64_t{96} << 20;  // the writer waits for the thread and for reads
};

class WalCheckpoints {
 public:
  // Turns off SQLite's own checkpoints of `writer`, which must outlive this object. Throws StoreFailure.
  WalCheckpoints(sqlite3* writer, const std::filesystem::path& file, bool fsync,
                 std::shared_ptr<WalFigures> figures, WalLimits limits = {});
  ~WalCheckpoints();

  // Before each transaction of the writer, on its thread.
  void BeforeTransaction();

 private:
  enum class State {
    kIdle,     // the writer decides
    kCopying,  // the thread copies
    kCopied,   // the writer copies the rest
  };
  static int OnCommit(void* self, sqlite3* db, const char* name, int frames);
  void Run();
  void CopyMost();
  bool ThreadHasCopied();
  bool SyncDatabase();
  // Copies what no read needs. Returns the bytes of the log that are copied, or nullopt if it failed.
  std::optional<int64_t> Copy(sqlite3* with, int mode);

  sqlite3* const writer_;
  sqlite3* copier_ = nullptr;  // of the thread
  const bool fsync_;
  const std::shared_ptr<WalFigures> figures_;
  const WalLimits limits_;
  int64_t page_bytes_ = 0;
  // The writer's thread alone:
  int64_t bytes_ = 0;     // of the log
  int64_t retry_at_ = 0;  // its size at which the writer tries again
  Mutex mutex_;
  CondVar wanted_, copied_;
  State state_ GUARDED_BY(mutex_) = State::kIdle;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace parley
