// Queries on attachments.
#pragma once
#include "store/sql_session.h"

namespace parley::queries {

#define PARLEY_ATTACHMENT_COLUMNS                                                     \
  "a.id, a.file_name, a.content_type, a.file_size, a.uploaded_by_id, a.uploaded_at, " \
  "a.message_id, "                                                                    \
  "a.metadata, a.digest, a.conversation_id, a.file_path"

inline constexpr Query kInsertAttachment{
    "insert_attachment",
    "INSERT INTO messaging_attachment (id, file_name, file_path, file_url, file_size, "
    "content_type, uploaded_by_id, uploaded_at, metadata, digest, client_id) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"};
inline constexpr Query kAttachment{"attachment", "SELECT " PARLEY_ATTACHMENT_COLUMNS
                                                 " FROM messaging_attachment a WHERE a.id = ?1"};
inline constexpr Query kAttachmentByClientId{"attachment_by_client_id",
                                             "SELECT " PARLEY_ATTACHMENT_COLUMNS
                                             " FROM messaging_attachment a "
                                             "WHERE a.uploaded_by_id = ?1 AND a.client_id = ?2"};
// A file without a digest was uploaded to the Django system of a taken-over database, which keeps it.
inline constexpr Query kCountUnattached{
    "count_unattached",
    "SELECT count(*) FROM messaging_attachment WHERE uploaded_by_id = ?1 AND message_id IS NULL "
    "AND digest IS NOT NULL"};
inline constexpr Query kUnattachedOf{
    "unattached_of",
    "SELECT id FROM messaging_attachment WHERE uploaded_by_id = ?1 AND message_id IS NULL "
    "AND digest IS NOT NULL LIMIT 1000"};
inline constexpr Query kStoredBytes{
    "stored_bytes",
    "SELECT CAST(coalesce(sum(file_size), 0) AS bigint) FROM messaging_attachment "
    "WHERE uploaded_by_id = ?1"};
inline constexpr Query kAttach{"attach",
                               "UPDATE messaging_attachment SET message_id = ?2, conversation_id = "
                               "?3, place = ?4 WHERE id = ?1 AND message_id IS NULL RETURNING id"};
inline constexpr Query kCountAttachments{
    "count_attachments",
    "UPDATE messaging_message SET attachment_count = ?3 WHERE conversation_id = ?1 AND seq = ?2"};
inline constexpr Query kDropAttachment{"drop_attachment",
                                       "DELETE FROM messaging_attachment WHERE id = ?1"};
inline constexpr Query kDropAttachmentsOf{
    "drop_attachments_of", "DELETE FROM messaging_attachment WHERE message_id = ?1 RETURNING id"};
inline constexpr Query kDropAttachmentsIn{
    "drop_attachments_in",
    "DELETE FROM messaging_attachment WHERE id IN (SELECT id FROM messaging_attachment "
    "WHERE conversation_id = ?1 LIMIT ?2) RETURNING id"};
inline constexpr Query kExpireAttachments{
    "expire_attachments",
    "DELETE FROM messaging_attachment WHERE id IN (SELECT id FROM messaging_attachment "
    "WHERE message_id IS NULL AND digest IS NOT NULL AND uploaded_at < ?1 LIMIT ?2) RETURNING id"};
inline constexpr Query kRemoveFile{
    "remove_file", "INSERT INTO parley_removed_file (id) VALUES (?1) ON CONFLICT DO NOTHING"};
inline constexpr Query kRemovedFiles{"removed_files",
                                     "SELECT id FROM parley_removed_file LIMIT ?1"};
inline constexpr Query kForgetFile{"forget_file", "DELETE FROM parley_removed_file WHERE id = ?1"};

}  // namespace parley::queries
