-- lock_validations --
-- Who keeps a matrix and who signs one take turns, until their transactions end.
SELECT pg_advisory_xact_lock(hashtextextended('validations/' || connect.current_org(), 0))

-- keep_validation --
INSERT INTO observe.validation (
    org_id, started_at, seconds, snapshot, revision, documents, counts, statements, manifest, manifest_hash, requested_by)
VALUES (
    connect.current_org(), %(started_at)s, %(seconds)s, %(snapshot)s, %(revision)s, %(documents)s, %(counts)s::jsonb,
    %(statements)s::jsonb, %(manifest)s::jsonb, %(hash)s, %(actor)s)
RETURNING validation_id

-- keep_validation_rows --
INSERT INTO observe.validation_row (
    org_id, validation_id, row_no, name, check_name, connection, entity, verdict, expected, found, ids, words, statement,
    snapshot, seconds)
SELECT connect.current_org(), %(validation)s, r.row_no, r."row", r."check", r.connection, r.entity, r.verdict, r.expected,
       r.found, ARRAY(SELECT i.id FROM jsonb_array_elements_text(r.ids) AS i (id)), r.words, r.statement, r.snapshot,
       r.seconds
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    row_no bigint, "row" text, "check" text, connection text, entity text, verdict text, expected text, found text,
    ids jsonb, words text, statement text, snapshot text, seconds double precision)

-- outdate_signoffs --
-- A row that is red or waits outdates a sign-off, unless it accepted that row as it was found, with the same examples: as many others are
-- another finding. An earlier validation outdates nothing.
UPDATE observe.signoff AS s SET outdated_at = now(), outdated_by = %(validation)s
WHERE s.org_id = connect.current_org() AND s.outdated_at IS NULL AND s.validation_id < %(validation)s AND EXISTS (
    SELECT 1 FROM observe.validation_row AS r
    WHERE r.org_id = s.org_id AND r.validation_id = %(validation)s AND r.verdict IN ('fail', 'not_run', 'waiting')
        AND NOT EXISTS (
            SELECT 1 FROM jsonb_to_recordset(s.accepted) AS a ("row" text, verdict text, found text)
            INNER JOIN observe.validation_row AS w
                ON w.org_id = s.org_id AND w.validation_id = s.validation_id AND w.name = a."row"
            WHERE a."row" = r.name AND a.verdict = r.verdict AND a.found IS NOT DISTINCT FROM r.found
                AND w.ids @> r.ids AND w.ids <@ r.ids))
RETURNING s.signoff_id

-- validations --
SELECT validation_id, started_at, seconds, counts, manifest_hash AS hash, snapshot, revision, documents, requested_by
FROM observe.validation
WHERE org_id = connect.current_org() AND (%(validation)s::bigint IS NULL OR validation_id = %(validation)s)
ORDER BY validation_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- count_validations --
SELECT count(*) FROM observe.validation WHERE org_id = connect.current_org()

-- validation_rows --
-- Red ones first, then those that wait, else in the order of the matrix.
SELECT name AS row, check_name AS check, connection, entity, verdict, expected, found, ids, words, statement, snapshot,
       seconds
FROM observe.validation_row
WHERE org_id = connect.current_org() AND validation_id = %(validation)s
    AND (%(verdicts)s::text [] IS NULL OR verdict = ANY(%(verdicts)s::text []))
    AND (%(check)s::text IS NULL OR check_name = %(check)s)
ORDER BY array_position(ARRAY['fail', 'not_run', 'waiting', 'pass', 'not_applicable'], verdict), row_no
LIMIT %(limit)s OFFSET %(offset)s

-- count_validation_rows --
SELECT count(*) FROM observe.validation_row
WHERE org_id = connect.current_org() AND validation_id = %(validation)s
    AND (%(verdicts)s::text [] IS NULL OR verdict = ANY(%(verdicts)s::text []))
    AND (%(check)s::text IS NULL OR check_name = %(check)s)

-- validation_statements --
SELECT statements FROM observe.validation WHERE org_id = connect.current_org() AND validation_id = %(validation)s

-- sign_off --
-- Only the newest: another may have been kept since it was read.
INSERT INTO observe.signoff (org_id, validation_id, manifest_hash, milestone, note, accepted, signed_by, via)
SELECT connect.current_org(), %(validation)s, %(hash)s, %(milestone)s, %(note)s, %(accepted)s::jsonb, %(actor)s, %(via)s
WHERE %(validation)s = (SELECT max(v.validation_id) FROM observe.validation AS v WHERE v.org_id = connect.current_org())
RETURNING signoff_id

-- signoffs --
SELECT signoff_id, validation_id, manifest_hash AS hash, milestone, note, accepted, signed_by, via, signed_at,
       outdated_at, outdated_by
FROM observe.signoff
WHERE org_id = connect.current_org() AND (%(signoff)s::bigint IS NULL OR signoff_id = %(signoff)s)
    AND (%(validation)s::bigint IS NULL OR validation_id = %(validation)s)
ORDER BY signoff_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- count_signoffs --
SELECT count(*) FROM observe.signoff
WHERE org_id = connect.current_org() AND (%(validation)s::bigint IS NULL OR validation_id = %(validation)s)

-- record_acceptance --
INSERT INTO observe.acceptance (org_id, script, script_hash, failed_step, note, done_by)
VALUES (connect.current_org(), %(script)s, %(hash)s, %(failed_step)s, %(note)s, %(actor)s)
RETURNING acceptance_id, script, script_hash, passed, failed_step, note, done_by, done_at

-- acceptances --
SELECT acceptance_id, script, script_hash, passed, failed_step, note, done_by, done_at FROM observe.acceptance
WHERE org_id = connect.current_org() ORDER BY acceptance_id DESC LIMIT %(limit)s
