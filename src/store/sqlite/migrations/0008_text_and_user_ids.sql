-- Text that is not UTF-8 (a header could bring it in) is repaired, with U+FFFD in place of what is wrong,
-- and user ids in the form of a UUID are folded to lower case. parley_text and parley_user are functions
-- of SqliteSession. A client_id that would then be there twice is given up: the later row loses it.
UPDATE messaging_conversation SET title = parley_text(title), metadata = parley_text(metadata)
  WHERE title <> parley_text(title) OR metadata <> parley_text(metadata);
UPDATE messaging_conversation SET metadata = replace(replace(metadata,
    '"' || json_extract(metadata, '$.requester_id') || '"',
    '"' || parley_user(json_extract(metadata, '$.requester_id')) || '"'),
    '"' || json_extract(metadata, '$.performer_id') || '"',
    '"' || parley_user(json_extract(metadata, '$.performer_id')) || '"')
  WHERE type = 'task' AND json_valid(metadata) AND
    (json_extract(metadata, '$.requester_id') <> parley_user(json_extract(metadata, '$.requester_id')) OR
     json_extract(metadata, '$.performer_id') <> parley_user(json_extract(metadata, '$.performer_id')));

-- One person under two spellings becomes one participant.
INSERT INTO messaging_conversation_participant
    (conversation_id, user_id, joined_at, role, last_read_seq, last_read_at)
  SELECT conversation_id, parley_user(user_id), min(joined_at), max(role), max(last_read_seq), max(last_read_at)
  FROM messaging_conversation_participant WHERE user_id <> parley_user(user_id)
  GROUP BY conversation_id, parley_user(user_id)
  ON CONFLICT (conversation_id, user_id) DO UPDATE SET
    joined_at = min(joined_at, excluded.joined_at), role = max(role, excluded.role),
    last_read_seq = max(last_read_seq, excluded.last_read_seq),
    last_read_at = max(coalesce(last_read_at, excluded.last_read_at), coalesce(excluded.last_read_at, last_read_at));
DELETE FROM messaging_conversation_participant WHERE user_id <> parley_user(user_id);
UPDATE messaging_conversation SET participant_count =
    (SELECT count(*) FROM messaging_conversation_participant p WHERE p.conversation_id = id)
  WHERE deleted_at IS NULL AND participant_count <>
    (SELECT count(*) FROM messaging_conversation_participant p WHERE p.conversation_id = id);

-- The two ids of a direct conversation, now with a space between them, which no id holds. Of two
-- conversations of one pair the older keeps the key.
UPDATE OR IGNORE messaging_conversation SET direct_key =
    (SELECT CASE count(*) WHEN 2 THEN min(user_id) || ' ' || max(user_id) END
     FROM messaging_conversation_participant p WHERE p.conversation_id = id)
  WHERE direct_key IS NOT NULL;
UPDATE messaging_conversation SET direct_key = NULL WHERE instr(direct_key, ' ') = 0;

UPDATE OR IGNORE messaging_message SET sender_id = parley_user(sender_id), content = parley_text(content),
    content_type = parley_text(content_type), metadata = parley_text(metadata), client_id = parley_text(client_id)
  WHERE sender_id <> parley_user(sender_id) OR content <> parley_text(content) OR
    content_type <> parley_text(content_type) OR metadata <> parley_text(metadata) OR
    client_id <> parley_text(client_id);
UPDATE messaging_message SET sender_id = parley_user(sender_id), content = parley_text(content),
    content_type = parley_text(content_type), metadata = parley_text(metadata), client_id = NULL, request_hash = NULL
  WHERE sender_id <> parley_user(sender_id) OR client_id <> parley_text(client_id);

UPDATE OR IGNORE messaging_attachment SET uploaded_by_id = parley_user(uploaded_by_id),
    file_name = parley_text(file_name), content_type = parley_text(content_type),
    metadata = parley_text(metadata), client_id = parley_text(client_id)
  WHERE uploaded_by_id <> parley_user(uploaded_by_id) OR file_name <> parley_text(file_name) OR
    content_type <> parley_text(content_type) OR metadata <> parley_text(metadata) OR
    client_id <> parley_text(client_id);
UPDATE messaging_attachment SET uploaded_by_id = parley_user(uploaded_by_id),
    file_name = parley_text(file_name), content_type = parley_text(content_type),
    metadata = parley_text(metadata), client_id = NULL
  WHERE uploaded_by_id <> parley_user(uploaded_by_id) OR client_id <> parley_text(client_id);

INSERT INTO parley_seen (user_id, last_seen)
  SELECT parley_user(user_id), max(last_seen) FROM parley_seen WHERE user_id <> parley_user(user_id)
  GROUP BY parley_user(user_id)
  ON CONFLICT (user_id) DO UPDATE SET last_seen = max(last_seen, excluded.last_seen);
DELETE FROM parley_seen WHERE user_id <> parley_user(user_id);
UPDATE parley_revocation SET user_id = parley_user(user_id), jti = parley_text(jti)
  WHERE user_id <> parley_user(user_id) OR jti <> parley_text(jti);
