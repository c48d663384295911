// An attachment's bytes as an answer: parts, validators, and headers that keep them from being taken
// for a page.
#pragma once
#include "base/task.h"
#include "base/unique_function.h"
#include "blob/blob_store.h"
#include "http/request.h"
#include "http/response.h"

namespace parley {

// For a caller who may read it, and as long as `may_read` says so; it is asked while the bytes are
// sent. `blobs` and `on` outlive the answer.
Response Download(const Request& request, const Attachment& attachment, BlobStore& blobs,
                  Executor& on, UniqueFunction<Task<bool>()> may_read);

}  // namespace parley
