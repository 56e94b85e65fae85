"""From WooCommerce payloads to entities: pure functions, one module an entity. docs/mapping.md says each rule."""
