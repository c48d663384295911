// SqlStore: background writes, run as upkeep of a commit lane.
#include <algorithm>

#include "store/sql_work.h"

namespace parley {
namespace {

// The pause between attempts for rows locked by other clients.
constexpr auto kKeptRetry = std::chrono::milliseconds(1000);
constexpr auto kForgetEvery = std::chrono::minutes(10);

}  // namespace

bool SqlStore::IsDue(Chore chore) const {
  switch (chore) {
    case Chore::kReadMarks:
      return read_marks_.queued() > 0;
    case Chore::kReadStamps:
      return read_stamps_.queued() > 0;
    case Chore::kDeliveries:
      return deliveries_.queued() > 0;
    case Chore::kSeen:
      return seen_.queued() > 0;
    case Chore::kDeletedRows:
      return has_deleted_rows_;
    case Chore::kOldRows:
      return clock_.Steady() >= next_forgetting_;
    case Chore::kClientIds:
      return client_ids_ != nullptr && client_ids_->HasWork();
  }
  return false;
}

void SqlStore::Do(Chore chore, SqlSession& session, size_t rows) {
  const BeginStamps begin = [this](const Uuid& conversation) {
    if (versions_ == nullptr) return;
    stamping_.emplace_back().Begin(versions_.get(), conversation,
                                   ConversationVersions::Part::kMessages);
  };
  switch (chore) {
    case Chore::kReadMarks:
      return WriteMarks(session, read_marks_, rows);
    case Chore::kReadStamps:
      return StampRead(session, read_stamps_, rows, begin);
    case Chore::kDeliveries:
      return StampDelivered(session, deliveries_, rows, begin);
    case Chore::kSeen:
      return WriteSeen(session, seen_, rows);
    case Chore::kDeletedRows:
      // A conversation that is deleted during this step sets the flag again.
      has_deleted_rows_ = false;
      if (RemoveDeletedRows(session, deletions_, client_ids_ != nullptr)) has_deleted_rows_ = true;
      return;
    case Chore::kOldRows:
      next_forgetting_ = clock_.Steady() + kForgetEvery;
      has_deleted_rows_ = true;  // a stopped node may have left such rows
      ForgetOldAccessChanges(session, clock_.Now());
      session.ForgetOldLanes();
      return;
    case Chore::kClientIds:
      return client_ids_->WriteSome(session, rows);
  }
}

// Runs the pieces in turn. When the store closes, acked marks are written first.
std::optional<SqlStore::Chore> SqlStore::NextChore() const {
  if (closing_ && IsDue(Chore::kReadMarks)) return Chore::kReadMarks;
  for (size_t i = 1; i <= kChores; ++i) {
    const auto chore = static_cast<Chore>((last_chore_ + i) % kChores);
    if (IsDue(chore)) return chore;
  }
  return std::nullopt;
}

bool SqlStore::DoUpkeep(SqlSession& session) {
  doing_ = NextChore();
  if (!doing_) return false;
  last_chore_ = static_cast<size_t>(*doing_);
  Do(*doing_, session, closing_ ? kRowsAtClose : rows_at_once_[last_chore_]);
  return NextChore().has_value();
}

void SqlStore::SettleUpkeep(bool committed) {
  stamping_.clear();
  bool kept = read_marks_.Settle(committed, clock_.Steady());
  kept |= read_stamps_.Settle(committed);
  kept |= deliveries_.Settle(committed);
  seen_.Settle(committed);
  if (client_ids_ != nullptr) client_ids_->Settle(committed);
  if (kept) commits_.WantUpkeep(kKeptRetry);
  const std::optional<Chore> done = std::exchange(doing_, std::nullopt);
  if (!done) return;
  if (!committed && *done == Chore::kDeletedRows) {
    deletions_.PassOver();
    has_deleted_rows_ = true;
  }
  // Fewer rows after a failure, until the row that fails is alone.
  size_t& rows = rows_at_once_[static_cast<size_t>(*done)];
  rows = committed ? std::min(RowsAtOnce(*done), 2 * rows) : std::max<size_t>(1, rows / 4);
}

}  // namespace parley
