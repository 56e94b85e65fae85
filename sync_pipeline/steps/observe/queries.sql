-- captured --
-- Records that are not deleted, and those in core: where nothing was captured since the last comparison, as many as it
-- found and what promotions have settled of the differences since; else they are counted, from indexes. A difference that
-- is settled leaves in the transaction that writes to core. What came back after its deletion was promoted is not in core.
SELECT e.connection_id, e.entity_type,
       CASE WHEN k.present IS NOT NULL THEN k.present ELSE (
           SELECT count(*) FROM capture.sync_record AS r
           WHERE r.org_id = connect.current_org() AND r.connection_id = e.connection_id
               AND r.entity_type = e.entity_type AND r.provider = e.provider
               AND r.deletion_state <> 'deleted') END AS captured,
       CASE WHEN k.present IS NOT NULL THEN k.present - coalesce(t.new, 0) + coalesce(t.deleted, 0) - (
           SELECT count(*) FROM promote.integration_mapping AS m
           JOIN preview.difference AS d
               ON d.org_id = m.org_id AND d.connection_id = m.connection_id AND d.entity_type = m.entity_type
                   AND d.external_id = m.external_id AND d.status = 'updated'
           WHERE m.org_id = connect.current_org() AND m.connection_id = e.connection_id
               AND m.entity_type = e.entity_type AND m.promoted_deleted)
       ELSE (
           SELECT count(*) FROM promote.integration_mapping AS m
           WHERE m.org_id = connect.current_org() AND m.connection_id = e.connection_id
               AND m.entity_type = e.entity_type AND NOT m.promoted_deleted) END AS promoted
FROM unnest(%(connections)s::bigint[], %(types)s::text[], %(providers)s::text[])
    AS e (connection_id, entity_type, provider)
LEFT JOIN (
    SELECT c.connection_id, c.entity_type, s.in_sync + s.new + s.updated AS present
    FROM capture.sync_cursor AS c JOIN preview.summary AS s
        ON s.org_id = c.org_id AND s.connection_id = c.connection_id AND s.entity_type = c.entity_type
            AND s.changed_at = c.changed_at
    WHERE c.org_id = connect.current_org()
) AS k ON k.connection_id = e.connection_id AND k.entity_type = e.entity_type
LEFT JOIN (
    SELECT connection_id, entity_type, coalesce(sum(records) FILTER (WHERE status = 'new'), 0)::bigint AS new,
           coalesce(sum(records) FILTER (WHERE status = 'deleted'), 0)::bigint AS deleted
    FROM preview.tally WHERE org_id = connect.current_org() GROUP BY connection_id, entity_type
) AS t ON t.connection_id = e.connection_id AND t.entity_type = e.entity_type

-- captured_rows --
-- Rows of a connection's entities: records that are there, as many as the last comparison found where nothing was
-- captured since, else counted; those that were deleted at the store; and those that are in quarantine instead.
SELECT e.entity_type, coalesce(d.rows, 0) AS deleted, coalesce(q.records, 0) AS quarantined,
       CASE WHEN k.present IS NOT NULL THEN k.present ELSE (
           SELECT count(*) FROM capture.sync_record AS r
           WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
               AND r.entity_type = e.entity_type AND r.provider = %(provider)s
               AND r.deletion_state <> 'deleted') END AS live
FROM unnest(%(types)s::text[]) AS e (entity_type)
LEFT JOIN (
    SELECT c.entity_type, s.in_sync + s.new + s.updated AS present
    FROM capture.sync_cursor AS c JOIN preview.summary AS s
        ON s.org_id = c.org_id AND s.connection_id = c.connection_id AND s.entity_type = c.entity_type
            AND s.changed_at = c.changed_at
    WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s
) AS k ON k.entity_type = e.entity_type
LEFT JOIN (
    SELECT r.entity_type, count(*) AS rows FROM capture.sync_record AS r
    WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.provider = %(provider)s
        AND r.deletion_state = 'deleted'
    GROUP BY r.entity_type
) AS d ON d.entity_type = e.entity_type
LEFT JOIN (
    SELECT a.entity_type, count(DISTINCT a.external_id) AS records FROM capture.sync_quarantine AS a
    WHERE a.org_id = connect.current_org() AND a.connection_id = %(connection_id)s AND a.resolved_at IS NULL
    GROUP BY a.entity_type
) AS q ON q.entity_type = e.entity_type

-- differences --
-- What would change, from the tally; and the decisions about the versions that would be promoted.
SELECT t.connection_id, t.entity_type, t.new, t.updated, t.deleted, coalesce(d.included, 0) AS included,
       coalesce(d.ignored, 0) AS ignored,
       t.new + t.updated + t.deleted - coalesce(d.included, 0) - coalesce(d.ignored, 0) AS undecided
FROM (
    SELECT connection_id, entity_type, coalesce(sum(records) FILTER (WHERE status = 'new'), 0)::bigint AS new,
           coalesce(sum(records) FILTER (WHERE status = 'updated'), 0)::bigint AS updated,
           coalesce(sum(records) FILTER (WHERE status = 'deleted'), 0)::bigint AS deleted
    FROM preview.tally WHERE org_id = connect.current_org() GROUP BY connection_id, entity_type
) AS t
LEFT JOIN (
    SELECT connection_id, entity_type, count(*) FILTER (WHERE decision = 'include') AS included,
           count(*) FILTER (WHERE decision = 'ignore') AS ignored
    FROM selection.difference_now WHERE org_id = connect.current_org() AND decided
    GROUP BY connection_id, entity_type
) AS d ON d.connection_id = t.connection_id AND d.entity_type = t.entity_type

-- in_quarantine --
SELECT connection_id, entity_type, count(*) AS quarantined FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND resolved_at IS NULL
GROUP BY connection_id, entity_type

-- cursors --
-- The watermark, and whether the preview includes the last write.
SELECT c.connection_id, c.entity_type, c.watermark,
       s.entity_type IS NOT NULL AND s.changed_at IS NOT DISTINCT FROM c.changed_at AS previewed
FROM capture.sync_cursor AS c
LEFT JOIN preview.summary AS s
    ON s.org_id = c.org_id AND s.connection_id = c.connection_id AND s.entity_type = c.entity_type
WHERE c.org_id = connect.current_org()

-- deliveries --
-- Webhook deliveries that wait.
SELECT connection_id, entity_type, count(*) AS deliveries FROM capture.webhook_delivery
WHERE org_id = connect.current_org() AND state = 'waiting'
GROUP BY connection_id, entity_type

-- last_runs --
-- The newest pull of each entity: what a store sent does not show all that it has.
SELECT e.connection_id, e.entity_type, l.*
FROM capture.entity_with_runs AS e
CROSS JOIN LATERAL (
    SELECT r.run_id, r.mode, r.state, r.expected, r.captured, r.quarantined, r.vanished, r.started_at, r.finished_at,
           coalesce((r.detail ->> 'remote_total')::bigint, r.expected) AS remote_total
    FROM capture.sync_ledger AS r
    WHERE r.org_id = e.org_id AND r.connection_id = e.connection_id AND r.entity_type = e.entity_type
        AND r.mode IN ('full', 'delta', 'preview')
    ORDER BY r.run_id DESC LIMIT 1) AS l

-- present_ids --
-- The next ids that are captured and not deleted.
SELECT external_id FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND deletion_state <> 'deleted' AND external_id > %(after)s
ORDER BY external_id LIMIT %(limit)s

-- quarantined_count --
SELECT count(DISTINCT external_id) FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND resolved_at IS NULL

-- core_ids --
SELECT '{table}' AS core_table, id FROM {table} WHERE org_id = connect.current_org()

-- join_all_by_hash --
-- All of an organization is read. Where statistics are missing, as after pushes or a restore, the planner would pair each
-- record with each row of core, in loops or by a merge on the organization alone.
SELECT set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true)

-- core_rows --
-- Mappings with their core row, and without it. The rows come from `core_ids` of every table.
WITH there AS ({rows})
SELECT m.entity_type, count(t.id) AS core, count(*) - count(t.id) AS orphans,
       (array_agg(m.external_id ORDER BY length(m.external_id), m.external_id)
        FILTER (WHERE t.id IS NULL))[1:20] AS examples
FROM promote.integration_mapping AS m
LEFT JOIN there AS t ON t.core_table = m.core_table AND t.id = m.internal_id
WHERE m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND NOT m.promoted_deleted
GROUP BY m.entity_type

-- beside_core --
-- By entity type and why: captured records that are present and not in core, and those that the store deleted and that are
-- in core, each by its id. Rows of core come from `core_ids` of every table.
WITH there AS ({rows}), compared AS (
    SELECT r.entity_type, r.external_id, r.content_hash, r.deletion_state = 'deleted' AS deleted, t.id IS NOT NULL AS in_core
    FROM capture.sync_record AS r
    LEFT JOIN promote.integration_mapping AS m
        ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
            AND m.external_id = r.external_id AND NOT m.promoted_deleted
    LEFT JOIN there AS t ON t.core_table = m.core_table AND t.id = m.internal_id
    WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.provider = %(provider)s
), beside AS (
    SELECT c.*, CASE
        WHEN c.deleted THEN 'deleted'
        WHEN EXISTS (
            SELECT 1 FROM capture.sync_quarantine AS q
            WHERE q.org_id = connect.current_org() AND q.connection_id = %(connection_id)s
                AND q.entity_type = c.entity_type AND q.external_id = c.external_id AND q.resolved_at IS NULL)
            THEN 'quarantined'
        WHEN s.decision = 'ignore' THEN 'ignored'
        WHEN s.decision = 'include' THEN 'included'
        ELSE 'undecided' END AS why
    FROM compared AS c
    LEFT JOIN selection.sync_selective_config AS s
        ON s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = c.entity_type
            AND s.external_id = c.external_id AND s.content_hash = c.content_hash AND s.seen_deleted = c.deleted
    WHERE c.deleted = c.in_core
)
SELECT entity_type, why, count(*) AS records,
       (array_agg(external_id ORDER BY length(external_id), external_id)) [1:20] AS examples
FROM beside GROUP BY entity_type, why

-- core_counts --
-- Rows of each core table that are not marked deleted.
SELECT '{short}' AS name, count(*) AS records FROM {table} WHERE org_id = connect.current_org() AND {alive}

-- activity --
SELECT a.activity_id, a.occurred_at, a.event, a.actor, c.name AS connection, a.entity_type, a.detail
FROM observe.sync_activity AS a
LEFT JOIN connect.integration_connector AS c ON c.org_id = a.org_id AND c.connection_id = a.connection_id
WHERE a.org_id = connect.current_org()
ORDER BY a.occurred_at DESC, a.activity_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- browse_activity --
SELECT a.activity_id, a.occurred_at, a.event, a.actor, c.name AS connection, a.entity_type, a.detail
FROM observe.sync_activity AS a
LEFT JOIN connect.integration_connector AS c ON c.org_id = a.org_id AND c.connection_id = a.connection_id
WHERE a.org_id = connect.current_org()
    AND (%(connection_id)s::bigint IS NULL OR a.connection_id = %(connection_id)s)
    AND (%(at)s::timestamptz IS NULL OR (a.occurred_at, a.activity_id) < (%(at)s, %(number)s::bigint))
ORDER BY a.occurred_at DESC, a.activity_id DESC LIMIT %(limit)s

-- activity_count --
SELECT count(*) FROM observe.sync_activity WHERE org_id = connect.current_org()

-- quarantined_records --
SELECT c.name AS connection, c.provider, q.entity_type, q.external_id, q.reason, q.request, q.status,
       q.first_seen_at, q.last_seen_at, q.seen, coalesce(length(q.raw), 0) AS raw_bytes
FROM capture.sync_quarantine AS q
JOIN connect.integration_connector AS c ON c.org_id = q.org_id AND c.connection_id = q.connection_id
WHERE q.org_id = connect.current_org() AND q.resolved_at IS NULL
    AND (%(connection_id)s::bigint IS NULL OR q.connection_id = %(connection_id)s)
ORDER BY c.connection_id, q.entity_type, length(q.external_id), q.external_id

-- open_decisions --
SELECT org_id, slug, decision_id FROM observe.open_decisions()

-- decisions --
SELECT d.decision_id, c.name AS connection, d.entity_type, d.cause, d.question, d.detail, d.options, d.recommended,
       d.owner, d.opened_at, d.answer, d.answered_by, d.answered_at, d.why, d.outcome, d.blocks,
       d.resumed_at
FROM observe.decision AS d
LEFT JOIN connect.integration_connector AS c ON c.org_id = d.org_id AND c.connection_id = d.connection_id
WHERE d.org_id = connect.current_org() AND (%(everything)s OR d.answered_at IS NULL)
    AND (%(decision_id)s::bigint IS NULL OR d.decision_id = %(decision_id)s)
ORDER BY d.decision_id

-- browse_decisions --
SELECT d.decision_id, c.name AS connection, d.entity_type, d.cause, d.question, d.detail, d.options, d.recommended,
       d.owner, d.opened_at, d.answer, d.answered_by, d.answered_at, d.why, d.outcome, d.blocks,
       d.resumed_at
FROM observe.decision AS d
LEFT JOIN connect.integration_connector AS c ON c.org_id = d.org_id AND c.connection_id = d.connection_id
WHERE d.org_id = connect.current_org() AND (d.answered_at IS NOT NULL) = %(answered)s
    AND (%(cause)s::text IS NULL OR d.cause = %(cause)s)
    AND (%(before)s::bigint IS NULL OR d.decision_id < %(before)s)
ORDER BY d.decision_id DESC LIMIT %(limit)s

-- decision_causes --
SELECT cause, count(*) FILTER (WHERE answered_at IS NULL) AS open,
       count(*) FILTER (WHERE answered_at IS NOT NULL) AS answered
FROM observe.decision WHERE org_id = connect.current_org() GROUP BY cause ORDER BY cause

-- open_decision_count --
SELECT count(*) FROM observe.decision WHERE org_id = connect.current_org() AND answered_at IS NULL

-- stale_connections --
SELECT name, provider, last_sync_at FROM connect.integration_connector
WHERE org_id = connect.current_org() AND disabled_at IS NULL
    AND coalesce(last_sync_at, created_at) < now() - make_interval(secs => %(seconds)s)
ORDER BY connection_id
