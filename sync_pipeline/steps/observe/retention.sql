-- end_undo --
-- Promotions that are older cannot be undone from now on. One that overlaps a promotion that still can be keeps its
-- images: undoing that one asks what was written after it.
-- Core as of an earlier time is not known any more either.
WITH ended AS (
    UPDATE promote.sync_queue AS q SET undo_ended_at = now()
    WHERE q.org_id = connect.current_org() AND q.undo_ended_at IS NULL
        AND q.finished_at < now() - make_interval(days => %(days)s)
        AND NOT EXISTS (
            SELECT 1 FROM promote.sync_queue AS k
            WHERE k.org_id = q.org_id AND k.undone_at IS NULL AND k.created_at < q.finished_at
                AND (k.finished_at IS NULL OR k.finished_at >= now() - make_interval(days => %(days)s)))
    RETURNING q.finished_at
), known AS (SELECT max(finished_at) AS since FROM ended)
UPDATE connect.organization AS o SET core_since = greatest(o.core_since, k.since)
FROM known AS k WHERE o.org_id = connect.current_org() AND k.since IS NOT NULL

-- delete_core_changes --
DELETE FROM promote.core_change AS c USING (
    SELECT o.queue_id, o.change_id
    FROM promote.sync_queue AS q JOIN promote.core_change AS o ON o.org_id = q.org_id AND o.queue_id = q.queue_id
    WHERE q.org_id = connect.current_org() AND q.undo_ended_at IS NOT NULL
        AND q.finished_at < now() - make_interval(days => %(days)s)
    LIMIT %(at_most)s) AS old
WHERE c.org_id = connect.current_org() AND c.queue_id = old.queue_id AND c.change_id = old.change_id

-- delete_queue_lines --
DELETE FROM promote.sync_queue_line AS l USING (
    SELECT o.queue_id, o.line_no
    FROM selection.closed_plan AS p JOIN promote.sync_queue_line AS o ON o.org_id = p.org_id AND o.queue_id = p.queue_id
    WHERE p.org_id = connect.current_org() AND p.closed_at < now() - make_interval(days => %(days)s)
    LIMIT %(at_most)s) AS old
WHERE l.org_id = connect.current_org() AND l.queue_id = old.queue_id AND l.line_no = old.line_no

-- delete_plan_items --
DELETE FROM selection.sync_plan_item AS i USING (
    SELECT o.plan_id, o.connection_id, o.entity_type, o.external_id
    FROM selection.closed_plan AS p JOIN selection.sync_plan_item AS o ON o.org_id = p.org_id AND o.plan_id = p.plan_id
    WHERE p.org_id = connect.current_org() AND p.closed_at < now() - make_interval(days => %(days)s)
    LIMIT %(at_most)s) AS old
WHERE i.org_id = connect.current_org() AND i.plan_id = old.plan_id AND i.connection_id = old.connection_id
    AND i.entity_type = old.entity_type AND i.external_id = old.external_id

-- delete_plans --
-- A plan and its queue, when their items and lines are deleted.
WITH old AS (
    SELECT p.plan_id, p.queue_id FROM selection.closed_plan AS p
    WHERE p.org_id = connect.current_org() AND p.closed_at < now() - make_interval(days => %(days)s)
        AND NOT EXISTS (
            SELECT 1 FROM selection.sync_plan_item AS i WHERE i.org_id = p.org_id AND i.plan_id = p.plan_id)
        AND NOT EXISTS (
            SELECT 1 FROM promote.sync_queue_line AS l WHERE l.org_id = p.org_id AND l.queue_id = p.queue_id)
    LIMIT %(at_most)s),
queues AS (
    DELETE FROM promote.sync_queue AS q USING old
    WHERE q.org_id = connect.current_org() AND q.queue_id = old.queue_id)
DELETE FROM selection.sync_plan AS p USING old WHERE p.org_id = connect.current_org() AND p.plan_id = old.plan_id

-- delete_conflicts --
-- Those of promotions that are deleted.
DELETE FROM promote.conflict AS c USING (
    SELECT o.conflict_id FROM promote.conflict AS o
    WHERE o.org_id = connect.current_org() AND o.decided_at < now() - make_interval(days => %(days)s)
        AND NOT EXISTS (
            SELECT 1 FROM promote.sync_queue AS q WHERE q.org_id = o.org_id AND q.queue_id = o.queue_id)
    LIMIT %(at_most)s) AS old
WHERE c.org_id = connect.current_org() AND c.conflict_id = old.conflict_id

-- delete_selections --
-- Selections that no record's decision and no plan refers to, and that wait for no plan.
DELETE FROM selection.selection_batch AS b USING (
    SELECT o.batch_id FROM selection.selection_batch AS o
    WHERE o.org_id = connect.current_org() AND o.decided_at < now() - make_interval(days => %(days)s)
        AND NOT (o.decision = 'include' AND NOT o.draft AND o.plan_id IS NULL)
        AND NOT EXISTS (
            SELECT 1 FROM selection.sync_plan AS p WHERE p.org_id = o.org_id AND p.plan_id = o.plan_id)
        AND NOT EXISTS (
            SELECT 1 FROM selection.sync_selective_config AS s WHERE s.org_id = o.org_id AND s.batch_id = o.batch_id)
    LIMIT %(at_most)s) AS old
WHERE b.org_id = connect.current_org() AND b.batch_id = old.batch_id

-- delete_versions --
-- Former contents of records. What core has, and what a plan that is kept promotes or would undo to, stays; and those of
-- orders, by which promotion knows products that the store has emptied since. With a content go its earlier intervals.
WITH old AS (
    SELECT o.connection_id, o.entity_type, o.external_id, o.content_hash FROM capture.record_history AS o
    WHERE o.org_id = connect.current_org() AND o.superseded_at < now() - make_interval(days => %(days)s)
        AND o.entity_type <> ALL (%(recalled)s)
        AND NOT EXISTS (
            SELECT 1 FROM promote.integration_mapping AS m
            WHERE m.org_id = o.org_id AND m.connection_id = o.connection_id AND m.entity_type = o.entity_type
                AND m.external_id = o.external_id AND m.promoted_hash = o.content_hash)
        AND NOT EXISTS (
            SELECT 1 FROM selection.sync_plan_item AS i
            WHERE i.org_id = o.org_id AND i.connection_id = o.connection_id AND i.entity_type = o.entity_type
                AND i.external_id = o.external_id AND i.content_hash = o.content_hash)
        AND NOT EXISTS (
            SELECT 1 FROM selection.sync_plan_item AS i
            WHERE i.org_id = o.org_id AND i.connection_id = o.connection_id AND i.entity_type = o.entity_type
                AND i.external_id = o.external_id AND i.promoted_hash = o.content_hash)
    LIMIT %(at_most)s),
intervals AS (
    DELETE FROM capture.former_interval AS f USING old
    WHERE f.org_id = connect.current_org() AND f.connection_id = old.connection_id AND f.entity_type = old.entity_type
        AND f.external_id = old.external_id AND f.content_hash = old.content_hash)
DELETE FROM capture.record_history AS h USING old
WHERE h.org_id = connect.current_org() AND h.connection_id = old.connection_id AND h.entity_type = old.entity_type
    AND h.external_id = old.external_id AND h.content_hash = old.content_hash

-- delete_intervals --
-- When a content that came back was there before. Those of orders stay, as their contents do.
DELETE FROM capture.former_interval AS f USING (
    SELECT o.connection_id, o.entity_type, o.external_id, o.captured_at FROM capture.former_interval AS o
    WHERE o.org_id = connect.current_org() AND o.superseded_at < now() - make_interval(days => %(days)s)
        AND o.entity_type <> ALL (%(recalled)s)
    LIMIT %(at_most)s) AS old
WHERE f.org_id = connect.current_org() AND f.connection_id = old.connection_id AND f.entity_type = old.entity_type
    AND f.external_id = old.external_id AND f.captured_at = old.captured_at

-- delete_runs --
-- Runs of captures, with the pages of those that were never resumed. Of each entity stay the first full run and the last
-- of each kind, which drift, status and the next run compare with; the deltas since its last sweep, which are counted until
-- the next (`sweep_every` is 1,000 at most); runs with a record in quarantine; and pushes that wrote a record's content.
WITH old AS (
    SELECT l.run_id
    FROM (
        SELECT
            r.*, row_number() OVER (kind ORDER BY r.run_id DESC) AS from_last,
            row_number() OVER (kind ORDER BY r.run_id) AS from_first,
            row_number() OVER (PARTITION BY r.connection_id, r.entity_type, r.mode, r.state ORDER BY r.run_id DESC)
                AS from_last_so
        FROM capture.sync_ledger AS r WHERE r.org_id = connect.current_org()
        WINDOW kind AS (PARTITION BY r.connection_id, r.entity_type, r.mode)) AS l
    LEFT JOIN capture.sync_cursor AS c
        ON c.org_id = l.org_id AND c.connection_id = l.connection_id AND c.entity_type = l.entity_type
    WHERE l.state <> 'open' AND l.started_at < now() - make_interval(days => %(days)s)
        AND NOT (l.mode = 'full' AND (l.from_first = 1 OR l.from_last_so = 1))
        AND NOT (l.mode IN ('full', 'delta', 'preview') AND l.from_last = 1)
        AND NOT (l.mode = 'delta' AND l.from_last <= 1000
            AND l.started_at >= coalesce(c.swept_at, '-infinity'::timestamptz))
        AND NOT EXISTS (
            SELECT 1 FROM capture.sync_quarantine AS q
            WHERE q.org_id = l.org_id AND q.run_id = l.run_id AND q.resolved_at IS NULL)
        AND NOT (l.mode = 'push' AND EXISTS (
            SELECT 1 FROM capture.sync_record AS r
            WHERE r.org_id = l.org_id AND r.connection_id = l.connection_id AND r.entity_type = l.entity_type
                AND r.run_id = l.run_id))
    LIMIT %(at_most)s),
pages AS (
    DELETE FROM capture.sync_page AS p USING old WHERE p.org_id = connect.current_org() AND p.run_id = old.run_id)
DELETE FROM capture.sync_ledger AS l USING old WHERE l.org_id = connect.current_org() AND l.run_id = old.run_id

-- delete_logs --
DELETE FROM capture.sync_logs AS l USING (
    SELECT o.log_id FROM capture.sync_logs AS o
    WHERE o.org_id = connect.current_org() AND o.status <> 'running'
        AND o.started_at < now() - make_interval(days => %(days)s)
    LIMIT %(at_most)s) AS old
WHERE l.org_id = connect.current_org() AND l.log_id = old.log_id

-- delete_resolved_quarantine --
DELETE FROM capture.sync_quarantine AS q USING (
    SELECT o.quarantine_id FROM capture.sync_quarantine AS o
    WHERE o.org_id = connect.current_org() AND o.resolved_at < now() - make_interval(days => %(days)s)
    LIMIT %(at_most)s) AS old
WHERE q.org_id = connect.current_org() AND q.quarantine_id = old.quarantine_id

-- delete_activity --
DELETE FROM observe.sync_activity AS a USING (
    SELECT o.activity_id FROM observe.sync_activity AS o
    WHERE o.org_id = connect.current_org() AND o.occurred_at < now() - make_interval(days => %(days)s)
    LIMIT %(at_most)s) AS old
WHERE a.org_id = connect.current_org() AND a.activity_id = old.activity_id

-- delete_agent_calls --
DELETE FROM observe.agent_call AS a USING (
    SELECT call_id FROM observe.agent_call
    WHERE org_id = connect.current_org() AND called_at < now() - make_interval(days => %(days)s)
    ORDER BY called_at LIMIT %(at_most)s) AS old
WHERE a.org_id = connect.current_org() AND a.call_id = old.call_id

-- delete_validations --
-- Their rows go with them.
DELETE FROM observe.validation AS v USING (
    SELECT o.validation_id FROM observe.validation AS o
    WHERE o.org_id = connect.current_org() AND o.started_at < now() - make_interval(days => %(days)s)
        AND o.validation_id < (SELECT max(n.validation_id) FROM observe.validation AS n WHERE n.org_id = o.org_id)
        AND NOT EXISTS (
            SELECT 1 FROM observe.signoff AS s WHERE s.org_id = o.org_id AND s.validation_id = o.validation_id)
    ORDER BY o.validation_id LIMIT %(at_most)s) AS old
WHERE v.org_id = connect.current_org() AND v.validation_id = old.validation_id

-- delete_requests --
DELETE FROM observe.request AS r USING (
    SELECT o.request_id FROM observe.request AS o
    WHERE o.org_id = connect.current_org() AND o.state IN ('done', 'failed')
        AND o.finished_at < now() - make_interval(days => %(days)s)
    LIMIT %(at_most)s) AS old
WHERE r.org_id = connect.current_org() AND r.request_id = old.request_id

-- delete_idle_rates --
DELETE FROM connect.rate_limit AS t USING (
    SELECT o.subject FROM connect.rate_limit AS o
    WHERE o.org_id = connect.current_org() AND o.at_rest < now() - make_interval(days => %(days)s)
    LIMIT %(at_most)s) AS old
WHERE t.org_id = connect.current_org() AND t.subject = old.subject
