"""``container[…]``: elements and slices of arrays, members of jsonb."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import SubscriptingRef
from pgtool.sql.analyze.coerce import Context, can_coerce, coerce_to_target, coerce_type
from pgtool.sql.analyze.nodetypes import expr_location, expr_type, expr_typmod
from pgtool.sql.analyze.state import ParseState

__all__ = ["subscripting_ref"]

MAXDIM = 6


def subscripting_ref(state: ParseState, container: Any, steps: list[Any]) -> Any:
    """A SubscriptingRef that fetches; SqlError where the type has no subscripts."""
    typid, typmod = state.types.base_type_and_typmod(expr_type(container), expr_typmod(container))
    if typid in (t.INT2VECTOROID, t.OIDVECTOROID):
        typid = state.types.array_type(t.INT2OID if typid == t.INT2VECTOROID else t.OIDOID)
    if typid == t.JSONBOID:
        return _jsonb(state, container, steps)
    element = state.types.element_type(typid)
    if not element:
        row = state.types.row(typid)
        if row.typelem and row.typsubscript:
            element = row.typelem
        else:
            place = expr_location(container)
            raise SqlError(
                f"cannot subscript type {state.types.name(typid)} because it does not support "
                "subscripting", "42804", position=place + 1 if place >= 0 else None,
            )  # fmt: skip
    return _array(state, container, typid, typmod, element, steps)


def _array(
    state: ParseState, container: Any, typid: int, typmod: int, element: int, steps: list[Any]
) -> Any:
    is_slice = any(step.is_slice for step in steps)
    upper: list[Any] = []
    lower: list[Any] = []
    for step in steps:
        if is_slice:
            if step.lidx is None and not step.is_slice:
                lower.append(state.int4_const(1))
            else:
                lower.append(_index(state, step.lidx))
        upper.append(_index(state, step.uidx))
    if len(upper) > MAXDIM:
        raise SqlError(
            f"number of array dimensions ({len(upper)}) exceeds the maximum allowed ({MAXDIM})",
            "54000",
        )  # fmt: skip
    result = typid if is_slice else element
    return SubscriptingRef(
        refcontainertype=typid, refelemtype=element, refrestype=result, reftypmod=typmod,
        refupperindexpr=upper, reflowerindexpr=lower, refexpr=container,
    )  # fmt: skip


def _index(state: ParseState, node: Any) -> Any:
    from pgtool.sql.analyze.expressions import transform_expr

    if node is None:
        return None
    made = transform_expr(state, node, state.kind)
    result = coerce_to_target(
        state, made, expr_type(made), t.INT4OID, -1, Context.assignment,
        CoercionForm.COERCE_IMPLICIT_CAST,
    )  # fmt: skip
    if result is None:
        raise SqlError("array subscript must have type integer", "42804",
                       position=expr_location(made) + 1 or None)  # fmt: skip
    return result


def _jsonb(state: ParseState, container: Any, steps: list[Any]) -> Any:
    from pgtool.sql.analyze.expressions import transform_expr

    upper = []
    if any(step.is_slice for step in steps):
        raise SqlError("jsonb subscript does not support slices", "42804",
                       position=expr_location(steps[0].uidx or steps[0].lidx) + 1
                       or None)  # fmt: skip
    for step in steps:
        made = transform_expr(state, step.uidx, state.kind)
        source = expr_type(made)
        if source == t.UNKNOWNOID:
            wanted = t.TEXTOID
        else:
            fits = [
                target for target in (t.INT4OID, t.TEXTOID)
                if can_coerce(state, [source], [target], Context.implicit)
            ]  # fmt: skip
            if len(fits) != 1:
                raise SqlError(
                    f"subscript type {state.types.name(source)} is not supported", "42804",
                    hint="jsonb subscript must be coercible to "
                    + ("only one type, integer or text." if fits else "either integer or text."),
                    position=expr_location(made) + 1 or None,
                )  # fmt: skip
            wanted = fits[0]
        upper.append(coerce_type(state, made, source, wanted, -1, Context.implicit,
                                 CoercionForm.COERCE_IMPLICIT_CAST))  # fmt: skip
    if not upper:
        raise Unsupported("jsonb without subscripts")
    return SubscriptingRef(
        refcontainertype=t.JSONBOID, refelemtype=0, refrestype=t.JSONBOID, reftypmod=-1,
        refupperindexpr=upper, reflowerindexpr=[], refexpr=container,
    )  # fmt: skip
