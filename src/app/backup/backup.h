// parley backup: copies a store, while a server may be running, into a new folder.
#pragma once
#include <filesystem>

#include "app/backup/manifest.h"
#include "base/clock.h"
#include "config/config.h"
#include "store/postgres/open_postgres.h"

namespace parley {

// The attachments folder of a configuration.
std::filesystem::path AttachmentsOf(const Config& config);
PostgresOptions PostgresOf(const Config& config);

// Writes the backup as `target`.partial and renames it once everything is on disk, so that `target` is either a
// whole backup or does not exist. What an earlier, killed backup left is removed. Throws std::runtime_error.
Manifest MakeBackup(const Config& config, const std::filesystem::path& target, const Clock& clock);

}  // namespace parley
