-- What the stores said: one current row a record, every earlier content, and the evidence of each run.

-- Partitioned by provider, so that a third provider is one more partition and nothing else.
CREATE TABLE capture.sync_record (
    org_id bigint NOT NULL,             -- the organization
    connection_id bigint NOT NULL,      -- the connection of its store
    entity_type text NOT NULL,          -- what it is: product, order, …
    external_id text COLLATE "C" NOT NULL,  -- its id in the store
    provider text NOT NULL,             -- what the store runs: woocommerce, odoo
    sync_data jsonb NOT NULL,           -- the complete payload
    exact_text text,                    -- its very text, where jsonb cannot hold it (then sync_data is sanitized)
    content_hash bytea NOT NULL,        -- SHA-256 of the canonical form without noise: the version
    raw_hash bytea NOT NULL,            -- SHA-256 of the bytes as they came: says “unchanged” without parsing
    sweep_hash bytea,                    -- SHA-256 of the sweep fields: what a sweep compares
    parent_id text COLLATE "C",         -- external id of what it hangs on: a variation's product, an order's customer
    name text,                          -- what people know it by
    code text COLLATE "C",              -- SKU, order number, coupon code … as the source writes it
    code_key text COLLATE "C" GENERATED ALWAYS AS (core.fold(code)) STORED,  -- the code folded, as SKUs compare
    email text COLLATE "C",             -- its e-mail, trimmed and case folded; null where it is no address
    remote_created_at timestamptz,      -- when it was made, as the store says
    remote_modified_at timestamptz,     -- when it was last changed, as the store says
    first_captured_at timestamptz NOT NULL DEFAULT now(),  -- when the record was first seen, with whatever content
    captured_at timestamptz NOT NULL DEFAULT now(),  -- when this content was first seen
    run_id bigint,                      -- the run (ledger row) that saw this content first
    pushed_only boolean NOT NULL DEFAULT false,  -- known from a plugin's few fields alone, never read at the store
    version_no integer NOT NULL DEFAULT 1,  -- which of the record's contents this is, counted from 1
    -- present    seen in the last complete sweep
    -- suspected  missing from it; waits for a direct look, or for a person behind a gate
    -- deleted    looked for and gone: trash, 404, 410
    deletion_state text NOT NULL DEFAULT 'present' CHECK (deletion_state IN ('present', 'suspected', 'deleted')),  -- is it there?
    deletion_evidence text,             -- what was found: not listed, trash, 404; kept, if a person decided so
    deletion_at timestamptz,            -- when it was suspected or deleted; of one that is present again, when it came back
    PRIMARY KEY (org_id, connection_id, entity_type, external_id, provider)
) PARTITION BY LIST (provider);

CREATE TABLE capture.woocommerce_sync PARTITION OF capture.sync_record FOR VALUES IN ('woocommerce');
CREATE TABLE capture.odoo_sync PARTITION OF capture.sync_record FOR VALUES IN ('odoo');

-- A customer's orders, a product's variations, an order's refunds.
CREATE INDEX sync_record_parent ON capture.sync_record (org_id, connection_id, entity_type, parent_id)
WHERE parent_id IS NOT NULL;
-- Duplicate SKUs, and search by SKU or order number.
CREATE INDEX sync_record_code ON capture.sync_record (org_id, entity_type, code_key)
WHERE code_key IS NOT NULL;
-- Guests, and search by e-mail.
CREATE INDEX sync_record_email ON capture.sync_record (org_id, entity_type, email)
WHERE email IS NOT NULL;

-- What changed since a time, in its order, and how much of each entity, without a look at the records.
CREATE INDEX sync_record_changed ON capture.sync_record
(org_id, captured_at, connection_id, entity_type) INCLUDE (first_captured_at, deletion_state);
-- A deletion has a time of its own.
CREATE INDEX sync_record_deleted ON capture.sync_record (org_id, deletion_at) WHERE deletion_state = 'deleted';

-- After a large pull the planner must know what is in here now, not what was yesterday.
GRANT MAINTAIN ON capture.sync_record, capture.woocommerce_sync, capture.odoo_sync TO sync_app;

-- A content moves here when a newer one takes its place: each payload is stored once, wherever it is.
CREATE TABLE capture.record_history (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    content_hash bytea NOT NULL,
    provider text NOT NULL,
    version_no integer NOT NULL,
    sync_data jsonb NOT NULL,
    exact_text text,
    captured_at timestamptz NOT NULL,
    run_id bigint,
    superseded_at timestamptz NOT NULL DEFAULT now(),
    superseded_run_id bigint,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id, content_hash)
);
-- The application appends, and by a setting deletes what is older than a month (the policy below holds it to that).
REVOKE UPDATE ON capture.record_history FROM sync_app;
-- A content that had come back has its latest interval here.
GRANT UPDATE (version_no, captured_at, run_id, superseded_at, superseded_run_id) ON capture.record_history TO sync_app;

-- Earlier intervals of contents that came back and were replaced again. Their payload is in the history.
CREATE TABLE capture.former_interval (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    version_no integer NOT NULL,
    content_hash bytea NOT NULL,
    captured_at timestamptz NOT NULL,
    run_id bigint,
    superseded_at timestamptz NOT NULL,
    superseded_run_id bigint,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id, captured_at)
);
REVOKE UPDATE ON capture.former_interval FROM sync_app;

-- Every distinct payload a record ever had.
CREATE VIEW capture.sync_record_version WITH (security_invoker = true) AS
SELECT
    r.org_id, r.connection_id, r.entity_type, r.external_id, r.content_hash, r.provider, r.version_no,
    r.sync_data, r.exact_text, r.captured_at, r.run_id, true AS is_current
FROM capture.sync_record AS r
UNION ALL
SELECT
    h.org_id, h.connection_id, h.entity_type, h.external_id, h.content_hash, h.provider, h.version_no,
    h.sync_data, h.exact_text, h.captured_at, h.run_id, false AS is_current
FROM capture.record_history AS h
WHERE NOT EXISTS (
    SELECT 1 FROM capture.sync_record AS r
    WHERE r.org_id = h.org_id AND r.connection_id = h.connection_id AND r.entity_type = h.entity_type
        AND r.external_id = h.external_id AND r.content_hash = h.content_hash);

-- Every version of a record, from when it was captured until another took its place: a content that came back has a row for
-- each time. One content by its hash is looked up in sync_record_version, which has it once.
CREATE VIEW capture.record_interval WITH (security_invoker = true) AS
SELECT
    r.org_id, r.connection_id, r.entity_type, r.external_id, r.content_hash, r.provider, r.version_no,
    r.sync_data, r.exact_text, r.captured_at, r.run_id, NULL::timestamptz AS superseded_at, true AS is_current
FROM capture.sync_record AS r
UNION ALL
SELECT
    h.org_id, h.connection_id, h.entity_type, h.external_id, h.content_hash, h.provider, h.version_no,
    h.sync_data, h.exact_text, h.captured_at, h.run_id, h.superseded_at, false AS is_current
FROM capture.record_history AS h
UNION ALL
SELECT
    f.org_id, f.connection_id, f.entity_type, f.external_id, f.content_hash, h.provider, f.version_no,
    h.sync_data, h.exact_text, f.captured_at, f.run_id, f.superseded_at, false AS is_current
FROM capture.former_interval AS f
JOIN capture.record_history AS h
    ON h.org_id = f.org_id AND h.connection_id = f.connection_id AND h.entity_type = f.entity_type
        AND h.external_id = f.external_id AND h.content_hash = f.content_hash;

-- Addresses that a record had before: a customer is found by them, too. `last_version` is the last one that had it.
CREATE TABLE capture.former_email (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    last_version integer NOT NULL,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id, email)
);
CREATE INDEX former_email_email ON capture.former_email (org_id, email);

CREATE FUNCTION capture.keep_former_email() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO capture.former_email AS f (org_id, connection_id, entity_type, external_id, email, last_version)
    VALUES (OLD.org_id, OLD.connection_id, OLD.entity_type, OLD.external_id, OLD.email, OLD.version_no)
    ON CONFLICT (org_id, connection_id, entity_type, external_id, email) DO UPDATE
    SET last_version = greatest(f.last_version, excluded.last_version);
    RETURN NULL;
END $$;

-- A trigger, because records are written by pulls, pushes and webhooks. Its condition costs less than its call.
CREATE TRIGGER keep_former_email AFTER UPDATE OF email ON capture.sync_record
FOR EACH ROW WHEN (OLD.email IS NOT NULL AND OLD.email IS DISTINCT FROM NEW.email)
EXECUTE FUNCTION capture.keep_former_email();

-- Ids that a record names in a list, or named in an earlier version: who names a record is found by it. Of the lists that a
-- stream declares (`named_in`).
CREATE TABLE capture.named_record (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,          -- of the record that names
    field text NOT NULL,
    named_id text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, connection_id, entity_type, field, named_id, external_id)
);

-- Records that were deleted at the store, or came back, or are again what was promoted, since the last promotion. An order
-- does not wait for a customer who is gone, a refund that is gone counts nothing, also where nobody promoted them, and no
-- promotion tells of what is as it was: settled when something is promoted next.
CREATE TABLE capture.deletion_change (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,  -- empty: the list was read whole for the first time, so more may be missing
    PRIMARY KEY (org_id, connection_id, entity_type, external_id)
);

-- When a record was deleted that came back since. When the others were deleted, or are, their own row says.
CREATE TABLE capture.former_deletion (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    deleted_at timestamptz NOT NULL,
    returned_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id, deleted_at)
);
REVOKE UPDATE, DELETE ON capture.former_deletion FROM sync_app;

CREATE FUNCTION capture.keep_deletion_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_ARGV[0] = 'list' THEN
        INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
        VALUES (NEW.org_id, NEW.connection_id, NEW.entity_type, '') ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
        VALUES (NEW.org_id, NEW.connection_id, NEW.entity_type, NEW.external_id) ON CONFLICT DO NOTHING;
        INSERT INTO capture.former_deletion (org_id, connection_id, entity_type, external_id, deleted_at, returned_at)
        SELECT OLD.org_id, OLD.connection_id, OLD.entity_type, OLD.external_id, OLD.deletion_at,
               coalesce(NEW.deletion_at, clock_timestamp())
        WHERE OLD.deletion_state = 'deleted' AND OLD.deletion_at IS NOT NULL ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

-- Of every record: what waits for it may be committed in the same moment.
CREATE TRIGGER keep_deletion_change AFTER UPDATE OF deletion_state ON capture.sync_record
FOR EACH ROW WHEN ((NEW.deletion_state = 'deleted') <> (OLD.deletion_state = 'deleted'))
EXECUTE FUNCTION capture.keep_deletion_change('record');

-- Figures count what is captured: between two versions they may have been renewed.
CREATE FUNCTION capture.keep_promoted_again() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
    SELECT m.org_id, m.connection_id, m.entity_type, m.external_id FROM promote.integration_mapping AS m
    WHERE m.org_id = NEW.org_id AND m.connection_id = NEW.connection_id AND m.entity_type = NEW.entity_type
        AND m.external_id = NEW.external_id AND m.promoted_hash = NEW.content_hash AND NOT m.promoted_deleted
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_promoted_again AFTER UPDATE OF content_hash ON capture.sync_record
FOR EACH ROW WHEN (NEW.content_hash <> OLD.content_hash) EXECUTE FUNCTION capture.keep_promoted_again();

CREATE TABLE capture.sync_cursor (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    watermark timestamptz,              -- on the store's clock; all changes before it are in
    full_at timestamptz,
    swept_at timestamptz,
    changed_at timestamptz,             -- last write to a record; preview compares with it
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, connection_id, entity_type)
);

CREATE TRIGGER keep_deletion_change_first AFTER INSERT ON capture.sync_cursor
FOR EACH ROW WHEN (NEW.full_at IS NOT NULL) EXECUTE FUNCTION capture.keep_deletion_change('list');
CREATE TRIGGER keep_deletion_change AFTER UPDATE OF full_at ON capture.sync_cursor
FOR EACH ROW WHEN (NEW.full_at IS NOT NULL AND OLD.full_at IS NULL) EXECUTE FUNCTION capture.keep_deletion_change('list');

-- One row a run of one entity. It closes when expected = captured + quarantined + vanished, by id.
CREATE TABLE capture.sync_ledger (
    org_id bigint NOT NULL,
    run_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('full', 'delta', 'preview', 'push', 'webhook')),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'failed')),
    expected bigint NOT NULL DEFAULT 0,
    captured bigint NOT NULL DEFAULT 0,
    quarantined bigint NOT NULL DEFAULT 0,
    vanished bigint NOT NULL DEFAULT 0,   -- listed, and gone when it was fetched
    new bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    swept bigint NOT NULL DEFAULT 0,      -- ids looked at by a sweep
    requests bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    seconds double precision NOT NULL DEFAULT 0,
    resumed integer NOT NULL DEFAULT 0,   -- how often a killed run was taken up again
    capped boolean NOT NULL DEFAULT false,
    window_from timestamptz,
    window_to timestamptz,                -- becomes the watermark
    orchestrator_run text,                -- Dagster's run id
    detail jsonb NOT NULL DEFAULT '{}',
    error text,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (org_id, run_id)
);
CREATE INDEX sync_ledger_entity ON capture.sync_ledger (org_id, connection_id, entity_type, run_id DESC);
-- Whole reads are few among deltas: drift compares the first and the last of them.
CREATE INDEX sync_ledger_whole ON capture.sync_ledger (org_id, connection_id, entity_type, run_id)
WHERE mode IN ('full', 'preview');
-- What a killed process left: each pull looks for it.
CREATE INDEX sync_ledger_open ON capture.sync_ledger (org_id, connection_id, entity_type, run_id) WHERE state = 'open';
-- The history of the last days.
CREATE INDEX sync_ledger_started ON capture.sync_ledger (org_id, connection_id, started_at DESC, run_id DESC);

-- The entities that have runs, from one probe of the index each: after ten thousand nights there are still no more.
CREATE VIEW capture.entity_with_runs WITH (security_invoker = true) AS
WITH RECURSIVE place AS (
    (SELECT l.org_id, l.connection_id, l.entity_type FROM capture.sync_ledger AS l
    WHERE l.org_id = connect.current_org()
    ORDER BY l.org_id, l.connection_id, l.entity_type LIMIT 1)
    UNION ALL
    SELECT n.org_id, n.connection_id, n.entity_type FROM place AS p
    CROSS JOIN LATERAL (
        SELECT l.org_id, l.connection_id, l.entity_type FROM capture.sync_ledger AS l
        WHERE l.org_id = connect.current_org() AND (l.connection_id, l.entity_type) > (p.connection_id, p.entity_type)
        ORDER BY l.org_id, l.connection_id, l.entity_type LIMIT 1) AS n
)
SELECT org_id, connection_id, entity_type FROM place;

-- What each committed page held: the evidence for the ledger, and where a killed run goes on.
CREATE TABLE capture.sync_page (
    org_id bigint NOT NULL,
    run_id bigint NOT NULL,
    page_no bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL CHECK (kind IN ('walk', 'sweep', 'fetch')),
    walk text NOT NULL DEFAULT '',        -- which list: a parent's id, a status
    low bigint,                           -- ids from low to high are covered by this page
    high bigint,
    ids text [] NOT NULL,
    missing text [] NOT NULL DEFAULT '{}',  -- asked for by id and not answered
    committed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, run_id, page_no)
);

CREATE TABLE capture.sync_quarantine (
    org_id bigint NOT NULL,
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,  -- or the place in the list, where the store would not tell an id
    run_id bigint,
    reason text NOT NULL,
    request text,                         -- the call, without credentials
    status integer,
    raw bytea,                            -- the server's answer, or the record's bytes
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    seen integer NOT NULL DEFAULT 1,
    resolved_at timestamptz,
    PRIMARY KEY (org_id, quarantine_id)
);
CREATE UNIQUE INDEX sync_quarantine_open ON capture.sync_quarantine
(org_id, connection_id, entity_type, external_id) WHERE resolved_at IS NULL;

-- The fields seen in an entity's payloads and their JSON types: schema drift is a change here.
CREATE TABLE capture.sync_shape (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    field text NOT NULL,
    json_type text NOT NULL,
    first_run_id bigint NOT NULL,
    last_run_id bigint NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, connection_id, entity_type, field, json_type)
);

CREATE TABLE capture.sync_logs (
    org_id bigint NOT NULL,
    log_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('pull', 'push', 'webhook')),
    run_id bigint,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'success', 'failed')),
    records_synced bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    detail jsonb NOT NULL DEFAULT '{}',   -- push: {skipped: [{place, id, reason}]}
    error_message text,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (org_id, log_id)
);
CREATE INDEX sync_logs_run ON capture.sync_logs (org_id, run_id);
-- What a killed process left.
CREATE INDEX sync_logs_running ON capture.sync_logs (org_id, started_at) WHERE status = 'running';

-- What stores told by webhooks: a row before the store is answered, seen to afterwards.
CREATE TABLE capture.webhook_delivery (
    org_id bigint NOT NULL,
    delivery_no bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint NOT NULL,
    delivery_key bytea NOT NULL,          -- SHA-256 of its id, topic and body: the same delivery twice is one row
    topic text NOT NULL,
    entity_type text,                     -- null: it names no record
    external_id text COLLATE "C",
    parent_id text COLLATE "C",
    look boolean NOT NULL,                -- it does not hold the record (deleted, trashed, cut): look at the store
    payload text,                         -- the record as it was when the store sent it, until it was seen to
    modified timestamptz,                 -- of the payload, on the store's clock
    received_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    attempts smallint NOT NULL DEFAULT 0,
    not_before timestamptz,               -- back-off
    outcome text,
    finished_at timestamptz,
    PRIMARY KEY (org_id, delivery_no),
    UNIQUE (org_id, connection_id, delivery_key)
);
CREATE INDEX webhook_delivery_waiting ON capture.webhook_delivery
(org_id, connection_id, entity_type, delivery_no) WHERE state = 'waiting';
-- Was this record ever said to be gone?
CREATE INDEX webhook_delivery_record ON capture.webhook_delivery (org_id, connection_id, external_id) WHERE look;

CALL connect.isolate(
    'capture.webhook_delivery', 'capture.sync_record', 'capture.woocommerce_sync', 'capture.odoo_sync', 'capture.record_history',
    'capture.former_interval', 'capture.former_email', 'capture.named_record', 'capture.deletion_change',
    'capture.former_deletion', 'capture.sync_cursor', 'capture.sync_ledger', 'capture.sync_page', 'capture.sync_quarantine',
    'capture.sync_shape', 'capture.sync_logs');
CREATE POLICY retention ON capture.record_history AS RESTRICTIVE FOR DELETE
USING (superseded_at < now() - interval '30 days');
CREATE POLICY retention ON capture.former_interval AS RESTRICTIVE FOR DELETE
USING (superseded_at < now() - interval '30 days');

-- A sensor looks for deliveries across organizations: who has some, and of what; nothing of their content.
GRANT USAGE, CREATE ON SCHEMA capture TO sync_router;
GRANT SELECT ON capture.webhook_delivery TO sync_router;
CREATE POLICY router ON capture.webhook_delivery FOR SELECT TO sync_router USING (true);

CREATE FUNCTION capture.waiting_deliveries(at_most integer)
RETURNS TABLE (org_id bigint, slug text, connection_id bigint, connection text, entity_type text, newest bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.org_id, o.slug, c.connection_id, c.name, d.entity_type, max(d.delivery_no)
    FROM capture.webhook_delivery d
    JOIN connect.organization o ON o.org_id = d.org_id AND o.removed_at IS NULL
    JOIN connect.integration_connector c
        ON c.org_id = d.org_id AND c.connection_id = d.connection_id AND c.disabled_at IS NULL
    WHERE d.state = 'waiting' AND (d.not_before IS NULL OR d.not_before <= now())
    GROUP BY o.org_id, o.slug, c.connection_id, c.name, d.entity_type ORDER BY max(d.delivery_no) LIMIT at_most
$$;
ALTER FUNCTION capture.waiting_deliveries(integer) OWNER TO sync_router;

-- A webhook comes with no token, only with its connection's number: this says whose it is. Nothing is believed before
-- its signature is.
CREATE FUNCTION capture.webhook_connection(wanted bigint)
RETURNS TABLE (org_id bigint, slug text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.org_id, o.slug, c.name
    FROM connect.integration_connector c
    JOIN connect.organization o ON o.org_id = c.org_id AND o.removed_at IS NULL
    WHERE c.connection_id = wanted AND c.disabled_at IS NULL
$$;
ALTER FUNCTION capture.webhook_connection(bigint) OWNER TO sync_router;

-- Who writes or decides on records of one entity of one connection holds this lock until its transaction ends.
CREATE FUNCTION capture.entity_lock(connection_id bigint, entity_type text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT hashtextextended('records/' || connect.current_org() || '/' || connection_id || '/' || entity_type, 0)
$$;
