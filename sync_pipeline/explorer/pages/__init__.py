"""The pages, one file each with a router."""
