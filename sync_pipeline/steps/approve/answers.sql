-- gate_to_answer --
-- An open gate, locked: whoever answers it takes turns.
SELECT d.decision_id, d.options, d.recommended, d.answer, d.answered_by, d.cause, d.connection_id, d.entity_type
FROM observe.decision AS d
WHERE d.org_id = connect.current_org() AND d.decision_id = %(decision)s FOR UPDATE

-- same_answer --
-- The same proposal of the same party, which waits. A name does not tell whose it is where there is a token (`own_token`).
SELECT proposal_id FROM selection.proposed_answer
WHERE org_id = connect.current_org() AND decision_id = %(decision)s AND choice = %(choice)s
    AND why IS NOT DISTINCT FROM %(why)s AND withdrawn_at IS NULL AND proposed_by = %(actor)s
    AND (%(own_token)s::bigint IS NULL OR token_id = %(own_token)s)
ORDER BY proposal_id DESC LIMIT 1

-- propose_answer --
INSERT INTO selection.proposed_answer (org_id, decision_id, choice, why, proposed_by, token_id, client)
VALUES (connect.current_org(), %(decision)s, %(choice)s, %(why)s, %(actor)s, %(token_id)s, %(client)s)
RETURNING proposal_id

-- own_answer --
-- Did this token propose it?
SELECT EXISTS (
    SELECT 1 FROM selection.proposed_answer
    WHERE org_id = connect.current_org() AND proposal_id = %(proposal)s AND token_id = %(token_id)s) AS own

-- proposed_answers --
-- Newest first. One that somebody else's answer has settled is past.
SELECT a.proposal_id, a.decision_id, a.choice, a.why, a.proposed_by, a.client, a.proposed_at,
       CASE WHEN a.accepted_at IS NOT NULL THEN 'accepted' WHEN a.withdrawn_at IS NOT NULL THEN 'withdrawn'
            WHEN d.answered_at IS NOT NULL THEN 'past' ELSE 'open' END AS state,
       a.accepted_by, a.accepted_at
FROM selection.proposed_answer AS a
JOIN observe.decision AS d ON d.org_id = a.org_id AND d.decision_id = a.decision_id
WHERE a.org_id = connect.current_org() AND (%(decision)s::bigint IS NULL OR a.decision_id = %(decision)s)
    AND (%(proposal)s::bigint IS NULL OR a.proposal_id = %(proposal)s)
    AND (NOT %(open)s::boolean
         OR (a.accepted_at IS NULL AND a.withdrawn_at IS NULL AND d.answered_at IS NULL))
ORDER BY a.proposal_id DESC LIMIT 200

-- accept_answer --
UPDATE selection.proposed_answer SET accepted_at = now(), accepted_by = %(actor)s
WHERE org_id = connect.current_org() AND proposal_id = %(proposal)s AND accepted_at IS NULL AND withdrawn_at IS NULL
RETURNING proposal_id

-- withdraw_answer --
UPDATE selection.proposed_answer SET withdrawn_at = now()
WHERE org_id = connect.current_org() AND proposal_id = %(proposal)s AND accepted_at IS NULL AND withdrawn_at IS NULL
RETURNING decision_id
