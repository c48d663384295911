// Many WebSocket clients in one thread, to load a server on loopback. Rooms of connections; some of
// a room's connections send, all of them receive. What was sent carries its time, so that every
// delivery and every ack tells how long it took.
#pragma once
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace parley::bench {

struct Member {
  size_t room = 0;
  bool sends = false;
  bool slow = false;  // reads 1 KiB a second through a small receive buffer
  std::string path;
  std::string token;  // empty: none
  uint16_t port = 0;  // 0: the plan's
};

// How the next message is let go.
enum class Pace {
  kDelivered,  // when all but `window - 1` of the room's messages have reached everybody in it
  kAcked,      // when all but `window - 1` of the sender's messages are acknowledged
  kRate,       // `rate` messages a second, over all senders
};

struct Plan {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  bool storm = false;  // see storm.h
  bool raw = false;    // the raw server: bare content, no JSON, no acks
  Pace pace = Pace::kDelivered;
  size_t window = 1;
  double rate = 0;
  double warm_up = 1, seconds = 5;
  size_t content_bytes = 128;
  size_t connecting_at_once = 64;
  double hold = 0;      // seconds to keep the connections idle before the first send
  size_t sample = 1;    // inspect the frames of every n-th connection only
  std::string ack_log;  // a line for each message: "sent client_id" and "ack client_id id seq"
};

struct Report {
  double connect_seconds = 0;
  double seconds = 0;
  uint64_t sent = 0, acked = 0, duplicates = 0, errors = 0, delivered = 0, lost_connections = 0;
  uint64_t bytes = 0;
  std::vector<float> ack_ms, delivery_ms;  // within the measured time
};

class Swarm {
 public:
  Swarm(Plan plan, std::vector<Member> members);
  ~Swarm();
  // Errors: std::runtime_error where a connection is refused.
  void Connect();
  Report Run();

 private:
  struct Client;
  struct Room;
  void Open(Client& client);
  bool Read(Client& client);
  void OnFrame(Client& client, const char* payload, size_t size);
  bool MaySend(const Client& client) const;
  void Send(Client& client);
  void Turn(int timeout_ms);

  const Plan plan_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Room>> rooms_;
  std::vector<Client*> senders_;
  std::string prefix_;  // of client ids: another one each run
  std::ofstream log_;
  Report report_;
  int epoll_ = -1;
  bool measuring_ = false;
  bool stopped_ = false;
};

}  // namespace parley::bench
