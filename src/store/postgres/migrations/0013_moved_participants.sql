-- In a database that Parley took over: a participant's row that another writer gives to another user or conversation
-- is the removal of the one and the addition of the other.
DO $do$ BEGIN
  IF to_regclass('parley_inbox') IS NULL THEN RETURN; END IF;

  CREATE OR REPLACE FUNCTION parley_move_participant() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path FROM CURRENT AS $$
  BEGIN
    NEW.last_read_seq := coalesce(
      (SELECT seq FROM messaging_conversation WHERE id = NEW.conversation_id), 0);
    INSERT INTO parley_access_log (conversation_id, kind, users, made_at) VALUES
      (OLD.conversation_id, 1, OLD.user_id::text, clock_timestamp()),
      (NEW.conversation_id, 0, NEW.user_id::text, clock_timestamp());
    INSERT INTO parley_inbox (conversation_id, kind)
      SELECT DISTINCT id, 3 FROM unnest(ARRAY[OLD.conversation_id, NEW.conversation_id]) AS id;
    RETURN NEW;
  END $$;

  DROP TRIGGER IF EXISTS parley_participant_moved ON messaging_conversation_participant;
  CREATE TRIGGER parley_participant_moved BEFORE UPDATE OF user_id, conversation_id
    ON messaging_conversation_participant FOR EACH ROW
    WHEN (current_setting('parley.writer', true) IS DISTINCT FROM 'on'
      AND (OLD.user_id, OLD.conversation_id) IS DISTINCT FROM (NEW.user_id, NEW.conversation_id))
    EXECUTE FUNCTION parley_move_participant();
END $do$;
