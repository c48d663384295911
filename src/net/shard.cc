#include "net/shard.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <utility>

#include "base/thread_name.h"
#include "net/connection.h"

namespace parley {
namespace {

// Each connection checks its deadlines once per second. A tenth of the connections is checked every
// 100 ms, to spread the load.
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr size_t kTicksPerRound = 10;
// How often the inbox is run before a flush. A command to a conversation of this shard is posted to its
// home, and the answer is posted back: both turns gather their frames in one write per connection.
constexpr int kInboxRunsBeforeFlush = 2;

}  // namespace

Shard::Shard(unsigned index, const Clock& clock, Gauge& connections)
    : index_(index),
      clock_(clock),
      connections_(connections),
      reactor_(io_,
               [this](uint64_t key, Readiness readiness) {
                 Connection* const connection = Find(ConnectionId::FromKey(key));
                 if (connection != nullptr) connection->OnReady(readiness);
               }),
      receive_buffer_(new char[kReceiveBytes]),
      recent_(clock.Steady()) {}

Shard::~Shard() {
  Stop();
  Join();
}

void Shard::PostHolding(Callback work, size_t bytes) {
  bytes += sizeof(Callback);
  inbox_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  bool wake;
  {
    const MutexLock lock(inbox_mutex_);
    wake = inbox_.empty();
    inbox_.push_back(std::move(work));
    waiting_bytes_ += bytes;
  }
  if (wake) boost::asio::post(io_, [this] { RunInbox(); });
}

void Shard::RunInbox() {
  size_t bytes = 0;
  {
    const MutexLock lock(inbox_mutex_);
    running_.swap(inbox_);
    bytes = std::exchange(waiting_bytes_, 0);
  }
  for (Callback& work : running_) work();
  running_.clear();
  inbox_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void Shard::Start() {
  thread_ = std::thread([this] {
    NameThread("shard-" + std::to_string(index_));
    thread_id_ = std::this_thread::get_id();
    const auto guard = boost::asio::make_work_guard(io_);
    Tick();
    io_.run();
  });
}

void Shard::Stop() { io_.stop(); }

void Shard::Join() {
  if (thread_.joinable()) thread_.join();
}

Connection& Shard::Adopt(std::unique_ptr<Connection> connection) {
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot].connection = std::move(connection);
  connections_.Add(1);
  Connection& adopted = *slots_[slot].connection;
  adopted.set_id({slot, slots_[slot].generation});
  return adopted;
}

Connection* Shard::Find(ConnectionId id) {
  if (id.slot >= slots_.size() || slots_[id.slot].generation != id.generation) return nullptr;
  return slots_[id.slot].connection.get();
}

void Shard::Release(Connection& connection) {
  const ConnectionId id = connection.id();
  Slot& slot = slots_[id.slot];
  if (released_.empty()) boost::asio::post(io_, [this] { released_.clear(); });
  released_.push_back(std::move(slot.connection));
  ++slot.generation;
  free_slots_.push_back(id.slot);
  connections_.Add(-1);
}

void Shard::DropConnections() {
  for (Slot& slot : slots_) slot.connection.reset();
  released_.clear();
}

void Shard::FlushSoon(Connection& connection) {
  if (dirty_.empty()) boost::asio::post(io_, [this] { Flush(); });
  dirty_.push_back(connection.id());
}

void Shard::Flush() {
  for (int i = 0; i < kInboxRunsBeforeFlush && inbox_bytes() > 0; ++i) RunInbox();
  flushing_.swap(dirty_);
  for (const ConnectionId id : flushing_) {
    if (Connection* connection = Find(id)) connection->Flush();
  }
  flushing_.clear();
}

void Shard::FlushAtTick(Connection& connection) { at_tick_.push_back(connection.id()); }

void Shard::ReadLater(Connection& connection) {
  if (read_later_.empty()) boost::asio::post(io_, [this] { ReadOn(); });
  read_later_.push_back(connection.id());
}

void Shard::ReadOn() {
  reading_.swap(read_later_);
  for (const ConnectionId id : reading_) {
    if (Connection* connection = Find(id)) connection->ReadOn();
  }
  reading_.clear();
}

void Shard::Tick() {
  const Monotonic now = recent_ = clock_.Steady();
  for (size_t i = tick_ % kTicksPerRound; i < slots_.size(); i += kTicksPerRound) {
    if (slots_[i].connection == nullptr) continue;
    counted_bytes_ += static_cast<int64_t>(slots_[i].connection->outbox().bytes());
    slots_[i].connection->Tick(now);
  }
  prompt_writes_ = 0;
  if (gather_pace_.IsDue(at_tick_.size())) {
    for (const ConnectionId id : std::exchange(at_tick_, {})) {
      if (Connection* connection = Find(id)) connection->FlushGathered();
    }
  }
  for (auto& call : on_tick_) call(now);
  if (++tick_ % kTicksPerRound == 0) outbox_bytes_ = std::exchange(counted_bytes_, 0);
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Tick();
  });
}

}  // namespace parley
