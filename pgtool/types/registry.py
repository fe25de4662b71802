"""From a type's OID to its implementation, under one session's settings.

Built-in types are found by the *source name of their output function*, which is the same
in every major and survives a type being renamed; an extension type over a built-in
function (citext over textout) is found with them, and those of a few well-known extensions
by their own (:mod:`pgtool.types.contrib`). Domains, enums, rows, ranges and
arrays are found by what pg_type says they are. Everything else is :class:`Hexed`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from pgtool.errors import Unsupported
from pgtool.types.base import TypeIO
from pgtool.types.bootstrap import builtin_types
from pgtool.types.info import Lookups, NoLookups, Settings, TypeInfo

__all__ = ["BUILTINS", "TypeRegistry"]

#: Output function's source name → module under pgtool.types and class.
BUILTINS: dict[str, tuple[str, str]] = {
    "boolout": ("numbers", "Bool"), "int2out": ("numbers", "Int2"), "int4out": ("numbers", "Int4"),
    "int8out": ("numbers", "Int8"), "oidout": ("numbers", "OidIO"), "xidout": ("numbers", "Xid"),
    "xid8out": ("numbers", "Xid8"), "cidout": ("numbers", "Cid"), "tidout": ("numbers", "Tid"),
    "pg_lsn_out": ("numbers", "PgLsn"), "cash_out": ("numbers", "Money"),
    "void_out": ("numbers", "Void"),
    "float4out": ("floats", "Float4"), "float8out": ("floats", "Float8"),
    "numeric_out": ("numeric", "NumericIO"),
    "textout": ("strings", "Text"), "varcharout": ("strings", "VarChar"),
    "bpcharout": ("strings", "BpChar"), "nameout": ("strings", "Name"),
    "charout": ("strings", "Char"), "cstring_out": ("strings", "CString"),
    "unknownout": ("strings", "CString"), "byteaout": ("strings", "Bytea"),
    "xml_out": ("strings", "Xml"), "pg_node_tree_out": ("strings", "ReadOnlyText"),
    "pg_mcv_list_out": ("strings", "ReadOnlyBytea"),
    "json_out": ("json", "Json"), "jsonb_out": ("jsonb", "Jsonb"),
    "jsonpath_out": ("jsonpath", "JsonPath"),
    "date_out": ("dates", "Date"), "time_out": ("dates", "Time"), "timetz_out": ("dates", "TimeTz"),
    "timestamp_out": ("dates", "Timestamp"), "timestamptz_out": ("dates", "TimestampTz"),
    "interval_out": ("intervals", "IntervalIO"),
    "uuid_out": ("misc", "Uuid"), "bit_out": ("misc", "Bit"), "varbit_out": ("misc", "VarBit"),
    "txid_snapshot_out": ("misc", "Snapshot"), "pg_snapshot_out": ("misc", "Snapshot"),
    "aclitemout": ("misc", "AclItem"),
    "pg_ndistinct_out": ("stats", "NDistinct"), "pg_dependencies_out": ("stats", "Dependencies"),
    "brin_bloom_summary_out": ("stats", "BrinBloom"),
    "brin_minmax_multi_summary_out": ("stats", "BrinMinmaxMulti"),
    "inet_out": ("network", "Inet"), "cidr_out": ("network", "Cidr"),
    "macaddr_out": ("network", "MacAddr"), "macaddr8_out": ("network", "MacAddr8"),
    "point_out": ("geometry", "PointIO"), "lseg_out": ("geometry", "Lseg"),
    "box_out": ("geometry", "Box"), "line_out": ("geometry", "Line"),
    "circle_out": ("geometry", "Circle"), "path_out": ("geometry", "Path"),
    "poly_out": ("geometry", "Polygon"),
    "tsvectorout": ("tsearch", "TsVector"), "tsqueryout": ("tsearch", "TsQuery"),
    "int2vectorout": ("arrays", "Int2Vector"), "oidvectorout": ("arrays", "OidVector"),
    "array_out": ("arrays", "ArrayIO"), "anyarray_out": ("arrays", "ArrayIO"),
    "record_out": ("composite", "Record"), "enum_out": ("composite", "Enum"),
    "range_out": ("composite", "Range"), "multirange_out": ("composite", "Multirange"),
    "regprocout": ("regtypes", "RegProc"), "regprocedureout": ("regtypes", "RegProcedure"),
    "regoperout": ("regtypes", "RegOper"), "regoperatorout": ("regtypes", "RegOperator"),
    "regclassout": ("regtypes", "RegClass"), "regtypeout": ("regtypes", "RegType"),
    "regcollationout": ("regtypes", "RegCollation"), "regroleout": ("regtypes", "RegRole"),
    "regnamespaceout": ("regtypes", "RegNamespace"), "regconfigout": ("regtypes", "RegConfig"),
    "regdictionaryout": ("regtypes", "RegDictionary"),
}  # fmt: skip

#: The same for types of extensions, where the function's name alone may be anybody's: with
#: the type's name.
EXTENSIONS: dict[tuple[str, str], str] = {
    ("hstore_out", "hstore"): "HStore", ("ltree_out", "ltree"): "LTree",
    ("lquery_out", "lquery"): "LQuery", ("ltxtq_out", "ltxtquery"): "LTxtQuery",
    ("cube_out", "cube"): "Cube", ("seg_out", "seg"): "Seg", ("vector_out", "vector"): "Vec",
    ("halfvec_out", "halfvec"): "HalfVec", ("sparsevec_out", "sparsevec"): "SparseVec",
}  # fmt: skip

#: pg_type.typtype → class, for the kinds that need no function name.
_BY_TYPTYPE = {
    "c": ("composite", "Record"), "d": ("composite", "Domain"), "e": ("composite", "Enum"),
    "r": ("composite", "Range"), "m": ("composite", "Multirange"),
}  # fmt: skip


def _load(place: tuple[str, str]) -> type[TypeIO]:
    module = importlib.import_module(f"pgtool.types.{place[0]}")
    found: type[TypeIO] = getattr(module, place[1])
    return found


class TypeRegistry:
    """The types of one database as one session sees them.

    ``lookups`` answers from the catalogs; types that it does not know are looked for
    among the built-in ones, so a registry without catalogs serves those.
    """

    def __init__(self, settings: Settings | None = None, lookups: Lookups | None = None) -> None:
        self.settings = settings or Settings()
        self.lookups: Lookups = lookups or NoLookups()
        self._ios: dict[int, TypeIO] = {}
        self._infos: dict[int, TypeInfo] = {}
        #: Values that this transaction gave to enums older than itself: not yet to be used.
        self.uncommitted_enums: set[int] = set()
        #: Enums that it made itself.
        self.made_enums: set[int] = set()
        #: Checks a value of a domain (None: NULL) that was read as text: (type, datum).
        self.domain_check: Callable[[int, bytes | None], None] | None = None

    def forget(self) -> None:
        """Ask the look-ups anew: types changed."""
        self._ios.clear()
        self._infos.clear()
        self.__dict__.pop("_codecs", None)

    def settle_enums(self) -> None:
        """The transaction is over: its enums and their values are like all others."""
        self.uncommitted_enums.clear()
        self.made_enums.clear()

    def info(self, oid: int) -> TypeInfo:
        """The pg_type row; Unsupported where there is none."""
        info = self._infos.get(oid)
        if info is None:
            info = self.lookups.type_info(oid) or builtin_types(self.settings.major).get(oid)
            if info is None:
                raise Unsupported(f"type with OID {oid} is not in pg_type")
            self._infos[oid] = info
        return info

    def io_of(self, oid: int) -> TypeIO:
        """The implementation of a type, by OID."""
        io = self._ios.get(oid)
        if io is None:
            info = self.info(oid)
            io = self._ios[oid] = self.io_class(info)(info, self)
        return io

    def by_name(self, name: str) -> TypeIO:
        """The implementation of a built-in type, by its name in pg_type."""
        for info in builtin_types(self.settings.major).values():
            if info.name == name:
                return self.io_of(info.oid)
        raise Unsupported(f'type "{name}"')

    @staticmethod
    def io_class(info: TypeInfo) -> type[TypeIO]:
        """The class that implements a type."""
        place = _BY_TYPTYPE.get(info.typtype) or BUILTINS.get(info.typoutput)
        if place is None and not info.typoutput and info.namespace == "pg_catalog":
            by_name = {t.name: t.typoutput for t in builtin_types(18).values()}
            place = BUILTINS.get(by_name.get(info.name, ""))
        if place is None and (info.typoutput, info.name) in EXTENSIONS:
            place = ("contrib", EXTENSIONS[info.typoutput, info.name])
        return _load(place or ("strings", "Hexed"))

    def builtin(self, oid: int) -> TypeInfo | None:
        """The row of a built-in type."""
        return builtin_types(self.settings.major).get(oid)

    def type_oid(self, text: str) -> int | None:
        """The type that a text names as SQL would write it (``regtype`` input)."""
        from pgtool.types.type_name import type_oid

        return type_oid(self, text)

    def format_type(self, oid: int, typmod: int = -1) -> str:
        """A type's name as SQL writes it (``format_type`` of the server)."""
        from pgtool.types.format_type import format_type

        return format_type(self, oid, typmod)
