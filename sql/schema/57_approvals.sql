-- Approvals: what lets a plan be applied, a gate be answered as an agent proposed, a migration run.

-- A policy is an approval that a person grants in advance, within limits, for what one token proposes.
CREATE TABLE selection.approval_policy (
    org_id bigint NOT NULL,
    policy_id bigint GENERATED ALWAYS AS IDENTITY,
    token_id bigint NOT NULL,           -- whose plans it lets through
    connections bigint [] NOT NULL CHECK (cardinality(connections) > 0),
    entity_types text [] NOT NULL CHECK (cardinality(entity_types) > 0),
    actions text [] NOT NULL CHECK (cardinality(actions) > 0 AND actions <@ ARRAY['create', 'update', 'delete']),
    max_plan bigint NOT NULL CHECK (max_plan > 0),     -- records of a plan
    max_day bigint NOT NULL CHECK (max_day > 0),       -- records of all its plans in 24 hours
    max_share numeric NOT NULL CHECK (max_share > 0 AND max_share <= 1),  -- of the captured records of an entity
    -- What it lets through besides: it forbids what is not named.
    allows text [] NOT NULL DEFAULT '{}' CHECK (allows <@ ARRAY['money', 'warnings', 'conflicts', 'first']),
    window_from time,                   -- every day from … to … in the zone; over midnight if from is later
    window_to time,
    zone text,
    granted_by text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL CHECK (expires_at >= granted_at AND expires_at <= granted_at + interval '90 days'),
    why text,
    revoked_at timestamptz,
    revoked_by text,
    paused_at timestamptz,              -- by itself: a plan of it was undone, or too much of one failed
    paused_why text,
    resumed_at timestamptz,             -- what happened to plans before that pauses it no more
    PRIMARY KEY (org_id, policy_id),
    CHECK ((window_from IS NULL) = (window_to IS NULL) AND (window_from IS NULL) = (zone IS NULL))
);
REVOKE UPDATE, DELETE ON selection.approval_policy FROM sync_app;
GRANT UPDATE (revoked_at, revoked_by, paused_at, paused_why, resumed_at) ON selection.approval_policy TO sync_app;

-- What a person, or a policy, said yes to: once, in exactly this form, until it expires. Kept for ever.
CREATE TABLE selection.approval (
    org_id bigint NOT NULL,
    approval_id bigint GENERATED ALWAYS AS IDENTITY,
    subject text NOT NULL CHECK (subject IN ('plan', 'answer', 'migration')),
    subject_id text NOT NULL,
    hash text NOT NULL,                 -- of what was approved
    granted_by text NOT NULL,
    via text NOT NULL CHECK (via IN ('explorer', 'api', 'command', 'run', 'policy')),
    policy_id bigint,
    granted_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL CHECK (expires_at >= granted_at),
    spent_at timestamptz,
    spent_by text,
    withdrawn_at timestamptz,
    withdrawn_by text,
    PRIMARY KEY (org_id, approval_id),
    FOREIGN KEY (org_id, policy_id) REFERENCES selection.approval_policy,
    CHECK (spent_at IS NULL OR withdrawn_at IS NULL),
    CHECK ((via = 'policy') = (policy_id IS NOT NULL))
);
CREATE INDEX approval_subject ON selection.approval (org_id, subject, subject_id, approval_id);
CREATE INDEX approval_policy_spent ON selection.approval (org_id, policy_id, spent_at) WHERE policy_id IS NOT NULL;
REVOKE UPDATE, DELETE ON selection.approval FROM sync_app;
GRANT UPDATE (spent_at, spent_by, withdrawn_at, withdrawn_by) ON selection.approval TO sync_app;

-- How an agent would answer a gate. A person accepts it, or answers otherwise.
CREATE TABLE selection.proposed_answer (
    org_id bigint NOT NULL,
    proposal_id bigint GENERATED ALWAYS AS IDENTITY,
    decision_id bigint NOT NULL,
    choice text NOT NULL,
    why text,
    proposed_by text NOT NULL,
    token_id bigint,
    client text,
    proposed_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,
    accepted_at timestamptz,
    accepted_by text,
    PRIMARY KEY (org_id, proposal_id),
    CHECK (withdrawn_at IS NULL OR accepted_at IS NULL)
);
CREATE INDEX proposed_answer_decision ON selection.proposed_answer (org_id, decision_id, proposal_id);

CALL connect.isolate('selection.approval_policy', 'selection.approval', 'selection.proposed_answer');

-- Plans as people know them: one whose approval is neither spent nor expired is approved; with none it waits. The sensor's
-- plans need none: the selection that a person committed is theirs.
CREATE VIEW selection.plan_now WITH (security_invoker = true) AS
SELECT
    p.org_id, p.plan_id, p.plan_hash, p.creates, p.updates, p.deletes,
    CASE WHEN NOT w.waits THEN p.state WHEN a.approval_id IS NULL THEN 'proposed' ELSE 'approved' END AS state,
    p.origin, p.created_by, p.created_at,
    CASE WHEN w.waits THEN a.granted_by ELSE p.approved_by END AS approved_by,
    CASE WHEN w.waits THEN a.granted_at ELSE p.approved_at END AS approved_at,
    p.applied_at, q.queue_id AS queue,
    CASE WHEN w.waits THEN a.expires_at END AS approved_until,
    p.agent, p.client, p.why
FROM selection.sync_plan AS p
LEFT JOIN promote.sync_queue AS q ON q.org_id = p.org_id AND q.plan_id = p.plan_id
CROSS JOIN LATERAL (
    SELECT p.state IN ('proposed', 'approved') AND p.origin <> 'selection' AND q.queue_id IS NULL AS waits) AS w
LEFT JOIN LATERAL (
    SELECT g.approval_id, g.granted_by, g.granted_at, g.expires_at FROM selection.approval AS g
    WHERE g.org_id = p.org_id AND g.subject = 'plan' AND g.subject_id = p.plan_id::text AND g.hash = p.plan_hash
        AND g.spent_at IS NULL AND g.withdrawn_at IS NULL AND g.expires_at > now()
    ORDER BY g.approval_id DESC LIMIT 1) AS a ON w.waits;
