"""Target lists: output columns, their names, and the expansion of ``*``."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import FieldSelect
from pgtool.nodes.query import TargetEntry
from pgtool.nodes.raw import A_Star, ColumnRef
from pgtool.sql.analyze import names
from pgtool.sql.analyze.coerce import Context, coerce_type
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.analyze.state import Namespace, ParseState

__all__ = [
    "column_name", "expand_item", "expand_row_args", "resolve_unknowns", "transform_target_list",
]  # fmt: skip


def transform_target_list(state: ParseState, targets: list[Any], kind: str) -> list[TargetEntry]:
    """A SELECT or RETURNING list."""
    out: list[TargetEntry] = []
    for target in targets:
        starred = _starred(state, target.val, kind)
        if starred is not None:
            for name, expr in starred:
                out.append(TargetEntry(expr=expr, resno=len(out) + 1, resname=name))
            continue
        expr = transform_expr(state, target.val, kind)
        name = target.name or column_name(target.val)
        out.append(TargetEntry(expr=expr, resno=len(out) + 1, resname=name))
    return out


def _starred(state: ParseState, node: Any, kind: str) -> list[tuple[str, Any]] | None:
    """The columns that a ``*`` stands for; None where there is no star."""
    if isinstance(node, ColumnRef) and isinstance(node.fields[-1], A_Star):
        return _star_columns(state, node)
    if type(node).__name__ == "A_Indirection" and isinstance(node.indirection[-1], A_Star):
        rest = node.indirection[:-1]
        inner = node.copy(indirection=rest) if rest else node.arg
        return expand_row(state, transform_expr(state, inner, kind))
    return None


def _star_columns(state: ParseState, node: ColumnRef) -> list[tuple[str, Any]]:
    parts = [field.sval for field in node.fields[:-1]]
    if not parts:
        items = [item for item in state.namespace if item.cols_visible]
        if not items:
            raise SqlError("SELECT * with no tables specified is not valid", "42601",
                           position=node.location + 1)  # fmt: skip
        out: list[tuple[str, Any]] = []
        for item in items:
            if not item.lateral_only:
                out += expand_item(state, item, 0, node.location)
        return out
    schema = parts[-2] if len(parts) > 1 else None
    found = names.find_relation_item(state, schema, parts[-1], node.location)
    if found is None:
        raise names.missing_relation(state, parts[-1], node.location)
    return expand_item(state, *found, node.location)


def expand_item(
    state: ParseState, item: Namespace, level: int, location: int
) -> list[tuple[str, Any]]:
    """Every column of an item, as (name, expression)."""
    return [
        (column.name, names.column_var(state, item, number, level, location))
        for number, column in enumerate(item.columns, 1)
        if not (column.dropped or column.hidden)
    ]


def expand_row(state: ParseState, row: Any) -> list[tuple[str, Any]]:
    """The fields of a row expression, as (name, expression)."""
    from pgtool.sql.analyze.rows import row_columns

    if not state.types.is_complex(expr_type(row)):
        raise SqlError(f"type {state.types.name(expr_type(row))} is not composite", "42809")
    columns = row_columns(state, row)
    if columns is None:
        raise SqlError("record type has not been registered", "42809")
    if type(row).__name__ == "RowExpr":
        return [(column.name, arg) for column, arg in zip(columns, row.args)]
    return [
        (column.name, FieldSelect(arg=row, fieldnum=number, resulttype=column.typid,
                                  resulttypmod=column.typmod, resultcollid=column.collation))
        for number, column in enumerate(columns, 1) if not column.dropped
    ]  # fmt: skip


def expand_row_args(state: ParseState, args: list[Any], kind: str) -> list[Any]:
    """The arguments of ROW(…) or a VALUES row, stars expanded."""
    out: list[Any] = []
    for arg in args:
        starred = _starred(state, arg, kind)
        if starred is not None:
            out += [expr for _name, expr in starred]
        else:
            out.append(transform_expr(state, arg, kind))
    return out


def resolve_unknowns(state: ParseState, entries: list[TargetEntry]) -> None:
    """Output columns of unknown type become text."""
    for entry in entries:
        if expr_type(entry.expr) == t.UNKNOWNOID:
            entry.expr = coerce_type(
                state, entry.expr, t.UNKNOWNOID, t.TEXTOID, -1, Context.implicit,
                CoercionForm.COERCE_IMPLICIT_CAST,
            )  # fmt: skip


_NAMED = {
    "CoalesceExpr": "coalesce", "A_ArrayExpr": "array", "RowExpr": "row",
    "XmlSerialize": "xmlserialize", "GroupingFunc": "grouping",
    "JsonParseExpr": "json", "JsonScalarExpr": "json_scalar",
    "JsonSerializeExpr": "json_serialize", "JsonObjectConstructor": "json_object",
    "JsonArrayConstructor": "json_array", "JsonArrayQueryConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg", "JsonArrayAgg": "json_arrayagg",
    "MergeSupportFunc": "merge_action",
}  # fmt: skip
_VALUE_NAMES = ("current_date", "current_time", "current_time", "current_timestamp",
                "current_timestamp", "localtime", "localtime", "localtimestamp",
                "localtimestamp", "current_role", "current_user", "user", "session_user",
                "current_catalog", "current_schema")  # fmt: skip
_XML_NAMES = ("xmlconcat", "xmlelement", "xmlforest", "xmlparse", "xmlpi", "xmlroot",
              "xmlserialize", "")  # fmt: skip


def figured_name(node: Any) -> str | None:
    """The name that an expression suggests for its column, if it suggests one."""
    strength, name = _figure(node)
    return name if strength else None


def column_name(node: Any) -> str:
    """The name that an output column gets without AS."""
    return _figure(node)[1] or "?column?"


def _figure(node: Any) -> tuple[int, str]:
    """(strength, name): 2 from a column or function, 1 from a type or CASE, 0 none."""
    kind = type(node).__name__
    if kind == "ColumnRef":
        named = [field.sval for field in node.fields if not isinstance(field, A_Star)]
        return (2, named[-1]) if named else (0, "")
    if kind == "A_Indirection":
        named = [step.sval for step in node.indirection if type(step).__name__ == "ValueString"]
        return (2, named[-1]) if named else _figure(node.arg)
    if kind == "FuncCall":
        return 2, str(node.funcname[-1].sval)
    if kind == "A_Expr":
        return (2, "nullif") if node.kind.name == "AEXPR_NULLIF" else (0, "")
    if kind == "TypeCast":
        strength, name = _figure(node.arg)
        return (strength, name) if strength > 1 else (1, str(node.typeName.names[-1].sval))
    if kind == "CollateClause":
        return _figure(node.arg)
    if kind == "CaseExpr":
        strength, name = _figure(node.defresult)
        return (strength, name) if strength > 1 else (1, "case")
    return _figure_special(node, kind)


def _figure_special(node: Any, kind: str) -> tuple[int, str]:
    if kind == "SubLink":
        link = node.subLinkType.name
        if link == "EXISTS_SUBLINK":
            return 2, "exists"
        if link == "ARRAY_SUBLINK":
            return 2, "array"
        if link == "EXPR_SUBLINK":
            return _subquery_name(node)
        return 0, ""
    if kind == "MinMaxExpr":
        return 2, "greatest" if node.op.name == "IS_GREATEST" else "least"
    if kind == "SQLValueFunction":
        return 2, _VALUE_NAMES[int(node.op)]
    if kind == "XmlExpr":
        name = _XML_NAMES[int(node.op)]
        return (2, name) if name else (0, "")
    if kind == "JsonFuncExpr":
        names_ = {"JSON_EXISTS_OP": "json_exists", "JSON_QUERY_OP": "json_query",
                  "JSON_VALUE_OP": "json_value"}  # fmt: skip
        found = names_.get(node.op.name, "")
        return (2, found) if found else (0, "")
    return (2, _NAMED[kind]) if kind in _NAMED else (0, "")


def _subquery_name(link: Any) -> tuple[int, str]:
    """The name of a scalar subquery's column."""
    query = getattr(link, "analyzed", None)
    if query is None or not query.targetList:
        return 0, ""
    return 2, query.targetList[0].resname or "?column?"
