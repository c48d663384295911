#include "blob/file_blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/log.h"
#include "blob/file_type.h"
#include "blob/incoming_file.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

Error Failed(const char* what, const fs::path& path) {
  log::error("blob store failed operation={} file={} error={}", what, path.string(),
             std::strerror(errno));
  return Error::StoreUnavailable();
}

bool SyncDirectory(const fs::path& path) {
  const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory && ::fsync(directory.get()) == 0;
}

Result<std::string> ReadPart(const FileDescriptor& file, const fs::path& path, int64_t offset,
                             size_t size) {
  std::string bytes(size, '\0');
  size_t have = 0;
  while (have < size) {
    const ssize_t n =
        ::pread(file.get(), bytes.data() + have, size - have, offset + static_cast<int64_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(Failed("read", path));
    if (n == 0) {
      log::error("blob shorter than recorded file={}", path.string());
      return Fail(ErrorCode::internal, "The file is damaged.");
    }
    have += static_cast<size_t>(n);
  }
  return bytes;
}

}  // namespace

FileBlobStore::FileBlobStore(FileBlobOptions options)
    : options_(std::move(options)), pool_(options_.threads, options_.max_queued) {
  std::error_code error;
  fs::create_directories(options_.directory / "incoming", error);
  if (error) {
    throw std::runtime_error("cannot use the attachments directory " + options_.directory.string() +
                             ": " + error.message());
  }
  ::chmod(options_.directory.c_str(), 0700);
  if (options_.fsync) SyncDirectory(options_.directory);
  for (const auto& entry : fs::directory_iterator(options_.directory / "incoming")) {
    if (const auto id = Uuid::Parse(entry.path().filename().string())) {
      left_unfinished_.push_back(*id);
    }
  }
  TypeOfContent("");  // a missing database is found now, not with the first upload
}

FileBlobStore::~FileBlobStore() { Close(); }

fs::path FileBlobStore::Incoming(const Uuid& id) const {
  return options_.directory / "incoming" / id.ToString();
}

fs::path FileBlobStore::Kept(const Uuid& id) const { return options_.directory / StoredName(id); }

template <class T, class Work>
void FileBlobStore::OnWorker(Executor& on, Answer<T> done, Work work) {
  struct Call {
    Executor& on;
    Answer<T> done;
    Work work;
    void Give(Result<T> result) {
      on.Post([done = std::move(done), result = std::move(result)]() mutable {
        done(std::move(result));
      });
    }
  };
  const auto call = std::make_shared<Call>(Call{on, std::move(done), std::move(work)});
  WorkerPool::Job job = [call] { call->Give(call->work()); };
  if (!pool_.Submit(job)) call->Give(Fail(Error::StoreUnavailable()));
}

// --- a blob under way

namespace {

class FileUpload final : public BlobUpload {
 public:
  FileUpload(FileBlobStore& store, fs::path path, int64_t least_free_bytes, bool fsync)
      : store_(store),
        file_(std::make_shared<IncomingFile>(std::move(path), least_free_bytes, fsync)) {}

  // A worker may still run a call: the last owner of the file destroys it.
  ~FileUpload() override {
    WorkerPool::Job drop = [file = std::move(file_)]() mutable { file.reset(); };
    store_.pool().Submit(drop);
  }

  void Append(std::string bytes, Executor& on, Answer<void> done) override {
    store_.OnWorker<void>(on, std::move(done),
                          [file = file_, bytes = std::move(bytes)] { return file->Append(bytes); });
  }

  void Finish(Executor& on, Answer<Receipt> done) override {
    store_.OnWorker<Receipt>(on, std::move(done), [file = file_] { return file->Finish(); });
  }

 private:
  FileBlobStore& store_;
  std::shared_ptr<IncomingFile> file_;
};

}  // namespace

std::unique_ptr<BlobUpload> FileBlobStore::Begin(const Uuid& id) {
  return std::make_unique<FileUpload>(*this, Incoming(id), options_.least_free_bytes,
                                      options_.fsync);
}

// --- kept ones

void FileBlobStore::Keep(const Uuid& id, Executor& on, Answer<void> done) {
  OnWorker<void>(on, std::move(done), [this, id] { return KeepNow(id); });
}

// No fsync follows: a crash may undo the move, which is then repeated at the next start.
Result<void> FileBlobStore::KeepNow(const Uuid& id) const {
  const fs::path from = Incoming(id), to = Kept(id);
  if (::mkdir(to.parent_path().c_str(), 0700) != 0 && errno != EEXIST) {
    return Fail(Failed("mkdir", to.parent_path()));
  }
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  if (errno == ENOENT) return Fail(Error::NotFound());
  return Fail(Failed("rename", from));
}

void FileBlobStore::Read(const Uuid& id, int64_t offset, size_t size, Executor& on,
                         Answer<std::string> done) {
  OnWorker<std::string>(on, std::move(done),
                        [this, id, offset, size] { return ReadNow(id, offset, size); });
}

Result<std::string> FileBlobStore::ReadNow(const Uuid& id, int64_t offset, size_t size) const {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
  fs::path path = Kept(id);
  FileDescriptor file(::open(path.c_str(), kFlags));
  if (!file && errno == ENOENT) {  // about to be moved
    path = Incoming(id);
    file = FileDescriptor(::open(path.c_str(), kFlags));
  }
  if (!file && errno == ENOENT) {
    log::error("blob missing file={}", path.string());
    return Fail(Error::NotFound());
  }
  if (!file) return Fail(Failed("open", path));
  return ReadPart(file, path, offset, size);
}

void FileBlobStore::Remove(std::vector<Uuid> ids, Executor& on, Answer<std::vector<Uuid>> done) {
  OnWorker<std::vector<Uuid>>(on, std::move(done),
                              [this, ids = std::move(ids)]() -> Result<std::vector<Uuid>> {
                                std::vector<Uuid> removed;
                                for (const Uuid& id : ids) {
                                  if (RemoveNow(id)) removed.push_back(id);
                                }
                                return removed;
                              });
}

// Symbolic links inside the directory are followed, as Django does; the result must be inside it.
Result<std::string> FileBlobStore::ReadMediaNow(const std::string& path, int64_t offset,
                                                size_t size) const {
  if (options_.media_root.empty() || path.empty() || path.find('\0') != path.npos) {
    return Fail(Error::NotFound());
  }
  std::error_code error;
  const fs::path root = fs::canonical(options_.media_root, error);
  const fs::path found = error ? fs::path() : fs::canonical(root / path, error);
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), found.begin(), found.end());
  if (error || end != root.end() || rest == found.end()) {
    log::warn("media file not served file={} error={}", path,
              error ? error.message() : "outside attachments.media_root");
    return Fail(Error::NotFound());
  }
  const FileDescriptor file(::open(found.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return Fail(Error::NotFound());
  }
  return ReadPart(file, found, offset, size);
}

void FileBlobStore::ReadMedia(std::string path, int64_t offset, size_t size, Executor& on,
                              Answer<std::string> done) {
  OnWorker<std::string>(on, std::move(done), [this, path = std::move(path), offset, size] {
    return ReadMediaNow(path, offset, size);
  });
}

bool FileBlobStore::RemoveNow(const Uuid& id) const {
  for (const fs::path& path : {Incoming(id), Kept(id)}) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      Failed("unlink", path);
      return false;
    }
  }
  return true;
}

}  // namespace parley
