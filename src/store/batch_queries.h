// Queries over many rows at once, on PostgreSQL: each parameter is an array with a value for each row (Batched).
#pragma once
#include "store/queries.h"

namespace parley::queries {

// kLockConversation, kLockFreeConversation and kConversationIsThere for many. Rows are locked in the order of their ids.
inline constexpr Query kLockConversations{
    "lock_conversations",
    "SELECT seq, id FROM messaging_conversation WHERE id = ANY (CAST(?1 AS uuid[])) AND "
    "deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE"};
inline constexpr Query kLockFreeConversations{
    "lock_free_conversations",
    "SELECT seq, id FROM messaging_conversation WHERE id = ANY (CAST(?1 AS uuid[])) AND "
    "deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"};
inline constexpr Query kConversationsThere{
    "conversations_there",
    "SELECT id FROM messaging_conversation WHERE id = ANY (CAST(?1 AS uuid[])) AND "
    "deleted_at IS NULL"};
// kReadMark and kFindClientId for many; the last column has the place in the arrays, from 1.
inline constexpr Query kReadMarks{
    "read_marks",
    "SELECT p.last_read_seq, asked.place "
    "FROM unnest(CAST(?1 AS uuid[]), CAST(?2 AS {user}[])) WITH ORDINALITY "
    "AS asked (conversation_id, user_id, place) "
    "JOIN messaging_conversation_participant p "
    "ON p.conversation_id = asked.conversation_id AND p.user_id = asked.user_id"};
inline constexpr Query kFindClientIds{
    "find_client_ids",
    "SELECT " PARLEY_MESSAGE_COLUMNS
    ", m.request_hash, asked.place "
    "FROM unnest(CAST(?1 AS uuid[]), CAST(?2 AS {user}[]), CAST(?3 AS text[])) WITH ORDINALITY "
    "AS asked (conversation_id, sender_id, client_id, place) "
    "JOIN messaging_message m ON m.conversation_id = asked.conversation_id "
    "AND m.sender_id = asked.sender_id AND m.client_id = asked.client_id"};
inline constexpr Query kInsertMessages{
    "insert_messages",
    "INSERT INTO messaging_message (conversation_id, seq, id, sender_id, content, content_type, "
    "sent_at, reply_to, metadata, client_id, request_hash, attachment_count) "
    "SELECT * FROM unnest(CAST(?1 AS uuid[]), CAST(?2 AS bigint[]), CAST(?3 AS uuid[]), "
    "CAST(?4 AS {user}[]), CAST(?5 AS text[]), CAST(?6 AS text[]), CAST(?7 AS timestamptz[]), "
    "CAST(?8 AS uuid[]), CAST(?9 AS jsonb[]), CAST(?10 AS text[]), CAST(?11 AS bytea[]), "
    "CAST(?12 AS integer[]))"};
inline constexpr Query kSetSeqs{
    "set_seqs",
    "UPDATE messaging_conversation c "
    "SET seq = new.seq, last_message_at = new.sent_at, changed = new.changed "
    "FROM unnest(CAST(?1 AS uuid[]), CAST(?2 AS bigint[]), CAST(?3 AS timestamptz[]), "
    "CAST(?4 AS bigint[])) AS new (id, seq, sent_at, changed) WHERE c.id = new.id"};

}  // namespace parley::queries
