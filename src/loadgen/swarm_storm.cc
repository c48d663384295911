// Connecting: all at once, at a rate, or again after a cut.
#include <algorithm>
#include <stdexcept>

#include "loadgen/stamp.h"
#include "loadgen/swarm_client.h"

namespace parley::loadgen {

void Loop::BeginStorm(bool resume, int64_t now) {
  storming_ = true;
  resuming_ = resume;
  storm_ = received_at_ = now;
  to_open_ = opened_ = 0;
  report_.connect_seconds = 0;
  report_.connect.Clear();
  for (const auto& client : clients_) {
    if (!resume || client->fd < 0) continue;
    client->caught_up = true;  // a sender, which was not cut
    ++shared_.caught_up;
  }
}

// With a rate: when the next connection is due. The loops take turns.
int64_t Loop::OpenDue() const {
  const size_t before = opened_ * shared_.loops + number_;
  return storm_ + Nanos(static_cast<double>(before) / plan_.connect_rate);
}

// Opens new clients in their order, then retries clients that failed.
void Loop::OpenWhatIsDue(int64_t now) {
  const size_t most = (plan_.connecting_at_once + shared_.loops - 1) / shared_.loops;
  for (; to_open_ < clients_.size(); ++to_open_) {
    Client& client = *clients_[to_open_];
    if (client.fd >= 0) continue;
    const int64_t rated = plan_.connect_rate > 0 ? OpenDue() : storm_;
    if (rated > now || (plan_.connect_rate <= 0 && connecting_ >= most)) break;
    client.connect_due = plan_.connect_rate > 0 || resuming_ ? rated : now;
    ++opened_;
    Open(client);
  }
  if (now < retry_round_) return;
  retry_round_ = now + 20 * kMillisecond;
  for (size_t i = 0; i < to_open_; ++i) {
    if (clients_[i]->fd < 0 && clients_[i]->next_open <= now) Open(*clients_[i]);
  }
}

bool Loop::StormIsOver() {
  const size_t done = resuming_ ? shared_.caught_up : shared_.ready;
  if (done == shared_.places.size()) shared_.storm_over = true;
  return shared_.storm_over;
}

void Loop::Connect() {
  while (!StormIsOver() && !shared_.stopped) {
    OpenWhatIsDue(Now());
    Turn(UntilNext());
    const size_t ready = shared_.ready;
    if (faults_.failed_connects + faults_.lost_connections + faults_.refused > 0) {
      throw std::runtime_error("the server refused a connection after " + std::to_string(ready) +
                               (first_error_.empty() ? "" : ": " + first_error_));
    }
    if (shared_.Interrupted()) throw std::runtime_error("interrupted");
    if (Now() - storm_ > Nanos(plan_.connect_seconds)) {
      throw std::runtime_error(std::to_string(ready) + " of " +
                               std::to_string(shared_.places.size()) +
                               " connections were ready in time");
    }
  }
}

// The senders stay connected: a message that a client sent and does not know the outcome of would have to
// be sent again, and the repetition would not be the server's.
void Loop::Cut() {
  for (const auto& client : clients_) {
    if (client->fd < 0 || client->self.sends) continue;
    Close(*client);
    client->endpoint = (client->endpoint + 1) % plan_.endpoints.size();
  }
}

}  // namespace parley::loadgen
