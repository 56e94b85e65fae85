ALTER TABLE preview.summary DROP COLUMN shapes_accepted_at;
