#include "app/demo_seed.h"

#include <future>
#include <stdexcept>
#include <utility>

namespace parley {
namespace {

// Fixed ids, so that a second start finds the conversation of the first.
constexpr std::string_view kDemoId = "01900000-0000-7000-8000-00000000de30";

constexpr std::pair<const char*, const char*> kLines[] = {
    {"ada", "Welcome to Parley! This conversation is stored on disk; restart the server and look."},
    {"ben", "Does it keep what I send while my phone changes network?"},
    {"ada", "Yes: a message is acknowledged after its commit, and a retry never duplicates it."},
    {"chloe", "And when I reconnect?"},
    {"dmitri", "You resume from the last seq you have and get exactly what you missed."},
    {"ada", "Open this page in a second tab, pick another name, and say hello."},
};

// Runs results on the store's thread: the shards do not run yet.
class Inline final : public Executor {
 public:
  void Post(Callback work) override { work(); }
};

template <class T, class Call>
Result<T> Await(Call call) {
  Inline executor;
  std::promise<Result<T>> promise;
  call(executor, [&](Result<T> answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

template <class T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error("cannot seed the demo: " + result.error().detail);
  return std::move(*result);
}

}  // namespace

void SeedDemo(Store& store, const Clock& clock) {
  const Uuid id = *Uuid::Parse(kDemoId);
  const auto there =
      Await<ConversationHead>([&](Executor& executor, Answer<ConversationHead> done) {
        store.LoadHead(id, 10, executor, std::move(done));
      });
  if (there) return;

  Must(Await<CreatedConversation>([&](Executor& executor, Answer<CreatedConversation> done) {
    store.CreateConversation({.id = id,
                              .type = ConversationType::kGroup,
                              .title = "Welcome",
                              .creator = "ada",
                              .participants = {"ada", "ben", "chloe", "dmitri"}},
                             executor, std::move(done));
  }));
  UuidGenerator ids(clock);
  for (const auto& [sender, content] : kLines) {
    NewMessage message{
        .id = ids.Next(), .conversation_id = id, .sender_id = sender, .content = content};
    Must(Await<StoredMessage>([&](Executor& executor, Answer<StoredMessage> done) {
      store.InsertMessage(std::move(message), executor, std::move(done));
    }));
  }
}

}  // namespace parley
