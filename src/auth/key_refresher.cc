#include "auth/key_refresher.h"

#include <curl/curl.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "auth/jwks.h"
#include "base/log.h"

namespace parley {
namespace {

constexpr auto kLook = std::chrono::milliseconds(1000);
constexpr long kConnectSeconds = 3;
constexpr long kFetchSeconds = 5;

bool IsOnThisMachine(std::string_view url) {
  for (const char* host : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
    if (!url.starts_with(host)) continue;
    const std::string_view rest = url.substr(std::string_view(host).size());
    if (rest.empty() || rest[0] == ':' || rest[0] == '/') return true;
  }
  return false;
}

size_t Collect(char* data, size_t, size_t size, void* into) {
  auto& text = *static_cast<std::string*>(into);
  if (text.size() + size > kJwksBytes) return 0;  // fails the transfer
  text.append(data, size);
  return size;
}

std::string Fetch(const std::string& url) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::string text;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, IsOnThisMachine(url) ? "http" : "https");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, kFetchSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, IsOnThisMachine(url) ? "*" : "");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Collect);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &text);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
  return text;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read the key file " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

KeyList KeysFrom(const std::string& text, const std::string& algorithm) {
  if (text.find("-----BEGIN") != std::string::npos) {
    KeyList one;
    one.push_back({"", Key::Pem(algorithm, text)});
    return one;
  }
  auto keys = KeysFromJwks(text, algorithm);
  if (!keys) throw std::runtime_error(keys.error().detail);
  return std::move(*keys);
}

}  // namespace

KeyRefresher::KeyRefresher(std::vector<KeyPlace> places, RefreshOptions options)
    : options_(options) {
  for (KeyPlace& where : places) {
    if (where.location.starts_with("http://") && !IsOnThisMachine(where.location)) {
      throw std::runtime_error("the key set " + where.location + " must come by https");
    }
    places_.push_back({.where = std::move(where)});
    Place& place = places_.back();
    Read(place);
    if (!place.good && !place.where.IsUrl()) {
      throw std::runtime_error("the key set " + place.where.location + " cannot be used");
    }
  }
  if (!places_.empty()) thread_ = std::thread([this] { Run(); });
}

KeyRefresher::~KeyRefresher() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void KeyRefresher::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, kLook, [this] { return stopped_; })) {
    lock.unlock();
    for (Place& place : places_) {
      if (IsDue(place, std::chrono::steady_clock::now())) Read(place);
    }
    lock.lock();
  }
}

bool KeyRefresher::IsDue(Place& place, Time now) const {
  if (!place.where.IsUrl()) {
    std::error_code error;
    const auto changed_at = std::filesystem::last_write_time(place.where.location, error);
    return !error && changed_at != place.changed_at;
  }
  const auto age = now - place.read_at;
  if (age >= options_.every) return true;
  return age >= options_.cooldown && (!place.good || place.where.ring->TakeMiss());
}

void KeyRefresher::Read(Place& place) {
  const KeyPlace& where = place.where;
  place.read_at = std::chrono::steady_clock::now();
  try {
    if (!where.IsUrl()) place.changed_at = std::filesystem::last_write_time(where.location);
    KeyList keys =
        KeysFrom(where.IsUrl() ? Fetch(where.location) : ReadFile(where.location), where.algorithm);
    log::info("key set read place={} keys={}", where.location, keys.size());
    where.ring->Replace(std::move(keys));
    place.good = true;
  } catch (const std::exception& error) {
    place.good = false;
    log::warn("key set not read place={} error={}", where.location, error.what());
  }
}

}  // namespace parley
