#include "feature/attachments/attachment_janitor.h"

#include "base/log.h"

namespace parley {
namespace {

using namespace std::chrono_literals;

constexpr auto kRemoveEvery = 1s;
constexpr auto kExpireEvery = 1min;
constexpr int kFilesAtOnce = 100;

}  // namespace

AttachmentJanitor::AttachmentJanitor(AttachmentStore& store, BlobStore& blobs, Executor& on,
                                     const Clock& clock, Duration unattached_kept)
    : store_(store),
      blobs_(blobs),
      on_(on),
      clock_(clock),
      unattached_kept_(unattached_kept),
      left_(blobs.LeftUnfinished()) {}

void AttachmentJanitor::OnTick(Monotonic now) {
  for (int i = 0; i < kFilesAtOnce && !left_.empty(); ++i) {
    Resolve(left_.back());
    left_.pop_back();
  }
  if (now >= next_removal_ && !removing_) {
    next_removal_ = now + kRemoveEvery;
    RemoveFiles();
  }
  if (now >= next_expiry_) {
    next_expiry_ = now + kExpireEvery;
    Expire();
  }
}

// A file that was not moved because of a crash: its row decides whether it is kept.
void AttachmentJanitor::Resolve(const Uuid& left) {
  store_.ReadAttachment(left, "", true, on_, [this, left](Result<FoundAttachment> found) {
    if (found) {
      blobs_.Keep(left, on_, [](const Result<void>&) {});
    } else if (found.error().code == ErrorCode::not_found) {
      blobs_.Remove({left}, on_, [](const Result<std::vector<Uuid>>&) {});
    }
  });
}

void AttachmentJanitor::RemoveFiles() {
  removing_ = true;
  store_.ListRemovedFiles(kFilesAtOnce, on_, [this](Result<std::vector<Uuid>> files) {
    if (!files || files->empty()) {
      removing_ = false;
      return;
    }
    blobs_.Remove(std::move(*files), on_, [this](Result<std::vector<Uuid>> removed) {
      if (removed && !removed->empty()) return Forget(std::move(*removed));
      removing_ = false;
    });
  });
}

void AttachmentJanitor::Forget(std::vector<Uuid> removed) {
  const bool more = removed.size() == kFilesAtOnce;
  store_.ForgetFiles(std::move(removed), on_, [this, more](const Result<void>& forgotten) {
    removing_ = false;
    if (forgotten && more) next_removal_ = {};
  });
}

void AttachmentJanitor::Expire() {
  const auto kept = std::chrono::duration_cast<std::chrono::microseconds>(unattached_kept_);
  const Timestamp before{clock_.Now().micros - kept.count()};
  store_.ExpireAttachments(before, on_, [](const Result<int64_t>& expired) {
    if (expired && *expired > 0) log::info("attachments expired count={}", *expired);
  });
}

}  // namespace parley
