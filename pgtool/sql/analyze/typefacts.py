"""What analysis asks about types: categories, domains, elements, names, composite columns.

A thin, remembering layer over pg_type, pg_range, pg_class and the type registry; one for a
session.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.catalog.syscache import SysCache
from pgtool.errors import SqlError
from pgtool.types.registry import TypeRegistry

__all__ = ["TypeFacts"]

VARHDRSZ = 4


class TypeFacts:
    """Facts about the types of one database."""

    def __init__(self, cache: SysCache, registry: TypeRegistry) -> None:
        self.cache = cache
        self.registry = registry

    def row(self, typid: int) -> Any:
        """The pg_type row; SqlError where there is none."""
        found = self.cache.type(typid)
        if found is None:
            raise SqlError(f"cache lookup failed for type {typid}", "XX000")
        return found

    def name(self, typid: int, typmod: int = -1) -> str:
        """The type as SQL writes it."""
        return self.registry.format_type(typid, typmod)

    def names(self, one: int, two: int) -> tuple[str, str]:
        """Two types for one message."""
        return self.name(one), self.name(two)

    def base_type(self, typid: int) -> int:
        """The type under all domains."""
        return self.base_type_and_typmod(typid, -1)[0]

    def base_type_and_typmod(self, typid: int, typmod: int) -> tuple[int, int]:
        """The type under all domains, with the type modifier that the domains impose."""
        found = self.cache.type(typid)
        while found is not None and found.typtype == "d":
            typmod = found.typtypmod
            typid = found.typbasetype
            found = self.cache.type(typid)
        return typid, typmod

    def category(self, typid: int) -> str:
        """pg_type.typcategory."""
        found = self.cache.type(typid)
        return str(found.typcategory) if found is not None else ""

    def preferred(self, typid: int) -> bool:
        """pg_type.typispreferred."""
        found = self.cache.type(typid)
        return bool(found is not None and found.typispreferred)

    def category_and_preferred(self, typid: int) -> tuple[str, bool]:
        """Both at once."""
        return self.category(typid), self.preferred(typid)

    def element_type(self, typid: int) -> int:
        """The element type of a true array; 0 of anything else."""
        found = self.cache.type(typid)
        if found is None or not found.typelem or found.typlen != -1:
            return 0
        return int(found.typelem) if found.typsubscript == self._array_subscript else 0

    @cached_property
    def _array_subscript(self) -> int:
        rows = self.cache.lookup("pg_proc", "proname", "array_subscript_handler")
        return int(rows[0].oid) if rows else 0

    def array_type(self, typid: int) -> int:
        """The array type over a type; 0 where there is none."""
        found = self.cache.type(typid)
        return int(found.typarray) if found is not None else 0

    def promoted_array_type(self, typid: int) -> int:
        """What ARRAY(subquery) gives: the array type, or the type itself if it is one."""
        return self.array_type(typid) or (typid if self.element_type(typid) else 0)

    def collation(self, typid: int) -> int:
        """pg_type.typcollation."""
        found = self.cache.type(typid)
        return int(found.typcollation) if found is not None else 0

    def is_complex(self, typid: int) -> bool:
        """Whether it is a row type: RECORD, a composite, or a domain over one."""
        if typid == t.RECORDOID:
            return True
        found = self.cache.type(self.base_type(typid)) if typid else None
        return bool(found is not None and found.typtype == "c")

    def range_subtype(self, typid: int) -> int:
        """The subtype of a range; 0 of anything else."""
        found = self.cache.one("pg_range", "rngtypid", typid) if typid else None
        return int(found.rngsubtype) if found else 0

    def range_multirange(self, typid: int) -> int:
        """The multirange over a range; 0 of anything else."""
        found = self.cache.one("pg_range", "rngtypid", typid) if typid else None
        return int(found.rngmultitypid) if found else 0

    def multirange_range(self, typid: int) -> int:
        """The range under a multirange; 0 of anything else."""
        found = self.cache.one("pg_range", "rngmultitypid", typid) if typid else None
        return int(found.rngtypid) if found else 0

    def attributes(self, typid: int) -> list[Any]:
        """The columns of a composite type, dropped ones included."""
        found = self.row(self.base_type(typid))
        if not found.typrelid:
            return []
        return list(self.cache.database.relation(found.typrelid).attributes)

    def inherits(self, child: int, parent: int) -> bool:
        """Whether a row type's table inherits from the other's table, or is OF the other type."""
        child_row = self.cache.type(self.base_type(child)) if child else None
        parent_row = self.cache.type(parent) if parent else None
        if not child_row or not parent_row or not child_row.typrelid or not parent_row.typrelid:
            return False
        own = self.cache.one("pg_class", "oid", child_row.typrelid)
        if own is not None and own.reloftype == parent:
            return True
        todo, seen = [child_row.typrelid], set()
        while todo:
            relid = todo.pop()
            if relid == parent_row.typrelid:
                return True
            if relid not in seen:
                seen.add(relid)
                rows = self.cache.lookup("pg_inherits", "inhrelid", relid)
                todo += [row.inhparent for row in rows]
        return False

    def input(self, typid: int, text: str, typmod: int = -1) -> bytes:
        """Text → stored datum by the type's input function."""
        return self.registry.io_of(typid).input(text, typmod)

    def const_value(self, typid: int, datum: bytes | None) -> bytes | None:
        """A stored datum as a Const holds it: padded when by value, with varlena header."""
        if datum is None:
            return None
        found = self.row(typid)
        if found.typbyval:
            sign = b"\xff" if found.typlen > 0 and datum and datum[-1] & 0x80 else b"\0"
            unsigned = typid in (t.OIDOID, t.XIDOID, t.CIDOID, t.BOOLOID, t.REGCLASSOID)
            return datum + (b"\0" if unsigned else sign) * (8 - len(datum))
        if found.typlen == -1:
            return ((len(datum) + VARHDRSZ) << 2).to_bytes(4, "little") + datum
        return datum + b"\0" if found.typlen == -2 else datum

    def datum_of_const(self, const: Any) -> bytes | None:
        """The stored datum in a Const: the reverse of :meth:`const_value`."""
        value = const.constvalue
        if const.constisnull or value is None:
            return None
        if const.constbyval:
            return bytes(value[: const.constlen])
        if const.constlen == -1:
            return bytes(value[1:]) if value[0] & 1 else bytes(value[VARHDRSZ:])
        return bytes(value[:-1]) if const.constlen == -2 else bytes(value)
