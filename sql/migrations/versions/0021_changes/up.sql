-- What changed since a time, in its order, and how much of each entity, without a look at the records. Who writes records
-- waits while it is built, who reads does not.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sync_record_changed ON capture.sync_record
(org_id, captured_at, connection_id, entity_type) INCLUDE (first_captured_at, deletion_state);

-- A deletion has a time of its own.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sync_record_deleted ON capture.sync_record (org_id, deletion_at) WHERE deletion_state = 'deleted';

-- A token's name is chosen freely, and two may have the same one.
ALTER TABLE preview.saved_view ADD COLUMN token_id bigint;
