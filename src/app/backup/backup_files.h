// The files of a backup: copies with their SHA-256, and names from a list that may be damaged or hostile.
// Functions throw std::runtime_error with one line that names the file and the cause.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "blob/incoming_file.h"

namespace parley {

// Names in a backup.
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kSumsFile = "SHA256SUMS";
inline constexpr const char* kSecretFile = "dev-secret";
inline constexpr const char* kAttachmentsFolder = "attachments";

struct CopiedFile {
  int64_t size = 0;    // bytes
  std::string sha256;  // hexadecimal
};

// The user and group of a new file; nullopt: those of the process.
struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

// Returns true for the names that a backup can contain besides kSumsFile: relative, without "..".
bool IsNameInBackup(std::string_view name);

// Opens a regular file below a folder. No component of the name can be a symbolic link.
FileDescriptor OpenBelow(const std::filesystem::path& folder, const std::string& name);

// Copies a file from its current position to the new file `to`, which only its owner can access. The copy is
// not synced. nullopt for `to`: only reads the file.
CopiedFile CopyFile(const FileDescriptor& from, const std::string& from_name,
                    const std::optional<std::filesystem::path>& to,
                    const std::optional<Owner>& owner = std::nullopt);
void WriteNewFile(const std::filesystem::path& path, std::string_view text,
                  const std::optional<Owner>& owner = std::nullopt);
// Reads a small file. Throws if it has more than `max_bytes`.
std::string ReadSmallFile(const FileDescriptor& file, const std::string& name, size_t max_bytes);

// Creates a folder that only its owner can access, unless it exists.
void MakeFolder(const std::filesystem::path& path,
                const std::optional<Owner>& owner = std::nullopt);
// Returns when the names in the folder are on disk.
void SyncFolder(const std::filesystem::path& folder);
// Returns when all files of the file system that has this folder are on disk.
void SyncFileSystem(const std::filesystem::path& folder);

}  // namespace parley
