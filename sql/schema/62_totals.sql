-- What the metrics are made of, kept as it happens: adding up every run there was would take longer each day.

CREATE TABLE observe.pull_total (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    runs bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    pulled bigint NOT NULL DEFAULT 0,   -- records read, changed or not
    created bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    quarantined bigint NOT NULL DEFAULT 0,
    requests bigint NOT NULL DEFAULT 0,
    throttled bigint NOT NULL DEFAULT 0,
    slow bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    seconds double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, connection_id, entity_type)
);

-- A run that failed may be taken up again and close: its records count once, when it closes.
CREATE FUNCTION observe.add_run() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.state = 'failed' THEN
        INSERT INTO observe.pull_total AS t (org_id, connection_id, entity_type, failed)
        VALUES (NEW.org_id, NEW.connection_id, NEW.entity_type, 1)
        ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE SET failed = t.failed + 1;
    ELSE
        INSERT INTO observe.pull_total AS t (
            org_id, connection_id, entity_type, runs, pulled, created, updated, quarantined, requests, throttled, slow,
            bytes, seconds)
        VALUES (
            NEW.org_id, NEW.connection_id, NEW.entity_type, 1, NEW.new + NEW.changed + NEW.unchanged, NEW.new,
            NEW.changed, NEW.quarantined, NEW.requests, coalesce((NEW.detail ->> 'throttled')::bigint, 0),
            coalesce((NEW.detail ->> 'slow')::bigint, 0), NEW.bytes, NEW.seconds)
        ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE
        SET runs = t.runs + 1, pulled = t.pulled + excluded.pulled, created = t.created + excluded.created,
            updated = t.updated + excluded.updated, quarantined = t.quarantined + excluded.quarantined,
            requests = t.requests + excluded.requests, throttled = t.throttled + excluded.throttled,
            slow = t.slow + excluded.slow, bytes = t.bytes + excluded.bytes, seconds = t.seconds + excluded.seconds;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER add_run AFTER UPDATE ON capture.sync_ledger
FOR EACH ROW WHEN (OLD.state = 'open' AND NEW.state <> 'open') EXECUTE FUNCTION observe.add_run();

-- What was told to the deployment's webhook, so that it is told once, and that it is over once.
CREATE TABLE observe.alert (
    org_id bigint NOT NULL,
    subject text NOT NULL,              -- connection:<id>:failing, connection:<id>:stale
    told_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, subject)
);

CALL connect.isolate('observe.pull_total', 'observe.alert');

-- Machines that watch see all organizations: names of connections and numbers, nothing of what is in them.
GRANT USAGE ON SCHEMA promote TO sync_router;
GRANT SELECT ON observe.pull_total, promote.sync_queue TO sync_router;
CREATE POLICY router ON observe.pull_total FOR SELECT TO sync_router USING (true);
CREATE POLICY router ON promote.sync_queue FOR SELECT TO sync_router USING (true);

CREATE FUNCTION observe.connection_figures()
RETURNS TABLE (
    org text, connection text, provider text, health text, lag_seconds double precision, runs bigint, failed bigint,
    pulled bigint, created bigint, updated bigint, quarantined bigint, requests bigint, throttled bigint, slow bigint,
    bytes bigint, seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.slug, c.name, c.provider, c.health,
           extract(epoch FROM now() - coalesce(c.last_sync_at, c.created_at))::float8,
           coalesce(sum(t.runs), 0)::bigint, coalesce(sum(t.failed), 0)::bigint, coalesce(sum(t.pulled), 0)::bigint,
           coalesce(sum(t.created), 0)::bigint, coalesce(sum(t.updated), 0)::bigint,
           coalesce(sum(t.quarantined), 0)::bigint, coalesce(sum(t.requests), 0)::bigint,
           coalesce(sum(t.throttled), 0)::bigint, coalesce(sum(t.slow), 0)::bigint, coalesce(sum(t.bytes), 0)::bigint,
           coalesce(sum(t.seconds), 0)
    FROM connect.integration_connector c
    JOIN connect.organization o ON o.org_id = c.org_id AND o.removed_at IS NULL
    LEFT JOIN observe.pull_total t ON t.org_id = c.org_id AND t.connection_id = c.connection_id
    WHERE c.disabled_at IS NULL
    GROUP BY o.slug, c.org_id, c.connection_id
    ORDER BY c.org_id, c.connection_id
$$;
ALTER FUNCTION observe.connection_figures() OWNER TO sync_router;

CREATE FUNCTION observe.queue_figures()
RETURNS TABLE (
    org text, waiting bigint, processing bigint, done bigint, failed bigint, action_required bigint, requests bigint,
    decisions bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.slug, coalesce(q.waiting, 0)::bigint, coalesce(q.processing, 0)::bigint, coalesce(q.done, 0)::bigint,
           coalesce(q.failed, 0)::bigint, coalesce(q.action_required, 0)::bigint,
           (SELECT count(*) FROM observe.request r WHERE r.org_id = o.org_id AND r.state = 'waiting'),
           (SELECT count(*) FROM observe.decision d WHERE d.org_id = o.org_id AND d.answered_at IS NULL)
    FROM connect.organization o
    LEFT JOIN (
        SELECT org_id, sum(waiting) FILTER (WHERE undone_at IS NULL) AS waiting,
               sum(processing) FILTER (WHERE undone_at IS NULL) AS processing, sum(done) AS done,
               sum(failed) FILTER (WHERE undone_at IS NULL AND NOT forced) AS failed,
               sum(action_required) FILTER (WHERE undone_at IS NULL AND NOT forced) AS action_required
        FROM promote.sync_queue GROUP BY org_id) AS q ON q.org_id = o.org_id
    WHERE o.removed_at IS NULL
    ORDER BY o.org_id
$$;
ALTER FUNCTION observe.queue_figures() OWNER TO sync_router;

-- When Dagster's sensors last ticked: what waits for them is late, not lost.
CREATE TABLE observe.heartbeat (
    name text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);
