// parley backup TARGET: backs up the store and its files. parley restore SOURCE: makes a store from a backup.
#include <ctime>

#include "app/backup/backup.h"
#include "app/backup/restore.h"
#include "app/commands/commands.h"
#include "config/config_loader.h"
#include "config/config_text.h"

namespace parley {
namespace {

// Exit code of a backup that is whole but for attachments that the store itself lacks.
constexpr int kIncomplete = 3;

struct Call {
  std::string folder;
  Config config;
};

// The folder is the first argument. Returns nullopt if the command ends here.
std::optional<Call> Parse(std::vector<std::string> args, const char* usage, std::ostream& out,
                          std::ostream& err, int& code) {
  Call call;
  const bool has_folder = !args.empty() && !args[0].starts_with("-");
  if (has_folder) {
    call.folder = args[0];
    args.erase(args.begin());
  }
  const ConfigResult loaded = LoadConfig({args, ProcessEnvironment(), DiskFileReader(), {}});
  code = loaded.help ? 0 : 2;
  if (loaded.help) {
    out << usage << "\n\n" << OptionsHelp({});
    return std::nullopt;
  }
  for (const std::string& error : loaded.errors) err << "parley: " << error << "\n";
  if (!has_folder) err << "parley: " << usage << "\n";
  if (!has_folder || !loaded.ok()) return std::nullopt;
  call.config = loaded.config;
  return call;
}

std::string Contents(const Manifest& manifest) {
  return std::to_string(manifest.conversations) + " conversations, " +
         std::to_string(manifest.messages) + " messages, " + std::to_string(manifest.attachments) +
         " attachments; " + std::to_string(manifest.files) + " files, " +
         std::to_string(manifest.bytes) + " bytes";
}

std::string OriginText(const Manifest& manifest) {
  return "the backup of " + manifest.taken_at + " (Parley " + manifest.version + ", schema " +
         std::to_string(manifest.schema) + ")";
}

}  // namespace

int RunBackupCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  int code = 0;
  const auto call =
      Parse(args, "usage: parley backup TARGET [options]; TARGET is a folder that does not exist",
            out, err, code);
  if (!call) return code;
  const Manifest manifest = MakeBackup(call->config, call->folder, SystemClock());
  out << call->folder << ": " << Contents(manifest) << "\n";
  if (manifest.deleted_meanwhile > 0) {
    out << manifest.deleted_meanwhile << " attachments were deleted during the backup\n";
  }
  if (manifest.incomplete.empty()) return 0;
  for (const std::string& line : manifest.incomplete) err << "parley: attachment " << line << "\n";
  err << "parley: the backup is whole, except for these attachments of the store\n";
  return kIncomplete;
}

int RunRestoreCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  std::vector<std::string> rest = args;
  const bool check = std::erase(rest, "--check") > 0;
  int code = 0;
  const auto call = Parse(rest,
                          "usage: parley restore SOURCE [--check] [options]; --check only checks "
                          "the files of the backup",
                          out, err, code);
  if (!call) return code;
  if (check) {
    const Manifest manifest = CheckBackup(call->folder);
    out << OriginText(manifest) << " is intact: " << Contents(manifest) << "\n";
    return 0;
  }
  const Manifest manifest = Restore(call->config, call->folder, SystemClock());
  const bool shared = !call->config.database.url.empty();
  out << "restored " << OriginText(manifest) << " into "
      << (shared ? "the PostgreSQL database" : call->config.data_dir) << ": " << Contents(manifest)
      << "\n"
      << "Everything after that moment is lost, including removals of participants, deletions and "
         "revoked tokens: repeat them where they matter.\n";
  return 0;
}

}  // namespace parley
