// A shard: one thread with its own event loop, connections and inbox. Threads: only its own thread
// accesses its objects; other threads use Post.
#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "net/gather_pace.h"
#include "net/reactor.h"

namespace parley {

class Connection;

// Identifies a connection without owning it; stays valid after the connection is destroyed.
struct ConnectionId {
  uint32_t slot = 0;
  uint32_t generation = 0;

  uint64_t AsKey() const { return uint64_t{generation} << 32 | slot; }
  static ConnectionId FromKey(uint64_t key) {
    return {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
  }
};

class Shard final : public Executor {
 public:
  // At this many frames in a tick of 100 ms, writing each at once still costs less than 1 % of a core.
  static constexpr int kPromptWrites = 200;
  static constexpr size_t kInboxBytes = 16 * 1024 * 1024;

  // `connections` counts the connections of all shards.
  Shard(unsigned index, const Clock& clock, Gauge& connections);
  ~Shard() override;

  unsigned index() const { return index_; }
  const Clock& clock() const { return clock_; }
  boost::asio::io_context& io() { return io_; }

  // Executor. All tasks posted during one event loop iteration run together; the first wakes the loop.
  void Post(Callback work) override { PostHolding(std::move(work), 0); }
  void PostHolding(Callback work, size_t bytes) override;
  bool Congested() const override { return inbox_bytes() > kInboxBytes; }
  // The bytes of all pending tasks, including data that they hold. Threads: any.
  size_t inbox_bytes() const { return inbox_bytes_.load(std::memory_order_relaxed); }

  void Start();  // starts the thread
  void Stop();   // returns at once; the loop ends after the current tasks. Threads: any
  void Join();
  // The queued bytes of all connections, at most a second old. Threads: any.
  int64_t outbox_bytes() const { return outbox_bytes_.load(std::memory_order_relaxed); }
  uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }
  bool OnThisThread() const { return std::this_thread::get_id() == thread_id_.load(); }

  // --- on the shard's thread

  // The monotonic time of the last tick: at most a tenth of a second old, and cheap to read.
  Monotonic recent() const { return recent_; }

  // The buffer for reads; its content is valid until the handler that read it returns.
  std::span<char> receive_buffer() { return {receive_buffer_.get(), kReceiveBytes}; }

  // Owns the connection until it has closed; from then on, Find returns nullptr.
  Connection& Adopt(std::unique_ptr<Connection> connection);
  Connection* Find(ConnectionId id);
  // Destroys the remaining connections. Call it after Join. Threads: any.
  void DropConnections();
  // Called by a closed connection; it is destroyed at the end of the iteration.
  void Release(Connection& connection);
  // Calls Connection::OnReady for this socket until it is closed. False: the kernel refuses.
  bool Watch(int socket, ConnectionId id) { return reactor_.Add(socket, id.AsKey()); }
  bool WatchWritable(int socket, ConnectionId id) {
    return reactor_.AddWritable(socket, id.AsKey());
  }
  // Calls Connection::ReadOn, together with others, after the tasks that are posted now.
  void ReadLater(Connection& connection);
  void CountWritten(size_t bytes) {
    // Only one thread writes, so an atomic addition is not needed.
    bytes_written_.store(bytes_written_.load(std::memory_order_relaxed) + bytes,
                         std::memory_order_relaxed);
  }
  // Registers a callback that runs ten times a second. Call it before Start.
  void OnEveryTick(UniqueFunction<void(Monotonic)> call) { on_tick_.push_back(std::move(call)); }
  // Flushes the connection, together with others, at the end of the event loop iteration.
  void FlushSoon(Connection& connection);
  // Returns true for the first kPromptWrites calls after each tick: for frames that could be gathered.
  bool TakePromptWrite() { return prompt_writes_++ < kPromptWrites; }
  // Calls Connection::FlushGathered at the next tick, or later if many connections wait (GatherPace).
  void FlushAtTick(Connection& connection);
  template <class F>
  void ForEachConnection(F f) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].connection != nullptr) f(*slots_[i].connection);
    }
  }

 private:
  static constexpr size_t kReceiveBytes = 64 * 1024;
  struct Slot {
    std::unique_ptr<Connection> connection;
    uint32_t generation = 0;
  };

  void RunInbox();
  void Flush();
  void ReadOn();
  void Tick();

  const unsigned index_;
  const Clock& clock_;
  Gauge& connections_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer ticker_{io_};
  Reactor reactor_;
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_;
  std::unique_ptr<char[]> receive_buffer_;

  Mutex inbox_mutex_;
  std::vector<Callback> inbox_ GUARDED_BY(inbox_mutex_);
  size_t waiting_bytes_ GUARDED_BY(inbox_mutex_) = 0;
  std::vector<Callback> running_;
  std::atomic<size_t> inbox_bytes_{0};  // for inbox_ and running_

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<UniqueFunction<void(Monotonic)>> on_tick_;
  size_t tick_ = 0;
  int prompt_writes_ = 0;  // since the last tick
  Monotonic recent_;
  int64_t counted_bytes_ = 0;
  std::atomic<int64_t> outbox_bytes_{0};
  std::atomic<uint64_t> bytes_written_{0};
  std::vector<ConnectionId> dirty_, flushing_;
  std::vector<ConnectionId> read_later_, reading_;
  std::vector<ConnectionId> at_tick_;
  GatherPace gather_pace_;
  std::vector<std::unique_ptr<Connection>> released_;
};

}  // namespace parley
