#include "store/sqlite/combining_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

namespace parley {
namespace {

// SQLite's unix VFS cannot write 128 KiB at once.
constexpr size_t kMostCombined = 120'000;

// The VFS of the system, which does the work.
sqlite3_vfs* system_vfs = nullptr;

// SQLite allocates it, with the system's file behind it.
struct LogFile {
  sqlite3_file base;
  char* waiting;     // kMostCombined bytes
  size_t size;       // of what waits
  sqlite3_int64 at;  // its place in the file
};

LogFile& Log(sqlite3_file* file) { return *reinterpret_cast<LogFile*>(file); }
sqlite3_file* System(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<LogFile*>(file) + 1);
}

int WriteWaiting(sqlite3_file* file) {
  LogFile& log = Log(file);
  if (log.size == 0) return SQLITE_OK;
  const size_t size = std::exchange(log.size, 0);
  return System(file)->pMethods->xWrite(System(file), log.waiting, static_cast<int>(size), log.at);
}

int CloseLog(sqlite3_file* file) {
  const int written = WriteWaiting(file);
  delete[] Log(file).waiting;
  const int closed = System(file)->pMethods->xClose(System(file));
  return written != SQLITE_OK ? written : closed;
}

int WriteToLog(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  LogFile& log = Log(file);
  const auto count = static_cast<size_t>(size);
  const bool follows = at == log.at + static_cast<sqlite3_int64>(log.size);
  if (log.size > 0 && (!follows || log.size + count > kMostCombined)) {
    if (const int failed = WriteWaiting(file)) return failed;
  }
  if (count > kMostCombined) return System(file)->pMethods->xWrite(System(file), bytes, size, at);
  if (log.size == 0) log.at = at;
  std::copy_n(static_cast<const char*>(bytes), count, log.waiting + log.size);
  log.size += count;
  return SQLITE_OK;
}

// Calls a method of the system's file after the waiting bytes are written.
template <auto method, class... Arguments>
int After(sqlite3_file* file, Arguments... arguments) {
  if (const int failed = WriteWaiting(file)) return failed;
  return (System(file)->pMethods->*method)(System(file), arguments...);
}

// SQLite neither locks nor maps its logs.
int Lock(sqlite3_file*, int) { return SQLITE_OK; }
int CheckReservedLock(sqlite3_file*, int* reserved) {
  *reserved = 0;
  return SQLITE_OK;
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return System(file)->pMethods->xFileControl(System(file), operation, argument);
}
int SectorSize(sqlite3_file* file) { return System(file)->pMethods->xSectorSize(System(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return System(file)->pMethods->xDeviceCharacteristics(System(file));
}

constexpr sqlite3_io_methods kLogMethods = {
    .iVersion = 1,
    .xClose = CloseLog,
    .xRead = After<&sqlite3_io_methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = WriteToLog,
    .xTruncate = After<&sqlite3_io_methods::xTruncate, sqlite3_int64>,
    .xSync = After<&sqlite3_io_methods::xSync, int>,
    .xFileSize = After<&sqlite3_io_methods::xFileSize, sqlite3_int64*>,
    .xLock = Lock,
    .xUnlock = Lock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
};

// Other files than logs are the system's.
int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  if ((flags & SQLITE_OPEN_WAL) == 0) {
    return system_vfs->xOpen(system_vfs, name, file, flags, out_flags);
  }
  Log(file) = {};
  const int opened = system_vfs->xOpen(system_vfs, name, System(file), flags, out_flags);
  if (System(file)->pMethods == nullptr) return opened;
  Log(file).waiting = new char[kMostCombined];
  Log(file).base.pMethods = &kLogMethods;
  return opened;
}

sqlite3_vfs Made() {
  system_vfs = sqlite3_vfs_find(nullptr);
  sqlite3_vfs vfs = *system_vfs;
  vfs.zName = "parley-combining";
  vfs.szOsFile += static_cast<int>(sizeof(LogFile));
  vfs.xOpen = Open;
  return vfs;
}

}  // namespace

const char* CombiningVfs() {
  static sqlite3_vfs vfs = Made();
  static const bool registered = sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
  return registered ? vfs.zName : nullptr;
}

}  // namespace parley
