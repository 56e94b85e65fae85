DROP TABLE capture.named_record;
