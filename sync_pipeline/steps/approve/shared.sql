-- shares_a_row --
-- A part of statements: is the core row of the record `p` (connection_id, entity_type, external_id, its row core_table and
-- internal_id, what it claims there, code_key and email as they are captured) another record's too, or may it become one, by
-- a SKU or an e-mail? `of_one_store`: also of a record of the same store, of which the preview warns.
EXISTS (
    SELECT 1 FROM promote.integration_mapping AS o
    WHERE o.org_id = connect.current_org() AND o.core_table = p.core_table AND o.internal_id = p.internal_id
        AND (o.connection_id, o.entity_type, o.external_id) <> (p.connection_id, p.entity_type, p.external_id)
) OR EXISTS (
    SELECT 1 FROM capture.sync_record AS o
    WHERE o.org_id = connect.current_org() AND o.entity_type = p.entity_type AND o.code_key = ANY(ARRAY[p.code_key, p.claim])
        AND (o.connection_id, o.external_id) <> (p.connection_id, p.external_id)
        AND o.deletion_state <> 'deleted' AND (%(of_one_store)s OR o.connection_id <> p.connection_id)
) OR EXISTS (
    SELECT 1 FROM capture.sync_record AS o
    WHERE o.org_id = connect.current_org() AND o.entity_type = p.entity_type AND o.email = ANY(ARRAY[p.email, p.claim])
        AND (o.connection_id, o.external_id) <> (p.connection_id, p.external_id)
        AND o.deletion_state <> 'deleted' AND (%(of_one_store)s OR o.connection_id <> p.connection_id)
) OR EXISTS (
    SELECT 1 FROM promote.integration_mapping AS o
    WHERE o.org_id = connect.current_org() AND o.core_table = ANY(%(tables)s::text [])
        AND o.claim = ANY(ARRAY[p.code_key, p.email, p.claim]) AND NOT o.promoted_deleted
        AND (%(of_one_store)s OR o.connection_id <> p.connection_id)
        AND (o.connection_id, o.entity_type, o.external_id) <> (p.connection_id, p.entity_type, p.external_id)
) OR {rows}

-- row_of_its_claim --
-- The same of one core table: does a row there that `p` is not mapped to have its SKU or e-mail?
EXISTS (
    SELECT 1 FROM {table} AS o
    WHERE o.org_id = connect.current_org() AND o.{match}_key = ANY(ARRAY[p.code_key, p.email, p.claim])
        AND o.id IS DISTINCT FROM p.internal_id
        AND (%(of_one_store)s OR NOT EXISTS (
            SELECT 1 FROM promote.integration_mapping AS s
            WHERE s.org_id = o.org_id AND s.core_table = '{table}' AND s.internal_id = o.id
                AND s.connection_id = p.connection_id)))
