DROP TRIGGER keep_deletion_change ON capture.sync_cursor;
DROP TRIGGER keep_deletion_change_first ON capture.sync_cursor;
DROP TRIGGER keep_deletion_change ON capture.sync_record;
DROP FUNCTION capture.keep_deletion_change();
DROP TABLE capture.deletion_change;
