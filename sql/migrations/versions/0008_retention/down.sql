DROP POLICY retention ON selection.sync_plan_item;
DROP POLICY retention ON promote.core_change;
DROP POLICY retention ON observe.sync_activity;
DROP POLICY retention ON promote.conflict;
DROP POLICY retention ON capture.record_history;
REVOKE UPDATE (superseded_at, superseded_run_id, version_no) ON capture.record_history FROM sync_app;
REVOKE DELETE ON capture.record_history, selection.sync_plan_item, promote.conflict, promote.core_change,
    observe.sync_activity FROM sync_app;
DROP VIEW selection.closed_plan;
DROP VIEW promote.woo_customer_sync_queue;
ALTER TABLE promote.sync_queue DROP COLUMN undo_ended_at;
CREATE VIEW promote.woo_customer_sync_queue WITH (security_invoker = true) AS SELECT * FROM promote.sync_queue;
