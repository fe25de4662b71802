"""What ``pgtool ls`` shows: databases, relations, and which relation a file belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pgtool.catalog.cluster import Cluster
from pgtool.catalog.database import Database
from pgtool.catalog.names import is_system_schema, matching
from pgtool.catalog.relation import PERSISTENCE, RELKINDS, Relation
from pgtool.errors import CorruptData, UserError
from pgtool.storage.smgr import (
    DEFAULTTABLESPACE_OID,
    FILE_NAME,
    GLOBALTABLESPACE_OID,
    ForkNumber,
    database_path,
    relation_path,
)
from pgtool.transam.xid import age
from pgtool.types.encoding import encoding_by_id

DATABASE_COLUMNS = (
    "oid", "name", "owner", "encoding", "tablespace", "size", "age", "template", "connections",
)  # fmt: skip
RELATION_COLUMNS = (
    "oid", "schema", "name", "kind", "owner", "persistence", "tablespace", "filenode", "path",
    "rows", "pages", "size", "age",
)  # fmt: skip
FILE_COLUMNS = ("file", "database", "oid", "schema", "name", "kind", "fork")


def databases(cluster: Cluster) -> Iterator[tuple[Any, ...]]:
    """One row of DATABASE_COLUMNS for each database."""
    next_xid = cluster.transactions.next_xid
    for row in cluster.databases():
        yield (
            row["oid"], row["datname"], role(cluster, row["datdba"]),
            encoding_by_id(row["encoding"]).name, tablespace(cluster, row["dattablespace"]),
            database_size(cluster, row["oid"]), age(row["datfrozenxid"], next_xid),
            row["datistemplate"], row["datallowconn"],
        )  # fmt: skip


def role(cluster: Cluster, oid: int) -> str:
    """A role's name, or its OID where it has none."""
    return cluster.roles.get(oid, str(oid))


def tablespace(cluster: Cluster, oid: int) -> str:
    """A tablespace's name, or its OID where it has none."""
    return cluster.tablespaces.get(oid, str(oid))


def database_size(cluster: Cluster, oid: int) -> int:
    """Bytes of all files of a database, in every tablespace."""
    backend = cluster.directory.backend
    total = 0
    for spc in {DEFAULTTABLESPACE_OID, *cluster.tablespaces} - {GLOBALTABLESPACE_OID}:
        path = database_path(spc, oid, cluster.major)
        try:
            names = backend.list(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            try:
                total += backend.size(f"{path}/{name}")
            except FileNotFoundError:
                continue
    return total


def relations(
    database: Database, patterns: list[str], *, system: bool = False
) -> Iterator[tuple[Any, ...]]:
    """One row of RELATION_COLUMNS for each relation, by schema and name."""
    if patterns:
        found = matching(database, patterns, "".join(RELKINDS))
    else:
        found = [r for r in database.relations() if system or not is_system_schema(r.nspname)]
    sizes = TableSizes(database)
    for relation in sorted(found, key=lambda r: (r.nspname, r.relname)):
        yield _relation_row(database, relation, sizes)


def _relation_row(
    database: Database, relation: Relation, sizes: TableSizes
) -> tuple[Any, ...]:
    cluster = database.cluster
    where = relation.locator
    path = relation_path(where, cluster.major) if where else None
    size = sizes.of(relation) if path else None
    frozen = relation.relfrozenxid
    space = relation.reltablespace or database.tablespace
    return (
        relation.oid, relation.nspname, relation.relname, relation.kind,
        role(cluster, relation.relowner),
        PERSISTENCE.get(relation.relpersistence, relation.relpersistence),
        tablespace(cluster, space) if where else None,
        where.rel if where else None, path,
        max(int(relation.reltuples), -1) if where else None,
        relation.relpages if where else None, size,
        age(frozen, cluster.transactions.next_xid) if frozen else None,
    )  # fmt: skip


class TableSizes:
    """Bytes of relations with what belongs to them, as pg_table_size counts: a table's TOAST
    table and the index of that are in, its own indexes are not.
    """

    def __init__(self, database: Database) -> None:
        self.files = FileSizes(database.cluster)
        self.major = database.cluster.major
        self.locators = {r.oid: r.locator for r in database.relations()}
        self.indexes: dict[int, list[int]] = {}
        with suppress(CorruptData):  # then the list says less, and is still worth having
            for row in database.catalog("pg_index", {"indexrelid", "indrelid"}):
                self.indexes.setdefault(row["indrelid"], []).append(row["indexrelid"])

    def of(self, relation: Relation) -> int:
        """The size of a relation."""
        toast = relation.reltoastrelid
        oids = [relation.oid, *([toast, *self.indexes.get(toast, ())] if toast else ())]
        found = (self.locators.get(oid) for oid in oids)
        return sum(self.files.of(relation_path(where, self.major)) for where in found if where)


class FileSizes:
    """Bytes of relations (all forks and segments), each directory listed once."""

    def __init__(self, cluster: Cluster) -> None:
        self.backend = cluster.directory.backend
        self._known: dict[str, dict[str, int]] = {}

    def of(self, path: str) -> int:
        """The size of the relation whose first main segment is ``path``."""
        directory, _, name = path.rpartition("/")
        if directory not in self._known:
            self._known[directory] = self._survey(directory)
        return self._known[directory].get(name, 0)

    def _survey(self, directory: str) -> dict[str, int]:
        out: dict[str, int] = {}
        try:
            names = self.backend.list(directory)
        except FileNotFoundError:
            return out
        for name in names:
            parts = FILE_NAME.fullmatch(name)
            if parts:
                base = f"t{parts[1]}_{parts[2]}" if parts[1] else parts[2]
                out[base] = out.get(base, 0) + self.backend.size(f"{directory}/{name}")
        return out


@dataclass(frozen=True)
class FileName:
    """A relation file as a user may name it: a number, or a path in the data directory."""

    number: int
    directory: str | None
    fork: str


def parse_file_name(text: str) -> FileName:
    """``16384``, ``base/5/16384_vm``, ``…/16384.1``; UserError where it is neither."""
    directory, _, name = text.rstrip("/").rpartition("/")
    parts = FILE_NAME.fullmatch(name)
    if not parts:
        raise UserError(f'"{text}" is not the name of a relation file')
    fork = parts[3].upper() if parts[3] else ForkNumber.MAIN.name
    return FileName(int(parts[2]), directory or None, fork.lower())


def owners_of_file(
    cluster: Cluster, text: str, only: Database | None
) -> Iterator[tuple[Any, ...]]:
    """Rows of FILE_COLUMNS: the relations whose storage has this file number."""
    wanted = parse_file_name(text)
    seen_shared = False
    for row in cluster.databases():
        if only is not None and row["oid"] != only.oid:
            continue
        try:
            database = cluster.database_of(row["oid"])
            found = [
                r for r in database.relations() if r.locator and r.locator.rel == wanted.number
            ]
        except (CorruptData, UserError):
            if only is not None:
                raise
            continue
        for relation in found:
            assert relation.locator is not None
            path = relation_path(relation.locator, cluster.major)
            if wanted.directory and not path.startswith(wanted.directory + "/"):
                continue
            if relation.relisshared:
                if seen_shared:
                    continue
                seen_shared = True
            yield (
                path, "(shared)" if relation.relisshared else database.name, relation.oid,
                relation.nspname, relation.relname, relation.kind, wanted.fork,
            )  # fmt: skip
