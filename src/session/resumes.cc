#include "session/resumes.h"

namespace parley {
namespace {

// Maximum running resumes; each stores the conversations of its frame until all have caught up.
constexpr size_t kResumesAtOnce = 16;

}  // namespace

bool Resumes::Refuse(const Ref& ref) {
  if (running_.size() < kResumesAtOnce) return false;
  transport_.Answer(
      ErrorFrame(ref, std::nullopt,
                 {.code = ErrorCode::rate_limited,
                  .detail = "A socket can have at most " + std::to_string(kResumesAtOnce) +
                            " concurrent resumes: wait for a `resumed` frame.",
                  .retry_after = std::chrono::seconds(1)}));
  return true;
}

void Resumes::Start(const Ref& ref, const std::vector<Uuid>& conversations) {
  Running& resume = *running_.emplace_back(std::make_unique<Running>());
  resume.ref = ref;
  resume.waiting.insert(conversations.begin(), conversations.end());
}

void Resumes::OnGap(const Uuid& conversation, bool reset) {
  for (const auto& resume : running_) {
    if (!resume->waiting.contains(conversation)) continue;
    resume->gaps[conversation] = reset ? ResumeResult::kReset : ResumeResult::kGap;
  }
}

void Resumes::OnCaughtUp(const Uuid& conversation, int64_t seq) {
  for (const auto& resume : running_) {
    if (resume->waiting.erase(conversation) == 0) continue;
    resume->done.emplace_back(conversation, seq);
    const auto gap = resume->gaps.find(conversation);
    Count(gap == resume->gaps.end() ? ResumeResult::kComplete : gap->second);
  }
  AnswerFinished();
}

void Resumes::OnDropped(const Uuid& conversation) {
  for (const auto& resume : running_) {
    if (resume->waiting.erase(conversation) != 0) Count(ResumeResult::kRefused);
  }
  AnswerFinished();
}

void Resumes::AnswerFinished() {
  std::erase_if(running_, [&](const std::unique_ptr<Running>& resume) {
    if (!resume->waiting.empty()) return false;
    transport_.Answer(ResumedFrame(resume->ref, resume->done));
    return true;
  });
}

}  // namespace parley
