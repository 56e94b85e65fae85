-- What happened, what was asked for, and what waits for a person.

CREATE TABLE observe.sync_activity (
    org_id bigint NOT NULL,
    activity_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint,
    entity_type text,
    event text NOT NULL,                -- capture.finished, promote.applied, gate.opened …
    actor text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}', -- counts and ids; never a payload, never a secret
    occurred_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, activity_id)
);
CREATE INDEX sync_activity_recent ON observe.sync_activity (org_id, occurred_at DESC);
-- People look up who changed settings and rules; they are few among all events.
CREATE INDEX sync_activity_settings ON observe.sync_activity (org_id, activity_id)
WHERE event IN (
    'connect.saved', 'connect.settings_changed', 'connect.webhook_secret_set', 'organization.policy', 'rule.added',
    'rule.dropped');
REVOKE UPDATE ON observe.sync_activity FROM sync_app;

CREATE VIEW observe.woo_sync_activity WITH (security_invoker = true) AS SELECT * FROM observe.sync_activity;

-- What a door wants done. A sensor turns each row into one Dagster run, whose run key is the request's id.
CREATE TABLE observe.request (
    org_id bigint NOT NULL,
    request_id bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL CHECK (kind IN ('pull', 'preview', 'promote', 'reconcile', 'validate')),
    parameters jsonb NOT NULL DEFAULT '{}',
    idempotency_key text,               -- the same key again is the same request
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'launched', 'done', 'failed')),
    orchestrator_run text,
    finished_at timestamptz,
    error text,
    PRIMARY KEY (org_id, request_id),
    UNIQUE (org_id, idempotency_key)
);
CREATE INDEX request_waiting ON observe.request (org_id, request_id) WHERE state = 'waiting';

-- A gate: work on one part stops until a person has answered. Everything else goes on.
CREATE TABLE observe.decision (
    org_id bigint NOT NULL,
    decision_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint,
    entity_type text,
    cause text NOT NULL CHECK (cause IN (
        'mass_deletion', 'sku_conflict', 'schema_drift', 'currency_conflict', 'destructive_migration')),
    subject text NOT NULL,              -- what it is about, so that the same cause opens one gate, not many
    question text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}', -- constraint, rules affected, the records
    options jsonb NOT NULL,             -- [{choice, effect, risk}]
    recommended text NOT NULL,          -- the safest
    owner text,                         -- who is to answer: the connection's owner, else the organization
    blocks text [] NOT NULL DEFAULT '{}',  -- entity types that are not promoted from this connection meanwhile
    stopped uuid [] NOT NULL DEFAULT '{}', -- queues it stopped lines of
    opened_at timestamptz NOT NULL DEFAULT now(),
    answer text,
    answered_by text,
    answered_at timestamptz,
    why text,
    outcome text,                       -- what happened after the answer
    resumed_at timestamptz,             -- when what it stopped had been taken up again
    PRIMARY KEY (org_id, decision_id)
);
CREATE UNIQUE INDEX decision_open ON observe.decision
(org_id, cause, coalesce(connection_id, 0), coalesce(entity_type, ''), subject) WHERE answered_at IS NULL;

CREATE INDEX decision_unresumed ON observe.decision (org_id, decision_id) WHERE resumed_at IS NULL;

CALL connect.isolate('observe.sync_activity', 'observe.request', 'observe.decision');
CREATE POLICY retention ON observe.sync_activity AS RESTRICTIVE FOR DELETE
USING (occurred_at < now() - interval '30 days');

-- Sensors look for work across organizations; these tell who has some, and nothing of its content.
GRANT USAGE ON SCHEMA selection, connect TO sync_router;
GRANT SELECT ON observe.request, observe.decision, selection.selection_batch TO sync_router;
CREATE POLICY router ON observe.request FOR SELECT TO sync_router USING (true);
CREATE POLICY router ON observe.decision FOR SELECT TO sync_router USING (true);
CREATE POLICY router ON selection.selection_batch FOR SELECT TO sync_router USING (true);

CREATE FUNCTION observe.waiting_selections(at_most integer)
RETURNS TABLE (org_id bigint, slug text, batch_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.org_id, o.slug, max(b.batch_id)
    FROM selection.selection_batch b
    JOIN connect.organization o ON o.org_id = b.org_id AND o.removed_at IS NULL
    JOIN connect.integration_connector c ON c.org_id = b.org_id AND c.connection_id = b.connection_id
    WHERE selection.waits_for_sensor(b, c)
    GROUP BY o.org_id, o.slug ORDER BY max(b.batch_id) LIMIT at_most
$$;
ALTER FUNCTION observe.waiting_selections(integer) OWNER TO sync_router;

CREATE FUNCTION observe.waiting_requests(at_most integer)
RETURNS TABLE (org_id bigint, slug text, request_id bigint, kind text, parameters jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.org_id, o.slug, r.request_id, r.kind, r.parameters
    FROM observe.request r JOIN connect.organization o ON o.org_id = r.org_id
    WHERE r.state = 'waiting' ORDER BY r.request_id LIMIT at_most
$$;
ALTER FUNCTION observe.waiting_requests(integer) OWNER TO sync_router;

CREATE FUNCTION observe.open_decisions()
RETURNS TABLE (org_id bigint, slug text, decision_id bigint, cause text, question text, opened_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.org_id, o.slug, d.decision_id, d.cause, d.question, d.opened_at
    FROM observe.decision d JOIN connect.organization o ON o.org_id = d.org_id AND o.removed_at IS NULL
    WHERE d.answered_at IS NULL ORDER BY d.decision_id
$$;
ALTER FUNCTION observe.open_decisions() OWNER TO sync_router;

-- Gates that were answered and whose work nobody has taken up again. “hold” goes on stopping it until the cause is gone,
-- which is its outcome.
CREATE FUNCTION observe.answered_decisions()
RETURNS TABLE (org_id bigint, slug text, decision_id bigint, cause text, answer text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.org_id, o.slug, d.decision_id, d.cause, d.answer
    FROM observe.decision d JOIN connect.organization o ON o.org_id = d.org_id AND o.removed_at IS NULL
    WHERE d.answered_at IS NOT NULL AND d.resumed_at IS NULL AND d.connection_id IS NOT NULL
        AND NOT (d.answer = 'hold' AND d.outcome IS NULL)
    ORDER BY d.answered_at LIMIT 50
$$;
ALTER FUNCTION observe.answered_decisions() OWNER TO sync_router;

-- What became of proposed migrations, for the log of decisions of every organization: who did what to which hash, when, and
-- what the trial before it said. Texts that people and agents wrote of them stay with the owner: they may be of others.
GRANT SELECT ON observe.sync_activity TO sync_router;
CREATE POLICY router ON observe.sync_activity FOR SELECT TO sync_router USING (org_id = 0);
GRANT SELECT (migration_id, hash) ON selection.proposed_migration TO sync_router;
CREATE FUNCTION observe.migration_events()
RETURNS TABLE (
    activity_id bigint, occurred_at timestamptz, event text, actor text, migration_id bigint, hash text, verdict text,
    branch text, revision text, losses bigint, applied_as text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT a.activity_id, a.occurred_at, a.event, a.actor, m.migration_id, m.hash, t.detail ->> 'verdict',
           t.detail ->> 'branch', t.detail ->> 'revision', (t.detail ->> 'losses')::bigint, a.detail ->> 'revision'
    FROM observe.sync_activity AS a
    JOIN selection.proposed_migration AS m ON m.migration_id::text = a.detail ->> 'migration'
    LEFT JOIN LATERAL (
        SELECT l.detail FROM observe.sync_activity AS l
        WHERE l.org_id = 0 AND l.event = 'migration.tried' AND l.detail ->> 'migration' = m.migration_id::text
            AND l.activity_id <= a.activity_id
        ORDER BY l.activity_id DESC LIMIT 1) AS t ON true
    WHERE a.org_id = 0 AND a.event IN (
        'migration.proposed', 'migration.tried', 'approval.granted', 'migration.refused', 'migration.applied')
$$;
ALTER FUNCTION observe.migration_events() OWNER TO sync_router;

-- Each call of an agent, for 90 days. Its arguments are not here: a digest says whether two calls were the same.
CREATE TABLE observe.agent_call (
    org_id bigint NOT NULL,
    call_id bigint GENERATED ALWAYS AS IDENTITY,
    called_at timestamptz NOT NULL DEFAULT now(),
    token_id bigint NOT NULL,
    tool text NOT NULL,                 -- unknown: there is none of this name
    digest text NOT NULL,               -- the beginning of the SHA-256 of its arguments
    ids text [] NOT NULL DEFAULT '{}',  -- what it made: a batch, a plan, a request, a queue
    transport text NOT NULL CHECK (transport IN ('stdio', 'http')),
    client text,                        -- the program, as it calls itself
    outcome text NOT NULL,              -- ok, or the kind of error
    bytes bigint NOT NULL,              -- of the answer
    milliseconds bigint NOT NULL,
    PRIMARY KEY (org_id, call_id)
);
CREATE INDEX agent_call_recent ON observe.agent_call (org_id, called_at DESC);
CALL connect.isolate('observe.agent_call');
REVOKE UPDATE ON observe.agent_call FROM sync_app;
CREATE POLICY retention ON observe.agent_call AS RESTRICTIVE FOR DELETE USING (called_at < now() - interval '30 days');

-- The advisory locks that are held, by key: who pulls an entity or writes core holds one, so nobody is at work without it.
CREATE VIEW observe.held_lock WITH (security_invoker = true) AS
SELECT (classid::bigint << 32) | objid::bigint AS key, mode FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
GRANT SELECT ON observe.held_lock TO sync_app;
