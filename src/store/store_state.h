// The store as a whole: its identity, its health, its end.
#pragma once
#include <string>

#include "base/ids.h"
#include "store/store_stats.h"

namespace parley {

// Threads: any.
class StoreState {
 public:
  virtual ~StoreState() = default;
  // Created with the store. Nodes with different identities use different stores.
  virtual Uuid Identity() const = 0;
  // The secret that signs links to files; the same on all nodes, never empty.
  virtual std::string FileKey() const = 0;
  // Another system also writes to the store: Django's ORM.
  virtual bool IsTakenOver() const { return false; }
  virtual bool Ready() const = 0;  // the last write or probe succeeded
  virtual StoreStats Stats() const = 0;
  // Commits and answers the queued writes, then stops the store's threads. Blocks until that is done.
  // Later calls answer store_unavailable.
  virtual void Close() = 0;
};

}  // namespace parley
