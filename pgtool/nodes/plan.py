"""Plan trees: what the planner produces, the executor runs and EXPLAIN prints.

PostgreSQL's node types and field names (``nodes/plannodes.h``). Column references inside a
plan follow its rules: in a scan's target list and quals a ``Var`` has the scan's range
table index; above a scan it has ``OUTER_VAR`` or ``INNER_VAR`` and ``varattno`` counts the
child's target list from 1; ``INDEX_VAR`` counts the index's columns. ``varnosyn`` and
``varattnosyn`` keep what the user wrote, for EXPLAIN. Values that come from elsewhere in
the plan (correlated subqueries, the outer side of a parameterised nested loop) are
``Param`` nodes of kind PARAM_EXEC.
"""

from __future__ import annotations

import enum

from pgtool.nodes.base import (
    EMPTY,
    Bitmapset,
    Float,
    Index,
    Node,
    NodeList,
    NodeRef,
    Oid,
    String,
)
from pgtool.nodes.enums import (
    AggSplit,
    CmdType,
    JoinType,
    LimitOption,
    OnConflictAction,
    SetOpStrategy,
)

INNER_VAR = -1
OUTER_VAR = -2
INDEX_VAR = -3


class AggStrategy(enum.IntEnum):
    """How an Agg node groups."""

    AGG_PLAIN = 0
    AGG_SORTED = 1
    AGG_HASHED = 2
    AGG_MIXED = 3


class SetOpCmd(enum.IntEnum):
    """What a SetOp node computes."""

    SETOPCMD_INTERSECT = 0
    SETOPCMD_INTERSECT_ALL = 1
    SETOPCMD_EXCEPT = 2
    SETOPCMD_EXCEPT_ALL = 3


class ScanDirection(enum.IntEnum):
    """Direction of an index scan."""

    BackwardScanDirection = -1
    NoMovementScanDirection = 0
    ForwardScanDirection = 1


class PlannedStmt(Node):
    """A planned query: the tree, its range table, the plans of its subplans (from 1).

    ``writes``: it modifies or locks rows. ``permInfos`` and ``functions`` are what it needs
    privileges for; ``asOthers``: some of them another user than the session's must have.
    """

    writes: bool = False
    functions: NodeList = EMPTY
    asOthers: bool = False

    commandType: CmdType = CmdType.CMD_SELECT
    planTree: NodeRef = None
    rtable: NodeList = EMPTY
    permInfos: NodeList = EMPTY
    subplans: NodeList = EMPTY
    rowMarks: NodeList = EMPTY
    relationOids: NodeList = EMPTY
    paramExecTypes: NodeList = EMPTY
    utilityStmt: NodeRef = None


class Plan(Node):
    """What every plan node has: costs, output columns (TargetEntry), filter, inputs."""

    startup_cost: Float = 0.0
    total_cost: Float = 0.0
    plan_rows: Float = 0.0
    plan_width: int = 0
    plan_node_id: int = 0
    targetlist: NodeList = EMPTY
    qual: NodeList = EMPTY
    lefttree: NodeRef = None
    righttree: NodeRef = None
    initPlan: NodeList = EMPTY
    extParam: Bitmapset = frozenset()
    allParam: Bitmapset = frozenset()


class Result(Plan):
    """Computes its target list over its input, or once without one; ``resconstantqual`` gates."""

    resconstantqual: NodeRef = None


class ProjectSet(Plan):
    """Expands set-returning functions in the target list."""


class Append(Plan):
    """The rows of several plans, one after the other."""

    apprelids: Bitmapset = frozenset()
    appendplans: NodeList = EMPTY


class _Sorted(Plan):
    """Sort keys: columns of the target list (from 1), operators, collations, NULLS FIRST."""

    sortColIdx: NodeList = EMPTY
    sortOperators: NodeList = EMPTY
    collations: NodeList = EMPTY
    nullsFirst: NodeList = EMPTY


class MergeAppend(_Sorted):
    """The rows of several sorted plans, merged."""

    apprelids: Bitmapset = frozenset()
    mergeplans: NodeList = EMPTY


class RecursiveUnion(Plan):
    """WITH RECURSIVE: left plan once, right plan until it gives no new row."""

    wtParam: int = 0
    dupColIdx: NodeList = EMPTY
    dupOperators: NodeList = EMPTY
    dupCollations: NodeList = EMPTY
    numGroups: int = 0


class BitmapAnd(Plan):
    """Intersection of TID bitmaps."""

    bitmapplans: NodeList = EMPTY


class BitmapOr(Plan):
    """Union of TID bitmaps."""

    bitmapplans: NodeList = EMPTY


class Scan(Plan):
    """A plan node over one range table entry."""

    scanrelid: Index = 0


class SeqScan(Scan):
    """Every visible row of a table."""


class SampleScan(Scan):
    """TABLESAMPLE."""

    tablesample: NodeRef = None


class IndexScan(Scan):
    """Rows of a table through an index, in its order."""

    indexid: Oid = 0
    indexqual: NodeList = EMPTY
    indexqualorig: NodeList = EMPTY
    indexorderby: NodeList = EMPTY
    indexorderbyorig: NodeList = EMPTY
    indexorderbyops: NodeList = EMPTY
    indexorderdir: ScanDirection = ScanDirection.ForwardScanDirection


class IndexOnlyScan(Scan):
    """Columns from the index alone where the visibility map allows it."""

    indexid: Oid = 0
    indexqual: NodeList = EMPTY
    recheckqual: NodeList = EMPTY
    indexorderby: NodeList = EMPTY
    indextlist: NodeList = EMPTY
    indexorderdir: ScanDirection = ScanDirection.ForwardScanDirection


class BitmapIndexScan(Scan):
    """TIDs from an index, as a bitmap."""

    indexid: Oid = 0
    indexqual: NodeList = EMPTY
    indexqualorig: NodeList = EMPTY


class BitmapHeapScan(Scan):
    """Rows of a table at the TIDs of a bitmap, in physical order."""

    bitmapqualorig: NodeList = EMPTY


class TidScan(Scan):
    """Rows at given TIDs."""

    tidquals: NodeList = EMPTY


class TidRangeScan(Scan):
    """Rows in a range of TIDs."""

    tidrangequals: NodeList = EMPTY


class SubqueryScan(Scan):
    """The rows of a subquery's plan."""

    subplan: NodeRef = None


class FunctionScan(Scan):
    """The rows of functions in FROM (RangeTblFunction)."""

    functions: NodeList = EMPTY
    funcordinality: bool = False


class ValuesScan(Scan):
    """The rows of VALUES lists."""

    values_lists: NodeList = EMPTY


class TableFuncScan(Scan):
    """XMLTABLE, JSON_TABLE."""

    tablefunc: NodeRef = None


class CteScan(Scan):
    """The rows of a WITH query that is computed once."""

    ctePlanId: int = 0
    cteParam: int = 0


class WorkTableScan(Scan):
    """The working table of a RecursiveUnion."""

    wtParam: int = 0


class Join(Plan):
    """A join of the left (outer) and right (inner) plans; ``qual`` applies after null extension."""

    jointype: JoinType = JoinType.JOIN_INNER
    inner_unique: bool = False
    joinqual: NodeList = EMPTY


class NestLoop(Join):
    """For each outer row, all inner rows; ``nestParams`` feed the inner side."""

    nestParams: NodeList = EMPTY


class NestLoopParam(Node):
    """PARAM_EXEC ``paramno`` takes the outer row's ``paramval`` (a Var)."""

    paramno: int = 0
    paramval: NodeRef = None


class MergeJoin(Join):
    """Both inputs sorted by the merge clauses (outer op inner)."""

    mergeclauses: NodeList = EMPTY
    mergeFamilies: NodeList = EMPTY
    mergeCollations: NodeList = EMPTY
    mergeReversals: NodeList = EMPTY
    mergeNullsFirst: NodeList = EMPTY


class HashJoin(Join):
    """The inner input (a Hash node) in a hash table, probed by the outer rows."""

    hashclauses: NodeList = EMPTY
    hashoperators: NodeList = EMPTY
    hashcollations: NodeList = EMPTY
    hashkeys: NodeList = EMPTY


class Material(Plan):
    """Keeps its input's rows for being read again."""


class Memoize(Plan):
    """Caches the inner rows of a parameterised nested loop by their keys."""

    hashOperators: NodeList = EMPTY
    collations: NodeList = EMPTY
    param_exprs: NodeList = EMPTY
    singlerow: bool = False
    binary_mode: bool = False
    est_entries: int = 0
    keyparamids: Bitmapset = frozenset()


class Sort(_Sorted):
    """Its input sorted."""


class IncrementalSort(_Sorted):
    """Its input, already sorted by the first columns, sorted by all."""

    nPresortedCols: int = 0


class Group(Plan):
    """One row a group of a sorted input, without aggregates."""

    grpColIdx: NodeList = EMPTY
    grpOperators: NodeList = EMPTY
    grpCollations: NodeList = EMPTY


class Agg(Plan):
    """Aggregates, plain or by group."""

    aggstrategy: AggStrategy = AggStrategy.AGG_PLAIN
    aggsplit: AggSplit = AggSplit.AGGSPLIT_SIMPLE
    grpColIdx: NodeList = EMPTY
    grpOperators: NodeList = EMPTY
    grpCollations: NodeList = EMPTY
    numGroups: int = 0
    transitionSpace: int = 0
    groupingSets: NodeList = EMPTY
    chain: NodeList = EMPTY


class WindowAgg(Plan):
    """Window functions of one window over an input sorted by partition and order."""

    winname: String = None
    winref: Index = 0
    partColIdx: NodeList = EMPTY
    partOperators: NodeList = EMPTY
    partCollations: NodeList = EMPTY
    ordColIdx: NodeList = EMPTY
    ordOperators: NodeList = EMPTY
    ordCollations: NodeList = EMPTY
    frameOptions: int = 0
    startOffset: NodeRef = None
    endOffset: NodeRef = None
    runCondition: NodeList = EMPTY
    runConditionOrig: NodeList = EMPTY
    startInRangeFunc: Oid = 0
    endInRangeFunc: Oid = 0
    inRangeColl: Oid = 0
    inRangeAsc: bool = False
    inRangeNullsFirst: bool = False
    topWindow: bool = False


class Unique(Plan):
    """Neighbouring duplicates removed from a sorted input."""

    uniqColIdx: NodeList = EMPTY
    uniqOperators: NodeList = EMPTY
    uniqCollations: NodeList = EMPTY


class Hash(Plan):
    """Marks the input that a HashJoin puts into its table."""

    hashkeys: NodeList = EMPTY


class SetOp(Plan):
    """INTERSECT and EXCEPT of the left and right inputs."""

    cmd: SetOpCmd = SetOpCmd.SETOPCMD_INTERSECT
    strategy: SetOpStrategy = SetOpStrategy.SETOP_SORTED
    cmpColIdx: NodeList = EMPTY
    cmpOperators: NodeList = EMPTY
    cmpCollations: NodeList = EMPTY
    cmpNullsFirst: NodeList = EMPTY
    numGroups: int = 0


class LockRows(Plan):
    """SELECT FOR UPDATE and its kin.

    Beside the row marks stand the columns of the input (from 1) that hold the rows' ctid and,
    where the relation has children, tableoid (else 0).
    """

    rowMarks: NodeList = EMPTY
    ctidColumns: NodeList = EMPTY
    tableoidColumns: NodeList = EMPTY


class Limit(Plan):
    """LIMIT, OFFSET, FETCH FIRST WITH TIES."""

    limitOffset: NodeRef = None
    limitCount: NodeRef = None
    limitOption: LimitOption = LimitOption.LIMIT_OPTION_COUNT
    uniqColIdx: NodeList = EMPTY
    uniqOperators: NodeList = EMPTY
    uniqCollations: NodeList = EMPTY


class ModifyTable(Plan):
    """INSERT, UPDATE or DELETE of the rows that the left plan gives.

    ``resultRelations`` are range table indexes, one a table written (leaves of an inherited
    target); ``rootRelation`` is the target that they are leaves of, or 0. An UPDATE's input
    gives values for ``updateColnos``, in this order, then the row's place as junk columns.
    RETURNING's columns are the node's target list: Vars of the target, OUTER_VAR the input.
    In ``onConflictSet`` and ``onConflictWhere`` INNER_VAR is EXCLUDED. The conditions of
    ``withCheckOptionLists`` read the target's columns.
    """

    operation: CmdType = CmdType.CMD_UNKNOWN
    canSetTag: bool = False
    nominalRelation: Index = 0
    rootRelation: Index = 0
    resultRelations: NodeList = EMPTY
    updateColnos: NodeList = EMPTY
    onConflictAction: OnConflictAction = OnConflictAction.ONCONFLICT_NONE
    arbiterIndexes: NodeList = EMPTY
    onConflictSet: NodeList = EMPTY
    onConflictCols: NodeList = EMPTY
    onConflictWhere: NodeRef = None
    exclRelRTI: Index = 0
    withCheckOptionLists: NodeList = EMPTY
