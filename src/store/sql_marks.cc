// SqlStore: how far somebody has read, and which messages were delivered. Marks only move forward.
#include <algorithm>

#include "store/sql_work.h"

namespace parley {
namespace {

// Messages that one move of a mark stamps with read_at, the newest of those it passed. A first visit
// to a history of a million must not hold up the sends of others.
constexpr int64_t kStampedAtOnce = 10'000;
constexpr auto kDeliveredWithin = std::chrono::milliseconds(1000);

class MarkWrite : public WriteOf<ReadMarks> {
 protected:
  MarkWrite(UserId reader, Executor& on, parley::Answer<ReadMarks> done, Now now)
      : WriteOf(on, std::move(done)), reader_(std::move(reader)), now_(std::move(now)) {}

  void Move(SqlSession& session, const Uuid& conversation, int64_t from, int64_t to) {
    const Timestamp now = now_();
    session.Prepare(queries::kMoveMark)
        .Bind(1, conversation)
        .Bind(2, reader_)
        .Bind(3, to)
        .Bind(4, now.micros)
        .Run();
    session.Prepare(queries::kStampRead)
        .Bind(1, conversation)
        .Bind(2, std::max(from, to - kStampedAtOnce))
        .Bind(3, to)
        .Bind(4, now.micros)
        .Bind(5, reader_)
        .Run();
  }

  UserId reader_;
  Now now_;
};

class MarkToSeq final : public MarkWrite {
 public:
  MarkToSeq(const Uuid& conversation, UserId reader, int64_t up_to_seq, Executor& on,
            parley::Answer<ReadMarks> done, Now now)
      : MarkWrite(std::move(reader), on, std::move(done), std::move(now)),
        conversation_(conversation),
        up_to_seq_(up_to_seq) {}

  void Apply(SqlSession& session) override {
    Statement& row = session.Prepare(queries::kHeadAndMark).Bind(1, conversation_).Bind(2, reader_);
    if (!row.Step()) {
      result_ = Fail(Error::NotFound());
      return;
    }
    const int64_t head = row.Int(0), mark = row.Int(1);
    row.Run();
    if (up_to_seq_ > head) {
      result_ = Fail(Error::Field("up_to_seq", "Is beyond the last seq."));
      return;
    }
    ReadMarks marks{.up_to_seq = std::max(mark, up_to_seq_)};
    if (up_to_seq_ > mark) {
      Move(session, conversation_, mark, up_to_seq_);
      marks.moved.push_back({conversation_, up_to_seq_, {}});
    }
    result_ = std::move(marks);
  }

 private:
  Uuid conversation_;
  int64_t up_to_seq_;
};

class MarkMessages final : public MarkWrite {
 public:
  MarkMessages(UserId reader, std::vector<Uuid> messages, std::optional<Uuid> only, Executor& on,
               parley::Answer<ReadMarks> done, Now now)
      : MarkWrite(std::move(reader), on, std::move(done), std::move(now)),
        messages_(std::move(messages)),
        only_(only) {}

  size_t bytes() const override { return 512 + messages_.size() * 16; }

  void Apply(SqlSession& session) override {
    struct Target {
      ReadMarks::Moved moved;
      int64_t mark = 0;
    };
    ReadMarks marks;
    std::vector<Target> targets;
    for (const Uuid& id : messages_) {
      Statement& row = session.Prepare(queries::kMessageAndMark).Bind(1, id).Bind(2, reader_);
      if (!row.Step()) continue;
      const Uuid conversation = row.Id(0);
      const int64_t seq = row.Int(1), mark = row.Int(2);
      const bool others = row.Int(3) != 0;
      row.Run();
      if (only_ && conversation != *only_) continue;
      if (others && seq > mark) ++marks.updated;
      auto target = std::ranges::find(targets, conversation,
                                      [](const Target& one) { return one.moved.conversation; });
      if (target == targets.end()) {
        target = targets.insert(target, {{conversation, 0, {}}, mark});
      }
      target->moved.up_to_seq = std::max(target->moved.up_to_seq, seq);
      target->moved.messages.push_back(id);
    }
    for (Target& target : targets) {
      if (target.moved.up_to_seq <= target.mark) continue;
      Move(session, target.moved.conversation, target.mark, target.moved.up_to_seq);
      marks.moved.push_back(std::move(target.moved));
    }
    result_ = std::move(marks);
  }

 private:
  std::vector<Uuid> messages_;  // distinct
  std::optional<Uuid> only_;
};

}  // namespace

void SqlStore::MarkRead(Uuid conversation, UserId reader, int64_t up_to_seq, Executor& on,
                        Answer<ReadMarks> done) {
  commits_.Submit(std::make_unique<MarkToSeq>(conversation, std::move(reader), up_to_seq, on,
                                              std::move(done), [this] { return NextTime(); }));
}

void SqlStore::MarkMessagesRead(UserId reader, std::vector<Uuid> messages, std::optional<Uuid> only,
                                Executor& on, Answer<ReadMarks> done) {
  commits_.Submit(std::make_unique<MarkMessages>(std::move(reader), std::move(messages), only, on,
                                                 std::move(done), [this] { return NextTime(); }));
}

void SqlStore::NoteDelivered(const Uuid& conversation, int64_t first_seq, int64_t last_seq) {
  if (deliveries_.Note({conversation, first_seq, last_seq, clock_.Now()})) {
    commits_.WantUpkeep(kDeliveredWithin);
  }
}

bool StampDelivered(SqlSession& session, DeliveryBook& book) {
  constexpr size_t kRunsAtOnce = 500;
  std::vector<DeliveryBook::Run> runs = book.Take(kRunsAtOnce);
  // Nodes that showed the same messages do not wait for each other.
  std::ranges::sort(runs, {},
                    [](const auto& run) { return std::pair(run.conversation, run.first); });
  const auto bind = [](Statement& stamp, const DeliveryBook::Run& run) -> Statement& {
    return stamp.Bind(1, run.conversation)
        .Bind(2, run.first)
        .Bind(3, run.last)
        .Bind(4, run.at.micros);
  };
  const auto pipeline = session.NewPipeline();
  if (pipeline == nullptr) {
    for (const auto& run : runs) bind(session.Prepare(queries::kStampDelivered), run).Run();
    return runs.size() == kRunsAtOnce;
  }
  std::vector<Statement*> stamped;
  for (const auto& run : runs) {
    stamped.push_back(&bind(pipeline->Add(queries::kStampFreeDelivered), run));
  }
  pipeline->Run();
  for (size_t i = 0; i < runs.size(); ++i) {
    if (NumberFrom(*stamped[i]) > 0) book.Keep(runs[i]);
  }
  return runs.size() == kRunsAtOnce;
}

}  // namespace parley
