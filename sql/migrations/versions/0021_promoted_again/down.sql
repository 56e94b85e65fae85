DROP TRIGGER keep_promoted_again ON capture.sync_record;
DROP FUNCTION capture.keep_promoted_again();
