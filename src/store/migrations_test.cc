#include "store/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace parley {
namespace {

using assets::Asset;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::ThrowsMessage;

constexpr Asset kFive{"src/store/a/migrations/0005_initial.sql", "five"};
constexpr Asset kSix{"src/store/a/migrations/0006_more.sql", "six"};
constexpr Asset kSeven{"src/store/a/migrations/0007_more.sql", "seven"};
constexpr Asset kOther{"src/store/b/migrations/0006_more.sql", "of another engine"};

const auto Sql = [](const char* text) { return Field(&Migration::sql, text); };

TEST(MigrationsTest, TheFolderOfAnEngineIsSortedByVersion) {
  const Asset files[] = {kSeven, kOther, kFive, kSix};
  const Migrations migrations("a", files);
  EXPECT_EQ(migrations.newest(), 7);
  EXPECT_THAT(migrations.After(0), ElementsAre(Sql("five"), Sql("six"), Sql("seven")));
  EXPECT_THAT(migrations.After(5), ElementsAre(Sql("six"), Sql("seven")));
  EXPECT_THAT(migrations.After(7), IsEmpty());
}

TEST(MigrationsTest, AMissingDuplicateOrUnnumberedVersionIsRejected) {
  const auto open = [](std::vector<Asset> files) { return Migrations("a", files).newest(); };
  EXPECT_THAT([&] { open({kFive, kSeven}); },
              ThrowsMessage<std::logic_error>(HasSubstr("after migration 5 comes 7")));
  EXPECT_THAT([&] { open({kFive, kFive}); },
              ThrowsMessage<std::logic_error>(HasSubstr("after migration 5 comes 5")));
  for (const char* name : {"6_more.sql", "00x6_more.sql", "00061more.sql", "0000_more.sql"}) {
    const std::string path = std::string("src/store/a/migrations/") + name;
    EXPECT_THAT([&] { open({kFive, {path, ""}}); },
                ThrowsMessage<std::logic_error>(HasSubstr(path)));
  }
  EXPECT_THAT([&] { open({kOther}); }, ThrowsMessage<std::logic_error>(HasSubstr("no migrations")));
}

TEST(MigrationsTest, TheEnginesEndAtTheSameVersion) {
  const Migrations sqlite("sqlite"), postgres("postgres");
  EXPECT_EQ(sqlite.newest(), postgres.newest());
  EXPECT_EQ(sqlite.all().front().version, 1);
  for (const Migration& migration : sqlite.all()) EXPECT_THAT(migration.sql, Not(IsEmpty()));
  for (const Migration& migration : postgres.all()) EXPECT_THAT(migration.sql, Not(IsEmpty()));
}

}  // namespace
}  // namespace parley
