"""A session: an open database, its catalogs, types, settings and clock.

What a connection is to a server: analysis, planning, execution and functions all get it.
Settings (GUCs) have PostgreSQL's names, defaults and units; ``set`` checks values the way
SET does.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

from pgtool.catalog.database import Database
from pgtool.catalog.syscache import SysCache
from pgtool.types.info import Settings
from pgtool.types.registry import TypeRegistry

__all__ = ["Session"]

PG_CATALOG = 11
_EPOCH_2000 = 946684800


class Session:
    """One session on one database, reading a snapshot that does not change."""

    def __init__(self, database: Database, registry: TypeRegistry, user: str | None = None) -> None:
        self.database = database
        self.cache = SysCache(database)
        self.types = registry
        self.user = user or "postgres"
        self.statement_time = time.time()
        self.search_path_names = ["$user", "public"]

    @property
    def settings(self) -> Settings:
        """The settings that text forms depend on."""
        return self.types.settings

    @property
    def now(self) -> int:
        """now() in microseconds since 2000-01-01 UTC: the start of the statement."""
        return round((self.statement_time - _EPOCH_2000) * 1_000_000)

    @cached_property
    def search_path(self) -> list[int]:
        """Schema OIDs in the order of look-up; pg_catalog is searched first if not named."""
        named: list[int] = []
        for name in self.search_path_names:
            oid = self.cache.namespace_oid(self.user if name == "$user" else name)
            if oid is not None and oid not in named:
                named.append(oid)
        return named if PG_CATALOG in named else [PG_CATALOG, *named]

    def row(self, catalog: str, oid: int) -> Any:
        """A catalog row by OID."""
        return self.cache.one(catalog, "oid", oid)
