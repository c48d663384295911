-- Released with 0.1.0.
-- The guide system's tables (names, columns, types), with Parley's columns added, as they stand at
-- schema 5. SQLite came here by 0001 to 0005.
CREATE TABLE parley_meta (key text PRIMARY KEY, value text NOT NULL);

CREATE TABLE messaging_conversation (
  id uuid PRIMARY KEY,
  type varchar(20) NOT NULL DEFAULT 'direct',
  title text,
  created_at timestamptz NOT NULL,
  last_message_at timestamptz,
  metadata jsonb NOT NULL DEFAULT '{}',
  seq bigint NOT NULL DEFAULT 0,                 -- of the last durable change
  changed_at timestamptz NOT NULL DEFAULT now(), -- grows with every change of any conversation
  participant_count bigint NOT NULL DEFAULT 0,
  direct_key text UNIQUE,                        -- the two ids of a direct conversation, sorted
  task_id text,
  deleted_at timestamptz                         -- gone for all; its rows are removed piece by piece
);
CREATE UNIQUE INDEX parley_conversation_task ON messaging_conversation (task_id)
  WHERE task_id IS NOT NULL;
CREATE INDEX parley_conversation_deleted ON messaging_conversation (deleted_at)
  WHERE deleted_at IS NOT NULL;
CREATE INDEX parley_conversation_changed ON messaging_conversation (changed_at);

CREATE TABLE messaging_conversation_participant (
  conversation_id uuid NOT NULL REFERENCES messaging_conversation (id) ON DELETE CASCADE,
  user_id text COLLATE "C" NOT NULL,
  joined_at timestamptz NOT NULL,
  role smallint NOT NULL DEFAULT 0,
  last_read_seq bigint NOT NULL DEFAULT 0,
  last_read_at timestamptz,
  PRIMARY KEY (conversation_id, user_id)
);
CREATE INDEX parley_participant_user
  ON messaging_conversation_participant (user_id, conversation_id);
CREATE INDEX parley_participant_joined
  ON messaging_conversation_participant (conversation_id, joined_at, user_id);

CREATE TABLE messaging_message (
  id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL REFERENCES messaging_conversation (id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  sender_id text COLLATE "C",
  content text NOT NULL,
  content_type varchar(20) NOT NULL DEFAULT 'text',
  sent_at timestamptz NOT NULL,
  delivered_at timestamptz,
  read_at timestamptz,
  edited_at timestamptz,
  deleted_at timestamptz,
  reply_to uuid,
  metadata jsonb NOT NULL DEFAULT '{}',
  client_id text COLLATE "C",
  request_hash bytea,
  attachment_count integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX parley_message_seq ON messaging_message (conversation_id, seq);
CREATE UNIQUE INDEX parley_message_client_id
  ON messaging_message (conversation_id, sender_id, client_id) WHERE client_id IS NOT NULL;

-- Durable changes that are no new message: a message's creation is its own row's seq.
CREATE TABLE parley_change (
  conversation_id uuid NOT NULL REFERENCES messaging_conversation (id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  kind smallint NOT NULL,   -- ChangeKind
  message_seq bigint,       -- of the message that it is about
  PRIMARY KEY (conversation_id, seq)
);

CREATE TABLE parley_seen (user_id text COLLATE "C" PRIMARY KEY, last_seen timestamptz NOT NULL);

CREATE TABLE parley_revocation (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  jti text,
  user_id text COLLATE "C",
  issued_before timestamptz,
  made_at timestamptz NOT NULL
);
CREATE INDEX parley_revocation_made ON parley_revocation (made_at);

CREATE TABLE messaging_attachment (
  id uuid PRIMARY KEY,
  file_name varchar(255) NOT NULL,
  file_path varchar(1000) NOT NULL,
  file_url varchar(1000) NOT NULL,
  file_size bigint NOT NULL,
  content_type varchar(100) NOT NULL,
  uploaded_by_id text COLLATE "C" NOT NULL,
  uploaded_at timestamptz NOT NULL,
  message_id uuid,
  metadata jsonb,
  conversation_id uuid,                -- of its message
  place integer NOT NULL DEFAULT 0,    -- among those of its message
  digest bytea,                        -- SHA-256
  client_id text COLLATE "C"
);
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

CREATE TABLE parley_removed_file (id uuid PRIMARY KEY);
