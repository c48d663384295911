#include "auth/key_refresher.h"

#include <curl/curl.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "auth/jwks.h"
#include "base/log.h"
#include "base/trace_context.h"

namespace parley {
namespace {

constexpr auto kLook = std::chrono::milliseconds(1000);
constexpr long kConnectSeconds = 3;
constexpr long kFetchSeconds = 5;

constexpr auto kRetry = std::chrono::seconds(5);
constexpr double kMostEarly = 0.1;                   // of RefreshOptions::every
constexpr auto kMostSkew = std::chrono::minutes(1);  // of the clocks of two nodes

struct Url {
  std::string scheme, host;
  bool has_user = false;
};

// Parses the URL as libcurl does when it fetches; nullopt if libcurl would reject it.
std::optional<Url> ParseUrl(const std::string& text) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return std::nullopt;
  const auto part = [&](CURLUPart which) {
    char* value = nullptr;
    if (curl_url_get(url.get(), which, &value, 0) != CURLUE_OK) return std::string();
    std::string out(value);
    curl_free(value);
    return out;
  };
  return Url{part(CURLUPART_SCHEME), part(CURLUPART_HOST), !part(CURLUPART_USER).empty()};
}

bool IsOnThisMachine(const std::string& text) {
  const auto url = ParseUrl(text);
  return url && url->scheme == "http" &&
         (url->host == "127.0.0.1" || url->host == "localhost" || url->host == "[::1]");
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
  // Not on behalf of a request, so each fetch is a trace of its own.
  const std::string trace = "traceparent: " + NewTrace().ToHeader();
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, trace.c_str()), curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
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

std::optional<std::string> ProblemOf(const KeyPlace& place) {
  if (place.IsUrl()) {
    const auto url = ParseUrl(place.location);
    if (!url || url->has_user) return "the key set " + place.location + " has an invalid URL";
    if (url->scheme == "https" || IsOnThisMachine(place.location)) return std::nullopt;
    return "the key set " + place.location + " must be fetched over https";
  }
  try {
    KeysFrom(ReadFile(place.location), place.algorithm);
    return std::nullopt;
  } catch (const std::exception& error) {
    return "the key set " + place.location + " cannot be used: " + error.what();
  }
}

KeyRefresher::KeyRefresher(std::vector<KeyPlace> places, RefreshOptions options,
                           SharedKeySets* shared)
    : options_(options), shared_(shared) {
  for (KeyPlace& where : places) {
    if (const auto problem = ProblemOf(where)) throw std::runtime_error(*problem);
    places_.push_back({.where = std::move(where)});
    Read(places_.back());
  }
  if (!places_.empty()) thread_ = std::thread([this] { Run(); });
}

KeyRefresher::~KeyRefresher() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  stop_.NotifyOne();
  if (thread_.joinable()) thread_.join();
}

void KeyRefresher::Run() {
  MutexLock lock(mutex_);
  while (!stopped_) {
    if (stop_.WaitUntil(mutex_, std::chrono::steady_clock::now() + kLook)) continue;
    lock.Unlock();
    for (Place& place : places_) {
      if (IsDue(place, std::chrono::steady_clock::now())) Read(place);
    }
    lock.Lock();
  }
}

bool KeyRefresher::IsDue(Place& place, Time now) const {
  if (!place.where.IsUrl()) {
    std::error_code error;
    const auto changed_at = std::filesystem::last_write_time(place.where.location, error);
    return !error && changed_at != place.changed_at;
  }
  const auto age = now - place.read_at;
  if (age >= options_.every - place.early || (!place.good && age >= kRetry)) return true;
  if (now - place.missed_at < options_.cooldown || !place.where.ring->TakeMiss()) return false;
  place.missed_at = now;
  place.missed = true;
  return true;
}

void KeyRefresher::Read(Place& place) {
  const KeyPlace& where = place.where;
  place.read_at = std::chrono::steady_clock::now();
  try {
    if (where.IsUrl()) return ReadUrl(place);
    place.changed_at = std::filesystem::last_write_time(where.location);
    Use(place, ReadFile(where.location));
  } catch (const std::exception& error) {
    place.good = false;
    log::log(where.IsUrl() ? log::Level::warn : log::Level::err,
             "loading key set failed place={} error={}", where.location, error.what());
    DropIfTooOld(place);
  }
}

void KeyRefresher::ReadUrl(Place& place) {
  const std::string& location = place.where.location;
  std::optional<FetchedKeySet> shared;
  if (shared_ != nullptr) {
    shared = shared_->Load(location);
    const auto share = std::uniform_real_distribution<double>(0, kMostEarly)(random_);
    place.early = std::chrono::milliseconds(
        static_cast<int64_t>(static_cast<double>(options_.every.count()) * share));
  }
  // The current key set of the issuer has the key of a new token, if any has.
  const bool fetch = std::exchange(place.missed, false);
  if (!fetch && shared && UseShared(place, *shared, options_.every)) {
    place.read_at = place.good_at;  // so that it is used no longer than where it was fetched
    return;
  }
  try {
    FetchedKeySet fetched{.fetched_at = SystemClock().Now()};
    fetched.text = Fetch(location);
    Use(place, fetched.text);
    if (shared_ != nullptr) shared_->Save(location, fetched, options_.max_age);
  } catch (const std::exception&) {
    if (shared) UseShared(place, *shared, options_.max_age);
    throw;
  }
}

bool KeyRefresher::UseShared(Place& place, const FetchedKeySet& set,
                             std::chrono::milliseconds max_age) {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  const auto age =
      duration_cast<milliseconds>(Duration(SystemClock().Now().micros - set.fetched_at.micros));
  if (age < -kMostSkew || age >= max_age) return false;
  const Time fetched_at = place.read_at - std::max(age, milliseconds(0));
  const bool has_keys = !place.where.ring->keys()->empty();
  if (has_keys && fetched_at <= place.good_at + kLook) return false;
  try {
    Use(place, set.text);
  } catch (const std::exception& error) {
    log::warn("shared key set cannot be used place={} error={}", place.where.location,
              error.what());
    return false;
  }
  place.good_at = fetched_at;
  return true;
}

void KeyRefresher::Use(Place& place, const std::string& text) {
  const KeyPlace& where = place.where;
  KeyList keys = KeysFrom(text, where.algorithm);
  log::info("key set loaded place={} keys={}", where.location, keys.size());
  where.ring->Replace(std::move(keys));
  place.good = true;
  place.good_at = place.read_at;
}

void KeyRefresher::DropIfTooOld(Place& place) {
  const KeyPlace& where = place.where;
  if (!where.IsUrl() || where.ring->keys()->empty()) return;
  if (place.read_at - place.good_at < options_.max_age) return;
  where.ring->Replace({});
  log::error("key set dropped place={} cause=\"not fetched for auth.jwks_max_age\"",
             where.location);
}

}  // namespace parley
