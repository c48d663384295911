// parley restore: makes a store from a backup.
#pragma once
#include <filesystem>

#include "app/backup/manifest.h"
#include "base/clock.h"
#include "config/config.h"

namespace parley {

// Checks every file of a backup, and writes nothing. Throws std::runtime_error that names the damaged file.
Manifest CheckBackup(const std::filesystem::path& backup);

// Restores a backup into the data directory and the attachments folder of the configuration, which must be empty.
// Until everything is on disk, no server starts there; a restore that was killed is started again from the
// beginning. After an error the folders are empty again. Throws std::runtime_error.
Manifest Restore(const Config& config, const std::filesystem::path& backup, const Clock& clock);

}  // namespace parley
