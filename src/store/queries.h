// The queries of the store. All engines share one text; docs/adr/0005 lists the differences.
#pragma once
#include "store/sql_session.h"

namespace parley::queries {

#define PARLEY_MESSAGE_COLUMNS                                                                  \
  "m.id, m.conversation_id, m.seq, m.sender_id, m.content, m.content_type, m.sent_at, "         \
  "m.delivered_at, m.read_at, m.edited_at, m.deleted_at, m.reply_to, m.metadata, m.client_id, " \
  "m.attachment_count"
#define PARLEY_CONVERSATION_COLUMNS \
  "c.id, c.type, c.title, c.created_at, c.last_message_at, c.metadata, c.seq, c.participant_count"
// Of a conversation c in the list of a participant p.
#define PARLEY_LISTED_COLUMNS PARLEY_CONVERSATION_COLUMNS ", c.changed, p.last_read_seq"

inline constexpr Query kFindClientId{
    "find_client_id", "SELECT " PARLEY_MESSAGE_COLUMNS
                      ", m.request_hash FROM messaging_message m "
                      "WHERE m.conversation_id = ?1 AND m.sender_id = ?2 AND m.client_id = ?3"};

// The statement that takes the seq also checks that the sender is a participant (docs/adr/0006).
inline constexpr Query kTakeSeq{
    "take_seq",
    "UPDATE messaging_conversation SET seq = seq + 1, last_message_at = ?3, changed = ?4 "
    "WHERE id = ?1 AND EXISTS (SELECT 1 FROM messaging_conversation_participant p "
    "WHERE p.conversation_id = ?1 AND p.user_id = ?2) RETURNING seq"};
inline constexpr Query kTakeSeqAsService{
    "take_seq_as_service",
    "UPDATE messaging_conversation SET seq = seq + 1, last_message_at = ?2, changed = ?3 "
    "WHERE id = ?1 AND deleted_at IS NULL RETURNING seq"};
// The same in two statements, the second of which is kSetSeq, for a store without other writers: on SQLite, RETURNING
// makes a temporary table.
inline constexpr Query kReadSeq{
    "read_seq",
    "SELECT c.seq FROM messaging_conversation c WHERE c.id = ?1 AND EXISTS (SELECT 1 FROM "
    "messaging_conversation_participant p WHERE p.conversation_id = ?1 AND p.user_id = ?2)"};
inline constexpr Query kReadSeqAsService{
    "read_seq_as_service",
    "SELECT seq FROM messaging_conversation WHERE id = ?1 AND deleted_at IS NULL"};
// For PostgreSQL: no other transaction writes to a conversation whose row is locked, so what is read after
// locking stays valid. The key does not change, so rows that refer to the conversation can be inserted.
inline constexpr Query kLockConversation{
    "lock_conversation",
    "SELECT seq, id FROM messaging_conversation WHERE id = ?1 AND "
    "deleted_at IS NULL FOR NO KEY UPDATE"};
inline constexpr Query kLockFreeConversation{
    "lock_free_conversation",
    "SELECT seq, id FROM messaging_conversation WHERE id = ?1 AND deleted_at IS NULL FOR NO KEY "
    "UPDATE SKIP LOCKED"};
inline constexpr Query kConversationIsThere{
    "conversation_is_there",
    "SELECT id FROM messaging_conversation WHERE id = ?1 AND deleted_at IS NULL"};
// For writes that are applied one by one: each may wait for a row that another transaction holds.
inline constexpr Query kWaitLonger{"wait_longer", "SET LOCAL lock_timeout = '500ms'"};
inline constexpr Query kSetSeq{
    "set_seq",
    "UPDATE messaging_conversation SET seq = ?2, last_message_at = ?3, changed = ?4 "
    "WHERE id = ?1"};
inline constexpr Query kMessageInConversation{
    "message_in_conversation",
    "SELECT seq FROM messaging_message WHERE id = ?1 AND conversation_id = ?2 AND seq IS NOT NULL"};
inline constexpr Query kInsertMessage{
    "insert_message",
    "INSERT INTO messaging_message (conversation_id, seq, id, sender_id, content, content_type, "
    "sent_at, reply_to, metadata, client_id, request_hash, attachment_count) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"};

inline constexpr Query kInsertConversation{
    "insert_conversation",
    "INSERT INTO messaging_conversation (id, type, title, created_at, metadata, participant_count, "
    "direct_key, task_id, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
inline constexpr Query kInsertParticipant{
    "insert_participant",
    "INSERT INTO messaging_conversation_participant (conversation_id, user_id, joined_at, role) "
    "VALUES (?1, ?2, ?3, ?4)"};
// Inserts many participants, on PostgreSQL: ids separated by spaces (JoinUsers). The first one joins at ?3
// and each next one a microsecond later; ?4 has the role ?5.
inline constexpr Query kInsertParticipants{
    "insert_participants",
    "INSERT INTO messaging_conversation_participant (conversation_id, user_id, joined_at, role) "
    "SELECT ?1, u.id, CAST(?3 AS timestamptz) + (u.place - 1) * interval '1 microsecond', "
    "CASE WHEN u.id = CAST(?4 AS {user}) THEN CAST(?5 AS smallint) ELSE 0 END "
    "FROM unnest(CAST(string_to_array(?2, ' ') AS {user}[])) WITH ORDINALITY AS u (id, place)"};
// A taken-over database checks user ids at commit, which would fail the whole batch.
inline constexpr Query kCheckUsersAtOnce{"check_users_at_once", "SET CONSTRAINTS ALL IMMEDIATE"};

// --- changes

inline constexpr Query kTypeAndRole{
    "type_and_role",
    "SELECT c.type, p.role FROM messaging_conversation c "
    "LEFT JOIN messaging_conversation_participant p ON p.conversation_id = c.id AND p.user_id = ?2 "
    "WHERE c.id = ?1 AND c.deleted_at IS NULL"};
// The statement that takes the seq checks the role again.
inline constexpr Query kTakeChangeSeq{
    "take_change_seq",
    "UPDATE messaging_conversation SET seq = seq + 1, changed = ?2 "
    "WHERE id = ?1 AND deleted_at IS NULL AND EXISTS (SELECT 1 FROM "
    "messaging_conversation_participant p WHERE p.conversation_id = ?1 AND p.user_id = ?3 "
    "AND p.role >= ?4) RETURNING seq"};
inline constexpr Query kTakeChangeSeqAsService{
    "take_change_seq_as_service",
    "UPDATE messaging_conversation SET seq = seq + 1, changed = ?2 "
    "WHERE id = ?1 AND deleted_at IS NULL RETURNING seq"};
inline constexpr Query kInsertChange{
    "insert_change",
    "INSERT INTO parley_change (conversation_id, seq, kind, message_seq) VALUES (?1, ?2, ?3, ?4)"};
inline constexpr Query kChangesAfter{
    "changes_after",
    "SELECT " PARLEY_MESSAGE_COLUMNS
    ", g.seq, g.kind, g.message_seq FROM parley_change g LEFT JOIN messaging_message m "
    "ON m.conversation_id = g.conversation_id AND m.seq = g.message_seq "
    "WHERE g.conversation_id = ?1 AND g.seq > ?2 AND g.seq <= ?4 "
    "ORDER BY g.seq LIMIT ?3"};
inline constexpr Query kCreatedAfter{
    "created_after", "SELECT " PARLEY_MESSAGE_COLUMNS
                     " FROM messaging_message m WHERE m.conversation_id = ?1 AND m.seq > ?2 "
                     "AND m.seq <= ?4 ORDER BY m.seq LIMIT ?3"};
// The last seq of a page of messages and changes. A row is in the page while the contents before it have
// fewer than ?4 bytes together. Sizes are read without the contents (PostgreSQL).
inline constexpr Query kPageEnd{
    "page_end",
    "SELECT max(seq) FROM (SELECT seq, sum(size) OVER (ORDER BY seq) - size AS earlier FROM ("
    "(SELECT m.seq, octet_length(m.content) AS size FROM messaging_message m "
    "WHERE m.conversation_id = ?1 AND m.seq > ?2 ORDER BY m.seq LIMIT ?3) UNION ALL "
    "(SELECT g.seq, coalesce(octet_length(m.content), 0) FROM parley_change g "
    "LEFT JOIN messaging_message m "
    "ON m.conversation_id = g.conversation_id AND m.seq = g.message_seq "
    "WHERE g.conversation_id = ?1 AND g.seq > ?2 ORDER BY g.seq LIMIT ?3)) sizes) page "
    "WHERE earlier < ?4"};
inline constexpr Query kEditMessage{
    "edit_message",
    "UPDATE messaging_message SET content = ?3, metadata = ?4, edited_at = ?5 "
    "WHERE conversation_id = ?1 AND seq = ?2"};
// Also removes the content from the disk.
inline constexpr Query kDeleteMessage{
    "delete_message",
    "UPDATE messaging_message SET content = '', metadata = '{}', deleted_at = ?3, "
    "attachment_count = 0 "
    "WHERE conversation_id = ?1 AND seq = ?2"};
inline constexpr Query kSetTitle{"set_title",
                                 "UPDATE messaging_conversation SET title = ?2 WHERE id = ?1"};
inline constexpr Query kSetMetadata{
    "set_metadata", "UPDATE messaging_conversation SET metadata = ?2 WHERE id = ?1"};
inline constexpr Query kAddParticipant{
    "add_participant",
    "INSERT INTO messaging_conversation_participant (conversation_id, user_id, joined_at, "
    "last_read_seq) VALUES (?1, ?2, ?3, ?4)"};
inline constexpr Query kRemoveParticipant{
    "remove_participant",
    "DELETE FROM messaging_conversation_participant WHERE conversation_id = ?1 AND user_id = ?2"};
inline constexpr Query kCountParticipants{
    "count_participants",
    "UPDATE messaging_conversation SET participant_count = participant_count + ?2 WHERE id = ?1"};
inline constexpr Query kOwner{"owner",
                              "SELECT 1 FROM messaging_conversation_participant "
                              "WHERE conversation_id = ?1 AND role = 2 LIMIT 1"};
inline constexpr Query kRoleOf{"role_of",
                               "SELECT role FROM messaging_conversation_participant "
                               "WHERE conversation_id = ?1 AND user_id = ?2"};
inline constexpr Query kSetRole{"set_role",
                                "UPDATE messaging_conversation_participant SET role = ?3 "
                                "WHERE conversation_id = ?1 AND user_id = ?2"};
// The new owner of a conversation whose owner left: the oldest admin, else the oldest member.
inline constexpr Query kHeir{
    "heir",
    "SELECT user_id FROM messaging_conversation_participant WHERE conversation_id = ?1 "
    "ORDER BY role DESC, joined_at, user_id LIMIT 1"};

// --- deleting a conversation

inline constexpr Query kMarkDeleted{
    "mark_deleted",
    "UPDATE messaging_conversation SET deleted_at = ?2, changed = ?3, direct_key = NULL, "
    "task_id = NULL, participant_count = 0 WHERE id = ?1"};
inline constexpr Query kRemoveParticipants{
    "remove_participants",
    "DELETE FROM messaging_conversation_participant WHERE conversation_id = ?1"};
inline constexpr Query kFindDeleted{
    "find_deleted",
    "SELECT id, deleted_at FROM messaging_conversation WHERE deleted_at > ?1 "
    "ORDER BY deleted_at LIMIT 1"};
inline constexpr Query kRemoveMessages{
    "remove_messages",
    "DELETE FROM messaging_message WHERE conversation_id = ?1 AND seq <= (SELECT seq FROM "
    "messaging_message WHERE conversation_id = ?1 ORDER BY seq LIMIT 1) + ?2 RETURNING seq"};
inline constexpr Query kRemoveChanges{
    "remove_changes",
    "DELETE FROM parley_change WHERE conversation_id = ?1 AND seq <= (SELECT seq FROM "
    "parley_change WHERE conversation_id = ?1 ORDER BY seq LIMIT 1) + ?2 RETURNING seq"};
// Another writer may have added rows that no seq numbers.
inline constexpr Query kRemoveUnnumbered{
    "remove_unnumbered",
    "DELETE FROM messaging_message WHERE conversation_id = ?1 AND seq IS NULL"};
inline constexpr Query kRemoveConversation{"remove_conversation",
                                           "DELETE FROM messaging_conversation WHERE id = ?1"};

// For the embedded store, where `changed` is a time. On PostgreSQL `changed` is a transaction id, far below
// any time, so that the clock of one node does not set the times of nodes that start later.
inline constexpr Query kLastTime{"last_time", "SELECT max(changed) FROM messaging_conversation"};
inline constexpr Query kFindTask{"find_task",
                                 "SELECT id FROM messaging_conversation WHERE task_id = ?1"};
inline constexpr Query kTaskByService{
    "task_by_service", "SELECT task_by_service FROM messaging_conversation WHERE id = ?1"};
inline constexpr Query kSetTaskByService{
    "set_task_by_service", "UPDATE messaging_conversation SET task_by_service = 1 WHERE id = ?1"};
inline constexpr Query kReleaseTask{
    "release_task", "UPDATE messaging_conversation SET task_id = NULL WHERE id = ?1"};
inline constexpr Query kFindDirect{"find_direct",
                                   "SELECT id FROM messaging_conversation "
                                   "WHERE direct_key IN (?1, ?2) ORDER BY id LIMIT 1"};

inline constexpr Query kConversation{
    "conversation", "SELECT " PARLEY_CONVERSATION_COLUMNS
                    " FROM messaging_conversation c WHERE c.id = ?1 AND c.deleted_at IS NULL"};
inline constexpr Query kMembers{
    "members",
    "SELECT user_id, role, joined_at, last_read_seq, last_read_at "
    "FROM messaging_conversation_participant WHERE conversation_id = ?1 "
    "ORDER BY joined_at, user_id LIMIT ?2"};
inline constexpr Query kMembersAfter{
    "members_after",
    "SELECT user_id, role, joined_at, last_read_seq, last_read_at "
    "FROM messaging_conversation_participant WHERE conversation_id = ?1 "
    "AND (joined_at, user_id) > (?3, ?4) ORDER BY joined_at, user_id LIMIT ?2"};

// --- presence

inline constexpr Query kSetSeen{
    "set_seen",
    "INSERT INTO parley_seen (user_id, last_seen) VALUES (?1, ?2) "
    "ON CONFLICT (user_id) DO UPDATE SET last_seen = excluded.last_seen "
    "WHERE excluded.last_seen > parley_seen.last_seen"};

// --- revocations

inline constexpr Query kInsertRevocation{
    "insert_revocation",
    "INSERT INTO parley_revocation (jti, user_id, issued_before, made_at) "
    "VALUES (?1, ?2, ?3, ?4) RETURNING id"};
inline constexpr Query kForgetRevocations{"forget_revocations",
                                          "DELETE FROM parley_revocation WHERE made_at < ?1"};
inline constexpr Query kRevocationsSince{
    "revocations_since",
    "SELECT txn, id, jti, user_id, issued_before, made_at FROM parley_revocation "
    "WHERE made_at >= ?1 AND id > ?2 ORDER BY id LIMIT ?3"};
inline constexpr Query kRevocations{
    "revocations",
    "SELECT txn, id, jti, user_id, issued_before, made_at FROM parley_revocation "
    "WHERE txn >= ?1 AND txn < ?2 AND (txn > ?1 OR id > ?3) ORDER BY txn, id LIMIT ?4"};
inline constexpr Query kRevocationHorizon{"revocation_horizon",
                                          "SELECT txn FROM parley_revocation_horizon"};

// --- access changes, for other nodes

inline constexpr Query kInsertAccessChange{"insert_access_change",
                                           "INSERT INTO parley_access_log (conversation_id, kind, "
                                           "users, made_at) VALUES (?1, ?2, ?3, ?4)"};
inline constexpr Query kAccessChangesSince{
    "access_changes_since",
    "SELECT txn, id, conversation_id, kind, users FROM parley_access_log "
    "WHERE made_at >= ?1 AND id > ?2 ORDER BY id LIMIT ?3"};
inline constexpr Query kAccessChanges{
    "access_changes",
    "SELECT txn, id, conversation_id, kind, users FROM parley_access_log "
    "WHERE txn >= ?1 AND txn < ?2 AND (txn > ?1 OR id > ?3) ORDER BY txn, id LIMIT ?4"};
inline constexpr Query kAccessHorizon{"access_horizon",
                                      "SELECT txn FROM parley_access_log_horizon"};
inline constexpr Query kForgetAccessChanges{"forget_access_changes",
                                            "DELETE FROM parley_access_log WHERE made_at < ?1"};
inline constexpr Query kChangedHeads{
    "changed_heads",
    "SELECT changed, id, seq FROM messaging_conversation "
    "WHERE changed >= ?1 AND changed < ?2 AND (changed > ?1 OR id > ?3) AND deleted_at IS NULL "
    "ORDER BY changed, id LIMIT ?4"};

// --- marks

inline constexpr Query kReadMark{"read_mark",
                                 "SELECT last_read_seq FROM messaging_conversation_participant "
                                 "WHERE conversation_id = ?1 AND user_id = ?2"};
inline constexpr Query kUnread{
    "unread",
    "SELECT count(*) FROM (SELECT 1 FROM messaging_message WHERE conversation_id = ?1 AND seq > ?2 "
    "AND deleted_at IS NULL AND (sender_id IS NULL OR sender_id <> ?3) LIMIT 1000) AS counted"};
inline constexpr Query kUnreadOfAll{
    "unread_of_all",
    "SELECT count(*) FROM (SELECT 1 FROM messaging_conversation_participant p "
    "JOIN messaging_message m ON m.conversation_id = p.conversation_id AND m.seq > p.last_read_seq "
    "WHERE p.user_id = ?1 AND m.deleted_at IS NULL "
    "AND (m.sender_id IS NULL OR m.sender_id <> ?1) LIMIT 1000) AS counted"};
inline constexpr Query kLastMessage{"last_message",
                                    "SELECT " PARLEY_MESSAGE_COLUMNS
                                    " FROM messaging_message m WHERE m.conversation_id = ?1 "
                                    "AND m.deleted_at IS NULL ORDER BY m.seq DESC LIMIT 1"};

inline constexpr Query kListConversations{
    "list_conversations",
    "SELECT " PARLEY_LISTED_COLUMNS
    " FROM messaging_conversation_participant p "
    "JOIN messaging_conversation c ON c.id = p.conversation_id WHERE p.user_id = ?1 "
    "ORDER BY coalesce(c.last_message_at, c.created_at) DESC, c.id DESC LIMIT ?2"};
inline constexpr Query kListConversationsAfter{
    "list_conversations_after",
    "SELECT " PARLEY_LISTED_COLUMNS
    " FROM messaging_conversation_participant p "
    "JOIN messaging_conversation c ON c.id = p.conversation_id WHERE p.user_id = ?1 "
    "AND (coalesce(c.last_message_at, c.created_at), c.id) < (?3, ?4) "
    "ORDER BY coalesce(c.last_message_at, c.created_at) DESC, c.id DESC LIMIT ?2"};
inline constexpr Query kUserHeads{
    "user_heads",
    "SELECT c.id, c.seq, c.changed FROM messaging_conversation_participant p "
    "JOIN messaging_conversation c ON c.id = p.conversation_id "
    "WHERE p.user_id = ?1 AND c.changed >= ?2 "
    "ORDER BY coalesce(c.last_message_at, c.created_at) DESC, c.id DESC"};

// Rows that are not visible yet will have `changed` at this position or higher.
inline constexpr Query kChangeHorizon{"change_horizon",
                                      "SELECT position FROM parley_change_horizon"};

inline constexpr Query kHistory{
    "history", "SELECT " PARLEY_MESSAGE_COLUMNS
               " FROM messaging_message m WHERE m.conversation_id = ?1 AND m.seq < ?2 "
               "AND (?3 OR m.deleted_at IS NULL) ORDER BY m.seq DESC LIMIT ?4"};
inline constexpr Query kHistoryAfter{
    "history_after", "SELECT " PARLEY_MESSAGE_COLUMNS
                     " FROM messaging_message m WHERE m.conversation_id = ?1 AND m.seq > ?2 "
                     "ORDER BY m.seq LIMIT ?3"};
inline constexpr Query kMessage{
    "message",
    "SELECT " PARLEY_MESSAGE_COLUMNS
    " FROM messaging_message m JOIN messaging_conversation c ON c.id = m.conversation_id "
    "WHERE m.id = ?1 AND c.deleted_at IS NULL AND m.seq IS NOT NULL"};

}  // namespace parley::queries
