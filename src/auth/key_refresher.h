// Keeps key rings up to date with their sources. A file is read when it changes. A URL is fetched
// periodically, and when a token names an unknown key, the latter at most once per `cooldown`. After a
// failed read, the current keys stay in use; if a URL cannot be fetched for `max_age`, its keys are
// dropped, so that withdrawn keys do not stay valid forever. Threads: runs its own thread.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "auth/key_ring.h"
#include "base/mutex.h"

namespace parley {

// The source of a key set: an https URL (http on this machine only), or a file with a JWKS or one PEM
// key.
struct KeyPlace {
  std::string location;
  std::string algorithm;
  std::shared_ptr<KeyRing> ring;

  bool IsUrl() const { return location.starts_with("https://") || location.starts_with("http://"); }
};

// Returns why the source cannot be used, or nullopt. Reads files, but fetches no URLs.
std::optional<std::string> ProblemOf(const KeyPlace& place);

struct RefreshOptions {
  std::chrono::milliseconds every{300'000};
  std::chrono::milliseconds cooldown{30'000};     // between two fetches caused by tokens
  std::chrono::milliseconds max_age{86'400'000};  // of a URL's keys since the last successful fetch
};

class KeyRefresher {
 public:
  // Reads every source. Throws std::runtime_error if a file has no usable key or a URL is not allowed.
  // A failed fetch is retried, and until it succeeds tokens of that source are refused.
  KeyRefresher(std::vector<KeyPlace> places, RefreshOptions options);
  ~KeyRefresher();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Place {
    KeyPlace where;
    Time read_at = {};
    Time good_at = {};    // the last successful fetch
    Time missed_at = {};  // the last fetch caused by a token
    bool good = false;
    std::filesystem::file_time_type changed_at = {};
  };
  void Run();
  bool IsDue(Place& place, Time now) const;
  void Read(Place& place);
  void DropIfTooOld(Place& place);

  std::vector<Place> places_;
  const RefreshOptions options_;
  Mutex mutex_;
  CondVar stop_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace parley
