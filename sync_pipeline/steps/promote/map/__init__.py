"""Payloads become entities and rows; no database."""
