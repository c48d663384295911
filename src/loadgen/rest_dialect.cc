#include "loadgen/rest_dialect.h"

#include <algorithm>
#include <charconv>

#include "http/http_syntax.h"
#include "protocol/json_writer.h"

namespace parley::loadgen {
namespace {

constexpr size_t kMostBody = size_t{1} << 30;

// The Content-Length of a header section; nullopt if there is none, or one that no server means.
std::optional<size_t> LengthIn(std::string_view head) {
  constexpr std::string_view kName = "content-length:";
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    if (!SameIgnoringCase(line.substr(0, kName.size()), kName)) continue;
    const size_t at = std::min(line.size(), line.find_first_not_of(' ', kName.size()));
    size_t length = 0;
    const auto [end, error] = std::from_chars(line.data() + at, line.data() + line.size(), length);
    if (error == std::errc() && length <= kMostBody) return length;
  }
  return std::nullopt;
}

}  // namespace

const RestRequest& RestDialect::RequestOf(size_t member, uint64_t number) const {
  const auto& row = requests_[member % requests_.size()];
  return row[number % row.size()];
}

void RestDialect::Encode(const Member& member, const Outgoing& message, std::string& out) const {
  const RestRequest& request = RequestOf(message.sender, message.number);
  std::string body;
  if (!request.conversation.empty()) {
    JsonWriter json(body);
    json.BeginObject();
    json.Field("conversation_id", request.conversation);
    json.Field("client_id", message.client_id);
    json.Field("content", message.content);
    json.EndObject();
  }
  out += (body.empty() ? "GET " : "POST ") + request.path + " HTTP/1.1\r\nHost: " + member.host +
         "\r\nAuthorization: Bearer " + member.token + "\r\n";
  if (!body.empty()) {
    out +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  out += "\r\n" + body;
}

// Connection::state() counts the answers: they come in the order of the requests.
size_t RestDialect::OnBytes(Connection& connection, std::string_view data) const {
  size_t done = 0;
  for (;;) {
    const std::string_view rest = data.substr(done);
    const size_t head = rest.find("\r\n\r\n");
    if (head == rest.npos) return done;
    const auto length = LengthIn(rest.substr(0, head));
    const size_t size = head + 4 + length.value_or(0);
    if (rest.size() < size) return done;
    const uint64_t number = connection.state()++;
    const std::string_view status = rest.substr(0, rest.find("\r\n"));
    if (!length) {
      connection.Refused("an answer has no Content-Length: " + std::string(status), number);
    } else if (status.size() < 10 || status[9] != '2') {
      connection.Refused(std::string(status) + ' ' + std::string(rest.substr(head + 4, *length)),
                         number);
    } else {
      connection.Acknowledged(
          {.number = number, .kind = RequestOf(connection.index(), number).kind});
    }
    done += size;
  }
}

}  // namespace parley::loadgen
