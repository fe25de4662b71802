"""The codes that node fields hold, under PostgreSQL's names.

Sources: ``nodes/nodes.h``, ``nodes/primnodes.h``, ``nodes/parsenodes.h``,
``nodes/lockoptions.h``, ``access/cmptype.h`` of PostgreSQL 18. Values of other majors
that differ are mapped
when a tree is read (:mod:`pgtool.nodes.majors`).
"""

from __future__ import annotations

import enum


class CmdType(enum.IntEnum):
    CMD_UNKNOWN = 0
    CMD_SELECT = 1
    CMD_UPDATE = 2
    CMD_INSERT = 3
    CMD_DELETE = 4
    CMD_MERGE = 5
    CMD_UTILITY = 6
    CMD_NOTHING = 7


class JoinType(enum.IntEnum):
    JOIN_INNER = 0
    JOIN_LEFT = 1
    JOIN_FULL = 2
    JOIN_RIGHT = 3
    JOIN_SEMI = 4
    JOIN_ANTI = 5
    JOIN_RIGHT_SEMI = 6
    JOIN_RIGHT_ANTI = 7
    JOIN_UNIQUE_OUTER = 8
    JOIN_UNIQUE_INNER = 9


class AggSplit(enum.IntEnum):
    AGGSPLIT_SIMPLE = 0
    AGGSPLIT_INITIAL_SERIAL = 6
    AGGSPLIT_FINAL_DESERIAL = 9


class SetOpStrategy(enum.IntEnum):
    SETOP_SORTED = 0
    SETOP_HASHED = 1


class OnConflictAction(enum.IntEnum):
    ONCONFLICT_NONE = 0
    ONCONFLICT_NOTHING = 1
    ONCONFLICT_UPDATE = 2


class LimitOption(enum.IntEnum):
    LIMIT_OPTION_COUNT = 0
    LIMIT_OPTION_WITH_TIES = 1


class OverridingKind(enum.IntEnum):
    OVERRIDING_NOT_SET = 0
    OVERRIDING_USER_VALUE = 1
    OVERRIDING_SYSTEM_VALUE = 2


class OnCommitAction(enum.IntEnum):
    ONCOMMIT_NOOP = 0
    ONCOMMIT_PRESERVE_ROWS = 1
    ONCOMMIT_DELETE_ROWS = 2
    ONCOMMIT_DROP = 3


class TableFuncType(enum.IntEnum):
    TFT_XMLTABLE = 0
    TFT_JSON_TABLE = 1


class VarReturningType(enum.IntEnum):
    VAR_RETURNING_DEFAULT = 0
    VAR_RETURNING_OLD = 1
    VAR_RETURNING_NEW = 2


class ParamKind(enum.IntEnum):
    PARAM_EXTERN = 0
    PARAM_EXEC = 1
    PARAM_SUBLINK = 2
    PARAM_MULTIEXPR = 3


class CoercionForm(enum.IntEnum):
    COERCE_EXPLICIT_CALL = 0
    COERCE_EXPLICIT_CAST = 1
    COERCE_IMPLICIT_CAST = 2
    COERCE_SQL_SYNTAX = 3


class BoolExprType(enum.IntEnum):
    AND_EXPR = 0
    OR_EXPR = 1
    NOT_EXPR = 2


class SubLinkType(enum.IntEnum):
    EXISTS_SUBLINK = 0
    ALL_SUBLINK = 1
    ANY_SUBLINK = 2
    ROWCOMPARE_SUBLINK = 3
    EXPR_SUBLINK = 4
    MULTIEXPR_SUBLINK = 5
    ARRAY_SUBLINK = 6
    CTE_SUBLINK = 7


class MinMaxOp(enum.IntEnum):
    IS_GREATEST = 0
    IS_LEAST = 1


class SQLValueFunctionOp(enum.IntEnum):
    SVFOP_CURRENT_DATE = 0
    SVFOP_CURRENT_TIME = 1
    SVFOP_CURRENT_TIME_N = 2
    SVFOP_CURRENT_TIMESTAMP = 3
    SVFOP_CURRENT_TIMESTAMP_N = 4
    SVFOP_LOCALTIME = 5
    SVFOP_LOCALTIME_N = 6
    SVFOP_LOCALTIMESTAMP = 7
    SVFOP_LOCALTIMESTAMP_N = 8
    SVFOP_CURRENT_ROLE = 9
    SVFOP_CURRENT_USER = 10
    SVFOP_USER = 11
    SVFOP_SESSION_USER = 12
    SVFOP_CURRENT_CATALOG = 13
    SVFOP_CURRENT_SCHEMA = 14


class XmlExprOp(enum.IntEnum):
    IS_XMLCONCAT = 0
    IS_XMLELEMENT = 1
    IS_XMLFOREST = 2
    IS_XMLPARSE = 3
    IS_XMLPI = 4
    IS_XMLROOT = 5
    IS_XMLSERIALIZE = 6
    IS_DOCUMENT = 7


class XmlOptionType(enum.IntEnum):
    XMLOPTION_DOCUMENT = 0
    XMLOPTION_CONTENT = 1


class JsonEncoding(enum.IntEnum):
    JS_ENC_DEFAULT = 0
    JS_ENC_UTF8 = 1
    JS_ENC_UTF16 = 2
    JS_ENC_UTF32 = 3


class JsonFormatType(enum.IntEnum):
    JS_FORMAT_DEFAULT = 0
    JS_FORMAT_JSON = 1
    JS_FORMAT_JSONB = 2


class JsonConstructorType(enum.IntEnum):
    JSCTOR_JSON_OBJECT = 1
    JSCTOR_JSON_ARRAY = 2
    JSCTOR_JSON_OBJECTAGG = 3
    JSCTOR_JSON_ARRAYAGG = 4
    JSCTOR_JSON_PARSE = 5
    JSCTOR_JSON_SCALAR = 6
    JSCTOR_JSON_SERIALIZE = 7


class JsonValueType(enum.IntEnum):
    JS_TYPE_ANY = 0
    JS_TYPE_OBJECT = 1
    JS_TYPE_ARRAY = 2
    JS_TYPE_SCALAR = 3


class JsonWrapper(enum.IntEnum):
    JSW_UNSPEC = 0
    JSW_NONE = 1
    JSW_CONDITIONAL = 2
    JSW_UNCONDITIONAL = 3


class JsonBehaviorType(enum.IntEnum):
    JSON_BEHAVIOR_NULL = 0
    JSON_BEHAVIOR_ERROR = 1
    JSON_BEHAVIOR_EMPTY = 2
    JSON_BEHAVIOR_TRUE = 3
    JSON_BEHAVIOR_FALSE = 4
    JSON_BEHAVIOR_UNKNOWN = 5
    JSON_BEHAVIOR_EMPTY_ARRAY = 6
    JSON_BEHAVIOR_EMPTY_OBJECT = 7
    JSON_BEHAVIOR_DEFAULT = 8


class JsonExprOp(enum.IntEnum):
    JSON_EXISTS_OP = 0
    JSON_QUERY_OP = 1
    JSON_VALUE_OP = 2
    JSON_TABLE_OP = 3


class NullTestType(enum.IntEnum):
    IS_NULL = 0
    IS_NOT_NULL = 1


class BoolTestType(enum.IntEnum):
    IS_TRUE = 0
    IS_NOT_TRUE = 1
    IS_FALSE = 2
    IS_NOT_FALSE = 3
    IS_UNKNOWN = 4
    IS_NOT_UNKNOWN = 5


class MergeMatchKind(enum.IntEnum):
    MERGE_WHEN_MATCHED = 0
    MERGE_WHEN_NOT_MATCHED_BY_SOURCE = 1
    MERGE_WHEN_NOT_MATCHED_BY_TARGET = 2


class QuerySource(enum.IntEnum):
    QSRC_ORIGINAL = 0
    QSRC_PARSER = 1
    QSRC_INSTEAD_RULE = 2
    QSRC_QUAL_INSTEAD_RULE = 3
    QSRC_NON_INSTEAD_RULE = 4


class DefElemAction(enum.IntEnum):
    DEFELEM_UNSPEC = 0
    DEFELEM_SET = 1
    DEFELEM_ADD = 2
    DEFELEM_DROP = 3


class PartitionRangeDatumKind(enum.IntEnum):
    PARTITION_RANGE_DATUM_MINVALUE = -1
    PARTITION_RANGE_DATUM_VALUE = 0
    PARTITION_RANGE_DATUM_MAXVALUE = 1


class RTEKind(enum.IntEnum):
    RTE_RELATION = 0
    RTE_SUBQUERY = 1
    RTE_JOIN = 2
    RTE_FUNCTION = 3
    RTE_TABLEFUNC = 4
    RTE_VALUES = 5
    RTE_CTE = 6
    RTE_NAMEDTUPLESTORE = 7
    RTE_RESULT = 8
    RTE_GROUP = 9


class WCOKind(enum.IntEnum):
    WCO_VIEW_CHECK = 0
    WCO_RLS_INSERT_CHECK = 1
    WCO_RLS_UPDATE_CHECK = 2
    WCO_RLS_CONFLICT_CHECK = 3
    WCO_RLS_MERGE_UPDATE_CHECK = 4
    WCO_RLS_MERGE_DELETE_CHECK = 5


class GroupingSetKind(enum.IntEnum):
    GROUPING_SET_EMPTY = 0
    GROUPING_SET_SIMPLE = 1
    GROUPING_SET_ROLLUP = 2
    GROUPING_SET_CUBE = 3
    GROUPING_SET_SETS = 4


class CTEMaterialize(enum.IntEnum):
    CTEMaterializeDefault = 0
    CTEMaterializeAlways = 1
    CTEMaterializeNever = 2


class SetOperation(enum.IntEnum):
    SETOP_NONE = 0
    SETOP_UNION = 1
    SETOP_INTERSECT = 2
    SETOP_EXCEPT = 3


class LockClauseStrength(enum.IntEnum):
    LCS_NONE = 0
    LCS_FORKEYSHARE = 1
    LCS_FORSHARE = 2
    LCS_FORNOKEYUPDATE = 3
    LCS_FORUPDATE = 4


class LockWaitPolicy(enum.IntEnum):
    LockWaitBlock = 0
    LockWaitSkip = 1
    LockWaitError = 2


class CompareType(enum.IntEnum):
    COMPARE_INVALID = 0
    COMPARE_LT = 1
    COMPARE_LE = 2
    COMPARE_EQ = 3
    COMPARE_GE = 4
    COMPARE_GT = 5
    COMPARE_NE = 6
    COMPARE_OVERLAP = 7
    COMPARE_CONTAINED_BY = 8
