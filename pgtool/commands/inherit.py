"""Inheritance: columns and constraints that a new table has from its parents; INHERIT and NO
INHERIT of tables that are there.

Columns of parents come first, in their order; a column of the same name is the same column,
whose types must agree. Partitions are children too: they have one parent and nothing of their
own but defaults and constraints.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import AUTO, NORMAL, dependencies_of, record
from pgtool.catalog.heap import ColumnSpec
from pgtool.catalog.index import store_inheritance
from pgtool.catalog.pg_attrdef import default_of
from pgtool.catalog.pg_constraint import constraints_of, named, not_null_of
from pgtool.commands.context import Ddl
from pgtool.commands.exprs import renumbered
from pgtool.commands.tabledef import CheckPlan, ColumnPlan, NotNullPlan, TableDefinition
from pgtool.errors import SqlError
from pgtool.nodes.text import text_to_node

__all__ = ["add_parent", "drop_parent", "merge_into_existing", "merge_parents", "store_parent"]

MISMATCH = "42804"


def merge_parents(ddl: Ddl, made: TableDefinition, raw: Any) -> list[Any]:
    """Put the parents' columns and constraints into a definition; the parents' rows."""
    made.is_partition = raw.partbound is not None
    parents: list[Any] = []
    own, made.columns = made.columns, []
    for node in raw.inhRelations:
        row = ddl.open_table(node)
        _check_parent(ddl, made, row)
        if row.oid in [p.oid for p in parents]:
            raise SqlError(
                f'relation "{row.relname}" would be inherited from more than once', "42P07")
        parents.append(row)
        _add_parent(ddl, made, row)
    for plan in own:
        _add_own(ddl, made, plan, own.index(plan))
    _partial_columns(made)
    return parents


def _check_parent(ddl: Ddl, made: TableDefinition, row: Any) -> None:
    if row.relkind not in "rpf":
        raise SqlError(
            f'inherited relation "{row.relname}" is not a table or foreign table', "42809")
    if made.is_partition and row.relkind != "p":
        raise SqlError(f'"{row.relname}" is not partitioned', "42P17")
    if not made.is_partition and row.relkind == "p":
        raise SqlError(f'cannot inherit from partitioned table "{row.relname}"', "42809")
    if not made.is_partition and row.relispartition:
        raise SqlError(f'cannot inherit from partition "{row.relname}"', "42809")
    ddl.check_owner(row)


def _types(ddl: Ddl, one: tuple[int, int], two: tuple[int, int]) -> str:
    return f"{ddl.types.format_type(*one)} versus {ddl.types.format_type(*two)}"


def _add_parent(ddl: Ddl, made: TableDefinition, row: Any) -> None:
    numbers: dict[int, int] = {}
    defaults: list[tuple[ColumnPlan, Any]] = []
    for a in ddl.attributes(row.oid):
        if a.attisdropped:
            continue
        plan = made.column(a.attname)
        if plan is not None:
            _merge_inherited(ddl, plan, a)
        else:
            spec = ColumnSpec(
                a.attname, a.atttypid, a.atttypmod, 0, a.attcollation,
                identity=a.attidentity if made.is_partition else "", generated=a.attgenerated,
                storage=a.attstorage, compression=a.attcompression, is_local=False, inhcount=1,
            )  # fmt: skip
            plan = ColumnPlan(spec)
            made.columns.append(plan)
        numbers[int(a.attnum)] = made.columns.index(plan) + 1
        if a.atthasdef:
            defaults.append((plan, default_of(ddl.writer, row.oid, a.attnum)))
    for plan, found in defaults:
        expr = renumbered(text_to_node(found.adbin), numbers)
        if plan.cooked_default is not None and plan.cooked_default != expr:
            raise SqlError(f'column "{plan.spec.name}" inherits conflicting default values',
                           "42611", hint="To resolve the conflict, specify a default explicitly.")
        plan.cooked_default = expr
    _add_constraints(ddl, made, row, numbers)


def _merge_inherited(ddl: Ddl, plan: ColumnPlan, a: Any) -> None:
    spec = plan.spec
    ddl.notice(f'merging multiple inherited definitions of column "{spec.name}"')
    if (spec.typid, spec.typmod) != (a.atttypid, a.atttypmod):
        raise SqlError(f'inherited column "{spec.name}" has a type conflict', MISMATCH,
                       _types(ddl, (spec.typid, spec.typmod), (a.atttypid, a.atttypmod)))
    if spec.collation != a.attcollation:
        raise SqlError(f'inherited column "{spec.name}" has a collation conflict', "42P21")
    if spec.generated != a.attgenerated:
        raise SqlError(f'inherited column "{spec.name}" has a generation conflict', MISMATCH)
    spec.inhcount += 1


def _add_constraints(
    ddl: Ddl, made: TableDefinition, row: Any, numbers: dict[int, int]
) -> None:
    for found in constraints_of(ddl.writer, row.oid):
        if found.connoinherit:
            continue
        if found.contype == "c":
            expr = renumbered(text_to_node(found.conbin), numbers)
            same = next((k for k in made.checks if k.name == found.conname and k.cooked), None)
            if same is None:
                made.checks.append(CheckPlan(
                    found.conname, cooked=expr, is_local=False, inhcount=1,
                    enforced=found.conenforced, validated=found.conenforced,
                ))  # fmt: skip
            elif same.cooked == expr:
                same.inhcount += 1
            else:
                raise SqlError(
                    f'check constraint name "{found.conname}" appears multiple times but with '
                    "different expressions", "42710")  # fmt: skip
        elif found.contype == "n":
            name = made.columns[numbers[found.conkey[0]] - 1].spec.name
            _inherit_not_null(made, name, str(found.conname))


def _inherit_not_null(made: TableDefinition, column: str, name: str) -> None:
    plan = made.column(column)
    assert plan is not None
    plan.spec.not_null = True
    for known in made.not_nulls:
        if known.column == column:
            known.inhcount += 1
            return
    made.not_nulls.append(NotNullPlan(name, column, is_local=False, inhcount=1))


def _add_own(ddl: Ddl, made: TableDefinition, plan: ColumnPlan, place: int) -> None:
    inherited = made.column(plan.spec.name)
    if inherited is None:
        made.columns.append(plan)
        return
    spec, own = inherited.spec, plan.spec
    if made.columns.index(inherited) == place:
        ddl.notice(f'merging column "{own.name}" with inherited definition')
    else:
        ddl.notice(f'moving and merging column "{own.name}" with inherited definition',
                   detail="User-specified column moved to the position of the inherited column.")
    if (spec.typid, spec.typmod) != (own.typid, own.typmod):
        raise SqlError(f'column "{own.name}" has a type conflict', MISMATCH,
                       _types(ddl, (spec.typid, spec.typmod), (own.typid, own.typmod)))
    if spec.collation != own.collation:
        raise SqlError(f'column "{own.name}" has a collation conflict', "42P21")
    _merge_generation(spec, plan)
    spec.is_local = True
    spec.storage = own.storage or spec.storage
    spec.compression = own.compression or spec.compression
    spec.identity = own.identity or spec.identity
    spec.not_null = spec.not_null or own.not_null
    if plan.raw_default is not None:
        inherited.raw_default, inherited.cooked_default = plan.raw_default, None


def _merge_generation(spec: ColumnSpec, plan: ColumnPlan) -> None:
    name = spec.name
    if spec.generated:
        if plan.raw_default is not None and not plan.spec.generated:
            raise SqlError(
                f'column "{name}" inherits from generated column but specifies default', "42611")
        if plan.spec.identity:
            raise SqlError(
                f'column "{name}" inherits from generated column but specifies identity', "42611")
        check_same_kind(name, spec.generated, plan.spec.generated, "42611")
    elif plan.spec.generated:
        raise SqlError(f'child column "{name}" specifies generation expression', "42611",
                       hint="A child table column cannot be generated unless its parent column is.")


def check_same_kind(name: str, above: str, below: str, code: str) -> None:
    """A generated column and the one below it are both stored or both virtual."""
    words = {"s": "STORED", "v": "VIRTUAL"}
    if above in words and below in words and above != below:
        raise SqlError(
            f'column "{name}" inherits from generated column of different kind', code,
            f"Parent column is {words[above]}, child column is {words[below]}.")  # fmt: skip


def _partial_columns(made: TableDefinition) -> None:
    """PARTITION OF … (column DEFAULT …): no new columns, only what is said of them."""
    for node in made.partial:
        plan = made.column(node.colname)
        if plan is None:
            raise SqlError(f'column "{node.colname}" does not exist', "42703")
        before, inherited = plan.raw_default, replace(plan.spec)
        plan.raw_default = None
        plan.spec.generated = plan.spec.identity = ""
        made._constraints(plan, node, False)
        _merge_generation(inherited, plan)
        plan.spec.generated = plan.spec.generated or inherited.generated
        plan.spec.identity = plan.spec.identity or inherited.identity
        if plan.raw_default is not None:
            plan.cooked_default = None
        else:
            plan.raw_default = before


def merge_local_not_nulls(made: TableDefinition) -> None:
    """A NOT NULL of the table itself and one that it inherits are one constraint."""
    out: list[NotNullPlan] = []
    for plan in made.not_nulls:
        same = next((k for k in out if k.column == plan.column), None)
        if same is None:
            out.append(plan)
        else:
            same.is_local = same.is_local or plan.is_local
            same.inhcount += plan.inhcount
    made.not_nulls = out


def store_parent(ddl: Ddl, oid: int, parent: Any, number: int, partition: bool) -> None:
    """The tie between a child and its parent."""
    store_inheritance(ddl.writer, oid, parent.oid, number)
    kind = AUTO if partition else NORMAL
    record(ddl.writer, Address(c.RELATION, oid), Address(c.RELATION, parent.oid), kind)
    row = ddl.relation_row(parent.oid)
    if not row.relhassubclass:
        ddl.writer.update("pg_class", row, relhassubclass=True)


# -- tables that are there ---------------------------------------------------------------------


def merge_into_existing(ddl: Ddl, child: Any, parent: Any, partition: bool = False) -> None:
    """A table that is there becomes a child: its columns and constraints must fit."""
    for a in ddl.attributes(parent.oid):
        if a.attisdropped:
            continue
        own = ddl.attribute(child.oid, a.attname)
        if own is None:
            raise SqlError(f'child table is missing column "{a.attname}"', MISMATCH)
        _check_column(ddl, child, own, a)
        changes: dict[str, Any] = {"attinhcount": own.attinhcount + 1}
        if partition:
            changes["attislocal"] = False
            if a.attidentity and not own.attidentity:
                changes["attidentity"] = a.attidentity
        ddl.writer.update("pg_attribute", own, **changes)
    _merge_constraints(ddl, child, parent, partition)


def _check_column(ddl: Ddl, child: Any, own: Any, a: Any) -> None:
    if (own.atttypid, own.atttypmod) != (a.atttypid, a.atttypmod):
        raise SqlError(f'child table "{child.relname}" has different type for column '
                       f'"{a.attname}"', MISMATCH)  # fmt: skip
    if own.attcollation != a.attcollation:
        raise SqlError(f'child table "{child.relname}" has different collation for column '
                       f'"{a.attname}"', "42P21")  # fmt: skip
    if a.attnotnull and not own.attnotnull:
        raise SqlError(f'column "{a.attname}" in child table "{child.relname}" must be marked '
                       "NOT NULL", MISMATCH)  # fmt: skip
    check_same_kind(a.attname, a.attgenerated, own.attgenerated, MISMATCH)
    if a.attgenerated and not own.attgenerated:
        raise SqlError(f'column "{a.attname}" in child table must be a generated column', MISMATCH)
    if own.attgenerated and not a.attgenerated:
        raise SqlError(f'column "{a.attname}" in child table must not be a generated column',
                       MISMATCH)  # fmt: skip


def _merge_constraints(ddl: Ddl, child: Any, parent: Any, partition: bool) -> None:
    from pgtool.commands.alterconstraints import column_numbers

    numbers = column_numbers(ddl, parent.oid, child.oid)
    for found in constraints_of(ddl.writer, parent.oid):
        if found.contype not in "cn" or found.connoinherit:
            continue
        if found.contype == "n":
            own = not_null_of(ddl.writer, child.oid, numbers[found.conkey[0]])
            expected = None
        else:
            own = named(ddl.writer, child.oid, found.conname)
            expected = renumbered(text_to_node(found.conbin), numbers)
        if own is None:
            raise SqlError(f'child table is missing constraint "{found.conname}"', MISMATCH)
        if expected is not None and text_to_node(own.conbin) != expected:
            raise SqlError(f'child table "{child.relname}" has different definition for check '
                           f'constraint "{found.conname}"', MISMATCH)  # fmt: skip
        if own.connoinherit:
            raise SqlError(
                f'constraint "{own.conname}" conflicts with non-inherited constraint on child '
                f'table "{child.relname}"', "42P17")  # fmt: skip
        changes: dict[str, Any] = {"coninhcount": own.coninhcount + 1}
        if partition:
            changes["conislocal"] = False
        ddl.writer.update("pg_constraint", own, **changes)


def check_child(alter: Any, row: Any, command: Any, recurse: bool) -> None:
    """INHERIT, before anything is done."""
    if row.relispartition:
        raise SqlError("cannot change inheritance of a partition", "42809")
    if row.relkind == "p":
        raise SqlError("cannot change inheritance of partitioned table", "42809")


def add_parent(alter: Any, row: Any, command: Any, recurse: bool) -> None:
    """INHERIT."""
    from pgtool.commands.altertable import wrong_kind

    ddl = alter.ddl
    parent = ddl.open_table(command.def_)
    if parent.relkind not in "rpf":
        raise wrong_kind(parent, command.subtype)
    if parent.relispartition:
        raise SqlError("cannot inherit from a partition", "42809")
    made = TableDefinition(ddl, row.relname, row.relnamespace)
    _check_parent(ddl, made, parent)
    rows = ddl.cache.lookup("pg_inherits", "inhrelid", row.oid)
    if any(found.inhparent == parent.oid for found in rows):
        raise SqlError(f'relation "{parent.relname}" would be inherited from more than once',
                       "42P07")  # fmt: skip
    if row.oid == parent.oid or row.oid in _ancestors(ddl, parent.oid):
        raise SqlError("circular inheritance not allowed", "42P07",
                       f'"{parent.relname}" is already a child of "{row.relname}".')  # fmt: skip
    merge_into_existing(ddl, row, parent)
    number = max((int(found.inhseqno) for found in rows), default=0) + 1
    store_parent(ddl, row.oid, parent, number, False)


def _ancestors(ddl: Ddl, oid: int) -> set[int]:
    out: set[int] = set()
    todo = [oid]
    while todo:
        for found in ddl.cache.lookup("pg_inherits", "inhrelid", todo.pop()):
            if found.inhparent not in out:
                out.add(int(found.inhparent))
                todo.append(int(found.inhparent))
    return out


def remove_parent(ddl: Ddl, row: Any, parent: Any, partition: bool) -> None:
    """A child is on its own from now on: what it inherited is its own."""
    found = [
        r for r in ddl.cache.lookup("pg_inherits", "inhrelid", row.oid)
        if r.inhparent == parent.oid
    ]  # fmt: skip
    if not found:
        if partition:
            raise SqlError(
                f'relation "{row.relname}" is not a partition of relation "{parent.relname}"',
                "42P01")  # fmt: skip
        raise SqlError(
            f'relation "{parent.relname}" is not a parent of relation "{row.relname}"', "42P01")
    ddl.writer.delete("pg_inherits", found[0])
    for a in ddl.attributes(parent.oid):
        own = None if a.attisdropped else ddl.attribute(row.oid, a.attname)
        if own is not None and own.attinhcount > 0:
            left = own.attinhcount - 1
            changes: dict[str, Any] = {"attinhcount": left}
            if left == 0:
                changes["attislocal"] = True
            ddl.writer.update("pg_attribute", own, **changes)
    _release_constraints(ddl, row, parent)
    for dependency in dependencies_of(ddl.writer, Address(c.RELATION, row.oid)):
        if (dependency.refclassid, dependency.refobjid) == (c.RELATION, parent.oid) and (
            not dependency.refobjsubid and dependency.deptype in (AUTO, NORMAL)
        ):
            ddl.writer.delete("pg_depend", dependency)


def _release_constraints(ddl: Ddl, row: Any, parent: Any) -> None:
    from pgtool.commands.alterconstraints import column_numbers

    numbers = column_numbers(ddl, parent.oid, row.oid)
    for found in constraints_of(ddl.writer, parent.oid):
        if found.contype not in "cn" or found.connoinherit:
            continue
        if found.contype == "n":
            own = not_null_of(ddl.writer, row.oid, numbers[found.conkey[0]])
        else:
            own = named(ddl.writer, row.oid, found.conname)
        if own is not None and own.coninhcount > 0:
            left = own.coninhcount - 1
            changes: dict[str, Any] = {"coninhcount": left}
            if left == 0:
                changes["conislocal"] = True
            ddl.writer.update("pg_constraint", own, **changes)


def drop_parent(alter: Any, row: Any, command: Any, recurse: bool) -> None:
    """NO INHERIT."""
    ddl = alter.ddl
    if row.relispartition:
        raise SqlError("cannot change inheritance of a partition", "42809")
    remove_parent(ddl, row, ddl.open_table(command.def_), False)


