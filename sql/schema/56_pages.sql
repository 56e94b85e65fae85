-- Pages of a list, which begin beyond a record.

-- By the store's time: a plain comparison, which reaches an index through row-level security.
CREATE INDEX sync_record_modified ON capture.sync_record
(org_id, connection_id, entity_type, remote_modified_at, external_id);

-- By id: “after 4711” compares lengths, and length() is not leakproof, so the policies keep it out of the index. Two
-- functions read there as a role that may, take the organization from the transaction, and give back ids alone. Nothing is
-- sorted: without statistics, after a first comparison, the planner would rather sort the whole list.
GRANT USAGE, CREATE ON SCHEMA preview TO sync_router;
GRANT SELECT ON preview.difference, selection.sync_selective_config, selection.difference_now TO sync_router;
CREATE POLICY router ON preview.difference FOR SELECT TO sync_router USING (true);
CREATE POLICY router ON selection.sync_selective_config FOR SELECT TO sync_router USING (true);

-- At most so many records of one entity beyond `beyond` (null: from the beginning), by id, or backwards if `falling`: those
-- in sync, or all but those whose deletion is in core.
CREATE FUNCTION preview.records_beyond(
    connection bigint, entity text, of_provider text, in_sync boolean, beyond text, falling boolean, at_most integer)
RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog SET enable_sort = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT r.external_id FROM capture.sync_record AS r
         WHERE r.org_id = $1 AND r.connection_id = $2 AND r.entity_type = $3 AND r.provider = $4
             AND ($5 IS NULL OR (length(r.external_id), r.external_id) %1$s (length($5), $5))
             AND CASE WHEN r.deletion_state = ''deleted'' THEN NOT $6 AND EXISTS (
                          SELECT FROM preview.difference AS d
                          WHERE d.org_id = $1 AND d.connection_id = $2 AND d.entity_type = $3
                              AND d.external_id = r.external_id AND d.status = ''deleted'')
                      ELSE NOT ($6 AND EXISTS (
                          SELECT FROM preview.difference AS d
                          WHERE d.org_id = $1 AND d.connection_id = $2 AND d.entity_type = $3
                              AND d.external_id = r.external_id)) END
         ORDER BY length(r.external_id) %2$s, r.external_id %2$s LIMIT $7',
        CASE WHEN falling THEN '<' ELSE '>' END, CASE WHEN falling THEN 'DESC' ELSE 'ASC' END)
    USING connect.current_org(), connection, entity, of_provider, beyond, in_sync, at_most;
END $$;

-- The same of records that differ, with one status and, if they are given, one choice (include, ignore, undecided) and
-- warnings.
CREATE FUNCTION preview.differences_beyond(
    connection bigint, entity text, of_status text, choice text, warned boolean, beyond text, falling boolean,
    at_most integer)
RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog SET enable_sort = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT d.external_id FROM selection.difference_now AS d
         WHERE d.org_id = $1 AND d.connection_id = $2 AND d.entity_type = $3 AND d.status = $4
             AND ($5 IS NULL OR (length(d.external_id), d.external_id) %1$s (length($5), $5))
             AND ($6 IS NULL OR coalesce(d.decision, ''undecided'') = $6)
             AND (NOT $7 OR d.warnings <> ''[]'')
         ORDER BY length(d.external_id) %2$s, d.external_id %2$s LIMIT $8',
        CASE WHEN falling THEN '<' ELSE '>' END, CASE WHEN falling THEN 'DESC' ELSE 'ASC' END)
    USING connect.current_org(), connection, entity, of_status, beyond, choice, warned, at_most;
END $$;
ALTER FUNCTION preview.records_beyond(bigint, text, text, boolean, text, boolean, integer) OWNER TO sync_router;
ALTER FUNCTION preview.differences_beyond(bigint, text, text, text, boolean, text, boolean, integer) OWNER TO sync_router;
REVOKE CREATE ON SCHEMA preview FROM sync_router;
