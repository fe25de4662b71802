"""Writing calls: functions, aggregates, window functions, and functions without parentheses."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.nodetypes import expr_type, expr_typmod, length_coercion_typmod
from pgtool.functions.ruleutils.clauses import order_by, window_spec
from pgtool.functions.ruleutils.deparser import Deparser, handles
from pgtool.functions.ruleutils.exprs import coercion, paren
from pgtool.functions.ruleutils.names import quote_literal
from pgtool.functions.ruleutils.syntax import sql_syntax
from pgtool.nodes.enums import CoercionForm, SQLValueFunctionOp

__all__ = ["aggregate", "function_item", "looks_like_call", "window_call"]

#: Nodes that look like a call whatever their fields.
_CALLS = frozenset({
    "NullIfExpr", "CoalesceExpr", "MinMaxExpr", "SQLValueFunction", "XmlExpr", "JsonExpr",
})  # fmt: skip
_ORDERED_SET = "oh"


def looks_like_call(node: Any) -> bool:
    """Whether an expression's text is a function call to the grammar."""
    name = type(node).__name__
    if name == "FuncExpr":
        return node.funcformat in (
            CoercionForm.COERCE_EXPLICIT_CALL, CoercionForm.COERCE_SQL_SYNTAX,
        )  # fmt: skip
    return name in _CALLS


def function_item(d: Deparser, node: Any) -> None:
    """A function in FROM; what does not look like a call is put into a CAST."""
    if looks_like_call(node):
        d.expr(node, True)
        return
    d.put("CAST(")
    d.expr(node)
    d.put(" AS ", d.names.type(expr_type(node), expr_typmod(node)), ")")


@handles("FuncExpr")
def _function(d: Deparser, node: Any, implicit: bool) -> None:
    form = node.funcformat
    if form == CoercionForm.COERCE_IMPLICIT_CAST and not implicit:
        paren(d, node.args[0], False, node)
        return
    if form in (CoercionForm.COERCE_EXPLICIT_CAST, CoercionForm.COERCE_IMPLICIT_CAST):
        coercion(d, node.args[0], node.funcresulttype, length_coercion_typmod(node), node)
        return
    if form == CoercionForm.COERCE_SQL_SYNTAX and sql_syntax(d, node):
        return
    d.put(d.names.function(node.funcid, d.in_group_by), "(")
    _arguments(d, node.args, node.funcvariadic)
    d.put(")")


def _arguments(d: Deparser, args: list[Any], variadic: bool) -> None:
    for i, arg in enumerate(args):
        if i:
            d.put(", ")
        if variadic and i == len(args) - 1:
            d.put("VARIADIC ")
        d.expr(arg, True)


@handles("NamedArgExpr")
def _named(d: Deparser, node: Any, implicit: bool) -> None:
    d.put(d.names.quote(node.name), " => ")
    d.expr(node.arg, implicit)


@handles("Aggref")
def _aggref(d: Deparser, node: Any, _implicit: bool) -> None:
    aggregate(d, node)


def aggregate(
    d: Deparser, node: Any, name: str | None = None, options: str = "", pairs: bool = False
) -> None:
    """An aggregate; JSON constructors give another name, options, and ``key : value``."""
    d.put(name or d.names.function(node.aggfnoid, d.in_group_by), "(")
    d.put("DISTINCT " if node.aggdistinct else "")
    if node.aggkind in _ORDERED_SET:
        d.listed(node.aggdirectargs, True)
        d.put(") WITHIN GROUP (ORDER BY ")
        order_by(d, node.aggorder, node.args)
    else:
        if node.aggstar:
            d.put("*")
        args = [entry.expr for entry in node.args if not entry.resjunk]
        for i, arg in enumerate(args[:2] if pairs else args):
            if i:
                d.put(" : " if pairs else ", ")
            if node.aggvariadic and name is None and i == len(args) - 1:
                d.put("VARIADIC ")
            d.expr(arg, True)
        if node.aggorder:
            d.put(" ORDER BY ")
            order_by(d, node.aggorder, node.args)
    d.put(options)
    _filter(d, node.aggfilter)
    d.put(")")


def _filter(d: Deparser, condition: Any) -> None:
    if condition is not None:
        d.put(") FILTER (WHERE ")
        d.expr(condition)


@handles("WindowFunc")
def _window(d: Deparser, node: Any, _implicit: bool) -> None:
    window_call(d, node)


def window_call(
    d: Deparser, node: Any, name: str | None = None, options: str = "", pairs: bool = False
) -> None:
    """A window function with its OVER clause."""
    d.put(name or d.names.function(node.winfnoid, d.in_group_by), "(")
    if node.winstar:
        d.put("*")
    elif pairs:
        d.expr(node.args[0])
        d.put(" : ")
        d.expr(node.args[1])
    else:
        d.listed(node.args, True)
    d.put(options)
    _filter(d, node.aggfilter)
    d.put(") OVER ")
    for clause in d.windows:
        if clause.winref == node.winref:
            if clause.name:
                d.put(d.names.quote(clause.name))
            else:
                window_spec(d, clause, d.targets)
            return
    raise SqlError(f"could not find window clause for winref {node.winref}", "XX000")


@handles("MergeSupportFunc")
def _merge_action(d: Deparser, _node: Any, _implicit: bool) -> None:
    d.put("MERGE_ACTION()")


@handles("SQLValueFunction")
def _value_function(d: Deparser, node: Any, _implicit: bool) -> None:
    word = SQLValueFunctionOp(node.op).name.removeprefix("SVFOP_")
    d.put(f"{word[:-2]}({node.typmod})" if word.endswith("_N") else word)


@handles("NextValueExpr")
def _next_value(d: Deparser, node: Any, _implicit: bool) -> None:
    d.put("nextval(", quote_literal(d.names.relation(node.seqid)), ")")


@handles("CurrentOfExpr")
def _current_of(d: Deparser, node: Any, _implicit: bool) -> None:
    name = d.names.quote(node.cursor_name) if node.cursor_name else f"${node.cursor_param}"
    d.put("CURRENT OF ", name)


@handles("InferenceElem")
def _inference(d: Deparser, node: Any, _implicit: bool) -> None:
    saved, d.prefix = d.prefix, False
    name = type(node.expr).__name__
    bare = name == "Var" or (
        name == "FuncExpr" and node.expr.funcformat == CoercionForm.COERCE_EXPLICIT_CALL
    )
    d.put("" if bare else "(")
    d.expr(node.expr)
    d.put("" if bare else ")")
    d.prefix = saved
    if node.infercollid:
        d.put(" COLLATE ", d.names.collation(node.infercollid))
    if node.inferopclass:
        row: Any = d.names.cache.one("pg_opclass", "oid", node.inferopclass)
        d.put(d.names.opclass(node.inferopclass, row.opcintype))
