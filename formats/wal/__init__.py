"""Layouts of WAL pages, records and of every record type, one module per resource manager."""
