-- What people decided, bound to the version they saw; and the plans made of it.

-- One act of selecting: a row, a list, or all that matched a filter.
CREATE TABLE selection.selection_batch (
    org_id bigint NOT NULL,
    batch_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('include', 'ignore')),
    criteria jsonb NOT NULL,            -- {ids | status | search | all, except}: how the records were named
    records bigint NOT NULL DEFAULT 0,
    draft boolean NOT NULL DEFAULT false,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now(),
    why text,
    plan_id uuid,                       -- the plan the sensor made of it
    token_id bigint,                    -- the token it was made with; null: on the machine, or by a rule
    client text,                        -- what an agent's program calls itself
    agent boolean NOT NULL DEFAULT false, -- an agent proposes it
    PRIMARY KEY (org_id, batch_id)
);
CREATE INDEX selection_batch_waiting ON selection.selection_batch (org_id, batch_id)
WHERE decision = 'include' AND NOT draft AND plan_id IS NULL;

CREATE TABLE selection.sync_selective_config (
    org_id bigint NOT NULL,             -- the organization
    connection_id bigint NOT NULL,      -- the connection of the record's store
    entity_type text NOT NULL,          -- what the record is: product, order, …
    external_id text COLLATE "C" NOT NULL,  -- the record's id in the store
    decision text NOT NULL CHECK (decision IN ('include', 'ignore')),  -- to promote it, or not to be asked again
    content_hash bytea NOT NULL,        -- the version they saw; another content is undecided again
    seen_deleted boolean NOT NULL DEFAULT false,  -- they saw it as deleted
    draft boolean NOT NULL DEFAULT false,  -- it counts only when the plan that it is in was approved
    decided_by text NOT NULL,           -- a person, or rule:<id>
    decided_at timestamptz NOT NULL DEFAULT now(),  -- when
    why text,                           -- the reason that they gave
    batch_id bigint,                    -- the selection that it was made with
    PRIMARY KEY (org_id, connection_id, entity_type, external_id)
);
-- Ignored records are left out of a remap plan, and are few.
CREATE INDEX sync_selective_config_ignored
ON selection.sync_selective_config (org_id, connection_id, entity_type, external_id) WHERE decision = 'ignore';

CREATE FUNCTION selection.note_decisions() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
    SELECT DISTINCT org_id, connection_id, entity_type, 'decided', 0 FROM moved;
    RETURN NULL;
END $$;
CREATE TRIGGER note_inserted AFTER INSERT ON selection.sync_selective_config
REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION selection.note_decisions();
CREATE TRIGGER note_updated AFTER UPDATE ON selection.sync_selective_config
REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION selection.note_decisions();
CREATE TRIGGER note_deleted AFTER DELETE ON selection.sync_selective_config
REFERENCING OLD TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION selection.note_decisions();

-- Why a record that was decided is undecided again: its plan was refused or undone, or a person took the decision back
-- (then plan_id is all zeros). It counts for that version only.
CREATE TABLE selection.withdrawal (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    content_hash bytea NOT NULL,
    seen_deleted boolean NOT NULL,
    cause text NOT NULL CHECK (cause IN ('refused', 'undone')),
    plan_id uuid NOT NULL,
    withdrawn_by text NOT NULL,
    withdrawn_at timestamptz NOT NULL DEFAULT now(),
    why text,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id)
);

-- What is decided once for the records to come.
CREATE TABLE selection.standing_rule (
    org_id bigint NOT NULL,
    rule_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    -- follow_updates  include changes (and deletions) of what is already promoted
    -- include_new     include every new record
    -- ignore_where    ignore records whose field equals the value
    kind text NOT NULL CHECK (kind IN ('follow_updates', 'include_new', 'ignore_where')),
    field text,
    value jsonb,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    why text,
    disabled_at timestamptz,
    PRIMARY KEY (org_id, rule_id),
    CHECK ((kind = 'ignore_where') = (field IS NOT NULL AND value IS NOT NULL))
);

CREATE TABLE selection.sync_plan (
    org_id bigint NOT NULL,
    plan_id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- proposed  made, waits for approval, or has one that is not spent (selection.plan_now tells which)
    -- approved  its approval is spent; its queue may run
    -- applied   done (also in part: the queue's lines say which)
    -- refused   someone said no
    -- undone    its promotion was taken back
    state text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'approved', 'applied', 'refused', 'undone')),
    plan_hash text NOT NULL,            -- over its items; an approval is bound to it
    creates bigint NOT NULL DEFAULT 0,
    updates bigint NOT NULL DEFAULT 0,
    deletes bigint NOT NULL DEFAULT 0,
    origin text NOT NULL,               -- command, selection, api …
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    approved_by text,
    approved_at timestamptz,
    applied_at timestamptz,
    undone_by text,
    undone_at timestamptz,
    -- {connection/entity type: {followed entity type: its last change}} that the previews had seen when it was made
    followed jsonb,
    token_id bigint,                    -- the token it was made with; null: on the machine, or by the sensor
    client text,                        -- what an agent's program calls itself
    agent boolean NOT NULL DEFAULT false, -- an agent made it, or it holds what an agent proposed
    why text,                           -- what it is for, in the words of whoever made it
    PRIMARY KEY (org_id, plan_id)
);
CREATE INDEX sync_plan_recent ON selection.sync_plan (org_id, created_at DESC);

CREATE TABLE selection.sync_plan_item (
    org_id bigint NOT NULL,
    plan_id uuid NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    action text NOT NULL CHECK (action IN ('create', 'update', 'delete')),
    content_hash bytea NOT NULL,        -- what will be promoted
    promoted_hash bytea,                -- what core had when the plan was made
    batch_id bigint,                    -- the selection that asked for it; null in a remap plan
    promoted_deleted boolean,           -- core had its deletion; null: core did not have it
    followed jsonb,                     -- preview.difference.followed, when the plan was made
    PRIMARY KEY (org_id, plan_id, connection_id, entity_type, external_id),
    FOREIGN KEY (org_id, plan_id) REFERENCES selection.sync_plan
);
REVOKE UPDATE ON selection.sync_plan_item FROM sync_app;

CALL connect.isolate(
    'selection.selection_batch', 'selection.sync_selective_config', 'selection.withdrawal', 'selection.standing_rule',
    'selection.sync_plan', 'selection.sync_plan_item');

-- Every difference with the decision that counts for it: one about the version that would be promoted, or about its deletion.
-- Without one it is undecided. What plans hold is compared with the version that they hold (selection.plan_item_now).
CREATE VIEW selection.difference_now WITH (security_invoker = true) AS
SELECT
    d.org_id, d.connection_id, d.entity_type, d.external_id, d.status, d.content_hash, d.warnings,
    s.external_id IS NOT NULL AS decided, s.decision, s.draft, s.batch_id
FROM preview.difference AS d
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
        AND s.external_id = d.external_id AND s.content_hash = d.content_hash
        AND s.seen_deleted = (d.status = 'deleted');

-- Every captured record as people see it: its version, how it differs (null: it does not), what is decided about that
-- version, or who took a decision about it back. The planner leaves out the tables of which nothing is asked.
CREATE VIEW selection.record_now WITH (security_invoker = true) AS
SELECT
    r.org_id, r.connection_id, r.entity_type, r.external_id, r.provider, r.name, r.code, r.email, r.sync_data, r.exact_text,
    r.content_hash, r.version_no, r.captured_at, r.remote_modified_at, r.deletion_state, r.deletion_evidence, r.deletion_at,
    preview.version_of(r.content_hash, r.deletion_state = 'deleted', d.followed) AS version,
    d.status, d.warnings, d.followed, d.computed_at,
    s.decision, s.draft, s.decided_by, s.decided_at, s.why AS decided_why, s.batch_id,
    w.cause, w.withdrawn_by, w.withdrawn_at, w.why
FROM capture.sync_record AS r
LEFT JOIN preview.difference AS d
    ON d.org_id = r.org_id AND d.connection_id = r.connection_id AND d.entity_type = r.entity_type
        AND d.external_id = r.external_id
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = r.org_id AND s.connection_id = r.connection_id AND s.entity_type = r.entity_type
        AND s.external_id = r.external_id AND s.content_hash = r.content_hash
        AND s.seen_deleted = (r.deletion_state = 'deleted')
LEFT JOIN selection.withdrawal AS w
    ON s.external_id IS NULL AND w.org_id = r.org_id AND w.connection_id = r.connection_id
        AND w.entity_type = r.entity_type AND w.external_id = r.external_id AND w.content_hash = r.content_hash
        AND w.seen_deleted = (r.deletion_state = 'deleted');

-- A selection waits for the sensor, which plans it by itself: it is no draft, and its connection promotes what is selected.
CREATE FUNCTION selection.waits_for_sensor(batch selection.selection_batch, store connect.integration_connector)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT batch.decision = 'include' AND NOT batch.draft AND batch.plan_id IS NULL
        AND coalesce((store.settings ->> 'promote_on_select')::boolean, true)
$$;

-- What agents proposed is in plans of the same token (`proposals` “own”, and then nothing else is) and in a person's plan of
-- selections that are named (“all”); any other plan leaves it out (“none”).
CREATE FUNCTION selection.plan_may_hold(
    batch selection.selection_batch, draft boolean, proposals text, actor text, token bigint)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE proposals
        WHEN 'own' THEN batch.agent AND batch.decided_by = actor AND batch.token_id IS NOT DISTINCT FROM token
        WHEN 'none' THEN NOT (batch.agent AND draft)
        ELSE true END
$$;

-- The sensor's plans that are about to be promoted: a second plan of what they hold would be stale before anybody has read it.
CREATE VIEW selection.promoting_plan WITH (security_invoker = true) AS
SELECT p.org_id, p.plan_id FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.origin = 'selection' AND p.state = 'approved';

-- What plans of others than `actor` hold that are not done: a draft that waits there is left to them. Their plans are few
-- among all there ever were: they are read once. Who asks compares `org_id`: asked here too, it would count twice, and the
-- planner would expect so few items that it looks them up one by one.
CREATE FUNCTION selection.planned_by_others(actor text)
RETURNS TABLE (org_id bigint, connection_id bigint, entity_type text, external_id text, batch_id bigint)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT i.org_id, i.connection_id, i.entity_type, i.external_id, i.batch_id
    FROM selection.sync_plan_item AS i
    WHERE i.plan_id = ANY (ARRAY(
        SELECT p.plan_id FROM selection.sync_plan AS p
        WHERE p.org_id = connect.current_org() AND p.state IN ('proposed', 'approved') AND p.created_by <> actor))
$$;

-- The undecided differences that a standing rule covers: those that applying it decides, and that people count before they
-- add it. Plain SQL, so that the planner sees through it.
CREATE FUNCTION selection.covered_by_rule(
    connection bigint, entity text, store text, statuses text [], field text, expected jsonb)
RETURNS TABLE (external_id text, content_hash bytea, deleted boolean)
LANGUAGE sql STABLE
AS $$
    SELECT d.external_id, d.content_hash, d.status = 'deleted'
    FROM selection.difference_now AS d
    WHERE d.org_id = connect.current_org() AND d.connection_id = connection AND d.entity_type = entity
        AND NOT d.decided AND d.status = ANY (statuses)
        -- What a person took back is a person's to decide, as long as it is the same version.
        AND NOT EXISTS (
            SELECT 1 FROM selection.withdrawal AS w
            WHERE w.org_id = d.org_id AND w.connection_id = d.connection_id AND w.entity_type = d.entity_type
                AND w.external_id = d.external_id AND w.content_hash = d.content_hash
                AND w.seen_deleted = (d.status = 'deleted'))
        AND (covered_by_rule.field IS NULL OR EXISTS (
            SELECT 1 FROM capture.sync_record AS r
            WHERE r.org_id = d.org_id AND r.connection_id = d.connection_id AND r.entity_type = d.entity_type
                AND r.external_id = d.external_id AND r.provider = store
                AND r.sync_data -> covered_by_rule.field = expected))
$$;
