"""Writing SQL/JSON and XML expressions and table functions."""

from __future__ import annotations

from typing import Any

from pgtool.functions.ruleutils.calls import aggregate, window_call
from pgtool.functions.ruleutils.deparser import VAR, Deparser, handles
from pgtool.functions.ruleutils.exprs import const_datum, constant, paren
from pgtool.nodes.base import strings
from pgtool.nodes.enums import (
    JsonBehaviorType,
    JsonConstructorType,
    JsonEncoding,
    JsonExprOp,
    JsonFormatType,
    JsonValueType,
    JsonWrapper,
    TableFuncType,
    XmlExprOp,
    XmlOptionType,
)
from pgtool.nodes.exprs import Aggref, Const

__all__ = ["table_function"]

BOOLOID, JSONBOID = 16, 3802
#: The first major in which XMLSERIALIZE can indent.
FIRST_WITH_INDENT = 16
_NAMES = {
    JsonConstructorType.JSCTOR_JSON_OBJECT: "JSON_OBJECT",
    JsonConstructorType.JSCTOR_JSON_ARRAY: "JSON_ARRAY",
    JsonConstructorType.JSCTOR_JSON_OBJECTAGG: "JSON_OBJECTAGG",
    JsonConstructorType.JSCTOR_JSON_ARRAYAGG: "JSON_ARRAYAGG",
    JsonConstructorType.JSCTOR_JSON_PARSE: "JSON",
    JsonConstructorType.JSCTOR_JSON_SCALAR: "JSON_SCALAR",
    JsonConstructorType.JSCTOR_JSON_SERIALIZE: "JSON_SERIALIZE",
}
_OBJECTS = (
    JsonConstructorType.JSCTOR_JSON_OBJECT, JsonConstructorType.JSCTOR_JSON_OBJECTAGG,
)  # fmt: skip
_ARRAYS = (JsonConstructorType.JSCTOR_JSON_ARRAY, JsonConstructorType.JSCTOR_JSON_ARRAYAGG)
_AGGREGATES = (
    JsonConstructorType.JSCTOR_JSON_OBJECTAGG, JsonConstructorType.JSCTOR_JSON_ARRAYAGG,
)  # fmt: skip
_NO_RETURNING = (
    JsonConstructorType.JSCTOR_JSON_PARSE, JsonConstructorType.JSCTOR_JSON_SCALAR,
)  # fmt: skip
_ENCODINGS = {JsonEncoding.JS_ENC_UTF16: "UTF16", JsonEncoding.JS_ENC_UTF32: "UTF32"}


# -- constructors --------------------------------------------------------------------------


def _format(json_format: Any) -> str:
    if json_format.format_type == JsonFormatType.JS_FORMAT_DEFAULT:
        return ""
    is_b = json_format.format_type == JsonFormatType.JS_FORMAT_JSONB
    text = " FORMAT JSONB" if is_b else " FORMAT JSON"
    if json_format.encoding != JsonEncoding.JS_ENC_DEFAULT:
        text += " ENCODING " + _ENCODINGS.get(json_format.encoding, "UTF8")
    return text


def _returning(d: Deparser, returning: Any, by_default: bool) -> str:
    if returning is None or not returning.typid:
        return ""
    text = " RETURNING " + d.names.type(returning.typid, returning.typmod)
    usual = (
        JsonFormatType.JS_FORMAT_JSONB if returning.typid == JSONBOID
        else JsonFormatType.JS_FORMAT_JSON
    )  # fmt: skip
    if not by_default or returning.format.format_type != usual:
        text += _format(returning.format)
    return text


@handles("JsonValueExpr")
def _value(d: Deparser, node: Any, _implicit: bool) -> None:
    d.expr(node.raw_expr)
    d.put(_format(node.format))


@handles("JsonConstructorExpr")
def _constructor(d: Deparser, node: Any, _implicit: bool) -> None:
    options = ""
    if node.absent_on_null and node.type in _OBJECTS:
        options = " ABSENT ON NULL"
    elif not node.absent_on_null and node.type in _ARRAYS:
        options = " NULL ON NULL"
    options += " WITH UNIQUE KEYS" if node.unique else ""
    if node.type not in _NO_RETURNING:
        options += _returning(d, node.returning, True)
    name, pairs = _NAMES[node.type], node.type in _OBJECTS
    if node.type in _AGGREGATES:
        write = aggregate if isinstance(node.func, Aggref) else window_call
        write(d, node.func, name, options, pairs)
        return
    d.put(name, "(")
    for i, arg in enumerate(node.args):
        if i:
            d.put(" : " if pairs and i % 2 else ", ")
        d.expr(arg, True)
    d.put(options, ")")


_ITEMS = {
    JsonValueType.JS_TYPE_SCALAR: " SCALAR", JsonValueType.JS_TYPE_ARRAY: " ARRAY",
    JsonValueType.JS_TYPE_OBJECT: " OBJECT",
}  # fmt: skip


@handles("JsonIsPredicate")
def _is_json(d: Deparser, node: Any, _implicit: bool) -> None:
    d.opened()
    paren(d, node.expr, True, node)
    d.put(" IS JSON", _ITEMS.get(node.item_type, ""))
    d.put(" WITH UNIQUE KEYS" if node.unique_keys else "")
    d.closed()


# -- path expressions ------------------------------------------------------------------------

_OPS = {
    JsonExprOp.JSON_EXISTS_OP: "JSON_EXISTS(", JsonExprOp.JSON_QUERY_OP: "JSON_QUERY(",
    JsonExprOp.JSON_VALUE_OP: "JSON_VALUE(",
}  # fmt: skip
_WRAPPERS = {
    JsonWrapper.JSW_CONDITIONAL: " WITH CONDITIONAL WRAPPER",
    JsonWrapper.JSW_UNCONDITIONAL: " WITH UNCONDITIONAL WRAPPER",
}


def _behavior(d: Deparser, behavior: Any, on: str) -> None:
    name = JsonBehaviorType(behavior.btype).name.removeprefix("JSON_BEHAVIOR_")
    d.put(" " + name.replace("_", " "))
    if behavior.btype == JsonBehaviorType.JSON_BEHAVIOR_DEFAULT:
        d.put(" ")
        d.expr(behavior.expr)
    d.put(f" ON {on}")


def _options(d: Deparser, node: Any) -> None:
    if node.op == JsonExprOp.JSON_QUERY_OP:
        d.put(_WRAPPERS.get(node.wrapper, " WITHOUT WRAPPER"))
        d.put(" OMIT QUOTES" if node.omit_quotes else " KEEP QUOTES")
    usual = (
        JsonBehaviorType.JSON_BEHAVIOR_FALSE if node.op == JsonExprOp.JSON_EXISTS_OP
        else JsonBehaviorType.JSON_BEHAVIOR_NULL
    )  # fmt: skip
    for behavior, on in ((node.on_empty, "EMPTY"), (node.on_error, "ERROR")):
        if behavior is not None and behavior.btype != usual:
            _behavior(d, behavior, on)


def _path(d: Deparser, spec: Any, implicit: bool) -> None:
    if isinstance(spec, Const):
        constant(d, spec, -1)
    else:
        d.expr(spec, implicit)


@handles("JsonExpr")
def _json_expr(d: Deparser, node: Any, implicit: bool) -> None:
    d.put(_OPS[node.op])
    d.expr(node.formatted_expr, implicit)
    d.put(", ")
    _path(d, node.path_spec, implicit)
    for i, (name, value) in enumerate(zip(strings(node.passing_names), node.passing_values)):
        d.put(", " if i else " PASSING ")
        d.expr(value, implicit)
        d.put(" AS ", d.names.quote(name))
    if node.op != JsonExprOp.JSON_EXISTS_OP or node.returning.typid != BOOLOID:
        d.put(_returning(d, node.returning, node.op == JsonExprOp.JSON_QUERY_OP))
    _options(d, node)
    d.put(")")


# -- tables --------------------------------------------------------------------------------


@handles("TableFunc")
def table_function(d: Deparser, node: Any, implicit: bool) -> None:
    """XMLTABLE or JSON_TABLE."""
    if node.functype == TableFuncType.TFT_XMLTABLE:
        _xml_table(d, node, implicit)
    else:
        _json_table(d, node, implicit)


def _json_table(d: Deparser, node: Any, implicit: bool) -> None:
    source = node.docexpr
    d.put("JSON_TABLE(")
    d.level += VAR if d.indented else 0
    d.keyword("")
    d.expr(source.formatted_expr, implicit)
    d.put(", ")
    constant(d, node.plan.path.value, -1)
    d.put(" AS ", d.names.quote(node.plan.path.name))
    if source.passing_values:
        d.put(" ")
        d.keyword("PASSING ")
        d.level += VAR if d.indented else 0
        pairs = zip(strings(source.passing_names), source.passing_values)
        for i, (name, value) in enumerate(pairs):
            d.put(", " if i else "")
            d.keyword("")
            d.expr(value)
            d.put(" AS ", d.names.quote(name))
        d.level -= VAR if d.indented else 0
    _json_columns(d, node, node.plan, implicit)
    if source.on_error.btype != JsonBehaviorType.JSON_BEHAVIOR_EMPTY_ARRAY:
        _behavior(d, source.on_error, "ERROR")
    d.level -= VAR if d.indented else 0
    d.keyword(")")


def _json_columns(d: Deparser, node: Any, scan: Any, implicit: bool) -> None:
    d.put(" ")
    d.keyword("COLUMNS (")
    d.level += VAR if d.indented else 0
    if scan.colMin >= 0:
        for i in range(scan.colMin, min(scan.colMax + 1, len(node.colnames))):
            d.put(", " if i > scan.colMin else "")
            d.keyword("")
            d.put(d.names.quote(node.colnames[i].sval), " ")
            _json_column(d, node, i, implicit)
    if scan.child is not None:
        _nested(d, node, scan.child, implicit, scan.colMin >= 0)
    d.level -= VAR if d.indented else 0
    d.keyword(")")


def _json_column(d: Deparser, node: Any, i: int, implicit: bool) -> None:
    column = node.colvalexprs[i]
    if column is None:
        d.put("FOR ORDINALITY")
        return
    d.put(d.names.type(node.coltypes[i], node.coltypmods[i]))
    if column.op == JsonExprOp.JSON_EXISTS_OP:
        d.put(" EXISTS")
    elif (
        column.op == JsonExprOp.JSON_QUERY_OP
        and d.names.session.types.info(node.coltypes[i]).typcategory == "S"
    ):
        is_b = column.format.format_type == JsonFormatType.JS_FORMAT_JSONB
        d.put(" FORMAT JSONB" if is_b else " FORMAT JSON")
    d.put(" PATH ")
    _path(d, column.path_spec, implicit)
    _options(d, column)


def _nested(d: Deparser, node: Any, plan: Any, implicit: bool, comma: bool) -> None:
    if type(plan).__name__ == "JsonTableSiblingJoin":
        _nested(d, node, plan.lplan, implicit, comma)
        _nested(d, node, plan.rplan, implicit, True)
        return
    d.put("," if comma else "", " ")
    d.keyword("NESTED PATH ")
    constant(d, plan.path.value, -1)
    d.put(" AS ", d.names.quote(plan.path.name))
    _json_columns(d, node, plan, implicit)


def _xml_table(d: Deparser, node: Any, implicit: bool) -> None:
    d.put("XMLTABLE(")
    if node.ns_uris:
        d.put("XMLNAMESPACES (")
        for i, (name, uri) in enumerate(zip(strings(node.ns_names), node.ns_uris)):
            d.put(", " if i else "", "" if name is not None else "DEFAULT ")
            d.expr(uri, implicit)
            d.put(f" AS {d.names.quote(name)}" if name is not None else "")
        d.put("), ")
    d.put("(")
    d.expr(node.rowexpr, implicit)
    d.put(") PASSING (")
    d.expr(node.docexpr, implicit)
    d.put(")")
    for i, name in enumerate(strings(node.colnames) if node.colexprs else ()):
        d.put(", " if i else " COLUMNS ", d.names.quote(name), " ")
        if node.ordinalitycol == i:
            d.put("FOR ORDINALITY")
            continue
        d.put(d.names.type(node.coltypes[i], node.coltypmods[i]))
        for words, expr in ((" DEFAULT (", node.coldefexprs[i]), (" PATH (", node.colexprs[i])):
            if expr is not None:
                d.put(words)
                d.expr(expr, implicit)
                d.put(")")
        d.put(" NOT NULL" if i in node.notnulls else "")
    d.put(")")


# -- XML -----------------------------------------------------------------------------------

_STANDALONE = {0: ", STANDALONE YES", 1: ", STANDALONE NO", 2: ", STANDALONE NO VALUE"}


@handles("XmlExpr")
def _xml(d: Deparser, node: Any, _implicit: bool) -> None:
    op = XmlExprOp(node.op)
    if op == XmlExprOp.IS_DOCUMENT:
        # The operand counts as a list to the server, which pretty printing always encloses.
        d.put("(" if d.pretty else "")
        d.expr(node.args[0])
        d.put(")" if d.pretty else "", " IS DOCUMENT")
        return
    d.put(op.name.removeprefix("IS_"), "(")
    if op in (XmlExprOp.IS_XMLPARSE, XmlExprOp.IS_XMLSERIALIZE):
        document = node.xmloption == XmlOptionType.XMLOPTION_DOCUMENT
        d.put("DOCUMENT " if document else "CONTENT ")
    comma = ""
    if node.name:
        d.put("NAME ", d.names.quote(node.name))
        comma = ", "
    if node.named_args:
        forest = op == XmlExprOp.IS_XMLFOREST
        d.put("" if forest else comma + "XMLATTRIBUTES(")
        comma = comma if forest else ""
        for arg, name in zip(node.named_args, strings(node.arg_names)):
            d.put(comma)
            d.expr(arg, True)
            d.put(" AS ", d.names.quote(name))
            comma = ", "
        d.put("" if forest else ")")
    if node.args:
        d.put(comma)
        _xml_arguments(d, node, op)
    if op == XmlExprOp.IS_XMLSERIALIZE:
        d.put(" AS ", d.names.type(node.type, node.typmod))
        if d.names.major >= FIRST_WITH_INDENT:
            d.put(" INDENT" if node.indent else " NO INDENT")
    d.put(")")


def _xml_arguments(d: Deparser, node: Any, op: XmlExprOp) -> None:
    if op == XmlExprOp.IS_XMLPARSE:
        d.expr(node.args[0], True)
        keep = const_datum(node.args[1])[:1] == b"\x01"
        d.put(" PRESERVE WHITESPACE" if keep else " STRIP WHITESPACE")
    elif op == XmlExprOp.IS_XMLROOT:
        d.expr(node.args[0], True)
        d.put(", VERSION ")
        version, standalone = node.args[1:]
        if isinstance(version, Const) and version.constisnull:
            d.put("NO VALUE")
        else:
            d.expr(version)
        if not standalone.constisnull:
            d.put(_STANDALONE.get(const_datum(standalone)[0], ""))
    else:
        d.listed(node.args, True)
