#include "blob/incoming_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "blob/file_type.h"

namespace parley {
namespace {

constexpr size_t kHeadBytes = 4096;

}  // namespace

void IncomingFile::FreeDigest::operator()(evp_md_ctx_st* context) const {
  ::EVP_MD_CTX_free(context);
}

IncomingFile::IncomingFile(std::filesystem::path path, int64_t least_free_bytes, bool fsync)
    : path_(std::move(path)),
      least_free_bytes_(least_free_bytes),
      fsync_(fsync),
      digest_(::EVP_MD_CTX_new()) {
  ::EVP_DigestInit_ex(digest_.get(), ::EVP_sha256(), nullptr);
}

IncomingFile::~IncomingFile() {
  if (file_ && !finished_) ::unlink(path_.c_str());
}

Error IncomingFile::Failed(const char* what) const {
  log::error("upload failed operation={} file={} error={}", what, path_.string(),
             std::strerror(errno));
  return Error::StoreUnavailable();
}

Result<void> IncomingFile::Open() {
  if (file_) return {};
  struct statvfs disk{};
  if (::statvfs(path_.parent_path().c_str(), &disk) == 0) {
    const auto free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
    if (free < static_cast<uint64_t>(least_free_bytes_)) {
      log::error("upload refused: disk nearly full directory={} free_bytes={}",
                 path_.parent_path().string(), free);
      Error error = Error::StoreUnavailable();
      error.detail = "There is not enough free disk space for uploads.";
      return Fail(std::move(error));
    }
  }
  file_ = FileDescriptor(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) return Fail(Failed("open"));
  return {};
}

Result<void> IncomingFile::Append(std::string_view bytes) {
  if (const auto open = Open(); !open) return open;
  if (head_.size() < kHeadBytes) head_.append(bytes.substr(0, kHeadBytes - head_.size()));
  ::EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size());
  size_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(Failed("write"));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<BlobUpload::Receipt> IncomingFile::Finish() {
  if (const auto open = Open(); !open) return Fail(open.error());
  if (fsync_ && ::fsync(file_.get()) != 0) return Fail(Failed("fsync"));
  if (fsync_) {
    const FileDescriptor directory(
        ::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) return Fail(Failed("fsync of the directory"));
  }
  BlobUpload::Receipt receipt{.size = size_, .content_type = TypeOfContent(head_)};
  ::EVP_DigestFinal_ex(digest_.get(), receipt.digest.data(), nullptr);
  finished_ = true;
  file_ = FileDescriptor();
  return receipt;
}

}  // namespace parley
