"""Rows by catalog, and the rows that describe relations: pg_class, pg_attribute, pg_type, pg_index.

:class:`Rows` holds what a database will contain while it is put together. A row is a list
with a value for each column of its catalog, in the form that
:class:`pgtool.access.heap.bulkpages.RowFormer` takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pgtool.catalog.genesis.declared import (
    FIRST_UNPINNED,
    OIDS_OF_VIEW,
    Catalog,
    Column,
    Index,
    View,
    catalogs,
    views,
)
from pgtool.catalog.genesis.facts import INT2, OID, Facts, Row, text_array, vector
from pgtool.catalog.genesis.grants import Grants

BOOTSTRAP_SUPERUSER, PG_CATALOG, PG_TOAST = 10, 11, 99
HEAP_AM, BTREE_AM = 2, 403
BTEQUALIMAGE_PROC = 4
C_LANGUAGE = 13
GLOBAL_TABLESPACE = 1664
C_COLLATION, DEFAULT_COLLATION = 950, 100
#: System columns: name, type, attnum.
SYSTEM_COLUMNS = (
    ("ctid", "tid", -1), ("xmin", "xid", -2), ("cmin", "cid", -3), ("xmax", "xid", -4),
    ("cmax", "cid", -5), ("tableoid", "oid", -6),
)  # fmt: skip
TOAST_COLUMNS = (("chunk_id", "oid"), ("chunk_seq", "int4"), ("chunk_data", "bytea"))
_CLASS: dict[str, Any] = {
    "relnamespace": PG_CATALOG, "reltype": 0, "reloftype": 0, "relowner": BOOTSTRAP_SUPERUSER,
    "relam": 0, "relfilenode": 0, "reltablespace": 0, "relpages": 0, "reltuples": 0.0,
    "relallvisible": 0, "relallfrozen": 0, "reltoastrelid": 0, "relhasindex": False,
    "relisshared": False, "relpersistence": ord("p"), "relchecks": 0, "relhasrules": False,
    "relhastriggers": False, "relhassubclass": False, "relrowsecurity": False,
    "relforcerowsecurity": False, "relispopulated": True, "relreplident": ord("n"),
    "relispartition": False, "relrewrite": 0, "relfrozenxid": 0, "relminmxid": 0,
}  # fmt: skip
_ATTRIBUTE: dict[str, Any] = {
    "atttypmod": -1, "attndims": 0, "attcompression": 0, "attnotnull": False,
    "atthasdef": False, "atthasmissing": False, "attidentity": 0, "attgenerated": 0,
    "attisdropped": False, "attislocal": True, "attinhcount": 0, "attcollation": 0,
}  # fmt: skip
_TYPE: dict[str, Any] = {
    "typnamespace": PG_CATALOG, "typowner": BOOTSTRAP_SUPERUSER, "typlen": -1, "typbyval": False,
    "typispreferred": False, "typisdefined": True, "typdelim": ord(","), "typrelid": 0,
    "typsubscript": 0, "typelem": 0, "typarray": 0, "typmodin": 0, "typmodout": 0,
    "typanalyze": 0, "typalign": ord("d"), "typstorage": ord("x"), "typnotnull": False,
    "typbasetype": 0, "typtypmod": -1, "typndims": 0, "typcollation": 0,
}  # fmt: skip
_INDEX: dict[str, Any] = {
    "indnullsnotdistinct": False, "indisexclusion": False, "indimmediate": True,
    "indisclustered": False, "indisvalid": True, "indcheckxmin": False, "indisready": True,
    "indislive": True, "indisreplident": False,
}  # fmt: skip


class Rows:
    """What the catalogs of one database (and the shared ones) will hold."""

    def __init__(self, facts: Facts, frozen_xid: int) -> None:
        self.facts = facts
        self.frozen_xid = frozen_xid
        self.grants = Grants()
        self.catalogs = catalogs()
        self.of: dict[str, list[Row]] = {name: [] for name in self.catalogs}
        self.next_oid = FIRST_UNPINNED + OIDS_OF_VIEW * len(views())
        self.opclasses: dict[str, int] = {}
        self._identical: set[str] = set()
        self._templates: dict[str, tuple[Row, dict[str, int]]] = {}
        defaults = {"pg_class": _CLASS, "pg_attribute": _ATTRIBUTE, "pg_type": _TYPE,
                    "pg_index": _INDEX}  # fmt: skip
        for name, catalog in self.catalogs.items():
            known = defaults.get(name, {})
            template = [known.get(c) for c in catalog.names]
            self._templates[name] = template, {c: i for i, c in enumerate(catalog.names)}

    def oid(self) -> int:
        """The next OID that is not fixed beforehand."""
        self.next_oid += 1
        return self.next_oid - 1

    def add(self, catalog: str, **values: Any) -> Row:
        """A row of a catalog; columns not named have the usual value or are NULL."""
        template, at = self._templates[catalog]
        row = template.copy()
        for name, value in values.items():
            row[at[name]] = value
        self.of[catalog].append(row)
        return row

    def place(self, catalog: str, column: str) -> int:
        """The position of a column in the rows of a catalog."""
        return self._templates[catalog][1][column]

    def take_facts(self, names: Iterable[str]) -> None:
        """The rows that do not depend on anything."""
        for name in names:
            self.of[name] = self.facts.rows(self.catalogs[name])
        oid, opclass = self.place("pg_opclass", "oid"), self.place("pg_opclass", "opcname")
        method = self.place("pg_opclass", "opcmethod")
        family = self.place("pg_opclass", "opcfamily")
        input_ = self.place("pg_opclass", "opcintype")
        at = [self.place("pg_amproc", c) for c in ("amprocfamily", "amproclefttype", "amprocnum")]
        image = {tuple([row[i] for i in at]) for row in self.of["pg_amproc"]}
        for row in self.of["pg_opclass"]:
            if row[method] == BTREE_AM:
                name = row[opclass].decode()
                self.opclasses[name] = row[oid]
                if (row[family], row[input_], BTEQUALIMAGE_PROC) in image:
                    self._identical.add(name)

    def add_c_function(self, name: str, library: bytes, result: int, arguments: bytes) -> int:
        """A function of a library that comes with the server; strict if it has arguments."""
        count = (len(arguments) - len(vector(OID, "I", []))) // 4
        oid = self.oid()
        self.add(
            "pg_proc", oid=oid, proname=name.encode(), pronamespace=PG_CATALOG,
            proowner=BOOTSTRAP_SUPERUSER, prolang=C_LANGUAGE, procost=1.0, prorows=0.0,
            provariadic=0, prosupport=0, prokind=ord("f"), prosecdef=False, proleakproof=False,
            proisstrict=count > 0, proretset=False, provolatile=ord("v"), proparallel=ord("u"),
            pronargs=count, pronargdefaults=0, prorettype=result, proargtypes=arguments,
            prosrc=name.encode(), probin=library,
        )  # fmt: skip
        return oid

    def equal_is_identical(self, opclass: str) -> bool:
        """Whether values that are equal are the same bytes (under the C collation)."""
        return opclass in self._identical

    def depend(self, dependent: tuple[str, int, int], on: tuple[str, int, int], kind: str) -> None:
        """A row of pg_depend; objects are (catalog, OID, column)."""
        (a, objid, objsubid), (b, refobjid, refobjsubid) = dependent, on
        self.add(
            "pg_depend", classid=self.catalogs[a].oid, objid=objid, objsubid=objsubid,
            refclassid=self.catalogs[b].oid, refobjid=refobjid, refobjsubid=refobjsubid,
            deptype=ord(kind),
        )  # fmt: skip

    # -- relations ---------------------------------------------------------------------

    def describe_catalog(self, catalog: Catalog) -> None:
        """A catalog with its row type, TOAST table and indexes."""
        acl = self.grants.relation([] if catalog.secret else ["=r"])
        self._class(
            catalog.oid, catalog.name, "r", len(catalog.columns), catalog,
            reltype=catalog.rowtype, relam=HEAP_AM, reltoastrelid=catalog.toast,
            relhasindex=bool(catalog.indexes), relacl=acl,
        )  # fmt: skip
        self.initially("pg_class", catalog.oid, acl)
        self.row_type(catalog.oid, catalog.name, catalog.rowtype, catalog.array)
        for number, column in enumerate(catalog.columns, 1):
            ndims = _dimensions(column.type)
            self._column(catalog.oid, number, column, C_COLLATION, attndims=ndims)
        self._system_columns(catalog.oid)
        if catalog.toast:
            self._toast(catalog)
        for index in catalog.indexes:
            self._index(catalog, index)

    def describe_view(self, view: View) -> None:
        """A view, without its rule."""
        acl = self.grants.relation(view.grants)
        self.initially("pg_class", view.oid, acl)
        self.add(
            "pg_class", oid=view.oid, relname=view.name.encode(), reltype=view.rowtype,
            reltuples=-1.0,
            relkind=ord("v"), relnatts=len(view.columns), relhasrules=True, relacl=acl,
            reloptions=text_array(view.options) if view.options else None,
        )  # fmt: skip
        self.row_type(view.oid, view.name, view.rowtype, view.array)
        for number, column in enumerate(view.columns, 1):
            collation = DEFAULT_COLLATION if column.collation is None else column.collation
            self._column(view.oid, number, column, collation)

    def row_type(self, relation: int, name: str, oid: int, array: int) -> None:
        """The composite type of a relation, and the type of its arrays."""
        proc = self.facts.proc
        self.add(
            "pg_type", oid=oid, typname=name.encode(), typtype=ord("c"), typcategory=ord("C"),
            typrelid=relation, typarray=array, typinput=proc("record_in"),
            typoutput=proc("record_out"), typreceive=proc("record_recv"),
            typsend=proc("record_send"),
        )  # fmt: skip
        self.add(
            "pg_type", oid=array, typname=f"_{name}".encode(), typtype=ord("b"),
            typcategory=ord("A"), typelem=oid, typsubscript=proc("array_subscript_handler"),
            typinput=proc("array_in"), typoutput=proc("array_out"),
            typreceive=proc("array_recv"), typsend=proc("array_send"),
            typanalyze=proc("array_typanalyze"),
        )  # fmt: skip

    def initially(self, catalog: str, oid: int, acl: bytes | None, column: int = 0) -> None:
        """Privileges that pg_dump takes as given."""
        if acl is not None:
            self.add(
                "pg_init_privs", objoid=oid, classoid=self.catalogs[catalog].oid,
                objsubid=column, privtype=ord("i"), initprivs=acl,
            )  # fmt: skip

    def _class(
        self, oid: int, name: str, kind: str, natts: int, catalog: Catalog, **more: Any
    ) -> None:
        """A relation with a file; indexes and TOAST tables are where their table is."""
        frozen = 0 if kind == "i" else self.frozen_xid
        self.add(
            "pg_class", oid=oid, relname=name.encode(), relkind=ord(kind), relnatts=natts,
            relfilenode=0 if catalog.mapped else oid, relisshared=catalog.shared,
            reltablespace=GLOBAL_TABLESPACE if catalog.shared else 0, relfrozenxid=frozen,
            relminmxid=1 if frozen else 0, **more,
        )  # fmt: skip

    def _toast(self, catalog: Catalog) -> None:
        name = f"pg_toast_{catalog.oid}"
        self._class(
            catalog.toast, name, "t", len(TOAST_COLUMNS), catalog, relnamespace=PG_TOAST,
            relam=HEAP_AM, relhasindex=True,
        )  # fmt: skip
        for number, (column, type_) in enumerate(TOAST_COLUMNS, 1):
            self._column(catalog.toast, number, Column(column, type_), 0, attstorage=ord("p"))
        self._system_columns(catalog.toast)
        keys = [("chunk_id", "oid_ops"), ("chunk_seq", "int4_ops")]
        index = Index(f"{name}_index", catalog.toast_index, True, True, keys)
        toast = Catalog(name, catalog.toast, 0, 0, shared=catalog.shared, mapped=catalog.mapped)
        toast.columns = [Column(*pair) for pair in TOAST_COLUMNS]
        self._index(toast, index, relnamespace=PG_TOAST)

    def _index(self, table: Catalog, index: Index, **more: Any) -> None:
        self._class(
            index.oid, index.name, "i", len(index.keys), table, relam=BTREE_AM, **more
        )
        columns = {c.name: c for c in table.columns}
        numbers, collations = [], []
        for number, (name, _opclass) in enumerate(index.keys, 1):
            column = columns[name]
            stored = Column(name, "cstring" if column.type == "name" else column.type)
            collation = C_COLLATION if self.facts.types[column.type].collation else 0
            row = self._column(index.oid, number, stored, 0)
            row[self.place("pg_attribute", "attcollation")] = collation
            if stored.type == "cstring":
                row[self.place("pg_attribute", "atttypid")] = self.facts.types["cstring"].oid
            row[self.place("pg_attribute", "attndims")] = _dimensions(column.type)
            numbers.append(table.number(name))
            collations.append(collation)
        size = len(index.keys)
        self.add(
            "pg_index", indexrelid=index.oid, indrelid=table.oid, indnatts=size,
            indnkeyatts=size, indisunique=index.unique, indisprimary=index.primary,
            indkey=vector(INT2, "h", numbers), indcollation=vector(OID, "I", collations),
            indclass=vector(OID, "I", [self.opclasses[o] for _, o in index.keys]),
            indoption=vector(INT2, "h", [0] * size),
        )  # fmt: skip

    def _column(
        self, relation: int, number: int, column: Column, collation: int, **more: Any
    ) -> Row:
        type_ = self.facts.types[column.type]
        values: dict[str, Any] = {
            "attrelid": relation, "attname": column.name.encode(), "atttypid": type_.oid,
            "attlen": type_.typlen, "attnum": number, "attbyval": type_.byval,
            "attalign": ord(type_.align), "attstorage": ord(type_.storage),
            "attnotnull": column.notnull, "atttypmod": column.typmod,
            "attcollation": collation if type_.collation else 0,
        }  # fmt: skip
        if column.collation is not None:
            collation = column.collation
            values["attcollation"] = collation if type_.collation else 0
        if column.readable:
            values["attacl"] = self.grants.column()
            self.initially("pg_class", relation, values["attacl"], number)
        return self.add("pg_attribute", **(values | more))

    def _system_columns(self, relation: int) -> None:
        for name, type_, number in SYSTEM_COLUMNS:
            self._column(relation, number, Column(name, type_, True), 0)


def _dimensions(type_: str) -> int:
    """attndims of a catalog's column."""
    return int(type_.startswith("_") or type_ in ("int2vector", "oidvector"))
