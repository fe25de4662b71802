"""Column and table names → Vars, by the namespaces of the query and of those around it."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.enums import CoercionForm, RTEKind
from pgtool.nodes.exprs import FieldSelect, RowExpr, Var
from pgtool.sql.analyze.guesses import missing_column, missing_relation
from pgtool.sql.analyze.state import Column, Namespace, ParseState, make_var
from pgtool.sql.permissions import usable_namespace

__all__ = [
    "column_var", "find_column", "find_relation_item", "mark_selected", "missing_column",
    "missing_relation", "whole_row",
]  # fmt: skip

#: System columns: name → (attribute number, type).
SYSTEM_COLUMNS = {
    "ctid": (-1, t.TIDOID), "xmin": (-2, t.XIDOID), "cmin": (-3, t.CIDOID),
    "xmax": (-4, t.XIDOID), "cmax": (-5, t.CIDOID), "tableoid": (-6, t.OIDOID),
}  # fmt: skip
FIRST_LOW_INVALID = -7
ACL_SELECT = 2


def mark_selected(state: ParseState, item: Namespace, number: int) -> None:
    """Note that a column of a relation is read (Query.rteperminfos)."""
    if item.rte.rtekind == RTEKind.RTE_RELATION and item.rte.perminfoindex:
        owner = state
        while owner.items.get(item.index) is not item and owner.parent is not None:
            owner = owner.parent
        info = owner.perminfos[item.rte.perminfoindex - 1]
        info.selectedCols = info.selectedCols | {number - FIRST_LOW_INVALID}
        info.requiredPerms |= ACL_SELECT


def find_relation_item(
    state: ParseState, schema: str | None, name: str, location: int
) -> tuple[Namespace, int] | None:
    """The item that ``[schema.]name`` refers to, and how many levels out it is."""
    relid = None
    if schema is not None:
        space = usable_namespace(state.session, state.cache.namespace_oid(schema))
        row = state.cache.one("pg_class", ("relname", "relnamespace"), (name, space))
        if row is None:
            return None
        relid = row.oid
    level, here = 0, state
    while True:
        found = None
        for item in here.namespace:
            if not item.rel_visible or (item.lateral_only and not here.lateral_active):
                continue
            if relid is not None:
                fits = item.rte.rtekind == RTEKind.RTE_RELATION and item.rte.relid == relid
                fits = fits and item.rte.alias is None
            else:
                fits = item.refname == name
            if fits:
                if found is not None:
                    raise SqlError(f'table reference "{name}" is ambiguous', "42P09",
                                   position=location + 1)  # fmt: skip
                _check_lateral(here, item, location)
                found = item
        if found is not None:
            return found, level
        if here.parent is None:
            return None
        here, level = here.parent, level + 1


def _check_lateral(state: ParseState, item: Namespace, location: int) -> None:
    if item.lateral_only and not item.lateral_ok:
        raise SqlError(
            f'invalid reference to FROM-clause entry for table "{item.refname}"', "42P10",
            "The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
            position=location + 1,
        )  # fmt: skip


def column_of_item(
    state: ParseState, item: Namespace, name: str, level: int, location: int
) -> Any | None:
    """A column of one item by name, system columns included; None where it has none."""
    found = [
        number for number, column in enumerate(item.columns, 1)
        if column.name == name and not column.dropped
    ]  # fmt: skip
    if len(found) > 1:
        raise SqlError(f'column reference "{name}" is ambiguous', "42702", position=location + 1)
    if found:
        return column_var(state, item, found[0], level, location)
    system = SYSTEM_COLUMNS.get(name)
    if system is None or item.rte.rtekind != RTEKind.RTE_RELATION or item.rte.relkind == "v":
        return None
    number, typid = system
    mark_selected(state, item, number)
    return Var(varno=item.index, varattno=number, vartype=typid, vartypmod=-1, varlevelsup=level,
               varreturningtype=item.returning, varnosyn=item.index, varattnosyn=number,
               location=location)  # fmt: skip


def column_var(
    state: ParseState, item: Namespace, number: int, level: int, location: int,
    mark: bool = True,
) -> Any:  # fmt: skip
    """Column ``number`` (from 1) of an item as an expression; ``mark``: note that it is read."""
    merged = item.merged.get(number)
    if merged is not None:
        return merged(level, location, mark)
    if mark:
        mark_selected(state, item, number)
    var = make_var(item, number, item.columns[number - 1], level, location)
    nulling = state.level(level).nulling.get(item.index)
    if nulling:
        var.varnullingrels = frozenset(nulling)
    return var


def find_column(state: ParseState, name: str, location: int) -> Any | None:
    """An unqualified column name; None where no item has it, SqlError where several do."""
    level, here = 0, state
    while True:
        found = None
        for item in here.namespace:
            if not item.cols_visible or (item.lateral_only and not here.lateral_active):
                continue
            node = column_of_item(state, item, name, level, location)
            if node is None:
                continue
            if found is not None:
                raise SqlError(f'column reference "{name}" is ambiguous', "42702",
                               position=location + 1)  # fmt: skip
            _check_lateral(here, item, location)
            found = node
        if found is not None:
            return found
        if here.parent is None:
            return None
        here, level = here.parent, level + 1


def whole_row(state: ParseState, item: Namespace, level: int, location: int) -> Any:
    """A whole row of an item."""
    rte = item.rte
    if item.names is not None and not item.returning:
        return _merged_row(state, item, level, location)
    typid = t.RECORDOID
    if rte.rtekind == RTEKind.RTE_RELATION:
        row = state.cache.one("pg_class", "oid", rte.relid)
        typid = row.reltype if row is not None else t.RECORDOID
    elif rte.rtekind == RTEKind.RTE_FUNCTION and len(rte.functions) == 1 and not rte.funcordinality:
        from pgtool.sql.analyze.nodetypes import expr_type

        function_type = expr_type(rte.functions[0].funcexpr)
        if state.types.is_complex(function_type) and function_type != t.RECORDOID:
            typid = function_type
        elif not state.types.is_complex(function_type):
            # A scalar function's row is its value.
            return column_var(state, item, 1, level, location)
    mark_selected(state, item, 0)
    var = Var(varno=item.index, varattno=0, vartype=typid, vartypmod=-1, varlevelsup=level,
              varreturningtype=item.returning, varnosyn=item.index, varattnosyn=0,
              location=location)  # fmt: skip
    nulling = state.level(level).nulling.get(item.index)
    if nulling:
        var.varnullingrels = frozenset(nulling)
    return var


def _merged_row(state: ParseState, item: Namespace, level: int, location: int) -> RowExpr:
    """The row of a JOIN … USING alias: it has the merged columns only."""
    args = [column_var(state, item, n, level, location) for n in range(1, len(item.columns) + 1)]
    return RowExpr(
        args=args, row_typeid=t.RECORDOID, row_format=CoercionForm.COERCE_IMPLICIT_CAST,
        colnames=list(item.names.colnames), location=location,
    )  # fmt: skip


def field_select(state: ParseState, node: Any, name: str, columns: list[Column]) -> Any | None:
    """``(row).name`` as a FieldSelect; None where the row has no such column."""
    for number, column in enumerate(columns, 1):
        if column.name == name and not column.dropped:
            return FieldSelect(
                arg=node, fieldnum=number, resulttype=column.typid, resulttypmod=column.typmod,
                resultcollid=column.collation,
            )  # fmt: skip
    return None
