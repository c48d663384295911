// The parts of a form do not depend on how the network splits the bytes, and memory is bounded.
#include "http/multipart.h"

#include <gtest/gtest.h>

#include "test/support/multipart_reader.h"

namespace parley {
namespace {

using test::ReadCut;
using test::ReadWhole;
using test::SeenPart;

std::string File(std::string_view content) {
  return "--xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n"
         "Content-Type: image/png\r\n\r\n" +
         std::string(content) + "\r\n";
}

TEST(Multipart, PartsHaveTheirHeadersAndContents) {
  const auto form = ReadWhole(
      "xYz",
      File("bytes") + "--xYz \t\r\ncontent-disposition: FORM-DATA; name=m\r\n\r\n7\r\n--xYz--");
  EXPECT_TRUE(form.complete);
  ASSERT_EQ(form.parts.size(), 2u);
  EXPECT_EQ(form.parts[0], (SeenPart{"file", "a.png", "image/png", "bytes", true}));
  EXPECT_EQ(form.parts[1], (SeenPart{"m", std::nullopt, "", "7", true}));
}

TEST(Multipart, EverySplitInTwoGivesTheSameParts) {
  const std::string near = "\r\n--xY\r\r\n--xyz\r\n-\r\n--\r";  // all but delimiters
  for (const std::string& body :
       {File(near) + "--xYz--\r\nepilogue\r\n--xYz\r\n", "preamble\r\n" + File("") + "--xYz--",
        File("cut sh"), File("a") + "--xYzz\r\n",
        File("a") + "--xYz\r\n\r\nno header\r\n--xYz--"}) {
    const auto whole = ReadWhole("xYz", body);
    for (size_t cut = 0; cut <= body.size(); ++cut) {
      ASSERT_EQ(ReadCut("xYz", body, {cut}), whole) << body << " cut at " << cut;
    }
    std::vector<size_t> everywhere;
    for (size_t i = 0; i <= body.size(); ++i) everywhere.push_back(i);
    EXPECT_EQ(ReadCut("xYz", body, everywhere), whole) << body;
  }
  EXPECT_EQ(ReadWhole("xYz", File(near) + "--xYz--").parts.at(0).content, near);
}

TEST(Multipart, ATruncatedBodyIsNotComplete) {
  const std::string body = File("bytes") + "--xYz--";
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(ReadWhole("xYz", body.substr(0, size)).complete) << size;
  }
}

TEST(Multipart, FileNamesAreReturnedUnchanged) {
  const auto name = [](std::string parameters) {
    const auto form = ReadWhole(
        "b", "--b\r\nContent-Disposition: form-data; name=f" + parameters + "\r\n\r\n\r\n--b--");
    return form.parts.empty() ? "refused" : form.parts[0].filename.value_or("none");
  };
  EXPECT_EQ(name(""), "none");
  EXPECT_EQ(name("; filename=\"\""), "");
  EXPECT_EQ(name("; filename=\"a;b=\\\"c\\\\.png\""), "a;b=\"c\\.png");
  EXPECT_EQ(name("; filename=\"C:\\dir\\a.png\""), "C:\\dir\\a.png");
  EXPECT_EQ(name("; filename*=UTF-8''x.png"), "x.png");
  EXPECT_EQ(name("; filename=\"a.png\"; filename*=utf-8'en'caf%C3%A9%20x.png"), "caf\u00e9 x.png");
  EXPECT_EQ(name("; filename*=UTF-8''b.png; filename=a.png"), "b.png") << "in any order";
  for (const char* bad : {"ISO-8859-1''%E9.png", "UTF-8''%E9.png", "UTF-8''%zz", "UTF-8'x.png",
                          "x.png", "UTF-8''a%00.png", "''x"}) {
    EXPECT_EQ(name("; filename=a.png; filename*=" + std::string(bad)), "a.png") << bad;
  }
  EXPECT_EQ(name("; filename=\"open"), "refused");
  EXPECT_EQ(name(std::string("; filename=\"a\0b\"", 16)), "refused");
}

TEST(Multipart, MalformedBodiesAreRejected) {
  const auto error = [](const std::string& body) { return ReadWhole("b", body).error; };
  EXPECT_NE(error("--b\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(error("--b\r\nContent-Disposition: attachment; name=f\r\n\r\n"), "");
  EXPECT_NE(error("--b\r\nContent-Disposition: form-data\r\n\r\n"), "");
  EXPECT_NE(error("--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n"), "");
  EXPECT_NE(error("--b\r\nContent-Disposition: form-data;\r\n name=f\r\n\r\n"), "");
  EXPECT_NE(error("--bb\r\n"), "");
  EXPECT_NE(error("--b\r\nX: " + std::string(MultipartParser::kMaxHeader, 'x')), "");
  EXPECT_NE(error("--b" + std::string(MultipartParser::kMaxPadding + 1, ' ')), "");
  std::string parts;
  for (size_t i = 0; i < MultipartParser::kMaxParts; ++i) {
    parts += "--b\r\nContent-Disposition: form-data; name=f\r\n\r\n\r\n";
  }
  EXPECT_EQ(error(parts + "--b--"), "");
  EXPECT_NE(error(parts + parts + "--b--"), "");
}

TEST(Multipart, BoundariesAreValidated) {
  const auto boundary = [](std::string type) {
    return MultipartBoundary(type).value_or("refused");
  };
  EXPECT_EQ(boundary("multipart/form-data; boundary=xYz"), "xYz");
  EXPECT_EQ(boundary("Multipart/Form-Data;charset=utf-8; Boundary=\"a b:c\""), "a b:c");
  const std::string type = "multipart/form-data; boundary=";
  EXPECT_EQ(boundary(type + std::string(70, 'x')), std::string(70, 'x'));
  for (const std::string& wrong :
       {std::string("multipart/form-data"), std::string("application/json"), type, type + "\"a \"",
        type + "a\"b", type + "a\r", type + std::string(71, 'x'), type + "a; boundary=b"}) {
    EXPECT_EQ(boundary(wrong), "refused") << wrong;
  }
}

}  // namespace
}  // namespace parley
