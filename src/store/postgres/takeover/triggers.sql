-- Triggers of a taken-over database. Parley's sessions set parley.writer to 'on'; the triggers write changes of
-- all other sessions (Django's ORM, an administrator) to parley_inbox and parley_access_log, and keep
-- is_admin and role equal. The functions run with the rights of their owner: the other writers need no rights
-- on Parley's tables.

-- InboxKind: 0 message inserted, 1 message updated, 2 message deleted, 3 conversation or members changed.
CREATE OR REPLACE FUNCTION parley_on_message() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO parley_inbox (conversation_id, kind, message_id)
      VALUES (NEW.conversation_id, 0, NEW.id);
  ELSIF TG_OP = 'DELETE' THEN
    IF OLD.deleted_at IS NULL AND OLD.seq IS NOT NULL THEN
      INSERT INTO parley_inbox (conversation_id, kind, message_id, message_seq)
        VALUES (OLD.conversation_id, 2, OLD.id, OLD.seq);
    END IF;
  ELSIF (OLD.content, OLD.content_type, OLD.metadata, OLD.attachment_count) IS DISTINCT FROM
        (NEW.content, NEW.content_type, NEW.metadata, NEW.attachment_count) THEN
    INSERT INTO parley_inbox (conversation_id, kind, message_id)
      VALUES (NEW.conversation_id, 1, NEW.id);
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION parley_on_conversation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    -- The rows about its members and messages, which the same transaction deleted, say nothing more.
    DELETE FROM parley_inbox WHERE conversation_id = OLD.id;
    DELETE FROM parley_access_log
      WHERE txn = pg_current_xact_id()::text::bigint AND conversation_id = OLD.id;
    INSERT INTO parley_access_log (conversation_id, kind, users, made_at)
      VALUES (OLD.id, 2, '', clock_timestamp());
  ELSIF (OLD.type, OLD.title, OLD.metadata) IS DISTINCT FROM (NEW.type, NEW.title, NEW.metadata) THEN
    INSERT INTO parley_inbox (conversation_id, kind) VALUES (NEW.id, 3);
  END IF;
  RETURN NULL;
END $$;

-- New members begin at the head of the conversation, as members that Parley adds.
CREATE OR REPLACE FUNCTION parley_before_participant() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.role := CASE WHEN NEW.is_admin THEN 1 ELSE 0 END;
    NEW.last_read_seq := coalesce(
      (SELECT seq FROM messaging_conversation WHERE id = NEW.conversation_id), 0);
    RETURN NEW;
  END IF;
  IF NEW.is_admin <> OLD.is_admin THEN
    NEW.role := CASE WHEN NEW.is_admin THEN 1 ELSE 0 END;
  END IF;
  IF NEW.last_read_at > coalesce(OLD.last_read_at, '-infinity') THEN
    NEW.last_read_seq := greatest(NEW.last_read_seq, (
      SELECT seq FROM messaging_message WHERE conversation_id = NEW.conversation_id
        AND sent_at <= NEW.last_read_at AND seq IS NOT NULL ORDER BY sent_at DESC LIMIT 1));
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION parley_own_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.is_admin := NEW.role > 0;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION parley_on_participants() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO parley_access_log (conversation_id, kind, users, made_at)
    SELECT conversation_id, CASE WHEN TG_OP = 'INSERT' THEN 0 ELSE 1 END,
      string_agg(user_id::text, ' '), clock_timestamp()
    FROM (SELECT conversation_id, user_id,
            row_number() OVER (PARTITION BY conversation_id) / 500 AS lot FROM changed) AS members
    GROUP BY conversation_id, lot;
  INSERT INTO parley_inbox (conversation_id, kind) SELECT DISTINCT conversation_id, 3 FROM changed;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION parley_on_role() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.is_admin <> OLD.is_admin THEN
    INSERT INTO parley_inbox (conversation_id, kind) VALUES (NEW.conversation_id, 3);
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION parley_before_attachment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  NEW.conversation_id := (SELECT conversation_id FROM messaging_message WHERE id = NEW.message_id);
  NEW.place := (SELECT count(*) FROM messaging_attachment
    WHERE message_id = NEW.message_id AND id <> NEW.id);
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION parley_on_attachment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
  messages uuid[] := '{}';
BEGIN
  IF TG_OP <> 'INSERT' THEN messages := messages || OLD.message_id; END IF;
  IF TG_OP <> 'DELETE' THEN messages := messages || NEW.message_id; END IF;
  UPDATE messaging_message m SET attachment_count =
      (SELECT count(*) FROM messaging_attachment a WHERE a.message_id = m.id)
    WHERE id = ANY (messages);
  IF TG_OP = 'DELETE' THEN
    INSERT INTO parley_removed_file (id) VALUES (OLD.id) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;

-- read_at does not name its reader: between two people it is the other one's mark, in a group nobody's.
CREATE OR REPLACE FUNCTION parley_on_read() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE messaging_conversation_participant p SET last_read_seq = newest.seq
    FROM (SELECT now.conversation_id, now.sender_id, max(now.seq) AS seq
          FROM after_update now JOIN before_update was USING (id)
          WHERE now.read_at IS NOT NULL AND was.read_at IS NULL AND now.seq IS NOT NULL
          GROUP BY now.conversation_id, now.sender_id) newest
    WHERE p.conversation_id = newest.conversation_id AND p.user_id <> newest.sender_id
      AND p.last_read_seq < newest.seq
      AND 2 = (SELECT count(*) FROM messaging_conversation_participant both_people
               WHERE both_people.conversation_id = newest.conversation_id);
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS parley_message_read ON messaging_message;
CREATE TRIGGER parley_message_read AFTER UPDATE
  ON messaging_message REFERENCING OLD TABLE AS before_update NEW TABLE AS after_update FOR EACH STATEMENT
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_on_read();

DROP TRIGGER IF EXISTS parley_message ON messaging_message;
CREATE TRIGGER parley_message
  AFTER INSERT OR UPDATE OF content, content_type, metadata, attachment_count OR DELETE
  ON messaging_message FOR EACH ROW
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_on_message();

DROP TRIGGER IF EXISTS parley_conversation ON messaging_conversation;
CREATE TRIGGER parley_conversation AFTER UPDATE OF type, title, metadata OR DELETE
  ON messaging_conversation FOR EACH ROW
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_on_conversation();

DROP TRIGGER IF EXISTS parley_participant_before ON messaging_conversation_participant;
CREATE TRIGGER parley_participant_before BEFORE INSERT OR UPDATE OF is_admin, last_read_at
  ON messaging_conversation_participant FOR EACH ROW
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_before_participant();
DROP TRIGGER IF EXISTS parley_participant_own ON messaging_conversation_participant;
CREATE TRIGGER parley_participant_own BEFORE INSERT OR UPDATE OF role
  ON messaging_conversation_participant FOR EACH ROW
  WHEN (current_setting('parley.writer', true) = 'on')
  EXECUTE FUNCTION parley_own_role();
DROP TRIGGER IF EXISTS parley_participant_added ON messaging_conversation_participant;
CREATE TRIGGER parley_participant_added AFTER INSERT
  ON messaging_conversation_participant REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_on_participants();
DROP TRIGGER IF EXISTS parley_participant_removed ON messaging_conversation_participant;
CREATE TRIGGER parley_participant_removed AFTER DELETE
  ON messaging_conversation_participant REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_on_participants();
DROP TRIGGER IF EXISTS parley_participant_role ON messaging_conversation_participant;
CREATE TRIGGER parley_participant_role AFTER UPDATE OF is_admin
  ON messaging_conversation_participant FOR EACH ROW
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_on_role();

DROP TRIGGER IF EXISTS parley_attachment_before ON messaging_attachment;
CREATE TRIGGER parley_attachment_before BEFORE INSERT OR UPDATE OF message_id
  ON messaging_attachment FOR EACH ROW
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_before_attachment();
DROP TRIGGER IF EXISTS parley_attachment ON messaging_attachment;
CREATE TRIGGER parley_attachment AFTER INSERT OR UPDATE OF message_id OR DELETE
  ON messaging_attachment FOR EACH ROW
  WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION parley_on_attachment();
