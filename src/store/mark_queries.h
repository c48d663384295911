// Queries on read marks, and on when messages were delivered and read.
#pragma once
#include "store/sql_session.h"

namespace parley::queries {

inline constexpr Query kHeadAndMark{
    "head_and_mark",
    "SELECT c.seq, p.last_read_seq FROM messaging_conversation c "
    "JOIN messaging_conversation_participant p ON p.conversation_id = c.id AND p.user_id = ?2 "
    "WHERE c.id = ?1"};
inline constexpr Query kMoveMark{
    "move_mark",
    "UPDATE messaging_conversation_participant SET last_read_seq = ?3, last_read_at = ?4 "
    "WHERE conversation_id = ?1 AND user_id = ?2 AND last_read_seq < ?3"};
// Many at once, on PostgreSQL: four lists with a space between their items, times in microseconds. Rows
// are locked in the order of their keys, whatever the plan is.
inline constexpr Query kMoveMarks{
    "move_marks",
    "WITH mark AS (SELECT * FROM unnest(CAST(string_to_array(?1, ' ') AS uuid[]), "
    "string_to_array(?2, ' '), CAST(string_to_array(?3, ' ') AS bigint[]), "
    "CAST(string_to_array(?4, ' ') AS bigint[])) AS mark (conversation_id, user_id, seq, micros)), "
    "locked AS (SELECT p.conversation_id, p.user_id, mark.seq, mark.micros "
    "FROM messaging_conversation_participant p JOIN mark "
    "ON p.conversation_id = mark.conversation_id AND p.user_id = mark.user_id "
    "WHERE p.last_read_seq < mark.seq "
    "ORDER BY p.conversation_id, p.user_id FOR NO KEY UPDATE OF p) "
    "UPDATE messaging_conversation_participant p SET last_read_seq = locked.seq, "
    "last_read_at = timestamptz 'epoch' + locked.micros * interval '1 microsecond' FROM locked "
    "WHERE p.conversation_id = locked.conversation_id AND p.user_id = locked.user_id"};
inline constexpr Query kUserMarks{
    "user_marks",
    "SELECT conversation_id, last_read_seq FROM messaging_conversation_participant "
    "WHERE user_id = ?1"};
inline constexpr Query kStampRead{
    "stamp_read",
    "UPDATE messaging_message SET read_at = ?4, delivered_at = coalesce(delivered_at, ?4) "
    "WHERE conversation_id = ?1 AND seq > ?2 AND seq <= ?3 AND read_at IS NULL "
    "AND (sender_id IS NULL OR sender_id <> ?5)"};
inline constexpr Query kStampDelivered{
    "stamp_delivered",
    "UPDATE messaging_message SET delivered_at = ?4 "
    "WHERE conversation_id = ?1 AND seq >= ?2 AND seq <= ?3 AND delivered_at IS NULL"};

}  // namespace parley::queries
