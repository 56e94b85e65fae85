"""Read a list to its end, page by page, and prove that nothing slipped through."""
