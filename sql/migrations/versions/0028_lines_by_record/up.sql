-- A batch asks whether records that claim the same have a line, and a record's page which queues had it: both read all lines
-- of a queue until now.
-- A revision is one transaction, so the index cannot be built concurrently: promotion waits for it, reading does not.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sync_queue_line_record ON promote.sync_queue_line (org_id, connection_id, entity_type, external_id, queue_id);
