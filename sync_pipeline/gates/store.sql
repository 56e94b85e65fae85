-- open_gate --
-- The same cause about the same subject opens one gate; while it is open its question is kept up to date.
INSERT INTO observe.decision
(org_id, connection_id, entity_type, cause, subject, question, detail, options, recommended, blocks, owner)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, %(cause)s, %(subject)s, %(question)s,
       %(detail)s::jsonb, %(options)s::jsonb, %(recommended)s, %(blocks)s::text[],
       coalesce((SELECT settings ->> 'owner' FROM connect.integration_connector
                 WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s),
                (SELECT name FROM connect.organization WHERE org_id = connect.current_org()))
ON CONFLICT (org_id, cause, coalesce(connection_id, 0), coalesce(entity_type, ''), subject)
WHERE answered_at IS NULL
DO UPDATE SET question = excluded.question, detail = excluded.detail, options = excluded.options
RETURNING decision_id, cause, connection_id, entity_type, xmax = 0 AS is_new

-- note_stopped --
UPDATE observe.decision SET stopped = stopped || %(queue)s::uuid
WHERE org_id = connect.current_org() AND decision_id = ANY (%(decisions)s) AND NOT %(queue)s::uuid = ANY (stopped)

-- blocking_gates --
-- What is not promoted until a person has answered, or, after “hold”, until the cause is gone.
SELECT d.decision_id, d.connection_id, b.entity_type, d.answer
FROM observe.decision AS d CROSS JOIN unnest(d.blocks) AS b (entity_type)
WHERE d.org_id = connect.current_org() AND d.resumed_at IS NULL
    AND (d.answered_at IS NULL OR (d.answer = 'hold' AND d.outcome IS NULL))

-- open_gates --
SELECT decision_id, connection_id, entity_type, detail ->> 'external_id' AS external_id, subject
FROM observe.decision
WHERE org_id = connect.current_org() AND cause = %(cause)s AND answered_at IS NULL

-- latest_gate --
SELECT decision_id, answer, detail, outcome FROM observe.decision
WHERE org_id = connect.current_org() AND cause = %(cause)s AND subject = %(subject)s
ORDER BY decision_id DESC LIMIT 1

-- latest_answer --
SELECT answer FROM observe.decision
WHERE org_id = connect.current_org() AND cause = %(cause)s AND subject = %(subject)s
    AND connection_id = %(connection_id)s AND entity_type IS NOT DISTINCT FROM %(entity_type)s
    AND answered_at IS NOT NULL AND answer <> 'withdrawn' AND (outcome IS NULL OR (%(include_settled)s AND answer <> 'hold'))
ORDER BY answered_at DESC LIMIT 1

-- answered_gate --
SELECT decision_id, connection_id, entity_type, cause, subject, detail, answer, answered_by, outcome, blocks, stopped
FROM observe.decision
WHERE org_id = connect.current_org() AND decision_id = %(decision)s AND answered_at IS NOT NULL
FOR UPDATE

-- record_outcome --
UPDATE observe.decision SET outcome = %(outcome)s, resumed_at = now()
WHERE org_id = connect.current_org() AND cause = %(cause)s AND subject = %(subject)s
    AND connection_id = %(connection_id)s AND entity_type IS NOT DISTINCT FROM %(entity_type)s
    AND answered_at IS NOT NULL AND outcome IS NULL

-- settle_gate --
UPDATE observe.decision
SET outcome = concat_ws('; ', outcome, %(outcome)s::text), resumed_at = now()
WHERE org_id = connect.current_org() AND decision_id = %(decision)s AND resumed_at IS NULL

-- withdraw_gate --
UPDATE observe.decision
SET answer = 'withdrawn', answered_by = %(actor)s, answered_at = now(), resumed_at = now(), outcome = %(outcome)s
WHERE org_id = connect.current_org() AND decision_id = %(decision)s AND answered_at IS NULL
RETURNING decision_id, cause, connection_id, entity_type

-- end_gates --
-- What they stopped is resumed as after an answer: `resumed_at` stays empty until then.
UPDATE observe.decision
SET outcome = %(outcome)s, answer = coalesce(answer, 'withdrawn'), answered_by = coalesce(answered_by, %(actor)s),
    answered_at = coalesce(answered_at, now())
WHERE org_id = connect.current_org() AND cause = %(cause)s AND connection_id = %(connection_id)s
    AND entity_type IS NOT DISTINCT FROM %(entity_type)s AND subject <> ALL (%(keep)s::text[])
    AND (answered_at IS NULL OR (answer = 'hold' AND outcome IS NULL))
RETURNING decision_id, cause, connection_id, entity_type

-- withdraw_all_gates --
-- Of a connection that is not used any more: nothing resumes.
UPDATE observe.decision
SET outcome = %(outcome)s, answer = coalesce(answer, 'withdrawn'), answered_by = coalesce(answered_by, %(actor)s),
    answered_at = coalesce(answered_at, now()), resumed_at = now()
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND resumed_at IS NULL
    AND (answered_at IS NULL OR (answer = 'hold' AND outcome IS NULL))
RETURNING decision_id, cause, connection_id, entity_type

-- answer_gate --
UPDATE observe.decision
SET answer = %(choice)s, answered_by = %(actor)s, answered_at = now(), why = %(why)s
WHERE org_id = connect.current_org() AND decision_id = %(decision)s AND answered_at IS NULL
RETURNING decision_id, cause, connection_id, entity_type
