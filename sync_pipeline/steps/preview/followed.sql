-- behind --
-- Of these entities, those that follow one that changed since they were compared with core; and since when. An entity that
-- was never compared is compared first.
SELECT k.entity_type, c.entity_type AS of_type, c.changed_at, (s.followed ->> c.entity_type)::timestamptz AS since
FROM unnest(%(types)s::text[], %(of_types)s::text[]) AS k (entity_type, of_type)
JOIN capture.sync_cursor AS c
    ON c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s AND c.entity_type = k.of_type
LEFT JOIN preview.summary AS s
    ON s.org_id = c.org_id AND s.connection_id = c.connection_id AND s.entity_type = k.entity_type
WHERE c.changed_at IS DISTINCT FROM (s.followed ->> c.entity_type)::timestamptz
    AND (s.entity_type IS NOT NULL OR k.entity_type = %(own)s::text)

-- hold_holders --
-- What differs by what it follows is written while nobody captures or decides on these records, as everything that a list
-- is older or newer than.
SELECT pg_advisory_xact_lock(capture.entity_lock(%(connection_id)s, %(entity_type)s))

-- in_core --
SELECT EXISTS (
    SELECT 1 FROM promote.integration_mapping
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s)

-- in_core_as_captured --
-- Those of these records whose captured version is in core.
SELECT r.external_id, r.parent_id, r.sync_data::text AS payload, m.entity_hash, m.last_promoted_at
FROM promote.integration_mapping AS m
JOIN capture.sync_record AS r
    ON r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
        AND r.external_id = m.external_id AND r.provider = %(provider)s
WHERE m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND m.entity_type = %(entity_type)s
    AND m.external_id = ANY (%(ids)s::text[]) AND NOT m.promoted_deleted AND m.promoted_hash = r.content_hash
    AND r.deletion_state <> 'deleted'

-- follow_settled --
-- What they follow says again what core has.
DELETE FROM preview.difference AS d
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = ANY (%(ids)s::text[]) AND d.followed IS NOT NULL

-- follow_differs --
INSERT INTO preview.difference AS d
(org_id, connection_id, entity_type, external_id, status, content_hash, promoted_hash, computed_at, followed)
SELECT m.org_id, m.connection_id, m.entity_type, m.external_id, 'updated', m.promoted_hash, m.promoted_hash,
       clock_timestamp(), k.followed::jsonb
FROM unnest(%(ids)s::text[], %(followed)s::text[]) AS k (external_id, followed)
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND m.entity_type = %(entity_type)s
        AND m.external_id = k.external_id COLLATE "C"
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET status = excluded.status, content_hash = excluded.content_hash, promoted_hash = excluded.promoted_hash,
    computed_at = excluded.computed_at, followed = excluded.followed, warnings = '[]'
WHERE d.followed ->> 'version' IS DISTINCT FROM excluded.followed ->> 'version'
    OR d.content_hash <> excluded.content_hash OR d.status <> excluded.status
RETURNING d.external_id

-- decided_before --
-- It was decided to promote what core has: that says nothing about what differs now. Decisions are locked in the order in
-- which `commit_drafts` locks them, and before what was withdrawn of them.
WITH held AS (
    SELECT s.external_id, d.content_hash
    FROM preview.difference AS d
    JOIN selection.sync_selective_config AS s
        ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
            AND s.external_id = d.external_id
    WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
        AND d.external_id = ANY (%(ids)s::text[])
    ORDER BY s.external_id FOR UPDATE OF s
)
DELETE FROM selection.sync_selective_config AS s USING held AS h
WHERE s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
    AND s.external_id = h.external_id AND s.content_hash = h.content_hash AND s.decision = 'include'

-- withdrawn_before --
DELETE FROM selection.withdrawal AS w USING preview.difference AS d
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = ANY (%(ids)s::text[]) AND w.org_id = d.org_id AND w.connection_id = d.connection_id
    AND w.entity_type = d.entity_type AND w.external_id = d.external_id AND w.content_hash = d.content_hash

-- followed_upto --
UPDATE preview.summary
SET followed = coalesce(followed, '{}') || (
    SELECT jsonb_object_agg(k.of_type, k.changed_at)
    FROM unnest(%(of_types)s::text[], %(changed)s::timestamptz[]) AS k (of_type, changed_at))
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
