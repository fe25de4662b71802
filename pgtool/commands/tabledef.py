"""CREATE TABLE's and ALTER TABLE ADD COLUMN's definitions, taken apart before anything is made.

A :class:`TableDefinition` collects columns and constraints of every kind in the order in
which they will be made; sequences of serial and identity columns are made on the way, since
the defaults name them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.catalog.classids import FIRST_UNPINNED_OBJECT_ID
from pgtool.catalog.heap import ColumnSpec
from pgtool.catalog.pg_constraint import choose_relation_name
from pgtool.commands.context import Ddl
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.base import ValueString
from pgtool.nodes.raw import A_Const, FuncCall, TypeCast, TypeName
from pgtool.nodes.raw_enums import ConstrType as Kind
from pgtool.sql.analyze.typenames import collation_oid, typename_type
from pgtool.sql.permissions import require_type
from pgtool.types.names import format_name

__all__ = ["CheckPlan", "ColumnPlan", "NotNullPlan", "TableDefinition"]

INT2, INT4, INT8 = 21, 23, 20
_SERIAL = {
    "smallserial": INT2, "serial2": INT2, "serial": INT4, "serial4": INT4, "bigserial": INT8,
    "serial8": INT8,
}  # fmt: skip
_SYSTEM_COLUMNS = ("tableoid", "cmax", "xmax", "cmin", "xmin", "ctid")
_STORAGE = {"plain": "p", "external": "e", "extended": "x", "main": "m"}
_COMPRESSION = {"pglz": "p", "lz4": "l", "default": ""}
_ATTRIBUTES = {
    Kind.CONSTR_ATTR_DEFERRABLE, Kind.CONSTR_ATTR_NOT_DEFERRABLE, Kind.CONSTR_ATTR_DEFERRED,
    Kind.CONSTR_ATTR_IMMEDIATE, Kind.CONSTR_ATTR_ENFORCED, Kind.CONSTR_ATTR_NOT_ENFORCED,
}  # fmt: skip
#: Where a column's values come from.
_VALUES = {Kind.CONSTR_DEFAULT: "default", Kind.CONSTR_IDENTITY: "identity",
           Kind.CONSTR_GENERATED: "generation expression"}  # fmt: skip


@dataclass
class ColumnPlan:
    """A column and its default, raw or (inherited, copied) analyzed."""

    spec: ColumnSpec
    raw_default: Any = None
    cooked_default: Any = None
    location: int = -1


@dataclass
class CheckPlan:
    """A CHECK constraint, raw or (inherited, copied) analyzed."""

    name: str | None
    raw: Any = None
    cooked: Any = None
    no_inherit: bool = False
    is_local: bool = True
    inhcount: int = 0
    enforced: bool = True
    validated: bool = True


@dataclass
class NotNullPlan:
    """A NOT NULL constraint of a column."""

    name: str | None
    column: str
    no_inherit: bool = False
    is_local: bool = True
    inhcount: int = 0
    validated: bool = True
    location: int = -1


@dataclass
class TableDefinition:
    """What CREATE TABLE's list of elements says."""

    ddl: Ddl
    relname: str
    namespace: int
    persistence: str = "p"
    columns: list[ColumnPlan] = field(default_factory=list)
    checks: list[CheckPlan] = field(default_factory=list)
    not_nulls: list[NotNullPlan] = field(default_factory=list)
    #: PRIMARY KEY, UNIQUE and EXCLUDE, and FOREIGN KEY, as Constraint nodes with all columns.
    keys: list[Any] = field(default_factory=list)
    fkeys: list[Any] = field(default_factory=list)
    #: (sequence, column, for identity) to be tied together when the table is there.
    sequences: list[tuple[int, str, bool]] = field(default_factory=list)
    #: Columns without a type (of a partition), table constraints, and what else is to be
    #: done when the table is there.
    partial: list[Any] = field(default_factory=list)
    waiting: list[Any] = field(default_factory=list)
    later: list[Any] = field(default_factory=list)
    is_partition: bool = False
    #: A column that was named twice: told when the rest of the statement has been looked at.
    twice: str = ""

    # -- columns ---------------------------------------------------------------------

    def column(self, name: str) -> ColumnPlan | None:
        """A column by name."""
        return next((c for c in self.columns if c.spec.name == name), None)

    def make_column(self, node: Any) -> ColumnPlan:
        """One ColumnDef: its type and its constraints."""
        ddl, name = self.ddl, node.colname
        if name in _SYSTEM_COLUMNS:
            raise SqlError(f'column name "{name}" conflicts with a system column name', "42701")
        serial = self._serial(node)
        if serial:
            typid, typmod = serial, -1
        else:
            typid, typmod = typename_type(ddl.state(), node.typeName)
            require_type(ddl.session, typid)
        check_column_type(ddl, name, typid)
        info = ddl.types.info(typid)
        spec = ColumnSpec(name, typid, typmod, _dimensions(node), collation=info.typcollation)
        if node.collClause is not None:
            spec.collation = self._collation(node.collClause, typid)
        if node.storage_name:
            spec.storage = storage_letter(ddl, node.storage_name, typid)
        if node.compression:
            spec.compression = compression_letter(ddl, node.compression, name, typid)
        plan = ColumnPlan(spec, node.raw_default, location=node.location)
        if serial:
            self._serial_column(plan, serial)
        self._constraints(plan, node, bool(serial))
        if spec.generated == "v":
            _check_virtual(name, typid, info.typtype)
        return plan

    def _serial(self, node: Any) -> int:
        names = node.typeName.names if node.typeName is not None else []
        if len(names) != 1 or node.typeName.pct_type:
            return 0
        found = _SERIAL.get(names[0].sval, 0)
        if found and node.typeName.arrayBounds:
            raise SqlError("array of serial is not implemented", "0A000",
                           position=node.typeName.location + 1)  # fmt: skip
        return found

    def _collation(self, clause: Any, typid: int) -> int:
        names = [part.sval for part in clause.collname]
        oid = collation_oid(self.ddl.state(), names, clause.location)
        if not self.ddl.types.info(typid).typcollation:
            raise SqlError(
                f"collations are not supported by type {self.ddl.types.format_type(typid)}",
                "42804", position=clause.location + 1,
            )  # fmt: skip
        return oid

    def _serial_column(self, plan: ColumnPlan, typid: int) -> None:
        from pgtool.commands.sequence import create_sequence

        name = choose_relation_name(
            self.ddl.writer, self.relname, plan.spec.name, "seq", self.namespace
        )
        oid = create_sequence(
            self.ddl, name, self.namespace, [], typid, persistence=self.persistence
        )
        self.sequences.append((oid, plan.spec.name, False))
        schema = self.ddl.database.namespaces[self.namespace]
        text = A_Const(val=ValueString(sval=format_name(schema, name)))
        regclass = TypeName(
            names=[ValueString(sval="pg_catalog"), ValueString(sval="regclass")], typemod=-1
        )
        cast = TypeCast(arg=text, typeName=regclass, location=-1)
        names = [ValueString(sval="pg_catalog"), ValueString(sval="nextval")]
        plan.raw_default = FuncCall(funcname=names, args=[cast], location=-1)
        self._not_null(plan, None, False, -1)

    def _identity(self, plan: ColumnPlan, constraint: Any) -> None:
        from pgtool.commands.sequence import create_identity_sequence

        if self.is_partition:
            raise SqlError("identity columns are not supported on partitions", "0A000")
        if plan.spec.typid not in (INT2, INT4, INT8):
            raise SqlError("identity column type must be smallint, integer, or bigint", "22023")
        if plan.spec.identity:
            raise SqlError(
                f'multiple identity specifications for column "{plan.spec.name}" of table '
                f'"{self.relname}"', "42601", position=constraint.location + 1 or None,
            )  # fmt: skip
        oid = create_identity_sequence(
            self.ddl, self.relname, plan.spec.name, self.namespace, constraint.options,
            plan.spec.typid, self.persistence,
        )  # fmt: skip
        self.sequences.append((oid, plan.spec.name, True))
        plan.spec.identity = constraint.generated_when
        self._not_null(plan, None, False, -1)

    # -- constraints -----------------------------------------------------------------

    def _not_null(
        self, plan: ColumnPlan, name: str | None, no_inherit: bool, location: int,
        validated: bool = True,
    ) -> None:  # fmt: skip
        for known in self.not_nulls:
            if known.column == plan.spec.name:
                if known.no_inherit != no_inherit:
                    raise SqlError(
                        "conflicting NO INHERIT declarations for not-null constraints on column "
                        f'"{plan.spec.name}"', "42601")  # fmt: skip
                known.name = (known.name or name) if known.is_local else name
                known.is_local = True
                return
        plan.spec.not_null = True
        self.not_nulls.append(
            NotNullPlan(name, plan.spec.name, no_inherit, validated=validated, location=location)
        )

    def _conflict(self, what: str, plan: ColumnPlan, node: Any) -> SqlError:
        return SqlError(f'{what} for column "{plan.spec.name}" of table "{self.relname}"', "42601",
                        position=node.location + 1 or None)  # fmt: skip

    def _constraints(self, plan: ColumnPlan, node: Any, serial: bool) -> None:
        constraints = merge_attributes(node.constraints)
        nullable: bool | None = False if serial else None
        primary = any(c.contype == Kind.CONSTR_PRIMARY for c in constraints)
        seen = set() if plan.raw_default is None else {Kind.CONSTR_DEFAULT}
        for constraint in constraints:
            kind = constraint.contype
            if serial and kind in _VALUES:  # what says no to it is the default it has last
                constraint.location = -1
            if kind in (Kind.CONSTR_NULL, Kind.CONSTR_NOTNULL):
                wanted = kind == Kind.CONSTR_NULL
                if (nullable is not None and nullable != wanted) or (wanted and primary):
                    raise self._conflict("conflicting NULL/NOT NULL declarations", plan,
                                         constraint)  # fmt: skip
                nullable = wanted
                if not wanted:
                    self._not_null(plan, constraint.conname, constraint.is_no_inherit,
                                   constraint.location)  # fmt: skip
            elif kind == Kind.CONSTR_DEFAULT:
                if kind in seen:
                    raise self._conflict("multiple default values specified", plan, constraint)
                plan.raw_default = constraint.raw_expr
            elif kind == Kind.CONSTR_IDENTITY:
                self._identity(plan, constraint)
                if nullable:
                    raise self._conflict("conflicting NULL/NOT NULL declarations", plan,
                                         constraint)  # fmt: skip
                nullable = False
            elif kind == Kind.CONSTR_GENERATED:
                if kind in seen:
                    raise self._conflict("multiple generation clauses specified", plan, constraint)
                plan.spec.generated = constraint.generated_kind
                plan.raw_default = constraint.raw_expr
            elif kind in (Kind.CONSTR_PRIMARY, Kind.CONSTR_UNIQUE):
                keys = constraint.keys or [ValueString(sval=plan.spec.name)]
                self.keys.append(constraint.copy(keys=keys))
            elif kind == Kind.CONSTR_FOREIGN:
                self.fkeys.append(constraint.copy(fk_attrs=[ValueString(sval=plan.spec.name)]))
            elif kind == Kind.CONSTR_CHECK:
                self.check(constraint)
            else:
                raise Unsupported(f"constraint {kind.name}")
            seen.add(kind)
            values = [word for what, word in _VALUES.items() if what in seen]
            if len(values) > 1:  # a column has one of them
                raise self._conflict(f"both {' and '.join(values[:2])} specified", plan,
                                     constraint)  # fmt: skip

    def check(self, constraint: Any) -> None:
        """A CHECK constraint of the table or of a column."""
        self.checks.append(CheckPlan(
            constraint.conname, constraint.raw_expr, no_inherit=constraint.is_no_inherit,
            enforced=constraint.is_enforced, validated=constraint.is_enforced,
        ))  # fmt: skip

    def _check_key(self, constraint: Any, before: list[Any]) -> None:
        primary = constraint.contype == Kind.CONSTR_PRIMARY
        at = constraint.location + 1 or None
        if primary and any(k.contype == Kind.CONSTR_PRIMARY for k in before):
            raise SqlError(f'multiple primary keys for table "{self.relname}" are not allowed',
                           "42P16", position=at)  # fmt: skip
        names = [part.sval for part in constraint.keys]
        for place, name in enumerate(names):
            if name in names[:place]:
                word = "primary key" if primary else "unique"
                raise SqlError(f'column "{name}" appears twice in {word} constraint', "42701",
                               position=at)  # fmt: skip

    def add_constraint(self, node: Any) -> None:
        """A table constraint."""
        kind = node.contype
        if kind in (Kind.CONSTR_PRIMARY, Kind.CONSTR_UNIQUE):
            if node.without_overlaps:
                raise Unsupported("WITHOUT OVERLAPS")
            self.keys.append(node)
        elif kind == Kind.CONSTR_CHECK:
            self.check(node)
        elif kind == Kind.CONSTR_FOREIGN:
            self.fkeys.append(node)
        elif kind == Kind.CONSTR_NOTNULL:
            name = node.keys[0].sval
            plan = self.column(name)
            if plan is None:
                raise SqlError(f'column "{name}" of relation "{self.relname}" does not exist',
                               "42703")  # fmt: skip
            self._not_null(plan, node.conname, node.is_no_inherit, node.location)
        else:
            raise Unsupported(f"constraint {kind.name}")

    def finish_keys(self) -> None:
        """Keys are looked at when all columns are known; those of the primary key are NOT NULL."""
        for place, key in enumerate(self.keys):
            self._check_key(key, self.keys[:place])
        for key in self.keys:
            if key.contype != Kind.CONSTR_PRIMARY or key.indexname:
                continue
            for part in key.keys:
                plan = self.column(part.sval)
                if plan is not None:
                    self._not_null(plan, None, False, -1)


def merge_attributes(constraints: list[Any]) -> list[Any]:
    """A column's constraints, with DEFERRABLE and its kin put into the one they follow."""
    out: list[Any] = []
    for node in constraints:
        if node.contype not in _ATTRIBUTES:
            out.append(node.copy())
            continue
        before = out[-1] if out else None
        at = node.location + 1 or None
        kind = node.contype
        if before is None or before.contype not in (
            Kind.CONSTR_PRIMARY, Kind.CONSTR_UNIQUE, Kind.CONSTR_EXCLUSION, Kind.CONSTR_FOREIGN,
            Kind.CONSTR_CHECK,
        ):  # fmt: skip
            word = kind.name.removeprefix("CONSTR_ATTR_").replace("_", " ")
            raise SqlError(f"misplaced {word} clause", "42601", position=at)
        if kind == Kind.CONSTR_ATTR_DEFERRABLE:
            before.deferrable = True
        elif kind == Kind.CONSTR_ATTR_NOT_DEFERRABLE:
            before.deferrable = False
            if before.initdeferred:
                raise SqlError("constraint declared INITIALLY DEFERRED must be DEFERRABLE",
                               "42601", position=at)  # fmt: skip
        elif kind == Kind.CONSTR_ATTR_DEFERRED:
            before.deferrable = before.initdeferred = True
        elif kind == Kind.CONSTR_ATTR_IMMEDIATE:
            before.initdeferred = False
        elif kind == Kind.CONSTR_ATTR_ENFORCED:
            before.is_enforced = True
        else:
            before.is_enforced, before.skip_validation = False, True
            before.initially_valid = False
    return out


def _dimensions(node: Any) -> int:
    return len(node.typeName.arrayBounds) if node.typeName is not None else 0


def check_column_type(ddl: Ddl, name: str, typid: int) -> None:
    """A column cannot be of a pseudo-type."""
    info = ddl.types.info(typid)
    if info.typtype == "p":
        shown = ddl.types.format_type(typid)
        raise SqlError(f'column "{name}" has pseudo-type {shown}', "42P16")


def _check_virtual(name: str, typid: int, kind: str) -> None:
    what = f'virtual generated column "{name}" cannot have a '
    if kind == "d":
        raise SqlError(f"{what}domain type", "0A000")
    if typid >= FIRST_UNPINNED_OBJECT_ID:
        raise SqlError(
            f"{what}user-defined type", "0A000", "Virtual generated columns that make use of "
            "user-defined types are not yet supported.")  # fmt: skip


def storage_letter(ddl: Ddl, name: str, typid: int) -> str:
    """attstorage of a STORAGE clause."""
    found = _STORAGE.get(name.lower())
    default = ddl.types.info(typid).typstorage
    if name.lower() == "default":
        return default
    if found is None:
        raise SqlError(f'invalid storage type "{name}"', "22023")
    if found != "p" and default == "p":
        shown = ddl.types.format_type(typid)
        raise SqlError(f"column data type {shown} can only have storage PLAIN", "0A000")
    return found


def compression_letter(ddl: Ddl, method: str, name: str, typid: int) -> str:
    """attcompression of a COMPRESSION clause."""
    if ddl.types.info(typid).typstorage == "p" and method.lower() != "default":
        shown = ddl.types.format_type(typid)
        raise SqlError(f"column data type {shown} does not support compression", "0A000")
    found = _COMPRESSION.get(method.lower())
    if found is None:
        raise SqlError(f'invalid compression method "{method}"', "22023")
    return found
