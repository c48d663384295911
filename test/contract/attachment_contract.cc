// Attachments: private until a message has them, and deleted with it.
#include <thread>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

using Ids = std::vector<Uuid>;

std::vector<Uuid> FilesOf(const Message& message) {
  Ids ids;
  for (const Attachment& attachment : message.attachments) ids.push_back(attachment.id);
  return ids;
}

TEST_P(StoreContract, AnAttachmentIsVisibleOnlyToItsUploaderUntilItIsSent) {
  const Uuid room = Room({"ann", "bob"});
  const auto stored = Upload(File("ann"));
  const Uuid id = stored->attachment.id;
  EXPECT_EQ(FindFile(id, "ann")->attachment.filename, "cat.png");
  EXPECT_EQ(FindFile(id, "ann")->attachment.digest[0], 7);
  EXPECT_EQ(CodeOf(FindFile(id, "bob")), ErrorCode::not_found);
  EXPECT_TRUE(FindFile(id, "backend", true));

  const auto sent = Insert(With(room, "ann", {id}));
  ASSERT_TRUE(sent);
  EXPECT_EQ(FilesOf(sent->message), Ids{id});
  const auto found = FindFile(id, "bob");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->attachment.message_id, sent->message.id);
  EXPECT_EQ(found->conversation_id, room);
  EXPECT_EQ(CodeOf(FindFile(id, "eve")), ErrorCode::not_found);
  Apply(room, "ann", RemoveParticipant{"bob"});
  EXPECT_EQ(CodeOf(FindFile(id, "bob")), ErrorCode::not_found) << "removed from the conversation";
}

TEST_P(StoreContract, AttachmentsAreListedWithTheirMessageInTheGivenOrder) {
  const Uuid room = Room({"ann", "bob"});
  const Uuid a = Upload("ann"), b = Upload("ann");
  const auto sent = Insert(With(room, "ann", {b, a}));
  Insert(Text(room, "bob"));
  const Ids both{b, a};
  EXPECT_EQ(FilesOf(*Read(sent->message.id, "bob")), both);
  const auto page = History({.conversation_id = room, .reader = "bob"});
  EXPECT_TRUE(page->messages[0].attachments.empty());
  EXPECT_EQ(FilesOf(page->messages[1]), both);
  EXPECT_EQ(FilesOf(Changes(room, 0)->changes[0].message), both);
  const auto edited = Apply(room, "ann", EditMessage{sent->message.id, "new", {}});
  EXPECT_EQ(FilesOf(edited->change.message), both);
  const Uuid other = Room({"ann"});
  const Uuid c = Upload("ann");
  Insert(With(other, "ann", {c}));
  EXPECT_EQ(FilesOf(*View(other, "ann")->last_message), Ids{c});
}

TEST_P(StoreContract, AMessageGetsAllItsAttachmentsOrIsRejected) {
  const Uuid room = Room({"ann", "bob"});
  const Uuid mine = Upload("ann"), foreign = Upload("bob");
  EXPECT_EQ(CodeOf(Insert(With(room, "ann", {mine, foreign}))), ErrorCode::invalid_field);
  EXPECT_EQ(CodeOf(Insert(With(room, "ann", {mine, NewId()}))), ErrorCode::invalid_field);
  EXPECT_EQ(Head(room)->seq, 0);
  EXPECT_FALSE(FindFile(mine, "ann")->attachment.message_id);
  ASSERT_TRUE(Insert(With(room, "ann", {mine})));
  EXPECT_EQ(CodeOf(Insert(With(room, "ann", {mine}))), ErrorCode::invalid_field)
      << "attached to another message";
}

TEST_P(StoreContract, ARetriedSendAnswersTheFirstMessagesAttachments) {
  const Uuid room = Room({"ann"});
  NewMessage message = Named(room, "ann", "c1");
  message.attachments = {Upload("ann")};
  const Ids files = message.attachments;
  ASSERT_TRUE(Insert(message));
  message.id = NewId();
  const auto again = Insert(message);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(FilesOf(again->message), files);
}

TEST_P(StoreContract, ARetriedUploadAnswersTheFirstAttachment) {
  NewAttachment file = File("ann");
  file.client_id = "u1";
  const auto first = Upload(file);
  file.attachment.id = NewId();
  const auto again = Upload(file);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->attachment.id, first->attachment.id);
  file.attachment.digest[0] = 8;
  EXPECT_EQ(CodeOf(Upload(file)), ErrorCode::client_id_reused);
}

TEST_P(StoreContract, UnattachedFilesAreLimitedPerUploader) {
  for (int i = 0; i < kMostUnattached; ++i) ASSERT_TRUE(Upload(File("ann")));
  const auto refused = Upload(File("ann"));
  EXPECT_EQ(CodeOf(refused), ErrorCode::rate_limited);
  EXPECT_TRUE(Upload(File("bob")));
}

TEST_P(StoreContract, AFileCanBeAttachedToAndDetachedFromAMessage) {
  const Uuid room = Room({"ann", "bob"});
  const Uuid message = Insert(Text(room, "ann"))->message.id;
  const Uuid id = Upload("ann");
  EXPECT_EQ(CodeOf(Apply(room, "bob", AttachFile{message, id})), ErrorCode::forbidden);
  const auto attached = Apply(room, "ann", AttachFile{message, id});
  ASSERT_TRUE(attached);
  EXPECT_EQ(attached->change.seq, 2);
  EXPECT_EQ(attached->change.kind, ChangeKind::kMessageUpdated);
  EXPECT_EQ(FilesOf(attached->change.message), Ids{id});
  EXPECT_EQ(Apply(room, "ann", AttachFile{message, id})->change.seq, 0) << "already attached";
  EXPECT_EQ(FilesOf(*Read(message, "bob")), Ids{id});
  EXPECT_EQ(CodeOf(Apply(room, "ann", AttachFile{message, Upload("bob")})), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Apply(room, "ann", AttachFile{message, Upload("ann"), 1})),
            ErrorCode::invalid_field);

  EXPECT_EQ(CodeOf(Apply(room, "bob", RemoveFile{message, id})), ErrorCode::forbidden);
  const auto removed = Apply(room, "ann", RemoveFile{message, id});
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->change.seq, 3);
  EXPECT_TRUE(Read(message, "bob")->attachments.empty());
  EXPECT_EQ(CodeOf(FindFile(id, "ann")), ErrorCode::not_found);
  EXPECT_EQ(RemovedFiles(), Ids{id});
}

TEST_P(StoreContract, ADeletedMessagesFilesAreListedUntilTheyAreForgotten) {
  const Uuid room = Room({"ann"});
  const Uuid a = Upload("ann"), b = Upload("ann");
  const Uuid message = Insert(With(room, "ann", {a, b}))->message.id;
  ASSERT_TRUE(Apply(room, "ann", DeleteMessage{message}));
  EXPECT_EQ(CodeOf(FindFile(a, "ann", true)), ErrorCode::not_found);
  EXPECT_TRUE(Read(message, "ann")->attachments.empty());
  EXPECT_EQ(RemovedFiles(), (Ids{a, b}));
  Reopen();
  EXPECT_EQ(RemovedFiles(), (Ids{a, b})) << "the list survives a restart";
  ASSERT_TRUE(Ask<void>(
      [&](Executor& on, Answer<void> done) { store_->ForgetFiles({a}, on, std::move(done)); }));
  EXPECT_EQ(RemovedFiles(), Ids{b});
}

TEST_P(StoreContract, AttachmentsAreDeletedWithTheirConversation) {
  const Uuid room = Room({"ann"});
  const Uuid id = Upload("ann");
  Insert(With(room, "ann", {id}));
  ASSERT_TRUE(Delete(room, "ann"));
  EXPECT_EQ(CodeOf(FindFile(id, "ann")), ErrorCode::not_found) << "immediately";
  for (int i = 0; i < 200 && RemovedFiles().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(RemovedFiles(), Ids{id});
}

TEST_P(StoreContract, AUserHasAByteQuota) {
  quota_ = 100;  // a file has 42 bytes
  const auto first = Upload(File("ann"));
  ASSERT_TRUE(first);
  ASSERT_TRUE(Upload(File("ann")));
  EXPECT_EQ(CodeOf(Upload(File("ann"))), ErrorCode::quota_exceeded);
  EXPECT_TRUE(Upload(File("bob")));
  ASSERT_TRUE(RemoveUnattached(first->attachment.id, "ann"));
  EXPECT_TRUE(Upload(File("ann")));
  quota_ = 0;
  EXPECT_TRUE(Upload(File("ann")));
}

TEST_P(StoreContract, UnattachedFilesExpire) {
  const Uuid room = Room({"ann"});
  const Uuid kept = Upload("ann"), old = Upload("ann");
  Insert(With(room, "ann", {kept}));
  clock_.Advance(std::chrono::hours(25));
  const Uuid fresh = Upload("ann");
  const Timestamp day_ago{clock_.Now().micros - 24LL * 3600 * 1'000'000};
  EXPECT_EQ(Expire(day_ago), 1);
  EXPECT_EQ(Expire(day_ago), 0);
  EXPECT_EQ(RemovedFiles(), Ids{old});
  EXPECT_TRUE(FindFile(fresh, "ann"));
  EXPECT_TRUE(FindFile(kept, "ann"));
  EXPECT_EQ(CodeOf(RemoveUnattached(kept, "ann")), ErrorCode::not_found)
      << "it belongs to a message";
  EXPECT_EQ(CodeOf(RemoveUnattached(fresh, "bob")), ErrorCode::not_found);
  EXPECT_TRUE(RemoveUnattached(fresh, "ann"));
  EXPECT_EQ(RemovedFiles(), (Ids{old, fresh}));
}

}  // namespace
}  // namespace parley::test
