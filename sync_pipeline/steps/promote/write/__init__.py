"""Rows with all that belongs to them: links, child rows, merged rows, figures."""
