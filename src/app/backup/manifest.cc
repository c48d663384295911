#include "app/backup/manifest.h"

#include <set>
#include <stdexcept>

#include "app/backup/backup_files.h"
#include "base/hex.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

constexpr size_t kManifestBytes = 1024 * 1024;
constexpr size_t kSumsBytes = size_t{4} << 30;
constexpr size_t kDigits = 64;

[[noreturn]] void Damaged(const std::filesystem::path& file, const std::string& why) {
  throw std::runtime_error("the backup is damaged: " + file.string() + ": " + why);
}

}  // namespace

std::string TextOf(const Manifest& manifest) {
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  json.Field("format", manifest.format);
  json.Field("version", manifest.version);
  json.Field("schema", manifest.schema);
  json.Field("store_id", manifest.store_id);
  json.Field("taken_at", manifest.taken_at);
  json.Field("files", manifest.files);
  json.Field("bytes", manifest.bytes);
  json.Field("conversations", manifest.conversations);
  json.Field("messages", manifest.messages);
  json.Field("attachments", manifest.attachments);
  json.Field("deleted_meanwhile", manifest.deleted_meanwhile);
  json.Key("incomplete");
  json.BeginArray();
  for (const std::string& line : manifest.incomplete) json.String(line);
  json.EndArray();
  json.EndObject();
  return text + "\n";
}

Manifest ReadManifest(const std::filesystem::path& backup) {
  const std::filesystem::path file = backup / kManifestFile;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file))) {
    throw std::runtime_error("there is no backup in " + backup.string() + ": it has no " +
                             kManifestFile);
  }
  const std::string text =
      ReadSmallFile(OpenBelow(backup, kManifestFile), file.string(), kManifestBytes);
  JsonReader reader(4);
  const Result<JsonObject> object = reader.ParseObject(text);
  if (!object) Damaged(file, "it is not JSON");
  FieldReader fields(*object);
  Manifest manifest;
  // The other fields of a newer format are unknown.
  manifest.format = fields.Integer("format").value_or(0);
  if (manifest.format > kBackupFormat) {
    throw std::runtime_error("the backup was made by a newer Parley: format " +
                             std::to_string(manifest.format) + ", this version supports " +
                             std::to_string(kBackupFormat));
  }
  manifest.version = fields.RequiredText("version").value_or("");
  manifest.schema = fields.Integer("schema").value_or(0);
  manifest.store_id = fields.RequiredText("store_id").value_or("");
  manifest.taken_at = fields.RequiredText("taken_at").value_or("");
  manifest.files = fields.Integer("files").value_or(0);
  manifest.bytes = fields.Integer("bytes").value_or(0);
  manifest.conversations = fields.Integer("conversations").value_or(0);
  manifest.messages = fields.Integer("messages").value_or(0);
  manifest.attachments = fields.Integer("attachments").value_or(0);
  manifest.deleted_meanwhile = fields.Integer("deleted_meanwhile").value_or(0);
  if (const auto lines = fields.Texts("incomplete", kIncompleteListed)) {
    manifest.incomplete.assign(lines->begin(), lines->end());
  }
  if (const auto error = fields.error()) Damaged(file, error->detail);
  if (manifest.format < 1 || manifest.schema < 1 || manifest.files < 1) {
    Damaged(file, "a field is missing");
  }
  return manifest;
}

std::string LineOf(const ListedFile& file) { return file.sha256 + "  " + file.name + "\n"; }

std::vector<ListedFile> ReadSums(const std::filesystem::path& backup, const Manifest& manifest) {
  const std::filesystem::path path = backup / kSumsFile;
  const std::string text = ReadSmallFile(OpenBelow(backup, kSumsFile), path.string(), kSumsBytes);
  std::vector<ListedFile> files;
  std::set<std::string_view> names;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) Damaged(path, "the last line is cut off");
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (line.size() < kDigits + 3 || !IsLowerHex(line.substr(0, kDigits)) ||
        line.substr(kDigits, 2) != "  ") {
      Damaged(path, "a line has another format");
    }
    const std::string_view name = line.substr(kDigits + 2);
    if (!IsNameInBackup(name)) {
      Damaged(path, "it names a file that no backup contains: " + std::string(name));
    }
    if (!names.insert(name).second) Damaged(path, "it names a file twice: " + std::string(name));
    files.push_back({std::string(name), std::string(line.substr(0, kDigits))});
  }
  if (static_cast<int64_t>(files.size()) != manifest.files + 1) {
    Damaged(path, "it lists " + std::to_string(files.size()) + " files instead of " +
                      std::to_string(manifest.files + 1));
  }
  return files;
}

}  // namespace parley
