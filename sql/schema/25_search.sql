-- Search: the words of a record's name, code and e-mail. A row-level policy keeps an index of words out of reach (its
-- operator may leak), so one function looks there for its caller's organization, and gives back nothing but ids.

-- The words, each behind its connection and entity: another store's records are not even passed over.
CREATE FUNCTION capture.split_words(value text, behind text) RETURNS text []
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_remove(array_remove(string_to_array(
    replace(
        ' ' || casefold(translate(value, E'-_./@,()&;:\t\n\x01', '              ') COLLATE "pg_unicode_fast"),
        ' ', E'\x01' || behind),
    E'\x01'), behind), '');

-- Cut, because a word in an index has at most 2,046 bytes.
CREATE FUNCTION capture.words(connection_id bigint, entity_type text, name text, code text, email text)
RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_tsvector(capture.split_words(
    left(coalesce(name, ''), 400) || ' ' || left(coalesce(code, ''), 100) || ' ' || left(coalesce(email, ''), 100),
    connection_id::text || entity_type || '/'));

CREATE INDEX sync_record_words ON capture.sync_record
USING gin (capture.words(connection_id, entity_type, name, code, email));

-- Pages of the table are in this order; whether a record is deleted is told without looking at it.
CREATE INDEX sync_record_order ON capture.sync_record
(org_id, connection_id, entity_type, length(external_id), external_id) INCLUDE (deletion_state, provider);

GRANT USAGE ON SCHEMA capture TO sync_router;
GRANT SELECT ON capture.sync_record TO sync_router;
CREATE POLICY router ON capture.sync_record FOR SELECT TO sync_router USING (true);

-- At most so many records (null: all) of one entity, and whether they are deleted, that have the id, begin with the code or e-mail, or have all
-- words, the last of which may be a beginning. Those of a word that very many have come in the order of ids.
CREATE FUNCTION capture.search(connection bigint, entity text, term text, at_most integer)
RETURNS TABLE (external_id text, deleted boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    org constant bigint := connect.current_org();
    fold constant text := core.fold(left(term, 200));
    beyond constant text := chr(1114111);
    given constant text [] := capture.split_words(left(term, 200), connection::text || entity || '/');
    wanted tsquery;
    common boolean := false;
    word text;
BEGIN
    IF fold IS NULL OR org IS NULL THEN
        RETURN;
    END IF;
    FOR i IN 1 .. coalesce(array_length(given, 1), 0) LOOP
        -- Quotes and backslashes are doubled: what is searched for cannot become an operator.
        word := '''' || replace(replace(given[i], '\', '\\'), '''', '''''') || '''';
        IF i = array_length(given, 1) THEN
            word := word || ':*';
        END IF;
        wanted := CASE WHEN wanted IS NULL THEN word::tsquery ELSE wanted && word::tsquery END;
    END LOOP;
    -- A word that every tenth record has is not worth its list: reading in order finds a page of them sooner.
    IF wanted IS NOT NULL AND at_most IS NOT NULL THEN
        SELECT count(*) >= 20 INTO common
        FROM (SELECT r.connection_id, r.entity_type, r.name, r.code, r.email FROM capture.sync_record AS r
              WHERE r.org_id = org AND r.connection_id = connection AND r.entity_type = entity
              ORDER BY r.org_id, r.connection_id, r.entity_type, length(r.external_id), r.external_id
              LIMIT 200) AS s
        WHERE capture.words(s.connection_id, s.entity_type, s.name, s.code, s.email) @@ wanted;
    END IF;
    PERFORM set_config('enable_bitmapscan', (NOT common)::text, true);
    PERFORM set_config('enable_seqscan', 'off', true);
    RETURN QUERY EXECUTE
        'SELECT found.external_id, found.deletion_state = ''deleted'' FROM (
             (SELECT r.external_id, r.deletion_state FROM capture.sync_record AS r
              WHERE r.org_id = $1 AND r.connection_id = $2 AND r.entity_type = $3 AND r.external_id = $4)
             UNION
             (SELECT r.external_id, r.deletion_state FROM capture.sync_record AS r
              WHERE r.org_id = $1 AND r.connection_id = $2 AND r.entity_type = $3
                  AND r.code_key >= $5 AND r.code_key < $5 || $6 LIMIT $8)
             UNION
             (SELECT r.external_id, r.deletion_state FROM capture.sync_record AS r
              WHERE r.org_id = $1 AND r.connection_id = $2 AND r.entity_type = $3
                  AND r.email >= $5 AND r.email < $5 || $6 LIMIT $8)
             UNION
             (SELECT r.external_id, r.deletion_state FROM capture.sync_record AS r
              WHERE r.org_id = $1 AND r.connection_id = $2 AND r.entity_type = $3
                  AND capture.words(r.connection_id, r.entity_type, r.name, r.code, r.email) @@ $7 '
        -- The order, where the records are read in it; otherwise it would only cost.
        || CASE WHEN common THEN
            'ORDER BY r.org_id, r.connection_id, r.entity_type, length(r.external_id), r.external_id ' ELSE '' END
        || 'LIMIT $8)) AS found ORDER BY length(found.external_id), found.external_id LIMIT $8'
    USING org, connection, entity, btrim(term), fold, beyond, wanted, at_most;
    PERFORM set_config('enable_bitmapscan', 'on', true);
    PERFORM set_config('enable_seqscan', 'on', true);
END $$;
GRANT USAGE ON SCHEMA core TO sync_router;
GRANT CREATE ON SCHEMA capture TO sync_router;
ALTER FUNCTION capture.search(bigint, text, text, integer) OWNER TO sync_router;
REVOKE CREATE ON SCHEMA capture FROM sync_router;
