"""The catalogs' answers to the types: implements :class:`pgtool.types.info.Lookups`.

Names are shown as a session with the default search path would show them: pg_catalog
first, then public. Every map is built when first needed, from one catalog read whole.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from formats.datum import VectorType
from formats.derive import sizeof
from pgtool.catalog.database import Database
from pgtool.catalog.names import SEARCH_PATH
from pgtool.catalog.table import CatalogTable
from pgtool.errors import CorruptData, UserError
from pgtool.types.info import AttributeInfo, ObjectName, RangeInfo, TypeInfo


class _Kind(NamedTuple):
    """Where the objects behind a ``reg*`` type are: catalog, name and schema column, arguments."""

    catalog: str
    name: str
    namespace: str = ""
    args: tuple[str, ...] = ()
    #: Whether the bare name must be the only one of its kind, not just the first.
    alone: bool = False


_KINDS = {
    "regclass": _Kind("pg_class", "relname", "relnamespace"),
    "regtype": _Kind("pg_type", "typname", "typnamespace"),
    "regproc": _Kind("pg_proc", "proname", "pronamespace", ("proargtypes",), True),
    "regprocedure": _Kind("pg_proc", "proname", "pronamespace", ("proargtypes",)),
    "regoper": _Kind("pg_operator", "oprname", "oprnamespace", ("oprleft", "oprright"), True),
    "regoperator": _Kind("pg_operator", "oprname", "oprnamespace", ("oprleft", "oprright")),
    "regconfig": _Kind("pg_ts_config", "cfgname", "cfgnamespace"),
    "regdictionary": _Kind("pg_ts_dict", "dictname", "dictnamespace"),
    "regcollation": _Kind("pg_collation", "collname", "collnamespace"),
    "regnamespace": _Kind("pg_namespace", "nspname"),
}
_PROC = {"oid", "proname", "pronamespace", "proargtypes", "prosrc"}


def oid_vector(payload: bytes | None) -> tuple[int, ...]:
    """The elements of an oidvector."""
    if payload is None:
        return ()
    body = payload[sizeof(VectorType) :]
    return tuple(np.frombuffer(body[: len(body) & ~3], "<u4").tolist())


class _Names:
    """All objects of one kind, by OID and by bare name."""

    def __init__(self, database: Database, kind: _Kind) -> None:
        self.kind = kind
        self.table = _table(database, kind)
        self.namespaces = database.namespaces
        schemas = {name: oid for oid, name in database.namespaces.items()}
        self.path = [schemas[name] for name in SEARCH_PATH if name in schemas]
        self._usable = self._encodings(database)
        self._by_name: dict[str, list[int]] | None = None

    def _encodings(self, database: Database) -> Any:
        """Collations for another encoding cannot be meant by a bare name."""
        if not self.table.has("collencoding"):
            return None
        encodings = self.table.columns["collencoding"]
        return (encodings == -1) | (encodings == database.encoding.id)

    @property
    def by_name(self) -> dict[str, list[int]]:
        """Name → rows."""
        if self._by_name is None:
            self._by_name = {}
            for row in range(len(self.table)):
                if self._usable is None or self._usable[row]:
                    name = self.table.get(row, self.kind.name)
                    self._by_name.setdefault(name, []).append(row)
        return self._by_name

    def args(self, row: int) -> tuple[int, ...]:
        """The argument types of a function or operator."""
        found = [self.table.get(row, name) for name in self.kind.args]
        return oid_vector(found[0]) if self.kind.args == ("proargtypes",) else tuple(found)

    def visible(self, row: int) -> bool:
        """Whether the bare name (with these arguments) means this object."""
        if not self.kind.namespace:
            return True
        same = self.by_name.get(self.table.get(row, self.kind.name), [])
        ranked = []
        for other in same:
            namespace = self.table.get(other, self.kind.namespace)
            if namespace in self.path:
                ranked.append((self.path.index(namespace), other))
        if not self.kind.args:
            return bool(ranked) and min(ranked)[1] == row
        first: dict[tuple[int, ...], int] = {}
        for _rank, other in sorted(ranked):
            first.setdefault(self.args(other), other)
        if self.kind.alone:
            return list(first.values()) == [row]
        return first.get(self.args(row)) == row

    def object_name(self, oid: int) -> ObjectName | None:
        """The name of one object."""
        row = self.table.find("oid", oid)
        if row is None:
            return None
        namespace = ""
        if self.kind.namespace:
            found = self.table.get(row, self.kind.namespace)
            namespace = self.namespaces.get(found, str(found))
        return ObjectName(
            namespace, self.table.get(row, self.kind.name), not self.visible(row), self.args(row)
        )

    def object_oid(self, names: tuple[str, ...], args: tuple[int, ...] | None) -> int | None:
        """The object that a name means."""
        rows = self.by_name.get(names[-1], [])
        if len(names) > 1:
            rows = [
                row for row in rows
                if self.namespaces.get(self.table.get(row, self.kind.namespace)) == names[-2]
            ]  # fmt: skip
        elif self.kind.namespace:
            rows = [row for row in rows if self.visible(row)]
        if args is not None:
            rows = [row for row in rows if self.args(row) == args]
        return int(self.table.get(rows[0], "oid")) if len(rows) == 1 else None


def _table(database: Database, kind: _Kind) -> CatalogTable:
    if kind.catalog == "pg_class":
        return database.pg_class
    if kind.catalog == "pg_proc":
        return database.catalog("pg_proc", _PROC)
    if kind.catalog == "pg_type":
        return database.pg_type
    wanted = {"oid", kind.name, kind.namespace, *kind.args, "collencoding"}
    return database.catalog(kind.catalog, wanted)


class CatalogLookups:
    """Answers from one database's catalogs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._names: dict[str, _Names] = {}
        self._path: list[int] | None = None
        self._types: dict[int, TypeInfo | None] = {}
        self._attributes: dict[int, list[AttributeInfo]] = {}
        database.listeners.add(self)

    def invalidate(self, names: frozenset[str] | None) -> None:
        """Forget what was found in these catalogs, or everything."""
        for kind in list(self._names):
            if names is None or names & {_KINDS[kind].catalog, "pg_namespace"}:
                del self._names[kind]
        self._types.clear()
        self._attributes.clear()
        for kept in ("_enum", "_ranges"):
            self.__dict__.pop(kept, None)

    def names(self, kind: str) -> _Names:
        """The objects of one kind."""
        if kind not in self._names:
            made = self._names[kind] = _Names(self.database, _KINDS[kind])
            made.path = self._path or made.path
        return self._names[kind]

    def set_path(self, path: list[int]) -> None:
        """Look bare names up in these schemas, in this order."""
        self._path = path
        for names in self._names.values():
            names.path = path

    def prosrc(self, oid: int) -> str:
        """The source name of a function, '' where there is none."""
        table = self.database.catalog("pg_proc", _PROC)
        row = table.find("oid", oid) if oid else None
        return "" if row is None else str(table.get(row, "prosrc"))

    def type_info(self, oid: int) -> TypeInfo | None:
        """See :class:`Lookups`."""
        if oid not in self._types:
            self._types[oid] = self._type_info(oid)
        return self._types[oid]

    def _type_info(self, oid: int) -> TypeInfo | None:
        table = self.database.pg_type
        row = table.find("oid", oid)
        if row is None:
            return None
        fact = {name: table.get(row, name) for name in _TYPE}
        namespace = table.get(row, "typnamespace")
        return TypeInfo(
            oid=oid, name=table.get(row, "typname"),
            namespace=self.database.namespaces.get(namespace, str(namespace)),
            typoutput=self.prosrc(table.get(row, "typoutput")),
            typsubscript=self.prosrc(table.get(row, "typsubscript")), **fact,
        )  # fmt: skip

    def type_is_visible(self, oid: int) -> bool:
        """See :class:`Lookups`."""
        names = self.names("regtype")
        row = names.table.find("oid", oid)
        return row is not None and names.visible(row)

    @cached_property
    def _enum(self) -> tuple[dict[int, str], dict[tuple[int, str], int]]:
        rows = list(self.database.catalog("pg_enum"))
        return (
            {row["oid"]: row["enumlabel"] for row in rows},
            {(row["enumtypid"], row["enumlabel"]): row["oid"] for row in rows},
        )

    def enum_label(self, oid: int) -> str | None:
        """See :class:`Lookups`."""
        return self._enum[0].get(oid)

    def enum_oid(self, typid: int, label: str) -> int | None:
        """See :class:`Lookups`."""
        return self._enum[1].get((typid, label))

    def attributes(self, typid: int, typmod: int) -> list[AttributeInfo] | None:
        """See :class:`Lookups`."""
        info = self.type_info(typid)
        if info is None or not info.typrelid:
            return None
        found = self._attributes.get(typid)
        if found is None:
            found = self._attributes[typid] = self._attributes_of(typid, info)
        return found

    def _attributes_of(self, typid: int, info: TypeInfo) -> list[AttributeInfo]:
        try:
            relation = self.database.relation(info.typrelid)
        except UserError:
            raise CorruptData(f"composite type {typid} has no relation") from None
        return [
            AttributeInfo(
                a.attname, a.atttypid, a.atttypmod, a.attisdropped, a.attlen, a.attalign,
                a.attstorage, a.missing,
            )
            for a in relation.attributes
        ]  # fmt: skip

    @cached_property
    def _ranges(self) -> dict[int, RangeInfo]:
        out = {}
        for row in self.database.catalog("pg_range"):
            info = RangeInfo(
                row["rngtypid"], row["rngsubtype"], row["rngmultitypid"],
                self.prosrc(row["rngcanonical"]), row["rngcollation"],
            )  # fmt: skip
            out[info.rngtypid] = out[info.rngmultitypid] = info
        return out

    def range_info(self, typid: int) -> RangeInfo | None:
        """See :class:`Lookups`."""
        return self._ranges.get(typid)

    def role_name(self, oid: int) -> str | None:
        """See :class:`Lookups`."""
        return self.database.cluster.roles.get(oid)

    def role_oid(self, name: str) -> int | None:
        """See :class:`Lookups`."""
        return {v: k for k, v in self.database.cluster.roles.items()}.get(name)

    def object_name(self, kind: str, oid: int) -> ObjectName | None:
        """See :class:`Lookups`."""
        if kind == "regrole":
            name = self.role_name(oid)
            return None if name is None else ObjectName("", name)
        return self.names(kind).object_name(oid) if kind in _KINDS else None

    def object_oid(
        self, kind: str, names: tuple[str, ...], args: tuple[int, ...] | None
    ) -> int | None:
        """See :class:`Lookups`."""
        if kind == "regrole":
            return self.role_oid(names[-1])
        return self.names(kind).object_oid(names, args) if kind in _KINDS else None


_TYPE = (
    "typlen", "typbyval", "typalign", "typtype", "typcategory", "typdelim", "typelem",
    "typarray", "typbasetype", "typtypmod", "typrelid", "typcollation", "typstorage",
)  # fmt: skip
