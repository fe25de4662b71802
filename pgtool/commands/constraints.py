"""Adding constraints to a relation that is there: NOT NULL, CHECK; and defaults."""

from __future__ import annotations

from typing import Any

from pgtool.catalog.pg_attrdef import column_row, store_default
from pgtool.catalog.pg_constraint import (
    ConstraintSpec,
    choose_constraint_name,
    create_constraint,
    named,
)
from pgtool.commands.context import Ddl
from pgtool.commands.exprs import cook_check, cook_default, vars_of
from pgtool.commands.tabledef import CheckPlan, ColumnPlan, NotNullPlan
from pgtool.errors import SqlError
from pgtool.nodes.exprs import Const

__all__ = ["add_checks", "add_defaults", "add_not_nulls"]


def add_defaults(ddl: Ddl, row: Any, columns: list[tuple[int, ColumnPlan]]) -> None:
    """The defaults of new columns, plain ones before generation expressions."""
    for number, plan in columns:
        expr = plan.cooked_default
        if plan.raw_default is None and expr is None:
            continue
        column = column_row(ddl.writer, row.oid, number)
        if expr is None:
            expr = cook_default(ddl, plan.raw_default, column, plan.spec.generated, row)
        if not plan.spec.generated and _is_null(expr) and ddl.types.info(
            column.atttypid
        ).typtype != "d":
            continue
        store_default(ddl.writer, row.oid, number, expr)


def _is_null(expr: Any) -> bool:
    return isinstance(expr, Const) and expr.constisnull


def check_name(ddl: Ddl, row: Any, expr: Any, taken: set[str]) -> str:
    """A name for a CHECK that has none: after its column, if it is of one only."""
    numbers = {var.varattno for var in vars_of(expr)}
    column = None
    if len(numbers) == 1 and 0 not in numbers:
        column = str(column_row(ddl.writer, row.oid, numbers.pop()).attname)
    return choose_constraint_name(
        ddl.writer, row.relname, column, "check", row.relnamespace, taken
    )


def _merged(ddl: Ddl, row: Any, plan: CheckPlan, name: str, expr: Any) -> bool:
    """Whether an equal constraint of this name is there: then it is also ours."""
    found = named(ddl.writer, row.oid, name)
    if found is None:
        return False
    from pgtool.nodes.text import text_to_node

    same = found.contype == "c" and text_to_node(found.conbin) == expr
    if not same or (plan.is_local and found.conislocal):
        raise SqlError(
            f'constraint "{name}" for relation "{row.relname}" already exists', "42710")
    changes: dict[str, Any] = {}
    if plan.is_local:
        changes["conislocal"] = True
    else:
        changes["coninhcount"] = found.coninhcount + 1
    ddl.notice(f'merging constraint "{name}" with inherited definition')
    ddl.writer.update("pg_constraint", found, **changes)
    return True


def add_checks(ddl: Ddl, row: Any, plans: list[CheckPlan]) -> list[tuple[str, Any]]:
    """CHECK constraints; (name, expression) of those that are new."""
    taken: set[str] = set()
    made: list[tuple[str, Any]] = []
    for plan in plans:
        expr = plan.cooked if plan.cooked is not None else cook_check(ddl, plan.raw, row)
        name = plan.name or check_name(ddl, row, expr, taken)
        if plan.name and name in taken:
            raise SqlError(f'check constraint "{name}" already exists', "42710")
        taken.add(name)
        plan.name = name
        if plan.no_inherit and row.relkind == "p":
            raise SqlError(
                f'cannot add NO INHERIT constraint to partitioned table "{row.relname}"', "42P16")
        if _merged(ddl, row, plan, name, expr):
            continue
        keys = tuple(dict.fromkeys(v.varattno for v in vars_of(expr) if v.varattno > 0))
        create_constraint(ddl.writer, ConstraintSpec(
            name, row.relnamespace, "c", row.oid, keys, expr=expr,
            is_local=plan.is_local, inhcount=plan.inhcount, no_inherit=plan.no_inherit,
            enforced=plan.enforced, validated=plan.validated,
        ))  # fmt: skip
        made.append((name, expr))
    if made:
        ddl.writer.update("pg_class", row, relchecks=row.relchecks + len(made))
    return made


def add_not_nulls(ddl: Ddl, row: Any, plans: list[NotNullPlan]) -> None:
    """NOT NULL constraints of columns that have none; attnotnull of their columns."""
    taken = {plan.name for plan in plans if plan.name}
    for plan in plans:
        column = ddl.attribute(row.oid, plan.column)
        name = plan.name or choose_constraint_name(
            ddl.writer, row.relname, plan.column, "not_null", row.relnamespace, taken
        )
        if plan.name and named(ddl.writer, row.oid, name) is not None:
            raise SqlError(
                f'constraint "{name}" for relation "{row.relname}" already exists', "42710")
        taken.add(name)
        plan.name = name
        create_constraint(ddl.writer, ConstraintSpec(
            name, row.relnamespace, "n", row.oid, (column.attnum,), is_local=plan.is_local,
            inhcount=plan.inhcount, no_inherit=plan.no_inherit, validated=plan.validated,
        ))  # fmt: skip
        if not column.attnotnull:
            ddl.writer.update("pg_attribute", column, attnotnull=True)
