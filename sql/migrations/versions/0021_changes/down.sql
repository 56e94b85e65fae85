ALTER TABLE preview.saved_view DROP COLUMN token_id;
DROP INDEX capture.sync_record_deleted;
DROP INDEX capture.sync_record_changed;
