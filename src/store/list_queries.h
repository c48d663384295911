// Queries for many conversations, messages or users at once.
#pragma once
#include "store/attachment_queries.h"
#include "store/list_query.h"
#include "store/queries.h"

namespace parley::queries {

// --- conversations

inline const ListQuery kHeadsOfMany(
    "heads_of_many",
    "SELECT id, seq, changed FROM messaging_conversation WHERE deleted_at IS NULL AND id IN (@)",
    1);
inline const ListQuery kLoadHeads(
    "load_heads",
    "SELECT id, seq, type, participant_count, changed FROM messaging_conversation "
    "WHERE deleted_at IS NULL AND id IN (@)",
    1);
// All members of the conversations that have at most ?1 members.
inline const ListQuery kMembersOfSmall(
    "members_of_small",
    "SELECT p.user_id, p.role, p.joined_at, p.last_read_seq, p.last_read_at, p.conversation_id "
    "FROM messaging_conversation c "
    "JOIN messaging_conversation_participant p ON p.conversation_id = c.id "
    "WHERE c.participant_count <= ?1 AND c.deleted_at IS NULL AND c.id IN (@) "
    "ORDER BY p.conversation_id, p.joined_at, p.user_id",
    2);
// For conversations with more than ?1 members: the members who joined no later than the member at index
// ?1 (from 0). These are ?1 + 1 members, and those who joined at the same instant as the last one.
inline const ListQuery kFirstMembersOfLarge(
    "first_members_of_large",
    "SELECT p.user_id, p.role, p.joined_at, p.last_read_seq, p.last_read_at, p.conversation_id "
    "FROM messaging_conversation c "
    "JOIN messaging_conversation_participant p ON p.conversation_id = c.id "
    "WHERE p.joined_at <= (SELECT q.joined_at FROM messaging_conversation_participant q "
    "WHERE q.conversation_id = c.id ORDER BY q.joined_at, q.user_id LIMIT 1 OFFSET ?1) "
    "AND c.id IN (@) ORDER BY p.conversation_id, p.joined_at, p.user_id",
    2);
// Those of the list that ?1 is in.
inline const ListQuery kListedOfMany("listed_of_many",
                                     "SELECT " PARLEY_LISTED_COLUMNS
                                     " FROM messaging_conversation_participant p "
                                     "JOIN messaging_conversation c ON c.id = p.conversation_id "
                                     "WHERE p.user_id = ?1 AND p.conversation_id IN (@)",
                                     2);
// Counts messages after the mark of ?1 that are not deleted and not by ?1; at most 1,000.
inline const ListQuery kUnreadOfMany(
    "unread_of_many",
    "SELECT p.conversation_id, (SELECT count(*) FROM (SELECT 1 FROM messaging_message m "
    "WHERE m.conversation_id = p.conversation_id AND m.seq > p.last_read_seq "
    "AND m.deleted_at IS NULL AND (m.sender_id IS NULL OR m.sender_id <> ?1) LIMIT 1000) AS "
    "counted) "
    "FROM messaging_conversation_participant p WHERE p.user_id = ?1 AND p.conversation_id IN (@)",
    2);
// The marks of ?1 in a list of conversations.
inline const ListQuery kMarksOfMany(
    "marks_of_many",
    "SELECT conversation_id, last_read_seq FROM messaging_conversation_participant "
    "WHERE user_id = ?1 AND conversation_id IN (@)",
    2);
inline const ListQuery kLastMessages(
    "last_messages",
    "SELECT " PARLEY_MESSAGE_COLUMNS
    " FROM (SELECT c.id AS conversation, (SELECT l.seq FROM messaging_message l "
    "WHERE l.conversation_id = c.id AND l.deleted_at IS NULL ORDER BY l.seq DESC LIMIT 1) AS last "
    "FROM messaging_conversation c WHERE c.id IN (@)) AS newest "
    "JOIN messaging_message m ON m.conversation_id = newest.conversation AND m.seq = newest.last",
    1);

// --- messages

inline const ListQuery kAttachmentsOfMany("attachments_of_many",
                                          "SELECT " PARLEY_ATTACHMENT_COLUMNS
                                          " FROM messaging_attachment a WHERE a.message_id IN (@) "
                                          "ORDER BY a.message_id, a.place, a.id",
                                          1);

inline const ListQuery kStampsOfMany(
    "stamps_of_many", "SELECT id, delivered_at, read_at FROM messaging_message WHERE id IN (@)", 1);

// The messages of the list that ?1 may read, with the mark of ?1 and whether the message can be unread.
inline const ListQuery kMessagesAndMarks(
    "messages_and_marks",
    "SELECT m.id, m.conversation_id, m.seq, p.last_read_seq, "
    "m.deleted_at IS NULL AND (m.sender_id IS NULL OR m.sender_id <> ?1), c.participant_count "
    "FROM messaging_message m JOIN messaging_conversation_participant p "
    "ON p.conversation_id = m.conversation_id AND p.user_id = ?1 "
    "JOIN messaging_conversation c ON c.id = m.conversation_id "
    "WHERE m.seq IS NOT NULL AND m.id IN (@)",
    2);

// --- users

// The users of the list who share a conversation with ?1, or all of them if ?2, with the time when each
// was last seen. ?3 is ?1 again, as a value of the column's type; the list fits that type.
inline const ListQuery kSeenOfMany(
    "seen_of_many",
    "SELECT asked.column1, s.last_seen FROM (VALUES @) AS asked "
    "LEFT JOIN parley_seen s ON s.user_id = asked.column1 "
    "WHERE ?2 OR asked.column1 = ?1 OR EXISTS (SELECT 1 FROM messaging_conversation_participant b "
    "JOIN messaging_conversation_participant a ON a.conversation_id = b.conversation_id "
    "AND a.user_id = ?3 WHERE b.user_id = CAST(asked.column1 AS {user}))",
    4, ListQuery::Form::kValues);

}  // namespace parley::queries
