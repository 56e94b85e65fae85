DROP TABLE selection.proposed_migration;
