-- User ids in the form of a UUID are folded to lower case. (Text is UTF-8 here by itself.) A client_id that
-- would then be there twice is given up: the later row loses it.
CREATE OR REPLACE FUNCTION pg_temp.parley_user(id text) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE WHEN id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN lower(id) ELSE id END $$;

UPDATE messaging_conversation SET metadata = metadata ||
    jsonb_build_object('requester_id', pg_temp.parley_user(metadata ->> 'requester_id'),
                       'performer_id', pg_temp.parley_user(metadata ->> 'performer_id'))
  WHERE type = 'task' AND
    (metadata ->> 'requester_id' <> pg_temp.parley_user(metadata ->> 'requester_id') OR
     metadata ->> 'performer_id' <> pg_temp.parley_user(metadata ->> 'performer_id'));

-- One person under two spellings becomes one participant.
INSERT INTO messaging_conversation_participant AS p
    (conversation_id, user_id, joined_at, role, last_read_seq, last_read_at)
  SELECT conversation_id, pg_temp.parley_user(user_id), min(joined_at), max(role), max(last_read_seq),
    max(last_read_at)
  FROM messaging_conversation_participant WHERE user_id <> pg_temp.parley_user(user_id)
  GROUP BY conversation_id, pg_temp.parley_user(user_id)
  ON CONFLICT (conversation_id, user_id) DO UPDATE SET
    joined_at = least(p.joined_at, excluded.joined_at), role = greatest(p.role, excluded.role),
    last_read_seq = greatest(p.last_read_seq, excluded.last_read_seq),
    last_read_at = greatest(p.last_read_at, excluded.last_read_at);
DELETE FROM messaging_conversation_participant WHERE user_id <> pg_temp.parley_user(user_id);
UPDATE messaging_conversation c SET participant_count =
    (SELECT count(*) FROM messaging_conversation_participant p WHERE p.conversation_id = c.id)
  WHERE deleted_at IS NULL AND participant_count <>
    (SELECT count(*) FROM messaging_conversation_participant p WHERE p.conversation_id = c.id);

-- The two ids of a direct conversation. Of two conversations of one pair the older keeps the key. The keys of
-- other pairs stay, as nodes of version 0.1.0 look them up.
CREATE TEMPORARY TABLE parley_direct ON COMMIT DROP AS
  SELECT id, direct_key, was, row_number() OVER (PARTITION BY direct_key ORDER BY id) AS place FROM (
    SELECT c.id, c.direct_key AS was, min(p.user_id) || '|' || max(p.user_id) AS direct_key
    FROM messaging_conversation c JOIN messaging_conversation_participant p ON p.conversation_id = c.id
    WHERE c.direct_key IS NOT NULL GROUP BY c.id HAVING count(*) = 2) AS pairs;
UPDATE messaging_conversation c SET direct_key = NULL WHERE direct_key IS NOT NULL AND NOT EXISTS
  (SELECT 1 FROM parley_direct d WHERE d.id = c.id AND d.place = 1 AND d.direct_key = d.was);
UPDATE messaging_conversation c SET direct_key = d.direct_key
  FROM parley_direct d WHERE d.id = c.id AND d.place = 1 AND c.direct_key IS NULL;

UPDATE messaging_message m SET client_id = NULL, request_hash = NULL FROM (
    SELECT id, row_number() OVER (
      PARTITION BY conversation_id, pg_temp.parley_user(sender_id), client_id ORDER BY seq) AS place
    FROM messaging_message WHERE client_id IS NOT NULL AND
      pg_temp.parley_user(sender_id) IN (SELECT pg_temp.parley_user(sender_id) FROM messaging_message
        WHERE sender_id <> pg_temp.parley_user(sender_id))) AS named
  WHERE named.id = m.id AND named.place > 1;
UPDATE messaging_message SET sender_id = pg_temp.parley_user(sender_id)
  WHERE sender_id <> pg_temp.parley_user(sender_id);

UPDATE messaging_attachment a SET client_id = NULL FROM (
    SELECT id, row_number() OVER (
      PARTITION BY pg_temp.parley_user(uploaded_by_id), client_id ORDER BY uploaded_at, id) AS place
    FROM messaging_attachment WHERE client_id IS NOT NULL) AS named
  WHERE named.id = a.id AND named.place > 1;
UPDATE messaging_attachment SET uploaded_by_id = pg_temp.parley_user(uploaded_by_id)
  WHERE uploaded_by_id <> pg_temp.parley_user(uploaded_by_id);

INSERT INTO parley_seen AS s (user_id, last_seen)
  SELECT pg_temp.parley_user(user_id), max(last_seen) FROM parley_seen
  WHERE user_id <> pg_temp.parley_user(user_id) GROUP BY pg_temp.parley_user(user_id)
  ON CONFLICT (user_id) DO UPDATE SET last_seen = greatest(s.last_seen, excluded.last_seen);
DELETE FROM parley_seen WHERE user_id <> pg_temp.parley_user(user_id);
UPDATE parley_revocation SET user_id = pg_temp.parley_user(user_id)
  WHERE user_id <> pg_temp.parley_user(user_id);
