"""The Python API: a data directory's rows without a server.

::

    import pgtool

    with pgtool.open("/var/lib/postgresql/18/main") as cluster:
        database = cluster["postgres"]
        table = database["public.accounts"]
        for row in table.rows():
            ...                        # a tuple of Python values
        for batch in table.batches():
            batch["aid"].values        # numpy, some thousand rows at a time
        arrow = table.to_arrow()       # a pyarrow.Table (needs pyarrow)

Reading never writes a byte. A cluster that is not at rest (running, crashed, half
restored) is refused unless ``inconsistent=True``; :attr:`Cluster.warnings` then says why.
Closing a cluster drops what was read; files are opened only while they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from pgtool.access.damage import Damage, strict
from pgtool.catalog import cluster as catalog
from pgtool.catalog.database import Database as CatalogDatabase
from pgtool.catalog.lookups import CatalogLookups
from pgtool.catalog.names import find_relation, is_system_schema
from pgtool.catalog.relation import Attribute, Relation
from pgtool.catalog.settings import session_settings
from pgtool.commands.copy.source import Source, columns_of
from pgtool.errors import UserError
from pgtool.types.column import Column
from pgtool.types.registry import TypeRegistry

__all__ = ["Batch", "Cluster", "Database", "Table", "open"]

_TABLE_KINDS = "rmpt"


def open(path: str, *, inconsistent: bool = False) -> Cluster:
    """Open a data directory for reading."""
    return Cluster(path, inconsistent=inconsistent)


class Cluster:
    """A data directory. A context manager; closed by :meth:`close` or the end of ``with``."""

    def __init__(self, path: str, *, inconsistent: bool = False) -> None:
        self._cluster: catalog.Cluster | None = catalog.Cluster(path, inconsistent=inconsistent)
        self._open: dict[str, Database] = {}

    @property
    def _catalog(self) -> catalog.Cluster:
        if self._cluster is None:
            raise UserError("the cluster is closed")
        return self._cluster

    @property
    def major(self) -> int:
        """The PostgreSQL major that the directory belongs to."""
        return self._catalog.major

    @property
    def warnings(self) -> list[str]:
        """Why what is read may not be what a server would show."""
        return self._catalog.warnings

    @property
    def databases(self) -> list[str]:
        """The names of the databases."""
        return [str(row["datname"]) for row in self._catalog.databases()]

    def __getitem__(self, name: str) -> Database:
        if name not in self._open:
            self._open[name] = Database(self._catalog.database(name))
        return self._open[name]

    def close(self) -> None:
        """Forget everything; later use of the cluster or its parts fails."""
        for database in self._open.values():
            database._database = None
        self._open.clear()
        self._cluster = None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Database:
    """One database of a cluster."""

    def __init__(self, database: CatalogDatabase) -> None:
        self._database: CatalogDatabase | None = database
        self.name = database.name

    @property
    def catalog(self) -> CatalogDatabase:
        """The layer below: catalogs, relation descriptors, scans."""
        if self._database is None:
            raise UserError("the cluster is closed")
        return self._database

    def tables(self, *, system: bool = False) -> list[str]:
        """``schema.name`` of the tables and materialized views."""
        return sorted(
            r.qualified for r in self.catalog.relations()
            if r.relkind in "rmp" and (system or not is_system_schema(r.nspname))
        )  # fmt: skip

    def __getitem__(self, name: str) -> Table:
        """The table of this name (as psql would take it) or OID."""
        return Table(self, find_relation(self.catalog, name, _TABLE_KINDS))


@dataclass(frozen=True)
class Batch:
    """Some thousand rows as columns, by position or name."""

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, key: int | str) -> Column:
        return self.columns[self.names.index(key) if isinstance(key, str) else key]


class Table:
    """The rows of one table; a partitioned one has those of its partitions."""

    def __init__(self, database: Database, relation: Relation) -> None:
        self.database = database
        self.relation = relation

    @property
    def name(self) -> str:
        """``schema.name``."""
        return self.relation.qualified

    @property
    def columns(self) -> list[Attribute]:
        """The columns that are not dropped."""
        return self.relation.columns

    def _registry(self) -> TypeRegistry:
        database = self.database.catalog
        return TypeRegistry(session_settings(database), CatalogLookups(database))

    def _source(self, columns: list[str] | None, damage: Damage) -> Source:
        found = columns_of(self.relation, generated=True)
        if columns is not None:
            by_name = {c.name: c for c in found}
            unknown = [name for name in columns if name not in by_name]
            if unknown:
                raise UserError(f'column "{unknown[0]}" of "{self.name}" does not exist')
            found = [by_name[name] for name in columns]
        return Source(self.database.catalog, self.relation, found, damage)

    def batches(
        self, columns: list[str] | None = None, *, damage: Damage = strict
    ) -> Iterator[Batch]:
        """The visible rows as column batches, all columns or the named ones.

        ``damage`` is told of every damaged page, row or value instead of the reading
        ending at the first; what it is told of is left out.
        """
        source = self._source(columns, damage)
        names = tuple(c.name for c in source.columns)
        for _heap, batch in source.batches(reuse=False):
            yield Batch(names, tuple(batch.columns), len(batch))
        source.missing()

    def rows(
        self, columns: list[str] | None = None, *, damage: Damage = strict
    ) -> Iterator[tuple[Any, ...]]:
        """The visible rows as tuples of Python values (None for NULL)."""
        registry = self._registry()
        source = self._source(columns, damage)
        ios = [registry.io_of(c.typid) for c in source.columns]
        for _heap, batch in source.batches():
            values = [
                [None if (d := column.datum(i)) is None else io.to_python(d)
                 for i in range(len(batch))]
                for io, column in zip(ios, batch.columns)
            ]  # fmt: skip
            yield from zip(*values) if values else [()] * len(batch)
        source.missing()

    def to_arrow(self, columns: list[str] | None = None, *, damage: Damage = strict) -> Any:
        """The visible rows as a ``pyarrow.Table``."""
        from pgtool.commands.copy.arrow import ArrowColumn, probe, record_batch, table_of

        registry = self._registry()
        source = self._source(columns, damage)
        kinds = [ArrowColumn(c, registry) for c in source.columns]
        probe(kinds, source)

        def unreadable(number: int, row: int, problem: Any) -> None:
            damage(problem.at(field=source.columns[number].name))

        batches = [
            record_batch(kinds, batch.columns, len(batch), unreadable)
            for _heap, batch in source.batches(reuse=False)
        ]  # fmt: skip
        source.missing()
        return table_of(kinds, batches)
