-- Ids that a record names in a list, or named in an earlier version: who names a record is found by it. Of the lists that a
-- stream declares (`named_in`).
CREATE TABLE capture.named_record (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,          -- of the record that names
    field text NOT NULL,
    named_id text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, connection_id, entity_type, field, named_id, external_id)
);
CALL connect.isolate('capture.named_record');

-- What was captured before: the order lines that Odoo's invoice lines name. Row-level security holds for an owner that is no
-- superuser.
ALTER TABLE capture.sync_record NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.record_history NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.named_record NO FORCE ROW LEVEL SECURITY;
INSERT INTO capture.named_record (org_id, connection_id, entity_type, field, named_id, external_id)
SELECT DISTINCT v.org_id, v.connection_id, v.entity_type, 'sale_line_ids', n.id #>> '{}', v.external_id
FROM (
    SELECT org_id, connection_id, entity_type, external_id, sync_data FROM capture.sync_record
    WHERE provider = 'odoo' AND entity_type = 'invoice_line'
    UNION ALL
    SELECT org_id, connection_id, entity_type, external_id, sync_data FROM capture.record_history
    WHERE provider = 'odoo' AND entity_type = 'invoice_line') AS v
CROSS JOIN LATERAL jsonb_path_query(v.sync_data -> 'sale_line_ids', '$[*] ? (@.type() == "number" || @.type() == "string")') AS n (id);
ALTER TABLE capture.sync_record FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.record_history FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.named_record FORCE ROW LEVEL SECURITY;
