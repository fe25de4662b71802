"""Byte layouts of PostgreSQL's files and WAL: the only place in the tree that knows an offset."""
