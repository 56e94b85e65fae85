-- count_decided --
-- How many differences are decided in their current version: what was decided in another, or is in core, is not joined.
SELECT status, decision, count(*) AS records FROM selection.difference_now
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s AND decided
GROUP BY status, decision

-- count_found --
-- The differences among the records that a search found, by status and decision.
SELECT status, decision, count(*) AS records FROM selection.difference_now
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND external_id = ANY (%(ids)s)
GROUP BY status, decision

-- browse_rows --
-- Some records in a few columns: long texts are cut, and what is large is left out, here and not on the way.
SELECT r.external_id, r.version, left(r.name, 500) AS name, left(r.code, 300) AS code, left(r.email, 300) AS email,
       coalesce(r.status, 'in_sync') AS status, r.deletion_state = 'deleted' AS gone, r.remote_modified_at, r.captured_at,
       coalesce(jsonb_array_length(r.warnings), 0) AS warned, left(r.warnings -> 0 ->> 'message', 500) AS warning,
       (SELECT jsonb_agg(
           CASE jsonb_typeof(r.sync_data -> k.field)
               WHEN 'string' THEN to_jsonb(left(r.sync_data ->> k.field, 300))
               WHEN 'number' THEN r.sync_data -> k.field
               WHEN 'boolean' THEN r.sync_data -> k.field
               ELSE CASE WHEN octet_length((r.sync_data -> k.field)::text) <= 2000 THEN r.sync_data -> k.field END
           END ORDER BY k.n)
        FROM unnest(%(fields)s::text[]) WITH ORDINALITY AS k (field, n)) AS cells,
       ARRAY(SELECT jsonb_object_keys(r.followed -> 'fields') ORDER BY 1) AS followed, r.decision, r.decided_by,
       r.decided_at, r.decided_why, r.draft, EXISTS (
           SELECT 1 FROM selection.selection_batch AS b
           WHERE b.org_id = r.org_id AND b.batch_id = r.batch_id AND b.agent) AS proposed,
       r.cause, r.withdrawn_by, r.withdrawn_at, r.why
FROM selection.record_now AS r
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
