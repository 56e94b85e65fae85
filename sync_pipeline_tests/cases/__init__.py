"""Inputs that stores were seen to send, each from the store into core: what comes out, and what people are told."""
