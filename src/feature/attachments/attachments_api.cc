#include "feature/attachments/attachments_api.h"

#include <algorithm>
#include <memory>

#include "base/ask.h"
#include "feature/attachments/attachment_janitor.h"
#include "feature/attachments/attachments_service.h"
#include "feature/attachments/download.h"
#include "feature/attachments/upload.h"
#include "http/body.h"
#include "protocol/objects.h"

namespace parley {
namespace {

// The size of a form's delimiters and part headers, in addition to the file.
constexpr size_t kFormBytes = 64 * 1024;

std::string AttachmentJson(const Services& services, const Caller& caller, Attachment attachment) {
  services.links.Sign(attachment, {caller.user, caller.service});
  std::string json;
  AppendAttachment(json, attachment);
  return json;
}

class AttachmentsApi {
 public:
  AttachmentsApi(Services& services, BlobStore& blobs, UploadSlots& slots)
      : services_(services), blobs_(blobs), slots_(slots), attachments_(services, blobs) {}

  Task<Response> Post(RequestContext& context) {
    const Result<std::string> boundary = MultipartBoundary(context.request.Header("Content-Type"));
    if (!boundary) co_return Response::Problem(boundary.error());
    const auto key = IdempotencyKey(context.request, services_.limits.client_id_characters);
    if (!key) co_return Response::Problem(key.error());
    if (context.body == nullptr) {  // the request had no body
      co_return Response::Problem(Error::Field("file", "This field is required."));
    }
    const HeldCounts::Held own = slots_.TakeOf(context.caller.user);
    if (!own) {
      co_return Response::Problem({.code = ErrorCode::rate_limited,
                                   .detail = "You have too many concurrent uploads.",
                                   .retry_after = std::chrono::seconds(1)});
    }
    const HeldCounts::Held slot = slots_.Take();
    if (!slot) {
      co_return Response::Problem({.code = ErrorCode::overloaded,
                                   .detail = "The server has too many concurrent uploads.",
                                   .retry_after = std::chrono::seconds(1)});
    }
    const Uuid id = services_.ids.Next();
    Upload upload(blobs_, services_.executor, *context.body, *boundary, id,
                  static_cast<int64_t>(services_.limits.attachment_bytes));
    auto reading = upload.ReadAll();
    Result<UploadedFile> file = co_await reading;
    if (!file) co_return Response::Problem(file.error());
    auto storing = attachments_.Store(id, std::move(*file), *key, context.caller);
    const Result<StoredAttachment> stored = co_await storing;
    if (!stored) co_return Response::Problem(stored.error());
    co_return Response::Json(stored->duplicate ? 200 : 201,
                             AttachmentJson(services_, context.caller, stored->attachment));
  }

  Task<Response> Get(RequestContext& context) {
    auto finding = FindNamed(context);
    const Result<FoundAttachment> found = co_await finding;
    if (!found) co_return Response::Problem(found.error());
    co_return Response::Json(200, AttachmentJson(services_, context.caller, found->attachment));
  }

  Task<Response> Content(RequestContext& context) {
    auto finding = FindNamed(context);
    const Result<FoundAttachment> found = co_await finding;
    if (!found) co_return Response::Problem(found.error());
    const Attachment& file = found->attachment;
    if (!file.media_path.empty()) {  // the other system may have removed it
      const int64_t last = std::max<int64_t>(0, file.file_size - 1);
      auto probing = Ask(services_.executor, blobs_, &BlobStore::ReadMedia, file.media_path, last,
                         static_cast<size_t>(file.file_size - last));
      const Result<std::string> probe = co_await probing;
      if (!probe) co_return Response::Problem(probe.error());
    }
    const bool by_link = context.caller.identity == nullptr;
    co_return Download(
        context.request, found->attachment, blobs_, services_.executor, by_link,
        [this, id = found->attachment.id, caller = context.caller] { return MayRead(id, caller); });
  }

  Task<Response> Delete(RequestContext& context) {
    auto finding = FindNamed(context);
    const Result<FoundAttachment> found = co_await finding;
    if (!found) co_return Response::Problem(found.error());
    auto removing = attachments_.Remove(*found, context.caller);
    const Result<void> removed = co_await removing;
    if (!removed) co_return Response::Problem(removed.error());
    co_return Response::NoContent();
  }

 private:
  // An unavailable store does not end a download.
  Task<bool> MayRead(Uuid id, Caller caller) {
    auto finding = attachments_.Find(id, std::move(caller));
    const Result<FoundAttachment> found = co_await finding;
    co_return found || found.error().code != ErrorCode::not_found;
  }

  Task<Result<FoundAttachment>> FindNamed(const RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Fail(id.error());
    auto finding = attachments_.Find(*id, context.caller);
    co_return co_await finding;
  }

  Services& services_;
  BlobStore& blobs_;
  UploadSlots& slots_;
  AttachmentsService attachments_;
};

class Attachments final : public Feature {
 public:
  Attachments(NodeServices node, AttachmentOptions options)
      : blobs_(node.blobs),
        slots_(options.concurrent_uploads, options.concurrent_uploads_per_user),
        janitor_(node.store, node.blobs, node.executor, node.clock, options.unattached_kept) {}

  void Register(Registry& registry, Services& services) override;
  void OnTick(Monotonic now) override { janitor_.OnTick(now); }

 private:
  BlobStore& blobs_;
  UploadSlots slots_;
  AttachmentJanitor janitor_;
};

void Attachments::Register(Registry& registry, Services& services) {
  auto api = std::make_shared<AttachmentsApi>(services, blobs_, slots_);
  const std::string path = "/api/messaging/attachments";
  registry.routes.Add(
      "POST", path, Access::kUser, Limit::kUpload,
      [api](RequestContext& context) { return api->Post(context); },
      services.limits.attachment_bytes + kFormBytes);
  registry.routes.Add("GET", path + "/{id}", Access::kUser, Limit::kRead,
                      [api](RequestContext& context) { return api->Get(context); });
  registry.routes.Add("GET", path + "/{id}/content", Access::kFile, Limit::kRead,
                      [api](RequestContext& context) { return api->Content(context); });
  for (const char* const end : {"/{id}", "/{id}/delete"}) {
    registry.routes.Add("DELETE", path + end, Access::kUser, Limit::kSend,
                        [api](RequestContext& context) { return api->Delete(context); });
  }
}

}  // namespace

std::unique_ptr<Feature> MakeAttachments(NodeServices node, AttachmentOptions options) {
  return std::make_unique<Attachments>(node, options);
}

}  // namespace parley
