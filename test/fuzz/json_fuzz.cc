// A body or frame, as JSON or as a form: no input may crash the reader; accepted text is UTF-8 without
// U+0000; metadata is equivalent JSON without white space outside strings; and the writer's output is
// valid JSON.
//
// Input: the first byte (mod 3) selects the format, the rest is the text.
// Sources: src/protocol/json_reader.cc src/protocol/json_writer.cc src/base/utf8.cc
// Sources: src/base/ids.cc src/base/error.cc src/base/clock.cc src/http/request.cc src/http/percent.cc
#include <cstdlib>
#include <string>

#include "base/utf8.h"
#include "http/request.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"

namespace {

using parley::JsonSource;

constexpr size_t kMetadataBytes = 200;

void Require(bool held) {
  if (!held) std::abort();
}

void CheckText(std::optional<std::string_view> text) {
  Require(!text || parley::IsPlainText(*text));
}

void CheckObject(const parley::JsonObject& object) {
  parley::FieldReader fields(object);
  CheckText(fields.Text("a"));
  CheckText(fields.NumberText("a"));
  (void)fields.Integer("a");
  (void)fields.Bool("a");
  (void)fields.Id("a");
  (void)fields.ShortText("a", 5);
  (void)fields.Texts("a", 3);
  if (const auto users = fields.Users("a", 3)) {
    for (const auto& user : *users) Require(parley::IsUserId(user));
  }
  const std::string metadata = fields.Metadata("metadata", kMetadataBytes);
  Require(metadata.size() <= kMetadataBytes && parley::IsPlainText(metadata));
  std::string out;
  parley::JsonWriter json(out);
  json.BeginObject();
  json.Key("metadata");
  json.Raw(metadata);
  json.EndObject();
  parley::JsonReader again(40);
  const auto written = again.ParseObject(out);
  Require(written.has_value());
  parley::FieldReader repeat(*written);
  Require(repeat.Metadata("metadata", kMetadataBytes) == metadata);
  Require(!repeat.error());
  if (const auto error = fields.error()) Require(parley::IsUtf8(error->detail));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static parley::JsonReader reader(32);
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 2) {
    const auto fields = parley::ParseUrlEncoded(text);
    if (!fields) return 0;
    if (const auto object = reader.ParseForm(*fields)) CheckObject(*object);
    return 0;
  }
  const auto object =
      reader.ParseObject(text, data[0] % 3 == 0 ? JsonSource::kFrame : JsonSource::kRest);
  if (object) CheckObject(*object);
  if (!object) Require(parley::IsUtf8(object.error().detail));
  // The writer must produce valid text from any input.
  std::string out;
  parley::AppendJsonString(out, text);
  Require(parley::IsUtf8(out));
  return 0;
}
