// Reads an upload: a multipart body to a blob and form fields, with bounded memory.
#pragma once
#include <optional>
#include <string>

#include "blob/blob_store.h"
#include "http/body_stream.h"
#include "http/held_counts.h"
#include "http/multipart.h"

namespace parley {

// Limits the concurrent uploads of this node, in total and per user. Threads: any.
class UploadSlots {
 public:
  UploadSlots(int64_t slots, int64_t of_one_user) : slots_(slots), of_one_user_(of_one_user) {}

  // A slot for one upload; empty if all are taken.
  HeldCounts::Held Take() { return all_.Take("", slots_); }
  // A slot of one user; empty if all are taken.
  HeldCounts::Held TakeOf(const UserId& user) { return of_users_.Take(user, of_one_user_); }

 private:
  const int64_t slots_, of_one_user_;
  HeldCounts all_, of_users_;
};

struct UploadedFile {
  std::string filename;  // cleaned, of an accepted type
  std::string content_type;
  int64_t size = 0;
  ContentDigest digest{};
  std::optional<std::string> message_id;  // the form field, not validated
};

// One upload. Unless ReadAll succeeds, nothing stays in the blob store.
class Upload {
 public:
  // `boundary`: from MultipartBoundary. `id`: the blob's. All references must outlive ReadAll.
  Upload(BlobStore& blobs, Executor& on, BodyStream& body, std::string_view boundary,
         const Uuid& id, int64_t most_bytes)
      : blobs_(blobs), on_(on), body_(body), parser_(boundary), id_(id), most_bytes_(most_bytes) {}

  // Errors: invalid_field, bad_request, too_large, request_timeout, store_unavailable. A file that
  // is refused for its name is still read to its end, so that the client receives the response.
  Task<Result<UploadedFile>> ReadAll();

 private:
  enum class Part { kOther, kFile, kMessageId };

  // Processes the parser's events for some bytes; file content is appended to pending_.
  Result<void> Take(std::string_view bytes);
  void BeginPart(const PartHeader& header);
  Result<void> TakeData(std::string_view bytes);
  Task<Result<void>> WritePending();
  Task<Result<UploadedFile>> Finish();
  void Refuse(std::string field, std::string why);

  BlobStore& blobs_;
  Executor& on_;
  BodyStream& body_;
  MultipartParser parser_;
  const Uuid id_;
  const int64_t most_bytes_;
  std::unique_ptr<BlobUpload> blob_;
  Part part_ = Part::kOther;
  UploadedFile file_;
  std::string pending_;
  std::optional<Error> refusal_;  // returned after the body is read
};

}  // namespace parley
