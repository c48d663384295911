// Keeps key rings up to date with their sources. A file is read when it changes. A URL is fetched
// periodically, and when a token names an unknown key, the latter at most once per `cooldown`. After a
// failed read, the current keys stay in use; if a URL cannot be fetched for `max_age`, its keys are
// dropped, so that withdrawn keys do not stay valid forever. With SharedKeySets, a node uses the key set
// that another node has fetched, within the same limits of age. Threads: runs its own thread.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "auth/key_ring.h"
#include "base/clock.h"
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

struct FetchedKeySet {
  std::string text;
  Timestamp fetched_at;
};

// Key sets that nodes share. What Load returns is authentic: a node with the same store has saved it for
// this location. Threads: the refresher's, which both can block for some seconds.
class SharedKeySets {
 public:
  virtual ~SharedKeySets() = default;
  virtual std::optional<FetchedKeySet> Load(const std::string& location) = 0;
  virtual void Save(const std::string& location, const FetchedKeySet& set,
                    std::chrono::milliseconds lifetime) = 0;
};

struct RefreshOptions {
  std::chrono::milliseconds every{300'000};
  std::chrono::milliseconds cooldown{30'000};     // between two fetches caused by tokens
  std::chrono::milliseconds max_age{86'400'000};  // of a URL's keys since the last successful fetch
};

class KeyRefresher {
 public:
  // Reads every source. Throws std::runtime_error if a file has no usable key or a URL is not allowed.
  // A failed fetch is retried, and until it succeeds tokens of that source are refused.
  // `shared` can be null, and otherwise outlives the refresher.
  KeyRefresher(std::vector<KeyPlace> places, RefreshOptions options,
               SharedKeySets* shared = nullptr);
  ~KeyRefresher();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Place {
    KeyPlace where;
    Time read_at = {};
    Time good_at = {};    // the last successful fetch
    Time missed_at = {};  // the last fetch caused by a token
    bool good = false;
    bool missed = false;                 // a token is the cause of the next fetch
    std::chrono::milliseconds early{0};  // with `shared`: nodes do not fetch at the same time
    std::filesystem::file_time_type changed_at = {};
  };
  void Run();
  bool IsDue(Place& place, Time now) const;
  void Read(Place& place);
  void ReadUrl(Place& place);
  // Uses the key set if it is newer than the current one, and at most as old as `max_age`.
  bool UseShared(Place& place, const FetchedKeySet& set, std::chrono::milliseconds max_age);
  void Use(Place& place, const std::string& text);
  void DropIfTooOld(Place& place);

  std::vector<Place> places_;
  const RefreshOptions options_;
  SharedKeySets* const shared_;
  std::minstd_rand random_{std::random_device{}()};
  Mutex mutex_;
  CondVar stop_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace parley
