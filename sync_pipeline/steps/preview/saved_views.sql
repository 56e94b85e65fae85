-- saved_views --
SELECT view_id, name, shown, made_by, made_at FROM preview.saved_view
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
ORDER BY name LIMIT %(most)s

-- save_view --
-- One at a time for a connection, so that two people cannot both take the last place.
WITH turn AS (
    SELECT pg_advisory_xact_lock(hashtextextended('saved views', %(connection_id)s)) AS taken
)
INSERT INTO preview.saved_view (org_id, connection_id, entity_type, name, shown, made_by, token_id)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, %(name)s, %(shown)s::jsonb, %(actor)s, %(token_id)s
FROM turn
ON CONFLICT (org_id, connection_id, entity_type, name) DO NOTHING
RETURNING view_id

-- count_views --
SELECT count(*) AS views FROM preview.saved_view
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s

-- find_view --
SELECT view_id, name, made_by, token_id, entity_type FROM preview.saved_view
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND view_id = %(view_id)s

-- delete_view --
DELETE FROM preview.saved_view WHERE org_id = connect.current_org() AND view_id = %(view_id)s
