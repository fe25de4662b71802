"""Indexes over partitions: every partition has one like the parent's, attached to it."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import PARTITION_PRI, PARTITION_SEC, dependencies_of, record
from pgtool.catalog.index import indexes_of, store_inheritance
from pgtool.commands.alterconstraints import column_numbers
from pgtool.commands.context import Ddl
from pgtool.commands.exprs import renumbered
from pgtool.commands.indexcmds import IndexPlan, define_index
from pgtool.errors import SqlError
from pgtool.nodes.base import ValueString
from pgtool.nodes.ddl import IndexElem
from pgtool.nodes.query import DefElem
from pgtool.nodes.raw_enums import SortByDir, SortByNulls
from pgtool.nodes.text import text_to_node

__all__ = ["attach_index", "clone_indexes", "cloned_plan", "detach_indexes", "ensure_index"]

_DESC, _NULLS_FIRST = 1, 2


def _trees(text: str | None) -> list[Any]:
    if not text:
        return []
    made = text_to_node(text)
    return made if isinstance(made, list) else [made]


def _constraint_of(ddl: Ddl, index: int) -> Any:
    for found in ddl.cache.lookup("pg_constraint", "conindid", index):
        if found.contype in "pux":
            return found
    return None


def cloned_plan(ddl: Ddl, index: int, source: Any, numbers: dict[int, int]) -> IndexPlan:
    """An index like another one, over a table whose columns have these numbers."""
    facts = ddl.cache.one("pg_index", "indexrelid", index)
    row = ddl.relation_row(index)
    exprs = [renumbered(tree, numbers) for tree in _trees(facts.indexprs)]
    predicate = None if facts.indpred is None else renumbered(text_to_node(facts.indpred), numbers)
    names = {int(a.attnum): a.attname for a in ddl.attributes(source.oid)}
    own = ddl.attributes(index)
    elems = []
    for place, number in enumerate(facts.indkey):
        elem = IndexElem()
        if number > 0:
            elem.name = names[number]
        else:
            elem.expr, elem.indexcolname = DefElem(), own[place].attname
        if place < facts.indnkeyatts:
            _ordering(elem, facts.indoption[place])
        elems.append(elem)
    constraint = _constraint_of(ddl, index)
    am = ddl.cache.one("pg_am", "oid", row.relam)
    return IndexPlan(
        elems[: facts.indnkeyatts], elems[facts.indnkeyatts :], None, am.amname,
        options=[_option(text) for text in row.reloptions or ()], unique=facts.indisunique,
        primary=facts.indisprimary, nulls_not_distinct=facts.indnullsnotdistinct,
        constraint=constraint is not None,
        deferrable=bool(constraint is not None and constraint.condeferrable),
        deferred=bool(constraint is not None and constraint.condeferred),
        cooked=(exprs, predicate), opclasses=list(facts.indclass),
        collations=list(facts.indcollation),
    )  # fmt: skip


def _ordering(elem: IndexElem, option: int) -> None:
    descending, first = bool(option & _DESC), bool(option & _NULLS_FIRST)
    if descending:
        elem.ordering = SortByDir.SORTBY_DESC
    if first != descending:
        elem.nulls_ordering = (
            SortByNulls.SORTBY_NULLS_FIRST if first else SortByNulls.SORTBY_NULLS_LAST
        )


def _option(text: str) -> DefElem:
    name, _, value = text.partition("=")
    return DefElem(defname=name, arg=ValueString(sval=value))


def clone_indexes(ddl: Ddl, row: Any, parent: Any) -> None:
    """Every index of the parent, in a partition."""
    for found in indexes_of(ddl.writer, parent.oid):
        ensure_index(ddl, row, parent, int(found.indexrelid))


def ensure_index(ddl: Ddl, row: Any, parent: Any, index: int) -> None:
    """A partition has an index like this one of its parent: one that is there, or a new one."""
    numbers = column_numbers(ddl, parent.oid, row.oid)
    constraint = _constraint_of(ddl, index)
    for found in indexes_of(ddl.writer, row.oid):
        relation = ddl.relation_row(found.indexrelid)
        if relation.relispartition or not _alike(ddl, found, index, numbers):
            continue
        if constraint is not None:
            own = _constraint_of(ddl, found.indexrelid)
            if own is None or own.contype != constraint.contype:
                continue
        set_parent(ddl, found.indexrelid, index)
        return
    plan = cloned_plan(ddl, index, parent, numbers)
    plan.parent = index
    if constraint is not None:
        plan.parent_constraint = constraint.oid
    define_index(ddl, ddl.relation_row(row.oid), plan)


def _alike(ddl: Ddl, one: Any, index: int, numbers: dict[int, int]) -> bool:
    """Whether an index of a partition is what the parent's is."""
    other = ddl.cache.one("pg_index", "indexrelid", index)
    same = ("indisunique", "indnullsnotdistinct", "indnatts", "indnkeyatts", "indcollation",
            "indclass")  # fmt: skip
    if any(getattr(one, name) != getattr(other, name) for name in same) or not one.indisvalid:
        return False
    wanted = tuple(numbers[n] if n > 0 else 0 for n in other.indkey)
    if tuple(one.indkey) != wanted:
        return False
    methods = {ddl.relation_row(facts.indexrelid).relam for facts in (one, other)}
    if len(methods) != 1:
        return False
    exprs = [renumbered(tree, numbers) for tree in _trees(other.indexprs)]
    predicate = [renumbered(tree, numbers) for tree in _trees(other.indpred)]
    return _trees(one.indexprs) == exprs and _trees(one.indpred) == predicate


def set_parent(ddl: Ddl, index: int, parent: int) -> None:
    """An index of a partition becomes a part of the parent's index (0: is one no longer)."""
    writer = ddl.writer
    own = Address(c.RELATION, index)
    heap = ddl.cache.one("pg_index", "indexrelid", index).indrelid
    if parent:
        store_inheritance(writer, index, parent, 1)
        above = ddl.relation_row(parent)
        if not above.relhassubclass:
            writer.update("pg_class", above, relhassubclass=True)
        record(writer, own, Address(c.RELATION, parent), PARTITION_PRI)
        record(writer, own, Address(c.RELATION, heap), PARTITION_SEC)
    else:
        for found in ddl.cache.lookup("pg_inherits", "inhrelid", index):
            writer.delete("pg_inherits", found)
        _no_parts(ddl, own)
    writer.update("pg_class", ddl.relation_row(index), relispartition=bool(parent))
    constraint = _constraint_of(ddl, index)
    if constraint is not None:
        above_constraint = _constraint_of(ddl, parent) if parent else None
        if above_constraint is not None or not parent:
            set_constraint_parent(ddl, constraint, above_constraint)
    ddl.advance()


def _no_parts(ddl: Ddl, own: Address) -> None:
    for found in dependencies_of(ddl.writer, own):
        if found.deptype in (PARTITION_PRI, PARTITION_SEC):
            ddl.writer.delete("pg_depend", found)


def set_constraint_parent(ddl: Ddl, row: Any, parent: Any) -> None:
    """A constraint of a partition is (or no longer is) a part of the parent's."""
    own = Address(c.CONSTRAINT, row.oid)
    if parent is not None:
        ddl.writer.update("pg_constraint", row, conislocal=False, coninhcount=row.coninhcount + 1,
                          conparentid=parent.oid)  # fmt: skip
        record(ddl.writer, own, Address(c.CONSTRAINT, parent.oid), PARTITION_PRI)
        record(ddl.writer, own, Address(c.RELATION, row.conrelid), PARTITION_SEC)
    else:
        count = row.coninhcount - 1
        ddl.writer.update("pg_constraint", row, coninhcount=count, conparentid=0,
                          conislocal=True)  # fmt: skip
        _no_parts(ddl, own)


def detach_indexes(ddl: Ddl, row: Any) -> None:
    """A detached partition's indexes are its own."""
    for found in indexes_of(ddl.writer, row.oid):
        if ddl.relation_row(found.indexrelid).relispartition:
            set_parent(ddl, found.indexrelid, 0)


def _has_part(ddl: Ddl, index: int, table: int) -> bool:
    """Whether some index of a partition is a part of an index over partitions."""
    parts = ddl.cache.lookup("pg_inherits", "inhparent", index)
    return any(
        ddl.cache.one("pg_index", "indexrelid", part.inhrelid).indrelid == table for part in parts
    )


def attach_index(ddl: Ddl, row: Any, parent: Any) -> None:
    """ALTER INDEX … ATTACH PARTITION."""
    if row.relkind not in "iI":
        raise SqlError(f'"{row.relname}" is not an index', "42809")
    known = ddl.cache.lookup("pg_inherits", "inhrelid", row.oid)
    if any(found.inhparent == parent.oid for found in known):
        return
    detail = None
    facts = ddl.cache.one("pg_index", "indexrelid", row.oid)
    above = ddl.cache.one("pg_index", "indexrelid", parent.oid)
    heaps = [f.inhparent for f in ddl.cache.lookup("pg_inherits", "inhrelid", facts.indrelid)]
    if above.indrelid in heaps and _has_part(ddl, parent.oid, facts.indrelid):
        table = ddl.relation_row(facts.indrelid).relname
        raise SqlError(
            f'cannot attach index "{row.relname}" as a partition of index "{parent.relname}"',
            "55000", f'Another index is already attached for partition "{table}".')  # fmt: skip
    if known:
        detail = f'Index "{row.relname}" is already attached to another index.'
    elif above.indrelid not in heaps:
        table = ddl.relation_row(above.indrelid).relname
        detail = f'Index "{row.relname}" is not an index on any partition of table "{table}".'
    elif not _alike(ddl, facts, parent.oid, column_numbers(ddl, above.indrelid, facts.indrelid)):
        detail = "The index definitions do not match."
    if detail is not None:
        raise SqlError(
            f'cannot attach index "{row.relname}" as a partition of index "{parent.relname}"',
            "55000" if known else "42P17", detail)  # fmt: skip
    set_parent(ddl, row.oid, parent.oid)
    validate_parent(ddl, parent, above)


def validate_parent(ddl: Ddl, parent: Any, facts: Any) -> None:
    """An index over partitions is valid once every partition has its part."""
    parts = ddl.cache.lookup("pg_inherits", "inhparent", parent.oid)
    tables = ddl.cache.lookup("pg_inherits", "inhparent", facts.indrelid)
    if not facts.indisvalid and len(parts) == len(tables):
        ddl.writer.update("pg_index", facts, indisvalid=True)
        ddl.advance()
