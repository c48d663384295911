// A file that is being written, from its first byte to the disk. One thread at a time, which may
// block.
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
  // The file is made with the first byte, unless the disk has less free space than `least_free_bytes`.
  IncomingFile(std::filesystem::path path, int64_t least_free_bytes, bool fsync);
  // Removes the file unless it was finished.
  ~IncomingFile();

  // Errors: store_unavailable.
  Result<void> Append(std::string_view bytes);
  // The file and its name are on disk. Errors: store_unavailable.
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
  std::string head_;  // the first bytes, by which the type is judged
  int64_t size_ = 0;
  bool finished_ = false;
};

}  // namespace parley
