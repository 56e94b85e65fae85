-- find_request --
SELECT request_id, kind, state, orchestrator_run AS run_id, parameters, requested_by, requested_at, finished_at, error
FROM observe.request WHERE org_id = connect.current_org() AND request_id = %(request_id)s

-- requests --
SELECT request_id, kind, state, orchestrator_run AS run_id, parameters, requested_by, requested_at, finished_at, error
FROM observe.request
WHERE org_id = connect.current_org() AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY request_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- request_count --
SELECT count(*) FROM observe.request
WHERE org_id = connect.current_org() AND (%(state)s::text IS NULL OR state = %(state)s)
