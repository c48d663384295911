// The data directory: permission, free space, file system, and the time of a flush. The file that it writes
// has no name, so nothing is left behind.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "app/doctor/measure.h"
#include "app/doctor/probe.h"

namespace parley::doctor {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMiB = 1024 * 1024;
constexpr uint64_t kFullBytes = 16 * kMiB, kLowBytes = 1024 * kMiB;
constexpr double kSlowFlushMillis = 50;
constexpr int kFlushes = 20;
constexpr Millis kFlushesWithin{2'000};

struct File {
  int fd;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

// Opens a file without a name; -1 and errno if that fails.
int OpenNameless(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  std::string name = directory + "/.parley-doctor-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

// Adds an error, or the time of a flush.
void CheckFlush(const std::string& directory, bool fsync, Report& report) {
  const File file{OpenNameless(directory)};
  const auto complain = [&] {
    const int error = errno;
    report.Add(error == ENOSPC || error == EDQUOT ? Code::disk_full : Code::data_dir_unusable,
               directory + ": " + std::strerror(error));
  };
  if (file.fd < 0) return complain();
  const std::string page(4096, 'p');
  bool good = true;
  const double millis = MedianMillis(kFlushes, kFlushesWithin, [&] {
    good = good &&
           ::pwrite(file.fd, page.data(), page.size(), 0) == static_cast<ssize_t>(page.size()) &&
           ::fdatasync(file.fd) == 0;
  });
  if (!good) return complain();
  if (fsync && millis > kSlowFlushMillis) {
    report.Add(Code::fsync_slow,
               fmt::format("{}: a flush takes {}", directory, MillisText(millis)));
  } else {
    report.Note("a flush takes " + MillisText(millis));
  }
}

void CheckSpace(const std::string& directory, Report& report) {
  struct statvfs state{};
  if (::statvfs(directory.c_str(), &state) != 0) return;
  const uint64_t free = uint64_t{state.f_bavail} * state.f_frsize;
  const std::string text = fmt::format("{}: {} MiB free", directory, free / kMiB);
  if (free < kFullBytes) {
    report.Add(Code::disk_full, text);
  } else if (state.f_files > 0 && state.f_favail == 0) {
    report.Add(Code::disk_full, directory + ": no inode is free");
  } else if (free < kLowBytes) {
    report.Add(Code::disk_low, text);
  } else {
    report.Note(text);
  }
}

void CheckFileSystem(const std::string& directory, bool production, Report& report) {
  struct statfs state{};
  if (::statfs(directory.c_str(), &state) != 0) return;
  constexpr uint32_t kCifs = 0xFF534D42, kCeph = 0x00C36400;
  switch (static_cast<uint32_t>(state.f_type)) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case AFS_SUPER_MAGIC:
    case kCifs:
    case kCeph:
      report.Add(Code::network_file_system, directory + " is on a network file system");
      break;
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
      if (production) report.Add(Code::volatile_file_system, directory + " is in memory");
      break;
    default:
      break;
  }
}

// Returns the directory, or its nearest existing parent.
fs::path Existing(fs::path path) {
  path = fs::absolute(path).lexically_normal();
  std::error_code ignored;
  while (!fs::exists(path, ignored) && path.has_relative_path()) path = path.parent_path();
  return path;
}

// The device of a path or of its nearest existing parent.
dev_t DeviceOf(const fs::path& path) {
  struct stat state{};
  return ::stat(Existing(path).c_str(), &state) == 0 ? state.st_dev : 0;
}

}  // namespace

ProbeResult ProbeDataDirectory(const ProbeInput& input) {
  Report report;
  const Config& config = input.config;
  const bool embedded = config.database.url.empty();
  const std::string files = config.attachments.directory.empty() ? config.data_dir + "/attachments"
                                                                 : config.attachments.directory;
  const fs::path wanted = embedded ? config.data_dir : files, found = Existing(wanted);
  if (fs::absolute(wanted).lexically_normal() != found) {
    report.Note(wanted.string() + " does not exist yet");
  }
  std::error_code ignored;
  if (!fs::is_directory(found, ignored)) {
    return Fail(Code::data_dir_unusable, found.string() + " is not a directory");
  }
  CheckSpace(found, report);
  if (embedded) CheckFileSystem(found, config.production(), report);
  CheckFlush(found, config.store.fsync, report);
  if (embedded && DeviceOf(files) != DeviceOf(found)) CheckSpace(files, report);
  if (!config.store.fsync) report.Add(Code::fsync_off, "store.fsync is off");
  return report.Done();
}

}  // namespace parley::doctor
