-- Released with 0.1.0.
-- Files of messages. The file itself lies in the data directory under its id; file_path and file_url
-- are for the guide's readers of this table.
CREATE TABLE messaging_attachment (
  id BLOB PRIMARY KEY,
  file_name TEXT NOT NULL,
  file_path TEXT NOT NULL,
  file_url TEXT NOT NULL,
  file_size INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  uploaded_by_id TEXT NOT NULL,
  uploaded_at INTEGER NOT NULL,
  message_id BLOB,
  metadata TEXT,
  conversation_id BLOB,                -- of its message
  place INTEGER NOT NULL DEFAULT 0,    -- among those of its message
  digest BLOB,                         -- SHA-256
  client_id TEXT
) WITHOUT ROWID;
CREATE INDEX parley_attachment_message ON messaging_attachment (message_id, place)
  WHERE message_id IS NOT NULL;
CREATE INDEX parley_attachment_conversation ON messaging_attachment (conversation_id)
  WHERE conversation_id IS NOT NULL;
CREATE INDEX parley_attachment_unattached ON messaging_attachment (uploaded_at)
  WHERE message_id IS NULL;
CREATE INDEX parley_attachment_uploader ON messaging_attachment (uploaded_by_id)
  WHERE message_id IS NULL;
CREATE UNIQUE INDEX parley_attachment_client_id
  ON messaging_attachment (uploaded_by_id, client_id) WHERE client_id IS NOT NULL;

-- Read with each message, so that those without any cost nothing more.
ALTER TABLE messaging_message ADD COLUMN attachment_count INTEGER NOT NULL DEFAULT 0;

-- Files to remove from the disk: their attachment is gone.
CREATE TABLE parley_removed_file (id BLOB PRIMARY KEY) WITHOUT ROWID;
