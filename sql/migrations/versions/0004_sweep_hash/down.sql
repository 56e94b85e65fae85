-- squawk-ignore renaming-column
ALTER TABLE capture.sync_record RENAME COLUMN sweep_hash TO tell_hash;
