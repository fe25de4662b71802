"""What INSERT, UPDATE and DELETE share: the target relation, and values assigned to its columns.

The target is an entry of the range table that the query's ``resultRelation`` points at. A
value assigned to a column is converted as an assignment allows; with subscripts or fields
(``SET a[1].b = …``) the assignment goes into the column's old value, step by step.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import IntList
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import Const, FieldStore, SetToDefault, SubscriptingRef
from pgtool.nodes.query import Query
from pgtool.sql.analyze.coerce import (
    Context,
    coerce_to_domain,
    coerce_to_target,
    make_const,
)
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.from_clause import add_relation
from pgtool.sql.analyze.names import FIRST_LOW_INVALID, SYSTEM_COLUMNS
from pgtool.sql.analyze.nodetypes import expr_location, expr_type
from pgtool.sql.analyze.state import Namespace, ParseState, make_var
from pgtool.sql.analyze.subscripts import subscripting_ref

__all__ = [
    "ACL_DELETE", "ACL_INSERT", "ACL_UPDATE", "assigned", "attribute_number", "note_columns",
    "set_target",
]  # fmt: skip

ACL_INSERT, ACL_SELECT, ACL_UPDATE, ACL_DELETE = 1, 2, 4, 8
ROW_EXCLUSIVE_LOCK = 3
_IMPLICIT = CoercionForm.COERCE_IMPLICIT_CAST


def set_target(
    state: ParseState, query: Query, node: Any, perms: int, *, inherit: bool, in_scope: bool
) -> Namespace:
    """Put the target into the range table; with ``in_scope`` its columns can be named."""
    found = None if node.schemaname is not None else state.find_cte_by_name(node.relname)
    if found is not None:
        raise SqlError(f'relation "{node.relname}" cannot be the target of a modifying statement',
                       "42P01")  # fmt: skip
    item = add_relation(state, node, in_from=False)
    item.rte.inh = inherit and node.inh
    item.rte.rellockmode = ROW_EXCLUSIVE_LOCK
    info = state.perminfos[-1]
    info.inh = item.rte.inh
    info.requiredPerms = perms
    query.resultRelation = item.index
    if in_scope:
        item.rte.inFromCl = False
        state.namespace.append(item)
    return item


def attribute_number(
    state: ParseState, target: Namespace, name: str, location: int, what: str
) -> int:
    """The number of a target column; SqlError 42703 where there is none."""
    for number, column in enumerate(_own_columns(state, target), 1):
        if column.attname == name and not column.attisdropped:
            return number
    if name in SYSTEM_COLUMNS:
        raise SqlError(f'cannot assign to system column "{name}"', "0A000",
                       position=location + 1)  # fmt: skip
    relation = state.session.database.relation(target.rte.relid)
    hint = None
    if what == "SET" and name == target.refname:
        hint = "SET target columns cannot be qualified with the relation name."
    raise SqlError(f'column "{name}" of relation "{relation.relname}" does not exist', "42703",
                   hint=hint, position=location + 1)  # fmt: skip


def _own_columns(state: ParseState, target: Namespace) -> list[Any]:
    """The target's attributes under their own names, whatever its alias says."""
    return state.session.database.relation(target.rte.relid).attributes


def note_columns(
    state: ParseState, target: Namespace, numbers: list[int], kind: str = "insertedCols"
) -> None:
    """Record which columns are written, for the check of privileges."""
    info = state.perminfos[target.rte.perminfoindex - 1]
    known = getattr(info, kind)
    setattr(info, kind, known | {number - FIRST_LOW_INVALID for number in numbers})


def assigned(
    state: ParseState, target: Namespace, expr: Any, number: int, indirection: list[Any],
    location: int, kind: str,
) -> Any:  # fmt: skip
    """A value as it goes into a column: converted, or stored into a part of the old value."""
    attribute = _own_columns(state, target)[number - 1]
    name = attribute.attname
    if isinstance(expr, SetToDefault):
        if indirection:
            part = (
                "an array element" if type(indirection[0]).__name__ == "A_Indices"
                else "a subfield"
            )  # fmt: skip
            raise SqlError(f"cannot set {part} to DEFAULT", "0A000", position=location + 1)
        return SetToDefault(
            typeId=attribute.atttypid, typeMod=attribute.atttypmod,
            collation=attribute.attcollation, location=expr.location,
        )  # fmt: skip
    if indirection:
        old: Any
        if kind == "INSERT":
            old = make_const(state, attribute.atttypid, None, attribute.atttypmod)
        else:
            old = make_var(target, number, target.columns[number - 1], 0, location)
        return _into(state, old, name, attribute.atttypid, attribute.atttypmod, list(indirection),
                     expr, location, False)  # fmt: skip
    made = coerce_to_target(
        state, expr, expr_type(expr), attribute.atttypid, attribute.atttypmod, Context.assignment,
        _IMPLICIT,
    )  # fmt: skip
    if made is None:
        wanted, given = state.types.name(attribute.atttypid), state.types.name(expr_type(expr))
        raise SqlError(
            f'column "{name}" is of type {wanted} but expression is of type {given}', "42804",
            hint="You will need to rewrite or cast the expression.",
            position=expr_location(expr) + 1 or None,
        )  # fmt: skip
    return made


def _into(
    state: ParseState, old: Any, name: str, typid: int, typmod: int, steps: list[Any], expr: Any,
    location: int, is_subfield: bool,
) -> Any:  # fmt: skip
    """``expr`` stored into the part of ``old`` that the steps lead to."""
    if not steps:
        made = coerce_to_target(
            state, expr, expr_type(expr), typid, typmod, Context.assignment, _IMPLICIT
        )
        if made is None:
            what = "subfield" if is_subfield else "array element"
            wanted, given = state.types.name(typid), state.types.name(expr_type(expr))
            head = f"{what} \"{name}\"" if is_subfield else f'subscripted assignment to "{name}"'
            verb = "is of type" if is_subfield else "requires type"
            raise SqlError(
                f"{head} {verb} {wanted} but expression is of type {given}", "42804",
                hint="You will need to rewrite or cast the expression.",
                position=expr_location(expr) + 1 or None,
            )  # fmt: skip
        return made
    if type(steps[0]).__name__ == "A_Indices":
        return _into_element(state, old, name, typid, typmod, steps, expr, location)
    if type(steps[0]).__name__ == "A_Star":
        raise SqlError('row expansion via "*" is not supported here', "0A000",
                       position=location + 1)  # fmt: skip
    return _into_field(state, old, name, typid, typmod, steps, expr, location)


def _into_element(
    state: ParseState, old: Any, name: str, typid: int, typmod: int, steps: list[Any], expr: Any,
    location: int,
) -> Any:  # fmt: skip
    count = next(
        (i for i, s in enumerate(steps) if type(s).__name__ != "A_Indices"), len(steps)
    )
    ref: SubscriptingRef = subscripting_ref(state, old, steps[:count])
    rest = steps[count:]
    inner = None
    if rest:
        inner = ref.copy()
    wanted = ref.refrestype
    value = _into(state, inner, name, wanted, ref.reftypmod, rest, expr, location, False)
    ref.refassgnexpr = value
    ref.refrestype = ref.refcontainertype
    ref.reftypmod = typmod
    if ref.refcontainertype != typid and not _same_array(state, ref.refcontainertype, typid):
        return coerce_to_domain(state, ref, ref.refcontainertype, typid, typmod,
                                Context.assignment, _IMPLICIT, location)  # fmt: skip
    return ref


def _same_array(state: ParseState, one: int, two: int) -> bool:
    return state.types.base_type(two) == two and one != two


def _into_field(
    state: ParseState, old: Any, name: str, typid: int, typmod: int, steps: list[Any], expr: Any,
    location: int,
) -> Any:  # fmt: skip
    field = steps[0].sval
    base, base_typmod = state.types.base_type_and_typmod(typid, typmod)
    position = location + 1
    if base == t.RECORDOID or not state.types.is_complex(base):
        raise SqlError(
            f'cannot assign to field "{field}" of column "{name}" because its type '
            f"{state.types.name(typid)} is not a composite type", "42804", position=position,
        )  # fmt: skip
    columns = state.types.attributes(base)
    found = next((c for c in columns if c.attname == field and not c.attisdropped), None)
    if found is None:
        raise SqlError(
            f'cannot assign to field "{field}" of column "{name}" because there is no such column '
            f"in data type {state.types.name(typid)}", "42703", position=position,
        )  # fmt: skip
    inner: Any = None
    if len(steps) > 1:
        from pgtool.nodes.exprs import FieldSelect

        if old is None or isinstance(old, Const):
            inner = make_const(state, found.atttypid, None, found.atttypmod)
        else:
            inner = FieldSelect(
                arg=old, fieldnum=found.attnum, resulttype=found.atttypid,
                resulttypmod=found.atttypmod, resultcollid=found.attcollation,
            )  # fmt: skip
    value = _into(state, inner, field, found.atttypid, found.atttypmod, steps[1:], expr, location,
                  True)  # fmt: skip
    if old is None:
        old = make_const(state, base, None)
    store = FieldStore(arg=old, newvals=[value], fieldnums=IntList([found.attnum]), resulttype=base)
    if base != typid:
        return coerce_to_domain(state, store, base, typid, base_typmod, Context.assignment,
                                _IMPLICIT, location)  # fmt: skip
    return store


def default_or_expr(state: ParseState, node: Any, kind: str) -> Any:
    """An expression, where DEFAULT may stand too."""
    return node if isinstance(node, SetToDefault) else transform_expr(state, node, kind)
