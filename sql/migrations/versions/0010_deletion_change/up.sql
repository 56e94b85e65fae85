-- Records that were deleted at the store, or came back, since the last promotion. An order does not wait for a customer who
-- is gone, and a refund that is gone counts nothing, also where nobody promoted them: settled when something is promoted next.
CREATE TABLE capture.deletion_change (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,  -- empty: the list was read whole for the first time, so more may be missing
    PRIMARY KEY (org_id, connection_id, entity_type, external_id)
);

CREATE FUNCTION capture.keep_deletion_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_ARGV[0] = 'list' THEN
        INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
        VALUES (NEW.org_id, NEW.connection_id, NEW.entity_type, '') ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
        VALUES (NEW.org_id, NEW.connection_id, NEW.entity_type, NEW.external_id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

-- Of every record: what waits for it may be committed in the same moment.
CREATE TRIGGER keep_deletion_change AFTER UPDATE OF deletion_state ON capture.sync_record
FOR EACH ROW WHEN ((NEW.deletion_state = 'deleted') <> (OLD.deletion_state = 'deleted'))
EXECUTE FUNCTION capture.keep_deletion_change('record');
CREATE TRIGGER keep_deletion_change_first AFTER INSERT ON capture.sync_cursor
FOR EACH ROW WHEN (NEW.full_at IS NOT NULL) EXECUTE FUNCTION capture.keep_deletion_change('list');
CREATE TRIGGER keep_deletion_change AFTER UPDATE OF full_at ON capture.sync_cursor
FOR EACH ROW WHEN (NEW.full_at IS NOT NULL AND OLD.full_at IS NULL) EXECUTE FUNCTION capture.keep_deletion_change('list');
CALL connect.isolate('capture.deletion_change');

-- Orders that wait already. Row-level security holds for an owner that is no superuser.
ALTER TABLE promote.pending_link NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.sync_record NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.sync_cursor NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.deletion_change NO FORCE ROW LEVEL SECURITY;
INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
SELECT DISTINCT p.org_id, p.connection_id, p.entity_type, p.external_id
FROM promote.pending_link AS p
LEFT JOIN capture.sync_record AS r
    ON r.org_id = p.org_id AND r.connection_id = p.connection_id AND r.entity_type = p.entity_type
        AND r.external_id = p.external_id
WHERE p.from_table = 'core.sales_orders' AND p.relation = 'customer_id' AND (
    r.deletion_state = 'deleted'
    OR r.external_id IS NULL AND EXISTS (
        SELECT 1 FROM capture.sync_cursor AS c
        WHERE c.org_id = p.org_id AND c.connection_id = p.connection_id AND c.entity_type = p.entity_type
            AND c.full_at IS NOT NULL));
ALTER TABLE promote.pending_link FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.sync_record FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.sync_cursor FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.deletion_change FORCE ROW LEVEL SECURITY;

-- All records of a row that keeps its own values say so: one that joined it through others did not.
ALTER TABLE promote.integration_mapping NO FORCE ROW LEVEL SECURITY;
UPDATE promote.integration_mapping AS m SET core_wins = true
FROM promote.integration_mapping AS k
WHERE k.org_id = m.org_id AND k.core_table = m.core_table AND k.internal_id = m.internal_id AND k.core_wins
    AND NOT k.promoted_deleted AND NOT m.promoted_deleted AND NOT m.core_wins;
ALTER TABLE promote.integration_mapping FORCE ROW LEVEL SECURITY;
