#include "feature/revocations/revocation_poller.h"

#include <future>
#include <stdexcept>

#include "base/log.h"

namespace parley {
namespace {

constexpr auto kEvery = std::chrono::seconds(2);
constexpr auto kDropEvery = std::chrono::seconds(60);
constexpr auto kPageWithin = std::chrono::seconds(30);  // timeout of the first read

// Runs results of the first read on the store's own thread: the shard does not run yet.
class Inline final : public Executor {
 public:
  void Post(Callback work) override { work(); }
};

}  // namespace

// A restarted follower reads all stored revocations, not only recent ones: after the store has moved
// back, the age of a row does not show whether it was read before.
RevocationPoller::RevocationPoller(RevocationStore& store, Revocations& revocations, Executor& on,
                                   const Clock& clock, Options options)
    : store_(store),
      revocations_(revocations),
      on_(on),
      clock_(clock),
      options_(options),
      follower_({.every = kEvery}, clock.Now()) {
  ReadAll();
}

void RevocationPoller::ReadAll() {
  // Must outlive a call that timed out.
  static Inline executor;
  auto query = follower_.Begin(clock_.Steady(), clock_.Now());
  while (query) {
    query->since = {clock_.Now().micros - options_.kept.count()};
    auto promise = std::make_shared<std::promise<Result<RevocationList>>>();
    auto page = promise->get_future();
    store_.ListRevocations(*query, executor, [promise](Result<RevocationList> read) {
      promise->set_value(std::move(read));
    });
    if (page.wait_for(kPageWithin) != std::future_status::ready) {
      throw std::runtime_error("timeout while reading revocations from the store");
    }
    const Result<RevocationList> read = page.get();
    if (!read) throw std::runtime_error("cannot read the revocations from the store");
    query = OnPage(*read).next;
  }
}

void RevocationPoller::OnTick(Monotonic now) {
  if (now >= next_drop_) {
    next_drop_ = now + kDropEvery;
    revocations_.DropMadeBefore({clock_.Now().micros - options_.kept.count()});
  }
  if (!options_.shared_store) return;
  if (auto query = follower_.Begin(now, clock_.Now())) Read(*std::move(query));
}

void RevocationPoller::Read(LogQuery query) {
  query.since = {clock_.Now().micros - options_.kept.count()};
  store_.ListRevocations(std::move(query), on_, [this](const Result<RevocationList>& read) {
    if (!read) {
      follower_.OnFailure(clock_.Steady());
      return log::warn("reading revocations failed error={}", Name(read.error().code));
    }
    if (auto next = OnPage(*read).next) Read(*std::move(next));
  });
}

LogFollower::Progress RevocationPoller::OnPage(const RevocationList& read) {
  for (const Revocation& one : read.revocations) revocations_.Add(one);
  return follower_.OnPage(read.page);
}

}  // namespace parley
