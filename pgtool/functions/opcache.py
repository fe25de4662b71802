"""Operators, operator classes and functions as those who compute need them.

One :class:`OpCache` for a session (:func:`opcache`). From an operator to the btree family
that orders by it, from there to the comparison function; from a type to its default
comparison; from a function's OID to a callable.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

from pgtool.errors import Unsupported
from pgtool.functions.registry import Call, find

__all__ = ["Function", "OpCache", "Ordering", "opcache"]

BTREE_AM, HASH_AM = 403, 405
INTERNAL, C_LANGUAGE, SQL_LANGUAGE = 12, 13, 14
BTORDER_PROC = 1
ANYARRAY, ANYENUM, ANYRANGE, ANYMULTIRANGE, RECORD = 2277, 3500, 3831, 4537, 2249
TEXT, VARCHAR, OID, INET, CIDR = 25, 1043, 26, 869, 650
_LESS, _EQUAL, _GREATER = 1, 3, 5
_EQUALITY_ONLY = {"xideq": "xid", "cideq": "xid", "xid8eq": "int", "aclitemeq": "bytes",
                  "tideq": "bytes"}  # fmt: skip


class Function(NamedTuple):
    """What calling a function takes: its implementation and its declared nature."""

    prosrc: str
    strict: bool
    volatile: bool
    returns_set: bool
    language: int
    row: Any


class Ordering(NamedTuple):
    """How an operator orders: the comparison's source name, and whether backwards."""

    cmp: str
    reverse: bool


class OpCache:
    """Operators of one session's catalogs."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.cache = session.cache
        self._functions: dict[int, Function] = {}
        self._orderings: dict[int, Ordering | None] = {}
        self._defaults: dict[int, tuple[int, int]] = {}

    def function(self, oid: int) -> Function:
        """A pg_proc row, reduced."""
        found = self._functions.get(oid)
        if found is None:
            row = self.cache.proc(oid)
            if row is None:
                raise Unsupported(f"function with OID {oid} is not in pg_proc")
            found = self._functions[oid] = Function(
                row.prosrc, bool(row.proisstrict), row.provolatile == "v", bool(row.proretset),
                int(row.prolang), row,
            )  # fmt: skip
        return found

    def callable(
        self, oid: int, argtypes: tuple[int, ...], rettype: int, collation: int = 0,
        variadic: bool = False,
    ) -> Callable[..., Any]:  # fmt: skip
        """The scalar implementation, bound to how it is called."""
        function = self.function(oid)
        if function.language == SQL_LANGUAGE:
            runner = getattr(self.session, "sql_function", None)
            if runner is None:
                raise Unsupported(f"SQL function {function.row.proname}")
            made: Callable[..., Any] = runner(function.row, argtypes, rettype, collation)
            return made
        if function.language not in (INTERNAL, C_LANGUAGE):
            raise Unsupported(f"function {function.row.proname} of another language")
        builtin = find(function.prosrc)
        if not builtin.call:
            return builtin.scalar
        call = Call(argtypes, rettype, collation, self.session, variadic)
        return functools.partial(builtin.scalar, call)

    @cached_property
    def _family_members(self) -> dict[int, list[Any]]:
        out: dict[int, list[Any]] = {}
        for row in self.cache.rows("pg_amop"):
            if row.amopmethod in (BTREE_AM, HASH_AM) and row.amoppurpose == "s":
                out.setdefault(row.amopopr, []).append(row)
        return out

    def ordering(self, operator: int) -> Ordering | None:
        """The comparison behind a btree operator (<, >, = of a family); None if there is none."""
        if operator not in self._orderings:
            self._orderings[operator] = self._ordering(operator)
        return self._orderings[operator]

    def _ordering(self, operator: int) -> Ordering | None:
        for row in self._family_members.get(operator, []):
            if row.amopmethod == BTREE_AM:
                cmp = self.support(row.amopfamily, row.amoplefttype, row.amoprighttype)
                if cmp:
                    return Ordering(cmp, row.amopstrategy > _EQUAL)
        found = self.cache.operator(operator)
        prosrc = self.function(found.oprcode).prosrc if found is not None else ""
        kind = _EQUALITY_ONLY.get(prosrc)
        return None if kind is None else Ordering(f"={kind}", False)

    def support(self, family: int, left: int, right: int) -> str:
        """The source name of a btree family's comparison; '' where there is none."""
        row = self.cache.one(
            "pg_amproc", ("amprocfamily", "amproclefttype", "amprocrighttype", "amprocnum"),
            (family, left, right, BTORDER_PROC),
        )  # fmt: skip
        return self.function(row.amproc).prosrc if row is not None else ""

    def strategy(self, operator: int) -> tuple[int, int] | None:
        """(btree family, strategy) of an operator."""
        for row in self._family_members.get(operator, []):
            if row.amopmethod == BTREE_AM:
                return row.amopfamily, row.amopstrategy
        return None

    def default_family(self, typid: int) -> tuple[int, int]:
        """(family, input type) of a type's default btree operator class."""
        if typid not in self._defaults:
            self._defaults[typid] = self._default_family(typid)
        return self._defaults[typid]

    def opclass_types(self, typid: int) -> list[int]:
        """The types whose default operator class serves a type, best first."""
        row = self.cache.type(typid)
        while row is not None and row.typtype == "d":
            typid = row.typbasetype
            row = self.cache.type(typid)
        tries = [typid]
        if row is not None:
            tries += {"e": [ANYENUM], "r": [ANYRANGE], "m": [ANYMULTIRANGE],
                      "c": [RECORD]}.get(row.typtype, [])  # fmt: skip
            if row.typelem and row.typlen == -1:
                tries.append(ANYARRAY)
        tries += {VARCHAR: [TEXT], CIDR: [INET]}.get(typid, [])
        if row is not None and row.typname.startswith("reg") and row.typlen == 4:
            tries.append(OID)
        return tries

    def _default_family(self, typid: int) -> tuple[int, int]:
        for one in self.opclass_types(typid):
            for found in self.cache.lookup("pg_opclass", ("opcmethod", "opcintype"),
                                           (BTREE_AM, one)):  # fmt: skip
                if found.opcdefault:
                    return found.opcfamily, one
        name = self.session.types.format_type(typid)
        raise Unsupported(f"ordering of type {name}")

    def type_cmp(self, typid: int) -> str:
        """The source name of a type's default comparison."""
        family, intype = self.default_family(typid)
        return self.support(family, intype, intype)

    def comparison(self, prosrc: str, typid: int, collation: int) -> Callable[[Any, Any], int]:
        """A comparison of two values of a type, from its source name."""
        builtin = find(prosrc)
        if not builtin.call:
            return builtin.scalar
        call = Call((typid, typid), 23, collation, self.session)
        scalar = builtin.scalar
        return lambda a, b: int(scalar(call, a, b))


def opcache(session: Any) -> OpCache:
    """The session's operator cache."""
    found: OpCache | None = session.__dict__.get("_opcache")
    if found is None:
        found = session.__dict__["_opcache"] = OpCache(session)
    return found
