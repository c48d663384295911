// Revocations of tokens.
#pragma once
#include "base/answer.h"
#include "base/executor.h"
#include "domain/revocation.h"

namespace parley {

// Threads and common errors: store/store.h.
class RevocationStore {
 public:
  virtual ~RevocationStore() = default;
  // Returns the revocation with its id. Also removes revocations made before `forget_before`.
  virtual void Revoke(Revocation revocation, Timestamp forget_before, Executor& on,
                      Answer<Revocation> done) = 0;
  // One page of the log, for LogFollower.
  virtual void ListRevocations(LogQuery query, Executor& on, Answer<RevocationList> done) = 0;
};

}  // namespace parley
