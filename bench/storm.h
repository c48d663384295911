// All clients at once, as after a restart: each opens a user socket, waits for its greeting, resumes
// every conversation that the greeting names, and is done when that is answered. A client that is
// refused or closed comes back after the delay that it was given. One thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/swarm.h"

namespace parley::bench {

struct StormReport {
  size_t clients = 0, resumed = 0;
  uint64_t conversations = 0;                           // resumed, of all clients
  double established_seconds = 0, resumed_seconds = 0;  // until the last of them was
  uint64_t disconnects = 0;                             // closed by the server, with a delay
  uint64_t immediate = 0;                               // of those: with a delay of 0
  uint64_t refused = 0;                                 // connections that failed in another way
  uint64_t bytes = 0;
};

class Storm {
 public:
  Storm(Plan plan, std::vector<Member> members);
  ~Storm();
  // Until all have resumed, for plan.seconds at most.
  StormReport Run();

 private:
  struct Client;
  void Open(Client& client);
  void OnReady(Client& client, uint32_t events);
  bool Read(Client& client);
  // Frames at the beginning of `data`; answers how many bytes they are.
  size_t TakeFrames(Client& client, std::string_view data);
  void OnFrame(Client& client, std::string_view frame);
  void Write(Client& client);
  void Lost(Client& client);

  const Plan plan_;
  std::vector<std::unique_ptr<Client>> clients_;
  StormReport report_;
  size_t established_ = 0;
  int64_t start_ = 0;
  int epoll_ = -1;
};

}  // namespace parley::bench
