#include "http/request.h"

#include <algorithm>

#include "base/blanks.h"
#include "base/utf8.h"
#include "http/http_syntax.h"

namespace parley {
namespace {

namespace beast = boost::beast;

}  // namespace

bool IsPlainText(std::string_view bytes) {
  return IsUtf8(bytes) && bytes.find('\0') == std::string_view::npos;
}

std::optional<std::vector<std::string>> PathSegments(std::string_view path) {
  std::vector<std::string> segments;
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    auto decoded = PercentDecode(part, false);
    if (!decoded) return std::nullopt;
    segments.push_back(IsPlainText(*decoded) ? std::move(*decoded) : std::string());
  }
  return segments;
}

Result<NamesAndValues> ParseUrlEncoded(std::string_view text) {
  NamesAndValues fields;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    auto name = PercentDecode(pair.substr(0, equals), true);
    auto value = PercentDecode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return Fail(ErrorCode::bad_request, "The percent-encoding is invalid.");
    if (!IsPlainText(*name) || !IsPlainText(*value)) {
      return Fail(ErrorCode::bad_request, "It must be UTF-8 and must not contain U+0000.");
    }
    fields.emplace_back(std::move(*name), std::move(*value));
  }
  return fields;
}

Result<Request> Request::From(BeastRequest message, Peer peer) {
  Request request;
  request.message_ = std::move(message);
  request.peer_ = std::move(peer);
  request.method_ = ViewOf(request.message_.method_string());
  if (const auto taken = request.TakeTarget(ViewOf(request.message_.target())); !taken) {
    return Fail(taken.error());
  }
  if (const auto good = request.CheckHeaders(); !good) return Fail(good.error());
  return request;
}

Result<void> Request::TakeTarget(std::string_view target) {
  // Absolute form: "http://host:port/path", with the scheme in any case.
  const size_t scheme = target.find("://");
  if (scheme != std::string_view::npos && (SameIgnoringCase(target.substr(0, scheme), "http") ||
                                           SameIgnoringCase(target.substr(0, scheme), "https"))) {
    target.remove_prefix(scheme + 3);
    authority_ = target.substr(0, target.find_first_of("/?"));
    target.remove_prefix(authority_.size());
    if (authority_.empty()) return Fail(ErrorCode::bad_request, "The request target has no host.");
  } else if (!target.starts_with('/')) {
    return Fail(ErrorCode::bad_request, "The request target must be a path.");
  }
  const size_t question = std::min(target.find('?'), target.size());
  path_ = target.substr(0, question);
  if (path_.empty()) path_ = "/";
  auto segments = PathSegments(path_);
  if (!segments) return Fail(ErrorCode::bad_request, "The path's percent-encoding is invalid.");
  segments_ = std::move(*segments);
  if (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  auto query = ParseUrlEncoded(target.substr(std::min(question + 1, target.size())));
  if (!query) return Fail(ErrorCode::bad_request, "The query: " + query.error().detail);
  query_ = std::move(*query);
  return {};
}

Result<void> Request::CheckHeaders() const {
  for (const auto& line : message_) {
    if (IsPlainText(ViewOf(line.value())) || !IsReadHeader(ViewOf(line.name_string()))) continue;
    return Fail(Error::Field(std::string(ViewOf(line.name_string())), "Must be UTF-8."));
  }
  return {};
}

bool Request::has_body() const {
  const std::string_view length = ViewOf(message_[beast::http::field::content_length]);
  return message_.count(beast::http::field::transfer_encoding) > 0 ||
         std::ranges::any_of(length, [](char digit) { return digit != '0'; });
}

std::string_view Request::Header(HeaderName header) const {
  const std::string_view name = header;
  return ViewOf(message_[beast::string_view(name.data(), name.size())]);
}

std::optional<std::string_view> Request::HeaderOnce(HeaderName header) const {
  const std::string_view name = header;
  const auto range = message_.equal_range(beast::string_view(name.data(), name.size()));
  if (range.first == range.second || std::next(range.first) != range.second) return std::nullopt;
  return ViewOf(range.first->value());
}

bool Request::HasHeader(HeaderName header) const {
  const std::string_view name = header;
  return message_.count(beast::string_view(name.data(), name.size())) > 0;
}

bool Request::HasHeaderPrefix(std::string_view prefix) const {
  return std::ranges::any_of(message_, [&](const auto& field) {
    return beast::iequals(field.name_string().substr(0, prefix.size()),
                          beast::string_view(prefix.data(), prefix.size()));
  });
}

std::vector<std::string_view> Request::HeaderList(HeaderName header) const {
  const std::string_view name = header;
  std::vector<std::string_view> members;
  const auto range = message_.equal_range(beast::string_view(name.data(), name.size()));
  for (auto line = range.first; line != range.second; ++line) {
    std::string_view rest = ViewOf(line->value());
    while (!rest.empty()) {
      const std::string_view member = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), member.size() + 1));
      const std::string_view text = TrimBlanks(member);
      if (!text.empty()) members.push_back(text);
    }
  }
  return members;
}

bool Request::HeaderHasToken(HeaderName name, std::string_view token) const {
  return std::ranges::any_of(
      HeaderList(name), [&](std::string_view member) { return SameIgnoringCase(member, token); });
}

std::optional<std::string_view> Request::Query(std::string_view name) const {
  for (auto field = query_.rbegin(); field != query_.rend(); ++field) {
    if (field->first != name) continue;
    if (field->second.empty()) break;
    return field->second;
  }
  return std::nullopt;
}

std::string_view Request::Param(std::string_view name) const {
  for (const auto& [key, value] : params_) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace parley
