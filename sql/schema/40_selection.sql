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
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    decision text NOT NULL CHECK (decision IN ('include', 'ignore')),
    content_hash bytea NOT NULL,        -- the version they saw; another content is undecided again
    seen_deleted boolean NOT NULL DEFAULT false,  -- they saw it as deleted
    draft boolean NOT NULL DEFAULT false,
    decided_by text NOT NULL,           -- a person, or rule:<id>
    decided_at timestamptz NOT NULL DEFAULT now(),
    why text,
    batch_id bigint,
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

-- The undecided differences that a standing rule covers: those that applying it decides, and that people count before they
-- add it. Plain SQL, so that the planner sees through it.
CREATE FUNCTION selection.covered_by_rule(
    connection bigint, entity text, store text, statuses text [], field text, expected jsonb)
RETURNS TABLE (external_id text, content_hash bytea, deleted boolean)
LANGUAGE sql STABLE
AS $$
    SELECT d.external_id, d.content_hash, d.status = 'deleted'
    FROM preview.difference AS d
    LEFT JOIN selection.sync_selective_config AS s
        ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
            AND s.external_id = d.external_id AND s.content_hash = d.content_hash
            AND s.seen_deleted = (d.status = 'deleted')
    WHERE d.org_id = connect.current_org() AND d.connection_id = connection AND d.entity_type = entity
        AND s.external_id IS NULL AND d.status = ANY (statuses)
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
