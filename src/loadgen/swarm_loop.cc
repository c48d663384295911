#include "loadgen/swarm_loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "loadgen/stamp.h"
#include "loadgen/swarm_client.h"

namespace parley::loadgen {
namespace {

constexpr size_t kMostOut = 256 * 1024;  // bytes that wait for a socket before messages wait
constexpr size_t kReadBytes = 256 * 1024, kEvents = 1024;

}  // namespace

Loop::Loop(Shared& shared, size_t number)
    : shared_(shared),
      plan_(shared.plan),
      dialect_(shared.dialect),
      number_(number),
      rooms_(shared.rooms.size()),
      buffer_(kReadBytes),
      events_(kEvents),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (std::ranges::any_of(plan_.endpoints, [](const Endpoint& each) { return each.tls; }))
    tls_ = MakeTlsContext(plan_.ca_file);
  if (!plan_.ack_log.empty()) log_.open(plan_.ack_log, std::ios::app);
}

Loop::~Loop() {
  for (const auto& client : clients_) {
    if (client->fd >= 0) ::close(client->fd);
  }
  ::close(epoll_);
}

void Loop::Add(size_t index, Member member, size_t turn) {
  auto client = std::make_unique<Client>(*this, index, std::move(member));
  client->sampled = index % plan_.sample == 0;
  client->turn = turn;
  if (client->self.sends) senders_.push_back(client.get());
  clients_.push_back(std::move(client));
}

bool Loop::MaySend(const Client& client) const {
  if (client.fd < 0 || client.out.size() > kMostOut) return false;
  if (load_.messages_each > 0 && client.sent >= client.limit) return false;
  if (dialect_.one_at_a_time() && client.sent > client.acked) return false;
  switch (load_.pace) {
    case Pace::kDelivered: {
      const RoomCount& room = rooms_[client.self.room];
      const size_t receivers = shared_.rooms[client.self.room].receivers;
      return room.sent * receivers < room.delivered + load_.window * receivers;
    }
    case Pace::kAcked:
      return client.sent < client.acked + load_.window;
    case Pace::kRate:
      return true;
  }
  return false;
}

void Loop::Send(Client& client, int64_t due) {
  const std::string content = StampedContent(due, client.index(), client.sent, plan_.content_bytes);
  const std::string id =
      plan_.prefix + "-" + std::to_string(client.index()) + "-" + std::to_string(client.sent);
  if (log_.is_open())
    log_ << "sent " << id << ' ' << client.self.room << ' ' << content << '\n' << std::flush;
  std::string payload;
  dialect_.Encode(client.self, {client.index(), client.sent, id, content}, payload);
  client.Write(payload);
  if (dialect_.acknowledges()) {
    client.dues.push_back(due);
    ++in_flight_;
  }
  ++client.sent;
  ++rooms_[client.self.room].sent;
  if (measuring_) ++report_.sent, ++second_.sent;
  if (!Flush(client)) Lose(client);
}

// When the `own`-th message of this loop is due. All senders take turns, and each belongs to one loop.
int64_t Loop::DueOf(uint64_t own) const {
  const uint64_t round = own / senders_.size();
  const uint64_t number = round * shared_.senders + senders_[own % senders_.size()]->turn;
  return start_ + Nanos(static_cast<double>(number) / load_.rate);
}

void Loop::SendWaiting(Client& sender) {
  while (!sender.waiting.empty() && !shared_.stopped && MaySend(sender)) {
    const int64_t at = sender.waiting.front();
    sender.waiting.pop_front();
    Send(sender, at);
  }
}

void Loop::SendWhatIsDue(int64_t now) {
  if (senders_.empty() || (load_.pace == Pace::kRate && load_.rate <= 0)) return;
  if (load_.pace != Pace::kRate) {
    for (Client* sender : senders_) {
      while (!shared_.stopped && MaySend(*sender)) Send(*sender, Now());
    }
    return;
  }
  for (; DueOf(rated_) <= now && !shared_.stopped; ++rated_) {
    if (NoneIsDue()) return;
    Client& sender = *senders_[rated_ % senders_.size()];
    const int64_t due = DueOf(rated_);
    if (due >= measured_)
      report_.send_delay.Record(static_cast<uint64_t>(std::max<int64_t>(0, Now() - due) / 1000));
    sender.waiting.push_back(due);
    SendWaiting(sender);
  }
}

// The time to the next message or connection that is due, at most 50 ms.
int64_t Loop::UntilNext() const {
  int64_t wait = 50 * kMillisecond;
  if (storming_) {
    wait = 20 * kMillisecond;
    if (plan_.connect_rate > 0 && to_open_ < clients_.size()) {
      wait = std::clamp<int64_t>(OpenDue() - Now(), 0, wait);
    }
  }
  if (load_.pace != Pace::kRate || senders_.empty() || load_.rate <= 0 || NoneIsDue()) return wait;
  return std::clamp<int64_t>(DueOf(rated_) - Now(), 0, wait);
}

bool Loop::NoneIsDue() const {
  return load_.messages_each > 0 && rated_ >= load_.messages_each * senders_.size();
}

bool Loop::SentAll() {
  if (load_.messages_each == 0) return false;
  const auto has_sent = [](const Client* each) { return each->sent >= each->limit; };
  if (!sent_all_ && std::ranges::all_of(senders_, has_sent)) {
    sent_all_ = true;
    ++shared_.sent_all;
  }
  return shared_.sent_all == shared_.loops;
}

void Loop::EndSecond() {
  second_.in_flight = in_flight_;
  shared_.timeline.End(number_, second_, second_delivery_, shared_.ready);
  second_ = {};
  second_delivery_.Clear();
}

void Loop::Begin(const Load& load, int64_t start) {
  load_ = load;
  Report fresh{.connect_seconds = report_.connect_seconds, .connect = report_.connect};
  report_ = std::move(fresh);
  for (std::string& kind : dialect_.kinds())
    report_.kinds.emplace_back(std::move(kind), Histogram{});
  for (Client* sender : senders_) sender->limit = sender->sent + load.messages_each;
  rated_ = 0;
  sent_all_ = false;
  second_ = {};
  second_delivery_.Clear();
  progress_at_ = start;
  start_ = slow_round_ = start;
  SetWindow(start, INT64_MAX);
}

void Loop::SetWindow(int64_t measured, int64_t end) {
  measured_ = measured;
  end_ = end;
  second_end_ = INT64_MAX;
}

void Loop::BeginMeasuring(int64_t from) {
  measuring_ = true;
  second_end_ = from + kSecond;
}

void Loop::EndMeasuring(int64_t now) {
  end_ = std::min(end_, now);
  EndSecond();
  measuring_ = false;
}

void Loop::RunUntil(int64_t end, bool (Loop::*done)()) {
  for (int64_t now = Now(); now < end && !shared_.Stopped(); now = Now()) {
    if (done != nullptr && (this->*done)()) return;
    if (now >= second_end_) {
      second_end_ += kSecond;
      EndSecond();
    }
    if (storming_) OpenWhatIsDue(now);
    SendWhatIsDue(now);
    EndIfStalled(now);
    if (now > slow_round_) {
      slow_round_ = now + 50 * kMillisecond;
      ResumeSlowReaders(now);
    }
    Turn(UntilNext());
  }
  // What was due while the last turn took its time is late, and is sent all the same.
  if (load_.pace == Pace::kRate && !shared_.Stopped()) SendWhatIsDue(end - 1);
}

void Loop::EndIfStalled(int64_t now) {
  if (progress_ != progress_seen_ || in_flight_ == 0) progress_at_ = now;
  progress_seen_ = progress_;
  if (load_.give_up > 0 && now - progress_at_ > Nanos(load_.give_up)) shared_.stopped = true;
}

void Loop::NoteError(std::string_view text) {
  if (!first_error_.empty()) return;
  constexpr size_t kMost = 300;
  first_error_ = CutUtf8(RepairUtf8(text.substr(0, 2 * kMost)), kMost);
  std::ranges::replace_if(first_error_, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
}

void Loop::TurnUntil(int64_t end) {
  for (int64_t now = Now(); now < end; now = Now()) Turn(end - now);
}

void Loop::WriteSent(std::vector<uint64_t>& sent) const {
  for (const Client* sender : senders_) sent[sender->index()] = sender->sent;
}

// Connections that the server closed count as such, and not as losses of all later messages.
void Loop::AddMissing(const std::vector<uint64_t>& sent, Report& report) {
  for (const auto& client : clients_) {
    report.faults.unacknowledged += static_cast<uint64_t>(
        std::ranges::count_if(client->dues, [](int64_t due) { return due != 0; }));
    report.unsent += client->waiting.size();
    client->waiting.clear();
    if (client->fd < 0 || client->self.slow || !client->sampled || !dialect_.delivers()) continue;
    const Shared::Room& room = shared_.rooms[client->self.room];
    client->numbers.resize(room.senders.size());
    for (size_t slot = 0; slot < room.senders.size(); ++slot) {
      const size_t sender = room.senders[slot];
      if (sender != client->index() || dialect_.echoes_to_sender())
        report.faults.lost += client->numbers[slot].Lost(sent[sender]);
    }
    if (client->seqs) report.faults.seq_lost += client->seqs->missing();
  }
}

}  // namespace parley::loadgen
