// Writes one upload to a file. Calls can block. Threads: one at a time.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "blob/blob_store.h"

struct evp_md_ctx_st;

namespace parley {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

class IncomingFile {
 public:
  // The first Append creates the file; it fails if the disk has less than `least_free_bytes` free.
  IncomingFile(std::filesystem::path path, int64_t least_free_bytes, bool fsync);
  // Removes the file unless it was finished.
  ~IncomingFile();

  // Errors: store_unavailable.
  Result<void> Append(std::string_view bytes);
  // Syncs the file and its directory entry to disk. Errors: store_unavailable.
  Result<BlobUpload::Receipt> Finish();

 private:
  struct FreeDigest {
    void operator()(evp_md_ctx_st* context) const;
  };
  Result<void> Open();
  Error Failed(const char* what) const;

  const std::filesystem::path path_;
  const int64_t least_free_bytes_;
  const bool fsync_;
  FileDescriptor file_;
  std::unique_ptr<evp_md_ctx_st, FreeDigest> digest_;
  std::string head_;  // the first bytes, for type detection
  int64_t size_ = 0;
  bool finished_ = false;
};

}  // namespace parley
