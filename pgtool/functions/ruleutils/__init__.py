"""Deparsing: analyzed trees and catalog rows back to SQL, as PostgreSQL 18 prints it.

``names`` says what objects are called, ``columns`` what range table entries and their
columns are called, ``deparser`` holds the text being written and its layout. Expressions
(``exprs``, ``calls``, ``syntax``, ``jsonxml``) and queries (``query``, ``fromclause``,
``dml``) are written by functions found by node class. ``views``, ``indexes``,
``constraints``, ``triggers``, ``functions``, ``partitions``, ``extstats`` put whole
definitions together and register the pg_get_* functions.
"""

from __future__ import annotations

from pgtool.functions.ruleutils.entry import deparse_expr, deparse_query

__all__ = ["deparse_expr", "deparse_query"]
