-- set_based --
-- Join whole entities by hash. A table that was just filled has statistics of one row, and the nested loop that the
-- planner would choose for it takes minutes for a million.
SET LOCAL enable_nestloop = off

-- share_budget --
-- Renew this worker's lease, share what it learnt, and read what the others learnt. Each gets an equal part of what the
-- store may get; where there are more workers than that, those that have one give it to those that wait longest.
-- `granted` may be less than what is in flight, which the lease then still counts.
WITH store AS MATERIALIZED (
    SELECT * FROM connect.requests_at(%(store)s, %(worker)s)
), budget AS (
    INSERT INTO connect.request_budget (org_id, connection_id, concurrency, pause_until)
    SELECT connect.current_org(), %(connection_id)s, coalesce(%(concurrency)s, most, %(first)s),
           now() + make_interval(secs => %(pause)s)
    FROM store
    ON CONFLICT (org_id, connection_id) DO UPDATE
    SET concurrency = coalesce(%(concurrency)s, request_budget.concurrency),
        pause_until = greatest(request_budget.pause_until, now() + make_interval(secs => %(pause)s)),
        updated_at = now()
    RETURNING concurrency, pause_until
), capacity AS (
    SELECT store.*, budget.*, greatest(1, floor(least(concurrency, %(most)s))::integer) AS known,
           greatest(1, floor(least(concurrency, %(most)s, most))::integer) AS capacity
    FROM store CROSS JOIN budget
), share AS (
    SELECT *, CASE
            WHEN own > 0 AND waiting > 0 AND workers >= capacity THEN 0
            ELSE greatest(0, least(greatest(1, capacity / (workers + 1)), capacity - permits,
                                   greatest(own, capacity - permits - waiting_longer)))
        END AS granted
    FROM capacity
), lease AS (
    INSERT INTO connect.request_lease
        (org_id, connection_id, worker, store, permits, most, waiting_since, expires_at)
    SELECT connect.current_org(), %(connection_id)s, %(worker)s, %(store)s, greatest(granted, %(in_flight)s), known,
           CASE WHEN granted = 0 THEN clock_timestamp() END, clock_timestamp() + make_interval(secs => %(lease)s)
    FROM share
    ON CONFLICT (org_id, connection_id, worker) DO UPDATE
    SET permits = excluded.permits, most = excluded.most, expires_at = excluded.expires_at,
        waiting_since = CASE WHEN excluded.waiting_since IS NOT NULL
                             THEN coalesce(request_lease.waiting_since, excluded.waiting_since) END
)
SELECT concurrency, greatest(0, coalesce(extract(epoch FROM pause_until - now()), 0))::float AS pause, granted FROM share

-- leave_budget --
DELETE FROM connect.request_lease
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s
    AND (worker = %(worker)s OR expires_at < now() - interval '1 hour')

-- dead_since --
-- When a store was found dead that is remembered as dead.
SELECT open_until - make_interval(secs => %(seconds)s) FROM connect.request_budget
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND open_until > now()

-- open_circuit --
INSERT INTO connect.request_budget (org_id, connection_id, concurrency, open_until)
VALUES (connect.current_org(), %(connection_id)s, 1, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (org_id, connection_id) DO UPDATE SET open_until = excluded.open_until, updated_at = now()

-- known_records --
-- What is stored of these ids: enough to say new, changed or unchanged.
SELECT external_id, raw_hash, content_hash, sweep_hash, deletion_state
FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND external_id = ANY (%(ids)s) AND provider = %(provider)s

-- known_to_sweep --
-- What is stored of the ids that a sweep lists. What is in quarantine is read again, whatever its fields say: a record whose
-- answer was broken need not have changed to be whole again.
SELECT r.external_id, r.sweep_hash, r.deletion_state, q.external_id IS NOT NULL AS aside
FROM capture.sync_record AS r
LEFT JOIN capture.sync_quarantine AS q
    ON q.org_id = r.org_id AND q.connection_id = r.connection_id AND q.entity_type = r.entity_type
        AND q.external_id = r.external_id AND q.resolved_at IS NULL
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.external_id = ANY (%(ids)s) AND r.provider = %(provider)s

-- take_turns --
-- Only one transaction at a time writes records of an entity of a connection. Two would lock the same rows in different
-- orders, and a push would merge its fields into a payload that a page is replacing. What is written under the lock is
-- stamped by the clock, so that it is later than any list that was made before.
SELECT pg_advisory_xact_lock(capture.entity_lock(%(connection_id)s, %(entity_type)s))

-- keep_replaced --
-- The contents that `write_records` is about to replace move to the history, so each payload is stored once. One that the
-- history has, because it had come back, has its latest interval there, and those before in former_interval. A statement of
-- its own: a first pull has none, and payloads do not pass through it. Returns the time of the change.
WITH moment AS MATERIALIZED (
    SELECT clock_timestamp() AS at
), replaced AS (
    INSERT INTO capture.record_history
    (org_id, connection_id, entity_type, external_id, content_hash, provider, version_no, sync_data, exact_text,
     captured_at, run_id, superseded_at, superseded_run_id)
    SELECT r.org_id, r.connection_id, r.entity_type, r.external_id, r.content_hash, r.provider, r.version_no,
           r.sync_data, r.exact_text, r.captured_at, r.run_id,
           -- As `write_again` says it: a version ends when the next begins, also where the clock was put back.
           greatest(m.at, r.captured_at + interval '1 microsecond', r.deletion_at + interval '1 microsecond'), %(run_id)s
    FROM capture.sync_record AS r
    JOIN unnest(%(replacing)s::text[], %(content_hash)b::bytea[]) AS i (external_id, content_hash)
        ON i.external_id = r.external_id
    CROSS JOIN moment AS m
    WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
        AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.content_hash <> i.content_hash
        -- A list, so that PostgreSQL uses the index even if the statistics are those of a nearly empty table.
        AND r.external_id = ANY (%(replacing)s)
    ON CONFLICT (org_id, connection_id, entity_type, external_id, content_hash)
    DO UPDATE SET version_no = excluded.version_no, captured_at = excluded.captured_at, run_id = excluded.run_id,
        superseded_at = excluded.superseded_at, superseded_run_id = excluded.superseded_run_id
    RETURNING new.external_id, new.content_hash, new.superseded_at, old.version_no AS former_no,
        old.captured_at AS former_captured_at, old.run_id AS former_run_id, old.superseded_at AS former_superseded_at,
        old.superseded_run_id AS former_superseded_run_id
), former AS (
    INSERT INTO capture.former_interval
    (org_id, connection_id, entity_type, external_id, version_no, content_hash, captured_at, run_id, superseded_at,
     superseded_run_id)
    SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, external_id, former_no, content_hash,
           former_captured_at, former_run_id, former_superseded_at, former_superseded_run_id
    FROM replaced WHERE former_no IS NOT NULL
)
SELECT min(superseded_at) FROM replaced

-- write_records --
-- New and changed records of a page; `at`, if some replace another content, is when `keep_replaced` ended that one. Binary
-- parameters: as text the driver would escape each quote of each payload in Python.
WITH incoming AS (
    SELECT *, coalesce(%(at)s::timestamptz, clock_timestamp()) AS at
    FROM unnest(%(external_id)b::text[], %(sync_data)b::text[], %(exact_text)b::text[], %(content_hash)b::bytea[],
                %(raw_hash)b::bytea[], %(sweep_hash)b::bytea[], %(parent_id)b::text[], %(name)b::text[],
                %(code)b::text[], %(email)b::text[], %(remote_created_at)b::timestamptz[],
                %(remote_modified_at)b::timestamptz[])
        AS i (external_id, sync_data, exact_text, content_hash, raw_hash, sweep_hash, parent_id, name, code, email,
              remote_created_at, remote_modified_at)
), named AS (
    INSERT INTO capture.named_record (org_id, connection_id, entity_type, field, named_id, external_id)
    SELECT DISTINCT connect.current_org(), %(connection_id)s, %(entity_type)s, f.field, n.id #>> '{}', i.external_id
    FROM incoming AS i
    CROSS JOIN unnest(%(named_in)s::text[]) AS f (field)
    CROSS JOIN LATERAL jsonb_path_query(
        i.sync_data::jsonb -> f.field, '$[*] ? (@.type() == "number" || @.type() == "string")') AS n (id)
    ON CONFLICT DO NOTHING
)
INSERT INTO capture.sync_record AS r
(org_id, connection_id, entity_type, external_id, provider, sync_data, exact_text, content_hash, raw_hash, sweep_hash,
 parent_id, name, code, email, remote_created_at, remote_modified_at, first_captured_at, captured_at, run_id)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, i.external_id, %(provider)s, i.sync_data::jsonb,
       i.exact_text, i.content_hash, i.raw_hash, i.sweep_hash, i.parent_id, i.name, i.code, i.email,
       i.remote_created_at, i.remote_modified_at, i.at, i.at, %(run_id)s
FROM incoming AS i

-- write_again --
-- Ends `write_records` where some of the records are known.
ON CONFLICT (org_id, connection_id, entity_type, external_id, provider) DO UPDATE
SET sync_data = excluded.sync_data, exact_text = excluded.exact_text, content_hash = excluded.content_hash,
    raw_hash = excluded.raw_hash, sweep_hash = excluded.sweep_hash, parent_id = excluded.parent_id,
    name = excluded.name, code = excluded.code, email = excluded.email,
    remote_created_at = excluded.remote_created_at, remote_modified_at = excluded.remote_modified_at,
    captured_at = CASE WHEN r.content_hash = excluded.content_hash THEN r.captured_at
        ELSE greatest(excluded.captured_at, r.captured_at + interval '1 microsecond',
                      r.deletion_at + interval '1 microsecond') END,
    run_id = CASE WHEN r.content_hash = excluded.content_hash THEN r.run_id ELSE excluded.run_id END,
    version_no = r.version_no + (r.content_hash <> excluded.content_hash)::integer,
    deletion_state = 'present', deletion_evidence = NULL, pushed_only = false,
    deletion_at = CASE r.deletion_state
        WHEN 'deleted' THEN greatest(excluded.captured_at, r.captured_at + interval '1 microsecond',
                                     r.deletion_at + interval '1 microsecond')
        WHEN 'present' THEN r.deletion_at END

-- resolve_quarantine --
-- Records that were in quarantine and have now been read.
UPDATE capture.sync_quarantine SET resolved_at = now()
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND external_id = ANY (%(ids)s) AND resolved_at IS NULL

-- resolve_older --
-- Everything was read: what earlier pulls quarantined, also by its position in a list, is now read or gone.
UPDATE capture.sync_quarantine AS q SET resolved_at = now()
FROM capture.sync_ledger AS l
WHERE q.org_id = connect.current_org() AND q.connection_id = %(connection_id)s AND q.entity_type = %(entity_type)s
    AND q.resolved_at IS NULL AND q.run_id < %(run_id)s
    AND l.org_id = q.org_id AND l.run_id = q.run_id AND l.mode IN ('full', 'delta', 'preview')

-- write_quarantine --
INSERT INTO capture.sync_quarantine
(org_id, connection_id, entity_type, external_id, run_id, reason, request, status, raw)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(external_id)s, %(run_id)s, %(reason)s,
        %(request)s, %(status)s, %(raw)s)
ON CONFLICT (org_id, connection_id, entity_type, external_id) WHERE resolved_at IS NULL
DO UPDATE SET last_seen_at = now(), seen = sync_quarantine.seen + 1, run_id = excluded.run_id,
    reason = excluded.reason, request = excluded.request, status = excluded.status, raw = excluded.raw

-- write_page --
INSERT INTO capture.sync_page (org_id, run_id, kind, walk, low, high, ids, missing)
VALUES (connect.current_org(), %(run_id)s, %(kind)s, %(walk)s, %(low)s, %(high)s, %(ids)s, %(missing)s)

-- keep_page --
-- The last page of a commit. With it: how far the run is; that what was set aside has been read (`read`: found as it is
-- stored); and, of the first page of a list, what it told: the store's clock, and how many rows there are to read. The
-- rows of a sweep come on top of those that were read before it; a list that is resumed has its earlier rows in its total.
WITH page AS (
    INSERT INTO capture.sync_page (org_id, run_id, kind, walk, low, high, ids, missing)
    VALUES (connect.current_org(), %(run_id)s, %(kind)s, %(walk)s, %(low)s, %(high)s, %(ids)s, %(missing)s)
), resolved AS (
    UPDATE capture.sync_quarantine SET resolved_at = now()
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND external_id = ANY (%(read)s::text[]) AND resolved_at IS NULL
)
UPDATE capture.sync_ledger
SET new = new + %(new)s, changed = changed + %(changed)s, unchanged = unchanged + %(unchanged)s,
    swept = swept + %(swept)s,
    window_to = coalesce(window_to, %(window_to)s::timestamptz),
    detail = CASE WHEN %(total)s::bigint IS NULL THEN detail ELSE
        detail || jsonb_build_object('progress', coalesce(detail -> 'progress', '{}') || jsonb_build_object('total',
            %(total)s::bigint + CASE WHEN %(is_sweep)s THEN new + changed + unchanged ELSE 0 END)) END
WHERE org_id = connect.current_org() AND run_id = %(run_id)s

-- write_shape --
INSERT INTO capture.sync_shape
(org_id, connection_id, entity_type, field, json_type, first_run_id, last_run_id)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, s.field, s.json_type, %(run_id)s, %(run_id)s
FROM unnest(%(fields)s::text[], %(types)s::text[]) AS s (field, json_type)
ON CONFLICT (org_id, connection_id, entity_type, field, json_type)
DO UPDATE SET last_run_id = excluded.last_run_id WHERE sync_shape.last_run_id <> excluded.last_run_id

-- mark_changed --
INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, changed_at)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, clock_timestamp())
ON CONFLICT (org_id, connection_id, entity_type)
DO UPDATE SET changed_at = excluded.changed_at, updated_at = now()

-- set_currency --
UPDATE connect.organization SET currency = %(currency)s
WHERE org_id = connect.current_org() AND currency IS NULL AND %(currency)s ~ '^[A-Z]{3}$'

-- currencies --
-- The organization's currency, and the one that was set for this connection's prices.
SELECT o.currency AS ours, o.name, c.settings ->> 'currency' AS own
FROM connect.organization AS o
JOIN connect.integration_connector AS c ON c.org_id = o.org_id AND c.connection_id = %(connection_id)s
WHERE o.org_id = connect.current_org()

-- opening --
-- Where the entity stands: its watermark, and its newest run if that did not close: it is resumed. The caller holds the
-- entity's lock, so nobody else works on it.
SELECT c.watermark, c.swept_at, u.run_id, u.mode, u.state, u.window_from, u.window_to, u.started_at
FROM (SELECT connect.current_org() AS org_id) AS o
LEFT JOIN capture.sync_cursor AS c
    ON c.org_id = o.org_id AND c.connection_id = %(connection_id)s AND c.entity_type = %(entity_type)s
LEFT JOIN LATERAL (
    SELECT run_id, mode, state, window_from, window_to, started_at FROM capture.sync_ledger AS l
    WHERE l.org_id = o.org_id AND l.connection_id = %(connection_id)s AND l.entity_type = %(entity_type)s
        AND l.mode IN ('full', 'delta')
    ORDER BY l.run_id DESC LIMIT 1) AS u ON u.state <> 'closed' AND u.started_at > now() - interval '24 hours'

-- deltas_since_sweep --
-- Among the newest runs: whether a sweep is due is known from as many as may pass without one.
SELECT count(*) FROM (
    SELECT started_at FROM capture.sync_ledger
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND mode = 'delta' AND state = 'closed'
    ORDER BY run_id DESC LIMIT %(at_most)s
) AS l
WHERE l.started_at >= coalesce(%(swept_at)s, '-infinity'::timestamptz)

-- open_run --
-- A row of the ledger with its log. Runs that were left open will never be resumed.
WITH opened AS (
    INSERT INTO capture.sync_ledger
    (org_id, connection_id, entity_type, mode, window_from, orchestrator_run)
    VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(mode)s, %(window_from)s, %(orchestrator_run)s)
    RETURNING run_id
), logged AS (
    INSERT INTO capture.sync_logs (org_id, connection_id, entity_type, kind, run_id)
    SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, 'pull', run_id FROM opened
), abandoned AS (
    UPDATE capture.sync_ledger SET state = 'failed', error = coalesce(error, 'was killed'), finished_at = now()
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND state = 'open'
    RETURNING run_id
), ended AS (
    UPDATE capture.sync_logs SET status = 'failed', error_message = 'was killed', finished_at = now()
    WHERE org_id = connect.current_org() AND status = 'running' AND run_id IN (SELECT run_id FROM abandoned)
)
SELECT run_id FROM opened

-- resume_run --
UPDATE capture.sync_ledger
SET state = 'open', resumed = resumed + 1, error = NULL, finished_at = NULL,
    orchestrator_run = coalesce(%(orchestrator_run)s, orchestrator_run),
    detail = detail || jsonb_build_object('progress', coalesce(detail -> 'progress', '{}') || jsonb_build_object(
        'resumed_at', clock_timestamp(), 'resumed_rows', new + changed + unchanged + swept, 'again', %(again)s::boolean))
WHERE org_id = connect.current_org() AND run_id = %(run_id)s

-- abandon_runs --
-- Beside the run that is resumed, runs that will never be.
WITH abandoned AS (
    UPDATE capture.sync_ledger SET state = 'failed', error = coalesce(error, 'was killed'), finished_at = now()
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND state = 'open' AND run_id <> %(run_id)s
    RETURNING run_id
)
UPDATE capture.sync_logs SET status = 'failed', error_message = 'was killed', finished_at = now()
WHERE org_id = connect.current_org() AND status = 'running' AND run_id IN (SELECT run_id FROM abandoned)

-- note_clock --
-- Of a list that failed: the next watermark is the store's clock at the first answer.
UPDATE capture.sync_ledger SET window_to = coalesce(window_to, %(window_to)s)
WHERE org_id = connect.current_org() AND run_id = %(run_id)s

-- pages --
SELECT kind, walk, low, high, cardinality(ids) AS size FROM capture.sync_page
WHERE org_id = connect.current_org() AND run_id = %(run_id)s AND low IS NOT NULL ORDER BY page_no

-- pages_written --
SELECT count(*) FROM capture.sync_page WHERE org_id = connect.current_org() AND run_id = %(run_id)s

-- forget_run_pages --
DELETE FROM capture.sync_page WHERE org_id = connect.current_org() AND run_id = %(run_id)s

-- unfetched --
-- Ids that a sweep found different (in `missing` of its page) and no later fetch has read.
SELECT m.id FROM capture.sync_page AS p CROSS JOIN unnest(p.missing) AS m (id)
WHERE p.org_id = connect.current_org() AND p.run_id = %(run_id)s AND p.kind = 'sweep'
EXCEPT
SELECT m.id FROM capture.sync_page AS f CROSS JOIN unnest(f.ids || f.missing) AS m (id)
WHERE f.org_id = connect.current_org() AND f.run_id = %(run_id)s AND f.kind = 'fetch'

-- few_as_known --
-- Of a run of a few pages: is everything that was listed captured, nothing in quarantine, nothing gone or still to be
-- fetched, nothing missing of what is known, and no question about missing records open or answered? Then no id needs a
-- closer look. Known records that are missing show in the numbers: those there are, and those of them that were listed.
WITH seen AS MATERIALIZED (
    SELECT id, bool_or(kind <> 'sweep') AS read, bool_or(kind = 'sweep') AS swept
    FROM capture.sync_page CROSS JOIN LATERAL unnest(ids) AS i (id)
    WHERE org_id = connect.current_org() AND run_id = %(run_id)s
    GROUP BY id
), known AS (
    SELECT count(*) AS expected, count(r.external_id) AS captured,
           count(*) FILTER (WHERE s.read) AS read, count(*) FILTER (WHERE s.swept) AS swept,
           count(*) FILTER (WHERE r.deletion_state <> 'deleted' AND r.captured_at < %(started_at)s) AS listed
    FROM seen AS s
    LEFT JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
            AND r.entity_type = %(entity_type)s AND r.external_id = s.id AND r.provider = %(provider)s
)
SELECT expected, read, swept, captured = expected
    AND NOT EXISTS (
        SELECT 1 FROM capture.sync_page
        WHERE org_id = connect.current_org() AND run_id = %(run_id)s AND missing <> '{}')
    AND NOT EXISTS (
        SELECT 1 FROM capture.sync_quarantine
        WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
            AND run_id = %(run_id)s AND resolved_at IS NULL)
    AND NOT EXISTS (
        SELECT 1 FROM observe.decision
        WHERE org_id = connect.current_org() AND cause = %(cause)s AND connection_id = %(connection_id)s
            AND entity_type = %(entity_type)s AND (answered_at IS NULL OR outcome IS NULL))
    AND (NOT %(complete)s OR listed = (
        SELECT count(*) FROM capture.sync_record
        WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
            AND provider = %(provider)s AND deletion_state <> 'deleted' AND captured_at < %(started_at)s)) AS as_known
FROM known

-- stage_seen --
CREATE TEMP TABLE seen ON COMMIT DROP AS
SELECT id, bool_or(read) AS read, bool_or(swept) AS swept, bool_or(gone) AS gone
FROM (
    SELECT unnest(ids) AS id, kind IN ('walk', 'fetch') AS read, kind = 'sweep' AS swept, false AS gone
    FROM capture.sync_page
    WHERE org_id = connect.current_org() AND run_id = %(run_id)s
    UNION ALL
    SELECT unnest(missing), false, false, true FROM capture.sync_page
    WHERE org_id = connect.current_org() AND run_id = %(run_id)s AND kind = 'fetch'
) AS listed
GROUP BY id

-- analyze_seen --
ANALYZE seen

-- balance --
-- The sums of the ledger: every listed id is captured, in quarantine, or vanished. And how many of them were read, and how
-- many listed by a sweep, each once: pages overlap.
SELECT count(*) AS expected,
       count(*) FILTER (WHERE s.read AND q.external_id IS NULL) AS read, count(*) FILTER (WHERE s.swept) AS swept,
       count(*) FILTER (WHERE q.external_id IS NOT NULL) AS quarantined,
       count(*) FILTER (WHERE q.external_id IS NULL AND s.gone AND NOT s.read) AS vanished,
       count(*) FILTER (WHERE q.external_id IS NULL AND NOT (s.gone AND NOT s.read)
                              AND r.external_id IS NOT NULL) AS captured
FROM seen AS s
LEFT JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
        AND r.entity_type = %(entity_type)s AND r.external_id = s.id AND r.provider = %(provider)s
LEFT JOIN capture.sync_quarantine AS q
    ON q.org_id = connect.current_org() AND q.connection_id = %(connection_id)s
        AND q.entity_type = %(entity_type)s AND q.external_id = s.id AND q.run_id = %(run_id)s
        AND q.resolved_at IS NULL

-- suspects --
-- Known records that are missing from a complete list, and those that were listed and not found when fetched.
SELECT r.external_id, r.parent_id, r.deletion_state, coalesce(r.deletion_evidence = 'kept', false) AS kept
FROM capture.sync_record AS r
LEFT JOIN seen AS s ON s.id = r.external_id
LEFT JOIN capture.sync_quarantine AS q
    ON q.org_id = r.org_id AND q.connection_id = r.connection_id AND q.entity_type = r.entity_type
        AND q.external_id = r.external_id AND q.run_id = %(run_id)s AND q.resolved_at IS NULL
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.deletion_state <> 'deleted' AND r.captured_at < %(started_at)s
    AND q.external_id IS NULL
    AND (s.id IS NULL OR (s.gone AND NOT s.read))
ORDER BY length(r.external_id), r.external_id

-- vanished --
-- Without a complete list: only records that were listed and not found when fetched.
SELECT r.external_id, r.parent_id, r.deletion_state, coalesce(r.deletion_evidence = 'kept', false) AS kept
FROM seen AS s JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
        AND r.provider = %(provider)s AND r.external_id = s.id
WHERE s.gone AND NOT s.read AND r.deletion_state <> 'deleted' AND r.captured_at < %(started_at)s
ORDER BY length(r.external_id), r.external_id

-- present_count --
-- The records there were when the run began: those it has changed since, too.
SELECT count(*) FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND deletion_state <> 'deleted'
    AND (captured_at < %(started_at)s OR version_no > 1)

-- suspect --
UPDATE capture.sync_record SET deletion_state = 'suspected', deletion_at = now(), deletion_evidence = 'not listed'
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = ANY (%(ids)s) AND deletion_state = 'present'

-- keep --
-- A person decided that these records stay.
UPDATE capture.sync_record SET deletion_evidence = 'kept'
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = ANY (%(ids)s) AND deletion_state = 'suspected'

-- confirm_deleted --
UPDATE capture.sync_record AS r
SET deletion_state = 'deleted', deletion_at = clock_timestamp(), deletion_evidence = e.evidence
FROM unnest(%(ids)s::text[], %(evidence)s::text[]) AS e (external_id, evidence)
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = e.external_id AND r.deletion_state <> 'deleted'

-- unsuspect --
UPDATE capture.sync_record SET deletion_state = 'present', deletion_at = NULL, deletion_evidence = NULL
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = ANY (%(ids)s) AND deletion_state = 'suspected'

-- open_quarantine --
SELECT external_id FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND run_id = %(run_id)s AND resolved_at IS NULL
ORDER BY length(external_id), external_id

-- close_run --
-- Ends a run, in one statement: the ledger and the log are closed, and the audit log has its line (capture.closed or
-- capture.failed). Of what was read, all that is not new or changed is unchanged, whatever pages counted twice. If it
-- `moves`, the watermark moves with it; a full read sets it, whatever it was, and none is ever
-- farther in the future than a store's clock is trusted. Unless the run failed, the connection works, and the evidence of
-- earlier runs is no longer needed; their counts stay.
WITH advanced AS (
    INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, watermark, full_at, swept_at)
    SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, %(watermark)s,
           CASE WHEN %(was_full)s THEN now() END, CASE WHEN %(was_swept)s THEN %(started_at)s::timestamptz END
    WHERE %(moves)s
    ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE
    SET watermark = CASE WHEN %(was_full)s THEN excluded.watermark
                         ELSE least(greatest(sync_cursor.watermark, excluded.watermark), now() + interval '3 hours') END,
        full_at = coalesce(excluded.full_at, sync_cursor.full_at),
        swept_at = coalesce(excluded.swept_at, sync_cursor.swept_at), updated_at = now()
    RETURNING watermark
), closed AS (
    UPDATE capture.sync_ledger
    SET state = %(state)s, expected = %(expected)s, captured = %(captured)s, quarantined = %(quarantined)s,
        vanished = %(vanished)s, unchanged = greatest(0, %(read)s - new - changed), swept = %(swept)s,
        deleted = deleted + %(deleted)s, requests = requests + %(requests)s,
        bytes = bytes + %(bytes)s, seconds = seconds + %(seconds)s, capped = %(capped)s, error = %(error)s,
        detail = (detail - 'progress') || %(detail)s::jsonb, finished_at = now()
    WHERE org_id = connect.current_org() AND run_id = %(run_id)s
    RETURNING *
), logged AS (
    UPDATE capture.sync_logs AS l
    SET status = CASE WHEN c.error IS NULL THEN 'success' ELSE 'failed' END, records_synced = c.new + c.changed,
        skipped = c.quarantined, error_message = c.error, finished_at = now()
    FROM closed AS c
    WHERE l.org_id = connect.current_org() AND l.run_id = %(run_id)s AND l.status = 'running'
), told AS (
    INSERT INTO observe.sync_activity (org_id, connection_id, entity_type, event, actor, detail)
    SELECT org_id, connection_id, entity_type, 'capture.' || state, %(actor)s, jsonb_build_object(
        'run', run_id, 'mode', mode, 'new', new, 'changed', changed, 'deleted', deleted, 'quarantined', quarantined,
        'error', error)
    FROM closed
), forgotten AS (
    DELETE FROM capture.sync_page
    WHERE %(error)s::text IS NULL AND org_id = connect.current_org() AND run_id < %(run_id)s
        AND run_id IN (SELECT run_id FROM capture.sync_ledger
                       WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s
                           AND entity_type = %(entity_type)s AND run_id < %(run_id)s AND run_id >= %(run_id)s - 100000)
), touched AS (
    UPDATE connect.integration_connector
    SET last_sync_at = now(), health = 'healthy', health_detail = NULL, health_checked_at = now()
    WHERE %(error)s::text IS NULL AND org_id = connect.current_org() AND connection_id = %(connection_id)s
)
SELECT c.new, c.changed, c.unchanged, c.swept, c.resumed, c.deleted,
       coalesce(a.watermark, s.watermark) AS watermark
FROM closed AS c
LEFT JOIN advanced AS a ON true
LEFT JOIN capture.sync_cursor AS s -- as it was
    ON s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s

-- fail_connection --
UPDATE connect.integration_connector
SET health = 'failing', health_detail = %(detail)s, health_checked_at = now()
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s

-- parents --
-- Records that may have a list of their own.
SELECT external_id, coalesce(exact_text, sync_data::text) AS payload, captured_at
FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND deletion_state = 'present' AND external_id > %(after)s
ORDER BY external_id LIMIT 1000
