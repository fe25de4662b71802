"""What objects are called in SQL: qualified where the search path would not find them."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.types.format_type import format_type
from pgtool.types.names import format_name, quote_identifier

__all__ = ["Names", "quote_literal"]

BTREE_AM = 403
#: System columns by number.
SYSTEM_COLUMNS = {
    -1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax", -6: "tableoid",
}  # fmt: skip


def quote_literal(text: str) -> str:
    """A string literal under standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"


class Names:
    """The names of one session's objects."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.cache = session.cache
        self.major = session.settings.major

    def quote(self, name: str) -> str:
        """An identifier, quoted where needed."""
        return quote_identifier(name, self.major)

    def _object(self, kind: str, oid: int, what: str) -> Any:
        found = self.session.types.lookups.object_name(kind, oid)
        if found is None:
            raise SqlError(f"cache lookup failed for {what} {oid}", "XX000")
        return found

    def _named(self, kind: str, oid: int, what: str, force: bool = False) -> str:
        found = self._object(kind, oid, what)
        qualified = force or found.qualified
        return format_name(found.namespace if qualified else None, found.name, self.major)

    def relation(self, oid: int, hidden_by: Any = ()) -> str:
        """A relation; ``hidden_by`` are names (of CTEs) that would be found before it."""
        bare = self.bare_relation(oid)
        return self._named("regclass", oid, "relation", bare in hidden_by)

    def bare_relation(self, oid: int) -> str:
        """A relation's own name, unquoted."""
        return str(self._object("regclass", oid, "relation").name)

    def qualified_relation(self, oid: int) -> str:
        """A relation with its schema."""
        return self._named("regclass", oid, "relation", force=True)

    def function(self, oid: int, in_group_by: bool = False) -> str:
        """A function, aggregate or window function."""
        found = self._object("regprocedure", oid, "function")
        forced = in_group_by and found.name in ("cube", "rollup")
        qualified = forced or found.qualified
        return format_name(found.namespace if qualified else None, found.name, self.major)

    def operator(self, oid: int) -> str:
        """An operator as it stands between operands."""
        found = self._object("regoperator", oid, "operator")
        if found.qualified:
            return f"OPERATOR({self.quote(found.namespace)}.{found.name})"
        return str(found.name)

    def collation(self, oid: int) -> str:
        """A collation."""
        return self._named("regcollation", oid, "collation")

    def type(self, oid: int, typmod: int = -1) -> str:
        """A type with its modifier; a bare ``character`` is told from character(1)."""
        return format_type(self.session.types, oid, typmod, given=True)

    def type_collation(self, oid: int) -> int:
        """The collation that a type's columns have by default."""
        row = self.cache.type(oid)
        return int(row.typcollation) if row else 0

    def column(self, relid: int, number: int) -> str:
        """A column's name, unquoted."""
        if number < 0:
            return SYSTEM_COLUMNS[number]
        row = self.cache.one("pg_attribute", ("attrelid", "attnum"), (relid, number))
        if row is None:
            raise SqlError(f"cache lookup failed for attribute {number} of relation {relid}",
                           "XX000")  # fmt: skip
        return str(row.attname)

    def attribute(self, relid: int, number: int) -> Any:
        """A column's row."""
        return self.cache.one("pg_attribute", ("attrelid", "attnum"), (relid, number))

    def columns(self, relid: int) -> list[str | None]:
        """The columns of a relation in order, None where one was dropped."""
        return [
            None if a.attisdropped else a.attname
            for a in self.session.database.relation(relid).attributes
        ]

    def opclass(self, oid: int, typid: int) -> str:
        """`` name`` of an operator class, or nothing where it is the type's default one."""
        row = self.cache.one("pg_opclass", "oid", oid)
        if row is None:
            raise SqlError(f"cache lookup failed for opclass {oid}", "XX000")
        if typid and self.default_opclass(typid, row.opcmethod) == oid:
            return ""
        for namespace in self.session.search_path:
            found = self.cache.one(
                "pg_opclass", ("opcmethod", "opcname", "opcnamespace"),
                (row.opcmethod, row.opcname, namespace),
            )  # fmt: skip
            if found is not None:
                if found.oid == oid:
                    return " " + self.quote(row.opcname)
                break
        schema = self.session.database.namespaces[row.opcnamespace]
        return " " + format_name(schema, row.opcname, self.major)

    def default_opclass(self, typid: int, method: int) -> int:
        """The operator class that an index of a type gets where none is given; 0 without."""
        info = self.session.types.info(typid)
        while info.typtype == "d":
            info = self.session.types.info(info.typbasetype)
        rows = [r for r in self.cache.lookup("pg_opclass", "opcmethod", method) if r.opcdefault]
        for target in (info.oid, *self._coercible(info)):
            for row in rows:
                if row.opcintype == target:
                    return int(row.oid)
        return 0

    def _coercible(self, info: Any) -> list[int]:
        """Types that a type's values are without conversion, preferred ones first."""
        found = [
            row for row in self.cache.lookup("pg_cast", "castsource", info.oid)
            if row.castmethod == "b" and row.castcontext == "i"
        ]  # fmt: skip
        found.sort(key=lambda row: not self.cache.type(row.casttarget).typispreferred)
        out = [row.casttarget for row in found]
        if info.is_true_array:
            out.append(2277)
        return out + {"e": [3500], "r": [3831], "m": [4537], "c": [2249]}.get(info.typtype, [])

    def sort_operators(self, typid: int) -> tuple[int, int]:
        """The ``<`` and ``>`` that ORDER BY uses for a type."""
        opclass = self.default_opclass(typid, BTREE_AM)
        row = self.cache.one("pg_opclass", "oid", opclass)
        if row is None:
            return 0, 0
        found = {
            op.amopstrategy: op.amopopr
            for op in self.cache.lookup("pg_amop", "amopfamily", row.opcfamily)
            if op.amoplefttype == op.amoprighttype == row.opcintype
        }  # fmt: skip
        return found.get(1, 0), found.get(5, 0)
