// Keeps attachment files and their rows consistent: completes operations of an earlier process, removes
// files without a row, and expires unattached uploads.
#pragma once
#include <memory>

#include "blob/blob_store.h"
#include "store/attachment_store.h"

namespace parley {

class AttachmentJanitor {
 public:
  // `unattached_kept`: lifetime of an unattached file. All references are used on the thread of `on`
  // and must outlive pending calls.
  AttachmentJanitor(AttachmentStore& store, BlobStore& blobs, Executor& on, const Clock& clock,
                    Duration unattached_kept);
  // Called ten times a second, on the executor's thread.
  void OnTick(Monotonic now);

 private:
  void Resolve(const Uuid& left);
  void RemoveFiles();
  void Forget(std::vector<Uuid> removed);
  void Expire();

  AttachmentStore& store_;
  BlobStore& blobs_;
  Executor& on_;
  const Clock& clock_;
  const Duration unattached_kept_;
  std::vector<Uuid> left_;  // files of an earlier process, not checked yet
  bool removing_ = false;
  Monotonic next_removal_{}, next_expiry_{};
};

}  // namespace parley
