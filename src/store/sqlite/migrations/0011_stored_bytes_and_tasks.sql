-- How much a user has stored is summed from the index alone.
CREATE INDEX parley_attachment_bytes ON messaging_attachment (uploaded_by_id, file_size);
-- A task's conversation that a service opened is never replaced.
ALTER TABLE messaging_conversation ADD COLUMN task_by_service INTEGER NOT NULL DEFAULT 0;
