-- record_agent_call --
INSERT INTO observe.agent_call (org_id, token_id, tool, digest, ids, transport, client, outcome, bytes, milliseconds)
VALUES (connect.current_org(), %(token_id)s, %(tool)s, %(digest)s, %(ids)s, %(transport)s, %(client)s, %(outcome)s,
        %(bytes)s, %(milliseconds)s)
