// Queries of client ids on the embedded store: store/client_ids.h.
#pragma once
#include "store/queries.h"

namespace parley::queries {

inline constexpr Query kClientIdKey{"client_id_key",
                                    "SELECT value FROM parley_meta WHERE key = 'client_id_key'"};
inline constexpr Query kFirstNewClientId{
    "first_new_client_id", "SELECT value FROM parley_meta WHERE key = 'first_new_client_id'"};
inline constexpr Query kSetFirstNewClientId{
    "set_first_new_client_id",
    "INSERT INTO parley_meta (key, value) VALUES ('first_new_client_id', ?1) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"};
inline constexpr Query kNewClientIds{
    "new_client_ids",
    "SELECT id, conversation_id, seq, sender_id, client_id FROM messaging_message "
    "WHERE id >= ?1 AND client_id IS NOT NULL AND sender_id IS NOT NULL "
    "ORDER BY id"};
inline constexpr Query kClientIdSeqs{
    "client_id_seqs", "SELECT seq FROM parley_client_id WHERE conversation_id = ?1 AND hash = ?2"};
// Conversations may have been deleted.
inline constexpr Query kAddClientId{
    "add_client_id",
    "INSERT OR IGNORE INTO parley_client_id (conversation_id, hash, seq) "
    "SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM messaging_conversation "
    "WHERE id = ?1 AND deleted_at IS NULL)"};
inline constexpr Query kClientIdAt{"client_id_at", "SELECT " PARLEY_MESSAGE_COLUMNS
                                                   ", m.request_hash FROM messaging_message m "
                                                   "WHERE m.conversation_id = ?1 AND m.seq = ?2 "
                                                   "AND m.sender_id = ?3 AND m.client_id = ?4"};
inline constexpr Query kRemoveClientIds{
    "remove_client_ids",
    "DELETE FROM parley_client_id WHERE conversation_id = ?1 AND hash <= (SELECT max(hash) FROM "
    "(SELECT hash FROM parley_client_id WHERE conversation_id = ?1 ORDER BY hash LIMIT ?2)) "
    "RETURNING seq"};

}  // namespace parley::queries
