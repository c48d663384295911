// Where the bytes of attachments lie. Names are UUIDs that Parley made, never a user's text.
//
// Threads: every call comes from a shard and is answered once, on that shard, never inside the call.
// Errors, of any call: store_unavailable (a full or failing disk, too much waiting); what is behind
// it is logged.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "domain/attachment.h"

namespace parley {

// A blob under way. Destroyed before Finish has answered well, it leaves nothing.
class BlobUpload {
 public:
  struct Receipt {
    int64_t size = 0;          // bytes
    std::string content_type;  // as the content shows it
    ContentDigest digest{};
  };

  virtual ~BlobUpload() = default;
  // The next bytes. One call at a time: the next after this one's answer.
  virtual void Append(std::string bytes, Executor& on, Answer<void> done) = 0;
  // All are there, and on disk when the answer comes. The blob is still an unfinished one: Keep or
  // Remove is next.
  virtual void Finish(Executor& on, Answer<Receipt> done) = 0;
};

class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual std::unique_ptr<BlobUpload> Begin(const Uuid& id) = 0;
  // To be called when whatever refers to the blob is on disk. Errors: not_found.
  virtual void Keep(const Uuid& id, Executor& on, Answer<void> done) = 0;
  // `size` bytes from `offset` on, of a blob that has them. Errors: not_found, internal (it has
  // become shorter).
  virtual void Read(const Uuid& id, int64_t offset, size_t size, Executor& on,
                    Answer<std::string> done) = 0;
  // Answers with those that are gone now, also because they never were.
  virtual void Remove(std::vector<Uuid> ids, Executor& on, Answer<std::vector<Uuid>> done) = 0;
  // Blobs that an earlier process neither kept nor removed.
  virtual std::vector<Uuid> LeftUnfinished() const = 0;
  // Does what was asked for and stops the threads; later calls answer store_unavailable.
  virtual void Close() = 0;
};

}  // namespace parley
