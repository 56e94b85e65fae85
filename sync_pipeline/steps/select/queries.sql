-- open_batch --
INSERT INTO selection.selection_batch
(org_id, connection_id, entity_type, decision, criteria, draft, decided_by, why)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(decision)s, %(criteria)s::jsonb, %(draft)s,
        %(actor)s, %(why)s)
RETURNING batch_id

-- close_batch --
UPDATE selection.selection_batch SET records = %(records)s
WHERE org_id = connect.current_org() AND batch_id = %(batch_id)s

-- count_decisions --
-- How many differences are decided in their current version.
SELECT count(*) FILTER (WHERE s.decision = 'include') AS included,
       count(*) FILTER (WHERE s.decision = 'ignore') AS ignored,
       count(*) FILTER (WHERE s.decision IS NULL) AS undecided
FROM preview.difference AS d
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
        AND s.external_id = d.external_id AND s.content_hash = d.content_hash
        AND s.seen_deleted = (d.status = 'deleted')
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s

-- standing_rules --
SELECT rule_id, connection_id, entity_type, kind, field, value, created_by, created_at, why
FROM selection.standing_rule
WHERE org_id = connect.current_org() AND disabled_at IS NULL
    AND (%(connection_id)s::bigint IS NULL OR connection_id = %(connection_id)s)
    AND (%(entity_type)s::text IS NULL OR entity_type = %(entity_type)s)
-- Ignoring rules come first, so that an including rule does not win over them.
ORDER BY kind = 'ignore_where' DESC, rule_id

-- add_rule --
INSERT INTO selection.standing_rule (org_id, connection_id, entity_type, kind, field, value, created_by, why)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(kind)s, %(field)s, %(value)s::jsonb, %(actor)s,
        %(why)s)
RETURNING rule_id

-- drop_rule --
UPDATE selection.standing_rule SET disabled_at = now()
WHERE org_id = connect.current_org() AND rule_id = %(rule_id)s AND disabled_at IS NULL
RETURNING rule_id

-- apply_rule --
-- Decide the undecided differences that the rule covers.
INSERT INTO selection.sync_selective_config AS c
(org_id, connection_id, entity_type, external_id, decision, content_hash, seen_deleted, decided_by, why, batch_id)
SELECT d.org_id, d.connection_id, d.entity_type, d.external_id, %(decision)s, d.content_hash, d.status = 'deleted',
       'rule:' || %(rule_id)s::text, %(why)s, %(batch_id)s
FROM preview.difference AS d
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
        AND s.external_id = d.external_id AND s.content_hash = d.content_hash
        AND s.seen_deleted = (d.status = 'deleted')
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND s.external_id IS NULL AND d.status = ANY (%(statuses)s)
    AND (%(field)s::text IS NULL OR EXISTS (
        SELECT 1 FROM capture.sync_record AS r
        WHERE r.org_id = d.org_id AND r.connection_id = d.connection_id AND r.entity_type = d.entity_type
            AND r.external_id = d.external_id AND r.provider = %(provider)s
            AND r.sync_data -> %(field)s = %(value)s::jsonb))
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET decision = excluded.decision, content_hash = excluded.content_hash, seen_deleted = excluded.seen_deleted,
    draft = false, decided_by = excluded.decided_by, decided_at = now(), why = excluded.why,
    batch_id = excluded.batch_id

-- open_plan --
INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by) VALUES
(connect.current_org(), '', %(origin)s, %(actor)s) RETURNING plan_id

-- fill_plan --
-- Records that are included in their captured version, and not in core yet.
INSERT INTO selection.sync_plan_item
(org_id, plan_id, connection_id, entity_type, external_id, action, content_hash, promoted_hash)
SELECT s.org_id, %(plan_id)s, s.connection_id, s.entity_type, s.external_id,
       CASE WHEN r.deletion_state = 'deleted' THEN 'delete' WHEN m.external_id IS NULL THEN 'create' ELSE 'update' END,
       r.content_hash, m.promoted_hash
FROM selection.sync_selective_config AS s
JOIN connect.integration_connector AS c ON c.org_id = s.org_id AND c.connection_id = s.connection_id
JOIN capture.sync_record AS r
    ON r.org_id = s.org_id AND r.connection_id = s.connection_id AND r.entity_type = s.entity_type
        AND r.external_id = s.external_id AND r.provider = c.provider AND r.content_hash = s.content_hash
        AND (r.deletion_state = 'deleted') = s.seen_deleted
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = s.org_id AND m.connection_id = s.connection_id AND m.entity_type = s.entity_type
        AND m.external_id = s.external_id
WHERE s.org_id = connect.current_org() AND s.decision = 'include' AND c.disabled_at IS NULL
    AND (%(all)s OR (NOT s.draft AND coalesce((c.settings ->> 'promote_on_select')::boolean, true)
                     AND s.batch_id <= %(up_to)s))
    AND (%(batches)s::bigint[] IS NULL OR s.batch_id = ANY (%(batches)s))
    AND (%(connections)s::bigint[] IS NULL OR EXISTS (
        SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
        WHERE o.connection_id = s.connection_id AND o.entity_type = s.entity_type))
    AND CASE WHEN m.external_id IS NULL THEN r.deletion_state <> 'deleted'
             WHEN r.deletion_state = 'deleted' THEN NOT m.promoted_deleted
             ELSE m.promoted_deleted OR m.promoted_hash <> r.content_hash END

-- fill_remap_plan --
-- Records that are in core in their captured version and were mapped by an older mapper, without ignored ones. One entity
-- at a time, so that the planner knows how many there are.
INSERT INTO selection.sync_plan_item
(org_id, plan_id, connection_id, entity_type, external_id, action, content_hash, promoted_hash)
SELECT m.org_id, %(plan_id)s, m.connection_id, m.entity_type, m.external_id, 'update', r.content_hash, m.promoted_hash
FROM promote.integration_mapping AS m
JOIN capture.sync_record AS r
    ON r.org_id = m.org_id AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
        AND r.provider = %(provider)s AND r.external_id = m.external_id AND r.content_hash = m.promoted_hash
        AND r.deletion_state <> 'deleted'
WHERE m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND m.entity_type = %(entity_type)s
    AND NOT m.promoted_deleted AND (m.mapper < %(mapper)s OR m.mapper > %(mapper)s OR m.mapper IS NULL)
    AND NOT EXISTS (
        SELECT 1 FROM connect.integration_connector AS c
        WHERE c.org_id = m.org_id AND c.connection_id = m.connection_id AND c.disabled_at IS NOT NULL)
    AND NOT EXISTS (
        SELECT 1 FROM selection.sync_selective_config AS s
        WHERE s.org_id = m.org_id AND s.connection_id = m.connection_id AND s.entity_type = m.entity_type
            AND s.external_id = m.external_id AND s.decision = 'ignore' AND s.content_hash = m.promoted_hash
            AND NOT s.seen_deleted)

-- seal_plan --
-- The hash covers every item, in a fixed order: an approval is bound to it.
UPDATE selection.sync_plan AS p
SET plan_hash = i.hash, creates = i.creates, updates = i.updates, deletes = i.deletes,
    state = CASE WHEN %(approved_by)s::text IS NULL THEN 'proposed' ELSE 'approved' END,
    approved_by = %(approved_by)s, approved_at = CASE WHEN %(approved_by)s::text IS NULL THEN NULL ELSE now() END
FROM (
    SELECT count(*) FILTER (WHERE action = 'create') AS creates, count(*) FILTER (WHERE action = 'update') AS updates,
           count(*) FILTER (WHERE action = 'delete') AS deletes,
           encode(sha256(convert_to(coalesce(string_agg(
               concat_ws('/', connection_id, entity_type, external_id, action, encode(content_hash, 'hex')), E'\n'
               ORDER BY connection_id, entity_type, external_id), ''), 'UTF8')), 'hex') AS hash
    FROM selection.sync_plan_item WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s
) AS i
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s
RETURNING p.plan_hash, p.creates, p.updates, p.deletes

-- drop_plan --
DELETE FROM selection.sync_plan WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s

-- commit_drafts --
UPDATE selection.sync_selective_config AS s SET draft = false
FROM selection.sync_plan_item AS i
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s AND s.org_id = i.org_id
    AND s.connection_id = i.connection_id AND s.entity_type = i.entity_type AND s.external_id = i.external_id
    AND s.draft AND s.decision = 'include'

-- planned_batches --
-- These selections have their plan, or left nothing to plan.
UPDATE selection.selection_batch AS b SET plan_id = %(plan_id)s, draft = false
WHERE org_id = connect.current_org() AND plan_id IS NULL AND decision = 'include'
    AND (%(all)s OR NOT draft) AND batch_id <= %(up_to)s
    AND (%(batches)s::bigint[] IS NULL OR b.batch_id = ANY (%(batches)s))
    AND (%(connections)s::bigint[] IS NULL OR EXISTS (
        SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
        WHERE o.connection_id = b.connection_id AND o.entity_type = b.entity_type))

-- find_plan --
SELECT p.plan_id, p.plan_hash, p.creates, p.updates, p.deletes, p.state, p.origin, p.created_by, p.created_at,
       p.approved_by, p.approved_at, p.applied_at,
       (SELECT q.queue_id FROM promote.sync_queue AS q WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id) AS queue
FROM selection.sync_plan AS p WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s

-- list_plans --
SELECT p.plan_id, p.plan_hash, p.creates, p.updates, p.deletes, p.state, p.origin, p.created_by, p.created_at,
       p.approved_by, p.approved_at, p.applied_at,
       (SELECT q.queue_id FROM promote.sync_queue AS q WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id) AS queue
FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND (%(state)s::text IS NULL OR p.state = %(state)s)
ORDER BY p.created_at DESC, p.plan_id LIMIT %(limit)s OFFSET %(offset)s

-- count_plans --
SELECT count(*) FROM selection.sync_plan
WHERE org_id = connect.current_org() AND (%(state)s::text IS NULL OR state = %(state)s)

-- plan_items --
SELECT c.name AS connection, i.entity_type, i.external_id, i.action, encode(i.content_hash, 'hex') AS version
FROM selection.sync_plan_item AS i
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s
ORDER BY i.connection_id, i.entity_type, i.external_id LIMIT %(limit)s OFFSET %(offset)s

-- settle_plan --
-- A waiting plan can be approved; a plan that was not applied can be refused.
WITH settled AS (
    UPDATE selection.sync_plan
    SET state = %(state)s,
        approved_by = CASE WHEN %(state)s = 'approved' THEN %(actor)s ELSE approved_by END,
        approved_at = CASE WHEN %(state)s = 'approved' THEN now() ELSE approved_at END
    WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s
        AND (state = 'proposed' OR (state = 'approved' AND %(state)s = 'refused' AND NOT EXISTS (
            SELECT 1 FROM promote.sync_queue AS q
            WHERE q.org_id = sync_plan.org_id AND q.plan_id = sync_plan.plan_id)))
    RETURNING plan_id
)
SELECT p.state, EXISTS (SELECT 1 FROM settled) AS settled FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s

-- newest_batch --
SELECT coalesce(max(batch_id), 0) FROM selection.selection_batch WHERE org_id = connect.current_org()
