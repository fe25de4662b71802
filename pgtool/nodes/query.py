"""Query and its parts: range table, joins, clauses, and what DDL stores.

Fields stand in the order in which PostgreSQL 18 writes them (sources: ``nodes/parsenodes.h``,
``nodes/primnodes.h``).
"""

from __future__ import annotations

from pgtool.nodes.base import (
    EMPTY,
    Bitmapset,
    Char,
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
    CmdType,
    CTEMaterialize,
    DefElemAction,
    GroupingSetKind,
    JoinType,
    LimitOption,
    LockClauseStrength,
    LockWaitPolicy,
    MergeMatchKind,
    OnCommitAction,
    OnConflictAction,
    OverridingKind,
    PartitionRangeDatumKind,
    QuerySource,
    RTEKind,
    SetOperation,
    WCOKind,
)


class Alias(Node):
    aliasname: String = None
    colnames: NodeList = EMPTY


class RangeVar(Node):
    catalogname: String = None
    schemaname: String = None
    relname: String = None
    inh: bool = False
    relpersistence: Char = "\0"
    alias: NodeRef = None
    location: Location = -1


class IntoClause(Node):
    rel: NodeRef = None
    colNames: NodeList = EMPTY
    accessMethod: String = None
    options: NodeList = EMPTY
    onCommit: OnCommitAction = OnCommitAction.ONCOMMIT_NOOP
    tableSpaceName: String = None
    viewQuery: NodeRef = None
    skipData: bool = False


class TargetEntry(Node):
    expr: NodeRef = None
    resno: int = 0
    resname: String = None
    ressortgroupref: Index = 0
    resorigtbl: Oid = 0
    resorigcol: int = 0
    resjunk: bool = False


class RangeTblRef(Node):
    rtindex: int = 0


class JoinExpr(Node):
    jointype: JoinType = JoinType.JOIN_INNER
    isNatural: bool = False
    larg: NodeRef = None
    rarg: NodeRef = None
    usingClause: NodeList = EMPTY
    join_using_alias: NodeRef = None
    quals: NodeRef = None
    alias: NodeRef = None
    rtindex: int = 0


class FromExpr(Node):
    fromlist: NodeList = EMPTY
    quals: NodeRef = None


class OnConflictExpr(Node):
    action: OnConflictAction = OnConflictAction.ONCONFLICT_NONE
    arbiterElems: NodeList = EMPTY
    arbiterWhere: NodeRef = None
    constraint: Oid = 0
    onConflictSet: NodeList = EMPTY
    onConflictWhere: NodeRef = None
    exclRelIndex: int = 0
    exclRelTlist: NodeList = EMPTY


class MergeAction(Node):
    matchKind: MergeMatchKind = MergeMatchKind.MERGE_WHEN_MATCHED
    commandType: CmdType = CmdType.CMD_UNKNOWN
    override: OverridingKind = OverridingKind.OVERRIDING_NOT_SET
    qual: NodeRef = None
    targetList: NodeList = EMPTY
    updateColnos: NodeList = EMPTY


class Query(Node):
    commandType: CmdType = CmdType.CMD_UNKNOWN
    querySource: QuerySource = QuerySource.QSRC_ORIGINAL
    canSetTag: bool = False
    utilityStmt: NodeRef = None
    resultRelation: int = 0
    hasAggs: bool = False
    hasWindowFuncs: bool = False
    hasTargetSRFs: bool = False
    hasSubLinks: bool = False
    hasDistinctOn: bool = False
    hasRecursive: bool = False
    hasModifyingCTE: bool = False
    hasForUpdate: bool = False
    hasRowSecurity: bool = False
    hasGroupRTE: bool = False
    isReturn: bool = False
    cteList: NodeList = EMPTY
    rtable: NodeList = EMPTY
    rteperminfos: NodeList = EMPTY
    jointree: NodeRef = None
    mergeActionList: NodeList = EMPTY
    mergeTargetRelation: int = 0
    mergeJoinCondition: NodeRef = None
    targetList: NodeList = EMPTY
    override: OverridingKind = OverridingKind.OVERRIDING_NOT_SET
    onConflict: NodeRef = None
    returningOldAlias: String = None
    returningNewAlias: String = None
    returningList: NodeList = EMPTY
    groupClause: NodeList = EMPTY
    groupDistinct: bool = False
    groupingSets: NodeList = EMPTY
    havingQual: NodeRef = None
    windowClause: NodeList = EMPTY
    distinctClause: NodeList = EMPTY
    sortClause: NodeList = EMPTY
    limitOffset: NodeRef = None
    limitCount: NodeRef = None
    limitOption: LimitOption = LimitOption.LIMIT_OPTION_COUNT
    rowMarks: NodeList = EMPTY
    setOperations: NodeRef = None
    constraintDeps: NodeList = EMPTY
    withCheckOptions: NodeList = EMPTY
    stmt_location: Location = -1
    stmt_len: Location = -1


class RangeTblEntry(Node):
    """One entry of a range table; ``rtekind`` says which fields count (:data:`RTE_FIELDS`)."""

    alias: NodeRef = None
    eref: NodeRef = None
    rtekind: RTEKind = RTEKind.RTE_RELATION
    relid: Oid = 0
    inh: bool = False
    relkind: Char = "\0"
    rellockmode: int = 0
    perminfoindex: Index = 0
    tablesample: NodeRef = None
    subquery: NodeRef = None
    security_barrier: bool = False
    jointype: JoinType = JoinType.JOIN_INNER
    joinmergedcols: int = 0
    joinaliasvars: NodeList = EMPTY
    joinleftcols: NodeList = EMPTY
    joinrightcols: NodeList = EMPTY
    join_using_alias: NodeRef = None
    functions: NodeList = EMPTY
    funcordinality: bool = False
    tablefunc: NodeRef = None
    values_lists: NodeList = EMPTY
    ctename: String = None
    ctelevelsup: Index = 0
    self_reference: bool = False
    coltypes: NodeList = EMPTY
    coltypmods: NodeList = EMPTY
    colcollations: NodeList = EMPTY
    enrname: String = None
    enrtuples: Float = 0.0
    groupexprs: NodeList = EMPTY
    lateral: bool = False
    inFromCl: bool = False
    securityQuals: NodeList = EMPTY


_RELATION = ("relid", "inh", "relkind", "rellockmode", "perminfoindex")
_COLUMNS = ("coltypes", "coltypmods", "colcollations")

#: The fields that each kind of range table entry writes, between the common head and tail.
RTE_FIELDS: dict[RTEKind, tuple[str, ...]] = {
    RTEKind.RTE_RELATION: (*_RELATION, "tablesample"),
    RTEKind.RTE_SUBQUERY: ("subquery", "security_barrier", *_RELATION),
    RTEKind.RTE_JOIN: (
        "jointype", "joinmergedcols", "joinaliasvars", "joinleftcols", "joinrightcols",
        "join_using_alias",
    ),
    RTEKind.RTE_FUNCTION: ("functions", "funcordinality"),
    RTEKind.RTE_TABLEFUNC: ("tablefunc",),
    RTEKind.RTE_VALUES: ("values_lists", *_COLUMNS),
    RTEKind.RTE_CTE: ("ctename", "ctelevelsup", "self_reference", *_COLUMNS),
    RTEKind.RTE_NAMEDTUPLESTORE: ("enrname", "enrtuples", *_COLUMNS, "relid"),
    RTEKind.RTE_RESULT: (),
    RTEKind.RTE_GROUP: ("groupexprs",),
}  # fmt: skip
RTE_HEAD = ("alias", "eref", "rtekind")
RTE_TAIL = ("lateral", "inFromCl", "securityQuals")


class RTEPermissionInfo(Node):
    relid: Oid = 0
    inh: bool = False
    requiredPerms: Index = 0
    checkAsUser: Oid = 0
    selectedCols: Bitmapset = frozenset()
    insertedCols: Bitmapset = frozenset()
    updatedCols: Bitmapset = frozenset()


class RangeTblFunction(Node):
    funcexpr: NodeRef = None
    funccolcount: int = 0
    funccolnames: NodeList = EMPTY
    funccoltypes: NodeList = EMPTY
    funccoltypmods: NodeList = EMPTY
    funccolcollations: NodeList = EMPTY
    funcparams: Bitmapset = frozenset()


class TableSampleClause(Node):
    tsmhandler: Oid = 0
    args: NodeList = EMPTY
    repeatable: NodeRef = None


class WithCheckOption(Node):
    kind: WCOKind = WCOKind.WCO_VIEW_CHECK
    relname: String = None
    polname: String = None
    qual: NodeRef = None
    cascaded: bool = False


class SortGroupClause(Node):
    tleSortGroupRef: Index = 0
    eqop: Oid = 0
    sortop: Oid = 0
    reverse_sort: bool = False
    nulls_first: bool = False
    hashable: bool = False


class GroupingSet(Node):
    kind: GroupingSetKind = GroupingSetKind.GROUPING_SET_EMPTY
    content: NodeList = EMPTY
    location: Location = -1


class WindowClause(Node):
    name: String = None
    refname: String = None
    partitionClause: NodeList = EMPTY
    orderClause: NodeList = EMPTY
    frameOptions: int = 0
    startOffset: NodeRef = None
    endOffset: NodeRef = None
    startInRangeFunc: Oid = 0
    endInRangeFunc: Oid = 0
    inRangeColl: Oid = 0
    inRangeAsc: bool = False
    inRangeNullsFirst: bool = False
    winref: Index = 0
    copiedOrder: bool = False


class RowMarkClause(Node):
    rti: Index = 0
    strength: LockClauseStrength = LockClauseStrength.LCS_NONE
    waitPolicy: LockWaitPolicy = LockWaitPolicy.LockWaitBlock
    pushedDown: bool = False


class CTESearchClause(Node):
    search_col_list: NodeList = EMPTY
    search_breadth_first: bool = False
    search_seq_column: String = None
    location: Location = -1


class CTECycleClause(Node):
    cycle_col_list: NodeList = EMPTY
    cycle_mark_column: String = None
    cycle_mark_value: NodeRef = None
    cycle_mark_default: NodeRef = None
    cycle_path_column: String = None
    location: Location = -1
    cycle_mark_type: Oid = 0
    cycle_mark_typmod: int = 0
    cycle_mark_collation: Oid = 0
    cycle_mark_neop: Oid = 0


class CommonTableExpr(Node):
    ctename: String = None
    aliascolnames: NodeList = EMPTY
    ctematerialized: CTEMaterialize = CTEMaterialize.CTEMaterializeDefault
    ctequery: NodeRef = None
    search_clause: NodeRef = None
    cycle_clause: NodeRef = None
    location: Location = -1
    cterecursive: bool = False
    cterefcount: int = 0
    ctecolnames: NodeList = EMPTY
    ctecoltypes: NodeList = EMPTY
    ctecoltypmods: NodeList = EMPTY
    ctecolcollations: NodeList = EMPTY


class SetOperationStmt(Node):
    op: SetOperation = SetOperation.SETOP_NONE
    all: bool = False
    larg: NodeRef = None
    rarg: NodeRef = None
    colTypes: NodeList = EMPTY
    colTypmods: NodeList = EMPTY
    colCollations: NodeList = EMPTY
    groupClauses: NodeList = EMPTY


class NotifyStmt(Node):
    conditionname: String = None
    payload: String = None


class PartitionBoundSpec(Node):
    strategy: Char = "\0"
    is_default: bool = False
    modulus: int = 0
    remainder: int = 0
    listdatums: NodeList = EMPTY
    lowerdatums: NodeList = EMPTY
    upperdatums: NodeList = EMPTY
    location: Location = -1


class PartitionRangeDatum(Node):
    kind: PartitionRangeDatumKind = PartitionRangeDatumKind.PARTITION_RANGE_DATUM_VALUE
    value: NodeRef = None
    location: Location = -1


class DeclareCursorStmt(Node):
    portalname: String = None
    options: int = 0
    query: NodeRef = None


class DefElem(Node):
    defnamespace: String = None
    defname: String = None
    arg: NodeRef = None
    defaction: DefElemAction = DefElemAction.DEFELEM_UNSPEC
    location: Location = -1
