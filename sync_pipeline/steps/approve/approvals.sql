-- plan_to_approve --
-- A plan, locked: whoever approves, spends or refuses it takes turns. `proposers`: who selected or planned what it holds.
SELECT p.plan_id, p.plan_hash AS hash, p.state, p.origin, p.agent, p.token_id, p.created_by,
       (SELECT o.four_eyes FROM connect.organization AS o WHERE o.org_id = p.org_id) AS four_eyes,
       (SELECT o.slug FROM connect.organization AS o WHERE o.org_id = p.org_id) AS org,
       EXISTS (SELECT 1 FROM promote.sync_queue AS q WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id) AS queued
FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan)s::uuid FOR UPDATE OF p

-- proposers --
-- Who made the plan, or selected what it holds.
SELECT p.created_by AS name FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan)s::uuid
UNION
SELECT b.decided_by FROM selection.selection_batch AS b
WHERE b.org_id = connect.current_org() AND b.batch_id IN (
    SELECT i.batch_id FROM selection.sync_plan_item AS i
    WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid)

-- held_approval --
-- One that can still be spent.
SELECT approval_id FROM selection.approval
WHERE org_id = connect.current_org() AND subject = %(subject)s AND subject_id = %(subject_id)s AND hash = %(hash)s
    AND spent_at IS NULL AND withdrawn_at IS NULL AND expires_at > now()
ORDER BY approval_id DESC LIMIT 1

-- grant --
INSERT INTO selection.approval (org_id, subject, subject_id, hash, granted_by, via, policy_id, expires_at)
VALUES (connect.current_org(), %(subject)s, %(subject_id)s, %(hash)s, %(granted_by)s, %(via)s, %(policy_id)s,
        now() + make_interval(secs => %(seconds)s))
RETURNING approval_id

-- spend --
-- Spent once, whoever else tries at the same moment. The oldest first: the others are left for nothing.
UPDATE selection.approval AS a SET spent_at = now(), spent_by = %(spent_by)s
WHERE a.org_id = connect.current_org() AND a.approval_id = (
    SELECT h.approval_id FROM selection.approval AS h
    WHERE h.org_id = connect.current_org() AND h.subject = %(subject)s AND h.subject_id = %(subject_id)s
        AND h.hash = %(hash)s AND h.spent_at IS NULL AND h.withdrawn_at IS NULL AND h.expires_at > now()
    ORDER BY h.approval_id LIMIT 1 FOR UPDATE)
    AND a.spent_at IS NULL AND a.withdrawn_at IS NULL
RETURNING a.approval_id, a.granted_by, a.granted_at, a.via, a.policy_id

-- withdraw_approval --
UPDATE selection.approval SET withdrawn_at = now(), withdrawn_by = %(actor)s
WHERE org_id = connect.current_org() AND approval_id = %(approval)s AND spent_at IS NULL AND withdrawn_at IS NULL
RETURNING subject, subject_id

-- approvals --
-- Newest first. One whose plan was refused or undone meanwhile is void.
SELECT a.approval_id, a.subject, a.subject_id, a.hash, a.granted_by, a.via, a.policy_id, a.granted_at, a.expires_at,
       CASE WHEN a.spent_at IS NOT NULL THEN 'spent' WHEN a.withdrawn_at IS NOT NULL THEN 'withdrawn'
            WHEN p.state IN ('refused', 'undone') THEN 'void' WHEN a.expires_at <= now() THEN 'expired'
            ELSE 'open' END AS state,
       a.spent_at, a.spent_by, a.withdrawn_at, a.withdrawn_by
FROM selection.approval AS a
LEFT JOIN selection.sync_plan AS p
    ON a.subject = 'plan' AND p.org_id = a.org_id AND p.plan_id = CASE WHEN a.subject = 'plan' THEN a.subject_id::uuid END
WHERE a.org_id = connect.current_org() AND (%(approval)s::bigint IS NULL OR a.approval_id = %(approval)s)
    AND (%(subject)s::text IS NULL OR a.subject = %(subject)s)
    AND (%(subject_id)s::text IS NULL OR a.subject_id = %(subject_id)s)
ORDER BY a.approval_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- count_approvals --
SELECT count(*) FROM selection.approval
WHERE org_id = connect.current_org() AND (%(subject)s::text IS NULL OR subject = %(subject)s)
    AND (%(subject_id)s::text IS NULL OR subject_id = %(subject_id)s)

-- plan_approved --
-- What the plan says of its approval once that is spent.
UPDATE selection.sync_plan SET state = 'approved', approved_by = %(granted_by)s, approved_at = %(granted_at)s
WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid

-- commit_drafts --
-- What an approved plan proposed is decided. A decision made since is somebody else's. Whoever writes several decisions
-- locks them in the order of their keys: there is no deadlock with a selection of the same records.
WITH held AS (
    SELECT s.org_id, s.connection_id, s.entity_type, s.external_id, s.batch_id
    FROM selection.sync_plan_item AS i
    JOIN selection.sync_selective_config AS s
        ON s.org_id = i.org_id AND s.connection_id = i.connection_id AND s.entity_type = i.entity_type
            AND s.external_id = i.external_id AND s.batch_id = i.batch_id
    WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid AND s.draft AND s.decision = 'include'
    ORDER BY s.connection_id, s.entity_type, s.external_id FOR NO KEY UPDATE OF s
)
UPDATE selection.sync_selective_config AS s SET draft = false
FROM held AS h
WHERE s.org_id = h.org_id AND s.connection_id = h.connection_id AND s.entity_type = h.entity_type
    AND s.external_id = h.external_id AND s.batch_id = h.batch_id AND s.draft AND s.decision = 'include'
