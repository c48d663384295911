// The reader must find the same requests in the same bytes for every way to split them, in bounded memory.
// A request must have only the headers in its header section: neither a trailer nor a byte of a body may
// become one.
//
// Input: cuts (test/support/cut_input.h), then the bytes of a client.
// Sources: src/http/request_reader.cc src/http/chunked_decoder.cc src/http/request.cc
// Sources: src/http/percent.cc src/base/utf8.cc src/base/error.cc
#include <cstdlib>
#include <string>

#include "base/utf8.h"
#include "http/request_reader.h"
#include "test/support/cut_input.h"

namespace {

using parley::RequestReader;
using Kind = RequestReader::Kind;

constexpr size_t kHeaderLimit = 512;

void Require(bool held) {
  if (!held) std::abort();
}

void CheckRequest(const parley::BeastRequest& message, size_t consumed, std::string_view all) {
  // All input up to the end of its header section.
  const std::string_view before = all.substr(0, consumed);
  Require(before.ends_with("\r\n\r\n"));
  const size_t earlier = before.rfind("\r\n\r\n", before.size() - 5);
  for (const auto& line : message) {
    const std::string name(line.name_string());
    const size_t at = before.rfind("\r\n" + name);
    Require(at != std::string_view::npos);
    Require(earlier == std::string_view::npos || at + 4 > earlier);
  }
  auto request = parley::Request::From(parley::BeastRequest(message), {});
  if (!request) return;
  for (const std::string& segment : request->segments()) {
    Require(parley::IsUtf8(segment) && segment.find('\0') == std::string::npos);
  }
  Require(parley::IsUtf8(request->Header("Authorization")));
  Require(parley::IsUtf8(request->Header("Idempotency-Key")));
  if (const auto value = request->Query("a")) Require(parley::IsPlainText(*value));
}

// A header section that is both malformed and too long may be rejected for either reason, depending on the
// cuts.
int StatusOf(parley::ErrorCode code) {
  return code == parley::ErrorCode::headers_too_large ? 400 : parley::HttpStatus(code);
}

class Run {
 public:
  explicit Run(std::string_view all) : all_(all) {}

  void Feed(std::string_view piece) {
    const std::string block(piece);  // exactly its size, for the sanitizer
    std::string_view rest = block;
    consumed_ += piece.size();
    while (!failed_) {
      const RequestReader::Event event = reader_.Next(rest);
      Require(reader_.held_bytes() <= 2 * kHeaderLimit + 64);
      switch (event.kind) {
        case Kind::kNeedMore:
          Require(rest.empty());
          return;
        case Kind::kHeader: {
          const parley::BeastRequest message = reader_.TakeHeader();
          CheckRequest(message, consumed_ - rest.size(), all_);
          seen_.append("\n#").append(message.method_string()).append(" ");
          seen_.append(message.target());
          break;
        }
        case Kind::kBody:
          Require(!event.body.empty());
          if (!in_body_) seen_ += '\n';
          in_body_ = true;
          seen_.append(event.body);
          continue;
        case Kind::kEnd:
          Require(!reader_.in_request());
          seen_ += "\n.";
          break;
        case Kind::kError:
          seen_ += "\n!" + std::to_string(StatusOf(reader_.fault().error.code));
          failed_ = true;
          break;
      }
      in_body_ = false;
    }
  }
  const std::string& seen() const { return seen_; }

 private:
  std::string_view all_;
  RequestReader reader_{kHeaderLimit};
  std::string seen_;
  size_t consumed_ = 0;
  bool in_body_ = false;
  bool failed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto input = parley::test::TakeCuts({reinterpret_cast<const char*>(data), size});
  Run whole(input.bytes), cut(input.bytes), bytewise(input.bytes);
  whole.Feed(input.bytes);
  input.ForEachPiece([&](std::string_view piece) { cut.Feed(piece); });
  for (size_t i = 0; i < input.bytes.size(); ++i) bytewise.Feed(input.bytes.substr(i, 1));
  Require(cut.seen() == whole.seen());
  Require(bytewise.seen() == whole.seen());
  return 0;
}
