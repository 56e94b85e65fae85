-- Which shapes of an entity's fields were accepted was looked for among the organization's last 1,000 applied plans: after
-- further ones they were drift again. What was accepted before is told once more, until the next plan is applied.
ALTER TABLE preview.summary ADD COLUMN shapes_accepted_at timestamptz;
