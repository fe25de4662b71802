"""Expression nodes.

Fields stand in the order in which PostgreSQL 18 writes them (source: ``nodes/primnodes.h``).
"""

from __future__ import annotations

from pgtool.nodes.base import (
    EMPTY,
    Bitmapset,
    Char,
    Datum,
    Float,
    Index,
    Location,
    Node,
    NodeList,
    NodeRef,
    Oid,
    String,
)
from pgtool.nodes.enums import (
    AggSplit,
    BoolExprType,
    BoolTestType,
    CoercionForm,
    CompareType,
    MinMaxOp,
    NullTestType,
    ParamKind,
    SQLValueFunctionOp,
    SubLinkType,
    VarReturningType,
)


class Var(Node):
    EQUAL_IGNORE = ("varnosyn", "varattnosyn")
    varno: int = 0
    varattno: int = 0
    vartype: Oid = 0
    vartypmod: int = 0
    varcollid: Oid = 0
    varnullingrels: Bitmapset = frozenset()
    varlevelsup: Index = 0
    varreturningtype: VarReturningType = VarReturningType.VAR_RETURNING_DEFAULT
    varnosyn: Index = 0
    varattnosyn: int = 0
    location: Location = -1


class Const(Node):
    consttype: Oid = 0
    consttypmod: int = 0
    constcollid: Oid = 0
    constlen: int = 0
    constvalue: Datum = None
    constisnull: bool = False
    constbyval: bool = False
    location: Location = -1


class Param(Node):
    paramkind: ParamKind = ParamKind.PARAM_EXTERN
    paramid: int = 0
    paramtype: Oid = 0
    paramtypmod: int = 0
    paramcollid: Oid = 0
    location: Location = -1


class Aggref(Node):
    EQUAL_IGNORE = ("aggtranstype", "aggpresorted")
    aggfnoid: Oid = 0
    aggtype: Oid = 0
    aggcollid: Oid = 0
    inputcollid: Oid = 0
    aggtranstype: Oid = 0
    aggargtypes: NodeList = EMPTY
    aggdirectargs: NodeList = EMPTY
    args: NodeList = EMPTY
    aggorder: NodeList = EMPTY
    aggdistinct: NodeList = EMPTY
    aggfilter: NodeRef = None
    aggstar: bool = False
    aggvariadic: bool = False
    aggkind: Char = "\0"
    aggpresorted: bool = False
    agglevelsup: Index = 0
    aggsplit: AggSplit = AggSplit.AGGSPLIT_SIMPLE
    aggno: int = -1
    aggtransno: int = -1
    location: Location = -1


class GroupingFunc(Node):
    EQUAL_IGNORE = ("refs", "cols")
    args: NodeList = EMPTY
    refs: NodeList = EMPTY
    cols: NodeList = EMPTY
    agglevelsup: Index = 0
    location: Location = -1


class WindowFunc(Node):
    winfnoid: Oid = 0
    wintype: Oid = 0
    wincollid: Oid = 0
    inputcollid: Oid = 0
    args: NodeList = EMPTY
    aggfilter: NodeRef = None
    runCondition: NodeList = EMPTY
    winref: Index = 0
    winstar: bool = False
    winagg: bool = False
    location: Location = -1


class WindowFuncRunCondition(Node):
    opno: Oid = 0
    inputcollid: Oid = 0
    wfunc_left: bool = False
    arg: NodeRef = None


class MergeSupportFunc(Node):
    msftype: Oid = 0
    msfcollid: Oid = 0
    location: Location = -1


class SubscriptingRef(Node):
    refcontainertype: Oid = 0
    refelemtype: Oid = 0
    refrestype: Oid = 0
    reftypmod: int = 0
    refcollid: Oid = 0
    refupperindexpr: NodeList = EMPTY
    reflowerindexpr: NodeList = EMPTY
    refexpr: NodeRef = None
    refassgnexpr: NodeRef = None


class FuncExpr(Node):
    funcid: Oid = 0
    funcresulttype: Oid = 0
    funcretset: bool = False
    funcvariadic: bool = False
    funcformat: CoercionForm = CoercionForm.COERCE_EXPLICIT_CALL
    funccollid: Oid = 0
    inputcollid: Oid = 0
    args: NodeList = EMPTY
    location: Location = -1


class NamedArgExpr(Node):
    arg: NodeRef = None
    name: String = None
    argnumber: int = 0
    location: Location = -1


class OpExpr(Node):
    opno: Oid = 0
    opfuncid: Oid = 0
    opresulttype: Oid = 0
    opretset: bool = False
    opcollid: Oid = 0
    inputcollid: Oid = 0
    args: NodeList = EMPTY
    location: Location = -1


class DistinctExpr(Node):
    opno: Oid = 0
    opfuncid: Oid = 0
    opresulttype: Oid = 0
    opretset: bool = False
    opcollid: Oid = 0
    inputcollid: Oid = 0
    args: NodeList = EMPTY
    location: Location = -1


class NullIfExpr(Node):
    opno: Oid = 0
    opfuncid: Oid = 0
    opresulttype: Oid = 0
    opretset: bool = False
    opcollid: Oid = 0
    inputcollid: Oid = 0
    args: NodeList = EMPTY
    location: Location = -1


class ScalarArrayOpExpr(Node):
    opno: Oid = 0
    opfuncid: Oid = 0
    hashfuncid: Oid = 0
    negfuncid: Oid = 0
    useOr: bool = False
    inputcollid: Oid = 0
    args: NodeList = EMPTY
    location: Location = -1


class BoolExpr(Node):
    boolop: BoolExprType = BoolExprType.AND_EXPR
    args: NodeList = EMPTY
    location: Location = -1


class SubLink(Node):
    subLinkType: SubLinkType = SubLinkType.EXISTS_SUBLINK
    subLinkId: int = 0
    testexpr: NodeRef = None
    operName: NodeList = EMPTY
    subselect: NodeRef = None
    location: Location = -1


class SubPlan(Node):
    subLinkType: SubLinkType = SubLinkType.EXISTS_SUBLINK
    testexpr: NodeRef = None
    paramIds: NodeList = EMPTY
    plan_id: int = 0
    plan_name: String = None
    firstColType: Oid = 0
    firstColTypmod: int = 0
    firstColCollation: Oid = 0
    useHashTable: bool = False
    unknownEqFalse: bool = False
    parallel_safe: bool = False
    setParam: NodeList = EMPTY
    parParam: NodeList = EMPTY
    args: NodeList = EMPTY
    startup_cost: Float = 0.0
    per_call_cost: Float = 0.0


class AlternativeSubPlan(Node):
    subplans: NodeList = EMPTY


class FieldSelect(Node):
    arg: NodeRef = None
    fieldnum: int = 0
    resulttype: Oid = 0
    resulttypmod: int = 0
    resultcollid: Oid = 0


class FieldStore(Node):
    arg: NodeRef = None
    newvals: NodeList = EMPTY
    fieldnums: NodeList = EMPTY
    resulttype: Oid = 0


class PlaceHolderVar(Node):
    phexpr: NodeRef = None


class RelabelType(Node):
    arg: NodeRef = None
    resulttype: Oid = 0
    resulttypmod: int = 0
    resultcollid: Oid = 0
    relabelformat: CoercionForm = CoercionForm.COERCE_EXPLICIT_CALL
    location: Location = -1


class CoerceViaIO(Node):
    arg: NodeRef = None
    resulttype: Oid = 0
    resultcollid: Oid = 0
    coerceformat: CoercionForm = CoercionForm.COERCE_EXPLICIT_CALL
    location: Location = -1


class ArrayCoerceExpr(Node):
    arg: NodeRef = None
    elemexpr: NodeRef = None
    resulttype: Oid = 0
    resulttypmod: int = 0
    resultcollid: Oid = 0
    coerceformat: CoercionForm = CoercionForm.COERCE_EXPLICIT_CALL
    location: Location = -1


class ConvertRowtypeExpr(Node):
    arg: NodeRef = None
    resulttype: Oid = 0
    convertformat: CoercionForm = CoercionForm.COERCE_EXPLICIT_CALL
    location: Location = -1


class CollateExpr(Node):
    arg: NodeRef = None
    collOid: Oid = 0
    location: Location = -1


class CaseExpr(Node):
    casetype: Oid = 0
    casecollid: Oid = 0
    arg: NodeRef = None
    args: NodeList = EMPTY
    defresult: NodeRef = None
    location: Location = -1


class CaseWhen(Node):
    expr: NodeRef = None
    result: NodeRef = None
    location: Location = -1


class CaseTestExpr(Node):
    typeId: Oid = 0
    typeMod: int = 0
    collation: Oid = 0


class ArrayExpr(Node):
    array_typeid: Oid = 0
    array_collid: Oid = 0
    element_typeid: Oid = 0
    elements: NodeList = EMPTY
    multidims: bool = False
    list_start: Location = -1
    list_end: Location = -1
    location: Location = -1


class RowExpr(Node):
    args: NodeList = EMPTY
    row_typeid: Oid = 0
    row_format: CoercionForm = CoercionForm.COERCE_EXPLICIT_CALL
    colnames: NodeList = EMPTY
    location: Location = -1


class RowCompareExpr(Node):
    cmptype: CompareType = CompareType.COMPARE_INVALID
    opnos: NodeList = EMPTY
    opfamilies: NodeList = EMPTY
    inputcollids: NodeList = EMPTY
    largs: NodeList = EMPTY
    rargs: NodeList = EMPTY


class CoalesceExpr(Node):
    coalescetype: Oid = 0
    coalescecollid: Oid = 0
    args: NodeList = EMPTY
    location: Location = -1


class MinMaxExpr(Node):
    minmaxtype: Oid = 0
    minmaxcollid: Oid = 0
    inputcollid: Oid = 0
    op: MinMaxOp = MinMaxOp.IS_GREATEST
    args: NodeList = EMPTY
    location: Location = -1


class SQLValueFunction(Node):
    op: SQLValueFunctionOp = SQLValueFunctionOp.SVFOP_CURRENT_DATE
    type: Oid = 0
    typmod: int = 0
    location: Location = -1


class NullTest(Node):
    arg: NodeRef = None
    nulltesttype: NullTestType = NullTestType.IS_NULL
    argisrow: bool = False
    location: Location = -1


class BooleanTest(Node):
    arg: NodeRef = None
    booltesttype: BoolTestType = BoolTestType.IS_TRUE
    location: Location = -1


class CoerceToDomain(Node):
    arg: NodeRef = None
    resulttype: Oid = 0
    resulttypmod: int = 0
    resultcollid: Oid = 0
    coercionformat: CoercionForm = CoercionForm.COERCE_EXPLICIT_CALL
    location: Location = -1


class CoerceToDomainValue(Node):
    typeId: Oid = 0
    typeMod: int = 0
    collation: Oid = 0
    location: Location = -1


class SetToDefault(Node):
    typeId: Oid = 0
    typeMod: int = 0
    collation: Oid = 0
    location: Location = -1


class CurrentOfExpr(Node):
    cvarno: Index = 0
    cursor_name: String = None
    cursor_param: int = 0


class NextValueExpr(Node):
    seqid: Oid = 0
    typeId: Oid = 0


class InferenceElem(Node):
    expr: NodeRef = None
    infercollid: Oid = 0
    inferopclass: Oid = 0


class ReturningExpr(Node):
    retlevelsup: int = 0
    retold: bool = False
    retexpr: NodeRef = None
