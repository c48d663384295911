#include "loadgen/swarm_client.h"

#include <utility>

#include "loadgen/client_frames.h"
#include "loadgen/stamp.h"

namespace parley::loadgen {
namespace {

uint64_t MicrosBetween(int64_t from, int64_t to) {
  return to <= from ? 0 : static_cast<uint64_t>((to - from) / 1000);
}

double Seconds(int64_t nanos) { return static_cast<double>(nanos) * 1e-9; }

}  // namespace

void Client::Write(std::string_view payload) {
  if (loop.dialect_.framing() == Dialect::Framing::kBytes) {
    out += payload;
  } else {
    AppendClientFrame(out, WsOpcode::kText, payload);
  }
}

// The trackers of a client that was connected before go on, so that they find what a resume loses or repeats.
void Client::Ready(std::optional<int64_t> head) {
  if (head && !seqs) seqs.emplace(static_cast<uint64_t>(*head) + 1);
  if (ready) return;
  ready = true;
  --loop.connecting_;
  loop.report_.connect.Record(MicrosBetween(connect_due, loop.received_at_));
  ++loop.shared_.ready;
  loop.report_.connect_seconds = Seconds(loop.received_at_ - loop.storm_);
}

void Client::CaughtUp() {
  if (caught_up || !loop.resuming_) return;
  caught_up = true;
  ++loop.progress_;
  loop.report_.catch_up.Record(MicrosBetween(connect_due, loop.received_at_));
  ++loop.shared_.caught_up;
  loop.report_.caught_up_seconds = Seconds(loop.received_at_ - loop.storm_);
}

std::optional<int64_t> Client::Answered(uint64_t number) {
  if (number < first_due || number - first_due >= dues.size()) return std::nullopt;
  const int64_t due = std::exchange(dues[number - first_due], 0);
  if (due == 0) return std::nullopt;
  ++acked;
  ++loop.progress_;
  --loop.in_flight_;
  while (!dues.empty() && dues.front() == 0) dues.pop_front(), ++first_due;
  return due;
}

void Client::Acknowledged(const Ack& ack) {
  if (loop.log_.is_open()) {
    loop.log_ << "ack " << ack.client_id << ' ' << ack.id << ' ' << ack.seq << '\n' << std::flush;
  }
  if (ack.duplicate) ++loop.duplicates_;
  const auto due = Answered(ack.number);
  if (!due) return;
  if (*due >= loop.measured_ && *due < loop.end_) {
    const uint64_t micros = MicrosBetween(*due, loop.received_at_);
    loop.report_.ack.Record(micros);
    if (ack.kind < loop.report_.kinds.size()) loop.report_.kinds[ack.kind].second.Record(micros);
  }
  if (loop.measuring_) ++loop.report_.acked, ++loop.second_.acked;
}

void Client::ObserveSeq(int64_t seq) {
  if (!seqs) seqs.emplace(static_cast<uint64_t>(seq));
  const Arrival arrival = seqs->Observe(static_cast<uint64_t>(seq));
  if (arrival == Arrival::kRepeated) ++loop.faults_.seq_repeated;
  if (arrival == Arrival::kReordered) ++loop.faults_.seq_reordered;
}

void Client::DeliveredUnchecked() {
  ++loop.progress_;
  if (self.slow) return;
  ++loop.rooms_[self.room].delivered;
  if (loop.measuring_) ++loop.report_.delivered, ++loop.second_.delivered;
}

void Client::Delivered(const Delivery& delivery) {
  if (!sampled) return DeliveredUnchecked();
  if (delivery.seq) ObserveSeq(*delivery.seq);
  const Shared& shared = loop.shared_;
  const bool known = delivery.sender < shared.places.size();
  const size_t slot = known ? shared.places[delivery.sender].slot : Shared::kDoesNotSend;
  if (slot == Shared::kDoesNotSend || shared.places[delivery.sender].room != self.room) {
    ++loop.faults_.misdelivered;
    return;
  }
  if (numbers.empty()) numbers.resize(shared.rooms[self.room].senders.size());
  const Arrival arrival = numbers[slot].Observe(delivery.number);
  if (arrival == Arrival::kReordered) ++loop.faults_.reordered;
  if (arrival == Arrival::kRepeated) {
    ++loop.faults_.repeated;
    return;
  }
  DeliveredUnchecked();
  if (self.slow || delivery.due < loop.measured_ || delivery.due >= loop.end_) return;
  const uint64_t micros = MicrosBetween(delivery.due, loop.received_at_);
  loop.report_.delivery.Record(micros);
  loop.second_delivery_.Record(micros);
}

void Client::Foreign(int64_t seq) {
  if (sampled) ObserveSeq(seq);
}

void Client::Refused(std::string_view text, std::optional<uint64_t> number) {
  ++loop.faults_.refused;
  loop.NoteError(text);
  if (number) Answered(*number);
}

void Client::ReconnectAfter(int64_t millis) {
  delay_millis = millis;
  if (!loop.storming_) Refused("the server asked its clients to reconnect", std::nullopt);
}

}  // namespace parley::loadgen
