-- Plans at work: queues and their lines, the mapping from the stores' ids to core's, what waits for its target,
-- how conflicts were decided, and what every row of core was before (so that a promotion can be taken back).

CREATE TABLE promote.integration_mapping (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    provider text NOT NULL,
    core_table text NOT NULL,
    internal_id bigint NOT NULL,
    promoted_hash bytea NOT NULL,       -- the version in core
    promoted_deleted boolean NOT NULL DEFAULT false,  -- its deletion was promoted
    core_wins boolean NOT NULL DEFAULT false,  -- the core row was there first and keeps its own values
    sku_set_aside boolean NOT NULL DEFAULT false,  -- another record of the connection owns its SKU
    queue_id uuid,                      -- what wrote this row last; undo compares with it
    first_promoted_at timestamptz NOT NULL DEFAULT now(),
    last_promoted_at timestamptz NOT NULL DEFAULT now(),
    mapper bigint,                      -- fingerprint of the mapper that wrote the core row; null: before it was kept
    claim text COLLATE "C",             -- the folded SKU or e-mail of the promoted version; a guest's order: its buyer's
    entity_hash bigint,                 -- of what core has, where it follows other records; null: none, or not kept yet
    PRIMARY KEY (org_id, connection_id, entity_type, external_id)
);
CREATE INDEX integration_mapping_internal ON promote.integration_mapping (org_id, core_table, internal_id);
-- What was deleted in core is little: previews ask whether a record that differs is among it.
CREATE INDEX integration_mapping_deleted
ON promote.integration_mapping (org_id, connection_id, entity_type, external_id) WHERE promoted_deleted;
-- Rows of an older mapper are the entries on both sides of the current one: where there are none, nothing is read.
CREATE INDEX integration_mapping_mapper
ON promote.integration_mapping (org_id, connection_id, entity_type, mapper) WHERE NOT promoted_deleted;

-- Who claims a SKU or an e-mail.
CREATE INDEX integration_mapping_claim
ON promote.integration_mapping (org_id, core_table, claim) WHERE claim IS NOT NULL AND NOT promoted_deleted;

-- The number of a record's version that is in core.
CREATE FUNCTION promote.promoted_version(m promote.integration_mapping) RETURNS integer
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        (SELECT r.version_no FROM capture.sync_record AS r
        WHERE r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
            AND r.external_id = m.external_id AND r.provider = m.provider AND r.content_hash = m.promoted_hash),
        (SELECT h.version_no FROM capture.record_history AS h
        WHERE h.org_id = m.org_id AND h.connection_id = m.connection_id AND h.entity_type = m.entity_type
            AND h.external_id = m.external_id AND h.content_hash = m.promoted_hash))
$$;

-- The customer that an e-mail leads to: whose promoted version has it, else who had it before that version. In both the one
-- of the lowest connection, then of the lowest id. Plain SQL, so that the planner sees through it.
CREATE FUNCTION promote.email_owner(address text) RETURNS TABLE (internal_id bigint)
LANGUAGE sql STABLE
AS $$
    SELECT o.internal_id
    FROM (
        (SELECT m.internal_id, 1 AS place
        FROM promote.integration_mapping AS m
        WHERE m.org_id = connect.current_org() AND m.core_table = 'core.customers'
            AND m.claim = address COLLATE "C" AND NOT m.promoted_deleted
        ORDER BY m.connection_id, length(m.external_id), m.external_id LIMIT 1)
        UNION ALL
        (SELECT m.internal_id, 2
        FROM capture.former_email AS f
        JOIN promote.integration_mapping AS m
            ON m.org_id = f.org_id AND m.connection_id = f.connection_id AND m.entity_type = f.entity_type
                AND m.external_id = f.external_id AND m.core_table = 'core.customers' AND NOT m.promoted_deleted
        WHERE f.org_id = connect.current_org() AND f.email = address COLLATE "C"
            AND f.last_version < promote.promoted_version(m)
        ORDER BY m.connection_id, length(m.external_id), m.external_id LIMIT 1)
    ) AS o
    ORDER BY o.place LIMIT 1
$$;

CREATE TABLE promote.sync_queue (
    org_id bigint NOT NULL,
    queue_id uuid NOT NULL DEFAULT gen_random_uuid(),
    plan_id uuid NOT NULL,
    idempotency_key text NOT NULL,      -- the plan's id: started twice, it is the same queue
    -- draft       made, no worker yet
    -- processing  lines are open
    -- partial     no line is open, some failed or were cancelled
    -- done, failed, cancelled   no line is open, and all are so
    state text NOT NULL DEFAULT 'draft' CHECK (
        state IN ('draft', 'processing', 'partial', 'done', 'failed', 'cancelled')),
    forced boolean NOT NULL DEFAULT false,  -- a person closed it: counts as done whatever its lines say
    total bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0,  -- lines in draft
    processing bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0,
    action_required bigint NOT NULL DEFAULT 0,
    batch_size integer NOT NULL DEFAULT 50,
    batch_delay_ms integer NOT NULL DEFAULT 0,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    undone_at timestamptz,
    undo_ended_at timestamptz,          -- from then on its images are deleted: it cannot be undone
    PRIMARY KEY (org_id, queue_id),
    UNIQUE (org_id, idempotency_key)
);
CREATE INDEX sync_queue_plan ON promote.sync_queue (org_id, plan_id);

CREATE TABLE promote.sync_queue_line (
    org_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    line_no bigint NOT NULL,            -- in the order of dependencies: a stage's lines follow one another
    stage smallint NOT NULL,            -- the next begins when this one has no open line
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    action text NOT NULL CHECK (action IN ('create', 'update', 'delete')),
    content_hash bytea NOT NULL,        -- exactly this version is promoted
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'processing', 'done', 'failed', 'cancelled')),
    attempts smallint NOT NULL DEFAULT 0,
    is_action_required boolean NOT NULL DEFAULT false,
    reason text,
    warnings jsonb,                     -- [sentence, …]
    worker uuid,
    lease_until timestamptz,            -- a line whose worker let this pass is anybody's
    not_before timestamptz,             -- back-off
    finished_at timestamptz,            -- null as long as the line is open
    PRIMARY KEY (org_id, queue_id, line_no),
    FOREIGN KEY (org_id, queue_id) REFERENCES promote.sync_queue NOT ENFORCED,  -- a check a row; one function makes them
    CHECK ((finished_at IS NULL) = (state IN ('draft', 'processing')))
) WITH (fillfactor = 45);
-- No index has what claiming and finishing a line change, and pages keep room, so these rewrite no index. A worker remembers
-- before which line none is open, so that its last claim costs what its first did.
-- A batch asks whether records that claim the same have a line, and a record's page which queues had it.
CREATE INDEX sync_queue_line_record ON promote.sync_queue_line (org_id, connection_id, entity_type, external_id, queue_id);

-- The counts follow the lines in the same transaction, so no crash can part them.
CREATE FUNCTION promote.count_lines() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        WITH delta AS (
            SELECT org_id, queue_id, count(*) AS total,
                   count(*) FILTER (WHERE state = 'draft') AS waiting,
                   count(*) FILTER (WHERE state = 'processing') AS processing,
                   count(*) FILTER (WHERE state = 'done') AS done,
                   count(*) FILTER (WHERE state = 'failed') AS failed,
                   count(*) FILTER (WHERE state = 'cancelled') AS cancelled
            FROM new_rows GROUP BY org_id, queue_id)
        UPDATE promote.sync_queue q
        SET total = q.total + d.total, waiting = q.waiting + d.waiting, processing = q.processing + d.processing,
            done = q.done + d.done, failed = q.failed + d.failed, cancelled = q.cancelled + d.cancelled
        FROM delta d WHERE q.org_id = d.org_id AND q.queue_id = d.queue_id;
    ELSE
        WITH moved AS (
            SELECT org_id, queue_id, state, is_action_required, 1 AS by FROM new_rows
            UNION ALL
            SELECT org_id, queue_id, state, is_action_required, -1 FROM old_rows),
        delta AS (
            SELECT org_id, queue_id,
                   coalesce(sum(by) FILTER (WHERE state = 'draft'), 0) AS waiting,
                   coalesce(sum(by) FILTER (WHERE state = 'processing'), 0) AS processing,
                   coalesce(sum(by) FILTER (WHERE state = 'done'), 0) AS done,
                   coalesce(sum(by) FILTER (WHERE state = 'failed'), 0) AS failed,
                   coalesce(sum(by) FILTER (WHERE state = 'cancelled'), 0) AS cancelled,
                   coalesce(sum(by) FILTER (WHERE is_action_required), 0) AS action_required
            FROM moved GROUP BY org_id, queue_id)
        UPDATE promote.sync_queue q
        SET waiting = q.waiting + d.waiting, processing = q.processing + d.processing, done = q.done + d.done,
            failed = q.failed + d.failed, cancelled = q.cancelled + d.cancelled,
            action_required = q.action_required + d.action_required
        FROM delta d WHERE q.org_id = d.org_id AND q.queue_id = d.queue_id
            -- A heartbeat moves no line: it must not wait for the queue's row.
            AND (d.waiting, d.processing, d.done, d.failed, d.cancelled, d.action_required)
                <> (0, 0, 0, 0, 0, 0);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER count_inserted AFTER INSERT ON promote.sync_queue_line
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION promote.count_lines();
CREATE TRIGGER count_updated AFTER UPDATE ON promote.sync_queue_line
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION promote.count_lines();

-- The queue's state is a function of its counts.
CREATE FUNCTION promote.queue_state() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.state := CASE
        WHEN NEW.waiting + NEW.processing > 0 THEN
            CASE WHEN NEW.started_at IS NULL THEN 'draft' ELSE 'processing' END
        WHEN NEW.total = 0 AND NEW.started_at IS NULL THEN 'draft'
        WHEN NEW.forced OR NEW.done = NEW.total THEN 'done'
        WHEN NEW.cancelled = NEW.total THEN 'cancelled'
        WHEN NEW.failed = NEW.total THEN 'failed'
        ELSE 'partial' END;
    NEW.finished_at := CASE
        WHEN NEW.state IN ('draft', 'processing') THEN NULL
        ELSE coalesce(NEW.finished_at, clock_timestamp()) END;
    RETURN NEW;
END $$;
CREATE TRIGGER follow_counts BEFORE UPDATE ON promote.sync_queue
FOR EACH ROW EXECUTE FUNCTION promote.queue_state();

-- A reference to a record that is not promoted yet; filled when it is.
CREATE TABLE promote.pending_link (
    org_id bigint NOT NULL,
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    from_table text NOT NULL,
    from_id bigint NOT NULL,
    relation text NOT NULL,             -- the column it fills; product_categories: the product's row is from_id
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    queue_id uuid,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX pending_link_target ON promote.pending_link (org_id, connection_id, entity_type, external_id);
CREATE INDEX pending_link_source ON promote.pending_link (org_id, from_table, from_id);

-- Customers whose figures a queue has yet to compute. Figures count all captured orders of a customer, whose orders may be in
-- many batches: they are computed once, with the queue's last lines.
CREATE TABLE promote.figures_due (
    org_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    customer_id bigint NOT NULL,
    PRIMARY KEY (org_id, queue_id, customer_id)
);

-- Conflicts over what makes a row the same, and how each was decided.
CREATE TABLE promote.conflict (
    org_id bigint NOT NULL,
    conflict_id bigint GENERATED ALWAYS AS IDENTITY,
    -- duplicate_sku   two records of one connection have one SKU
    -- unmapped_sku    a core row that nothing maps to has the SKU
    -- shared_email    two records of one connection have one e-mail
    kind text NOT NULL CHECK (kind IN ('duplicate_sku', 'unmapped_sku', 'shared_email')),
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    value text NOT NULL,                -- the SKU or e-mail as the record has it
    other_external_id text COLLATE "C",
    core_table text NOT NULL,
    internal_id bigint,                 -- the core row it was about
    policy text,
    decision text NOT NULL,             -- set_aside, took_over, source_wins, core_wins, halted, merged
    queue_id uuid NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, conflict_id)
);
CREATE INDEX conflict_record ON promote.conflict (org_id, connection_id, entity_type, external_id);
REVOKE UPDATE ON promote.conflict FROM sync_app;

-- What a queue did to core, the mapping and the pending links: the image of each row before its first touch, and
-- the keys of the rows it made. Written by statement triggers, so nothing can be promoted without its way back.
CREATE TABLE promote.core_change (
    org_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    table_name text NOT NULL,
    operation text NOT NULL CHECK (operation IN ('insert', 'update', 'delete')),
    row_id bigint,                      -- where the table has an id; inserts list theirs in content
    content jsonb NOT NULL,             -- insert: [key, …] of one statement; else the row as it was
    changed_at timestamptz DEFAULT now(),  -- null: before it was kept; then its queue's start counts
    PRIMARY KEY (org_id, queue_id, change_id)
);
-- Who wrote a row after whom.
CREATE INDEX core_change_row ON promote.core_change (org_id, table_name, row_id) WHERE row_id IS NOT NULL;
REVOKE UPDATE ON promote.core_change FROM sync_app;

-- Rows of core as they were until `changed_at`. A promotion that was undone counts as one that never was: neither what it
-- replaced nor what it wrote is here.
CREATE VIEW promote.former_row WITH (security_invoker = true) AS
SELECT
    c.org_id, c.table_name, c.row_id, c.change_id, c.content,
    coalesce(c.changed_at, q.started_at, q.created_at) AS changed_at
FROM promote.core_change AS c
JOIN promote.sync_queue AS q ON q.org_id = c.org_id AND q.queue_id = c.queue_id AND q.undone_at IS NULL
WHERE c.operation <> 'insert' AND NOT EXISTS (
    SELECT 1 FROM promote.sync_queue AS u
    WHERE u.org_id = c.org_id AND u.queue_id = (c.content ->> 'queue_id')::uuid AND u.undone_at IS NOT NULL);

CALL connect.isolate(
    'promote.integration_mapping', 'promote.sync_queue', 'promote.sync_queue_line', 'promote.pending_link',
    'promote.figures_due', 'promote.conflict', 'promote.core_change');
-- What is older than a month may be deleted by a setting.
CREATE POLICY retention ON promote.conflict AS RESTRICTIVE FOR DELETE USING (decided_at < now() - interval '30 days');
CREATE POLICY retention ON promote.core_change AS RESTRICTIVE FOR DELETE USING (EXISTS (
    SELECT 1 FROM promote.sync_queue AS q
    WHERE q.org_id = core_change.org_id AND q.queue_id = core_change.queue_id AND q.undo_ended_at IS NOT NULL
        AND q.finished_at < now() - interval '30 days'));

-- `sync.queue_id` says for whom a transaction writes; without it nothing is logged (undo itself, repairs by hand).
-- The argument is the key as a jsonb expression over the new row.
CREATE FUNCTION promote.log_insert() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    queue uuid := nullif(current_setting('sync.queue_id', true), '')::uuid;
BEGIN
    IF queue IS NOT NULL THEN
        EXECUTE format(
            'INSERT INTO promote.core_change (org_id, queue_id, table_name, operation, content) '
            'SELECT org_id, $1, $2, ''insert'', jsonb_agg(%s) FROM new_rows GROUP BY org_id', TG_ARGV[0])
        USING queue, TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

-- A row that this queue has written before has its image already: its queue_id says so.
CREATE FUNCTION promote.log_before() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    queue uuid := nullif(current_setting('sync.queue_id', true), '')::uuid;
BEGIN
    IF queue IS NOT NULL THEN
        EXECUTE format(
            'INSERT INTO promote.core_change (org_id, queue_id, table_name, operation, row_id, content) '
            'SELECT o.org_id, $1, $2, $3, %s, to_jsonb(o) FROM old_rows AS o '
            'WHERE $3 = ''delete'' OR o.queue_id IS DISTINCT FROM $1', TG_ARGV[1])
        USING queue, TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, lower(TG_OP);
    END IF;
    RETURN NULL;
END $$;

-- Gives a table its three triggers. `id_of`: its id as an expression over o, or null.
CREATE PROCEDURE promote.keep_changes(relation regclass, key_of text, id_of text)
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER log_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION promote.log_insert(%L)', relation, key_of);
    EXECUTE format(
        'CREATE TRIGGER log_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION promote.log_before(%L, %L)', relation, key_of, id_of);
    EXECUTE format(
        'CREATE TRIGGER log_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION promote.log_before(%L, %L)', relation, key_of, id_of);
END $$;

CALL promote.keep_changes(
    'promote.integration_mapping', 'jsonb_build_array(connection_id, entity_type, external_id)', 'null::bigint');
CALL promote.keep_changes('promote.pending_link', 'to_jsonb(id)', 'o.id');

-- The names older systems used.
CREATE VIEW promote.woo_customer_sync_queue WITH (security_invoker = true) AS SELECT * FROM promote.sync_queue;
CREATE VIEW promote.woo_customer_sync_queue_line WITH (security_invoker = true) AS
SELECT * FROM promote.sync_queue_line;
