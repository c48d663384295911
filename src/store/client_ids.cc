#include "store/client_ids.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "base/keyed_hash.h"
#include "store/client_id_queries.h"

namespace parley {
namespace {

// Reads all messages.
constexpr Query kStored{"stored_client_ids",
                        "SELECT conversation_id, seq, sender_id, client_id, id "
                        "FROM messaging_message "
                        "WHERE client_id IS NOT NULL AND sender_id IS NOT NULL "
                        "ORDER BY conversation_id, seq"};

std::array<uint64_t, 2> KeyFrom(SqlSession& session) {
  Statement& row = session.Prepare(queries::kClientIdKey);
  const std::string text(row.Step() ? row.Text(0) : "");
  row.Run();
  std::array<uint64_t, 2> key{};
  if (text.size() != 32) throw StoreFailure("the store has no client_id_key");
  std::from_chars(text.data(), text.data() + 16, key[0], 16);
  std::from_chars(text.data() + 16, text.data() + 32, key[1], 16);
  return key;
}

Uuid FirstNewFrom(SqlSession& session) {
  Statement& row = session.Prepare(queries::kFirstNewClientId);
  const auto id = row.Step() ? Uuid::Parse(row.Text(0)) : std::nullopt;
  row.Run();
  return id.value_or(Uuid{});
}

// Every part has a length of its own or cannot contain the separator.
int64_t Hash(const std::array<uint64_t, 2>& key, const Uuid& conversation, std::string_view sender,
             std::string_view client_id) {
  std::string text;
  text.reserve(sizeof conversation.bytes + sender.size() + 1 + client_id.size());
  text.append(reinterpret_cast<const char*>(conversation.bytes.data()), sizeof conversation.bytes);
  text.append(sender).push_back('\0');
  text.append(client_id);
  return static_cast<int64_t>(SipHash13(text, key));
}

void AddRow(SqlSession& session, const Uuid& conversation, int64_t hash, int64_t seq) {
  session.Prepare(queries::kAddClientId).Bind(1, conversation).Bind(2, hash).Bind(3, seq).Run();
}

}  // namespace

ClientIds::ClientIds(SqlSession& session, std::function<void()> has_work, Limits limits)
    : has_work_(std::move(has_work)),
      limits_(limits),
      key_(KeyFrom(session)),
      first_new_(FirstNewFrom(session)) {
  Statement& rows = session.Prepare(queries::kNewClientIds).Bind(1, first_new_);
  while (rows.Step()) {
    const Uuid conversation = rows.Id(1);
    AddNew(rows.Id(0), {.conversation = conversation,
                        .hash = HashOf(conversation, rows.Text(3), rows.Text(4)),
                        .seq = rows.Int(2)});
  }
}

void ClientIds::AddAllStored(SqlSession& session) {
  const std::array<uint64_t, 2> key = KeyFrom(session);
  Uuid newest;
  Statement& rows = session.Prepare(kStored);
  while (rows.Step()) {
    const Uuid conversation = rows.Id(0);
    newest = std::max(newest, rows.Id(4));
    AddRow(session, conversation, Hash(key, conversation, rows.Text(2), rows.Text(3)), rows.Int(1));
  }
  session.Prepare(queries::kSetFirstNewClientId).Bind(1, newest.ToString()).Run();
}

void ClientIds::AddMissing(SqlSession& session) {
  if (FirstNewFrom(session) == Uuid{}) AddAllStored(session);
}

int64_t ClientIds::HashOf(const Uuid& conversation, std::string_view sender,
                          std::string_view client_id) const {
  return Hash(key_, conversation, sender, client_id);
}

std::vector<int64_t> ClientIds::Find(SqlSession& session, const Uuid& conversation,
                                     int64_t hash) const {
  std::vector<int64_t> seqs;
  for (const Entries* entries : {&new_, &writing_}) {
    const auto [begin, end] = entries->by_hash.equal_range(hash);
    for (auto at = begin; at != end; ++at) {
      if (at->second.conversation == conversation) seqs.push_back(at->second.seq);
    }
  }
  Statement& rows = session.Prepare(queries::kClientIdSeqs).Bind(1, conversation).Bind(2, hash);
  while (rows.Step()) seqs.push_back(rows.Int(0));
  return seqs;
}

void ClientIds::Add(SqlSession& session, const Uuid& message, const Uuid& conversation,
                    int64_t hash, int64_t seq) {
  // After the start, the clock may be behind that of the earlier process.
  if (message < first_new_ || new_.by_hash.size() >= limits_.most_new) {
    return AddRow(session, conversation, hash, seq);
  }
  const bool had_work = HasWork();
  AddNew(message, {.conversation = conversation, .hash = hash, .seq = seq});
  if (!had_work && HasWork()) has_work_();
}

void ClientIds::AddNew(const Uuid& message, const Entry& entry) {
  new_.by_hash.emplace(entry.hash, entry);
  new_.newest = std::max(new_.newest, message);
  oldest_new_ = std::min(oldest_new_.value_or(message), message);
}

void ClientIds::BeginWriting() {
  writing_ = std::exchange(new_, {});
  oldest_new_.reset();
  for (const auto& [hash, entry] : writing_.by_hash) writing_.order.push_back(entry);
  std::ranges::sort(writing_.order);
  written_ = 0;
}

void ClientIds::WriteSome(SqlSession& session, size_t rows) {
  if (writing_.order.empty()) BeginWriting();
  settling_ = written_;
  const size_t end = std::min(writing_.order.size(), written_ + rows);
  for (; settling_ < end; ++settling_) {
    const Entry& entry = writing_.order[settling_];
    AddRow(session, entry.conversation, entry.hash, entry.seq);
  }
  if (settling_ < writing_.order.size()) return;
  next_first_new_ = oldest_new_.value_or(writing_.newest);
  session.Prepare(queries::kSetFirstNewClientId).Bind(1, next_first_new_->ToString()).Run();
}

void ClientIds::Settle(bool committed) {
  if (committed) {
    written_ = settling_;
    if (next_first_new_) {
      first_new_ = *next_first_new_;
      writing_ = {};
      written_ = 0;
    }
  }
  settling_ = written_;
  next_first_new_.reset();
}

}  // namespace parley
