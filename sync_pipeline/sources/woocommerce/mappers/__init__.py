"""From WooCommerce payloads to entities: pure functions, one module per entity. docs/mapping.md has the rules."""
