"""The shapes of requests and answers, one module a subject."""
