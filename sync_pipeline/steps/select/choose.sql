-- hold_entity --
-- Nobody writes or decides on records of this entity until the selection is committed.
SELECT pg_advisory_xact_lock(capture.entity_lock(%(connection_id)s, %(entity_type)s))

-- is_later --
SELECT %(as_of)s::timestamptz > clock_timestamp()

-- chosen --
-- The records to decide, in the version that is captured now.
CREATE TEMP TABLE chosen (
    external_id text COLLATE "C" PRIMARY KEY, content_hash bytea, seen_deleted boolean, captured_at timestamptz,
    deletion_at timestamptz, followed jsonb
) ON COMMIT DROP

-- drop_moved --
-- Leave out what is not in the version that was seen. What a filter finds and nobody saw is left out too.
WITH seen AS (
    SELECT * FROM unnest(%(ids)s::text[], %(versions)s::text[]) AS k (external_id, version)
), moved AS (
    DELETE FROM chosen AS c
    WHERE NOT EXISTS (
            SELECT 1 FROM seen AS k
            WHERE k.external_id = c.external_id
                AND k.version = preview.version_of(c.content_hash, c.seen_deleted, c.followed))
        AND (%(all)s OR EXISTS (SELECT 1 FROM seen AS k WHERE k.external_id = c.external_id))
    RETURNING c.external_id, preview.version_of(c.content_hash, c.seen_deleted, c.followed) AS now
)
SELECT m.external_id, k.version AS seen, m.now, count(*) OVER () AS records
FROM moved AS m LEFT JOIN seen AS k ON k.external_id = m.external_id
ORDER BY length(m.external_id), m.external_id LIMIT %(limit)s

-- drop_changed --
-- Leave out what was captured, or differs by what it follows, after the list was made; `seen` is the version that it had then.
WITH moved AS (
    DELETE FROM chosen AS c
    WHERE (c.captured_at > %(as_of)s OR (c.seen_deleted AND c.deletion_at > %(as_of)s))
        AND NOT c.external_id = ANY (%(seen)s)
    RETURNING c.external_id, preview.version_of(c.content_hash, c.seen_deleted, c.followed) AS now
)
SELECT m.external_id, (
    SELECT preview.version_of(v.content_hash, false) FROM capture.record_interval AS v
    WHERE v.org_id = connect.current_org() AND v.connection_id = %(connection_id)s AND v.entity_type = %(entity_type)s
        AND v.provider = %(provider)s AND v.external_id = m.external_id AND v.captured_at <= %(as_of)s
    ORDER BY coalesce(v.superseded_at > %(as_of)s, true) DESC, v.captured_at DESC LIMIT 1) AS seen, m.now, count(*) OVER () AS records
FROM moved AS m ORDER BY length(m.external_id), m.external_id LIMIT %(limit)s

-- leave_held --
-- What a plan of another party holds in this version, and waits, is approved or is at work, an agent leaves alone: a decision
-- of its own would make that plan stale. The plans that are asked for are few among all there ever were: they are read once.
-- Who decided about such a record is named, or, where nobody did or it was the agent itself, whose plan it is.
WITH planned AS (
    SELECT DISTINCT ON (c.external_id) c.external_id, p.created_by, p.created_at
    FROM chosen AS c
    JOIN selection.sync_plan_item AS i
        ON i.org_id = connect.current_org() AND i.connection_id = %(connection_id)s AND i.entity_type = %(entity_type)s
            AND i.external_id = c.external_id AND i.content_hash = c.content_hash
            AND (i.action = 'delete') = c.seen_deleted
    JOIN selection.sync_plan AS p ON p.org_id = i.org_id AND p.plan_id = i.plan_id
    WHERE i.plan_id = ANY (ARRAY(
        SELECT o.plan_id FROM selection.sync_plan AS o
        WHERE o.org_id = connect.current_org() AND o.state IN ('proposed', 'approved')
            AND NOT (o.agent AND o.token_id IS NOT DISTINCT FROM %(token_id)s::bigint)
            AND NOT EXISTS (
                SELECT 1 FROM promote.sync_queue AS q
                WHERE q.org_id = o.org_id AND q.plan_id = o.plan_id AND q.waiting + q.processing = 0)))
    ORDER BY c.external_id, p.created_at, p.plan_id
), held AS (
    DELETE FROM chosen AS c USING planned AS p WHERE c.external_id = p.external_id
    RETURNING c.external_id, c.content_hash, c.seen_deleted, p.created_by, p.created_at
)
SELECT h.external_id, CASE WHEN o.others THEN s.decided_by ELSE h.created_by END AS who,
       CASE WHEN o.others THEN s.decided_at ELSE h.created_at END AS "when", coalesce(s.decision, 'include') AS decision,
       count(*) OVER () AS records
FROM held AS h
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
        AND s.external_id = h.external_id AND s.content_hash = h.content_hash AND s.seen_deleted = h.seen_deleted
LEFT JOIN selection.selection_batch AS b ON b.org_id = s.org_id AND b.batch_id = s.batch_id
CROSS JOIN LATERAL (
    SELECT s.external_id IS NOT NULL
        AND NOT coalesce(b.agent AND b.token_id IS NOT DISTINCT FROM %(token_id)s::bigint, false) AS others) AS o
ORDER BY length(h.external_id), h.external_id LIMIT %(limit)s

-- ruled --
-- Of what is to be decided, how much a rule decided otherwise about the same version; a person's decision replaces that.
SELECT s.decided_by AS rule, s.decision, count(*) AS records
FROM chosen AS c
JOIN selection.sync_selective_config AS s
    ON s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
        AND s.external_id = c.external_id AND s.content_hash = c.content_hash AND s.seen_deleted = c.seen_deleted
WHERE s.decided_by LIKE 'rule:%%' AND s.decision <> %(decision)s
GROUP BY s.decided_by, s.decision ORDER BY s.decided_by

-- decide --
-- A decision of another person on the same version stands: unless it was made before the list was, is a draft, is the
-- same, or is to be replaced. What a rule decided is any person's to change. An agent replaces on the same version what
-- its own token drafted, and nothing else. Whose a decision is, the token tells where a name does not (`own_token`). What the
-- sensor is to promote stays so: included once more as a draft, it would be promoted by nobody if that draft is not planned.
INSERT INTO selection.sync_selective_config AS s
(org_id, connection_id, entity_type, external_id, decision, content_hash, seen_deleted, draft, decided_by, decided_at,
 why, batch_id)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, c.external_id, %(decision)s, c.content_hash,
       c.seen_deleted, %(draft)s, %(actor)s, clock_timestamp(), %(why)s, %(batch_id)s
FROM chosen AS c
ORDER BY c.external_id -- the order in which `commit_drafts` locks them
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET decision = excluded.decision, content_hash = excluded.content_hash, seen_deleted = excluded.seen_deleted,
    draft = excluded.draft, decided_by = excluded.decided_by, decided_at = excluded.decided_at, why = excluded.why,
    batch_id = excluded.batch_id
WHERE s.content_hash <> excluded.content_hash OR s.seen_deleted <> excluded.seen_deleted
    OR NOT (excluded.draft AND excluded.decision = 'include' AND s.decision = 'include' AND NOT s.draft AND EXISTS (
        SELECT 1 FROM selection.selection_batch AS b
        JOIN connect.integration_connector AS k ON k.org_id = b.org_id AND k.connection_id = b.connection_id
        WHERE b.org_id = s.org_id AND b.batch_id = s.batch_id AND (selection.waits_for_sensor(b, k) OR EXISTS (
            SELECT 1 FROM selection.promoting_plan AS p
            WHERE p.org_id = b.org_id AND p.plan_id = b.plan_id AND NOT EXISTS (
                SELECT 1 FROM promote.sync_queue AS q
                WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id AND q.waiting + q.processing = 0)))))
    AND CASE WHEN %(agent)s::boolean THEN s.draft AND EXISTS (
                 SELECT 1 FROM selection.selection_batch AS b
                 WHERE b.org_id = s.org_id AND b.batch_id = s.batch_id AND b.agent
                     AND b.token_id IS NOT DISTINCT FROM %(token_id)s::bigint)
             ELSE %(replace)s OR s.draft OR s.decided_by LIKE 'rule:%%' OR s.decided_at <= %(as_of)s
                 OR (s.decision = excluded.decision AND NOT excluded.draft)
                 OR (s.decided_by = excluded.decided_by AND (%(own_token)s::bigint IS NULL OR EXISTS (
                     SELECT 1 FROM selection.selection_batch AS b
                     WHERE b.org_id = s.org_id AND b.batch_id = s.batch_id AND b.token_id = %(own_token)s))) END

-- undecide --
-- Records are undecided again, as after an undo of their plan: no rule decides that version again, and a plan that holds
-- them is stale. What another person decided stands as in `decide`; who may only propose takes back what their own token
-- proposed (`own`). They are locked in the order in which `commit_drafts` locks them.
WITH held AS (
    SELECT s.external_id, c.content_hash, c.seen_deleted
    FROM chosen AS c
    JOIN selection.sync_selective_config AS s
        ON s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
            AND s.external_id = c.external_id
    ORDER BY s.external_id FOR UPDATE OF s
), gone AS (
    DELETE FROM selection.sync_selective_config AS s USING held AS c
    WHERE s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
        AND s.external_id = c.external_id
        AND (NOT %(own)s::boolean OR (s.draft AND EXISTS (
            SELECT 1 FROM selection.selection_batch AS b
            WHERE b.org_id = s.org_id AND b.batch_id = s.batch_id AND b.agent
                AND b.token_id IS NOT DISTINCT FROM %(token_id)s::bigint)))
        AND (%(replace)s OR s.draft OR s.decided_by LIKE 'rule:%%'
            OR (s.decided_by = %(actor)s AND (%(own_token)s::bigint IS NULL OR EXISTS (
                SELECT 1 FROM selection.selection_batch AS b
                WHERE b.org_id = s.org_id AND b.batch_id = s.batch_id AND b.token_id = %(own_token)s)))
            OR s.decided_at <= %(as_of)s OR s.content_hash <> c.content_hash OR s.seen_deleted <> c.seen_deleted)
    RETURNING s.org_id, s.connection_id, s.entity_type, s.external_id, s.content_hash, s.seen_deleted
)
INSERT INTO selection.withdrawal
(org_id, connection_id, entity_type, external_id, content_hash, seen_deleted, cause, plan_id, withdrawn_by, why)
SELECT g.org_id, g.connection_id, g.entity_type, g.external_id, g.content_hash, g.seen_deleted, 'undone', %(no_plan)s,
       %(actor)s, %(why)s
FROM gone AS g
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET content_hash = excluded.content_hash, seen_deleted = excluded.seen_deleted, cause = excluded.cause,
    plan_id = excluded.plan_id, withdrawn_by = excluded.withdrawn_by, withdrawn_at = now(), why = excluded.why

-- kept --
-- The other decisions of others that stand; to an agent also those that say the same.
SELECT s.external_id, s.decided_by AS who, s.decided_at AS "when", s.decision, count(*) OVER () AS records
FROM chosen AS c
JOIN selection.sync_selective_config AS s
    ON s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
        AND s.external_id = c.external_id
WHERE s.batch_id IS DISTINCT FROM %(batch_id)s AND (%(agent)s::boolean OR s.decision <> %(decision)s)
ORDER BY length(s.external_id), s.external_id LIMIT %(limit)s
