// Responses with an attachment's bytes: ranges, validators, and headers that prevent browsers from
// rendering them as a page.
#pragma once
#include "base/task.h"
#include "base/unique_function.h"
#include "blob/blob_store.h"
#include "http/request.h"
#include "http/response.h"

namespace parley {

// The response for a caller with access. `may_read` is called while the bytes are sent, and ends the
// response if it returns false. `blobs` and `on` outlive the response. If the request was authenticated
// `by_link`, pages of other sites may show the file.
Response Download(const Request& request, const Attachment& attachment, BlobStore& blobs,
                  Executor& on, bool by_link, UniqueFunction<Task<bool>()> may_read);

}  // namespace parley
