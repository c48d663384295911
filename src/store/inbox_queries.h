// Queries on changes by other writers, in a database that Parley took over (store/postgres/takeover/). Only
// PostgreSQL has such databases.
#pragma once
#include "store/queries.h"

namespace parley::queries {

inline constexpr Query kInboxConversations{
    "inbox_conversations",
    "SELECT conversation_id FROM (SELECT conversation_id, id FROM parley_inbox ORDER BY id LIMIT "
    "5000) "
    "AS oldest GROUP BY conversation_id ORDER BY min(id) LIMIT ?1"};
inline constexpr Query kInbox{"inbox",
                              "SELECT id, kind, message_id, message_seq FROM parley_inbox "
                              "WHERE conversation_id = ?1 ORDER BY id LIMIT ?2"};
inline constexpr Query kClearInbox{
    "clear_inbox",
    "DELETE FROM parley_inbox WHERE id = ANY (CAST(string_to_array(?1, ' ') AS bigint[]))"};
// The messages of the list, in the order in which they get their seqs. A list of ids with spaces between.
inline constexpr Query kInboxMessages{
    "inbox_messages",
    "SELECT id, seq, sent_at, deleted_at FROM messaging_message WHERE conversation_id = ?1 "
    "AND id = ANY (CAST(string_to_array(?2, ' ') AS uuid[])) ORDER BY sent_at, id"};
inline constexpr Query kNumberMessage{
    "number_message", "UPDATE messaging_message SET seq = ?2 WHERE id = ?1 AND seq IS NULL"};
inline constexpr Query kStampEdited{"stamp_edited",
                                    "UPDATE messaging_message SET edited_at = ?2 WHERE id = ?1"};
inline constexpr Query kInsertTombstone{
    "insert_tombstone",
    "INSERT INTO parley_tombstone (conversation_id, seq, message_id) VALUES (?1, ?2, ?3) "
    "ON CONFLICT DO NOTHING"};
inline constexpr Query kTombstone{
    "tombstone", "SELECT message_id FROM parley_tombstone WHERE conversation_id = ?1 AND seq = ?2"};
inline constexpr Query kAdoptHead{"adopt_head",
                                  "UPDATE messaging_conversation SET seq = ?2, changed = ?3, "
                                  "last_message_at = greatest(last_message_at, ?4) WHERE id = ?1"};
inline constexpr Query kRecount{
    "recount",
    "UPDATE messaging_conversation c SET participant_count = (SELECT count(*) "
    "FROM messaging_conversation_participant p WHERE p.conversation_id = c.id) WHERE c.id = ?1"};
// Of a deleted message whose text another writer saved again.
inline constexpr Query kEraseAgain{
    "erase_again", "UPDATE messaging_message SET content = '', metadata = '{}' WHERE id = ?1"};
// A direct conversation belongs to its two members, unless these have another one; a task conversation to its
// task, unless the task's id is longer than the API accepts: an index cannot hold a very long one.
inline constexpr Query kAdoptPair{
    "adopt_pair",
    "WITH pair AS (SELECT min(name) || ' ' || max(name) AS key FROM (SELECT user_id::text COLLATE "
    "\"C\" AS name FROM messaging_conversation_participant WHERE conversation_id = ?1) AS members "
    "HAVING count(*) = 2) "
    "UPDATE messaging_conversation SET direct_key = CASE WHEN type = 'direct' THEN "
    "(SELECT key FROM pair WHERE NOT EXISTS (SELECT 1 FROM messaging_conversation o WHERE "
    "o.direct_key IN (pair.key, replace(pair.key, ' ', '|')) AND o.id <> ?1)) END "
    "WHERE id = ?1 AND (type = 'direct' OR direct_key IS NOT NULL)"};
inline constexpr Query kAdoptTask{
    "adopt_task",
    "UPDATE messaging_conversation c SET task_id = c.metadata ->> 'task_id' WHERE id = ?1 "
    "AND type = 'task' AND task_id IS NULL AND length(metadata ->> 'task_id') BETWEEN 1 AND 255 "
    "AND NOT EXISTS "
    "(SELECT 1 FROM messaging_conversation o WHERE o.task_id = c.metadata ->> 'task_id')"};

}  // namespace parley::queries
