"""Nodes of SQL/JSON, XML and table functions.

Fields stand in the order in which PostgreSQL 18 writes them (source: ``nodes/primnodes.h``).
"""

from __future__ import annotations

from pgtool.nodes.base import (
    EMPTY,
    Bitmapset,
    Location,
    Node,
    NodeList,
    NodeRef,
    Oid,
    String,
)
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


class XmlExpr(Node):
    op: XmlExprOp = XmlExprOp.IS_XMLCONCAT
    name: String = None
    named_args: NodeList = EMPTY
    arg_names: NodeList = EMPTY
    args: NodeList = EMPTY
    xmloption: XmlOptionType = XmlOptionType.XMLOPTION_DOCUMENT
    indent: bool = False
    type: Oid = 0
    typmod: int = 0
    location: Location = -1


class JsonFormat(Node):
    format_type: JsonFormatType = JsonFormatType.JS_FORMAT_DEFAULT
    encoding: JsonEncoding = JsonEncoding.JS_ENC_DEFAULT
    location: Location = -1


class JsonReturning(Node):
    format: NodeRef = None
    typid: Oid = 0
    typmod: int = 0


class JsonValueExpr(Node):
    raw_expr: NodeRef = None
    formatted_expr: NodeRef = None
    format: NodeRef = None


class JsonConstructorExpr(Node):
    type: JsonConstructorType = JsonConstructorType.JSCTOR_JSON_OBJECT
    args: NodeList = EMPTY
    func: NodeRef = None
    coercion: NodeRef = None
    returning: NodeRef = None
    absent_on_null: bool = False
    unique: bool = False
    location: Location = -1


class JsonIsPredicate(Node):
    expr: NodeRef = None
    format: NodeRef = None
    item_type: JsonValueType = JsonValueType.JS_TYPE_ANY
    unique_keys: bool = False
    location: Location = -1


class JsonBehavior(Node):
    btype: JsonBehaviorType = JsonBehaviorType.JSON_BEHAVIOR_NULL
    expr: NodeRef = None
    coerce: bool = False
    location: Location = -1


class JsonExpr(Node):
    op: JsonExprOp = JsonExprOp.JSON_EXISTS_OP
    column_name: String = None
    formatted_expr: NodeRef = None
    format: NodeRef = None
    path_spec: NodeRef = None
    returning: NodeRef = None
    passing_names: NodeList = EMPTY
    passing_values: NodeList = EMPTY
    on_empty: NodeRef = None
    on_error: NodeRef = None
    use_io_coercion: bool = False
    use_json_coercion: bool = False
    wrapper: JsonWrapper = JsonWrapper.JSW_UNSPEC
    omit_quotes: bool = False
    collation: Oid = 0
    location: Location = -1


class JsonTablePath(Node):
    value: NodeRef = None
    name: String = None


class JsonTablePathScan(Node):
    path: NodeRef = None
    errorOnError: bool = False
    child: NodeRef = None
    colMin: int = 0
    colMax: int = 0


class JsonTableSiblingJoin(Node):
    lplan: NodeRef = None
    rplan: NodeRef = None


class TableFunc(Node):
    functype: TableFuncType = TableFuncType.TFT_XMLTABLE
    ns_uris: NodeList = EMPTY
    ns_names: NodeList = EMPTY
    docexpr: NodeRef = None
    rowexpr: NodeRef = None
    colnames: NodeList = EMPTY
    coltypes: NodeList = EMPTY
    coltypmods: NodeList = EMPTY
    colcollations: NodeList = EMPTY
    colexprs: NodeList = EMPTY
    coldefexprs: NodeList = EMPTY
    colvalexprs: NodeList = EMPTY
    passingvalexprs: NodeList = EMPTY
    notnulls: Bitmapset = frozenset()
    plan: NodeRef = None
    ordinalitycol: int = 0
    location: Location = -1
