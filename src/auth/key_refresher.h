// Keeps key rings as fresh as where they come from: a file is read again when it has changed, a URL
// every so often and when a token names a key that the set does not hold, but then at most once in
// `cooldown`. A place that cannot be read leaves the keys as they are; a URL that could not be read for
// `max_age` loses them, since keys that were withdrawn must not stay valid for ever. One thread of its
// own.
#pragma once
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "auth/key_ring.h"

namespace parley {

// A set's place: an https URL (http on this machine alone), or a file: JWKS or one key in PEM.
struct KeyPlace {
  std::string location;
  std::string algorithm;
  std::shared_ptr<KeyRing> ring;

  bool IsUrl() const { return location.starts_with("https://") || location.starts_with("http://"); }
};

// Why it cannot be used; none: it can, or it is a URL that may be. Reads files, fetches nothing.
std::optional<std::string> ProblemOf(const KeyPlace& place);

struct RefreshOptions {
  std::chrono::milliseconds every{300'000};
  std::chrono::milliseconds cooldown{30'000};     // between two fetches that tokens cause
  std::chrono::milliseconds max_age{86'400'000};  // of a URL's keys, since they were last fetched
};

class KeyRefresher {
 public:
  // Reads every place. Throws std::runtime_error where a file has no usable key or a URL is not
  // allowed; a URL that does not answer is tried again, and until then its tokens are refused.
  KeyRefresher(std::vector<KeyPlace> places, RefreshOptions options);
  ~KeyRefresher();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Place {
    KeyPlace where;
    Time read_at = {};
    Time good_at = {};    // the last fetch that brought keys
    Time missed_at = {};  // the last fetch that a token caused
    bool good = false;
    std::filesystem::file_time_type changed_at = {};
  };
  void Run();
  bool IsDue(Place& place, Time now) const;
  void Read(Place& place);
  void DropIfTooOld(Place& place);

  std::vector<Place> places_;
  const RefreshOptions options_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace parley
