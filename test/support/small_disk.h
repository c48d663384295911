// Full disks for tests of the embedded store.
#pragma once
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "test/contract/store_contract.h"

namespace parley::test {

// A private file system: write(2) fails with ENOSPC when it is full.
class SmallDisk {
 public:
  explicit SmallDisk(const char* size)
      : mounted_(::mount("parley-test", place_.path().c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
                         (std::string("size=") + size).c_str()) == 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount2(place_.path().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return place_.path(); }
  void FillUp() const {
    std::ofstream ballast(path() / "ballast");
    const std::string page(4096, 'b');
    while (ballast.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
    }
  }

 private:
  ScratchDirectory place_;
  const bool mounted_;
};

// The database and its log, as a kill would leave them.
inline void CopyAsAKillLeavesIt(const std::filesystem::path& from,
                                const std::filesystem::path& to) {
  for (const char* name : {"parley.db", "parley.db-wal"}) {
    std::filesystem::copy_file(from / name, to / name);
  }
}

}  // namespace parley::test
