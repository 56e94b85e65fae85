"""The command line: one module a verb, each thin; whatever is heavy is imported when a command runs."""
