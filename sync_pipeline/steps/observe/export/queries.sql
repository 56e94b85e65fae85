-- read_whole --
-- All rows are read: a plan for the first of them would be slower, and what is sorted should not go to the disk in parts.
SELECT set_config('cursor_tuple_fraction', '1', true), set_config('work_mem', '64MB', true)

-- columns --
-- Columns that people read: no key that the database makes of another column, nothing that is the same in every row.
SELECT a.attname AS name, t.typname AS type
FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = %(relation)s::text::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    AND a.attname NOT IN ('org_id', 'queue_id')
ORDER BY a.attnum

-- reports --
SELECT relname::text AS name FROM pg_class
WHERE relnamespace = 'report'::regnamespace AND relkind = 'v' ORDER BY 1

-- exported_rows --
SELECT {columns} FROM {table} AS t WHERE t.org_id = connect.current_org()

-- exported_rows_as_of --
-- A row is what its first replacement after that moment replaced; one that was not replaced since is what it is now.
WITH former AS MATERIALIZED (
    SELECT DISTINCT ON (k.key) k.key, f.content
    FROM promote.former_row AS f
    CROSS JOIN LATERAL (SELECT {formerkey} AS key) AS k
    WHERE f.org_id = connect.current_org() AND f.table_name = '{table}' AND f.changed_at > %(as_of)s::timestamptz
    ORDER BY k.key, f.changed_at, f.change_id
), states AS (
    SELECT t.* FROM {table} AS t
    WHERE t.org_id = connect.current_org() AND NOT EXISTS (SELECT 1 FROM former AS f WHERE f.key = {key})
    UNION ALL
    SELECT image.* FROM former AS f CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, f.content) AS image
)
SELECT {columns} FROM states AS t WHERE t.created_at <= %(as_of)s::timestamptz

-- to_come --
SELECT %(as_of)s::timestamptz > clock_timestamp()

-- core_since --
-- From when on all former rows are kept, and whether a moment is still to come.
SELECT greatest(o.core_since, (
           SELECT max(q.finished_at) FROM promote.sync_queue AS q
           WHERE q.org_id = o.org_id AND q.undo_ended_at IS NOT NULL)) AS since,
       %(as_of)s::timestamptz > clock_timestamp() AS to_come
FROM connect.organization AS o WHERE o.org_id = connect.current_org()

-- records_now --
SELECT r.external_id, r.version_no, encode(r.content_hash, 'hex') AS version, r.first_captured_at, r.captured_at,
       CASE WHEN r.deletion_state = 'deleted' THEN r.deletion_at END AS deleted_at,
       coalesce(r.exact_text, r.sync_data::text) AS payload
FROM capture.sync_record AS r
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND (%(deleted)s OR r.deletion_state <> 'deleted')

-- records_as_of --
-- The content that a record had: its present one if that is old enough, else the former one that was not replaced yet. Of
-- records that were captured before intervals were kept, a content that came back may cover others, and one may end some
-- milliseconds before the next begins: then the last that had come.
SELECT r.external_id, v.version_no, encode(v.content_hash, 'hex') AS version, r.first_captured_at, v.captured_at,
       d.deleted_at, v.payload
FROM capture.sync_record AS r
CROSS JOIN LATERAL (
    SELECT r.version_no, r.content_hash, r.captured_at, coalesce(r.exact_text, r.sync_data::text) AS payload
    WHERE r.captured_at <= %(as_of)s::timestamptz
    UNION ALL
    (SELECT h.version_no, h.content_hash, h.captured_at, coalesce(h.exact_text, h.sync_data::text)
    FROM capture.record_interval AS h
    WHERE h.org_id = r.org_id AND h.connection_id = r.connection_id AND h.entity_type = r.entity_type
        AND h.external_id = r.external_id AND NOT h.is_current AND h.captured_at <= %(as_of)s::timestamptz
        AND r.captured_at > %(as_of)s::timestamptz
    ORDER BY h.superseded_at > %(as_of)s::timestamptz DESC, h.captured_at DESC LIMIT 1)) AS v
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.deletion_state = 'deleted' AND r.deletion_at <= %(as_of)s::timestamptz THEN r.deletion_at
        ELSE (
            SELECT f.deleted_at FROM capture.former_deletion AS f
            WHERE f.org_id = r.org_id AND f.connection_id = r.connection_id AND f.entity_type = r.entity_type
                AND f.external_id = r.external_id AND f.deleted_at <= %(as_of)s::timestamptz
                AND f.returned_at > %(as_of)s::timestamptz LIMIT 1) END AS deleted_at OFFSET 0) AS d
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND (%(deleted)s OR d.deleted_at IS NULL)

-- lost_records --
-- Records that were captured by then and whose content of then is deleted (keep_versions_days): none of what is left was
-- not replaced yet, or is followed by one that came later. Where the first version came later, there was nothing. Versions
-- are looked up record by record: whole tables would be paired badly where they have no statistics yet.
SELECT count(*) AS records, %(as_of)s::timestamptz > clock_timestamp() AS to_come
FROM capture.sync_record AS r
CROSS JOIN LATERAL (
    SELECT bool_or(
        CASE WHEN i.captured_at <= %(as_of)s::timestamptz
             THEN i.superseded_at > %(as_of)s::timestamptz
                 OR i.next_no = i.version_no + 1 AND i.next_at > %(as_of)s::timestamptz
             ELSE i.version_no = 1 END) AS kept
    FROM (
        SELECT v.version_no, v.captured_at, v.superseded_at, lead(v.version_no) OVER numbered AS next_no,
               lead(v.captured_at) OVER numbered AS next_at
        FROM capture.record_interval AS v
        WHERE v.org_id = r.org_id AND v.connection_id = r.connection_id AND v.entity_type = r.entity_type
            AND v.external_id = r.external_id
        WINDOW numbered AS (ORDER BY v.version_no)) AS i) AS n
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.first_captured_at <= %(as_of)s::timestamptz
    AND r.captured_at > %(as_of)s::timestamptz AND n.kept IS NOT TRUE

-- captured_versions --
-- Every content that a record had, each time that it had it; `superseded_at` is empty for the one that it has.
SELECT v.external_id, v.version_no, encode(v.content_hash, 'hex') AS version, v.captured_at, v.superseded_at,
       coalesce(v.exact_text, v.sync_data::text) AS payload
FROM capture.record_interval AS v
WHERE v.org_id = connect.current_org() AND v.connection_id = %(connection_id)s AND v.entity_type = %(entity_type)s
    AND v.provider = %(provider)s AND (%(as_of)s::timestamptz IS NULL OR v.captured_at <= %(as_of)s::timestamptz)
