// Blobs as files of one directory: those under way in incoming/, kept ones in one of 256
// directories named after an id's last byte. A file is moved there when the row that names it is on
// disk, so what is left in incoming/ by a crash is known to be one or the other.
#pragma once
#include <filesystem>

#include "base/worker_pool.h"
#include "blob/blob_store.h"

namespace parley {

struct FileBlobOptions {
  std::filesystem::path directory;
  int64_t least_free_bytes = 0;  // on its disk; below, nothing new is begun
  bool fsync = true;
  size_t threads = 2;
  size_t max_queued = 4096;  // calls waiting for a thread
};

class FileBlobStore final : public BlobStore {
 public:
  // Throws std::runtime_error where the directory cannot be used.
  explicit FileBlobStore(FileBlobOptions options);
  ~FileBlobStore() override;

  std::unique_ptr<BlobUpload> Begin(const Uuid& id) override;
  void Keep(const Uuid& id, Executor& on, Answer<void> done) override;
  void Read(const Uuid& id, int64_t offset, size_t size, Executor& on,
            Answer<std::string> done) override;
  void Remove(std::vector<Uuid> ids, Executor& on, Answer<std::vector<Uuid>> done) override;
  std::vector<Uuid> LeftUnfinished() const override { return left_unfinished_; }
  void Close() override { pool_.Close(); }

  // Runs `work`, a Result<T>, on a worker and posts what it gave. For blobs under way too.
  template <class T, class Work>
  void OnWorker(Executor& on, Answer<T> done, Work work);
  WorkerPool& pool() { return pool_; }

 private:
  std::filesystem::path Incoming(const Uuid& id) const;
  std::filesystem::path Kept(const Uuid& id) const;
  Result<void> KeepNow(const Uuid& id) const;
  Result<std::string> ReadNow(const Uuid& id, int64_t offset, size_t size) const;
  bool RemoveNow(const Uuid& id) const;

  const FileBlobOptions options_;
  std::vector<Uuid> left_unfinished_;
  WorkerPool pool_;
};

}  // namespace parley
