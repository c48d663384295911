#include "test/contract/store_contract.h"

#include <stdlib.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "store/postgres/open_postgres.h"
#include "store/sqlite/open_sqlite.h"
#include "store/sqlite/sqlite_session.h"
#include "test/support/private_postgres.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;

Engine Sqlite() {
  return {
      .name = "Sqlite",
      .open = [](const fs::path& directory,
                 const Clock& clock) { return OpenSqliteStore({.directory = directory}, clock); },
      .execute =
          [](const fs::path& directory, const std::string& sql) {
            SqliteSession(directory / "parley.db", SqliteSession::Mode::kWriter, true).Execute(sql);
          },
      .take_remains =
          [](const fs::path& from, const fs::path& to) {
            for (const char* name : {"parley.db", "parley.db-wal"}) {
              fs::copy_file(from / name, to / name);
            }
          },
  };
}

// Maps a directory to a database of this process's PostgreSQL server.
std::string DatabaseOf(const fs::path& directory) {
  std::string name = "t";
  for (const char c : directory.filename().string()) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) name += '_';
    name += upper ? static_cast<char>(c - 'A' + 'a') : c == '-' ? '_' : c;
  }
  return PrivatePostgres::Get().Database(name);
}

Engine Postgres() {
  return {
      .name = "Postgres",
      .shared = true,
      .open =
          [](const fs::path& directory, const Clock& clock) {
            return OpenPostgresStore({.url = DatabaseOf(directory)}, clock);
          },
      .execute =
          [](const fs::path& directory, const std::string& sql) {
            PgConnection(DatabaseOf(directory), {}).Execute(sql);
          },
  };
}

RequestHash HashOf(const std::string& content) {
  RequestHash hash{};
  for (size_t i = 0; i < content.size(); ++i) {
    hash[i % hash.size()] =
        static_cast<uint8_t>(hash[i % hash.size()] * 31 + static_cast<uint8_t>(content[i]));
  }
  return hash;
}

}  // namespace

std::string PrintToString(const Engine& engine) { return engine.name; }
std::vector<Engine> Engines() { return {Sqlite(), Postgres()}; }

INSTANTIATE_TEST_SUITE_P(Engines, StoreContract, testing::ValuesIn(Engines()),
                         [](const auto& engine) { return engine.param.name; });

ScratchDirectory::ScratchDirectory() {
  std::string text = (fs::temp_directory_path() / "parley-contract-XXXXXX").string();
  if (::mkdtemp(text.data()) == nullptr) throw std::runtime_error("no scratch directory");
  path_ = text;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

StoreContract::StoreContract() { Open(); }

StoreContract::~StoreContract() { Close(); }

void StoreContract::Reopen() {
  Close();
  Open();
}

void StoreContract::Execute(const std::string& sql) {
  Close();
  GetParam().execute(directory_.path(), sql);
  Open();
}

NewConversation StoreContract::Wanted(std::vector<UserId> users, ConversationType type) {
  NewConversation wanted{.id = NewId(), .type = type, .creator = users.front()};
  wanted.participants = std::move(users);
  return wanted;
}

Uuid StoreContract::Room(std::vector<UserId> users) {
  const auto created = Create(Wanted(std::move(users)));
  if (created) return created->conversation.id;
  ADD_FAILURE() << created.error().detail;
  return {};
}

NewMessage StoreContract::Text(const Uuid& room, const UserId& sender, const std::string& content) {
  return {.id = NewId(), .conversation_id = room, .sender_id = sender, .content = content};
}

NewMessage StoreContract::Named(const Uuid& room, const UserId& sender,
                                const std::string& client_id, const std::string& content) {
  NewMessage message = Text(room, sender, content);
  message.client_id = client_id;
  message.request_hash = HashOf(content);
  return message;
}

Result<StoredMessage> StoreContract::Insert(NewMessage message) {
  return Ask<StoredMessage>([&](Executor& on, Answer<StoredMessage> done) {
    store_->InsertMessage(std::move(message), on, std::move(done));
  });
}

std::vector<StoredMessage> StoreContract::InsertMany(const Uuid& room, const UserId& sender,
                                                     int count) {
  std::vector<StoredMessage> stored;
  int answers = 0;
  for (int i = 1; i <= count; ++i) {
    store_->InsertMessage(Text(room, sender, std::to_string(i)), on_,
                          [&](Result<StoredMessage> given) {
                            ++answers;
                            EXPECT_TRUE(given);
                            if (given) stored.push_back(std::move(*given));
                          });
  }
  EXPECT_TRUE(on_.RunUntil([&] { return answers == count; }));
  return stored;
}

Result<CreatedConversation> StoreContract::Create(NewConversation wanted) {
  return Ask<CreatedConversation>([&](Executor& on, Answer<CreatedConversation> done) {
    store_->CreateConversation(std::move(wanted), on, std::move(done));
  });
}

Result<AppliedChange> StoreContract::Apply(const Uuid& room, const UserId& actor, ChangeVerb verb) {
  return Ask<AppliedChange>([&](Executor& on, Answer<AppliedChange> done) {
    store_->Apply({.conversation = room, .actor = actor, .verb = std::move(verb)}, on,
                  std::move(done));
  });
}

Result<ReadMarks> StoreContract::Mark(const Uuid& room, const UserId& reader, int64_t up_to) {
  return Ask<ReadMarks>([&](Executor& on, Answer<ReadMarks> done) {
    store_->MarkRead(room, reader, up_to, on, std::move(done));
  });
}

Result<void> StoreContract::Delete(const Uuid& room, const UserId& actor) {
  return Ask<void>([&](Executor& on, Answer<void> done) {
    store_->DeleteConversation(room, actor, false, on, std::move(done));
  });
}

Result<ConversationHead> StoreContract::Head(const Uuid& room, size_t participants_limit) {
  return Ask<ConversationHead>([&](Executor& on, Answer<ConversationHead> done) {
    store_->LoadHead(room, participants_limit, on, std::move(done));
  });
}

Result<bool> StoreContract::IsParticipant(const Uuid& room, const UserId& user) {
  return Ask<bool>([&](Executor& on, Answer<bool> done) {
    store_->IsParticipant(room, user, on, std::move(done));
  });
}

Result<ConversationView> StoreContract::View(const Uuid& room, const UserId& reader,
                                             bool as_service) {
  return Ask<ConversationView>([&](Executor& on, Answer<ConversationView> done) {
    store_->ReadConversation(room, reader, as_service, on, std::move(done));
  });
}

Result<PageOfConversations> StoreContract::List(const UserId& reader, int limit,
                                                std::optional<ConversationCursor> after) {
  return Ask<PageOfConversations>([&](Executor& on, Answer<PageOfConversations> done) {
    store_->ListConversations(reader, limit, after, on, std::move(done));
  });
}

Result<int64_t> StoreContract::Unread(const UserId& reader, std::optional<Uuid> room) {
  return Ask<int64_t>([&](Executor& on, Answer<int64_t> done) {
    store_->CountUnread(reader, room, on, std::move(done));
  });
}

Result<PageOfMessages> StoreContract::History(const HistoryQuery& query) {
  return Ask<PageOfMessages>([&](Executor& on, Answer<PageOfMessages> done) {
    store_->ReadHistory(query, on, std::move(done));
  });
}

Result<Message> StoreContract::Read(const Uuid& message, const UserId& reader, bool as_service) {
  return Ask<Message>([&](Executor& on, Answer<Message> done) {
    store_->ReadMessage(message, reader, as_service, on, std::move(done));
  });
}

Result<ChangesSince> StoreContract::Changes(const Uuid& room, int64_t since, int limit) {
  return Ask<ChangesSince>([&](Executor& on, Answer<ChangesSince> done) {
    store_->ReadChanges(room, since, limit, SIZE_MAX, on, std::move(done));
  });
}

Result<UserConversations> StoreContract::UserHeads(const UserId& user,
                                                   std::optional<int64_t> since) {
  return Ask<UserConversations>([&](Executor& on, Answer<UserConversations> done) {
    store_->ListUserHeads(user, since, on, std::move(done));
  });
}

NewAttachment StoreContract::File(const UserId& uploader, const std::string& name) {
  NewAttachment file{.attachment = {.id = NewId(),
                                    .filename = name,
                                    .content_type = "image/png",
                                    .file_size = 42,
                                    .uploaded_by = uploader}};
  file.attachment.digest[0] = 7;
  return file;
}

Result<StoredAttachment> StoreContract::Upload(NewAttachment file) {
  return Ask<StoredAttachment>([&](Executor& on, Answer<StoredAttachment> done) {
    store_->AddAttachment(std::move(file), {.unattached = kMostUnattached, .bytes = quota_}, on,
                          std::move(done));
  });
}

Result<void> StoreContract::RemoveUnattached(const Uuid& attachment, const UserId& uploader) {
  return Ask<void>([&](Executor& on, Answer<void> done) {
    store_->RemoveAttachment(attachment, uploader, on, std::move(done));
  });
}

Result<FoundAttachment> StoreContract::FindFile(const Uuid& attachment, const UserId& reader,
                                                bool as_service) {
  return Ask<FoundAttachment>([&](Executor& on, Answer<FoundAttachment> done) {
    store_->ReadAttachment(attachment, reader, as_service, on, std::move(done));
  });
}

std::vector<Uuid> StoreContract::RemovedFiles() {
  return *Ask<std::vector<Uuid>>([&](Executor& on, Answer<std::vector<Uuid>> done) {
    store_->ListRemovedFiles(100, on, std::move(done));
  });
}

int64_t StoreContract::Expire(Timestamp uploaded_before) {
  return *Ask<int64_t>([&](Executor& on, Answer<int64_t> done) {
    store_->ExpireAttachments(uploaded_before, on, std::move(done));
  });
}

NewMessage StoreContract::With(const Uuid& room, const UserId& sender,
                               std::vector<Uuid> attachments) {
  NewMessage message = Text(room, sender);
  message.attachments = std::move(attachments);
  return message;
}

std::vector<int64_t> StoreContract::StoredSeqs(const Uuid& room) {
  std::vector<int64_t> seqs;
  const auto changes = Changes(room, 0, 1'000'000);
  if (!changes) {
    ADD_FAILURE() << changes.error().detail;
    return seqs;
  }
  for (const Change& change : changes->changes) seqs.push_back(change.seq);
  return seqs;
}

std::vector<int64_t> StoreContract::SeqsOf(const std::vector<Message>& messages) {
  std::vector<int64_t> seqs;
  for (const Message& message : messages) seqs.push_back(message.seq);
  return seqs;
}

std::vector<int64_t> StoreContract::OneTo(int64_t last) {
  std::vector<int64_t> seqs(static_cast<size_t>(last));
  std::iota(seqs.begin(), seqs.end(), 1);
  return seqs;
}

std::vector<Uuid> StoreContract::IdsOf(const PageOfConversations& page) {
  std::vector<Uuid> ids;
  for (const ConversationView& view : page.conversations) ids.push_back(view.conversation.id);
  return ids;
}

}  // namespace parley::test
