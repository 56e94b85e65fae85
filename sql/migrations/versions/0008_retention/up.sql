-- What only grows may be deleted when it is old, by settings that are off by default (docs/operations.md).

-- From then on a promotion's images are deleted: it cannot be undone.
ALTER TABLE promote.sync_queue ADD COLUMN undo_ended_at timestamptz;
CREATE OR REPLACE VIEW promote.woo_customer_sync_queue WITH (security_invoker = true) AS SELECT * FROM promote.sync_queue;

-- Plans that nothing will be done with any more, and since when: not waiting, not undoable.
CREATE VIEW selection.closed_plan WITH (security_invoker = true) AS
SELECT p.org_id, p.plan_id, q.queue_id, greatest(p.created_at, p.applied_at, p.undone_at, q.finished_at) AS closed_at
FROM selection.sync_plan AS p
LEFT JOIN promote.sync_queue AS q ON q.org_id = p.org_id AND q.plan_id = p.plan_id
WHERE p.state IN ('applied', 'refused', 'undone') AND (q.queue_id IS NULL OR (
    q.finished_at IS NOT NULL AND q.undo_ended_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM promote.core_change AS c WHERE c.org_id = q.org_id AND c.queue_id = q.queue_id)));

-- The application appends to these tables, and deletes what is older than a month, whatever a setting says.
GRANT DELETE ON capture.record_history, selection.sync_plan_item, promote.conflict, promote.core_change,
    observe.sync_activity TO sync_app;
-- A content that had come back and is replaced again is as old as that.
GRANT UPDATE (superseded_at, superseded_run_id, version_no) ON capture.record_history TO sync_app;
CREATE POLICY retention ON capture.record_history AS RESTRICTIVE FOR DELETE
USING (superseded_at < now() - interval '30 days');
CREATE POLICY retention ON promote.conflict AS RESTRICTIVE FOR DELETE USING (decided_at < now() - interval '30 days');
CREATE POLICY retention ON observe.sync_activity AS RESTRICTIVE FOR DELETE
USING (occurred_at < now() - interval '30 days');
CREATE POLICY retention ON promote.core_change AS RESTRICTIVE FOR DELETE USING (EXISTS (
    SELECT 1 FROM promote.sync_queue AS q
    WHERE q.org_id = core_change.org_id AND q.queue_id = core_change.queue_id AND q.undo_ended_at IS NOT NULL
        AND q.finished_at < now() - interval '30 days'));
CREATE POLICY retention ON selection.sync_plan_item AS RESTRICTIVE FOR DELETE USING (EXISTS (
    SELECT 1 FROM selection.closed_plan AS p
    WHERE p.org_id = sync_plan_item.org_id AND p.plan_id = sync_plan_item.plan_id
        AND p.closed_at < now() - interval '30 days'));
