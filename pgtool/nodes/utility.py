"""Raw parse trees of utility statements: indexes, functions, rules, maintenance.

What the grammar produces (source: ``nodes/parsenodes.h``); only
:mod:`pgtool.sql.parse` makes them.
"""

from __future__ import annotations

from pgtool.nodes.base import (
    EMPTY,
    Char,
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
)
from pgtool.nodes.raw_enums import (
    AlterPublicationAction,
    AlterSubscriptionType,
    AlterTSConfigType,
    CoercionContext,
    DiscardMode,
    DropBehavior,
    FetchDirection,
    FunctionParameterMode,
    ObjectType,
    PublicationObjSpecType,
    ReindexObjectType,
    RoleStmtType,
    TransactionStmtKind,
    ViewCheckOption,
)


class CreateTrigStmt(Node):
    replace: bool = False
    isconstraint: bool = False
    trigname: String = None
    relation: NodeRef = None
    funcname: NodeList = EMPTY
    args: NodeList = EMPTY
    row: bool = False
    timing: int = 0
    events: int = 0
    columns: NodeList = EMPTY
    whenClause: NodeRef = None
    transitionRels: NodeList = EMPTY
    deferrable: bool = False
    initdeferred: bool = False
    constrrel: NodeRef = None


class CreateEventTrigStmt(Node):
    trigname: String = None
    eventname: String = None
    whenclause: NodeList = EMPTY
    funcname: NodeList = EMPTY


class AlterEventTrigStmt(Node):
    trigname: String = None
    tgenabled: Char = "\0"


class CreatePLangStmt(Node):
    replace: bool = False
    plname: String = None
    plhandler: NodeList = EMPTY
    plinline: NodeList = EMPTY
    plvalidator: NodeList = EMPTY
    pltrusted: bool = False


class CreateRoleStmt(Node):
    stmt_type: RoleStmtType = RoleStmtType.ROLESTMT_ROLE
    role: String = None
    options: NodeList = EMPTY


class AlterRoleStmt(Node):
    role: NodeRef = None
    options: NodeList = EMPTY
    action: int = 0


class AlterRoleSetStmt(Node):
    role: NodeRef = None
    database: String = None
    setstmt: NodeRef = None


class DropRoleStmt(Node):
    roles: NodeList = EMPTY
    missing_ok: bool = False


class CreateSeqStmt(Node):
    sequence: NodeRef = None
    options: NodeList = EMPTY
    ownerId: Oid = 0
    for_identity: bool = False
    if_not_exists: bool = False


class AlterSeqStmt(Node):
    sequence: NodeRef = None
    options: NodeList = EMPTY
    for_identity: bool = False
    missing_ok: bool = False


class DefineStmt(Node):
    kind: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    oldstyle: bool = False
    defnames: NodeList = EMPTY
    args: NodeList = EMPTY
    definition: NodeList = EMPTY
    if_not_exists: bool = False
    replace: bool = False


class CreateDomainStmt(Node):
    domainname: NodeList = EMPTY
    typeName: NodeRef = None
    collClause: NodeRef = None
    constraints: NodeList = EMPTY


class CreateOpClassStmt(Node):
    opclassname: NodeList = EMPTY
    opfamilyname: NodeList = EMPTY
    amname: String = None
    datatype: NodeRef = None
    items: NodeList = EMPTY
    isDefault: bool = False


class CreateOpClassItem(Node):
    itemtype: int = 0
    name: NodeRef = None
    number: int = 0
    order_family: NodeList = EMPTY
    class_args: NodeList = EMPTY
    storedtype: NodeRef = None


class CreateOpFamilyStmt(Node):
    opfamilyname: NodeList = EMPTY
    amname: String = None


class AlterOpFamilyStmt(Node):
    opfamilyname: NodeList = EMPTY
    amname: String = None
    isDrop: bool = False
    items: NodeList = EMPTY


class DropStmt(Node):
    objects: NodeList = EMPTY
    removeType: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT
    missing_ok: bool = False
    concurrent: bool = False


class TruncateStmt(Node):
    relations: NodeList = EMPTY
    restart_seqs: bool = False
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT


class CommentStmt(Node):
    objtype: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    object: NodeRef = None
    comment: String = None


class SecLabelStmt(Node):
    objtype: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    object: NodeRef = None
    provider: String = None
    label: String = None


class ClosePortalStmt(Node):
    portalname: String = None


class FetchStmt(Node):
    direction: FetchDirection = FetchDirection.FETCH_FORWARD
    howMany: int = 0
    portalname: String = None
    ismove: bool = False


class IndexStmt(Node):
    idxname: String = None
    relation: NodeRef = None
    accessMethod: String = None
    tableSpace: String = None
    indexParams: NodeList = EMPTY
    indexIncludingParams: NodeList = EMPTY
    options: NodeList = EMPTY
    whereClause: NodeRef = None
    excludeOpNames: NodeList = EMPTY
    idxcomment: String = None
    indexOid: Oid = 0
    oldNumber: Index = 0
    oldCreateSubid: Index = 0
    oldFirstRelfilelocatorSubid: Index = 0
    unique: bool = False
    nulls_not_distinct: bool = False
    primary: bool = False
    isconstraint: bool = False
    iswithoutoverlaps: bool = False
    deferrable: bool = False
    initdeferred: bool = False
    transformed: bool = False
    concurrent: bool = False
    if_not_exists: bool = False
    reset_default_tblspc: bool = False


class CreateStatsStmt(Node):
    defnames: NodeList = EMPTY
    stat_types: NodeList = EMPTY
    exprs: NodeList = EMPTY
    relations: NodeList = EMPTY
    stxcomment: String = None
    transformed: bool = False
    if_not_exists: bool = False
    owner: Oid = 0


class StatsElem(Node):
    name: String = None
    expr: NodeRef = None


class AlterStatsStmt(Node):
    defnames: NodeList = EMPTY
    stxstattarget: NodeRef = None
    missing_ok: bool = False


class CreateFunctionStmt(Node):
    is_procedure: bool = False
    replace: bool = False
    funcname: NodeList = EMPTY
    parameters: NodeList = EMPTY
    returnType: NodeRef = None
    options: NodeList = EMPTY
    sql_body: NodeRef = None


class FunctionParameter(Node):
    name: String = None
    argType: NodeRef = None
    mode: FunctionParameterMode = FunctionParameterMode.FUNC_PARAM_IN
    defexpr: NodeRef = None
    location: Location = -1


class AlterFunctionStmt(Node):
    objtype: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    func: NodeRef = None
    actions: NodeList = EMPTY


class DoStmt(Node):
    args: NodeList = EMPTY


class CallStmt(Node):
    funccall: NodeRef = None
    funcexpr: NodeRef = None
    outargs: NodeList = EMPTY


class RenameStmt(Node):
    renameType: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    relationType: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    relation: NodeRef = None
    object: NodeRef = None
    subname: String = None
    newname: String = None
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT
    missing_ok: bool = False


class AlterObjectDependsStmt(Node):
    objectType: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    relation: NodeRef = None
    object: NodeRef = None
    extname: NodeRef = None
    remove: bool = False


class AlterObjectSchemaStmt(Node):
    objectType: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    relation: NodeRef = None
    object: NodeRef = None
    newschema: String = None
    missing_ok: bool = False


class AlterOwnerStmt(Node):
    objectType: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    relation: NodeRef = None
    object: NodeRef = None
    newowner: NodeRef = None


class AlterOperatorStmt(Node):
    opername: NodeRef = None
    options: NodeList = EMPTY


class AlterTypeStmt(Node):
    typeName: NodeList = EMPTY
    options: NodeList = EMPTY


class RuleStmt(Node):
    relation: NodeRef = None
    rulename: String = None
    whereClause: NodeRef = None
    event: CmdType = CmdType.CMD_UNKNOWN
    instead: bool = False
    actions: NodeList = EMPTY
    replace: bool = False


class ListenStmt(Node):
    conditionname: String = None


class UnlistenStmt(Node):
    conditionname: String = None


class TransactionStmt(Node):
    kind: TransactionStmtKind = TransactionStmtKind.TRANS_STMT_BEGIN
    options: NodeList = EMPTY
    savepoint_name: String = None
    gid: String = None
    chain: bool = False
    location: Location = -1


class CompositeTypeStmt(Node):
    typevar: NodeRef = None
    coldeflist: NodeList = EMPTY


class CreateEnumStmt(Node):
    typeName: NodeList = EMPTY
    vals: NodeList = EMPTY


class CreateRangeStmt(Node):
    typeName: NodeList = EMPTY
    params: NodeList = EMPTY


class AlterEnumStmt(Node):
    typeName: NodeList = EMPTY
    oldVal: String = None
    newVal: String = None
    newValNeighbor: String = None
    newValIsAfter: bool = False
    skipIfNewValExists: bool = False


class ViewStmt(Node):
    view: NodeRef = None
    aliases: NodeList = EMPTY
    query: NodeRef = None
    replace: bool = False
    options: NodeList = EMPTY
    withCheckOption: ViewCheckOption = ViewCheckOption.NO_CHECK_OPTION


class LoadStmt(Node):
    filename: String = None


class CreatedbStmt(Node):
    dbname: String = None
    options: NodeList = EMPTY


class AlterDatabaseStmt(Node):
    dbname: String = None
    options: NodeList = EMPTY


class AlterDatabaseRefreshCollStmt(Node):
    dbname: String = None


class AlterDatabaseSetStmt(Node):
    dbname: String = None
    setstmt: NodeRef = None


class DropdbStmt(Node):
    dbname: String = None
    missing_ok: bool = False
    options: NodeList = EMPTY


class AlterSystemStmt(Node):
    setstmt: NodeRef = None


class ClusterStmt(Node):
    relation: NodeRef = None
    indexname: String = None
    params: NodeList = EMPTY


class VacuumStmt(Node):
    options: NodeList = EMPTY
    rels: NodeList = EMPTY
    is_vacuumcmd: bool = False


class VacuumRelation(Node):
    relation: NodeRef = None
    oid: Oid = 0
    va_cols: NodeList = EMPTY


class ExplainStmt(Node):
    query: NodeRef = None
    options: NodeList = EMPTY


class CreateTableAsStmt(Node):
    query: NodeRef = None
    into: NodeRef = None
    objtype: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    is_select_into: bool = False
    if_not_exists: bool = False


class RefreshMatViewStmt(Node):
    concurrent: bool = False
    skipData: bool = False
    relation: NodeRef = None


class CheckPointStmt(Node):
    """No fields."""


class DiscardStmt(Node):
    target: DiscardMode = DiscardMode.DISCARD_ALL


class LockStmt(Node):
    relations: NodeList = EMPTY
    mode: int = 0
    nowait: bool = False


class ConstraintsSetStmt(Node):
    constraints: NodeList = EMPTY
    deferred: bool = False


class ReindexStmt(Node):
    kind: ReindexObjectType = ReindexObjectType.REINDEX_OBJECT_INDEX
    relation: NodeRef = None
    name: String = None
    params: NodeList = EMPTY


class CreateConversionStmt(Node):
    conversion_name: NodeList = EMPTY
    for_encoding_name: String = None
    to_encoding_name: String = None
    func_name: NodeList = EMPTY
    def_: bool = False


class CreateCastStmt(Node):
    sourcetype: NodeRef = None
    targettype: NodeRef = None
    func: NodeRef = None
    context: CoercionContext = CoercionContext.COERCION_IMPLICIT
    inout: bool = False


class CreateTransformStmt(Node):
    replace: bool = False
    type_name: NodeRef = None
    lang: String = None
    fromsql: NodeRef = None
    tosql: NodeRef = None


class PrepareStmt(Node):
    name: String = None
    argtypes: NodeList = EMPTY
    query: NodeRef = None


class ExecuteStmt(Node):
    name: String = None
    params: NodeList = EMPTY


class DeallocateStmt(Node):
    name: String = None
    isall: bool = False
    location: Location = -1


class DropOwnedStmt(Node):
    roles: NodeList = EMPTY
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT


class ReassignOwnedStmt(Node):
    roles: NodeList = EMPTY
    newrole: NodeRef = None


class AlterTSDictionaryStmt(Node):
    dictname: NodeList = EMPTY
    options: NodeList = EMPTY


class AlterTSConfigurationStmt(Node):
    kind: AlterTSConfigType = AlterTSConfigType.ALTER_TSCONFIG_ADD_MAPPING
    cfgname: NodeList = EMPTY
    tokentype: NodeList = EMPTY
    dicts: NodeList = EMPTY
    override: bool = False
    replace: bool = False
    missing_ok: bool = False


class PublicationTable(Node):
    relation: NodeRef = None
    whereClause: NodeRef = None
    columns: NodeList = EMPTY


class PublicationObjSpec(Node):
    pubobjtype: PublicationObjSpecType = PublicationObjSpecType.PUBLICATIONOBJ_TABLE
    name: String = None
    pubtable: NodeRef = None
    location: Location = -1


class CreatePublicationStmt(Node):
    pubname: String = None
    options: NodeList = EMPTY
    pubobjects: NodeList = EMPTY
    for_all_tables: bool = False


class AlterPublicationStmt(Node):
    pubname: String = None
    options: NodeList = EMPTY
    pubobjects: NodeList = EMPTY
    for_all_tables: bool = False
    action: AlterPublicationAction = AlterPublicationAction.AP_AddObjects


class CreateSubscriptionStmt(Node):
    subname: String = None
    conninfo: String = None
    publication: NodeList = EMPTY
    options: NodeList = EMPTY


class AlterSubscriptionStmt(Node):
    kind: AlterSubscriptionType = AlterSubscriptionType.ALTER_SUBSCRIPTION_OPTIONS
    subname: String = None
    conninfo: String = None
    publication: NodeList = EMPTY
    options: NodeList = EMPTY


class DropSubscriptionStmt(Node):
    subname: String = None
    missing_ok: bool = False
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT
