-- policy_token --
SELECT role, revoked_at FROM connect.api_token
WHERE org_id = connect.current_org() AND token_id = %(token_id)s AND user_id IS NULL

-- known_zone --
SELECT EXISTS (SELECT 1 FROM pg_timezone_names WHERE name = %(zone)s) AS known

-- add_policy --
INSERT INTO selection.approval_policy
(org_id, token_id, connections, entity_types, actions, max_plan, max_day, max_share, allows, window_from, window_to, zone,
 granted_by, expires_at, why)
VALUES (connect.current_org(), %(token_id)s, %(connections)s, %(entity_types)s, %(actions)s, %(max_plan)s, %(max_day)s,
        %(max_share)s, %(allows)s, %(window_from)s, %(window_to)s, %(zone)s, %(granted_by)s,
        now() + make_interval(secs => %(seconds)s), %(why)s)
RETURNING policy_id

-- policies --
-- Newest first; with `open` those that can still let something through. A policy ends with the access of whoever granted it.
SELECT p.policy_id, p.token_id, coalesce(t.name, p.token_id::text) AS token,
       ARRAY(SELECT c.name FROM connect.integration_connector AS c
             WHERE c.org_id = p.org_id AND c.connection_id = ANY (p.connections) ORDER BY c.name) AS connections,
       p.connections AS connection_ids, p.entity_types, p.actions, p.max_plan, p.max_day, p.max_share, p.allows,
       to_char(p.window_from, 'HH24:MI') AS window_from, to_char(p.window_to, 'HH24:MI') AS window_to, p.zone,
       p.granted_by, p.granted_at, p.expires_at, p.why,
       CASE WHEN p.revoked_at IS NOT NULL THEN 'revoked' WHEN p.expires_at <= now() THEN 'expired'
            WHEN t.token_id IS NULL OR t.revoked_at IS NOT NULL OR t.expires_at <= now()
                 OR u.disabled_at IS NOT NULL OR u.role = 'viewer' THEN 'ended'
            WHEN p.paused_at IS NOT NULL THEN 'paused' ELSE 'open' END AS state,
       p.revoked_at, p.revoked_by, p.paused_at, p.paused_why, s.rows_today,
       CASE WHEN p.zone IS NULL THEN true
            WHEN p.window_from <= p.window_to
            THEN (now() AT TIME ZONE p.zone)::time BETWEEN p.window_from AND p.window_to
            ELSE (now() AT TIME ZONE p.zone)::time >= p.window_from
                 OR (now() AT TIME ZONE p.zone)::time <= p.window_to END AS in_window
FROM selection.approval_policy AS p
LEFT JOIN connect.api_token AS t ON t.org_id = p.org_id AND t.token_id = p.token_id
LEFT JOIN connect.app_user AS u ON u.org_id = p.org_id AND u.email = p.granted_by
CROSS JOIN LATERAL (
    SELECT coalesce(sum(o.creates + o.updates + o.deletes), 0)::bigint AS rows_today
    FROM selection.approval AS a
    JOIN selection.sync_plan AS o ON o.org_id = a.org_id AND o.plan_id = a.subject_id::uuid
    WHERE a.org_id = p.org_id AND a.policy_id = p.policy_id AND a.subject = 'plan'
        AND a.spent_at > now() - interval '24 hours') AS s
WHERE p.org_id = connect.current_org() AND (%(policy)s::bigint IS NULL OR p.policy_id = %(policy)s)
    AND (%(token_id)s::bigint IS NULL OR p.token_id = %(token_id)s)
    AND (NOT %(open)s::boolean OR (p.revoked_at IS NULL AND p.expires_at > now()))
ORDER BY p.policy_id DESC

-- lock_policies --
-- Plans of one token are judged one after the other, so that two together do not pass a limit that each keeps.
SELECT policy_id FROM selection.approval_policy
WHERE org_id = connect.current_org() AND token_id = %(token_id)s AND revoked_at IS NULL AND expires_at > now()
ORDER BY policy_id FOR UPDATE

-- revoke_policy --
UPDATE selection.approval_policy SET revoked_at = now(), revoked_by = %(actor)s
WHERE org_id = connect.current_org() AND policy_id = %(policy)s AND revoked_at IS NULL
RETURNING policy_id

-- resume_policy --
UPDATE selection.approval_policy SET paused_at = NULL, paused_why = NULL, resumed_at = now()
WHERE org_id = connect.current_org() AND policy_id = %(policy)s AND paused_at IS NOT NULL AND revoked_at IS NULL
RETURNING policy_id

-- pause_policies --
-- A policy pauses when a plan that it let through was undone, or failed in more than one record of a hundred.
-- They are locked in the order of `lock_policies`.
WITH given AS (
    SELECT DISTINCT ON (a.policy_id) a.policy_id,
           CASE WHEN o.undone_at IS NOT NULL THEN 'plan ' || o.plan_id || ' was undone by ' || o.undone_by
                ELSE q.failed || ' of ' || q.total || ' records of plan ' || o.plan_id || ' failed' END AS why
    FROM selection.approval AS a
    JOIN selection.approval_policy AS l ON l.org_id = a.org_id AND l.policy_id = a.policy_id
    JOIN selection.sync_plan AS o ON o.org_id = a.org_id AND o.plan_id = a.subject_id::uuid
    LEFT JOIN promote.sync_queue AS q ON q.org_id = o.org_id AND q.plan_id = o.plan_id
    WHERE a.org_id = connect.current_org() AND a.subject = 'plan' AND a.spent_at IS NOT NULL
        AND (o.undone_at > coalesce(l.resumed_at, l.granted_at)
             OR (q.failed * 100 > q.total AND a.spent_at > coalesce(l.resumed_at, l.granted_at)))
    ORDER BY a.policy_id, a.approval_id DESC
), held AS (
    SELECT p.policy_id, g.why
    FROM given AS g
    JOIN selection.approval_policy AS p ON p.org_id = connect.current_org() AND p.policy_id = g.policy_id
    WHERE p.paused_at IS NULL AND p.revoked_at IS NULL
    ORDER BY p.policy_id FOR UPDATE OF p
)
UPDATE selection.approval_policy AS p SET paused_at = now(), paused_why = h.why
FROM held AS h
WHERE p.org_id = connect.current_org() AND p.policy_id = h.policy_id AND p.paused_at IS NULL AND p.revoked_at IS NULL
RETURNING p.policy_id, p.paused_why

-- plan_facts --
-- What a plan does to each entity, as its limits ask. Money: an update changes a value on one of the entity's money paths, or
-- what it copies from a record that it follows; a create brings one; a repair changes a column of money, or a whole row that
-- has some (`amounts`: total of sales_orders as `sales_orders.total`). What is written to a core row that another record has
-- too, no record says alone: its deletion brings up the other's values. A record that no comparison has seen in this
-- version is warned of: nobody knows.
SELECT c.name AS connection, c.provider, i.connection_id, i.entity_type,
       count(*) FILTER (WHERE i.action = 'create') AS creates, count(*) FILTER (WHERE i.action = 'update') AS updates,
       count(*) FILTER (WHERE i.action = 'delete') AS deletes,
       count(*) FILTER (WHERE CASE WHEN s.shares THEN k.paths IS NOT NULL ELSE i.action <> 'delete' AND f.money END) AS money,
       count(*) FILTER (WHERE d.external_id IS NULL
                        OR d.warnings @? '$[*] ? (!(@.code like_regex "sku$|^shared_email$"))') AS warned,
       count(*) FILTER (WHERE s.shares OR d.warnings @? '$[*] ? (@.code like_regex "sku$|^shared_email$")') AS conflicts,
       (SELECT count(*) FROM capture.sync_record AS r
        WHERE r.org_id = connect.current_org() AND r.connection_id = i.connection_id
            AND r.entity_type = i.entity_type AND r.provider = c.provider AND r.deletion_state <> 'deleted') AS captured,
       EXISTS (SELECT 1 FROM promote.integration_mapping AS m
               WHERE m.org_id = connect.current_org() AND m.connection_id = i.connection_id
                   AND m.entity_type = i.entity_type) AS promoted_before
FROM selection.sync_plan_item AS i
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
LEFT JOIN unnest(%(providers)s::text[], %(types)s::text[], %(paths)s::text[]) AS k (provider, entity_type, paths)
    ON k.provider = c.provider AND k.entity_type = i.entity_type
LEFT JOIN preview.difference AS d
    ON d.org_id = i.org_id AND d.connection_id = i.connection_id AND d.entity_type = i.entity_type
        AND d.external_id = i.external_id AND d.content_hash = i.content_hash
CROSS JOIN LATERAL (
    SELECT k.paths IS NOT NULL AND (
        i.followed ? 'through' OR EXISTS (
            SELECT 1 FROM jsonb_object_keys(CASE WHEN NOT i.followed ? 'through' THEN i.followed -> 'fields' END) AS r (path)
            WHERE regexp_replace(r.path, '\[.*\]', '') = ANY(%(amounts)s::text[])
        ) OR EXISTS (
            SELECT 1 FROM jsonb_array_elements_text(k.paths::jsonb) AS p (path)
            WHERE jsonb_path_query_array(
                (SELECT v.sync_data FROM capture.sync_record_version AS v
                 WHERE v.org_id = i.org_id AND v.connection_id = i.connection_id AND v.entity_type = i.entity_type
                     AND v.external_id = i.external_id AND v.content_hash = i.content_hash), p.path::jsonpath)
            IS DISTINCT FROM CASE WHEN i.action = 'create' THEN '[]' ELSE jsonb_path_query_array(
                (SELECT v.sync_data FROM capture.sync_record_version AS v
                 WHERE v.org_id = i.org_id AND v.connection_id = i.connection_id AND v.entity_type = i.entity_type
                     AND v.external_id = i.external_id AND v.content_hash = i.promoted_hash), p.path::jsonpath) END)
    ) AS money OFFSET 0) AS f
CROSS JOIN LATERAL (
    SELECT coalesce(c.provider || '/' || i.entity_type = ANY(%(matched)s::text[]) AND (
        SELECT {shares} FROM (
            SELECT i.connection_id, i.entity_type, i.external_id, m.core_table, m.internal_id, m.claim, r.code_key, r.email
            FROM (SELECT 1) AS one
            LEFT JOIN capture.sync_record AS r
                ON r.org_id = i.org_id AND r.connection_id = i.connection_id AND r.entity_type = i.entity_type
                    AND r.external_id = i.external_id AND r.provider = c.provider
            LEFT JOIN promote.integration_mapping AS m
                ON m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
                    AND m.external_id = i.external_id) AS p), false) AS shares OFFSET 0) AS s
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid
GROUP BY c.name, c.provider, i.connection_id, i.entity_type
ORDER BY c.name, i.entity_type

-- plan_records --
SELECT creates + updates + deletes AS records FROM selection.sync_plan
WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid

-- plan_token --
SELECT token_id FROM selection.sync_plan WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid
