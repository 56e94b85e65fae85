"""Write what was read: pages with their evidence, records with their versions."""
