-- Removes what a takeover added, besides columns, indexes and defaults (takeover_schema.cc).
DROP TRIGGER IF EXISTS parley_message ON messaging_message;
DROP TRIGGER IF EXISTS parley_message_read ON messaging_message;
DROP TRIGGER IF EXISTS parley_conversation ON messaging_conversation;
DROP TRIGGER IF EXISTS parley_participant_before ON messaging_conversation_participant;
DROP TRIGGER IF EXISTS parley_participant_moved ON messaging_conversation_participant;
DROP TRIGGER IF EXISTS parley_participant_own ON messaging_conversation_participant;
DROP TRIGGER IF EXISTS parley_participant_added ON messaging_conversation_participant;
DROP TRIGGER IF EXISTS parley_participant_removed ON messaging_conversation_participant;
DROP TRIGGER IF EXISTS parley_participant_role ON messaging_conversation_participant;
DROP TRIGGER IF EXISTS parley_attachment_before ON messaging_attachment;
DROP TRIGGER IF EXISTS parley_attachment ON messaging_attachment;
DROP FUNCTION IF EXISTS parley_on_message(), parley_on_conversation(), parley_before_participant(),
  parley_own_role(), parley_on_participants(), parley_on_role(), parley_before_attachment(),
  parley_on_attachment(), parley_on_read(), parley_move_participant();
DROP VIEW IF EXISTS parley_change_horizon, parley_revocation_horizon, parley_access_log_horizon;
DROP TABLE IF EXISTS parley_change, parley_seen, parley_revocation, parley_removed_file,
  parley_access_log, parley_lane, parley_inbox, parley_tombstone, parley_meta;
