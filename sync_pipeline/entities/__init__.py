"""A store's records, independent of the provider: one small frozen class per entity."""
