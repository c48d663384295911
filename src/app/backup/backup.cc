#include "app/backup/backup.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "app/backup/backup_files.h"
#include "base/hex.h"
#include "store/postgres/copy_from_postgres.h"
#include "store/sqlite/sqlite_backup.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

// The folder of a backup that is being made. Only one process at a time makes it.
class PartialFolder {
 public:
  explicit PartialFolder(const fs::path& target) : target_(target) {
    path_ = target;
    path_ += ".partial";
    if (fs::exists(fs::symlink_status(target))) {
      throw std::runtime_error(target.string() + " exists: give the name of a new folder");
    }
    const fs::path parent = fs::absolute(target).parent_path();
    if (!fs::is_directory(parent)) {
      throw std::runtime_error("the folder " + parent.string() + " does not exist");
    }
    MakeFolder(path_);
    lock_ = FileDescriptor(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
      throw std::runtime_error("another backup writes " + path_.string());
    }
    Empty();
  }
  // After a failure the folder is removed.
  ~PartialFolder() {
    std::error_code ignored;
    if (!renamed_) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

  void Rename() {
    SyncFileSystem(path_);
    // RENAME_NOREPLACE: the target may have appeared meanwhile.
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) != 0) {
      throw std::runtime_error("cannot rename " + path_.string() + " to " + target_.string() +
                               ": " + std::strerror(errno));
    }
    renamed_ = true;
    SyncFolder(fs::absolute(target_).parent_path());
  }

 private:
  void Empty() {
    for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
  }
  const fs::path target_;
  fs::path path_;
  FileDescriptor lock_;
  bool renamed_ = false;
};

class Backup {
 public:
  Backup(const Config& config, fs::path folder, const Clock& clock)
      : config_(config),
        data_(config.data_dir),
        attachments_(AttachmentsOf(config)),
        folder_(std::move(folder)),
        clock_(clock) {}

  Manifest Make() {
    manifest_.version = PARLEY_VERSION;
    manifest_.taken_at = FormatTimestamp(clock_.Now());
    CopyDatabase();
    CopyAttachments();
    CopySecret();
    WriteManifest();
    return std::move(manifest_);
  }

 private:
  bool is_shared() const { return !config_.database.url.empty(); }

  void Add(const std::string& name, const CopiedFile& file) {
    sums_ += LineOf({name, file.sha256});
    ++manifest_.files;
    manifest_.bytes += file.size;
  }

  void CopyDatabase() {
    const fs::path file = folder_ / kSqliteFile;
    if (is_shared()) {
      UseSqlite(file, clock_, [&](SqlSession& to) { CopyFromPostgres(PostgresOf(config_), to); });
    } else {
      CopySqlite(data_, file, {.least_free_bytes = config_.attachments.least_free_bytes});
    }
    const SqliteCopy copy(file);
    copy.Check();
    manifest_.schema = std::stoll(copy.Meta("schema_version"));
    manifest_.store_id = copy.Meta("store_id");
    manifest_.conversations = copy.Count("messaging_conversation");
    manifest_.messages = copy.Count("messaging_message");
    Add(kSqliteFile, CopyFile(OpenBelow(folder_, kSqliteFile), file.string(), std::nullopt));
  }

  // After the database, so that the files of all its rows exist, unless they were deleted meanwhile.
  void CopyAttachments() {
    MakeFolder(folder_ / kAttachmentsFolder);
    const SqliteCopy copy(folder_ / kSqliteFile);
    copy.ForEachFile([this](const SqliteCopy::File& file) {
      ++manifest_.attachments;
      CopyAttachment(file);
    });
  }

  void CopyAttachment(const SqliteCopy::File& file) {
    const FileDescriptor from = OpenAttachment(file.id);
    if (!from) {
      const bool has_row = is_shared() ? PostgresHasAttachment(PostgresOf(config_), file.id)
                                       : HasAttachment(data_, file.id);
      if (!has_row) {
        ++manifest_.deleted_meanwhile;
      } else {
        NoteIncomplete(file.id, "the file is missing in " + attachments_.string());
      }
      return;
    }
    const std::string name = std::string(kAttachmentsFolder) + "/" + StoredName(file.id);
    const fs::path to = folder_ / name;
    MakeFolder(to.parent_path());
    const CopiedFile copied = CopyFile(from, StoredName(file.id), to);
    if (copied.size != file.size || copied.sha256 != HexOf(file.digest)) {
      NoteIncomplete(file.id, "the file is damaged: it is not the one that was uploaded");
    }
    Add(name, copied);
  }

  // A file that was uploaded a moment ago may be moved between the two lookups.
  FileDescriptor OpenAttachment(const Uuid& id) const {
    const fs::path kept = attachments_ / StoredName(id),
                   incoming = attachments_ / "incoming" / id.ToString();
    for (const fs::path& path : {kept, incoming, kept}) {
      FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
      if (file) return file;
      if (errno != ENOENT) {
        throw std::runtime_error("cannot open " + path.string() + ": " + std::strerror(errno));
      }
    }
    return FileDescriptor();
  }

  void NoteIncomplete(const Uuid& id, const std::string& why) {
    if (manifest_.incomplete.size() < kIncompleteListed) {
      manifest_.incomplete.push_back(id.ToString() + ": " + why);
    }
  }

  // The secret that signs tokens in development.
  void CopySecret() {
    if (!fs::exists(fs::symlink_status(data_ / kSecretFile))) return;
    const FileDescriptor from = OpenBelow(data_, kSecretFile);
    Add(kSecretFile, CopyFile(from, kSecretFile, folder_ / kSecretFile));
  }

  void WriteManifest() {
    WriteNewFile(folder_ / kManifestFile, TextOf(manifest_));
    const FileDescriptor written = OpenBelow(folder_, kManifestFile);
    const CopiedFile sum = CopyFile(written, kManifestFile, std::nullopt);
    WriteNewFile(folder_ / kSumsFile, sums_ + LineOf({kManifestFile, sum.sha256}));
  }

  const Config& config_;
  const fs::path data_, attachments_, folder_;
  const Clock& clock_;
  Manifest manifest_;
  std::string sums_;
};

}  // namespace

fs::path AttachmentsOf(const Config& config) {
  if (!config.attachments.directory.empty()) return config.attachments.directory;
  return fs::path(config.data_dir) / kAttachmentsFolder;
}

PostgresOptions PostgresOf(const Config& config) {
  return {.url = config.database.url, .fsync = config.store.fsync, .wait = std::chrono::seconds(5)};
}

Manifest MakeBackup(const Config& config, const fs::path& target, const Clock& clock) {
  // "backups/today/" names the same folder without the slash.
  const fs::path name = target.has_filename() ? target : target.parent_path();
  const bool has_file = fs::exists(fs::path(config.data_dir) / kSqliteFile);
  if (config.database.url.empty() && !has_file) {
    throw std::runtime_error("there is no store in the data directory " + config.data_dir);
  }
  ::umask(0077);
  PartialFolder folder(name);
  Manifest manifest = Backup(config, folder.path(), clock).Make();
  folder.Rename();
  return manifest;
}

}  // namespace parley
