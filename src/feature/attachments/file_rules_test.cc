#include "feature/attachments/file_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(FileNameTest, KeepsTheLastPartOfAPath) {
  EXPECT_EQ(CleanFileName("../../etc/cat.png"), "cat.png");
  EXPECT_EQ(CleanFileName("C:\\Users\\ann\\cat.png"), "cat.png");
  EXPECT_EQ(CleanFileName("/"), std::nullopt);
  EXPECT_EQ(CleanFileName(".."), std::nullopt);
  EXPECT_EQ(CleanFileName(""), std::nullopt);
}

TEST(FileNameTest, ControlAndBidiCharactersAreRemoved) {
  EXPECT_EQ(CleanFileName("a\r\nb\x7f.png"), "ab.png");
  EXPECT_EQ(CleanFileName("invoice\u202Egnp.pdf"), "invoicegnp.pdf");
  EXPECT_EQ(CleanFileName("a\u0085\u2066b.png"), "ab.png");
  EXPECT_EQ(CleanFileName("  cat.png . "), "cat.png");
  EXPECT_EQ(CleanFileName("Kätzchen \u20AC 猫.png"), "Kätzchen \u20AC 猫.png");
  EXPECT_EQ(CleanFileName("\xFF.png"), std::nullopt);
}

TEST(FileNameTest, IsTruncatedBetweenCharactersAndKeepsItsExtension) {
  const auto name = CleanFileName(fmt::format("{}.png", std::string(300, 'a')));
  EXPECT_EQ(*name, fmt::format("{}.png", std::string(251, 'a')));
  std::string euros;
  for (int i = 0; i < 100; ++i) euros += "\u20AC";
  const auto cut = CleanFileName(euros + ".png");
  EXPECT_EQ(cut->size(), 249u + 4) << "83 whole characters";
  EXPECT_TRUE(CleanFileName(fmt::format(".{}", std::string(400, 'x'))));
}

TEST(FileTypeTest, IsDerivedFromTheExtension) {
  EXPECT_EQ(TypeOfName("a.JPG"), "image/jpeg");
  EXPECT_EQ(TypeOfName("a.b.webp"), "image/webp");
  EXPECT_EQ(TypeOfName("a.pdf"), "application/pdf");
  for (const char* name : {"a", "a.", ".png", "a.png.exe", "a.svg", "a.html", "png"}) {
    EXPECT_EQ(TypeOfName(name), std::nullopt) << name;
  }
}

TEST(FileTypeTest, ContentOfAnAcceptedTypeIsAccepted) {
  for (const char* type :
       {"image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf"}) {
    EXPECT_TRUE(IsTakenType(type)) << type;
  }
  for (const char* type : {"", "png", "image/svg+xml", "text/html", "application/octet-stream"}) {
    EXPECT_FALSE(IsTakenType(type)) << type;
  }
}

TEST(DispositionTest, HasTheNameInBothForms) {
  EXPECT_EQ(DispositionOf("cat.png"), "attachment; filename=\"cat.png\"; filename*=UTF-8''cat.png");
  EXPECT_EQ(DispositionOf("a\"b\\c \u20AC.png"),
            "attachment; filename=\"a_b_c ___.png\"; filename*=UTF-8''a%22b%5Cc%20%E2%82%AC.png");
}

}  // namespace
}  // namespace parley
