#include "loadgen/swarm.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <thread>

#include "base/thread_name.h"
#include "loadgen/stamp.h"
#include "loadgen/swarm_client.h"

namespace parley::loadgen {
namespace {

constexpr int64_t kLongestDrain = 600 * kSecond, kDrainSlice = 20 * kMillisecond;
constexpr int64_t kLateRepeats = 100 * kMillisecond;

}  // namespace

Swarm::Swarm(Plan plan, const Dialect& dialect, std::vector<Member> members)
    : shared_(new Shared{.plan = std::move(plan), .dialect = dialect}) {
  for (const Member& member : members) {
    Shared::Place place{.room = member.room};
    if (shared_->rooms.size() <= member.room) shared_->rooms.resize(member.room + 1);
    Shared::Room& room = shared_->rooms[member.room];
    if (!member.slow) ++room.receivers;
    if (member.sends) {
      place.slot = room.senders.size();
      room.senders.push_back(shared_->places.size());
    }
    shared_->places.push_back(place);
  }
  shared_->loops =
      std::clamp<size_t>(shared_->plan.threads, 1, std::max<size_t>(1, members.size()));
  for (size_t i = 0; i < shared_->loops; ++i) loops_.push_back(std::make_unique<Loop>(*shared_, i));
  for (size_t i = 0; i < members.size(); ++i) {
    members[i].host = shared_->plan.endpoints.at(members[i].endpoint).host;
    const bool sends = members[i].sends;
    loops_[i % loops_.size()]->Add(i, std::move(members[i]), shared_->senders);
    if (sends) ++shared_->senders;
  }
}

Swarm::~Swarm() = default;

void Swarm::Each(const std::function<void(Loop&)>& work) {
  std::vector<std::exception_ptr> errors(loops_.size());
  const auto run = [&](size_t i) {
    try {
      work(*loops_[i]);
    } catch (...) {
      errors[i] = std::current_exception();
      shared_->stopped = true;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < loops_.size(); ++i) {
      threads.emplace_back([&run, i] {
        NameThread("loadgen-" + std::to_string(i));
        run(i);
      });
    }
    run(0);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

void Swarm::RunUntil(int64_t end, bool (Loop::*done)()) {
  Each([&](Loop& loop) { loop.RunUntil(end, done); });
}

int64_t Swarm::Begin(const Load& load, const OnSecond& on_second) {
  if (load.pace == Pace::kDelivered && loops_.size() > 1)
    throw std::invalid_argument("the pace of deliveries needs one thread");
  whole_ = {.ready = whole_.ready};
  shared_->sent_all = 0;
  shared_->timeline.Begin(loops_.size(), on_second);
  const int64_t start = Now();
  for (const auto& loop : loops_) loop->Begin(load, start);
  return start;
}

void Swarm::BeginMeasuring(int64_t from) {
  for (const auto& loop : loops_) loop->BeginMeasuring(from);
}

void Swarm::EndMeasuring(bool keep_empty) {
  const int64_t now = Now();
  for (const auto& loop : loops_) loop->EndMeasuring(now);
  whole_.timeline = shared_->timeline.Finish(keep_empty);
}

void Swarm::BeginStorm(bool resume) {
  storm_ = Now();
  resuming_ = resume;
  shared_->storm_over = false;
  for (const auto& loop : loops_) loop->BeginStorm(resume, storm_);
}

void Swarm::EndStorm() {
  whole_.resumed = 0;
  for (const auto& loop : loops_) {
    loop->EndStorm();
    whole_.resumed += loop->report().catch_up.count();
  }
  whole_.ready = shared_->ready;
  never_ready_ += shared_->places.size() - (resuming_ ? shared_->caught_up : shared_->ready);
}

// The deliveries that are missing.
uint64_t Swarm::Undelivered() const {
  if (!shared_->dialect.delivers()) return 0;
  uint64_t missing = 0;
  for (size_t i = 0; i < shared_->rooms.size(); ++i) {
    uint64_t sent = 0, delivered = 0;
    for (const auto& loop : loops_) {
      sent += loop->sent_to(i);
      delivered += loop->delivered_in(i);
    }
    const uint64_t expected = shared_->Expected(shared_->rooms[i], sent);
    missing += expected - std::min(expected, delivered);
  }
  return missing;
}

bool Swarm::IsComplete() const {
  const bool answered =
      std::ranges::all_of(loops_, [](const auto& loop) { return loop->in_flight() == 0; });
  return (answered || !shared_->dialect.acknowledges()) && Undelivered() == 0;
}

// What is still under way arrives, so that nothing counts as lost that is only late. Repetitions of the last messages
// count too.
void Swarm::Drain() {
  const auto progress = [&] {
    uint64_t sum = 0;
    for (const auto& loop : loops_) sum += loop->progress();
    return sum;
  };
  const int64_t start = Now();
  int64_t last = start;
  uint64_t seen = progress();
  const auto quiet = [&] {
    return shared_->Interrupted() ? kSecond : Nanos(shared_->plan.quiet_seconds);
  };
  for (int64_t now = start; now < last + quiet() && now < start + kLongestDrain; now = Now()) {
    if (shared_->ready == 0) return;
    const bool complete = IsComplete();
    Each([&](Loop& loop) { loop.TurnUntil(now + (complete ? kLateRepeats : kDrainSlice)); });
    if (complete) return;
    if (progress() != seen) last = Now();
    seen = progress();
  }
}

Report Swarm::Collect() const {
  Report out = whole_;
  for (const auto& loop : loops_) {
    const Report& part = loop->report();
    out.connect_seconds = std::max(out.connect_seconds, part.connect_seconds);
    out.caught_up_seconds = std::max(out.caught_up_seconds, part.caught_up_seconds);
    out.sent += part.sent;
    out.acked += part.acked;
    out.delivered += part.delivered;
    out.bytes += part.bytes;
    out.postponed += part.postponed;
    out.postponed_without_delay += part.postponed_without_delay;
    out.ack.Add(part.ack);
    out.delivery.Add(part.delivery);
    out.connect.Add(part.connect);
    out.catch_up.Add(part.catch_up);
    out.send_delay.Add(part.send_delay);
    out.kinds.resize(part.kinds.size());
    for (size_t i = 0; i < part.kinds.size(); ++i) {
      out.kinds[i].first = part.kinds[i].first;
      out.kinds[i].second.Add(part.kinds[i].second);
    }
    out.faults += loop->faults();
    out.duplicates += loop->duplicates();
    if (out.first_error.empty()) out.first_error = loop->first_error();
  }
  out.faults.never_ready += never_ready_;
  return out;
}

Report Swarm::Finish() {
  EndMeasuring(false);
  Drain();
  Report report = Collect();
  report.undelivered = Undelivered();
  std::vector<uint64_t> sent(shared_->places.size());
  for (const auto& loop : loops_) loop->WriteSent(sent);
  for (const auto& loop : loops_) loop->AddMissing(sent, report);
  return report;
}

void Swarm::Connect() {
  BeginStorm(false);
  Each([](Loop& loop) { loop.Connect(); });
  EndStorm();
}

Report Swarm::Storm(bool resume, const OnSecond& on_second) {
  BeginMeasuring(Begin({}, on_second));
  BeginStorm(resume);
  RunUntil(storm_ + Nanos(shared_->plan.connect_seconds), &Loop::StormIsOver);
  whole_.seconds = static_cast<double>(Now() - storm_) * 1e-9;
  EndStorm();
  EndMeasuring(true);
  return Collect();
}

Report Swarm::Run(const Load& load, const std::function<void(const char*)>& on_phase,
                  const OnSecond& on_second) {
  const int64_t held = Now() + Nanos(load.hold);
  if (load.hold > 0) Each([&](Loop& loop) { loop.TurnUntil(held); });
  const int64_t measured = Begin(load, on_second) + Nanos(load.warm_up);
  const int64_t end = measured + Nanos(load.seconds);
  for (const auto& loop : loops_) loop->SetWindow(measured, end);
  RunUntil(measured, &Loop::SentAll);
  const int64_t began = Now();
  BeginMeasuring(measured);
  if (on_phase) on_phase("measuring");
  RunUntil(end, &Loop::SentAll);
  whole_.seconds = static_cast<double>(Now() - began) * 1e-9;
  if (on_phase) on_phase("measured");
  return Finish();
}

Report Swarm::RunOutage(const Load& load, const Outage& outage, const OnSecond& on_second) {
  const int64_t start = Begin(load, on_second);
  BeginMeasuring(start);
  const auto after = [](double seconds) { return Now() + Nanos(seconds); };
  RunUntil(after(outage.before));
  for (const auto& loop : loops_) loop->Cut();
  RunUntil(after(outage.away));
  BeginStorm(true);
  RunUntil(after(shared_->plan.connect_seconds), &Loop::StormIsOver);
  EndStorm();
  RunUntil(after(outage.after));
  if (load.messages_each > 0) RunUntil(after(shared_->plan.connect_seconds), &Loop::SentAll);
  whole_.seconds = static_cast<double>(Now() - start) * 1e-9;
  return Finish();
}

}  // namespace parley::loadgen
