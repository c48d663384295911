#include "feature/messages/messages_service.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/ask.h"
#include "domain/text.h"

namespace parley {
namespace {

// Ids in a message that may be uploads.
constexpr size_t kMostNamed = 100;

}  // namespace

RequestHash HashOf(const SendMessage& send) {
  // Each part is preceded by its length, so that different requests have different texts.
  std::string canonical;
  const auto add = [&](std::string_view part) {
    canonical.append(std::to_string(part.size())).append(":").append(part);
  };
  add(send.content);
  add(send.content_type);
  add(send.metadata);
  add(send.reply_to ? send.reply_to->ToString() : "");
  for (const Uuid& attachment : send.attachments) add(attachment.ToString());
  uint8_t digest[EVP_MAX_MD_SIZE];
  EVP_Digest(canonical.data(), canonical.size(), digest, nullptr, EVP_sha256(), nullptr);
  RequestHash hash;
  std::copy_n(digest, hash.size(), hash.begin());
  return hash;
}

Task<Result<StoredMessage>> MessagesService::Send(SendMessage send, Caller caller) {
  if (send.content_type == "system" && !caller.service && !send.from_parley) {
    co_return Fail(ErrorCode::forbidden, "Only a service can post system messages.");
  }
  NewMessage message{.id = services_.ids.Next(),
                     .conversation_id = send.conversation,
                     .sender_id = caller.user,
                     .as_service = caller.service};
  if (send.client_id) message.request_hash = HashOf(send);
  message.named = UuidsIn(send.metadata, kMostNamed, UuidsIn(send.content, kMostNamed));
  message.content = std::move(send.content);
  message.content_type = std::move(send.content_type);
  message.metadata = std::move(send.metadata);
  message.reply_to = send.reply_to;
  message.client_id = std::move(send.client_id);
  message.attachments = std::move(send.attachments);

  Hub& hub = services_.hub;
  auto stored = Suspend<Result<StoredMessage>>(
      [&](Resolve<Result<StoredMessage>> done) { hub.Send(std::move(message), std::move(done)); });
  co_return co_await stored;
}

void MarkDelivered(Services& services, const Caller& caller, std::span<const Message> messages) {
  if (caller.service) return;
  // Neighbours in either order are one run, which costs one lock.
  std::optional<Uuid> conversation;
  int64_t first = 0, last = 0;
  const auto note = [&] {
    if (conversation) services.store.NoteDelivered(*conversation, first, last);
  };
  for (const Message& message : messages) {
    if (message.delivered_at || !message.sender_id || *message.sender_id == caller.user) continue;
    const int64_t seq = message.seq;
    if (conversation == message.conversation_id && (seq + 1 == first || seq == last + 1)) {
      first = std::min(first, seq);
      last = std::max(last, seq);
      continue;
    }
    note();
    conversation = message.conversation_id;
    first = last = seq;
  }
  note();
}

void MarkDelivered(Services& services, const Caller& caller, const Uuid& conversation,
                   std::span<const UndeliveredRun> runs) {
  if (caller.service) return;
  for (const UndeliveredRun& run : runs) {
    if (run.sender != caller.user) {
      services.store.NoteDelivered(conversation, run.first, run.last);
    }
  }
}

Task<Result<PageOfMessages>> MessagesService::History(HistoryQuery query) {
  Services& services = services_;
  const Caller caller{query.reader, query.as_service};
  const Uuid conversation = query.conversation_id;
  auto page = Ask(services.executor, services.store, &MessageStore::ReadHistory, std::move(query));
  Result<PageOfMessages> read = co_await page;
  if (read) {
    MarkDelivered(services, caller, read->messages);
    MarkDelivered(services, caller, conversation, read->undelivered);
  }
  co_return read;
}

Task<Result<Message>> MessagesService::Get(Uuid message, Caller caller) {
  Services& services = services_;
  auto found = Ask(services.executor, services.store, &MessageStore::ReadMessage, message,
                   caller.user, caller.service);
  Result<Message> message_read = co_await found;
  if (message_read) MarkDelivered(services, caller, {&*message_read, 1});
  co_return message_read;
}

}  // namespace parley
