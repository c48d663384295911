// Stores blobs as files in one directory: pending ones in incoming/, permanent ones in one of 256
// subdirectories named by the last byte of the id. A file is moved there once the row that references it
// is on disk, so a crash only leaves files in incoming/ to be resolved.
#pragma once
#include <filesystem>

#include "base/worker_pool.h"
#include "blob/blob_store.h"

namespace parley {

struct FileBlobOptions {
  std::filesystem::path directory;
  std::filesystem::path media_root = {};  // for ReadMedia; empty: there is none
  int64_t least_free_bytes = 0;           // minimum free disk space for new uploads
  bool fsync = true;
  size_t threads = 2;
  size_t max_queued = 4096;  // maximum queued calls
};

class FileBlobStore final : public BlobStore {
 public:
  // Throws std::runtime_error if the directory cannot be used.
  explicit FileBlobStore(FileBlobOptions options);
  ~FileBlobStore() override;

  std::unique_ptr<BlobUpload> Begin(const Uuid& id) override;
  void Keep(const Uuid& id, Executor& on, Answer<void> done) override;
  void Read(const Uuid& id, int64_t offset, size_t size, Executor& on,
            Answer<std::string> done) override;
  void ReadMedia(std::string path, int64_t offset, size_t size, Executor& on,
                 Answer<std::string> done) override;
  void Remove(std::vector<Uuid> ids, Executor& on, Answer<std::vector<Uuid>> done) override;
  std::vector<Uuid> LeftUnfinished() const override { return left_unfinished_; }
  void Close() override { pool_.Close(); }

  // Runs `work`, which returns a Result<T>, on a worker and posts its result. Also used for uploads.
  template <class T, class Work>
  void OnWorker(Executor& on, Answer<T> done, Work work);
  WorkerPool& pool() { return pool_; }

 private:
  std::filesystem::path Incoming(const Uuid& id) const;
  std::filesystem::path Kept(const Uuid& id) const;
  Result<void> KeepNow(const Uuid& id) const;
  Result<std::string> ReadNow(const Uuid& id, int64_t offset, size_t size) const;
  Result<std::string> ReadMediaNow(const std::string& path, int64_t offset, size_t size) const;
  bool RemoveNow(const Uuid& id) const;

  const FileBlobOptions options_;
  std::vector<Uuid> left_unfinished_;
  WorkerPool pool_;
};

}  // namespace parley
