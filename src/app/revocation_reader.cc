#include "app/revocation_reader.h"

#include <future>
#include <stdexcept>

#include "base/log.h"

namespace parley {
namespace {

constexpr auto kEvery = std::chrono::seconds(2);
constexpr auto kFirstWithin = std::chrono::seconds(30);

}  // namespace

// The reader's own thread is as good as any: what it fills is thread-safe.
class RevocationReader::Inline final : public Executor {
 public:
  void Post(Callback work) override { work(); }
};

struct RevocationReader::State {
  Inline executor;
  Revocations* revocations = nullptr;
  std::atomic<bool> reading{false};
  std::atomic<int64_t> position{0};
  std::promise<bool> first;
  bool first_given = false;  // by the answers, one at a time
};

RevocationReader::RevocationReader(Store& store, Revocations& revocations)
    : store_(store), state_(std::make_shared<State>()) {
  state_->revocations = &revocations;
  auto first = state_->first.get_future();
  Read();
  if (first.wait_for(kFirstWithin) != std::future_status::ready || !first.get()) {
    throw std::runtime_error("cannot read the revocations from the store");
  }
}

RevocationReader::~RevocationReader() = default;

void RevocationReader::OnTick(Monotonic now) {
  if (now < next_) return;
  next_ = now + kEvery;
  Read();
}

void RevocationReader::Read() {
  if (state_->reading.exchange(true)) return;
  store_.ListRevocations(state_->position, state_->executor,
                         [state = state_](const Result<RevocationList>& read) {
                           if (read) {
                             for (const Revocation& one : read->revocations) {
                               state->revocations->Add(one);
                             }
                             state->position = read->position;
                           } else {
                             log::warn("revocations not read error={}", Name(read.error().code));
                           }
                           state->reading = false;
                           if (!std::exchange(state->first_given, true))
                             state->first.set_value(read.has_value());
                         });
}

}  // namespace parley
