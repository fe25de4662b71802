"""What the planner asks about operators: btree families, strategies, hash and merge support."""

from __future__ import annotations

from typing import Any

BTREE_AM = 403
HASH_AM = 405
LESS, LESS_EQUAL, EQUAL, GREATER_EQUAL, GREATER = 1, 2, 3, 4, 5


def amops(cache: Any, opno: int, method: int = BTREE_AM) -> list[Any]:
    """The pg_amop rows of an operator in families of an access method (search, not order)."""
    return [
        row for row in cache.lookup("pg_amop", "amopopr", opno)
        if row.amopmethod == method and row.amoppurpose == "s"
    ]  # fmt: skip


def merge_families(cache: Any, opno: int) -> tuple[int, ...]:
    """The btree families in which an operator is equality; empty if it cannot merge."""
    row = cache.operator(opno)
    if row is None or not row.oprcanmerge:
        return ()
    return tuple(r.amopfamily for r in amops(cache, opno) if r.amopstrategy == EQUAL)


def can_hash(cache: Any, opno: int) -> bool:
    """Whether a hash join can use the operator."""
    row = cache.operator(opno)
    return bool(row is not None and row.oprcanhash and amops(cache, opno, HASH_AM))


def member(cache: Any, family: int, left: int, right: int, strategy: int) -> int:
    """The operator of a family for two input types and a strategy; 0 if there is none."""
    for row in cache.lookup("pg_amop", ("amopfamily", "amopstrategy"), (family, strategy)):
        if row.amoplefttype == left and row.amoprighttype == right and row.amoppurpose == "s":
            return int(row.amopopr)
    return 0


def in_family(cache: Any, opno: int, family: int) -> Any | None:
    """The pg_amop row of an operator in a family."""
    for row in cache.lookup("pg_amop", "amopopr", opno):
        if row.amopfamily == family and row.amoppurpose == "s":
            return row
    return None


def ordering(cache: Any, opno: int) -> tuple[int, int, bool] | None:
    """(family, input type, descending) of a ``<`` or ``>`` operator of a btree family."""
    for row in amops(cache, opno):
        if row.amopstrategy in (LESS, GREATER):
            return row.amopfamily, row.amoplefttype, row.amopstrategy == GREATER
    return None


def default_opclass(cache: Any, typid: int, method: int = BTREE_AM) -> Any | None:
    """The default operator class of a type for an access method."""
    found = None
    for row in cache.lookup("pg_opclass", "opcmethod", method):
        if row.opcdefault and row.opcintype == typid:
            return row
        if row.opcdefault and found is None and _coercible(cache, typid, row.opcintype):
            found = row
    return found


def _coercible(cache: Any, source: int, target: int) -> bool:
    cast = cache.cast(source, target)
    return bool(cast is not None and cast.castmethod == "b" and cast.castcontext == "i")


def equality_families(cache: Any, opno: int) -> tuple[int, ...]:
    """Like merge_families but for any equality operator of a btree family."""
    return tuple(r.amopfamily for r in amops(cache, opno) if r.amopstrategy == EQUAL)


def negator(cache: Any, opno: int) -> int:
    """The operator that gives the opposite answer; 0."""
    row = cache.operator(opno)
    return int(row.oprnegate) if row else 0


def commutator(cache: Any, opno: int) -> int:
    """The operator with its arguments swapped; 0."""
    row = cache.operator(opno)
    return int(row.oprcom) if row else 0
