-- The order in which undo returns tables follows from their descriptions; it is a parameter now.
DROP FUNCTION promote.take_back();

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
