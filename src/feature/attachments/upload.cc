#include "feature/attachments/upload.h"

#include "base/ask.h"
#include "feature/attachments/file_rules.h"

namespace parley {
namespace {

// Bytes per write.
constexpr size_t kWriteBytes = 64 * 1024;
constexpr size_t kLongestField = 64;

using Kind = MultipartEvent::Kind;

}  // namespace

Task<Result<UploadedFile>> Upload::ReadAll() {
  while (true) {
    auto reading = body_.Next();
    const Result<std::string> bytes = co_await reading;
    if (!bytes) co_return Fail(bytes.error());
    if (bytes->empty()) break;
    if (auto taken = Take(*bytes); !taken) co_return Fail(taken.error());
    if (pending_.size() < kWriteBytes) continue;
    auto writing = WritePending();
    const Result<void> written = co_await writing;
    if (!written) co_return Fail(written.error());
  }
  if (!parser_.complete()) co_return Fail(ErrorCode::bad_request, "The body is incomplete.");
  if (file_.message_id == "") file_.message_id.reset();  // an empty form field is absent
  if (!refusal_ && blob_ == nullptr) Refuse("file", "This field is required.");
  if (!refusal_ && file_.size == 0) Refuse("file", "The file is empty.");
  if (refusal_) co_return Fail(*refusal_);
  auto finishing = Finish();
  co_return co_await finishing;
}

Result<void> Upload::Take(std::string_view bytes) {
  while (true) {
    const MultipartEvent event = parser_.Next(bytes);
    switch (event.kind) {
      case Kind::kNeedMore:
        return {};
      case Kind::kPart:
        BeginPart(parser_.header());
        break;
      case Kind::kData:
        if (auto taken = TakeData(event.payload); !taken) return taken;
        break;
      case Kind::kPartEnd:
        part_ = Part::kOther;
        break;
      case Kind::kEnd:
        break;
      case Kind::kError:
        return Fail(ErrorCode::bad_request, std::string(event.payload));
    }
  }
}

void Upload::BeginPart(const PartHeader& header) {
  part_ = Part::kOther;
  if (header.name == "message_id") {
    if (file_.message_id) return Refuse("message_id", "At most one value is allowed.");
    part_ = Part::kMessageId;
    file_.message_id.emplace();
  } else if (header.name == "file") {
    if (blob_ != nullptr) return Refuse("file", "At most one file is allowed.");
    const auto name = header.filename ? CleanFileName(*header.filename) : std::nullopt;
    if (!name) return Refuse("file", "A file with a filename is required.");
    if (!TypeOfName(*name)) {
      return Refuse("file", "The file type must be one of: " + std::string(kTakenTypes) + ".");
    }
    part_ = Part::kFile;
    file_.filename = *name;
    blob_ = blobs_.Begin(id_);
  }
}

Result<void> Upload::TakeData(std::string_view bytes) {
  if (part_ == Part::kMessageId) {
    file_.message_id->append(bytes.substr(0, kLongestField + 1 - file_.message_id->size()));
  }
  if (part_ != Part::kFile) return {};
  file_.size += static_cast<int64_t>(bytes.size());
  if (file_.size > most_bytes_) {
    return Fail(ErrorCode::too_large,
                "A file can have at most " + std::to_string(most_bytes_) + " bytes.");
  }
  pending_.append(bytes);
  return {};
}

Task<Result<void>> Upload::WritePending() {
  auto writing = Ask(on_, *blob_, &BlobUpload::Append, std::exchange(pending_, {}));
  co_return co_await writing;
}

Task<Result<UploadedFile>> Upload::Finish() {
  if (!pending_.empty()) {
    auto writing = WritePending();
    const Result<void> written = co_await writing;
    if (!written) co_return Fail(written.error());
  }
  auto finishing = Ask(on_, *blob_, &BlobUpload::Finish);
  const Result<BlobUpload::Receipt> receipt = co_await finishing;
  if (!receipt) co_return Fail(receipt.error());
  if (!IsTakenType(receipt->content_type)) {
    auto removing = Ask(on_, blobs_, &BlobStore::Remove, std::vector<Uuid>(1, id_));
    co_await removing;
    co_return Fail(Error::Field(
        "file", "The content of the file must be one of: " + std::string(kTakenTypes) + "."));
  }
  file_.content_type = receipt->content_type;
  file_.digest = receipt->digest;
  co_return std::move(file_);
}

void Upload::Refuse(std::string field, std::string why) {
  if (!refusal_) refusal_ = Error::Field(std::move(field), std::move(why));
  part_ = Part::kOther;
}

}  // namespace parley
