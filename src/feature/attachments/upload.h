// Reading an upload: the multipart body to a blob and what came beside it, in bounded memory.
#pragma once
#include <optional>
#include <string>

#include "blob/blob_store.h"
#include "http/body_stream.h"
#include "http/held_counts.h"
#include "http/multipart.h"

namespace parley {

// How many uploads run at once on this node, of all and of one user. Any thread.
class UploadSlots {
 public:
  UploadSlots(int64_t slots, int64_t of_one_user) : slots_(slots), of_one_user_(of_one_user) {}

  // Held while an upload runs; an empty one when all are taken.
  HeldCounts::Held Take() { return all_.Take("", slots_); }
  // The same for those of one user.
  HeldCounts::Held TakeOf(const UserId& user) { return of_users_.Take(user, of_one_user_); }

 private:
  const int64_t slots_, of_one_user_;
  HeldCounts all_, of_users_;
};

struct UploadedFile {
  std::string filename;  // clean, of a type that is taken
  std::string content_type;
  int64_t size = 0;
  ContentDigest digest{};
  std::optional<std::string> message_id;  // the form's field, unchecked
};

// One upload. Whatever ReadAll answers, unless it is a file, leaves nothing in the blob store.
class Upload {
 public:
  // `boundary`: as MultipartBoundary gives it. `id`: the blob's. All are used until ReadAll has
  // answered.
  Upload(BlobStore& blobs, Executor& on, BodyStream& body, std::string_view boundary,
         const Uuid& id, int64_t most_bytes)
      : blobs_(blobs), on_(on), body_(body), parser_(boundary), id_(id), most_bytes_(most_bytes) {}

  // Errors: invalid_field, bad_request, too_large, request_timeout, store_unavailable. A file that
  // is refused for its name is read to its end all the same, so that the answer reaches its sender.
  Task<Result<UploadedFile>> ReadAll();

 private:
  enum class Part { kOther, kFile, kMessageId };

  // What the parser says of some bytes; file content is gathered in pending_.
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
  std::optional<Error> refusal_;  // answered when all is read
};

}  // namespace parley
