#include "app/backup/backup_files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "base/hex.h"
#include "store/sqlite/sqlite_backup.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPieceBytes = 1024 * 1024;

[[noreturn]] void Throw(const char* what, const std::string& name) {
  throw std::runtime_error(std::string("cannot ") + what + " " + name + ": " +
                           std::strerror(errno));
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void Add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string Hex() {
    std::array<uint8_t, 32> digest{};
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    return HexOf(digest);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_;
};

FileDescriptor CreateFile(const fs::path& path, const std::optional<Owner>& owner) {
  FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) Throw("create", path.string());
  if (owner && ::fchown(file.get(), owner->user, owner->group) != 0) Throw("chown", path.string());
  return file;
}

void WriteAll(const FileDescriptor& file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Throw("write", path.string());
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// Returns the number of bytes read, 0 at the end.
size_t ReadPiece(const FileDescriptor& file, const std::string& name, std::string& piece) {
  while (true) {
    const ssize_t n = ::read(file.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Throw("read", name);
    return static_cast<size_t>(n);
  }
}

}  // namespace

bool IsNameInBackup(std::string_view name) {
  if (name == kSqliteFile || name == kSecretFile || name == kManifestFile) return true;
  const std::string folder = std::string(kAttachmentsFolder) + "/";
  if (!name.starts_with(folder)) return false;
  name.remove_prefix(folder.size());
  const auto id = Uuid::Parse(name.substr(name.find('/') + 1));
  return id && StoredName(*id) == name;
}

FileDescriptor OpenBelow(const fs::path& folder, const std::string& name) {
  FileDescriptor at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) Throw("open", folder.string());
  const std::string full = (folder / name).string();
  const fs::path path(name);
  for (auto part = path.begin(); part != path.end(); ++part) {
    const bool last = std::next(part) == path.end();
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
    FileDescriptor next(::openat(at.get(), part->c_str(), flags));
    if (!next && (errno == ELOOP || errno == ENOTDIR)) {
      throw std::runtime_error(full + " is a symbolic link or not a regular file");
    }
    if (!next) Throw("open", full);
    at = std::move(next);
  }
  struct stat state{};
  if (::fstat(at.get(), &state) != 0) Throw("open", full);
  if (!S_ISREG(state.st_mode)) throw std::runtime_error(full + " is not a regular file");
  return at;
}

CopiedFile CopyFile(const FileDescriptor& from, const std::string& from_name,
                    const std::optional<fs::path>& to, const std::optional<Owner>& owner) {
  const FileDescriptor file = to ? CreateFile(*to, owner) : FileDescriptor();
  CopiedFile copied;
  Sha256 sum;
  std::string piece(kPieceBytes, '\0');
  while (const size_t n = ReadPiece(from, from_name, piece)) {
    const std::string_view bytes(piece.data(), n);
    sum.Add(bytes);
    if (to) WriteAll(file, bytes, *to);
    copied.size += static_cast<int64_t>(n);
  }
  copied.sha256 = sum.Hex();
  return copied;
}

void WriteNewFile(const fs::path& path, std::string_view text, const std::optional<Owner>& owner) {
  WriteAll(CreateFile(path, owner), text, path);
}

std::string ReadSmallFile(const FileDescriptor& file, const std::string& name, size_t max_bytes) {
  std::string text, piece(kPieceBytes, '\0');
  while (const size_t n = ReadPiece(file, name, piece)) {
    text.append(piece, 0, n);
    if (text.size() > max_bytes) throw std::runtime_error(name + " is too large");
  }
  return text;
}

void MakeFolder(const fs::path& path, const std::optional<Owner>& owner) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST && fs::is_directory(fs::symlink_status(path))) return;
    Throw("create", path.string());
  }
  if (owner && ::lchown(path.c_str(), owner->user, owner->group) != 0) {
    Throw("chown", path.string());
  }
}

void SyncFolder(const fs::path& folder) {
  const FileDescriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) Throw("sync", folder.string());
}

void SyncFileSystem(const fs::path& folder) {
  const FileDescriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::syncfs(opened.get()) != 0) Throw("sync", folder.string());
}

}  // namespace parley
