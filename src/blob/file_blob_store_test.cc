#include "blob/file_blob_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "base/clock.h"
#include "test/contract/waiting_executor.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

// 67 bytes: the beginning of a PNG of one pixel.
const std::string kPng("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x8\6\0\0\0", 29);

template <class T>
std::string_view CodeOf(const Result<T>& result) {
  return result ? "none" : Name(result.error().code);
}

class FileBlobStoreTest : public testing::Test {
 protected:
  FileBlobStoreTest() {
    std::string text = (fs::temp_directory_path() / "parley-blob-XXXXXX").string();
    directory_ = ::mkdtemp(text.data());
    Open();
  }
  ~FileBlobStoreTest() override {
    store_.reset();
    fs::remove_all(directory_);
  }
  void Open(int64_t least_free_bytes = 0) {
    store_.reset();
    store_ = std::make_unique<FileBlobStore>(
        FileBlobOptions{.directory = directory_, .least_free_bytes = least_free_bytes});
  }
  template <class T, class Start>
  Result<T> Ask(Start start) {
    std::optional<Result<T>> answer;
    start(on_, Answer<T>([&](Result<T> given) { answer.emplace(std::move(given)); }));
    on_.RunUntil([&] { return answer.has_value(); });
    return answer ? std::move(*answer) : Fail(ErrorCode::internal, "No answer came.");
  }
  Result<void> Append(BlobUpload& upload, const std::string& bytes) {
    return Ask<void>(
        [&](Executor& on, Answer<void> done) { upload.Append(bytes, on, std::move(done)); });
  }
  Result<BlobUpload::Receipt> Finish(BlobUpload& upload) {
    return Ask<BlobUpload::Receipt>([&](Executor& on, Answer<BlobUpload::Receipt> done) {
      upload.Finish(on, std::move(done));
    });
  }
  Result<void> Keep(const Uuid& id) {
    return Ask<void>(
        [&](Executor& on, Answer<void> done) { store_->Keep(id, on, std::move(done)); });
  }
  Result<std::string> Read(const Uuid& id, int64_t offset, size_t size) {
    return Ask<std::string>([&](Executor& on, Answer<std::string> done) {
      store_->Read(id, offset, size, on, std::move(done));
    });
  }
  std::vector<Uuid> Remove(std::vector<Uuid> ids) {
    return *Ask<std::vector<Uuid>>([&](Executor& on, Answer<std::vector<Uuid>> done) {
      store_->Remove(std::move(ids), on, std::move(done));
    });
  }
  size_t Files() const {
    size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
      files += entry.is_regular_file() ? 1 : 0;
    }
    return files;
  }
  Uuid Store(const std::string& bytes) {
    const Uuid id = ids_.Next();
    const auto upload = store_->Begin(id);
    EXPECT_TRUE(Append(*upload, bytes));
    EXPECT_TRUE(Finish(*upload));
    return id;
  }

  SystemClock clock_;
  UuidGenerator ids_{clock_};
  test::WaitingExecutor on_;
  fs::path directory_;
  std::unique_ptr<FileBlobStore> store_;
};

TEST_F(FileBlobStoreTest, AnUploadIsReadBackInPieces) {
  const Uuid id = ids_.Next();
  const auto upload = store_->Begin(id);
  ASSERT_TRUE(Append(*upload, kPng));
  ASSERT_TRUE(Append(*upload, "more"));
  const auto receipt = Finish(*upload);
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->size, static_cast<int64_t>(kPng.size()) + 4);
  EXPECT_EQ(receipt->content_type, "image/png");
  EXPECT_NE(receipt->digest, ContentDigest{});
  EXPECT_EQ(*Read(id, static_cast<int64_t>(kPng.size()), 4), "more") << "before it is kept";
  ASSERT_TRUE(Keep(id));
  EXPECT_EQ(*Read(id, 1, 3), "PNG");
  EXPECT_EQ(CodeOf(Keep(ids_.Next())), "not_found");
}

TEST_F(FileBlobStoreTest, AnAbortedUploadLeavesNoFile) {
  {
    const auto upload = store_->Begin(ids_.Next());
    ASSERT_TRUE(Append(*upload, kPng));
    EXPECT_EQ(Files(), 1u);
  }
  store_->Close();
  EXPECT_EQ(Files(), 0u);
}

TEST_F(FileBlobStoreTest, FilesOfAnEarlierProcessAreListed) {
  const Uuid kept = Store(kPng), left = Store(kPng);
  ASSERT_TRUE(Keep(kept));
  EXPECT_TRUE(store_->LeftUnfinished().empty());
  Open();
  EXPECT_EQ(store_->LeftUnfinished(), std::vector<Uuid>{left});
  EXPECT_EQ(Remove({left}), std::vector<Uuid>{left});
  EXPECT_EQ(Files(), 1u);
}

TEST_F(FileBlobStoreTest, RemovingIsIdempotent) {
  const Uuid id = Store(kPng);
  ASSERT_TRUE(Keep(id));
  EXPECT_EQ(Remove({id}), std::vector<Uuid>{id});
  EXPECT_EQ(Remove({id}), std::vector<Uuid>{id});
  EXPECT_EQ(CodeOf(Read(id, 0, 1)), "not_found");
  EXPECT_EQ(Files(), 0u);
}

TEST_F(FileBlobStoreTest, ATruncatedFileIsAnError) {
  const Uuid id = Store(kPng);
  ASSERT_TRUE(Keep(id));
  for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
    if (entry.is_regular_file()) fs::resize_file(entry.path(), 3);
  }
  EXPECT_EQ(CodeOf(Read(id, 0, kPng.size())), "internal");
}

TEST_F(FileBlobStoreTest, ASymbolicLinkIsNotFollowed) {
  const Uuid id = Store(kPng);
  ASSERT_TRUE(Keep(id));
  for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
    if (!entry.is_regular_file()) continue;
    const fs::path path = entry.path();
    fs::remove(path);
    fs::create_symlink("/etc/passwd", path);
    break;
  }
  EXPECT_EQ(CodeOf(Read(id, 0, 1)), "store_unavailable");
}

TEST_F(FileBlobStoreTest, AFailingDiskIsAnError) {
  fs::remove_all(directory_ / "incoming");
  const auto upload = store_->Begin(ids_.Next());
  EXPECT_EQ(CodeOf(Append(*upload, kPng)), "store_unavailable");
}

TEST_F(FileBlobStoreTest, AfterCloseCallsFail) {
  store_->Close();
  EXPECT_EQ(CodeOf(Read(ids_.Next(), 0, 1)), "store_unavailable");
}

TEST_F(FileBlobStoreTest, UploadsAreRejectedWhenTheDiskIsNearlyFull) {
  Open(int64_t{1} << 60);  // more than any disk has free
  const auto upload = store_->Begin(Uuid{});
  const Result<void> appended = Append(*upload, kPng);
  ASSERT_FALSE(appended);
  EXPECT_EQ(Name(appended.error().code), "store_unavailable");
  EXPECT_NE(appended.error().detail.find("disk space"), std::string::npos);
  EXPECT_EQ(Files(), 0u);
}

}  // namespace
}  // namespace parley
