"""Which operands need no parentheses when printing pretty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtool.nodes.enums import BoolExprType, CoercionForm

if TYPE_CHECKING:
    from pgtool.functions.ruleutils.deparser import Deparser

__all__ = ["is_simple"]

_ALWAYS = frozenset({
    "Var", "Const", "Param", "CoerceToDomainValue", "SetToDefault", "CurrentOfExpr",
    "SubscriptingRef", "ArrayExpr", "RowExpr", "CoalesceExpr", "MinMaxExpr", "SQLValueFunction",
    "XmlExpr", "NextValueExpr", "NullIfExpr", "Aggref", "GroupingFunc", "WindowFunc",
    "MergeSupportFunc", "FuncExpr", "JsonConstructorExpr", "JsonExpr", "CaseExpr",
})  # fmt: skip
#: Nodes that are as simple as what they contain.
_THROUGH = {
    "CoerceToDomain": "arg", "RelabelType": "arg", "CoerceViaIO": "arg",
    "ArrayCoerceExpr": "arg", "ConvertRowtypeExpr": "arg", "ReturningExpr": "retexpr",
    "JsonValueExpr": "raw_expr",
}  # fmt: skip
_TESTS = frozenset({
    "SubLink", "NullTest", "BooleanTest", "DistinctExpr", "JsonIsPredicate", "OpExpr",
})  # fmt: skip
#: Parents that set their operands apart themselves.
_ENCLOSING = frozenset({
    "SubscriptingRef", "ArrayExpr", "RowExpr", "CoalesceExpr", "MinMaxExpr", "XmlExpr",
    "NullIfExpr", "Aggref", "GroupingFunc", "WindowFunc", "CaseExpr",
})  # fmt: skip
_LOW, _HIGH = "+-", "*/%"


def is_simple(node: Any, parent: Any, d: Deparser) -> bool:
    """Whether ``node`` can stand in ``parent`` as it is."""
    name, outer = type(node).__name__, type(parent).__name__
    if name in _ALWAYS:
        return True
    if name in ("FieldSelect", "FieldStore"):
        return outer != name
    if name in _THROUGH:
        return is_simple(getattr(node, _THROUGH[name]), node, d)
    if name == "OpExpr" and d.pretty and outer == "OpExpr":
        return _binds_tighter(node, parent, d)
    if name in _TESTS:
        return outer in _ENCLOSING or outer == "BoolExpr" or _is_call(parent)
    if name == "BoolExpr":
        if outer == "BoolExpr":
            if node.boolop == BoolExprType.OR_EXPR:
                return d.pretty and parent.boolop == BoolExprType.OR_EXPR
            return d.pretty and parent.boolop != BoolExprType.NOT_EXPR
        return outer in _ENCLOSING or outer == "JsonExpr" or _is_call(parent)
    return False


def _is_call(node: Any) -> bool:
    return (
        type(node).__name__ == "FuncExpr"
        and node.funcformat == CoercionForm.COERCE_EXPLICIT_CALL
    )  # fmt: skip


def _symbol(node: Any, d: Deparser) -> str:
    """The operator of a binary expression if it is a single character."""
    row = d.names.cache.operator(node.opno)
    if len(node.args) != 2 or row is None or d.names.operator(node.opno) != row.oprname:
        return ""
    return str(row.oprname) if len(row.oprname) == 1 else ""


def _binds_tighter(node: Any, parent: Any, d: Deparser) -> bool:
    inner, outer = _symbol(node, d), _symbol(parent, d)
    if not inner or not outer or inner not in _LOW + _HIGH or outer not in _LOW + _HIGH:
        return False
    if (inner in _HIGH) != (outer in _HIGH):
        return inner in _HIGH
    return node is parent.args[0]
