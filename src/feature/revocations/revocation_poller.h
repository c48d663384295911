// Loads revocations from the store into memory: all current ones before serving starts, and new ones
// every two seconds if other nodes share the store. Drops revocations after the configured time.
#pragma once
#include "auth/revocations.h"
#include "store/log_follower.h"
#include "store/revocation_store.h"

namespace parley {

class RevocationPoller {
 public:
  struct Options {
    Duration kept;              // auth.revocations_kept
    bool shared_store = false;  // other processes write to it
  };
  // Loads all revocations created within `kept`. OnTick and store callbacks run on `on`. Throws
  // std::runtime_error if the store does not respond.
  RevocationPoller(RevocationStore& store, Revocations& revocations, Executor& on,
                   const Clock& clock, Options options);
  // Called ten times a second.
  void OnTick(Monotonic now);

 private:
  void ReadAll();
  void Read(LogQuery query);
  LogFollower::Progress OnPage(const RevocationList& read);

  RevocationStore& store_;
  Revocations& revocations_;
  Executor& on_;
  const Clock& clock_;
  const Options options_;
  LogFollower follower_;
  Monotonic next_drop_ = {};
};

}  // namespace parley
