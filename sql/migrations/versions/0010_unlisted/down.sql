DROP TRIGGER keep_unlisted ON capture.sync_cursor;
DROP TRIGGER keep_unlisted_first ON capture.sync_cursor;
DROP TRIGGER keep_unlisted ON capture.sync_record;
DROP FUNCTION capture.keep_unlisted();
DROP TABLE capture.unlisted;
