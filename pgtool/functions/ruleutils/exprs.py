"""Writing expressions: variables, constants, operators, casts, conditions, constructors."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.nodetypes import expr_type, expr_typmod
from pgtool.functions.ruleutils.deparser import VAR, Deparser, handles
from pgtool.functions.ruleutils.fields import field_name
from pgtool.functions.ruleutils.names import quote_literal
from pgtool.functions.ruleutils.simple import is_simple
from pgtool.nodes.enums import (
    BoolExprType,
    BoolTestType,
    CoercionForm,
    MinMaxOp,
    NullTestType,
    RTEKind,
    SubLinkType,
    VarReturningType,
)
from pgtool.nodes.exprs import (
    CaseTestExpr,
    Const,
    FieldSelect,
    OpExpr,
    SubLink,
    SubscriptingRef,
    Var,
)
from pgtool.nodes.query import RangeTblEntry

__all__ = ["coercion", "constant", "paren", "toplevel", "variable"]

BOOLOID, INT4OID, UNKNOWNOID, NUMERICOID, RECORDOID = 16, 23, 705, 1700, 2249
_BYTES_HEADER = 4


def paren(d: Deparser, node: Any, implicit: bool, parent: Any) -> None:
    """An operand: in parentheses where pretty printing needs them."""
    needed = d.pretty and not is_simple(node, parent, d)
    if needed:
        d.put("(")
    d.expr(node, implicit)
    if needed:
        d.put(")")


def toplevel(d: Deparser, node: Any, implicit: bool) -> None:
    """A list's member: whole rows must not become their columns."""
    if isinstance(node, Var) and d.namer is None:
        variable(d, node, top=True)
    else:
        d.expr(node, implicit)


def toplevel_list(d: Deparser, nodes: list[Any], implicit: bool, comma: str = ", ") -> None:
    """Members with commas between."""
    for i, node in enumerate(nodes):
        if i:
            d.put(comma)
        toplevel(d, node, implicit)


# -- variables -----------------------------------------------------------------------------


def variable(d: Deparser, var: Any, up: int = 0, top: bool = False) -> str | None:
    """A column; its name comes back (None for a whole row)."""
    if d.namer is not None:
        text = d.namer(var)
        if text is not None:
            d.put(text)
            return None
    level = var.varlevelsup + up
    if level >= len(d.namespaces):
        raise SqlError(f"bogus varlevelsup: {var.varlevelsup} offset {up}", "XX000")
    space = d.namespaces[level]
    number, attnum = (
        (var.varnosyn, var.varattnosyn) if var.varnosyn > 0 else (var.varno, var.varattno)
    )
    if not 1 <= number <= len(space.rtable):
        raise SqlError(f"bogus varno: {number}", "XX000")
    rte: RangeTblEntry = space.rtable[number - 1]
    if rte.rtekind == RTEKind.RTE_JOIN and rte.alias is None and attnum > 0:
        inner = rte.joinaliasvars[attnum - 1]
        if isinstance(inner, Var):
            return variable(d, inner, level, top)
    returning = var.varreturningtype
    table = {
        VarReturningType.VAR_RETURNING_OLD: space.old_alias,
        VarReturningType.VAR_RETURNING_NEW: space.new_alias,
    }.get(returning, space.tables[number - 1])
    name = _column(d, rte, space.columns[number - 1].names, attnum)
    prefix = d.prefix or name is None or returning != VarReturningType.VAR_RETURNING_DEFAULT
    if d.in_order_by and not d.in_group_by and not prefix:
        prefix = _shadowed(d, var, name)
    if table is not None and prefix:
        d.put(d.names.quote(table), ".")
    if name is not None:
        d.put(d.names.quote(name))
    else:
        d.put("*")
        if top:
            d.put("::", d.names.type(var.vartype, var.vartypmod))
    return name


def _column(d: Deparser, rte: Any, names: list[str | None], attnum: int) -> str | None:
    if attnum == 0:
        return None
    if attnum < 0:
        return d.names.column(0, attnum)
    if attnum > len(names):
        raise SqlError(f'invalid attnum {attnum} for relation "{rte.eref.aliasname}"', "XX000")
    return names[attnum - 1] or "?dropped?column?"


def _shadowed(d: Deparser, var: Any, name: str | None) -> bool:
    """Whether ORDER BY would take the bare name for an output column of that name."""
    for i, entry in enumerate(entry for entry in d.targets if not entry.resjunk):
        called = d.result_names[i] if d.result_names and i < len(d.result_names) else entry.resname
        if called == name and entry.expr != var:
            return True
    return False


@handles("Var")
def _var(d: Deparser, node: Any, _implicit: bool) -> None:
    variable(d, node)


@handles("Param")
def _param(d: Deparser, node: Any, _implicit: bool) -> None:
    names = d.namespaces[-1].arguments if d.namespaces else []
    name = names[node.paramid - 1] if 0 < node.paramid <= len(names) else ""
    if not name:
        d.put(f"${node.paramid}")
        return
    # A bare name could be taken for a column.
    if any(space.rtable for space in d.namespaces):
        d.put(d.names.quote(d.namespaces[-1].function), ".")
    d.put(d.names.quote(name))


# -- constants -----------------------------------------------------------------------------


def const_datum(const: Any) -> bytes:
    """The stored datum in a Const."""
    value = const.constvalue or b""
    if const.constbyval:
        return bytes(value[: const.constlen])
    if const.constlen == -1:
        return bytes(value[1:]) if value[0] & 1 else bytes(value[_BYTES_HEADER:])
    return bytes(value[:-1]) if const.constlen == -2 else bytes(value)


def const_text(d: Deparser, const: Any) -> str:
    """What a constant prints as."""
    return d.names.session.types.io_of(const.consttype).output(const_datum(const))


def constant(d: Deparser, const: Any, label: int = 0) -> None:
    """A constant. ``label``: -1 never names the type, 1 always, 0 where it must be told."""
    suffix = "::" + d.names.type(const.consttype, const.consttypmod)
    if const.constisnull:
        d.put("NULL")
        if label >= 0:
            d.put(suffix)
            _const_collation(d, const)
        return
    text = const_text(d, const)
    needed = const.consttype not in (BOOLOID, UNKNOWNOID, INT4OID, NUMERICOID)
    if const.consttype == BOOLOID:
        text = "true" if text == "t" else "false"
    elif const.consttype == INT4OID and not text.startswith("-"):
        pass
    elif const.consttype == NUMERICOID and text[:1].isdigit() and set(text) & set("eE."):
        needed = const.consttypmod >= 0
    else:
        text = quote_literal(text)
        needed = const.consttype != UNKNOWNOID
    d.put(text)
    if label < 0:
        return
    if needed or label > 0:
        d.put(suffix)
    _const_collation(d, const)


def _const_collation(d: Deparser, const: Any) -> None:
    if const.constcollid and const.constcollid != d.names.type_collation(const.consttype):
        d.put(" COLLATE ", d.names.collation(const.constcollid))


@handles("Const")
def _const(d: Deparser, node: Any, _implicit: bool) -> None:
    constant(d, node)


# -- operators -----------------------------------------------------------------------------


@handles("OpExpr")
def _operator(d: Deparser, node: Any, _implicit: bool) -> None:
    d.opened()
    name = d.names.operator(node.opno)
    if len(node.args) == 2:
        paren(d, node.args[0], True, node)
        d.put(f" {name} ")
    else:
        d.put(f"{name} ")
    paren(d, node.args[-1], True, node)
    d.closed()


@handles("DistinctExpr")
def _distinct(d: Deparser, node: Any, _implicit: bool) -> None:
    d.opened()
    paren(d, node.args[0], True, node)
    d.put(" IS DISTINCT FROM ")
    paren(d, node.args[1], True, node)
    d.closed()


@handles("ScalarArrayOpExpr")
def _array_operator(d: Deparser, node: Any, _implicit: bool) -> None:
    left, right = node.args
    d.opened()
    paren(d, left, True, node)
    d.put(f" {d.names.operator(node.opno)} {'ANY' if node.useOr else 'ALL'} (")
    paren(d, right, True, node)
    # Else it would be read back as = ANY (subquery).
    if isinstance(right, SubLink) and right.subLinkType == SubLinkType.EXPR_SUBLINK:
        d.put("::", d.names.type(expr_type(right), expr_typmod(right)))
    d.put(")")
    d.closed()


_BOOL = {BoolExprType.AND_EXPR: " AND ", BoolExprType.OR_EXPR: " OR "}


@handles("BoolExpr")
def _bool(d: Deparser, node: Any, _implicit: bool) -> None:
    d.opened()
    if node.boolop == BoolExprType.NOT_EXPR:
        d.put("NOT ")
    for i, arg in enumerate(node.args):
        if i:
            d.put(_BOOL[node.boolop])
        paren(d, arg, False, node)
    d.closed()


_NULL_TESTS = {
    (NullTestType.IS_NULL, True): " IS NULL",
    (NullTestType.IS_NOT_NULL, True): " IS NOT NULL",
    (NullTestType.IS_NULL, False): " IS NOT DISTINCT FROM NULL",
    (NullTestType.IS_NOT_NULL, False): " IS DISTINCT FROM NULL",
}


@handles("NullTest")
def _null_test(d: Deparser, node: Any, _implicit: bool) -> None:
    d.opened()
    paren(d, node.arg, True, node)
    typid = expr_type(node.arg)
    is_row = typid == RECORDOID or _is_composite(d, typid)
    d.put(_NULL_TESTS[node.nulltesttype, bool(node.argisrow) or not is_row])
    d.closed()


def _is_composite(d: Deparser, typid: int) -> bool:
    info = d.names.session.types.info(typid)
    while info.typtype == "d":
        info = d.names.session.types.info(info.typbasetype)
    return info.typtype == "c"


_BOOL_TESTS = {
    BoolTestType.IS_TRUE: " IS TRUE", BoolTestType.IS_NOT_TRUE: " IS NOT TRUE",
    BoolTestType.IS_FALSE: " IS FALSE", BoolTestType.IS_NOT_FALSE: " IS NOT FALSE",
    BoolTestType.IS_UNKNOWN: " IS UNKNOWN", BoolTestType.IS_NOT_UNKNOWN: " IS NOT UNKNOWN",
}  # fmt: skip


@handles("BooleanTest")
def _bool_test(d: Deparser, node: Any, _implicit: bool) -> None:
    d.opened()
    paren(d, node.arg, False, node)
    d.put(_BOOL_TESTS[node.booltesttype])
    d.closed()


@handles("RowCompareExpr")
def _row_compare(d: Deparser, node: Any, _implicit: bool) -> None:
    d.put("(ROW(")
    toplevel_list(d, node.largs, True)
    d.put(f") {d.names.operator(node.opnos[0])} ROW(")
    toplevel_list(d, node.rargs, True)
    d.put("))")


# -- casts ---------------------------------------------------------------------------------

#: Class → (field of the coercion form, field of the modifier or None).
_CASTS: dict[str, tuple[str, str | None]] = {
    "RelabelType": ("relabelformat", "resulttypmod"), "CoerceViaIO": ("coerceformat", None),
    "ArrayCoerceExpr": ("coerceformat", "resulttypmod"),
    "ConvertRowtypeExpr": ("convertformat", None),
    "CoerceToDomain": ("coercionformat", "resulttypmod"),
}  # fmt: skip


@handles(*_CASTS)
def _cast(d: Deparser, node: Any, implicit: bool) -> None:
    form, typmod = _CASTS[type(node).__name__]
    if getattr(node, form) != CoercionForm.COERCE_IMPLICIT_CAST or implicit:
        coercion(d, node.arg, node.resulttype, getattr(node, typmod) if typmod else -1, node)
    elif type(node).__name__ == "CoerceToDomain":
        d.expr(node.arg)
    else:
        paren(d, node.arg, False, node)


def coercion(d: Deparser, arg: Any, typid: int, typmod: int, parent: Any) -> None:
    """``arg::type``; a literal of that very type needs no parentheses."""
    if isinstance(arg, Const) and arg.consttype == typid and arg.consttypmod == -1:
        constant(d, arg, -1)
    else:
        d.opened()
        paren(d, arg, False, parent)
        d.closed()
    d.put("::", d.names.type(typid, typmod))


@handles("CollateExpr")
def _collate(d: Deparser, node: Any, implicit: bool) -> None:
    d.opened()
    paren(d, node.arg, implicit, node)
    d.put(" COLLATE ", d.names.collation(node.collOid))
    d.closed()


# -- conditions and constructors -------------------------------------------------------------


@handles("CaseExpr")
def _case(d: Deparser, node: Any, _implicit: bool) -> None:
    blank = "" if d.indented else " "
    d.keyword("CASE", 0, VAR)
    if node.arg is not None:
        d.put(" ")
        d.expr(node.arg, True)
    for when in node.args:
        d.put(blank)
        d.keyword("WHEN ")
        d.expr(_compared(when.expr) if node.arg is not None else when.expr)
        d.put(" THEN ")
        d.expr(when.result, True)
    d.put(blank)
    d.keyword("ELSE ")
    d.expr(node.defresult, True)
    d.put(blank)
    d.keyword("END", -VAR)


def _compared(test: Any) -> Any:
    """What a simple CASE compares its argument with."""
    if isinstance(test, OpExpr) and len(test.args) == 2:
        left = strip_implicit(test.args[0])
        if isinstance(left, CaseTestExpr):
            return test.args[1]
    return test


def strip_implicit(node: Any) -> Any:
    """An expression without the implicit casts around it."""
    name = type(node).__name__
    if name == "FuncExpr" and node.funcformat == CoercionForm.COERCE_IMPLICIT_CAST:
        return strip_implicit(node.args[0])
    if name in _CASTS and getattr(node, _CASTS[name][0]) == CoercionForm.COERCE_IMPLICIT_CAST:
        return strip_implicit(node.arg)
    return node


@handles("CaseTestExpr")
def _case_test(d: Deparser, _node: Any, _implicit: bool) -> None:
    d.put("CASE_TEST_EXPR")


@handles("CoalesceExpr", "NullIfExpr", "MinMaxExpr", "GroupingFunc")
def _listed(d: Deparser, node: Any, _implicit: bool) -> None:
    name = {"CoalesceExpr": "COALESCE", "NullIfExpr": "NULLIF", "GroupingFunc": "GROUPING"}.get(
        type(node).__name__
    )
    d.put(name or ("GREATEST" if node.op == MinMaxOp.IS_GREATEST else "LEAST"), "(")
    d.listed(node.args, True)
    d.put(")")


@handles("ArrayExpr")
def _array(d: Deparser, node: Any, _implicit: bool) -> None:
    d.put("ARRAY[")
    d.listed(node.elements, True)
    d.put("]")
    if not node.elements:
        d.put("::", d.names.type(node.array_typeid))


@handles("RowExpr")
def _row(d: Deparser, node: Any, _implicit: bool) -> None:
    attributes = None
    if node.row_typeid != RECORDOID:
        attributes = d.names.session.types.lookups.attributes(node.row_typeid, -1) or []
    d.put("ROW(")
    separator = ""
    for i, arg in enumerate(node.args):
        if attributes is None or not attributes[i].attisdropped:
            d.put(separator)
            toplevel(d, arg, True)
            separator = ", "
    for attribute in (attributes or [])[len(node.args) :]:
        if not attribute.attisdropped:
            d.put(separator, "NULL")
            separator = ", "
    d.put(")")
    if node.row_format == CoercionForm.COERCE_EXPLICIT_CAST:
        d.put("::", d.names.type(node.row_typeid))


# -- parts of values -------------------------------------------------------------------------


@handles("SubscriptingRef")
def _subscripting(d: Deparser, node: Any, implicit: bool) -> None:
    if isinstance(node.refexpr, CaseTestExpr):
        d.expr(node.refassgnexpr, implicit)
        return
    needed = not isinstance(node.refexpr, (Var, FieldSelect))
    d.put("(" if needed else "")
    d.expr(node.refexpr, implicit)
    d.put(")" if needed else "")
    if node.refassgnexpr is not None:
        inner = indirection(d, node)
        d.put(" := ")
        d.expr(inner, implicit)
    else:
        subscripts(d, node)


def subscripts(d: Deparser, node: Any) -> None:
    """``[lower:upper]`` for each dimension."""
    for i, upper in enumerate(node.refupperindexpr):
        d.put("[")
        if node.reflowerindexpr:
            d.expr(node.reflowerindexpr[i])
            d.put(":")
        d.expr(upper)
        d.put("]")


def indirection(d: Deparser, node: Any) -> Any:
    """Write the fields and subscripts that an assignment goes into; what is assigned."""
    domain: Any = None
    while node is not None:
        name = type(node).__name__
        if name == "FieldStore":
            relid = d.names.cache.type(node.resulttype).typrelid
            d.put(".", d.names.quote(d.names.column(relid, node.fieldnums[0])))
            node = node.newvals[0]
        elif name == "SubscriptingRef" and node.refassgnexpr is not None:
            subscripts(d, node)
            node = node.refassgnexpr
        elif name == "CoerceToDomain":
            domain = node
            if node.coercionformat != CoercionForm.COERCE_IMPLICIT_CAST:
                break
            node = node.arg
        else:
            break
    return domain if domain is not None and node is domain.arg else node


@handles("FieldSelect")
def _field(d: Deparser, node: Any, _implicit: bool) -> None:
    needed = not isinstance(node.arg, (SubscriptingRef, FieldSelect))
    d.put("(" if needed else "")
    d.expr(node.arg, True)
    d.put(")" if needed else "")
    d.put(".", d.names.quote(field_name(d, node.arg, node.fieldnum)))


@handles("FieldStore")
def _field_store(d: Deparser, node: Any, implicit: bool) -> None:
    many = len(node.newvals) != 1
    d.put("ROW(" if many else "")
    d.listed(node.newvals, implicit)
    d.put(")" if many else "")


@handles("CoerceToDomainValue")
def _domain_value(d: Deparser, _node: Any, _implicit: bool) -> None:
    d.put("VALUE")


@handles("SetToDefault")
def _default(d: Deparser, _node: Any, _implicit: bool) -> None:
    d.put("DEFAULT")


@handles("ReturningExpr")
def _returning(d: Deparser, node: Any, implicit: bool) -> None:
    d.expr(node.retexpr, implicit)
