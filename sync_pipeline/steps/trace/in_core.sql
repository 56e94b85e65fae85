-- record_mapping --
-- Which core row a record is, and which other records are the same row.
SELECT m.core_table, m.internal_id, m.first_promoted_at, m.last_promoted_at, m.promoted_deleted, m.core_wins,
       m.sku_set_aside, q.plan_id,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'connection', c.name, 'provider', c.provider, 'entity_type', o.entity_type, 'external_id', o.external_id,
            'deleted', o.promoted_deleted)
            ORDER BY c.name, o.entity_type, length(o.external_id), o.external_id), '[]')
        FROM promote.integration_mapping AS o
        JOIN connect.integration_connector AS c ON c.org_id = o.org_id AND c.connection_id = o.connection_id
        WHERE o.org_id = m.org_id AND o.core_table = m.core_table AND o.internal_id = m.internal_id
            AND (o.connection_id, o.entity_type, o.external_id) <> (m.connection_id, m.entity_type, m.external_id))
           AS others
FROM promote.integration_mapping AS m
LEFT JOIN promote.sync_queue AS q ON q.org_id = m.org_id AND q.queue_id = m.queue_id
WHERE m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND m.entity_type = %(entity_type)s
    AND m.external_id = %(external_id)s

-- row_in_core --
-- A core row as it is; what it has after a promotion and what a record says, in the types of its columns.
SELECT (SELECT to_jsonb(c) FROM {table} AS c WHERE c.org_id = connect.current_org() AND c.id = %(id)s) AS now,
       to_jsonb(jsonb_populate_record(NULL::{table}, %(values)s::jsonb)) AS after,
       to_jsonb(jsonb_populate_record(NULL::{table}, %(says)s::jsonb)) AS says

-- core_parts --
-- The core rows that are parts of a record, as they are; and those that the record says, in the types of their columns.
SELECT coalesce((
    SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM {table} AS c
    WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s AND c.entity_type = %(entity_type)s
        AND c.external_id = %(external_id)s AND c.deleted_at IS NULL), '[]') AS now, coalesce((
    SELECT jsonb_agg(to_jsonb(jsonb_populate_record(NULL::{table}, k.value)) ORDER BY k.ordinality)
    FROM jsonb_array_elements(%(says)s::jsonb) WITH ORDINALITY AS k), '[]') AS says

-- connection_names --
SELECT connection_id, name, provider FROM connect.integration_connector WHERE org_id = connect.current_org()

-- captured_payload --
-- What is captured of a record, whether the store still has it, and whether core is as it is captured.
SELECT coalesce(r.exact_text, r.sync_data::text) AS payload, r.parent_id, r.deletion_state = 'deleted' AS gone,
       d.status IS NULL AS in_sync, d.status IS NULL AND preview.differs(
           r.content_hash, r.deletion_state = 'deleted', m.promoted_hash, m.promoted_deleted) AS not_compared
FROM capture.sync_record AS r
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id
LEFT JOIN preview.difference AS d
    ON d.org_id = r.org_id AND d.connection_id = r.connection_id AND d.entity_type = r.entity_type
        AND d.external_id = r.external_id
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = %(external_id)s

-- record_events --
-- What happened to a record, newest first, with the plan by which it did. A decision is kept until the next one; what was
-- included before is known from the plans that held the record, as long as these keep their items.
WITH held AS (
    SELECT p.plan_id, p.created_at, p.state IN ('applied', 'undone') AS applied, i.batch_id, q.started_at, q.finished_at
    FROM (
        SELECT q.plan_id, q.started_at, q.finished_at FROM promote.sync_queue_line AS l
        JOIN promote.sync_queue AS q ON q.org_id = l.org_id AND q.queue_id = l.queue_id
        WHERE l.org_id = connect.current_org() AND l.connection_id = %(connection_id)s
            AND l.entity_type = %(entity_type)s AND l.external_id = %(external_id)s
        UNION ALL
        SELECT p.plan_id, NULL, NULL FROM selection.sync_plan AS p
        WHERE p.org_id = connect.current_org() AND NOT EXISTS (
            SELECT 1 FROM promote.sync_queue AS q WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id)) AS q
    JOIN selection.sync_plan AS p ON p.org_id = connect.current_org() AND p.plan_id = q.plan_id
    CROSS JOIN LATERAL (
        SELECT o.batch_id FROM selection.sync_plan_item AS o
        WHERE o.org_id = p.org_id AND o.plan_id = p.plan_id AND o.connection_id = %(connection_id)s
            AND o.entity_type = %(entity_type)s AND o.external_id = %(external_id)s OFFSET 0) AS i
)
SELECT e.at, e.event, e.actor, e.detail, p.plan_id AS plan FROM (
    SELECT v.captured_at AS at, 'captured' AS event, NULL AS actor, 'version ' || v.version_no AS detail,
           NULL::uuid AS plan
    FROM capture.record_interval AS v
    WHERE v.org_id = connect.current_org() AND v.connection_id = %(connection_id)s AND v.entity_type = %(entity_type)s
        AND v.provider = %(provider)s AND v.external_id = %(external_id)s
    UNION ALL
    SELECT r.deletion_at, 'deleted', NULL, r.deletion_evidence, NULL FROM capture.sync_record AS r
    WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
        AND r.provider = %(provider)s AND r.external_id = %(external_id)s AND r.deletion_state <> 'present'
    UNION ALL
    SELECT s.decided_at, CASE WHEN s.decision = 'include' THEN CASE WHEN b.agent THEN 'proposed' ELSE 'included' END
               ELSE CASE WHEN b.agent THEN 'ignoring proposed' ELSE 'ignored' END END, s.decided_by, s.why, b.plan_id
    FROM selection.sync_selective_config AS s
    LEFT JOIN selection.selection_batch AS b ON b.org_id = s.org_id AND b.batch_id = s.batch_id
    WHERE s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
        AND s.external_id = %(external_id)s
    UNION ALL
    (
        SELECT DISTINCT ON (h.batch_id) b.decided_at, CASE WHEN b.agent THEN 'proposed' ELSE 'included' END, b.decided_by,
               b.why, h.plan_id
        FROM held AS h
        JOIN selection.selection_batch AS b ON b.org_id = connect.current_org() AND b.batch_id = h.batch_id
        WHERE NOT EXISTS (
            SELECT 1 FROM selection.sync_selective_config AS s
            WHERE s.org_id = b.org_id AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
                AND s.external_id = %(external_id)s AND s.batch_id = h.batch_id)
        ORDER BY h.batch_id, h.applied DESC, h.created_at DESC
    )
    UNION ALL
    SELECT w.withdrawn_at, w.cause, w.withdrawn_by, w.why, w.plan_id FROM selection.withdrawal AS w
    WHERE w.org_id = connect.current_org() AND w.connection_id = %(connection_id)s AND w.entity_type = %(entity_type)s
        AND w.external_id = %(external_id)s
    UNION ALL
    SELECT t.at, 'promoted', NULL, m.core_table || ' ' || m.internal_id,
           CASE WHEN t.at = m.last_promoted_at THEN q.plan_id ELSE (
               SELECT h.plan_id FROM held AS h
               WHERE h.started_at <= t.at AND t.at <= coalesce(h.finished_at, 'infinity')
               ORDER BY h.created_at LIMIT 1) END
    FROM promote.integration_mapping AS m
    LEFT JOIN promote.sync_queue AS q ON q.org_id = m.org_id AND q.queue_id = m.queue_id
    CROSS JOIN LATERAL (SELECT m.first_promoted_at UNION SELECT m.last_promoted_at) AS t (at)
    WHERE m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND m.entity_type = %(entity_type)s
        AND m.external_id = %(external_id)s
    UNION ALL
    SELECT q.first_seen_at, 'quarantined', NULL, q.reason, NULL FROM capture.sync_quarantine AS q
    WHERE q.org_id = connect.current_org() AND q.connection_id = %(connection_id)s AND q.entity_type = %(entity_type)s
        AND q.external_id = %(external_id)s AND q.resolved_at IS NULL
    UNION ALL
    SELECT c.decided_at, 'conflict', c.policy, concat_ws(' ', c.kind, c.value, c.decision), q.plan_id
    FROM promote.conflict AS c
    LEFT JOIN promote.sync_queue AS q ON q.org_id = c.org_id AND q.queue_id = c.queue_id
    WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s AND c.entity_type = %(entity_type)s
        AND c.external_id = %(external_id)s
) AS e
LEFT JOIN selection.sync_plan AS p ON p.org_id = connect.current_org() AND p.plan_id = e.plan
ORDER BY e.at DESC LIMIT 200
