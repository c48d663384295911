// The resumes of one session that are not yet answered. A resume names conversations; the answer
// `resumed` is sent when all of them have caught up. Threads: one shard.
#pragma once
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "hub/home.h"
#include "protocol/answers.h"
#include "session/transport.h"

namespace parley {

class Resumes {
 public:
  Resumes(HubCounters& counters, Transport& transport)
      : counters_(counters), transport_(transport) {}

  // Returns true, and sends an error, if too many resumes run.
  bool Refuse(const Ref& ref);
  // Starts a resume of these conversations.
  void Start(const Ref& ref, const std::vector<Uuid>& conversations);
  // Counts a conversation that a client named and is not in.
  void CountRefused() { Count(ResumeResult::kRefused); }
  // A gap frame was sent for the conversation.
  void OnGap(const Uuid& conversation, bool reset);
  // The conversation has caught up, at this seq.
  void OnCaughtUp(const Uuid& conversation, int64_t seq);
  // The user is no longer in the conversation.
  void OnDropped(const Uuid& conversation);
  // Sends `resumed` for resumes whose conversations have all caught up.
  void AnswerFinished();

 private:
  struct Running {
    Ref ref;
    std::unordered_set<Uuid> waiting;
    ConversationSeqs done;
    std::unordered_map<Uuid, ResumeResult> gaps;  // kGap or kReset, as sent
  };
  void Count(ResumeResult result) { counters_.resumes[static_cast<size_t>(result)].Add(); }

  HubCounters& counters_;
  Transport& transport_;
  std::vector<std::unique_ptr<Running>> running_;  // in the order of their frames
};

}  // namespace parley
