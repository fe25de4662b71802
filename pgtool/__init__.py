"""pgtool: PostgreSQL data directories without a server.

An independent implementation of PostgreSQL's files and of the engine that works on
them. Imports point down only (a test enforces it)::

    pgtool.api        the Python API: pgtool.open(directory)
    pgtool.cli        one module per command; render prints
    pgtool.inspect    pages and records shown as the real inspection tools show them
    pgtool.catalog    relations and types found through the directory's own catalogs
    pgtool.access     heap, indexes, toast: pure page functions and scans
    pgtool.transam    xids, pg_xact, subtransactions, multixacts, visibility
    pgtool.types      datum ↔ text and binary
    pgtool.wal        WAL reader, resource manager table, descriptions
    pgtool.storage    backends, segments, buffers, checksums
    formats           byte layouts; the only place that knows an offset
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgtool.api import open as open

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``pgtool.open`` and nothing else; the API (and numpy with it) is imported at first use."""
    if name == "open":
        from pgtool import api

        return api.open
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
