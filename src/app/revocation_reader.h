// Reads revocations from the store into memory: all that matter before anything is served, and what
// is new every two seconds, if other nodes write to the same store. Drops them when they are too old
// to matter.
#pragma once
#include "auth/revocations.h"
#include "store/log_follower.h"
#include "store/store.h"

namespace parley {

class RevocationReader {
 public:
  struct Options {
    Duration kept;              // auth.revocations_kept
    bool shared_store = false;  // other processes write to it
  };
  // Reads all that were made within `kept`. `on` is where OnTick runs and answers come. Throws
  // std::runtime_error if the store does not answer.
  RevocationReader(Store& store, Revocations& revocations, Executor& on, const Clock& clock,
                   Options options);
  // Ten times a second.
  void OnTick(Monotonic now);

 private:
  void ReadAll();
  void Read(LogQuery query);
  LogFollower::Progress OnPage(const RevocationList& read);

  Store& store_;
  Revocations& revocations_;
  Executor& on_;
  const Clock& clock_;
  const Options options_;
  LogFollower follower_;
  Monotonic next_drop_ = {};
};

}  // namespace parley
