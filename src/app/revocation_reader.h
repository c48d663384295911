// Reads revocations from the store into memory: all before anything is served, then what is new
// every two seconds, since other nodes write them too.
#pragma once
#include <memory>

#include "auth/revocations.h"
#include "store/store.h"

namespace parley {

class RevocationReader {
 public:
  // Reads all there are. Throws std::runtime_error where the store does not answer.
  RevocationReader(Store& store, Revocations& revocations);
  ~RevocationReader();
  // Ten times a second; one thread.
  void OnTick(Monotonic now);

 private:
  class Inline;
  struct State;
  void Read();

  Store& store_;
  std::shared_ptr<State> state_;  // answers may come when this is gone
  Monotonic next_ = {};
};

}  // namespace parley
