// SqlStore: attachments. The transaction that removes a row adds the file's id to parley_removed_file; the
// AttachmentJanitor deletes the files of that list.
#include <algorithm>
#include <unordered_map>

#include "store/list_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

constexpr int64_t kExpireAtOnce = 500;

Attachment AttachmentFrom(const Statement& row) {
  Attachment attachment{.id = row.Id(0),
                        .filename = std::string(row.Text(1)),
                        .content_type = std::string(row.Text(2)),
                        .file_size = row.Int(3),
                        .uploaded_by = std::string(row.Text(4)),
                        .uploaded_at = {row.Int(5)}};
  if (!row.IsNull(6)) attachment.message_id = row.Id(6);
  if (!row.IsNull(7)) attachment.metadata = row.Text(7);
  const std::string_view digest = row.IsNull(8) ? std::string_view() : row.Blob(8);
  if (digest.size() == attachment.digest.size()) {
    std::ranges::copy(digest, reinterpret_cast<char*>(attachment.digest.data()));
  } else {
    attachment.media_path = row.Text(10).empty() ? "." : row.Text(10);  // never its own file
  }
  return attachment;
}

std::optional<FoundAttachment> FindAttachment(SqlSession& session, const Uuid& id) {
  Statement& row = session.Prepare(queries::kAttachment).Bind(1, id);
  if (!row.Step()) return std::nullopt;
  FoundAttachment found{AttachmentFrom(row), std::nullopt};
  if (!row.IsNull(9)) found.conversation_id = row.Id(9);
  row.Run();
  return found;
}

// Runs a DELETE ... RETURNING id, and records the files. Returns their number.
int64_t Drop(SqlSession& session, Statement& deletion) {
  std::vector<Uuid> gone;
  while (deletion.Step()) gone.push_back(deletion.Id(0));
  for (const Uuid& id : gone) session.Prepare(queries::kRemoveFile).Bind(1, id).Run();
  return static_cast<int64_t>(gone.size());
}

class AttachmentInsert final : public WriteOf<StoredAttachment> {
 public:
  AttachmentInsert(NewAttachment wanted, AttachmentLimits limits, Executor& on,
                   parley::Answer<StoredAttachment> done, Now now)
      : WriteOf(on, std::move(done)),
        wanted_(std::move(wanted)),
        limits_(limits),
        now_(std::move(now)) {}

  void Apply(SqlSession& session) override { result_ = Insert(session); }

 private:
  Result<StoredAttachment> Insert(SqlSession& session) {
    const Attachment& wanted = wanted_.attachment;
    if (auto first = FindFirst(session)) return std::move(*first);
    const int64_t unattached =
        NumberFrom(session.Prepare(queries::kCountUnattached).Bind(1, wanted.uploaded_by));
    if (unattached >= limits_.unattached) {
      return Fail(Error{.code = ErrorCode::rate_limited,
                        .detail = "You have too many uploads that are not attached to a message.",
                        .retry_after = std::chrono::minutes(1)});
    }
    if (limits_.bytes > 0) {
      const int64_t stored =
          NumberFrom(session.Prepare(queries::kStoredBytes).Bind(1, wanted.uploaded_by));
      if (stored + wanted.file_size > limits_.bytes) {
        return Fail(Error{.code = ErrorCode::quota_exceeded,
                          .detail = "Your files use " + std::to_string(stored) + " of " +
                                    std::to_string(limits_.bytes) + " bytes; delete some."});
      }
    }
    const std::string id = wanted.id.ToString();
    const std::string path = "attachments/" + id, url = ContentPath(wanted.id);
    StoredAttachment stored{wanted};
    stored.attachment.uploaded_at = now_();
    session.Prepare(queries::kInsertAttachment)
        .Bind(1, wanted.id)
        .Bind(2, wanted.filename)
        .Bind(3, path)
        .Bind(4, url)
        .Bind(5, wanted.file_size)
        .Bind(6, wanted.content_type)
        .Bind(7, wanted.uploaded_by)
        .Bind(8, stored.attachment.uploaded_at.micros)
        .Bind(9, wanted.metadata)
        .BindBlob(10, wanted.digest)
        .Bind(11, wanted_.client_id)
        .Run();
    return stored;
  }

  std::optional<Result<StoredAttachment>> FindFirst(SqlSession& session) {
    if (!wanted_.client_id) return std::nullopt;
    Statement& row = session.Prepare(queries::kAttachmentByClientId)
                         .Bind(1, wanted_.attachment.uploaded_by)
                         .Bind(2, *wanted_.client_id);
    if (!row.Step()) return std::nullopt;
    StoredAttachment first{AttachmentFrom(row), true};
    row.Run();
    if (first.attachment.digest != wanted_.attachment.digest ||
        first.attachment.filename != wanted_.attachment.filename) {
      return Fail(ErrorCode::client_id_reused,
                  "This client_id was already used with a different file.");
    }
    return Result<StoredAttachment>(std::move(first));
  }

  NewAttachment wanted_;
  AttachmentLimits limits_;
  Now now_;
};

class AttachmentRemoval final : public WriteOf<void> {
 public:
  AttachmentRemoval(const Uuid& id, UserId uploader, Executor& on, parley::Answer<void> done)
      : WriteOf(on, std::move(done)), id_(id), uploader_(std::move(uploader)) {}

  void Apply(SqlSession& session) override {
    const auto found = FindAttachment(session, id_);
    if (!found || found->attachment.uploaded_by != uploader_ || found->attachment.message_id) {
      result_ = Fail(Error::NotFound());
      return;
    }
    DropAttachment(session, id_);
    result_ = {};
  }

 private:
  Uuid id_;
  UserId uploader_;
};

class Expiry final : public WriteOf<int64_t> {
 public:
  Expiry(Timestamp before, Executor& on, parley::Answer<int64_t> done)
      : WriteOf(on, std::move(done)), before_(before) {}

  void Apply(SqlSession& session) override {
    result_ = Drop(session, session.Prepare(queries::kExpireAttachments)
                                .Bind(1, before_.micros)
                                .Bind(2, kExpireAtOnce));
  }

 private:
  Timestamp before_;
};

class FileForgetting final : public WriteOf<void> {
 public:
  FileForgetting(std::vector<Uuid> files, Executor& on, parley::Answer<void> done)
      : WriteOf(on, std::move(done)), files_(std::move(files)) {}

  void Apply(SqlSession& session) override {
    for (const Uuid& id : files_) session.Prepare(queries::kForgetFile).Bind(1, id).Run();
    result_ = {};
  }

 private:
  std::vector<Uuid> files_;
};

}  // namespace

// --- inside a transaction

void FillAttachments(SqlSession& session, std::span<Message* const> messages) {
  // A message may occur twice: as sent, and as the subject of a change.
  std::unordered_multimap<Uuid, Message*> holders;
  std::vector<Uuid> ids;
  for (Message* message : messages) {
    if (message->attachments.empty()) continue;
    message->attachments.clear();
    if (!holders.contains(message->id)) ids.push_back(message->id);
    holders.emplace(message->id, message);
  }
  queries::kAttachmentsOfMany.Run(session, std::span<const Uuid>(ids), [&](const Statement& row) {
    const Attachment attachment = AttachmentFrom(row);
    const auto [first, last] = holders.equal_range(*attachment.message_id);
    for (auto holder = first; holder != last; ++holder) {
      holder->second->attachments.push_back(attachment);
    }
  });
}

void FillAttachments(SqlSession& session, std::span<Message> messages) {
  std::vector<Message*> pointers;
  for (Message& message : messages) pointers.push_back(&message);
  FillAttachments(session, std::span<Message* const>(pointers));
}

std::optional<std::vector<Attachment>> FindUnattached(SqlSession& session,
                                                      std::span<const Uuid> ids,
                                                      const UserId& uploader) {
  std::vector<Attachment> attachments;
  for (const Uuid& id : ids) {
    auto found = FindAttachment(session, id);
    if (!found || found->attachment.uploaded_by != uploader || found->attachment.message_id) {
      return std::nullopt;
    }
    attachments.push_back(std::move(found->attachment));
  }
  return attachments;
}

std::set<Uuid> UnattachedFrom(Statement& rows) {
  std::set<Uuid> ids;
  while (rows.Step()) ids.insert(rows.Id(0));
  return ids;
}

void AddNamed(SqlSession& session, std::span<const Uuid> named, std::set<Uuid>& unattached,
              std::vector<Attachment>& attachments) {
  constexpr size_t kMost = 10;
  for (const Attachment& given : attachments) unattached.erase(given.id);
  for (const Uuid& id : named) {
    if (attachments.size() >= kMost) return;
    if (unattached.erase(id) == 0) continue;
    auto found = FindAttachment(session, id);
    if (found) attachments.push_back(std::move(found->attachment));
  }
}

void Attach(SqlSession& session, std::span<Attachment> attachments, const Uuid& conversation,
            const Uuid& message, size_t place) {
  for (Attachment& attachment : attachments) {
    attachment.message_id = message;
    Statement& row = session.Prepare(queries::kAttach)
                         .Bind(1, attachment.id)
                         .Bind(2, message)
                         .Bind(3, conversation)
                         .Bind(4, static_cast<int64_t>(place++));
    if (!row.Step()) {
      // Another node's message has taken it since it was read.
      throw StoreFailure("an attachment was attached concurrently", StoreFailure::Kind::kConflict);
    }
    row.Run();
  }
}

void CountAttachments(SqlSession& session, const Message& message) {
  session.Prepare(queries::kCountAttachments)
      .Bind(1, message.conversation_id)
      .Bind(2, message.seq)
      .Bind(3, static_cast<int64_t>(message.attachments.size()))
      .Run();
}

void DropAttachment(SqlSession& session, const Uuid& attachment) {
  session.Prepare(queries::kDropAttachment).Bind(1, attachment).Run();
  session.Prepare(queries::kRemoveFile).Bind(1, attachment).Run();
}

void DropAttachmentsOf(SqlSession& session, const Uuid& message) {
  Drop(session, session.Prepare(queries::kDropAttachmentsOf).Bind(1, message));
}

bool DropAttachmentsIn(SqlSession& session, const Uuid& conversation, int64_t limit) {
  Statement& deletion =
      session.Prepare(queries::kDropAttachmentsIn).Bind(1, conversation).Bind(2, limit);
  return Drop(session, deletion) > 0;
}

// --- calls

void SqlStore::AddAttachment(NewAttachment attachment, AttachmentLimits limits, Executor& on,
                             Answer<StoredAttachment> done) {
  commits_.Submit(std::make_unique<AttachmentInsert>(
      std::move(attachment), limits, on, std::move(done), [this] { return NextTime(); }));
}

void SqlStore::RemoveAttachment(Uuid attachment, UserId uploader, Executor& on, Answer<void> done) {
  commits_.Submit(
      std::make_unique<AttachmentRemoval>(attachment, std::move(uploader), on, std::move(done)));
}

void SqlStore::ExpireAttachments(Timestamp uploaded_before, Executor& on, Answer<int64_t> done) {
  commits_.Submit(std::make_unique<Expiry>(uploaded_before, on, std::move(done)));
}

void SqlStore::ForgetFiles(std::vector<Uuid> attachments, Executor& on, Answer<void> done) {
  commits_.Submit(std::make_unique<FileForgetting>(std::move(attachments), on, std::move(done)));
}

void SqlStore::ReadAttachment(Uuid attachment, UserId reader, bool as_service, Executor& on,
                              Answer<FoundAttachment> done) {
  OnReader<FoundAttachment>(
      on, std::move(done), [=](SqlSession& session) -> Result<FoundAttachment> {
        auto found = FindAttachment(session, attachment);
        if (!found) return Fail(Error::NotFound());
        const bool visible = found->conversation_id
                                 ? ReadMark(session, *found->conversation_id, reader).has_value()
                                 : found->attachment.uploaded_by == reader;
        if (!visible && !as_service) return Fail(Error::NotFound());
        return std::move(*found);
      });
}

void SqlStore::ListRemovedFiles(int limit, Executor& on, Answer<std::vector<Uuid>> done) {
  OnReader<std::vector<Uuid>>(
      on, std::move(done),
      [=](SqlSession& session) -> Result<std::vector<Uuid>> {
        std::vector<Uuid> files;
        Statement& rows = session.Prepare(queries::kRemovedFiles).Bind(1, limit);
        while (rows.Step()) files.push_back(rows.Id(0));
        return files;
      },
      ReadClass::kBulk);
}

}  // namespace parley
