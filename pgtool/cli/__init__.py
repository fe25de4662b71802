"""The command line: one module per command; no byte and no format knowledge."""
