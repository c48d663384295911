#include "app/backup/restore.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "app/backup/backup.h"
#include "app/backup/backup_files.h"
#include "store/migrations.h"
#include "store/postgres/copy_into_postgres.h"
#include "store/sqlite/open_sqlite.h"
#include "store/sqlite/sqlite_backup.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPartialDatabase = "parley.db.partial";
constexpr const char* kLockFile = "LOCK";

// Checks the list of files and the versions.
std::vector<ListedFile> FilesOf(const fs::path& backup, const Manifest& manifest) {
  const int64_t newest = Migrations("sqlite").newest();
  if (manifest.schema > newest) {
    throw std::runtime_error("the backup was made by a newer Parley: " + manifest.version +
                             " with schema " + std::to_string(manifest.schema) +
                             ", this version supports up to " + std::to_string(newest));
  }
  return ReadSums(backup, manifest);
}

// Copies a file of the backup, or only checks it.
void CopyListed(const fs::path& backup, const ListedFile& file, const std::optional<fs::path>& to,
                const std::optional<Owner>& owner) {
  const std::string name = (backup / file.name).string();
  const CopiedFile copied = CopyFile(OpenBelow(backup, file.name), name, to, owner);
  if (copied.sha256 == file.sha256) return;
  throw std::runtime_error("the backup is damaged: " + name + " has the SHA-256 " + copied.sha256 +
                           " instead of " + file.sha256);
}

// The folders that a restore writes.
class Target {
 public:
  explicit Target(const Config& config)
      : config_(config), data_(config.data_dir), attachments_(AttachmentsOf(config)) {
    const bool again = fs::exists(data_ / kRestoringFile);
    if (!again && !fs::exists(data_ / kLockFile)) RequireEmpty();
    lock_ = LockForRestore(data_);  // a running server has it
    if (!again) RequireEmpty();
    FindOwner();
    if (owner_) ChangeOwner(data_ / kLockFile);
    if (again) {
      Empty();
    } else {
      WriteNewFile(data_ / kRestoringFile, "`parley restore` has not finished.\n", owner_);
    }
    marked_ = true;
    SyncFolder(data_);
    fs::create_directories(fs::absolute(attachments_).parent_path());
    MakeFolder(attachments_, owner_);
  }

  // After a failure, nothing is left.
  ~Target() {
    if (!marked_) return;
    try {
      Empty();
      fs::remove(data_ / kRestoringFile);
    } catch (const std::exception&) {
      // The marker stays: no server starts here, and the next restore tries again.
    }
  }

  const std::optional<Owner>& owner() const { return owner_; }

  fs::path PathOf(const std::string& name) const {
    if (name == kSqliteFile) return data_ / kPartialDatabase;
    const std::string folder = std::string(kAttachmentsFolder) + "/";
    if (!name.starts_with(folder)) return data_ / name;
    return attachments_ / name.substr(folder.size());
  }

  // Another node's secret stays.
  bool Wants(const std::string& name) const {
    return name != kManifestFile && (name != kSecretFile || !is_shared());
  }

  void Finish(const Clock& clock) {
    const fs::path partial = data_ / kPartialDatabase;
    PrepareRestored(partial, clock);
    SyncFileSystem(attachments_);
    if (is_shared()) {
      UseSqlite(partial, clock, [&](SqlSession& from) {
        CopyIntoPostgres(from, PostgresOf(config_), clock, [](const std::string&, int64_t) {});
      });
      fs::remove(partial);
    } else {
      fs::rename(partial, data_ / kSqliteFile);
    }
    SyncFileSystem(data_);
    fs::remove(data_ / kRestoringFile);
    marked_ = false;
    SyncFolder(data_);
  }

 private:
  bool is_shared() const { return !config_.database.url.empty(); }

  // The data directory of a node that uses PostgreSQL has nothing of the store.
  void RequireEmpty() const {
    for (const fs::path& folder : {data_, attachments_}) {
      if (is_shared() && folder == data_) continue;
      if (!fs::exists(fs::symlink_status(folder))) continue;
      for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name == kLockFile || name == "lost+found") continue;
        if (entry.path() == attachments_) continue;  // is looked at by itself
        if (name == "incoming" && fs::is_empty(entry.path())) continue;
        throw std::runtime_error("cannot restore into " + folder.string() +
                                 ": it is not empty, it has " + name);
      }
    }
  }

  // A restore by root into the folder of a server's user makes files of that user.
  void FindOwner() {
    struct stat state{};
    if (::geteuid() != 0 || ::stat(data_.c_str(), &state) != 0 || state.st_uid == 0) return;
    owner_ = Owner{state.st_uid, state.st_gid};
  }

  void ChangeOwner(const fs::path& path) const {
    if (::lchown(path.c_str(), owner_->user, owner_->group) == 0) return;
    throw std::runtime_error("cannot chown " + path.string() + ": " + std::strerror(errno));
  }

  // Removes what a restore writes, and nothing else.
  void Empty() const {
    for (const std::string_view name : {kSqliteFile, kPartialDatabase}) {
      if (is_shared() && name != kPartialDatabase) continue;
      for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
        fs::remove(data_ / (std::string(name) + suffix));
      }
    }
    if (!is_shared()) fs::remove(data_ / kSecretFile);
    if (!fs::is_directory(attachments_)) return;
    for (const auto& folder : fs::directory_iterator(attachments_)) {
      if (!folder.is_directory() || folder.is_symlink()) continue;
      for (const auto& file : fs::directory_iterator(folder.path())) {
        const std::string name = std::string(kAttachmentsFolder) + "/" +
                                 (folder.path().filename() / file.path().filename()).string();
        if (IsNameInBackup(name)) fs::remove(file.path());
      }
      std::error_code not_empty;
      fs::remove(folder.path(), not_empty);
    }
  }

  const Config& config_;
  const fs::path data_, attachments_;
  std::shared_ptr<void> lock_;
  std::optional<Owner> owner_;
  bool marked_ = false;
};

}  // namespace

Manifest CheckBackup(const fs::path& backup) {
  Manifest manifest = ReadManifest(backup);
  for (const ListedFile& file : FilesOf(backup, manifest)) {
    CopyListed(backup, file, std::nullopt, std::nullopt);
  }
  return manifest;
}

Manifest Restore(const Config& config, const fs::path& backup, const Clock& clock) {
  Manifest manifest = ReadManifest(backup);
  const std::vector<ListedFile> files = FilesOf(backup, manifest);
  ::umask(0077);
  Target target(config);
  for (const ListedFile& file : files) {
    std::optional<fs::path> to;
    if (target.Wants(file.name)) to = target.PathOf(file.name);
    if (to && file.name.find('/') != std::string::npos)
      MakeFolder(to->parent_path(), target.owner());
    CopyListed(backup, file, to, target.owner());
  }
  target.Finish(clock);
  return manifest;
}

}  // namespace parley
