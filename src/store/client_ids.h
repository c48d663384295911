// Finds messages by their client ids, for a store that one process writes. A unique index would make each
// send change a random page of a large tree. Here, a table has a small row for each client id that is not
// new, and new ones are kept in memory until many are added to the table at once, in its order:
// docs/adr/0020-client-ids.md.
//
// A row and an entry in memory hold a hash and a seq; the message at that seq decides. So an entry of a
// transaction that was rolled back, or of a deleted conversation, does no harm.
//
// After a crash, the entries in memory are read again: those of the messages with an id from `first_new` in
// parley_meta on. Message ids grow with time; one that does not is added to the table at once.
//
// Threads: the writer's, except HashOf.
// Bounds: about 20 MB; beyond it, client ids are added to the table at once.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/sql_session.h"

namespace parley {

class ClientIds {
 public:
  struct Limits {
    size_t together = 65'536;  // entries that are added to the table together
    size_t most_new = 131'072;
  };
  // Reads the entries of an earlier process, which may be enough for HasWork. `session` writes to a database
  // with the newest schema. `has_work` is called when Add makes HasWork true. Throws StoreFailure.
  ClientIds(SqlSession& session, std::function<void()> has_work, Limits limits);
  ClientIds(SqlSession& session, std::function<void()> has_work)
      : ClientIds(session, std::move(has_work), Limits{}) {}

  // Adds the rows of all stored messages to the table, for the migration of an older database.
  static void AddAllStored(SqlSession& session);
  // The same for a database without rows: a copy of a store on PostgreSQL has none.
  static void AddMissing(SqlSession& session);

  int64_t HashOf(const Uuid& conversation, std::string_view sender,
                 std::string_view client_id) const;
  // The seqs of the messages that may have the client id.
  std::vector<int64_t> Find(SqlSession& session, const Uuid& conversation, int64_t hash) const;
  // Inside the transaction that stores the message.
  void Add(SqlSession& session, const Uuid& message, const Uuid& conversation, int64_t hash,
           int64_t seq);

  // Whether entries wait for WriteSome.
  bool HasWork() const {
    return !writing_.order.empty() || new_.by_hash.size() >= limits_.together;
  }
  // Adds at most `rows` entries to the table. Settle follows the commit or rollback of the transaction.
  void WriteSome(SqlSession& session, size_t rows);
  void Settle(bool committed);

 private:
  struct Entry {
    Uuid conversation;
    int64_t hash = 0, seq = 0;
    auto operator<=>(const Entry&) const = default;
  };
  struct Entries {
    std::unordered_multimap<int64_t, Entry> by_hash;
    std::vector<Entry> order;  // of the table; only while they are written
    Uuid newest;               // message id
  };
  void AddNew(const Uuid& message, const Entry& entry);
  void BeginWriting();

  const std::function<void()> has_work_;
  const Limits limits_;
  const std::array<uint64_t, 2> key_;
  Entries new_, writing_;
  size_t written_ = 0;                  // of writing_.order, in committed transactions
  size_t settling_ = 0;                 // the same, with the open transaction
  std::optional<Uuid> oldest_new_;      // message id
  Uuid first_new_;                      // the messages before it are in the table
  std::optional<Uuid> next_first_new_;  // written in the open transaction
};

}  // namespace parley
