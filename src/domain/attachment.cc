#include "domain/attachment.h"

namespace parley {
namespace {

std::string content_prefix = "/api/messaging";

}  // namespace

std::string StoredName(const Uuid& attachment) {
  const std::string id = attachment.ToString();
  return id.substr(id.size() - 2) + "/" + id;
}

std::string ContentPath(const Uuid& attachment) {
  return content_prefix + "/attachments/" + attachment.ToString() + "/content/";
}

void SetContentPrefix(std::string prefix) { content_prefix = std::move(prefix); }

}  // namespace parley
