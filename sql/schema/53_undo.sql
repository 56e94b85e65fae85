-- Taking a promotion back: what `undo` needs of tables it knows by name only. Its work list is pg_temp.stage_undo.

-- Rows the queue wrote that another queue has written, removed or built upon since.
CREATE FUNCTION promote.written_since(queue uuid)
RETURNS TABLE (table_name text, row_id bigint, key jsonb, later uuid)
LANGUAGE plpgsql
AS $$
DECLARE
    touched text;
    child record;
BEGIN
    FOR touched IN SELECT DISTINCT s.table_name FROM pg_temp.stage_undo s LOOP
        IF touched = 'promote.integration_mapping' THEN
            RETURN QUERY
                SELECT touched, NULL::bigint, s.key, m.queue_id FROM pg_temp.stage_undo s
                JOIN promote.integration_mapping m
                    ON m.org_id = connect.current_org() AND m.connection_id = (s.key ->> 0)::bigint
                    AND m.entity_type = s.key ->> 1 AND m.external_id = (s.key ->> 2) COLLATE "C"
                WHERE s.table_name = touched AND m.queue_id IS DISTINCT FROM queue;
        ELSIF touched = 'core.product_categories' THEN
            RETURN QUERY
                SELECT touched, NULL::bigint, s.key, t.queue_id FROM pg_temp.stage_undo s
                JOIN core.product_categories t
                    ON t.org_id = connect.current_org() AND t.product_id = (s.key ->> 0)::bigint
                    AND t.category_id = (s.key ->> 1)::bigint
                WHERE s.table_name = touched AND t.queue_id IS DISTINCT FROM queue;
        ELSE
            RETURN QUERY EXECUTE format(
                'SELECT s.table_name, s.row_id, s.key, t.queue_id FROM pg_temp.stage_undo s '
                'JOIN %s t ON t.org_id = connect.current_org() AND t.id = s.row_id '
                'WHERE s.table_name = $1 AND t.queue_id IS DISTINCT FROM $2', touched::regclass)
                USING touched, queue;
        END IF;
    END LOOP;
    RETURN QUERY
        SELECT s.table_name, s.row_id, s.key, c.queue_id FROM pg_temp.stage_undo s
        JOIN promote.core_change c
            ON c.org_id = connect.current_org() AND c.table_name = s.table_name AND c.row_id = s.row_id
        JOIN promote.sync_queue q ON q.org_id = c.org_id AND q.queue_id = c.queue_id AND q.undone_at IS NULL
        WHERE c.operation = 'delete' AND c.queue_id <> queue AND c.content ->> 'queue_id' = queue::text;
    FOR child IN
        SELECT f.conrelid::regclass AS relation, f.confrelid::regclass AS target, a.attname AS column_name
        FROM pg_constraint f
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[2]
        WHERE f.contype = 'f' AND f.connamespace = 'core'::regnamespace
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT s.table_name, s.row_id, s.key, t.queue_id FROM pg_temp.stage_undo s '
            'JOIN %s t ON t.org_id = connect.current_org() AND t.%I = s.row_id '
            'WHERE s.table_name = $1 AND s.operation = ''insert'' AND t.queue_id IS DISTINCT FROM $2',
            child.relation, child.column_name)
            USING child.target::text, queue;
    END LOOP;
END $$;

-- Returns the rows in the work list to what they were, except those marked shared; returns how many. `tables`: all
-- tables that may be in the list, those that others refer to first; new rows are removed in the opposite order.
CREATE FUNCTION promote.take_back(tables text []) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    relation text;
    place integer;
    columns text;
    same_key text;
    here bigint;
    changed bigint := 0;
BEGIN
    -- Values that are unique go back and forth between rows: check them at the end.
    SET CONSTRAINTS ALL DEFERRED;
    FOREACH relation IN ARRAY tables LOOP
        CONTINUE WHEN NOT EXISTS (SELECT 1 FROM pg_temp.stage_undo s
                                  WHERE s.table_name = relation AND s.operation <> 'insert' AND NOT s.shared);
        SELECT string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum) INTO columns
        FROM pg_attribute a
        WHERE a.attrelid = relation::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
        same_key := promote.same_key(relation);
        EXECUTE format(
            'UPDATE %1$s AS t SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, s.before)) '
            'FROM pg_temp.stage_undo AS s '
            'WHERE s.table_name = $1 AND s.operation <> ''insert'' AND NOT s.shared AND %3$s',
            relation::regclass, columns, same_key) USING relation;
        GET DIAGNOSTICS here = ROW_COUNT;
        changed := changed + here;
        EXECUTE format(
            'INSERT INTO %1$s (%2$s) SELECT %2$s FROM pg_temp.stage_undo AS s '
            'CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$s, s.before) AS image '
            'WHERE s.table_name = $1 AND s.operation <> ''insert'' AND NOT s.shared '
            'AND NOT EXISTS (SELECT 1 FROM %1$s AS t WHERE %3$s)',
            relation::regclass, columns, same_key) USING relation;
        GET DIAGNOSTICS here = ROW_COUNT;
        changed := changed + here;
    END LOOP;
    FOR place IN REVERSE array_length(tables, 1) .. 1 LOOP
        relation := tables[place];
        CONTINUE WHEN NOT EXISTS (SELECT 1 FROM pg_temp.stage_undo s
                                  WHERE s.table_name = relation AND s.operation = 'insert' AND NOT s.shared);
        EXECUTE format(
            'DELETE FROM %s AS t USING pg_temp.stage_undo AS s '
            'WHERE s.table_name = $1 AND s.operation = ''insert'' AND NOT s.shared AND %s',
            relation::regclass, promote.same_key(relation)) USING relation;
        GET DIAGNOSTICS here = ROW_COUNT;
        changed := changed + here;
    END LOOP;
    RETURN changed;
END $$;

-- The condition under which row t of a table is the row s of the work list means.
CREATE FUNCTION promote.same_key(relation text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 't.org_id = connect.current_org() AND ' || CASE relation
    WHEN 'promote.integration_mapping' THEN
        't.connection_id = (s.key ->> 0)::bigint AND t.entity_type = s.key ->> 1 '
        'AND t.external_id = (s.key ->> 2) COLLATE "C"'
    WHEN 'core.product_categories' THEN
        't.product_id = (s.key ->> 0)::bigint AND t.category_id = (s.key ->> 1)::bigint'
    ELSE 't.id = s.row_id' END;

-- References in core that lead nowhere; there are none while only promotion writes core.
CREATE FUNCTION core.orphans() RETURNS TABLE (from_table text, column_name text, orphans bigint)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    link record;
BEGIN
    FOR link IN
        SELECT f.conrelid::regclass AS relation, f.confrelid::regclass AS target, a.attname AS name
        FROM pg_constraint f
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[2]
        WHERE f.contype = 'f' AND f.connamespace = 'core'::regnamespace
        ORDER BY 1, 3
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT $1, $2, count(*) FROM %1$s f WHERE f.org_id = connect.current_org() AND f.%2$I IS NOT NULL '
            'AND NOT EXISTS (SELECT 1 FROM %3$s t WHERE t.org_id = f.org_id AND t.id = f.%2$I) HAVING count(*) > 0',
            link.relation, link.name, link.target)
            USING link.relation::text, link.name::text;
    END LOOP;
END $$;
