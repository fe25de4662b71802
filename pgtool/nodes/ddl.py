"""Raw parse trees of utility statements: tables, types, roles, foreign data.

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
    OnCommitAction,
)
from pgtool.nodes.raw_enums import (
    AlterTableType,
    ConstrType,
    DropBehavior,
    GrantTargetType,
    ImportForeignSchemaType,
    ObjectType,
    PartitionStrategy,
    SortByDir,
    SortByNulls,
    VariableSetKind,
)


class ColumnDef(Node):
    colname: String = None
    typeName: NodeRef = None
    compression: String = None
    inhcount: int = 0
    is_local: bool = False
    is_not_null: bool = False
    is_from_type: bool = False
    storage: Char = "\0"
    storage_name: String = None
    raw_default: NodeRef = None
    cooked_default: NodeRef = None
    identity: Char = "\0"
    identitySequence: NodeRef = None
    generated: Char = "\0"
    collClause: NodeRef = None
    collOid: Oid = 0
    constraints: NodeList = EMPTY
    fdwoptions: NodeList = EMPTY
    location: Location = -1


class TableLikeClause(Node):
    relation: NodeRef = None
    options: Index = 0
    relationOid: Oid = 0


class IndexElem(Node):
    name: String = None
    expr: NodeRef = None
    indexcolname: String = None
    collation: NodeList = EMPTY
    opclass: NodeList = EMPTY
    opclassopts: NodeList = EMPTY
    ordering: SortByDir = SortByDir.SORTBY_DEFAULT
    nulls_ordering: SortByNulls = SortByNulls.SORTBY_NULLS_DEFAULT


class PartitionElem(Node):
    name: String = None
    expr: NodeRef = None
    collation: NodeList = EMPTY
    opclass: NodeList = EMPTY
    location: Location = -1


class PartitionSpec(Node):
    strategy: PartitionStrategy = PartitionStrategy.PARTITION_STRATEGY_LIST
    partParams: NodeList = EMPTY
    location: Location = -1


class PartitionCmd(Node):
    name: NodeRef = None
    bound: NodeRef = None
    concurrent: bool = False


class CreateSchemaStmt(Node):
    schemaname: String = None
    authrole: NodeRef = None
    schemaElts: NodeList = EMPTY
    if_not_exists: bool = False


class AlterTableStmt(Node):
    relation: NodeRef = None
    cmds: NodeList = EMPTY
    objtype: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    missing_ok: bool = False


class AlterTableCmd(Node):
    subtype: AlterTableType = AlterTableType.AT_AddColumn
    name: String = None
    num: int = 0
    newowner: NodeRef = None
    def_: NodeRef = None
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT
    missing_ok: bool = False
    recurse: bool = False


class ATAlterConstraint(Node):
    conname: String = None
    alterEnforceability: bool = False
    is_enforced: bool = False
    alterDeferrability: bool = False
    deferrable: bool = False
    initdeferred: bool = False
    alterInheritability: bool = False
    noinherit: bool = False


class ReplicaIdentityStmt(Node):
    identity_type: Char = "\0"
    name: String = None


class AlterCollationStmt(Node):
    collname: NodeList = EMPTY


class AlterDomainStmt(Node):
    subtype: Char = "\0"
    typeName: NodeList = EMPTY
    name: String = None
    def_: NodeRef = None
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT
    missing_ok: bool = False


class GrantStmt(Node):
    is_grant: bool = False
    targtype: GrantTargetType = GrantTargetType.ACL_TARGET_OBJECT
    objtype: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    objects: NodeList = EMPTY
    privileges: NodeList = EMPTY
    grantees: NodeList = EMPTY
    grant_option: bool = False
    grantor: NodeRef = None
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT


class ObjectWithArgs(Node):
    objname: NodeList = EMPTY
    objargs: NodeList = EMPTY
    objfuncargs: NodeList = EMPTY
    args_unspecified: bool = False


class AccessPriv(Node):
    priv_name: String = None
    cols: NodeList = EMPTY


class GrantRoleStmt(Node):
    granted_roles: NodeList = EMPTY
    grantee_roles: NodeList = EMPTY
    is_grant: bool = False
    opt: NodeList = EMPTY
    grantor: NodeRef = None
    behavior: DropBehavior = DropBehavior.DROP_RESTRICT


class AlterDefaultPrivilegesStmt(Node):
    options: NodeList = EMPTY
    action: NodeRef = None


class CopyStmt(Node):
    relation: NodeRef = None
    query: NodeRef = None
    attlist: NodeList = EMPTY
    is_from: bool = False
    is_program: bool = False
    filename: String = None
    options: NodeList = EMPTY
    whereClause: NodeRef = None


class VariableSetStmt(Node):
    kind: VariableSetKind = VariableSetKind.VAR_SET_VALUE
    name: String = None
    args: NodeList = EMPTY
    jumble_args: bool = False
    is_local: bool = False
    location: Location = -1


class VariableShowStmt(Node):
    name: String = None


class CreateStmt(Node):
    relation: NodeRef = None
    tableElts: NodeList = EMPTY
    inhRelations: NodeList = EMPTY
    partbound: NodeRef = None
    partspec: NodeRef = None
    ofTypename: NodeRef = None
    constraints: NodeList = EMPTY
    nnconstraints: NodeList = EMPTY
    options: NodeList = EMPTY
    oncommit: OnCommitAction = OnCommitAction.ONCOMMIT_NOOP
    tablespacename: String = None
    accessMethod: String = None
    if_not_exists: bool = False


class Constraint(Node):
    contype: ConstrType = ConstrType.CONSTR_NULL
    conname: String = None
    deferrable: bool = False
    initdeferred: bool = False
    is_enforced: bool = False
    skip_validation: bool = False
    initially_valid: bool = False
    is_no_inherit: bool = False
    raw_expr: NodeRef = None
    cooked_expr: String = None
    generated_when: Char = "\0"
    generated_kind: Char = "\0"
    nulls_not_distinct: bool = False
    keys: NodeList = EMPTY
    without_overlaps: bool = False
    including: NodeList = EMPTY
    exclusions: NodeList = EMPTY
    options: NodeList = EMPTY
    indexname: String = None
    indexspace: String = None
    reset_default_tblspc: bool = False
    access_method: String = None
    where_clause: NodeRef = None
    pktable: NodeRef = None
    fk_attrs: NodeList = EMPTY
    pk_attrs: NodeList = EMPTY
    fk_with_period: bool = False
    pk_with_period: bool = False
    fk_matchtype: Char = "\0"
    fk_upd_action: Char = "\0"
    fk_del_action: Char = "\0"
    fk_del_set_cols: NodeList = EMPTY
    old_conpfeqop: NodeList = EMPTY
    old_pktable_oid: Oid = 0
    location: Location = -1


class CreateTableSpaceStmt(Node):
    tablespacename: String = None
    owner: NodeRef = None
    location: String = None
    options: NodeList = EMPTY


class DropTableSpaceStmt(Node):
    tablespacename: String = None
    missing_ok: bool = False


class AlterTableSpaceOptionsStmt(Node):
    tablespacename: String = None
    options: NodeList = EMPTY
    isReset: bool = False


class AlterTableMoveAllStmt(Node):
    orig_tablespacename: String = None
    objtype: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    roles: NodeList = EMPTY
    new_tablespacename: String = None
    nowait: bool = False


class CreateExtensionStmt(Node):
    extname: String = None
    if_not_exists: bool = False
    options: NodeList = EMPTY


class AlterExtensionStmt(Node):
    extname: String = None
    options: NodeList = EMPTY


class AlterExtensionContentsStmt(Node):
    extname: String = None
    action: int = 0
    objtype: ObjectType = ObjectType.OBJECT_ACCESS_METHOD
    object: NodeRef = None


class CreateFdwStmt(Node):
    fdwname: String = None
    func_options: NodeList = EMPTY
    options: NodeList = EMPTY


class AlterFdwStmt(Node):
    fdwname: String = None
    func_options: NodeList = EMPTY
    options: NodeList = EMPTY


class CreateForeignServerStmt(Node):
    servername: String = None
    servertype: String = None
    version: String = None
    fdwname: String = None
    if_not_exists: bool = False
    options: NodeList = EMPTY


class AlterForeignServerStmt(Node):
    servername: String = None
    version: String = None
    options: NodeList = EMPTY
    has_version: bool = False


class CreateForeignTableStmt(Node):
    base: NodeRef = None
    servername: String = None
    options: NodeList = EMPTY


class CreateUserMappingStmt(Node):
    user: NodeRef = None
    servername: String = None
    if_not_exists: bool = False
    options: NodeList = EMPTY


class AlterUserMappingStmt(Node):
    user: NodeRef = None
    servername: String = None
    options: NodeList = EMPTY


class DropUserMappingStmt(Node):
    user: NodeRef = None
    servername: String = None
    missing_ok: bool = False


class ImportForeignSchemaStmt(Node):
    server_name: String = None
    remote_schema: String = None
    local_schema: String = None
    list_type: ImportForeignSchemaType = ImportForeignSchemaType.FDW_IMPORT_SCHEMA_ALL
    table_list: NodeList = EMPTY
    options: NodeList = EMPTY


class CreatePolicyStmt(Node):
    policy_name: String = None
    table: NodeRef = None
    cmd_name: String = None
    permissive: bool = False
    roles: NodeList = EMPTY
    qual: NodeRef = None
    with_check: NodeRef = None


class AlterPolicyStmt(Node):
    policy_name: String = None
    table: NodeRef = None
    roles: NodeList = EMPTY
    qual: NodeRef = None
    with_check: NodeRef = None


class CreateAmStmt(Node):
    amname: String = None
    handler_name: NodeList = EMPTY
    amtype: Char = "\0"
