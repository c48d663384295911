// An attachment's bytes as an answer: parts, validators, and headers that keep them from being taken
// for a page.
#pragma once
#include "blob/blob_store.h"
#include "http/request.h"
#include "http/response.h"

namespace parley {

// For a caller who may read it. `blobs` and `on` outlive the answer.
Response Download(const Request& request, const Attachment& attachment, BlobStore& blobs,
                  Executor& on);

}  // namespace parley
