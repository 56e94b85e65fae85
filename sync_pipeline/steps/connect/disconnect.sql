-- disconnect --
-- First, so that a plan that is being made waits or no longer finds it. No secret outlives the connection.
UPDATE connect.integration_connector
SET disabled_at = now(), updated_at = now(), credentials = '', health = 'unknown', health_detail = NULL, findings = '[]'
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s

-- plans_that_hold --
SELECT p.plan_id::text FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.state IN ('proposed', 'approved') AND EXISTS (
    SELECT 1 FROM selection.sync_plan_item AS i
    WHERE i.org_id = p.org_id AND i.plan_id = p.plan_id AND i.connection_id = %(connection_id)s)
ORDER BY p.created_at LIMIT 5

-- revoke_its_tokens --
UPDATE connect.api_token SET revoked_at = now()
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND revoked_at IS NULL

-- cancel_its_requests --
UPDATE observe.request SET state = 'failed', error = %(error)s, finished_at = now()
WHERE org_id = connect.current_org() AND state = 'waiting' AND parameters ->> 'connection' = %(name)s

-- former_connections --
SELECT name, provider, store_url, disabled_at AS disconnected_at FROM connect.integration_connector
WHERE org_id = connect.current_org() AND disabled_at IS NOT NULL AND (%(name)s::text IS NULL OR name = %(name)s)
ORDER BY disabled_at DESC LIMIT 100
