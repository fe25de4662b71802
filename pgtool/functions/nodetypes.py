"""Type, type modifier, collation and location of any expression node.

One table row a node class: the fields that hold the answers, or a function where it takes
more than a field. The counterpart of ``nodes/nodeFuncs.c``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.catalog.typeoids import (
    BOOLOID,
    DEFAULT_COLLATION_OID,
    INT4OID,
    NAMEOID,
    RECORDOID,
    TEXTOID,
    XMLOID,
)
from pgtool.errors import Unsupported
from pgtool.nodes.base import Node
from pgtool.nodes.enums import CoercionForm, SubLinkType, XmlExprOp

#: Class name → field that holds the type OID, or the OID itself.
_TYPE: dict[str, str | int] = {
    "Var": "vartype", "Const": "consttype", "Param": "paramtype", "Aggref": "aggtype",
    "GroupingFunc": INT4OID, "WindowFunc": "wintype", "MergeSupportFunc": "msftype",
    "SubscriptingRef": "refrestype", "FuncExpr": "funcresulttype", "OpExpr": "opresulttype",
    "DistinctExpr": "opresulttype", "NullIfExpr": "opresulttype",
    "ScalarArrayOpExpr": BOOLOID, "BoolExpr": BOOLOID, "FieldSelect": "resulttype",
    "FieldStore": "resulttype", "RelabelType": "resulttype", "CoerceViaIO": "resulttype",
    "ArrayCoerceExpr": "resulttype", "ConvertRowtypeExpr": "resulttype",
    "CaseExpr": "casetype", "CaseTestExpr": "typeId", "ArrayExpr": "array_typeid",
    "RowExpr": "row_typeid", "RowCompareExpr": BOOLOID, "CoalesceExpr": "coalescetype",
    "MinMaxExpr": "minmaxtype", "SQLValueFunction": "type", "NullTest": BOOLOID,
    "BooleanTest": BOOLOID, "CoerceToDomain": "resulttype", "CoerceToDomainValue": "typeId",
    "SetToDefault": "typeId", "CurrentOfExpr": BOOLOID, "NextValueExpr": "typeId",
    "JsonIsPredicate": BOOLOID, "SetOperationStmt": 0,
}  # fmt: skip

_TYPMOD: dict[str, str] = {
    "Var": "vartypmod", "Const": "consttypmod", "Param": "paramtypmod",
    "SubscriptingRef": "reftypmod", "FieldSelect": "resulttypmod",
    "RelabelType": "resulttypmod", "ArrayCoerceExpr": "resulttypmod",
    "CaseTestExpr": "typeMod", "SQLValueFunction": "typmod",
    "CoerceToDomain": "resulttypmod", "CoerceToDomainValue": "typeMod",
    "SetToDefault": "typeMod",
}  # fmt: skip

_COLLATION: dict[str, str | int] = {
    "Var": "varcollid", "Const": "constcollid", "Param": "paramcollid", "Aggref": "aggcollid",
    "GroupingFunc": 0, "WindowFunc": "wincollid", "MergeSupportFunc": "msfcollid",
    "SubscriptingRef": "refcollid", "FuncExpr": "funccollid", "OpExpr": "opcollid",
    "DistinctExpr": "opcollid", "NullIfExpr": "opcollid", "ScalarArrayOpExpr": 0,
    "BoolExpr": 0, "FieldSelect": "resultcollid", "FieldStore": 0,
    "RelabelType": "resultcollid", "CoerceViaIO": "resultcollid",
    "ArrayCoerceExpr": "resultcollid", "ConvertRowtypeExpr": 0, "CollateExpr": "collOid",
    "CaseExpr": "casecollid", "CaseTestExpr": "collation", "ArrayExpr": "array_collid",
    "RowExpr": 0, "RowCompareExpr": 0, "CoalesceExpr": "coalescecollid",
    "MinMaxExpr": "minmaxcollid", "NullTest": 0, "BooleanTest": 0,
    "CoerceToDomain": "resultcollid", "CoerceToDomainValue": "collation",
    "SetToDefault": "collation", "CurrentOfExpr": 0, "NextValueExpr": 0, "JsonIsPredicate": 0,
}  # fmt: skip

#: Transparent nodes: they answer as their argument does.
_THROUGH = {
    "NamedArgExpr": "arg", "CollateExpr": "arg", "TargetEntry": "expr", "InferenceElem": "expr",
    "ReturningExpr": "retexpr", "PlaceHolderVar": "phexpr", "JsonValueExpr": "formatted_expr",
}  # fmt: skip


def _answer(node: Any, rule: str | int) -> int:
    return rule if isinstance(rule, int) else int(getattr(node, rule))


def expr_type(node: Any) -> int:
    """The type OID of an expression; 0 for None."""
    if node is None:
        return 0
    name = type(node).__name__
    rule = _TYPE.get(name)
    if rule is not None:
        return _answer(node, rule)
    if name in _THROUGH:
        return expr_type(getattr(node, _THROUGH[name]))
    special = _SPECIAL_TYPE.get(name)
    if special is None:
        raise Unsupported(f"the type of a {name} node")
    return special(node)


def _sublink_type(node: Any) -> int:
    if node.subLinkType in (SubLinkType.EXPR_SUBLINK, SubLinkType.ARRAY_SUBLINK):
        first = first_column(node.subselect)
        typid = expr_type(first.expr)
        if node.subLinkType == SubLinkType.ARRAY_SUBLINK:
            # The array type was looked up when the link was made.
            return int(getattr(node, "array_type", 0)) or typid
        return typid
    if node.subLinkType == SubLinkType.MULTIEXPR_SUBLINK:
        return RECORDOID
    return BOOLOID


def _subplan_type(node: Any) -> int:
    if node.subLinkType in (SubLinkType.EXPR_SUBLINK, SubLinkType.ARRAY_SUBLINK):
        return int(getattr(node, "array_type", 0)) or node.firstColType
    return RECORDOID if node.subLinkType == SubLinkType.MULTIEXPR_SUBLINK else BOOLOID


def _json_constructor_type(node: Any) -> int:
    return int(node.returning.typid)


_SPECIAL_TYPE: dict[str, Callable[[Any], int]] = {
    "SubLink": _sublink_type,
    "SubPlan": _subplan_type,
    "AlternativeSubPlan": lambda node: expr_type(node.subplans[0]),
    "XmlExpr": lambda node: (
        BOOLOID if node.op == XmlExprOp.IS_DOCUMENT
        else TEXTOID if node.op == XmlExprOp.IS_XMLSERIALIZE else XMLOID
    ),
    "JsonConstructorExpr": _json_constructor_type,
    "JsonExpr": _json_constructor_type,
    "JsonBehavior": lambda node: expr_type(node.expr),
}  # fmt: skip


def first_column(query: Any) -> Any:
    """The first output column of a subquery (its TargetEntry)."""
    return next(entry for entry in query.targetList if not entry.resjunk)


def expr_typmod(node: Any) -> int:
    """The type modifier of an expression; -1 where there is none."""
    if node is None:
        return -1
    name = type(node).__name__
    field = _TYPMOD.get(name)
    if field is not None:
        return int(getattr(node, field))
    if name in _THROUGH:
        return expr_typmod(getattr(node, _THROUGH[name]))
    if name == "FuncExpr":
        return length_coercion_typmod(node)
    if name == "NullIfExpr":
        return expr_typmod(node.args[0])
    if name == "SubLink" and node.subLinkType in (
        SubLinkType.EXPR_SUBLINK, SubLinkType.ARRAY_SUBLINK,
    ):  # fmt: skip
        return expr_typmod(first_column(node.subselect).expr)
    if name == "SubPlan" and node.subLinkType in (
        SubLinkType.EXPR_SUBLINK, SubLinkType.ARRAY_SUBLINK,
    ):  # fmt: skip
        return int(node.firstColTypmod)
    if name in _COMMON:
        return _common_typmod(node, _COMMON[name](node))
    return -1


#: Nodes whose typmod is that of their branches where all agree.
_COMMON: dict[str, Callable[[Any], list[Any]]] = {
    "CaseExpr": lambda node: [when.result for when in node.args] + [node.defresult],
    "CoalesceExpr": lambda node: node.args,
    "MinMaxExpr": lambda node: node.args,
    "ArrayExpr": lambda node: node.elements,
}


def _common_typmod(node: Any, branches: list[Any]) -> int:
    if type(node).__name__ == "ArrayExpr":
        wanted = node.array_typeid if node.multidims else node.element_typeid
    else:
        wanted = expr_type(node)
    if not branches or any(branch is None for branch in branches):
        return -1
    if any(expr_type(branch) != wanted for branch in branches):
        return -1
    found = {expr_typmod(branch) for branch in branches}
    return found.pop() if len(found) == 1 else -1


def length_coercion_typmod(node: Any) -> int:
    """The typmod that a cast function call enforces, or -1: its constant second argument."""
    if node.funcformat not in (
        CoercionForm.COERCE_EXPLICIT_CAST, CoercionForm.COERCE_IMPLICIT_CAST,
    ):  # fmt: skip
        return -1
    if len(node.args) not in (2, 3):
        return -1
    second = node.args[1]
    if type(second).__name__ != "Const" or second.consttype != INT4OID or second.constisnull:
        return -1
    return int.from_bytes(second.constvalue[:4], "little", signed=True)


def expr_collation(node: Any) -> int:
    """The collation OID of an expression; 0 where its type has none."""
    if node is None:
        return 0
    name = type(node).__name__
    rule = _COLLATION.get(name)
    if rule is not None:
        return _answer(node, rule)
    if name in _THROUGH:
        return expr_collation(getattr(node, _THROUGH[name]))
    if name == "SubLink":
        return (
            expr_collation(first_column(node.subselect).expr)
            if node.subLinkType in (SubLinkType.EXPR_SUBLINK, SubLinkType.ARRAY_SUBLINK) else 0
        )  # fmt: skip
    if name == "SubPlan":
        return int(node.firstColCollation) if expr_type(node) not in (BOOLOID, RECORDOID) else 0
    if name == "SQLValueFunction":
        return DEFAULT_NAME_COLLATION if node.type == NAMEOID else 0
    if name == "XmlExpr":
        return DEFAULT_COLLATION_OID if node.op == XmlExprOp.IS_XMLSERIALIZE else 0
    if name == "JsonExpr":
        return int(node.collation)
    return 0


#: Values of type name are compared in the C collation.
DEFAULT_NAME_COLLATION = 950

#: Class name → field (in order of preference) that holds the leftmost location.
_LOCATION_ARGS = ("lexpr", "arg", "args", "refexpr", "testexpr", "val", "node", "expr")


def expr_location(node: Any) -> int:
    """Byte offset of the leftmost token of an expression in the query text; -1 unknown."""
    if isinstance(node, list):
        found = [place for place in map(expr_location, node) if place >= 0]
        return min(found, default=-1)
    if not isinstance(node, Node):
        return -1
    own = int(getattr(node, "location", -1))
    name = type(node).__name__
    if name in _OWN_LOCATION:
        return own
    places = [own]
    for field in _LOCATION_ARGS:
        value = getattr(node, field, None)
        if value is not None:
            places.append(expr_location(value))
    known = [place for place in places if place >= 0]
    return min(known, default=-1)


#: Nodes whose own location is already the leftmost.
_OWN_LOCATION = frozenset({
    "Var", "Const", "Param", "Aggref", "WindowFunc", "CaseExpr", "CoalesceExpr", "MinMaxExpr",
    "ArrayExpr", "A_ArrayExpr", "RowExpr", "ColumnRef", "ParamRef", "A_Const", "FuncCall",
    "SQLValueFunction", "SetToDefault", "GroupingFunc", "TypeName", "ResTarget",
})  # fmt: skip
