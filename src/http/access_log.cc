#include "http/access_log.h"

#include <algorithm>
#include <cctype>

#include "base/ids.h"
#include "base/log.h"

namespace parley {
namespace {

constexpr size_t kLongestPath = 2'048;
constexpr size_t kLongestRequestId = 64;

std::string_view OrDash(std::string_view text) { return text.empty() ? "-" : text; }

// Detects a JWT in the wrong place: in base64url, the JSON object of its header begins with "eyJ".
bool LooksLikeAToken(std::string_view segment) {
  return segment.starts_with("eyJ") && std::ranges::count(segment, '.') == 2;
}

void AppendEncoded(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F && c != '"' && c != '\\' && c != '=' && c != '<' && c != '>') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

std::string_view TraceOf(const AccessLine& line) {
  return line.trace ? line.trace->trace_id : std::string_view();
}
std::string_view SpanOf(const AccessLine& line) {
  return line.trace ? line.trace->span_id : std::string_view();
}

}  // namespace

std::string LoggedPath(std::string_view target) {
  target = target.substr(0, target.find_first_of("?#"));
  std::string out;
  while (!target.empty() && out.size() < kLongestPath) {
    const std::string_view segment = target.substr(0, target.find('/', 1));
    target.remove_prefix(segment.size());
    if (LooksLikeAToken(segment.substr(segment.starts_with('/') ? 1 : 0))) {
      out += "/***";
    } else {
      AppendEncoded(out, segment.substr(0, kLongestPath - out.size()));
    }
  }
  return out;
}

std::string RequestIdFrom(std::optional<std::string_view> header) {
  const auto fits = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-');
  };
  if (header && !header->empty() && header->size() <= kLongestRequestId &&
      std::ranges::all_of(*header, fits)) {
    return std::string(*header);
  }
  return RandomIdHex(16);
}

void LogRequest(const AccessLine& line, int status, Duration took) {
  log::log(status >= 500 ? log::Level::warn : log::Level::info,
           "request method={} path={} status={} user={} client={} request_id={} session={} "
           "trace_id={} span_id={} micros={}",
           line.method, line.path, status, OrDash(line.user), OrDash(line.client), line.request_id,
           line.session, TraceOf(line), SpanOf(line), took.count());
}

void LogFailure(const AccessLine& line, int status, Duration took) {
  log::warn(
      "request failed method={} route={} status={} user={} client={} request_id={} trace_id={} "
      "span_id={} micros={}",
      line.method, line.path, status, OrDash(line.user), OrDash(line.client), line.request_id,
      TraceOf(line), SpanOf(line), took.count());
}

void LogCommandFailure(const AccessLine& line, std::string_view code) {
  log::warn(
      "command failed code={} path={} user={} client={} request_id={} session={} trace_id={} "
      "span_id={}",
      code, line.path, OrDash(line.user), OrDash(line.client), line.request_id, line.session,
      TraceOf(line), SpanOf(line));
}

void LogSocketEnd(const AccessLine& line, int close_code, Duration open) {
  log::info(
      "socket closed path={} code={} user={} client={} request_id={} session={} trace_id={} "
      "span_id={} millis={}",
      line.path, close_code, OrDash(line.user), OrDash(line.client), line.request_id, line.session,
      TraceOf(line), SpanOf(line), open.count() / 1000);
}

}  // namespace parley
