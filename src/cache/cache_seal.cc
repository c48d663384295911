#include "cache/cache_seal.h"

#include "auth/base64url.h"

namespace parley {
namespace {

constexpr std::string_view kPurpose = "parley cache entries, version 1";
constexpr std::string_view kBeforeMac = "{\"mac\":\"";
constexpr std::string_view kAfterMac = "\",\"data\":";
constexpr std::string_view kEnd = "}";
constexpr size_t kMacCharacters = 43;  // 32 bytes in base64url

// Separate from the key of file links, which is made from the same secret.
std::string Derive(const std::string& secret) {
  return *Key::Secret("HS256", secret).Sign(kPurpose);
}

}  // namespace

CacheSeal::CacheSeal(const std::string& store_secret)
    : key_(Key::Secret("HS256", Derive(store_secret))) {}

// The key's length separates it from the JSON.
std::string CacheSeal::Signed(std::string_view key, std::string_view json) {
  std::string text = std::to_string(key.size());
  text.append("\n").append(key).append(json);
  return text;
}

std::string CacheSeal::Seal(std::string_view key, std::string_view json) const {
  std::string out(kBeforeMac);
  out += EncodeBase64Url(*key_.Sign(Signed(key, json)));
  out.append(kAfterMac).append(json).append(kEnd);
  return out;
}

std::optional<std::string_view> CacheSeal::Open(std::string_view key, std::string_view text) const {
  if (!text.starts_with(kBeforeMac) || !text.ends_with(kEnd)) return std::nullopt;
  text.remove_prefix(kBeforeMac.size());
  if (text.size() < kMacCharacters + kAfterMac.size() + kEnd.size()) return std::nullopt;
  const auto mac = DecodeBase64Url(text.substr(0, kMacCharacters));
  text.remove_prefix(kMacCharacters);
  if (!mac || !text.starts_with(kAfterMac)) return std::nullopt;
  text.remove_prefix(kAfterMac.size());
  text.remove_suffix(kEnd.size());
  if (!key_.Verify(Signed(key, text), *mac)) return std::nullopt;
  return text;
}

}  // namespace parley
