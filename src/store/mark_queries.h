// Queries on read marks and on the times when messages were delivered and read.
#pragma once
#include "store/sql_session.h"

namespace parley::queries {

inline constexpr Query kHeadAndMark{
    "head_and_mark",
    "SELECT c.seq, p.last_read_seq, c.participant_count FROM messaging_conversation c "
    "JOIN messaging_conversation_participant p ON p.conversation_id = c.id AND p.user_id = ?2 "
    "WHERE c.id = ?1"};
inline constexpr Query kMoveMark{
    "move_mark",
    "UPDATE messaging_conversation_participant SET last_read_seq = ?3, last_read_at = ?4 "
    "WHERE conversation_id = ?1 AND user_id = ?2 AND last_read_seq < ?3"};
// Moves many marks, on PostgreSQL: four lists with items separated by spaces, times in microseconds. Returns
// the marks that did not move because other transactions hold their rows locked.
inline constexpr Query kMoveFreeMarks{
    "move_free_marks",
    "WITH wanted AS (SELECT p.conversation_id, p.user_id, mark.seq, mark.micros "
    "FROM unnest(CAST(string_to_array(?1, ' ') AS uuid[]), "
    "CAST(string_to_array(?2, ' ') AS {user}[]), "
    "CAST(string_to_array(?3, ' ') AS bigint[]), CAST(string_to_array(?4, ' ') AS bigint[])) "
    "AS mark (conversation_id, user_id, seq, micros) JOIN messaging_conversation_participant p "
    "ON p.conversation_id = mark.conversation_id AND p.user_id = mark.user_id "
    "WHERE p.last_read_seq < mark.seq), "
    "free AS (SELECT p.conversation_id, p.user_id, wanted.seq, wanted.micros "
    "FROM wanted JOIN messaging_conversation_participant p "
    "ON p.conversation_id = wanted.conversation_id AND p.user_id = wanted.user_id "
    "WHERE p.last_read_seq < wanted.seq FOR NO KEY UPDATE OF p SKIP LOCKED), "
    "moved AS (UPDATE messaging_conversation_participant p SET last_read_seq = free.seq, "
    "last_read_at = timestamptz 'epoch' + free.micros * interval '1 microsecond' FROM free "
    "WHERE p.conversation_id = free.conversation_id AND p.user_id = free.user_id "
    "RETURNING p.conversation_id, p.user_id) "
    "SELECT conversation_id, user_id FROM wanted "
    "EXCEPT SELECT conversation_id, user_id FROM moved"};
inline constexpr Query kUserMarks{
    "user_marks",
    "SELECT conversation_id, last_read_seq FROM messaging_conversation_participant "
    "WHERE user_id = ?1"};
inline constexpr Query kStampRead{
    "stamp_read",
    "UPDATE messaging_message SET read_at = ?4, delivered_at = coalesce(delivered_at, ?4) "
    "WHERE conversation_id = ?1 AND seq > ?2 AND seq <= ?3 AND read_at IS NULL "
    "AND (sender_id IS NULL OR sender_id <> ?5)"};
// Many ranges in one statement, on PostgreSQL: lists with a space between their items, times in
// microseconds. Skips rows that other clients hold locked, and returns the places (from 1) of the ranges
// that still have such rows.
inline constexpr Query kStampFreeRead{
    "stamp_free_read",
    "WITH range AS (SELECT * FROM unnest(CAST(string_to_array(?1, ' ') AS uuid[]), "
    "CAST(string_to_array(?2, ' ') AS bigint[]), CAST(string_to_array(?3, ' ') AS bigint[]), "
    "CAST(string_to_array(?4, ' ') AS bigint[]), CAST(string_to_array(?5, ' ') AS {user}[])) "
    "WITH ORDINALITY AS range (conversation_id, after, last, micros, reader, place)), "
    "free AS (SELECT m.ctid, timestamptz 'epoch' + range.micros * interval '1 microsecond' AS at "
    "FROM range JOIN messaging_message m "
    "ON m.conversation_id = range.conversation_id AND m.seq > range.after AND m.seq <= range.last "
    "WHERE m.read_at IS NULL AND (m.sender_id IS NULL OR m.sender_id <> range.reader) "
    "FOR NO KEY UPDATE OF m SKIP LOCKED), "
    "stamped AS (UPDATE messaging_message m "
    "SET read_at = free.at, delivered_at = coalesce(m.delivered_at, free.at) "
    "FROM free WHERE m.ctid = free.ctid RETURNING m.id) "
    "SELECT DISTINCT range.place FROM range JOIN messaging_message m "
    "ON m.conversation_id = range.conversation_id AND m.seq > range.after AND m.seq <= range.last "
    "WHERE m.read_at IS NULL AND (m.sender_id IS NULL OR m.sender_id <> range.reader) "
    "AND m.id NOT IN (SELECT id FROM stamped)"};
inline constexpr Query kStampDelivered{
    "stamp_delivered",
    "UPDATE messaging_message SET delivered_at = ?4 "
    "WHERE conversation_id = ?1 AND seq >= ?2 AND seq <= ?3 AND delivered_at IS NULL"};
inline constexpr Query kStampFreeDelivered{
    "stamp_free_delivered",
    "WITH range AS (SELECT * FROM unnest(CAST(string_to_array(?1, ' ') AS uuid[]), "
    "CAST(string_to_array(?2, ' ') AS bigint[]), CAST(string_to_array(?3, ' ') AS bigint[]), "
    "CAST(string_to_array(?4, ' ') AS bigint[])) "
    "WITH ORDINALITY AS range (conversation_id, first, last, micros, place)), "
    "free AS (SELECT m.ctid, range.micros FROM range JOIN messaging_message m "
    "ON m.conversation_id = range.conversation_id AND m.seq >= range.first AND m.seq <= range.last "
    "WHERE m.delivered_at IS NULL FOR NO KEY UPDATE OF m SKIP LOCKED), "
    "stamped AS (UPDATE messaging_message m "
    "SET delivered_at = timestamptz 'epoch' + free.micros * interval '1 microsecond' "
    "FROM free WHERE m.ctid = free.ctid RETURNING m.id) "
    "SELECT DISTINCT range.place FROM range JOIN messaging_message m "
    "ON m.conversation_id = range.conversation_id AND m.seq >= range.first AND m.seq <= range.last "
    "WHERE m.delivered_at IS NULL AND m.id NOT IN (SELECT id FROM stamped)"};

}  // namespace parley::queries
