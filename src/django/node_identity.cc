#include "django/node_identity.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <span>

#include "base/hex.h"
#include "base/ids.h"
#include "base/log.h"

namespace parley::django {
namespace {

constexpr size_t kDigits = 32;

bool IsIdentity(std::string_view text) { return text.size() == kDigits && IsLowerHex(text); }

}  // namespace

NodeIdentity::NodeIdentity(const std::filesystem::path& directory) : hex_(RandomHex(kDigits / 2)) {
  const std::string path = directory / "channel-layer-node";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file_ < 0 || ::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    log::info("channel layer: the node gets a new identity, as its file is in use path={}", path);
    return;
  }
  char buffer[kDigits + 1];
  const ssize_t count = ::pread(file_, buffer, sizeof buffer, 0);
  const std::string_view kept(buffer, count < 0 ? 0 : static_cast<size_t>(count));
  if (IsIdentity(kept)) {
    hex_ = kept;
  } else if (::ftruncate(file_, 0) != 0 || ::pwrite(file_, hex_.data(), kDigits, 0) != kDigits) {
    log::warn("channel layer: the node's identity cannot be kept path={}", path);
  }
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  hex_ = IdentityOn(host, hex_);
}

std::string IdentityOn(std::string_view host, std::string_view kept) {
  const std::string text = std::string(kept) + " " + std::string(host);
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data());
  return HexOf(std::span(digest).first(kDigits / 2));
}

NodeIdentity::~NodeIdentity() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace parley::django
