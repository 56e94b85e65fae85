-- for_queue --
-- Writers of one organization take turns: nobody waits for a row in the middle, so nothing can deadlock, and two
-- batches with one new SKU or e-mail cannot both make its row. Mapping and fetching go on beside.
-- A batch looks rows up by key. Statistics of a table that was empty a minute ago would have it read whole.
SELECT set_config('sync.queue_id', %(queue)s, true), set_config('enable_seqscan', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       pg_advisory_xact_lock(hashtextextended('promote', %(org)s::bigint));

-- stage_mapping --
CREATE TEMP TABLE IF NOT EXISTS stage_mapping ON COMMIT DELETE ROWS AS
SELECT connection_id, entity_type, external_id, provider, internal_id, promoted_hash, core_wins,
       sku_set_aside, mapper
FROM promote.integration_mapping WITH NO DATA;

-- clear_mapping --
DELETE FROM stage_mapping;

-- fill_mapping --
-- From the lines, which hold all of it but the rows they became.
INSERT INTO stage_mapping (
    connection_id, entity_type, external_id, provider, internal_id, promoted_hash, core_wins, sku_set_aside,
    mapper)
SELECT l.connection_id, l.entity_type, l.external_id, c.provider, k.internal_id, l.content_hash, k.core_wins,
       k.sku_set_aside, k.mapper
FROM unnest(%(lines)s::bigint [], %(rows)s::bigint [], %(core_wins)s::boolean [], %(set_aside)s::boolean [],
            %(mappers)s::bigint []) AS k (line_no, internal_id, core_wins, sku_set_aside, mapper)
JOIN promote.sync_queue_line AS l
    ON l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid AND l.line_no = k.line_no
        AND l.line_no BETWEEN %(low)s AND %(high)s
JOIN connect.integration_connector AS c ON c.org_id = connect.current_org() AND c.connection_id = l.connection_id;

-- map --
INSERT INTO promote.integration_mapping AS m (
    org_id, connection_id, entity_type, external_id, provider, core_table, internal_id, promoted_hash, core_wins,
    sku_set_aside, queue_id, mapper)
SELECT (SELECT connect.current_org()), connection_id, entity_type, external_id, provider, %(table)s, internal_id,
       promoted_hash, core_wins, sku_set_aside, %(queue)s::uuid, mapper
FROM stage_mapping;

-- map_again --
-- Ends `map` where some of the records are mapped already.
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET core_table = excluded.core_table, internal_id = excluded.internal_id, promoted_hash = excluded.promoted_hash,
    promoted_deleted = false, core_wins = excluded.core_wins, sku_set_aside = excluded.sku_set_aside,
    last_promoted_at = now(), queue_id = excluded.queue_id, mapper = excluded.mapper;

-- shared_rows --
-- Rows that more than one record stands behind: these are merged.
SELECT internal_id FROM promote.integration_mapping
WHERE org_id = connect.current_org() AND core_table = %(table)s AND internal_id = ANY(%(rows)s::bigint [])
    AND NOT promoted_deleted
GROUP BY internal_id HAVING count(*) > 1;

-- versions --
-- The promoted version of every live record behind these rows.
SELECT m.internal_id, m.connection_id, m.entity_type, m.external_id, m.provider, m.core_wins, m.sku_set_aside,
       coalesce(r.sync_data, h.sync_data)::text AS payload
FROM promote.integration_mapping AS m
LEFT JOIN capture.sync_record AS r
    ON r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
        AND r.external_id = m.external_id AND r.content_hash = m.promoted_hash
LEFT JOIN capture.record_history AS h
    ON r.external_id IS NULL AND h.org_id = m.org_id AND h.connection_id = m.connection_id
        AND h.entity_type = m.entity_type AND h.external_id = m.external_id AND h.content_hash = m.promoted_hash
WHERE m.org_id = connect.current_org() AND m.core_table = %(table)s AND m.internal_id = ANY(%(rows)s::bigint [])
    AND NOT m.promoted_deleted;

-- delete_mapping --
UPDATE promote.integration_mapping AS m
SET promoted_deleted = true, promoted_hash = k.content_hash, last_promoted_at = now(), queue_id = %(queue)s::uuid
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(hashes)s::bytea [])
    AS k (connection_id, entity_type, external_id, content_hash)
WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id AND m.entity_type = k.entity_type
    AND m.external_id = k.external_id
RETURNING m.connection_id, m.entity_type, m.external_id, m.core_table, m.internal_id, m.core_wins;

-- still_mapped --
SELECT DISTINCT internal_id FROM promote.integration_mapping
WHERE org_id = connect.current_org() AND core_table = %(table)s AND internal_id = ANY(%(rows)s::bigint [])
    AND NOT promoted_deleted;

-- in_sync --
-- What was just promoted differs no more, unless it has changed again meanwhile.
DELETE FROM preview.difference AS d USING stage_mapping AS s
WHERE d.org_id = connect.current_org() AND d.connection_id = s.connection_id AND d.entity_type = s.entity_type
    AND d.external_id = s.external_id AND d.content_hash = s.promoted_hash AND d.status <> 'deleted';

-- deleted_in_sync --
DELETE FROM preview.difference AS d
USING unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(hashes)s::bytea [])
    AS k (connection_id, entity_type, external_id, content_hash)
WHERE d.org_id = connect.current_org() AND d.connection_id = k.connection_id AND d.entity_type = k.entity_type
    AND d.external_id = k.external_id AND d.content_hash = k.content_hash AND d.status = 'deleted';
