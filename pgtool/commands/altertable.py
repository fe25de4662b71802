"""ALTER TABLE: commands sorted into passes, run over the tables that they concern; then what
must look at rows: checks of new constraints, rewriting.

A :class:`Work` is what one statement does to one table. Commands change catalogs at once;
what needs the rows waits until all of them ran: ``rewrite`` makes a new file of converted
rows, else ``checks`` are verified over those that are there.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

from pgtool.commands.context import Ddl, begin, plural
from pgtool.commands.indexcmds import children_of
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import AlterTableType as At
from pgtool.nodes.raw_enums import ConstrType
from pgtool.nodes.raw_enums import ObjectType as Kind
from pgtool.sql.answer import Outcome

__all__ = ["AlterTable", "Work", "alter", "wrong_kind"]

DROP, ALTER_TYPE, ADD_COLUMN, EXPRESSION, OLD_INDEX, OLD_CONSTRAINT, ADD_CONSTRAINT, COLUMN, \
    ADD_INDEX, ADD_OTHER, MISC = range(11)
_TRIGGERS = (
    At.AT_EnableTrig, At.AT_EnableAlwaysTrig, At.AT_EnableReplicaTrig, At.AT_DisableTrig,
    At.AT_EnableTrigAll, At.AT_DisableTrigAll, At.AT_EnableTrigUser, At.AT_DisableTrigUser,
)  # fmt: skip
#: Command → (pass, handler, kinds of relations it is for).
_COMMANDS: dict[Any, tuple[int, str, str]] = {
    At.AT_AddColumn: (ADD_COLUMN, "altercolumns:add_column", "rpfc"),
    At.AT_ColumnDefault: (COLUMN, "altercolumns:column_default", "rpvf"),
    At.AT_DropNotNull: (DROP, "alternotnull:drop_not_null", "rpf"),
    At.AT_SetNotNull: (COLUMN, "alternotnull:set_not_null", "rpf"),
    At.AT_DropExpression: (DROP, "altergenerated:drop_expression", "rpf"),
    At.AT_SetExpression: (EXPRESSION, "altergenerated:set_expression", "rpf"),
    At.AT_SetStatistics: (MISC, "altercolumns:set_statistics", "rpmiIf"),
    At.AT_SetOptions: (MISC, "altercolumns:set_options", "rpmf"),
    At.AT_ResetOptions: (MISC, "altercolumns:reset_options", "rpmf"),
    At.AT_SetStorage: (MISC, "altercolumns:set_storage", "rpmf"),
    At.AT_SetCompression: (MISC, "altercolumns:set_compression", "rpm"),
    At.AT_DropColumn: (DROP, "altercolumns:drop_column", "rpfc"),
    At.AT_AddConstraint: (ADD_CONSTRAINT, "alterconstraints:add_constraint", "rpf"),
    At.AT_AlterConstraint: (MISC, "alterconstraint:alter_constraint", "rp"),
    At.AT_ValidateConstraint: (MISC, "alterconstraints:validate_constraint", "rpf"),
    At.AT_DropConstraint: (DROP, "alterconstraints:drop_constraint", "rpf"),
    At.AT_AlterColumnType: (ALTER_TYPE, "altertype:alter_type", "rpfc"),
    At.AT_ChangeOwner: (MISC, "altermisc:change_owner", "rpvmSfciI"),
    At.AT_SetRelOptions: (MISC, "altermisc:set_options", "rpvmiI"),
    At.AT_ResetRelOptions: (MISC, "altermisc:reset_options", "rpvmiI"),
    At.AT_ClusterOn: (MISC, "altermisc:cluster_on", "rpm"),
    At.AT_DropCluster: (MISC, "altermisc:drop_cluster", "rpm"),
    At.AT_ReplicaIdentity: (MISC, "altermisc:replica_identity", "rpm"),
    At.AT_EnableRowSecurity: (MISC, "altermisc:row_security", "rp"),
    At.AT_DisableRowSecurity: (MISC, "altermisc:row_security", "rp"),
    At.AT_ForceRowSecurity: (MISC, "altermisc:row_security", "rp"),
    At.AT_NoForceRowSecurity: (MISC, "altermisc:row_security", "rp"),
    At.AT_DropOids: (MISC, "altermisc:drop_oids", "rpfm"),
    At.AT_SetAccessMethod: (MISC, "altermisc:set_access_method", "rpm"),
    At.AT_SetLogged: (MISC, "persistence:set_persistence", "rS"),
    At.AT_SetUnLogged: (MISC, "persistence:set_persistence", "rS"),
    At.AT_SetTableSpace: (MISC, "altermisc:set_tablespace", "rpmiI"),
    At.AT_AddIdentity: (ADD_OTHER, "alteridentity:add_identity", "rpf"),
    At.AT_SetIdentity: (MISC, "alteridentity:set_identity", "rpf"),
    At.AT_DropIdentity: (DROP, "alteridentity:drop_identity", "rpf"),
    At.AT_AttachPartition: (MISC, "partition:attach", "pI"),
    At.AT_DetachPartition: (MISC, "detach:detach", "p"),
    At.AT_DetachPartitionFinalize: (MISC, "detach:finish_detaching", "p"),
    At.AT_AddInherit: (MISC, "inherit:add_parent", "rpf"),
    At.AT_DropInherit: (MISC, "inherit:drop_parent", "rpf"),
    **dict.fromkeys(_TRIGGERS, (MISC, "altermisc:enable_triggers", "rpf")),
}  # fmt: skip
#: Command → what looks at it before any command runs.
_CHECKS: dict[Any, str] = {
    At.AT_AlterColumnType: "altertype:check_type", At.AT_AddInherit: "inherit:check_child",
    At.AT_DropExpression: "altergenerated:check_drop",
    At.AT_SetLogged: "persistence:check_persistence",
    At.AT_SetUnLogged: "persistence:check_persistence",
    At.AT_SetTableSpace: "altermisc:check_tablespace",
}  # fmt: skip
#: Commands that are for the table's children, too.
_RECURSING = {
    At.AT_AddColumn, At.AT_ColumnDefault, At.AT_DropNotNull, At.AT_SetNotNull, At.AT_DropExpression,
    At.AT_SetExpression, At.AT_SetStatistics, At.AT_SetStorage, At.AT_DropColumn,
    At.AT_AddConstraint, At.AT_DropConstraint, At.AT_AlterColumnType, At.AT_AddIdentity,
    At.AT_SetIdentity, At.AT_DropIdentity,
}  # fmt: skip
_CONSTRAINT_PASSES = {
    ConstrType.CONSTR_PRIMARY: ADD_INDEX, ConstrType.CONSTR_UNIQUE: ADD_INDEX,
    ConstrType.CONSTR_FOREIGN: ADD_OTHER, ConstrType.CONSTR_CHECK: ADD_OTHER,
    ConstrType.CONSTR_NOTNULL: COLUMN,
}  # fmt: skip
_TARGETS = {
    Kind.OBJECT_TABLE: None, Kind.OBJECT_INDEX: ("iI", "an index"),
    Kind.OBJECT_VIEW: ("v", "a view"), Kind.OBJECT_MATVIEW: ("m", "a materialized view"),
    Kind.OBJECT_SEQUENCE: ("S", "a sequence"), Kind.OBJECT_TYPE: ("c", "a composite type"),
    Kind.OBJECT_FOREIGN_TABLE: ("f", "a foreign table"),
}  # fmt: skip


@dataclass
class Work:
    """What the statement does to one table."""

    relid: int
    #: Column number → expression over the old row that gives its new values.
    new_values: dict[int, Any] = field(default_factory=dict)
    #: Of these, generated columns whose values are converted, not generated anew.
    converted: set[int] = field(default_factory=set)
    #: Columns that got another type.
    retyped: set[int] = field(default_factory=set)
    rewrite: bool = False
    #: (constraint's name, expression) and numbers of columns to be verified over all rows.
    checks: list[tuple[str, Any]] = field(default_factory=list)
    not_nulls: list[int] = field(default_factory=list)
    #: Columns as they were before the statement, for reading old rows.
    old_attributes: list[Any] = field(default_factory=list)


class AlterTable:
    """One ALTER TABLE statement."""

    def __init__(self, ddl: Ddl) -> None:
        self.ddl = ddl
        self.works: dict[int, Work] = {}
        #: Called when all commands ran: foreign keys to be checked, indexes made again.
        self.late: list[Any] = []
        self.rebuilt: list[Any] = []
        #: The table whose column gets another type, with all that inherit it from there.
        self.retyping: set[int] = set()
        #: What SET LOGGED or UNLOGGED and SET TABLESPACE change: each may do so once.
        self.persistence = ""
        self.tablespace: int | None = None

    def work(self, relid: int) -> Work:
        """The work on a table."""
        found = self.works.get(relid)
        if found is None:
            self.ddl.check_unused(self.row(relid), "ALTER TABLE")
            found = self.works[relid] = Work(relid)
            found.old_attributes = [_copy(a) for a in self.ddl.attributes(relid)]
        return found

    def row(self, relid: int) -> Any:
        """The table's pg_class row as it is now."""
        return self.ddl.relation_row(relid)

    def run(self, row: Any, commands: list[Any], recurse: bool) -> None:
        """All commands, pass by pass; then what looks at rows."""
        passes: dict[int, list[Any]] = {}
        self.work(row.oid)
        if recurse and any(command.subtype in _RECURSING for command in commands):
            self._check_children(row.oid)
        for command in commands:
            place, path, kinds = self._find(command)
            if row.relkind not in kinds:
                raise wrong_kind(row, command.subtype)
            if command.subtype in _CHECKS:
                _handler(_CHECKS[command.subtype])(self, row, command, recurse)
            passes.setdefault(place, []).append((path, command))
        for place in range(MISC + 1):
            for path, command in passes.get(place, []):
                _handler(path)(self, self.row(row.oid), command, recurse)
                self.ddl.advance()
            if place in (ALTER_TYPE, EXPRESSION) and passes.get(place):
                from pgtool.commands.altertype import rebuild

                rebuild(self)
        self._finish()

    def _check_children(self, relid: int) -> None:
        for child in children_of(self.ddl, relid):
            self.ddl.check_unused(self.row(child), "ALTER TABLE")
            self._check_children(child)

    @staticmethod
    def _find(command: Any) -> tuple[int, str, str]:
        found = _COMMANDS.get(command.subtype)
        if found is None:
            words = command.subtype.name.removeprefix("AT_")
            raise Unsupported(f"ALTER TABLE {words}")
        if command.subtype == At.AT_AddConstraint:
            return _CONSTRAINT_PASSES.get(command.def_.contype, ADD_OTHER), *found[1:]
        if command.subtype == At.AT_ColumnDefault and command.def_ is None:
            return DROP, *found[1:]
        return found

    def _finish(self) -> None:
        from pgtool.catalog.toasting import create_toast_table
        from pgtool.commands.rewrite import rewrite_table, verify_table

        for work in self.works.values():
            row = self.row(work.relid)
            if row.relkind in "rm":
                create_toast_table(self.ddl.writer, row.oid)
        self.ddl.advance()
        for work in self.works.values():
            row = self.row(work.relid)
            if row.relkind not in "rm":
                continue
            if work.rewrite:
                rewrite_table(self.ddl, row, work)
            elif work.checks or work.not_nulls:
                verify_table(self.ddl, row, work)
            self.ddl.advance()
        for late in self.late:
            late()
            self.ddl.advance()


def _handler(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(f"pgtool.commands.{module}"), name)


def wrong_kind(row: Any, subtype: At) -> SqlError:
    """The error about a command that is not for relations of this kind."""
    return SqlError(
        f'ALTER action {_ACTIONS[subtype]} cannot be performed on relation "{row.relname}"',
        "42809", f"This operation is not supported for {plural(row.relkind)}.",
    )  # fmt: skip


_ACTIONS = {
    At.AT_AddColumn: "ADD COLUMN", At.AT_ColumnDefault: "ALTER COLUMN ... SET DEFAULT",
    At.AT_DropNotNull: "ALTER COLUMN ... DROP NOT NULL", At.AT_SetNotNull:
    "ALTER COLUMN ... SET NOT NULL", At.AT_DropColumn: "DROP COLUMN", At.AT_AddConstraint:
    "ADD CONSTRAINT", At.AT_DropConstraint: "DROP CONSTRAINT", At.AT_AlterColumnType:
    "ALTER COLUMN ... SET DATA TYPE", At.AT_SetRelOptions: "SET", At.AT_ResetRelOptions: "RESET",
    At.AT_SetStorage: "ALTER COLUMN ... SET STORAGE", At.AT_SetStatistics:
    "ALTER COLUMN ... SET STATISTICS", At.AT_AttachPartition: "ATTACH PARTITION",
    At.AT_DetachPartition: "DETACH PARTITION", At.AT_AddInherit: "INHERIT", At.AT_DropInherit:
    "NO INHERIT", At.AT_ValidateConstraint: "VALIDATE CONSTRAINT", At.AT_AlterConstraint:
    "ALTER CONSTRAINT", At.AT_SetExpression: "ALTER COLUMN ... SET EXPRESSION",
    At.AT_DropExpression: "ALTER COLUMN ... DROP EXPRESSION",
    At.AT_AddIdentity: "ALTER COLUMN ... ADD IDENTITY", At.AT_SetIdentity:
    "ALTER COLUMN ... SET", At.AT_DropIdentity: "ALTER COLUMN ... DROP IDENTITY",
    At.AT_SetOptions: "ALTER COLUMN ... SET", At.AT_ResetOptions: "ALTER COLUMN ... RESET",
    At.AT_SetCompression: "ALTER COLUMN ... SET COMPRESSION", At.AT_ChangeOwner: "OWNER TO",
    At.AT_ClusterOn: "CLUSTER ON", At.AT_DropCluster: "SET WITHOUT CLUSTER",
    At.AT_SetAccessMethod: "SET ACCESS METHOD", At.AT_DropOids: "SET WITHOUT OIDS",
    At.AT_SetLogged: "SET LOGGED", At.AT_SetUnLogged: "SET UNLOGGED", At.AT_SetTableSpace:
    "SET TABLESPACE", At.AT_ReplicaIdentity: "REPLICA IDENTITY",
    At.AT_EnableRowSecurity: "ENABLE ROW SECURITY",
    At.AT_DisableRowSecurity: "DISABLE ROW SECURITY",
    At.AT_ForceRowSecurity: "FORCE ROW SECURITY",
    At.AT_NoForceRowSecurity: "NO FORCE ROW SECURITY", At.AT_EnableTrig: "ENABLE TRIGGER",
    At.AT_EnableAlwaysTrig: "ENABLE ALWAYS TRIGGER",
    At.AT_EnableReplicaTrig: "ENABLE REPLICA TRIGGER", At.AT_DisableTrig: "DISABLE TRIGGER",
    At.AT_EnableTrigAll: "ENABLE TRIGGER ALL", At.AT_DisableTrigAll: "DISABLE TRIGGER ALL",
    At.AT_EnableTrigUser: "ENABLE TRIGGER USER", At.AT_DisableTrigUser: "DISABLE TRIGGER USER",
}  # fmt: skip


def _copy(row: Any) -> Any:
    return type(row)(**vars(row))


def alter(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER TABLE and its kin."""
    ddl = begin(engine, text)
    tag = f"ALTER {raw.objtype.name.removeprefix('OBJECT_').replace('_', ' ')}"
    tag = tag.replace("MATVIEW", "MATERIALIZED VIEW")
    row = ddl.find_relation(raw.relation, missing_ok=raw.missing_ok)
    if row is None:
        ddl.notice(f'relation "{raw.relation.relname}" does not exist, skipping', "00000")
        return ddl.done(tag)
    ddl.check_owner(row)
    wanted = _TARGETS.get(raw.objtype)
    if wanted is not None and row.relkind not in wanted[0]:
        raise SqlError(f'"{row.relname}" is not {wanted[1]}', "42809")
    if raw.objtype == Kind.OBJECT_TABLE and row.relkind == "c":
        raise SqlError(f'"{row.relname}" is a composite type', "42809",
                       hint="Use ALTER TYPE instead.")  # fmt: skip
    AlterTable(ddl).run(row, raw.cmds, bool(raw.relation.inh))
    return ddl.done(tag)
