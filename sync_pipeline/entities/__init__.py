"""What is known of a store, independent of who provides it: one small frozen class an entity."""
