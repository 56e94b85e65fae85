-- propose_migration --
-- The same scripts are the same proposal, whoever proposes them.
INSERT INTO selection.proposed_migration (name, up, down, hash, why, proposed_by, agent, client)
VALUES (%(name)s, %(up)s, %(down)s, %(hash)s, %(why)s, %(proposed_by)s, %(agent)s, %(client)s)
ON CONFLICT (hash) DO NOTHING
RETURNING migration_id

-- proposals_of_agents --
-- How many agents proposed in the last hour, and how many wait for a person.
SELECT count(*) FILTER (WHERE m.proposed_at > now() - interval '1 hour') AS recent,
       count(*) FILTER (WHERE m.refused_at IS NULL AND m.applied_at IS NULL AND m.verdict = 'passed') AS waiting
FROM selection.proposed_migration AS m WHERE m.agent

-- store_trial --
UPDATE selection.proposed_migration
SET tried_at = now(), revision = %(revision)s, verdict = %(verdict)s, report = %(report)s::jsonb
WHERE migration_id = %(migration)s

-- refuse_migration --
UPDATE selection.proposed_migration SET refused_at = now(), refused_by = %(actor)s, refused_why = %(why)s
WHERE migration_id = %(migration)s AND refused_at IS NULL AND applied_at IS NULL
RETURNING migration_id

-- migration_begun --
-- The revision that it becomes, said before it is applied, of one alone: who is killed in between finds by it that it came about.
UPDATE selection.proposed_migration SET applied_as = CASE WHEN migration_id = %(migration)s THEN %(target)s END
WHERE applied_at IS NULL AND (migration_id = %(migration)s OR applied_as = %(target)s)

-- migration_applied --
UPDATE selection.proposed_migration SET applied_at = now(), applied_by = %(actor)s, applied_as = %(target)s
WHERE migration_id = %(migration)s

-- migration_to_apply --
-- Locked, so that it is approved, refused or applied by one at a time.
SELECT migration_id FROM selection.proposed_migration WHERE migration_id = %(migration)s FOR UPDATE

-- proposed_migrations --
-- Newest first; the approval is the deployment's, which is the organization 0.
SELECT m.migration_id, m.name, m.up, m.down, m.hash, m.why, m.proposed_by, m.agent, m.client, m.proposed_at, m.tried_at,
       m.revision, m.verdict, m.report, m.refused_by, m.refused_why, m.applied_at, m.applied_by, m.applied_as,
       a.granted_by AS approved_by, a.expires_at AS approved_until,
       CASE WHEN m.applied_at IS NOT NULL THEN 'applied' WHEN m.refused_at IS NOT NULL THEN 'refused'
            WHEN m.verdict IS NULL THEN 'proposed' WHEN m.verdict <> 'passed' THEN m.verdict
            WHEN a.granted_by IS NOT NULL THEN 'approved' ELSE 'waiting' END AS state
FROM selection.proposed_migration AS m
LEFT JOIN LATERAL (
    SELECT g.granted_by, g.expires_at FROM selection.approval AS g
    WHERE g.org_id = connect.current_org() AND g.subject = 'migration' AND g.subject_id = m.migration_id::text
        AND g.hash = m.hash AND g.spent_at IS NULL AND g.withdrawn_at IS NULL AND g.expires_at > now()
    ORDER BY g.approval_id DESC LIMIT 1) AS a ON true
WHERE (%(migration)s::bigint IS NULL OR m.migration_id = %(migration)s)
    AND (%(hash)s::text IS NULL OR m.hash = %(hash)s)
ORDER BY m.migration_id DESC
