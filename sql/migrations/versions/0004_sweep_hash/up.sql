-- The column says what it is for: a sweep compares it.
-- squawk-ignore renaming-column
ALTER TABLE capture.sync_record RENAME COLUMN tell_hash TO sweep_hash;
