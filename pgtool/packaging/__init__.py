"""Build-time helpers; nothing here is imported when pgtool runs."""
