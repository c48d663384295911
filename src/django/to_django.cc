#include "django/to_django.h"

#include <array>
#include <initializer_list>
#include <span>

#include "django/message_codec.h"

namespace parley::django {
namespace {

using Kind = Value::Kind;

struct Copied {
  std::string_view name;
  Kind kind;
};

// Rows of the events whose data Django receives as one field, and of those whose fields it receives.
struct Row {
  std::string_view type;  // of Parley
  std::string_view django_type;
  std::string_view whole = {};  // the field for all of `data`
  std::array<Copied, 2> fields = {};
};

constexpr Row kRows[] = {
    {.type = "message", .django_type = "chat_message", .whole = "message"},
    {.type = "message_updated", .django_type = "message_updated", .whole = "message"},
    {.type = "conversation_updated",
     .django_type = "conversation_updated",
     .whole = "conversation"},
    {.type = "message_deleted",
     .django_type = "message_deleted",
     .fields = {{{"message_id", Kind::kString}}}},
    {.type = "read_receipt",
     .django_type = "read_receipt",
     .fields = {{{"user_id", Kind::kString}, {"message_ids", Kind::kArray}}}},
    {.type = "typing_indicator",
     .django_type = "typing_indicator",
     .fields = {{{"user_id", Kind::kString}, {"is_typing", Kind::kBool}}}},
    {.type = "user_online", .django_type = "user_online", .fields = {{{"user_id", Kind::kString}}}},
    {.type = "user_offline",
     .django_type = "user_offline",
     .fields = {{{"user_id", Kind::kString}}}},
};

std::optional<Value> Application(const Value& data, const AllowedTypes& allowed) {
  const auto name = data.TextAt("name");
  if (!name || !allowed.Contain(*name)) return std::nullopt;
  Value out = Value::Object();
  out.Set("type", Value::String(std::string(*name)));
  const Value* const payload = data.Find("payload");
  if (payload != nullptr && payload->is(Kind::kObject)) {
    for (const Field& field : payload->fields()) {
      if (field.name != "type" && field.name != kChannelField) out.Set(field.name, field.value);
    }
  } else if (payload != nullptr) {
    out.Set("payload", *payload);
  }
  return out;
}

}  // namespace

std::string HandlerOf(std::string_view type) {
  std::string handler(type);
  for (char& c : handler) {
    if (c == '.') c = '_';
  }
  return handler.starts_with('_') ? std::string() : handler;
}

std::optional<Value> ToDjango(const Value& event, const AllowedTypes& application) {
  const auto type = event.TextAt("type");
  const Value* const data = event.Find("data");
  if (!type || data == nullptr || !data->is(Kind::kObject)) return std::nullopt;
  if (*type == "event") return Application(*data, application);
  for (const Row& row : kRows) {
    if (row.type != *type) continue;
    Value out = Value::Object();
    out.Set("type", Value::String(std::string(row.django_type)));
    if (!row.whole.empty()) {
      out.Set(row.whole, *data);
      return out;
    }
    for (const Copied& field : row.fields) {
      if (field.name.empty()) continue;
      const Value* const value = data->Find(field.name);
      if (value == nullptr || !value->is(field.kind)) return std::nullopt;
      out.Set(field.name, *value);
    }
    return out;
  }
  return std::nullopt;
}

}  // namespace parley::django
