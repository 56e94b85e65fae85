DROP INDEX promote.sync_queue_line_record;
