// Keeps the files of attachments and their rows together: finishes what an earlier process began,
// removes files whose row is gone, and lets uploads expire that no message took.
#pragma once
#include <memory>

#include "blob/blob_store.h"
#include "store/store.h"

namespace parley {

class AttachmentKeeper {
 public:
  // `unattached_kept`: how long a file waits for a message. All are used on `on`'s thread, and
  // outlive what is asked of them.
  AttachmentKeeper(Store& store, BlobStore& blobs, Executor& on, const Clock& clock,
                   Duration unattached_kept);
  // Ten times a second, on the executor's thread.
  void OnTick(Monotonic now);

 private:
  void Resolve(const Uuid& left);
  void RemoveFiles();
  void Forget(std::vector<Uuid> gone);
  void Expire();

  Store& store_;
  BlobStore& blobs_;
  Executor& on_;
  const Clock& clock_;
  const Duration unattached_kept_;
  std::vector<Uuid> left_;  // of an earlier process, not looked at yet
  bool removing_ = false;
  Monotonic next_removal_{}, next_expiry_{};
};

}  // namespace parley
