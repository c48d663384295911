// What a backup contains: manifest.json and SHA256SUMS. SHA256SUMS has the format of `sha256sum`, and lists every
// other file of the backup; the manifest has the number of these files, so that a missing line is noticed.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"

namespace parley {

// The newest format that this version writes and reads.
inline constexpr int64_t kBackupFormat = 1;

struct Manifest {
  int64_t format = kBackupFormat;
  std::string version;   // of Parley
  int64_t schema = 0;    // of the database
  std::string store_id;  // of the store that was backed up
  std::string taken_at;  // RFC 3339: the moment that the database has
  int64_t files = 0;     // in SHA256SUMS, besides the manifest
  int64_t bytes = 0;     // of these files
  int64_t conversations = 0, messages = 0, attachments = 0;  // rows
  // Attachments whose files were not there: their messages were deleted during the backup, or the files are
  // missing or damaged in the store.
  int64_t deleted_meanwhile = 0;
  std::vector<std::string> incomplete;  // "<id>: <cause>", at most kIncompleteListed
};
inline constexpr size_t kIncompleteListed = 1000;

std::string TextOf(const Manifest& manifest);
// Reads the manifest of a backup. Throws std::runtime_error if there is none, it is damaged, or it is newer than
// this version supports.
Manifest ReadManifest(const std::filesystem::path& backup);

struct ListedFile {
  std::string name;
  std::string sha256;
};
std::string LineOf(const ListedFile& file);
// Reads SHA256SUMS. Throws std::runtime_error if it is damaged, does not belong to the manifest, or names a file
// that no backup contains.
std::vector<ListedFile> ReadSums(const std::filesystem::path& backup, const Manifest& manifest);

}  // namespace parley
