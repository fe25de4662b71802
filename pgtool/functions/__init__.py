"""Built-in functions, operators' functions, aggregates and window functions.

Registered under ``pg_proc.prosrc``, so that one implementation serves all majors; see
:mod:`pgtool.functions.registry` for how an entry looks. Modules are named after
PostgreSQL's (``utils/adt``): int, float, numeric, varlena, timestamp, jsonb …
"""
