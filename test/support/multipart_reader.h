// Reads a whole form with MultipartParser, in one piece or split.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/multipart.h"

namespace parley::test {

struct SeenPart {
  std::string name;
  std::optional<std::string> filename;
  std::string content_type;
  std::string content;
  bool ended = false;
  bool operator==(const SeenPart&) const = default;
};

struct SeenForm {
  std::vector<SeenPart> parts;
  std::string error;
  bool complete = false;
  size_t most_held = 0;  // not compared: it depends on the split
  bool operator==(const SeenForm& other) const {
    return parts == other.parts && error == other.error && complete == other.complete;
  }
};

// `cuts`: ascending positions in `body`.
inline SeenForm ReadCut(std::string_view boundary, std::string_view body,
                        std::vector<size_t> cuts) {
  using Kind = MultipartEvent::Kind;
  MultipartParser parser(boundary);
  SeenForm form;
  cuts.push_back(body.size());
  size_t begin = 0;
  for (const size_t end : cuts) {
    std::string_view piece = body.substr(begin, end - begin);
    begin = end;
    for (auto event = parser.Next(piece); event.kind != Kind::kNeedMore;
         event = parser.Next(piece)) {
      const PartHeader& header = parser.header();
      if (event.kind == Kind::kPart) {
        form.parts.push_back({header.name, header.filename, header.content_type, "", false});
      }
      if (event.kind == Kind::kData) form.parts.back().content += event.payload;
      if (event.kind == Kind::kPartEnd) form.parts.back().ended = true;
      if (event.kind == Kind::kError) form.error = event.payload;
    }
    if (!piece.empty()) std::abort();  // kNeedMore means that all input was consumed
    form.most_held = std::max(form.most_held, parser.held_bytes());
  }
  form.complete = parser.complete();
  return form;
}

inline SeenForm ReadWhole(std::string_view boundary, std::string_view body) {
  return ReadCut(boundary, body, {});
}

}  // namespace parley::test
