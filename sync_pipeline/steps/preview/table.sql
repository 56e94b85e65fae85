-- table_totals --
-- How many records an entity has and how many differ, without counting them: from the last comparison, if nothing was
-- captured since (else null), and from the tally. `moved` is another value once a difference or a decision was written.
-- What is captured or decided after `as_of` is later than the list: the rows are read after it, under this lock. While
-- somebody writes, what they write may carry an earlier time than now: then it is the time of the last commit.
SELECT (SELECT s.in_sync + s.new + s.updated
        FROM capture.sync_cursor AS c JOIN preview.summary AS s
            ON s.org_id = c.org_id AND s.connection_id = c.connection_id AND s.entity_type = c.entity_type
                AND s.changed_at = c.changed_at
        WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s
            AND c.entity_type = %(entity_type)s) AS present,
       coalesce(sum(t.records) FILTER (WHERE t.status = 'new'), 0)::bigint AS new,
       coalesce(sum(t.records) FILTER (WHERE t.status = 'updated'), 0)::bigint AS updated,
       coalesce(sum(t.records) FILTER (WHERE t.status = 'deleted'), 0)::bigint AS deleted,
       concat_ws('/', count(*), max(t.tally_id), sum(t.tally_id)) AS moved,
       (SELECT CASE
            WHEN pg_try_advisory_xact_lock_shared(capture.entity_lock(%(connection_id)s, %(entity_type)s))
            THEN clock_timestamp()
            ELSE coalesce((
                SELECT c.changed_at FROM capture.sync_cursor AS c
                WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s
                    AND c.entity_type = %(entity_type)s), 'epoch') END) AS as_of
FROM preview.tally AS t
WHERE t.org_id = connect.current_org() AND t.connection_id = %(connection_id)s AND t.entity_type = %(entity_type)s

-- count_present --
SELECT count(*) FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND deletion_state <> 'deleted'

-- table_search --
SELECT external_id, deleted
FROM capture.search(%(connection_id)s, %(entity_type)s, %(term)s, %(at_most)s)
ORDER BY length(external_id), external_id

-- seen_deleted --
-- Deleted records whose deletion is not in core yet.
SELECT external_id FROM preview.difference
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND status = 'deleted' AND external_id = ANY (%(ids)s)

-- table_rows --
-- The columns of some records. Payloads that nobody asked for are not read: some are of megabytes.
SELECT r.external_id, r.version, r.name, r.code, r.email,
       CASE WHEN %(payload)s THEN coalesce(r.exact_text, r.sync_data::text) END AS raw,
       coalesce(r.status, 'in_sync') AS status, r.warnings,
       ARRAY(SELECT jsonb_object_keys(r.followed -> 'fields') ORDER BY 1) AS followed,
       r.decision, coalesce(r.draft, false) AS draft, r.cause, r.withdrawn_by, r.withdrawn_at, r.why
FROM selection.record_now AS r
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = ANY (%(ids)s)

-- table_changes --
-- The changed fields of some records: the promoted version against the captured one. The promoted version of a changed
-- record is in the history, where it is looked up record by record.
SELECT r.external_id, preview.changed_fields(h.sync_data - %(noise)s::text[], r.sync_data - %(noise)s::text[]) AS fields
FROM capture.sync_record AS r
JOIN preview.difference AS d
    ON d.org_id = r.org_id AND d.connection_id = r.connection_id AND d.entity_type = r.entity_type
        AND d.external_id = r.external_id AND d.status = 'updated'
CROSS JOIN LATERAL (
    SELECT v.sync_data FROM capture.record_history AS v
    WHERE v.org_id = r.org_id AND v.connection_id = r.connection_id AND v.entity_type = r.entity_type
        AND v.external_id = r.external_id AND v.content_hash = d.promoted_hash LIMIT 1) AS h
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = ANY (%(ids)s)
