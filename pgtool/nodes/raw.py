"""Raw parse trees: expressions, SELECT and the statements that change rows.

What the grammar produces, before names are resolved (source: ``nodes/parsenodes.h``); only
:mod:`pgtool.sql.parse` makes them.
"""

from __future__ import annotations

from pgtool.nodes.base import (
    EMPTY,
    Location,
    Node,
    NodeList,
    NodeRef,
    Oid,
    String,
)
from pgtool.nodes.enums import (
    CmdType,
    CoercionForm,
    JsonExprOp,
    JsonWrapper,
    LimitOption,
    LockClauseStrength,
    LockWaitPolicy,
    MergeMatchKind,
    OnConflictAction,
    OverridingKind,
    SetOperation,
    XmlOptionType,
)
from pgtool.nodes.raw_enums import (
    A_Expr_Kind,
    JsonQuotes,
    JsonTableColumnType,
    ReturningOptionKind,
    RoleSpecType,
    SortByDir,
    SortByNulls,
)


class RawStmt(Node):
    stmt: NodeRef = None
    stmt_location: Location = -1
    stmt_len: Location = -1


class TypeName(Node):
    names: NodeList = EMPTY
    typeOid: Oid = 0
    setof: bool = False
    pct_type: bool = False
    typmods: NodeList = EMPTY
    typemod: int = 0
    arrayBounds: NodeList = EMPTY
    location: Location = -1


class ColumnRef(Node):
    fields: NodeList = EMPTY
    location: Location = -1


class ParamRef(Node):
    number: int = 0
    location: Location = -1


class A_Expr(Node):
    kind: A_Expr_Kind = A_Expr_Kind.AEXPR_OP
    name: NodeList = EMPTY
    lexpr: NodeRef = None
    rexpr: NodeRef = None
    rexpr_list_start: Location = -1
    rexpr_list_end: Location = -1
    location: Location = -1


class TypeCast(Node):
    arg: NodeRef = None
    typeName: NodeRef = None
    location: Location = -1


class CollateClause(Node):
    arg: NodeRef = None
    collname: NodeList = EMPTY
    location: Location = -1


class RoleSpec(Node):
    roletype: RoleSpecType = RoleSpecType.ROLESPEC_CSTRING
    rolename: String = None
    location: Location = -1


class FuncCall(Node):
    funcname: NodeList = EMPTY
    args: NodeList = EMPTY
    agg_order: NodeList = EMPTY
    agg_filter: NodeRef = None
    over: NodeRef = None
    agg_within_group: bool = False
    agg_star: bool = False
    agg_distinct: bool = False
    func_variadic: bool = False
    funcformat: CoercionForm = CoercionForm.COERCE_EXPLICIT_CALL
    location: Location = -1


class A_Star(Node):
    """No fields."""


class A_Indices(Node):
    is_slice: bool = False
    lidx: NodeRef = None
    uidx: NodeRef = None


class A_Indirection(Node):
    arg: NodeRef = None
    indirection: NodeList = EMPTY


class A_ArrayExpr(Node):
    elements: NodeList = EMPTY
    list_start: Location = -1
    list_end: Location = -1
    location: Location = -1


class ResTarget(Node):
    name: String = None
    indirection: NodeList = EMPTY
    val: NodeRef = None
    location: Location = -1


class MultiAssignRef(Node):
    source: NodeRef = None
    colno: int = 0
    ncolumns: int = 0


class SortBy(Node):
    node: NodeRef = None
    sortby_dir: SortByDir = SortByDir.SORTBY_DEFAULT
    sortby_nulls: SortByNulls = SortByNulls.SORTBY_NULLS_DEFAULT
    useOp: NodeList = EMPTY
    location: Location = -1


class WindowDef(Node):
    name: String = None
    refname: String = None
    partitionClause: NodeList = EMPTY
    orderClause: NodeList = EMPTY
    frameOptions: int = 0
    startOffset: NodeRef = None
    endOffset: NodeRef = None
    location: Location = -1


class RangeSubselect(Node):
    lateral: bool = False
    subquery: NodeRef = None
    alias: NodeRef = None


class RangeFunction(Node):
    lateral: bool = False
    ordinality: bool = False
    is_rowsfrom: bool = False
    functions: NodeList = EMPTY
    alias: NodeRef = None
    coldeflist: NodeList = EMPTY


class RangeTableFunc(Node):
    lateral: bool = False
    docexpr: NodeRef = None
    rowexpr: NodeRef = None
    namespaces: NodeList = EMPTY
    columns: NodeList = EMPTY
    alias: NodeRef = None
    location: Location = -1


class RangeTableFuncCol(Node):
    colname: String = None
    typeName: NodeRef = None
    for_ordinality: bool = False
    is_not_null: bool = False
    colexpr: NodeRef = None
    coldefexpr: NodeRef = None
    location: Location = -1


class RangeTableSample(Node):
    relation: NodeRef = None
    method: NodeList = EMPTY
    args: NodeList = EMPTY
    repeatable: NodeRef = None
    location: Location = -1


class LockingClause(Node):
    lockedRels: NodeList = EMPTY
    strength: LockClauseStrength = LockClauseStrength.LCS_NONE
    waitPolicy: LockWaitPolicy = LockWaitPolicy.LockWaitBlock


class XmlSerialize(Node):
    xmloption: XmlOptionType = XmlOptionType.XMLOPTION_DOCUMENT
    expr: NodeRef = None
    typeName: NodeRef = None
    indent: bool = False
    location: Location = -1


class WithClause(Node):
    ctes: NodeList = EMPTY
    recursive: bool = False
    location: Location = -1


class InferClause(Node):
    indexElems: NodeList = EMPTY
    whereClause: NodeRef = None
    conname: String = None
    location: Location = -1


class OnConflictClause(Node):
    action: OnConflictAction = OnConflictAction.ONCONFLICT_NONE
    infer: NodeRef = None
    targetList: NodeList = EMPTY
    whereClause: NodeRef = None
    location: Location = -1


class MergeWhenClause(Node):
    matchKind: MergeMatchKind = MergeMatchKind.MERGE_WHEN_MATCHED
    commandType: CmdType = CmdType.CMD_UNKNOWN
    override: OverridingKind = OverridingKind.OVERRIDING_NOT_SET
    condition: NodeRef = None
    targetList: NodeList = EMPTY
    values: NodeList = EMPTY


class ReturningOption(Node):
    option: ReturningOptionKind = ReturningOptionKind.RETURNING_OPTION_OLD
    value: String = None
    location: Location = -1


class ReturningClause(Node):
    options: NodeList = EMPTY
    exprs: NodeList = EMPTY


class TriggerTransition(Node):
    name: String = None
    isNew: bool = False
    isTable: bool = False


class JsonOutput(Node):
    typeName: NodeRef = None
    returning: NodeRef = None


class JsonArgument(Node):
    val: NodeRef = None
    name: String = None


class JsonFuncExpr(Node):
    op: JsonExprOp = JsonExprOp.JSON_EXISTS_OP
    column_name: String = None
    context_item: NodeRef = None
    pathspec: NodeRef = None
    passing: NodeList = EMPTY
    output: NodeRef = None
    on_empty: NodeRef = None
    on_error: NodeRef = None
    wrapper: JsonWrapper = JsonWrapper.JSW_UNSPEC
    quotes: JsonQuotes = JsonQuotes.JS_QUOTES_UNSPEC
    location: Location = -1


class JsonTablePathSpec(Node):
    string: NodeRef = None
    name: String = None
    name_location: Location = -1
    location: Location = -1


class JsonTable(Node):
    context_item: NodeRef = None
    pathspec: NodeRef = None
    passing: NodeList = EMPTY
    columns: NodeList = EMPTY
    on_error: NodeRef = None
    alias: NodeRef = None
    lateral: bool = False
    location: Location = -1


class JsonTableColumn(Node):
    coltype: JsonTableColumnType = JsonTableColumnType.JTC_FOR_ORDINALITY
    name: String = None
    typeName: NodeRef = None
    pathspec: NodeRef = None
    format: NodeRef = None
    wrapper: JsonWrapper = JsonWrapper.JSW_UNSPEC
    quotes: JsonQuotes = JsonQuotes.JS_QUOTES_UNSPEC
    columns: NodeList = EMPTY
    on_empty: NodeRef = None
    on_error: NodeRef = None
    location: Location = -1


class JsonKeyValue(Node):
    key: NodeRef = None
    value: NodeRef = None


class JsonParseExpr(Node):
    expr: NodeRef = None
    output: NodeRef = None
    unique_keys: bool = False
    location: Location = -1


class JsonScalarExpr(Node):
    expr: NodeRef = None
    output: NodeRef = None
    location: Location = -1


class JsonSerializeExpr(Node):
    expr: NodeRef = None
    output: NodeRef = None
    location: Location = -1


class JsonObjectConstructor(Node):
    exprs: NodeList = EMPTY
    output: NodeRef = None
    absent_on_null: bool = False
    unique: bool = False
    location: Location = -1


class JsonArrayConstructor(Node):
    exprs: NodeList = EMPTY
    output: NodeRef = None
    absent_on_null: bool = False
    location: Location = -1


class JsonArrayQueryConstructor(Node):
    query: NodeRef = None
    output: NodeRef = None
    format: NodeRef = None
    absent_on_null: bool = False
    location: Location = -1


class JsonAggConstructor(Node):
    output: NodeRef = None
    agg_filter: NodeRef = None
    agg_order: NodeList = EMPTY
    over: NodeRef = None
    location: Location = -1


class JsonObjectAgg(Node):
    constructor: NodeRef = None
    arg: NodeRef = None
    absent_on_null: bool = False
    unique: bool = False


class JsonArrayAgg(Node):
    constructor: NodeRef = None
    arg: NodeRef = None
    absent_on_null: bool = False


class InsertStmt(Node):
    relation: NodeRef = None
    cols: NodeList = EMPTY
    selectStmt: NodeRef = None
    onConflictClause: NodeRef = None
    returningClause: NodeRef = None
    withClause: NodeRef = None
    override: OverridingKind = OverridingKind.OVERRIDING_NOT_SET


class DeleteStmt(Node):
    relation: NodeRef = None
    usingClause: NodeList = EMPTY
    whereClause: NodeRef = None
    returningClause: NodeRef = None
    withClause: NodeRef = None


class UpdateStmt(Node):
    relation: NodeRef = None
    targetList: NodeList = EMPTY
    whereClause: NodeRef = None
    fromClause: NodeList = EMPTY
    returningClause: NodeRef = None
    withClause: NodeRef = None


class MergeStmt(Node):
    relation: NodeRef = None
    sourceRelation: NodeRef = None
    joinCondition: NodeRef = None
    mergeWhenClauses: NodeList = EMPTY
    returningClause: NodeRef = None
    withClause: NodeRef = None


class SelectStmt(Node):
    distinctClause: NodeList = EMPTY
    intoClause: NodeRef = None
    targetList: NodeList = EMPTY
    fromClause: NodeList = EMPTY
    whereClause: NodeRef = None
    groupClause: NodeList = EMPTY
    groupDistinct: bool = False
    havingClause: NodeRef = None
    windowClause: NodeList = EMPTY
    valuesLists: NodeList = EMPTY
    sortClause: NodeList = EMPTY
    limitOffset: NodeRef = None
    limitCount: NodeRef = None
    limitOption: LimitOption = LimitOption.LIMIT_OPTION_COUNT
    lockingClause: NodeList = EMPTY
    withClause: NodeRef = None
    op: SetOperation = SetOperation.SETOP_NONE
    all: bool = False
    larg: NodeRef = None
    rarg: NodeRef = None


class ReturnStmt(Node):
    returnval: NodeRef = None


class PLAssignStmt(Node):
    name: String = None
    indirection: NodeList = EMPTY
    nnames: int = 0
    val: NodeRef = None
    location: Location = -1


class A_Const(Node):
    """A literal: ``val`` is a value node, or ``isnull`` is set."""

    val: NodeRef = None
    isnull: bool = False
    location: Location = -1
