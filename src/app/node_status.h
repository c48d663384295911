// What `parley status` shows of one node. Threads: any, after SetUrl.
#pragma once
#include <string>

#include "base/mutex.h"
#include "bus/bus.h"
#include "config/config.h"
#include "feature/health/health_api.h"
#include "hub/home.h"
#include "session/ws_transport.h"
#include "store/store_state.h"

namespace parley {

class NodeStatus {
 public:
  NodeStatus(const Config& config, const Clock& clock, const StoreState& store,
             const NodeHealth& health, const Gauge& connections, const WsCounters& sockets,
             const HubCounters& hub, const BusCounters& bus);

  // The address that the node listens on. Must be called before Json.
  void SetUrl(std::string url) { url_ = std::move(url); }
  // A JSON object of less than 2 KiB.
  std::string Json();

 private:
  // The mean since the last call that found new samples, in milliseconds.
  class Mean {
   public:
    double Of(double sum_seconds, uint64_t count);

   private:
    double sum_ = 0, mean_ = 0;
    uint64_t count_ = 0;
  };
  std::string_view BusState() const;

  const Config& config_;
  const Clock& clock_;
  const StoreState& store_;
  const NodeHealth& health_;
  const Gauge& connections_;
  const WsCounters& sockets_;
  const HubCounters& hub_;
  const BusCounters& bus_;
  const Timestamp started_at_;
  const Monotonic started_;
  std::string host_, url_;
  Mutex mutex_;
  Mean commit_ GUARDED_BY(mutex_), lag_ GUARDED_BY(mutex_);
};

}  // namespace parley
