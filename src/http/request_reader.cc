#include "http/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

#include "http/http_syntax.h"

namespace parley {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kNotHttp = "The request is not valid HTTP/1.1.";
constexpr std::string_view kSectionEnd = "\r\n\r\n";

// Beast accepts folded headers. RFC 9112 §5.2 lets a server reject them, and two parsers of a
// request must not disagree.
bool HasFoldedLine(std::string_view section) {
  return section.find("\n ") != std::string_view::npos ||
         section.find("\n\t") != std::string_view::npos;
}

// RFC 9112 §6: a request whose length is ambiguous is refused, to prevent request smuggling.
bool LengthIsPlain(const BeastRequest& message) {
  const std::string_view length = ViewOf(message[http::field::content_length]);
  const bool digits = std::ranges::all_of(length, [](char c) { return c >= '0' && c <= '9'; });
  if (message.count(http::field::content_length) > 1 || !digits) return false;
  const auto coding = message.equal_range(http::field::transfer_encoding);
  if (coding.first == coding.second) return true;
  return message.version() >= 11 && std::next(coding.first) == coding.second &&
         SameIgnoringCase(ViewOf(coding.first->value()), "chunked") &&
         message.count(http::field::content_length) == 0;
}

}  // namespace

RequestReader::Event RequestReader::Next(std::string_view& input) {
  switch (state_) {
    case State::kHeader:
      return ReadHeader(input);
    case State::kBody:
      return ReadBody(input);
    case State::kFailed:
      break;
  }
  input = {};
  return {};
}

RequestReader::Event RequestReader::ReadHeader(std::string_view& input) {
  if (input.empty()) return {};
  if (held_ == "\r" && input.starts_with('\n')) {  // an empty line that arrived in two pieces
    held_.clear();
    input.remove_prefix(1);
  }
  if (held_.empty()) {
    // RFC 9112 §2.2: empty lines before a request are ignored.
    while (input.starts_with("\r\n")) input.remove_prefix(2);
    if (input.empty()) return {};
    last_ = 0;
  }
  const size_t overlap = std::min(held_.size(), kSectionEnd.size() - 1);
  std::string joint = held_.substr(held_.size() - overlap);
  joint.append(input.substr(0, kSectionEnd.size() - 1));
  size_t end = std::string_view::npos;  // bytes of the input that end the section
  if (const size_t at = joint.find(kSectionEnd); at != std::string::npos) {
    end = at + kSectionEnd.size() - overlap;
  } else if (const size_t inside = input.find(kSectionEnd); inside != std::string_view::npos) {
    end = inside + kSectionEnd.size();
  }
  // A line feed without a carriage return does not end a line (RFC 9112 §2.2): reject it
  // immediately.
  for (char before = last_; const char c : input.substr(0, std::min(end, header_limit_))) {
    if (c == '\n' && before != '\r') return Fail(ErrorCode::bad_request, kNotHttp);
    before = c;
  }
  const size_t size = held_.size() + std::min(end, input.size());
  if (size > header_limit_) {
    return Fail(ErrorCode::headers_too_large, "The header section is too large.");
  }
  if (end == std::string_view::npos) {
    held_.append(input);
    last_ = input.back();
    input = {};
    return {};
  }
  const std::string_view rest = input.substr(0, end);
  input.remove_prefix(end);
  if (held_.empty()) return ParseHeader(rest);
  const std::string section = std::exchange(held_, {}).append(rest);
  return ParseHeader(section);
}

RequestReader::Event RequestReader::ParseHeader(std::string_view section) {
  if (HasFoldedLine(section)) return Fail(ErrorCode::bad_request, kNotHttp);
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<uint32_t>(section.size()));
  parser.body_limit(boost::none);
  parser.skip(true);  // the body is read here
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(section.data(), section.size()), error);
  if ((error && error != http::error::need_more) || !parser.is_header_done()) {
    return Fail(ErrorCode::bad_request, kNotHttp);
  }
  header_ = parser.release();
  if (!LengthIsPlain(header_)) {
    return Fail(ErrorCode::bad_request, "The request's length is ambiguous.");
  }
  chunked_ = header_.count(http::field::transfer_encoding) > 0;
  chunks_ = {};
  body_left_ = 0;
  for (const char digit : ViewOf(header_[http::field::content_length])) {
    // Beast has checked that it fits.
    body_left_ = body_left_ * 10 + static_cast<uint64_t>(digit - '0');
  }
  state_ = State::kBody;
  return {Kind::kHeader};
}

RequestReader::Event RequestReader::ReadBody(std::string_view& input) {
  if (!chunked_) {
    if (body_left_ == 0) {
      state_ = State::kHeader;
      return {Kind::kEnd};
    }
    if (input.empty()) return {};
    const std::string_view piece =
        input.substr(0, static_cast<size_t>(std::min<uint64_t>(body_left_, input.size())));
    body_left_ -= piece.size();
    input.remove_prefix(piece.size());
    return {Kind::kBody, piece};
  }
  const ChunkedDecoder::Piece piece = chunks_.Next(input);
  switch (piece.kind) {
    case ChunkedDecoder::Kind::kNeedMore:
      return {};
    case ChunkedDecoder::Kind::kData:
      return {Kind::kBody, piece.data};
    case ChunkedDecoder::Kind::kEnd:
      state_ = State::kHeader;
      chunked_ = false;
      return {Kind::kEnd};
    case ChunkedDecoder::Kind::kError:
      break;
  }
  return Fail(ErrorCode::bad_request, "The body is not a valid chunked body.", false);
}

RequestReader::Event RequestReader::Fail(ErrorCode code, std::string_view detail, bool drain) {
  state_ = State::kFailed;
  held_ = {};
  fault_ = {.error = {.code = code, .detail = std::string(detail)}, .drain = drain};
  return {Kind::kError};
}

}  // namespace parley
