#include "http/request.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>

namespace parley {
namespace {

namespace beast = boost::beast;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

Result<Request> Request::From(BeastRequest message, Peer peer) {
  Request request;
  request.message_ = std::move(message);
  request.peer_ = std::move(peer);
  request.method_ = View(request.message_.method_string());
  const std::string_view target = View(request.message_.target());
  if (!target.starts_with('/')) {
    return Fail(ErrorCode::bad_request, "The request target must be a path.");
  }
  const size_t question = target.find('?');
  auto path = PercentDecode(target.substr(0, question), false);
  if (!path) return Fail(ErrorCode::bad_request, "The path is not valid percent-encoding.");
  request.path_ = std::move(*path);
  if (request.path_.size() > 1 && request.path_.ends_with('/')) request.path_.pop_back();

  std::string_view rest =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    auto name = PercentDecode(pair.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : PercentDecode(pair.substr(equals + 1), true);
    if (!name || !value) {
      return Fail(ErrorCode::bad_request, "The query is not valid percent-encoding.");
    }
    request.query_.emplace_back(std::move(*name), std::move(*value));
  }
  return request;
}

std::string_view Request::Header(std::string_view name) const {
  return View(message_[beast::string_view(name.data(), name.size())]);
}

std::optional<std::string_view> Request::HeaderOnce(std::string_view name) const {
  const auto range = message_.equal_range(beast::string_view(name.data(), name.size()));
  if (range.first == range.second || std::next(range.first) != range.second) return std::nullopt;
  return View(range.first->value());
}

bool Request::HasHeader(std::string_view name) const {
  return message_.count(beast::string_view(name.data(), name.size())) > 0;
}

std::vector<std::string_view> Request::HeaderList(std::string_view name) const {
  std::vector<std::string_view> members;
  const auto range = message_.equal_range(beast::string_view(name.data(), name.size()));
  for (auto line = range.first; line != range.second; ++line) {
    std::string_view rest = View(line->value());
    while (!rest.empty()) {
      std::string_view member = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), member.size() + 1));
      while (member.starts_with(' ') || member.starts_with('\t')) member.remove_prefix(1);
      while (member.ends_with(' ') || member.ends_with('\t')) member.remove_suffix(1);
      if (!member.empty()) members.push_back(member);
    }
  }
  return members;
}

bool Request::HeaderHasToken(std::string_view name, std::string_view token) const {
  return std::ranges::any_of(HeaderList(name), [&](std::string_view member) {
    return beast::iequals(beast::string_view(member.data(), member.size()),
                          beast::string_view(token.data(), token.size()));
  });
}

std::optional<std::string_view> Request::Query(std::string_view name) const {
  for (const auto& [key, value] : query_) {
    if (key == name) return value;
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
