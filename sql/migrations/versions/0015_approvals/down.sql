-- Approvals, policies and what agents proposed are no captured data.
DROP VIEW selection.plan_now;
DROP TABLE selection.proposed_answer;
DROP TABLE selection.approval;
DROP TABLE selection.approval_policy;
ALTER TABLE connect.api_token DROP COLUMN unmasked;
ALTER TABLE connect.organization DROP COLUMN four_eyes;
ALTER TABLE selection.sync_plan DROP COLUMN why;
ALTER TABLE selection.sync_plan DROP COLUMN agent;
ALTER TABLE selection.sync_plan DROP COLUMN client;
ALTER TABLE selection.sync_plan DROP COLUMN token_id;
ALTER TABLE selection.selection_batch DROP COLUMN agent;
ALTER TABLE selection.selection_batch DROP COLUMN client;
ALTER TABLE selection.selection_batch DROP COLUMN token_id;
