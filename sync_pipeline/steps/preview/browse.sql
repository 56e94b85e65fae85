-- count_decided --
-- How many differences are decided in their current version: what was decided in another, or is in core, is not joined.
SELECT d.status, s.decision, count(*) AS records
FROM preview.difference AS d
JOIN selection.sync_selective_config AS s
    ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
        AND s.external_id = d.external_id AND s.content_hash = d.content_hash
        AND s.seen_deleted = (d.status = 'deleted')
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
GROUP BY d.status, s.decision

-- count_found --
-- The differences among the records that a search found, by status and decision.
SELECT d.status, s.decision, count(*) AS records
FROM preview.difference AS d
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
        AND s.external_id = d.external_id AND s.content_hash = d.content_hash
        AND s.seen_deleted = (d.status = 'deleted')
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = ANY (%(ids)s)
GROUP BY d.status, s.decision

-- browse_rows --
-- Some records in a few columns: long texts are cut, and what is large is left out, here and not on the way.
SELECT r.external_id, preview.version_of(r.content_hash, r.deletion_state = 'deleted', d.followed) AS version,
       left(r.name, 500) AS name, left(r.code, 300) AS code, left(r.email, 300) AS email,
       coalesce(d.status, 'in_sync') AS status, r.remote_modified_at, r.captured_at,
       coalesce(jsonb_array_length(d.warnings), 0) AS warned, left(d.warnings -> 0 ->> 'message', 500) AS warning,
       (SELECT jsonb_agg(
           CASE jsonb_typeof(r.sync_data -> k.field)
               WHEN 'string' THEN to_jsonb(left(r.sync_data ->> k.field, 300))
               WHEN 'number' THEN r.sync_data -> k.field
               WHEN 'boolean' THEN r.sync_data -> k.field
               ELSE CASE WHEN octet_length((r.sync_data -> k.field)::text) <= 2000 THEN r.sync_data -> k.field END
           END ORDER BY k.n)
        FROM unnest(%(fields)s::text[]) WITH ORDINALITY AS k (field, n)) AS cells,
       ARRAY(SELECT jsonb_object_keys(d.followed -> 'fields') ORDER BY 1) AS followed,
       s.decision, s.decided_by, s.decided_at, s.why AS decided_why, s.draft,
       w.cause, w.withdrawn_by, w.withdrawn_at, w.why
FROM capture.sync_record AS r
LEFT JOIN preview.difference AS d
    ON d.org_id = r.org_id AND d.connection_id = r.connection_id AND d.entity_type = r.entity_type
        AND d.external_id = r.external_id
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = r.org_id AND s.connection_id = r.connection_id AND s.entity_type = r.entity_type
        AND s.external_id = r.external_id AND s.content_hash = r.content_hash
        AND s.seen_deleted = (r.deletion_state = 'deleted')
LEFT JOIN selection.withdrawal AS w
    ON s.external_id IS NULL AND w.org_id = r.org_id AND w.connection_id = r.connection_id
        AND w.entity_type = r.entity_type AND w.external_id = r.external_id AND w.content_hash = r.content_hash
        AND w.seen_deleted = (r.deletion_state = 'deleted')
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = ANY (%(ids)s)

-- records_beyond --
-- The ids of a part of the list, by id. What is in a policy's way is in sql/schema/56_pages.sql.
SELECT * FROM preview.records_beyond(
    %(connection_id)s, %(entity_type)s, %(provider)s, %(in_sync)s, %(beyond)s, %(falling)s, %(limit)s)

-- differences_beyond --
-- The same for records that differ, of each status so many: status by status is how the index has them.
SELECT found FROM unnest(%(statuses)s::text[]) AS status, LATERAL preview.differences_beyond(
    %(connection_id)s, %(entity_type)s, status, %(choice)s, %(warned)s, %(beyond)s, %(falling)s, %(limit)s) AS found
