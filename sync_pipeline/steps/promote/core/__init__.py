"""Statements over core tables, and rows on their way into them."""
