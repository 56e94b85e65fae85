-- hold_core --
SELECT CASE WHEN %(writing)s::boolean THEN pg_advisory_xact_lock(key) ELSE pg_advisory_xact_lock_shared(key) END
FROM hashtextextended('promote', connect.current_org()) AS key

-- hold_differences --
-- One transaction at a time writes what differs of an entity: two would lock the same rows in different orders. After
-- `hold_core`, and of several entities in the order of their names.
SELECT pg_advisory_xact_lock(
    hashtextextended('differences/' || connect.current_org() || '/' || %(connection_id)s || '/' || %(entity_type)s, 0))

-- join_by_hash --
-- Join whole entities by hash. A table that was just filled has statistics of one row, and the nested loop that the
-- planner would choose for it takes minutes for a million.
SET LOCAL enable_nestloop = off

-- compare --
-- Captured records against core. A separate table, because PostgreSQL uses no parallel workers for a statement that
-- writes.
CREATE TEMP TABLE different ON COMMIT DROP AS
SELECT r.external_id, r.parent_id, r.code_key, r.content_hash, m.promoted_hash,
       CASE WHEN m.external_id IS NULL THEN 'new'
            WHEN r.deletion_state = 'deleted' THEN 'deleted'
            ELSE 'updated' END AS status
FROM capture.sync_record AS r
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
    AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s
    AND preview.differs(r.content_hash, r.deletion_state = 'deleted', m.promoted_hash, m.promoted_deleted)

-- analyze_different --
ANALYZE different

-- settle_different --
-- Of a record that differs by what it follows its own version is in core: that stays.
DELETE FROM preview.difference AS d
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND NOT EXISTS (SELECT 1 FROM different AS n WHERE n.external_id = d.external_id)
    AND NOT (d.followed IS NOT NULL AND EXISTS (
        SELECT 1 FROM capture.sync_record AS r
        WHERE r.org_id = d.org_id AND r.connection_id = d.connection_id AND r.entity_type = d.entity_type
            AND r.external_id = d.external_id AND r.provider = %(provider)s AND r.content_hash = d.content_hash
            AND r.deletion_state <> 'deleted'))
RETURNING d.external_id

-- write_different --
-- Only differences that are not stored yet are written.
INSERT INTO preview.difference AS d
(org_id, connection_id, entity_type, external_id, status, content_hash, promoted_hash)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, n.external_id, n.status, n.content_hash,
       n.promoted_hash
FROM different AS n
WHERE NOT EXISTS (
    SELECT 1 FROM preview.difference AS k
    WHERE k.org_id = connect.current_org() AND k.connection_id = %(connection_id)s
        AND k.entity_type = %(entity_type)s AND k.external_id = n.external_id AND k.status = n.status
        AND k.content_hash = n.content_hash AND k.promoted_hash IS NOT DISTINCT FROM n.promoted_hash
        AND k.followed IS NULL)
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET status = excluded.status, content_hash = excluded.content_hash, promoted_hash = excluded.promoted_hash,
    warnings = '[]', computed_at = now(), followed = NULL

-- drop_different --
-- Another entity may be compared in the same transaction.
DROP TABLE IF EXISTS different, fresh, fresh_codes

-- compare_some --
-- The same for a few records, with one index probe each, because statistics of a table that was just filled mislead.
CREATE TEMP TABLE different ON COMMIT DROP AS
SELECT r.external_id, r.parent_id, r.code_key, r.content_hash, m.promoted_hash,
       CASE WHEN m.external_id IS NULL THEN 'new'
            WHEN r.deletion_state = 'deleted' THEN 'deleted'
            ELSE 'updated' END AS status
FROM unnest(%(ids)s::text[]) AS k (id)
CROSS JOIN LATERAL (
    SELECT c.external_id, c.parent_id, c.code_key, c.content_hash, c.deletion_state FROM capture.sync_record AS c
    WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s
        AND c.entity_type = %(entity_type)s AND c.provider = %(provider)s AND c.external_id = k.id LIMIT 1) AS r
LEFT JOIN LATERAL (
    SELECT p.external_id, p.promoted_hash, p.promoted_deleted FROM promote.integration_mapping AS p
    WHERE p.org_id = connect.current_org() AND p.connection_id = %(connection_id)s
        AND p.entity_type = %(entity_type)s AND p.external_id = k.id LIMIT 1) AS m ON true
WHERE preview.differs(r.content_hash, r.deletion_state = 'deleted', m.promoted_hash, m.promoted_deleted)

-- write_some --
WITH settled AS (
    DELETE FROM preview.difference AS d
    WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s
        AND d.entity_type = %(entity_type)s
        AND d.external_id = ANY (ARRAY(SELECT unnest(%(ids)s::text[]) EXCEPT SELECT external_id FROM different))
        AND NOT (d.followed IS NOT NULL AND EXISTS (
            SELECT 1 FROM capture.sync_record AS r
            WHERE r.org_id = d.org_id AND r.connection_id = d.connection_id AND r.entity_type = d.entity_type
                AND r.external_id = d.external_id AND r.provider = %(provider)s AND r.content_hash = d.content_hash
                AND r.deletion_state <> 'deleted'))
)
INSERT INTO preview.difference AS d
(org_id, connection_id, entity_type, external_id, status, content_hash, promoted_hash)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, n.external_id, n.status, n.content_hash,
       n.promoted_hash
FROM different AS n
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET status = excluded.status, content_hash = excluded.content_hash, promoted_hash = excluded.promoted_hash,
    warnings = '[]', computed_at = now(), followed = NULL
WHERE (d.status, d.content_hash, d.promoted_hash)
    IS DISTINCT FROM (excluded.status, excluded.content_hash, excluded.promoted_hash) OR d.followed IS NOT NULL

-- last_change --
-- When a record of this entity was last written, and whether the last comparison included that. The time is committed
-- with the records, so the same time means the same records.
SELECT c.changed_at, s.changed_at IS NOT DISTINCT FROM c.changed_at AND s.noise = %(noise)s AS compared, s.drift
FROM capture.sync_cursor AS c
LEFT JOIN preview.summary AS s
    ON s.org_id = c.org_id AND s.connection_id = c.connection_id AND s.entity_type = c.entity_type
WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s AND c.entity_type = %(entity_type)s
    AND c.changed_at IS NOT NULL
