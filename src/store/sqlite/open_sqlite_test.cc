#include "store/sqlite/open_sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "store/sqlite/sqlite_session.h"
#include "test/contract/store_contract.h"

namespace parley {
namespace {

namespace fs = std::filesystem;
using test::ScratchDirectory;
using testing::AllOf;
using testing::HasSubstr;
using testing::Throws;
using testing::ThrowsMessage;

class OpenSqliteTest : public testing::Test {
 protected:
  std::unique_ptr<Store> Open(const fs::path& directory) {
    return OpenSqliteStore({.directory = directory}, clock_);
  }
  static unsigned ModeOf(const fs::path& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777u : 0u;
  }
  static std::string SchemaOf(const fs::path& directory) {
    constexpr static Query kSchema{
        "schema", "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master ORDER BY 1)"};
    SqliteSession session(directory / "parley.db", SqliteSession::Mode::kReader, true);
    Statement& row = session.Prepare(kSchema);
    return row.Step() ? std::string(row.Text(0)) : "";
  }

  ManualClock clock_;
  ScratchDirectory scratch_;
  const fs::path directory_ = scratch_.path() / "a" / "data";
};

TEST_F(OpenSqliteTest, TheDirectoryIsCreatedForItsOwnerOnly) {
  const auto store = Open(directory_);
  EXPECT_EQ(ModeOf(directory_), 0700u);
  for (const char* name : {"LOCK", "parley.db", "parley.db-wal", "parley.db-shm"}) {
    EXPECT_EQ(ModeOf(directory_ / name) & 0077u, 0u) << name;
    EXPECT_NE(ModeOf(directory_ / name), 0u) << name;
  }
}

TEST_F(OpenSqliteTest, ADirectoryReadableByOtherUsersIsRestricted) {
  fs::create_directories(directory_);
  ::chmod(directory_.c_str(), 0755);
  const auto store = Open(directory_);
  EXPECT_EQ(ModeOf(directory_), 0700u);
}

// Proves: port taken, data directory unusable or in use
TEST_F(OpenSqliteTest, ASecondOpenNamesTheDirectoryAndTheReason) {
  const auto store = Open(directory_);
  EXPECT_THAT([&] { Open(directory_); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr(directory_.string()), HasSubstr("another Parley"))));
  fs::create_directory_symlink(directory_, scratch_.path() / "link");
  EXPECT_THAT([&] { Open(scratch_.path() / "link"); }, Throws<std::runtime_error>());
}

TEST_F(OpenSqliteTest, TheLockIsReleasedWithTheStoreAndAfterAFailedOpen) {
  Open(directory_);
  EXPECT_NO_THROW(Open(directory_));
  const std::string newer = "UPDATE parley_meta SET value = '999' WHERE key = 'schema_version'";
  SqliteSession(directory_ / "parley.db", SqliteSession::Mode::kWriter, true).Execute(newer);
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_THAT([&] { Open(directory_); },
                ThrowsMessage<std::runtime_error>(HasSubstr("newer Parley (schema 999")));
  }
}

TEST_F(OpenSqliteTest, ReopeningDoesNotChangeTheSchema) {
  Open(directory_);
  const std::string schema = SchemaOf(directory_);
  EXPECT_THAT(schema, HasSubstr("messaging_message"));
  Open(directory_);
  EXPECT_EQ(SchemaOf(directory_), schema);
}

TEST_F(OpenSqliteTest, AFileInsteadOfTheDirectoryIsNamedInTheError) {
  fs::create_directories(directory_.parent_path());
  std::ofstream(directory_) << "a file";
  EXPECT_THAT([&] { Open(directory_); },
              ThrowsMessage<std::runtime_error>(HasSubstr(directory_.string())));
}

TEST_F(OpenSqliteTest, AFileThatIsNotADatabaseIsRejectedAndNotChanged) {
  fs::create_directories(directory_);
  const std::string junk(10'000, 'j');
  std::ofstream(directory_ / "parley.db") << junk;
  EXPECT_THAT([&] { Open(directory_); }, Throws<std::runtime_error>());
  EXPECT_EQ(fs::file_size(directory_ / "parley.db"), junk.size());
}

TEST_F(OpenSqliteTest, AnEmptyDatabaseFileBecomesAStore) {
  fs::create_directories(directory_);
  std::ofstream(directory_ / "parley.db").flush();
  EXPECT_FALSE(Open(directory_)->Identity().IsNil());
}

TEST_F(OpenSqliteTest, AStoreWithoutAnIdentityIsRejected) {
  Open(directory_);
  SqliteSession(directory_ / "parley.db", SqliteSession::Mode::kWriter, true)
      .Execute("DELETE FROM parley_meta WHERE key = 'store_id'");
  EXPECT_THAT([&] { Open(directory_); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no identity")));
}

}  // namespace
}  // namespace parley
