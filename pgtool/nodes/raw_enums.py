"""Codes that occur in raw parse trees only, under PostgreSQL's names.

Source: ``nodes/parsenodes.h`` of PostgreSQL 18.
"""

from __future__ import annotations

import enum


class CoercionContext(enum.IntEnum):
    COERCION_IMPLICIT = 0
    COERCION_ASSIGNMENT = 1
    COERCION_PLPGSQL = 2
    COERCION_EXPLICIT = 3


class SortByDir(enum.IntEnum):
    SORTBY_DEFAULT = 0
    SORTBY_ASC = 1
    SORTBY_DESC = 2
    SORTBY_USING = 3


class SortByNulls(enum.IntEnum):
    SORTBY_NULLS_DEFAULT = 0
    SORTBY_NULLS_FIRST = 1
    SORTBY_NULLS_LAST = 2


class A_Expr_Kind(enum.IntEnum):
    AEXPR_OP = 0
    AEXPR_OP_ANY = 1
    AEXPR_OP_ALL = 2
    AEXPR_DISTINCT = 3
    AEXPR_NOT_DISTINCT = 4
    AEXPR_NULLIF = 5
    AEXPR_IN = 6
    AEXPR_LIKE = 7
    AEXPR_ILIKE = 8
    AEXPR_SIMILAR = 9
    AEXPR_BETWEEN = 10
    AEXPR_NOT_BETWEEN = 11
    AEXPR_BETWEEN_SYM = 12
    AEXPR_NOT_BETWEEN_SYM = 13


class RoleSpecType(enum.IntEnum):
    ROLESPEC_CSTRING = 0
    ROLESPEC_CURRENT_ROLE = 1
    ROLESPEC_CURRENT_USER = 2
    ROLESPEC_SESSION_USER = 3
    ROLESPEC_PUBLIC = 4


class PartitionStrategy(enum.IntEnum):
    PARTITION_STRATEGY_LIST = ord("l")
    PARTITION_STRATEGY_RANGE = ord("r")
    PARTITION_STRATEGY_HASH = ord("h")


class ReturningOptionKind(enum.IntEnum):
    RETURNING_OPTION_OLD = 0
    RETURNING_OPTION_NEW = 1


class JsonQuotes(enum.IntEnum):
    JS_QUOTES_UNSPEC = 0
    JS_QUOTES_KEEP = 1
    JS_QUOTES_OMIT = 2


class JsonTableColumnType(enum.IntEnum):
    JTC_FOR_ORDINALITY = 0
    JTC_REGULAR = 1
    JTC_EXISTS = 2
    JTC_FORMATTED = 3
    JTC_NESTED = 4


class ObjectType(enum.IntEnum):
    OBJECT_ACCESS_METHOD = 0
    OBJECT_AGGREGATE = 1
    OBJECT_AMOP = 2
    OBJECT_AMPROC = 3
    OBJECT_ATTRIBUTE = 4
    OBJECT_CAST = 5
    OBJECT_COLUMN = 6
    OBJECT_COLLATION = 7
    OBJECT_CONVERSION = 8
    OBJECT_DATABASE = 9
    OBJECT_DEFAULT = 10
    OBJECT_DEFACL = 11
    OBJECT_DOMAIN = 12
    OBJECT_DOMCONSTRAINT = 13
    OBJECT_EVENT_TRIGGER = 14
    OBJECT_EXTENSION = 15
    OBJECT_FDW = 16
    OBJECT_FOREIGN_SERVER = 17
    OBJECT_FOREIGN_TABLE = 18
    OBJECT_FUNCTION = 19
    OBJECT_INDEX = 20
    OBJECT_LANGUAGE = 21
    OBJECT_LARGEOBJECT = 22
    OBJECT_MATVIEW = 23
    OBJECT_OPCLASS = 24
    OBJECT_OPERATOR = 25
    OBJECT_OPFAMILY = 26
    OBJECT_PARAMETER_ACL = 27
    OBJECT_POLICY = 28
    OBJECT_PROCEDURE = 29
    OBJECT_PUBLICATION = 30
    OBJECT_PUBLICATION_NAMESPACE = 31
    OBJECT_PUBLICATION_REL = 32
    OBJECT_ROLE = 33
    OBJECT_ROUTINE = 34
    OBJECT_RULE = 35
    OBJECT_SCHEMA = 36
    OBJECT_SEQUENCE = 37
    OBJECT_SUBSCRIPTION = 38
    OBJECT_STATISTIC_EXT = 39
    OBJECT_TABCONSTRAINT = 40
    OBJECT_TABLE = 41
    OBJECT_TABLESPACE = 42
    OBJECT_TRANSFORM = 43
    OBJECT_TRIGGER = 44
    OBJECT_TSCONFIGURATION = 45
    OBJECT_TSDICTIONARY = 46
    OBJECT_TSPARSER = 47
    OBJECT_TSTEMPLATE = 48
    OBJECT_TYPE = 49
    OBJECT_USER_MAPPING = 50
    OBJECT_VIEW = 51


class DropBehavior(enum.IntEnum):
    DROP_RESTRICT = 0
    DROP_CASCADE = 1


class AlterTableType(enum.IntEnum):
    AT_AddColumn = 0
    AT_AddColumnToView = 1
    AT_ColumnDefault = 2
    AT_CookedColumnDefault = 3
    AT_DropNotNull = 4
    AT_SetNotNull = 5
    AT_SetExpression = 6
    AT_DropExpression = 7
    AT_SetStatistics = 8
    AT_SetOptions = 9
    AT_ResetOptions = 10
    AT_SetStorage = 11
    AT_SetCompression = 12
    AT_DropColumn = 13
    AT_AddIndex = 14
    AT_ReAddIndex = 15
    AT_AddConstraint = 16
    AT_ReAddConstraint = 17
    AT_ReAddDomainConstraint = 18
    AT_AlterConstraint = 19
    AT_ValidateConstraint = 20
    AT_AddIndexConstraint = 21
    AT_DropConstraint = 22
    AT_ReAddComment = 23
    AT_AlterColumnType = 24
    AT_AlterColumnGenericOptions = 25
    AT_ChangeOwner = 26
    AT_ClusterOn = 27
    AT_DropCluster = 28
    AT_SetLogged = 29
    AT_SetUnLogged = 30
    AT_DropOids = 31
    AT_SetAccessMethod = 32
    AT_SetTableSpace = 33
    AT_SetRelOptions = 34
    AT_ResetRelOptions = 35
    AT_ReplaceRelOptions = 36
    AT_EnableTrig = 37
    AT_EnableAlwaysTrig = 38
    AT_EnableReplicaTrig = 39
    AT_DisableTrig = 40
    AT_EnableTrigAll = 41
    AT_DisableTrigAll = 42
    AT_EnableTrigUser = 43
    AT_DisableTrigUser = 44
    AT_EnableRule = 45
    AT_EnableAlwaysRule = 46
    AT_EnableReplicaRule = 47
    AT_DisableRule = 48
    AT_AddInherit = 49
    AT_DropInherit = 50
    AT_AddOf = 51
    AT_DropOf = 52
    AT_ReplicaIdentity = 53
    AT_EnableRowSecurity = 54
    AT_DisableRowSecurity = 55
    AT_ForceRowSecurity = 56
    AT_NoForceRowSecurity = 57
    AT_GenericOptions = 58
    AT_AttachPartition = 59
    AT_DetachPartition = 60
    AT_DetachPartitionFinalize = 61
    AT_AddIdentity = 62
    AT_SetIdentity = 63
    AT_DropIdentity = 64
    AT_ReAddStatistics = 65


class GrantTargetType(enum.IntEnum):
    ACL_TARGET_OBJECT = 0
    ACL_TARGET_ALL_IN_SCHEMA = 1
    ACL_TARGET_DEFAULTS = 2


class VariableSetKind(enum.IntEnum):
    VAR_SET_VALUE = 0
    VAR_SET_DEFAULT = 1
    VAR_SET_CURRENT = 2
    VAR_SET_MULTI = 3
    VAR_RESET = 4
    VAR_RESET_ALL = 5


class ConstrType(enum.IntEnum):
    CONSTR_NULL = 0
    CONSTR_NOTNULL = 1
    CONSTR_DEFAULT = 2
    CONSTR_IDENTITY = 3
    CONSTR_GENERATED = 4
    CONSTR_CHECK = 5
    CONSTR_PRIMARY = 6
    CONSTR_UNIQUE = 7
    CONSTR_EXCLUSION = 8
    CONSTR_FOREIGN = 9
    CONSTR_ATTR_DEFERRABLE = 10
    CONSTR_ATTR_NOT_DEFERRABLE = 11
    CONSTR_ATTR_DEFERRED = 12
    CONSTR_ATTR_IMMEDIATE = 13
    CONSTR_ATTR_ENFORCED = 14
    CONSTR_ATTR_NOT_ENFORCED = 15


class ImportForeignSchemaType(enum.IntEnum):
    FDW_IMPORT_SCHEMA_ALL = 0
    FDW_IMPORT_SCHEMA_LIMIT_TO = 1
    FDW_IMPORT_SCHEMA_EXCEPT = 2


class RoleStmtType(enum.IntEnum):
    ROLESTMT_ROLE = 0
    ROLESTMT_USER = 1
    ROLESTMT_GROUP = 2


class FetchDirection(enum.IntEnum):
    FETCH_FORWARD = 0
    FETCH_BACKWARD = 1
    FETCH_ABSOLUTE = 2
    FETCH_RELATIVE = 3


class FunctionParameterMode(enum.IntEnum):
    FUNC_PARAM_IN = ord("i")
    FUNC_PARAM_OUT = ord("o")
    FUNC_PARAM_INOUT = ord("b")
    FUNC_PARAM_VARIADIC = ord("v")
    FUNC_PARAM_TABLE = ord("t")
    FUNC_PARAM_DEFAULT = ord("d")


class TransactionStmtKind(enum.IntEnum):
    TRANS_STMT_BEGIN = 0
    TRANS_STMT_START = 1
    TRANS_STMT_COMMIT = 2
    TRANS_STMT_ROLLBACK = 3
    TRANS_STMT_SAVEPOINT = 4
    TRANS_STMT_RELEASE = 5
    TRANS_STMT_ROLLBACK_TO = 6
    TRANS_STMT_PREPARE = 7
    TRANS_STMT_COMMIT_PREPARED = 8
    TRANS_STMT_ROLLBACK_PREPARED = 9


class ViewCheckOption(enum.IntEnum):
    NO_CHECK_OPTION = 0
    LOCAL_CHECK_OPTION = 1
    CASCADED_CHECK_OPTION = 2


class DiscardMode(enum.IntEnum):
    DISCARD_ALL = 0
    DISCARD_PLANS = 1
    DISCARD_SEQUENCES = 2
    DISCARD_TEMP = 3


class ReindexObjectType(enum.IntEnum):
    REINDEX_OBJECT_INDEX = 0
    REINDEX_OBJECT_TABLE = 1
    REINDEX_OBJECT_SCHEMA = 2
    REINDEX_OBJECT_SYSTEM = 3
    REINDEX_OBJECT_DATABASE = 4


class AlterTSConfigType(enum.IntEnum):
    ALTER_TSCONFIG_ADD_MAPPING = 0
    ALTER_TSCONFIG_ALTER_MAPPING_FOR_TOKEN = 1
    ALTER_TSCONFIG_REPLACE_DICT = 2
    ALTER_TSCONFIG_REPLACE_DICT_FOR_TOKEN = 3
    ALTER_TSCONFIG_DROP_MAPPING = 4


class PublicationObjSpecType(enum.IntEnum):
    PUBLICATIONOBJ_TABLE = 0
    PUBLICATIONOBJ_TABLES_IN_SCHEMA = 1
    PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA = 2
    PUBLICATIONOBJ_CONTINUATION = 3


class AlterPublicationAction(enum.IntEnum):
    AP_AddObjects = 0
    AP_DropObjects = 1
    AP_SetObjects = 2


class AlterSubscriptionType(enum.IntEnum):
    ALTER_SUBSCRIPTION_OPTIONS = 0
    ALTER_SUBSCRIPTION_CONNECTION = 1
    ALTER_SUBSCRIPTION_SET_PUBLICATION = 2
    ALTER_SUBSCRIPTION_ADD_PUBLICATION = 3
    ALTER_SUBSCRIPTION_DROP_PUBLICATION = 4
    ALTER_SUBSCRIPTION_REFRESH = 5
    ALTER_SUBSCRIPTION_ENABLED = 6
    ALTER_SUBSCRIPTION_SKIP = 7
