"""FOREIGN KEY: the referenced key, the operators that compare, the constraint, its triggers.

A foreign key is a pg_constraint row of the referencing table with four triggers: two check
rows that are written there, two act when rows of the referenced table go or change. Where
either side is partitioned there are rows of the same for the partitions, with parents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgtool.catalog.index import indexes_of
from pgtool.catalog.pg_constraint import (
    ConstraintSpec,
    choose_constraint_name,
    create_constraint,
    named,
)
from pgtool.commands.context import Ddl
from pgtool.commands.trigger import DELETE, INSERT, UPDATE, constraint_trigger
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.sysfuncs.privileges import has_right, relation_rights
from pgtool.sql.analyze.coerce import Context, can_coerce
from pgtool.sql.permissions import require

__all__ = ["ForeignKey", "add_foreign_key", "joined_names"]

CHECK_INS, CHECK_UPD = 1644, 1645
#: Action → functions (ON DELETE, ON UPDATE): no action, restrict, cascade, set null, default.
ACTIONS = {"a": (1654, 1655), "r": (1648, 1649), "c": (1646, 1647), "n": (1650, 1651),
           "d": (1652, 1653)}  # fmt: skip
ACL_REFERENCES = 32
INVALID_FOREIGN_KEY = "42830"
NAMEDATALEN = 64
BTREE_AM, EQUAL = 403, 3
ANYARRAY, ANYENUM, ANYRANGE, ANYMULTIRANGE, RECORD = 2277, 3500, 3831, 4537, 2249


@dataclass
class ForeignKey:
    """A foreign key, worked out."""

    name: str
    table: Any
    columns: tuple[int, ...]
    referenced: Any
    keys: tuple[int, ...]
    index: int
    pf: tuple[int, ...] = ()
    pp: tuple[int, ...] = ()
    ff: tuple[int, ...] = ()
    match: str = "s"
    on_update: str = "a"
    on_delete: str = "a"
    delete_columns: tuple[int, ...] = ()
    deferrable: bool = False
    deferred: bool = False
    enforced: bool = True
    validated: bool = True


def _column_numbers(ddl: Ddl, row: Any, names: list[Any]) -> tuple[int, ...]:
    out = []
    for part in names:
        found = ddl.attribute(row.oid, part.sval)
        if found is None:
            raise SqlError(
                f'column "{part.sval}" referenced in foreign key constraint does not exist',
                "42703")  # fmt: skip
        if found.attnum < 0:
            raise SqlError("system columns cannot be used in foreign keys", "0A000")
        out.append(int(found.attnum))
    return tuple(out)


def _primary_key(ddl: Ddl, row: Any) -> Any:
    for index in indexes_of(ddl.writer, row.oid):
        if index.indisprimary and index.indisvalid:
            if not index.indimmediate:
                raise SqlError(
                    f'cannot use a deferrable primary key for referenced table "{row.relname}"',
                    "55000")  # fmt: skip
            return index
    raise SqlError(f'there is no primary key for referenced table "{row.relname}"', "42704")


def _unique_key(ddl: Ddl, row: Any, keys: tuple[int, ...]) -> tuple[Any, list[int]]:
    """The unique index over exactly these columns, and the places of the columns in it."""
    if len(set(keys)) != len(keys):
        raise SqlError("foreign key referenced-columns list must not contain duplicates",
                       INVALID_FOREIGN_KEY)  # fmt: skip
    late = False
    for index in indexes_of(ddl.writer, row.oid):
        columns = index.indkey[: index.indnkeyatts]
        if (
            not index.indisunique or not index.indisvalid or index.indpred is not None
            or index.indexprs is not None or sorted(columns) != sorted(keys)
        ):  # fmt: skip
            continue
        if index.indimmediate:
            return index, [columns.index(number) for number in keys]
        late = True
    if late:
        raise SqlError(
            f'cannot use a deferrable unique constraint for referenced table "{row.relname}"',
            "55000")  # fmt: skip
    raise SqlError(
        f'there is no unique constraint matching given keys for referenced table "{row.relname}"',
        INVALID_FOREIGN_KEY)  # fmt: skip


class _Operators:
    """Which operators compare the keys."""

    def __init__(self, ddl: Ddl) -> None:
        self.ddl = ddl
        self.state = ddl.state()

    def member(self, family: int, left: int, right: int) -> int:
        key = ("amopfamily", "amoplefttype", "amoprighttype", "amopstrategy")
        row = self.ddl.cache.one("pg_amop", key, (family, left, right, EQUAL))
        return int(row.amopopr) if row is not None else 0

    def of(self, opclass: int, primary: Any, foreign: Any) -> tuple[int, int, int]:
        """(primary = foreign, primary = primary, foreign = foreign)."""
        ddl = self.ddl
        row = ddl.cache.one("pg_opclass", "oid", opclass)
        family, kind = row.opcfamily, row.opcintype
        pp = self.member(family, kind, kind)
        typid = self.state.types.base_type(foreign.atttypid)
        pf = self.member(family, kind, typid)
        if pf:
            return pf, pp, self.member(family, typid, typid)
        pktype = primary.atttypid
        if can_coerce(self.state, [pktype, foreign.atttypid], [kind, kind], Context.implicit):
            polymorphic = kind in (ANYARRAY, ANYENUM, ANYRANGE, ANYMULTIRANGE, RECORD)
            if not polymorphic or self.state.types.base_type(pktype) == typid:
                return pp, pp, pp
        return 0, pp, 0


def _same_collation(ddl: Ddl, constraint: str, primary: Any, foreign: Any) -> None:
    """Nondeterministic collations must be the same on both sides."""
    for one, other in ((primary, foreign), (foreign, primary)):
        if not one.attcollation or one.attcollation == other.attcollation:
            continue
        row = ddl.cache.one("pg_collation", "oid", one.attcollation)
        if row is not None and not row.collisdeterministic:
            raise SqlError(f'foreign key constraint "{constraint}" cannot be implemented', "42P21",
                           "The collations are not comparable.")  # fmt: skip


def _may_refer(ddl: Ddl, referenced: Any, keys: tuple[int, ...]) -> None:
    """REFERENCES on the table, or on each of the columns."""
    session = ddl.session
    if session.is_superuser:
        return
    if relation_rights(session, session.user_oid, referenced) & ACL_REFERENCES:
        return
    for a in ddl.attributes(referenced.oid):
        if a.attnum in keys and not has_right(
            session, session.user_oid, a, referenced.relowner, ACL_REFERENCES
        ):
            require(session, "table", referenced.oid, "REFERENCES")


def work_out(ddl: Ddl, row: Any, node: Any) -> ForeignKey:
    """What a FOREIGN KEY node means for a table."""
    referenced = ddl.open_table(node.pktable)
    if referenced.relkind not in "rp":
        raise SqlError(f'referenced relation "{referenced.relname}" is not a table', "42809")
    if row.relkind not in "rp":
        raise SqlError(f'relation "{row.relname}" is not a table', "42809")
    if node.fk_with_period or node.pk_with_period:
        raise Unsupported("PERIOD in foreign keys")
    _check_persistence(row, referenced)
    columns = _column_numbers(ddl, row, node.fk_attrs)
    if node.pk_attrs:
        keys = _column_numbers(ddl, referenced, node.pk_attrs)
        index, places = _unique_key(ddl, referenced, keys)
    else:
        index = _primary_key(ddl, referenced)
        keys = tuple(index.indkey[: index.indnkeyatts])
        places = list(range(len(keys)))
    _may_refer(ddl, referenced, keys)
    if len(columns) != len(keys):
        raise SqlError("number of referencing and referenced columns for foreign key disagree",
                       INVALID_FOREIGN_KEY)  # fmt: skip
    taken: set[str] = set()
    name = node.conname or choose_constraint_name(
        ddl.writer, row.relname, joined_names(ddl, row, columns), "fkey", row.relnamespace, taken
    )
    made = ForeignKey(
        name, row, columns, referenced, keys, index.indexrelid, match=node.fk_matchtype,
        on_update=node.fk_upd_action, on_delete=node.fk_del_action,
        delete_columns=_column_numbers(ddl, row, node.fk_del_set_cols),
        deferrable=node.deferrable, deferred=node.initdeferred, enforced=node.is_enforced,
        validated=node.initially_valid and node.is_enforced,
    )  # fmt: skip
    _check_actions(ddl, made)
    _compare(ddl, made, [index.indclass[place] for place in places])
    return made


def _check_persistence(row: Any, referenced: Any) -> None:
    if row.relpersistence == "p" and referenced.relpersistence != "p":
        raise SqlError("constraints on permanent tables may reference only permanent tables",
                       "42P16")  # fmt: skip
    if row.relpersistence == "u" and referenced.relpersistence not in "pu":
        raise SqlError("constraints on unlogged tables may reference only permanent or unlogged "
                       "tables", "42P16")  # fmt: skip


def joined_names(ddl: Ddl, row: Any, numbers: tuple[int, ...]) -> str:
    out = ""
    attributes = ddl.attributes(row.oid)
    for number in numbers:
        name = attributes[number - 1].attname
        out = f"{out}_{name}" if out else name
        if len(out) >= NAMEDATALEN:
            break
    return out


def _check_actions(ddl: Ddl, made: ForeignKey) -> None:
    attributes = ddl.attributes(made.table.oid)
    for number in made.columns:
        generated = attributes[number - 1].attgenerated
        if generated == "v":
            raise SqlError("foreign key constraints on virtual generated columns are not supported",
                           "0A000")  # fmt: skip
        for action, event in ((made.on_update, "UPDATE"), (made.on_delete, "DELETE")):
            refused = action in "nd" or (event == "UPDATE" and action == "c")
            if generated and refused:
                raise SqlError(
                    f"invalid ON {event} action for foreign key constraint containing generated "
                    "column", "42601")  # fmt: skip
    for number in made.delete_columns:
        if number not in made.columns:
            name = attributes[number - 1].attname
            raise SqlError(f'column "{name}" referenced in ON DELETE SET action must be part of '
                           "foreign key", "42P10")  # fmt: skip


def _compare(ddl: Ddl, made: ForeignKey, opclasses: list[int]) -> None:
    operators = _Operators(ddl)
    foreign, primary = ddl.attributes(made.table.oid), ddl.attributes(made.referenced.oid)
    found = []
    for column, key, opclass in zip(made.columns, made.keys, opclasses, strict=True):
        one, other = primary[key - 1], foreign[column - 1]
        triple = operators.of(opclass, one, other)
        if not triple[0] or not triple[2]:
            shown = ddl.types.format_type
            raise SqlError(
                f'foreign key constraint "{made.name}" cannot be implemented', "42804",
                f'Key columns "{other.attname}" of the referencing table and "{one.attname}" of '
                f"the referenced table are of incompatible types: {shown(other.atttypid)} and "
                f"{shown(one.atttypid)}.",
            )  # fmt: skip
        _same_collation(ddl, made.name, one, other)
        found.append(triple)
    made.pf, made.pp, made.ff = (tuple(t[i] for t in found) for i in range(3))


def store(ddl: Ddl, key: ForeignKey, parent: int = 0, local: bool = True) -> int:
    """The pg_constraint row of a foreign key."""
    partitioned = key.table.relkind == "p"
    if named(ddl.writer, key.table.oid, key.name) is not None:
        raise SqlError(f'constraint "{key.name}" for relation "{key.table.relname}" already exists',
                       "42710")  # fmt: skip
    return create_constraint(ddl.writer, ConstraintSpec(
        key.name, key.table.relnamespace, "f", key.table.oid, key.columns, key.columns,
        index=key.index, deferrable=key.deferrable, deferred=key.deferred, enforced=key.enforced,
        validated=key.validated, parent=parent, foreign_relid=key.referenced.oid,
        foreign_keys=key.keys, pf_eq_ops=key.pf, pp_eq_ops=key.pp, ff_eq_ops=key.ff,
        update_action=key.on_update, delete_action=key.on_delete,
        delete_columns=key.delete_columns, match=key.match, is_local=local,
        inhcount=0 if local else 1, no_inherit=local and not partitioned,
    ))  # fmt: skip


def action_triggers(
    ddl: Ddl, key: ForeignKey, constraint: int, parents: tuple[int, int] = (0, 0)
) -> tuple[int, int]:
    """The triggers of the referenced table (ON DELETE, ON UPDATE)."""
    out = []
    for place, (action, event) in enumerate(((key.on_delete, DELETE), (key.on_update, UPDATE))):
        late = action == "a"
        out.append(constraint_trigger(
            ddl, key.referenced.oid, "RI_ConstraintTrigger_a", ACTIONS[action][place], event,
            constraint, other=key.table.oid, index=key.index, parent=parents[place],
            deferrable=late and key.deferrable, deferred=late and key.deferred,
        ))  # fmt: skip
    return out[0], out[1]


def check_triggers(
    ddl: Ddl, key: ForeignKey, constraint: int, parents: tuple[int, int] = (0, 0)
) -> tuple[int, int]:
    """The triggers of the referencing table (INSERT, UPDATE)."""
    out = []
    for place, (function, event) in enumerate(((CHECK_INS, INSERT), (CHECK_UPD, UPDATE))):
        out.append(constraint_trigger(
            ddl, key.table.oid, "RI_ConstraintTrigger_c", function, event, constraint,
            other=key.referenced.oid, index=key.index, parent=parents[place],
            deferrable=key.deferrable, deferred=key.deferred,
        ))  # fmt: skip
    return out[0], out[1]


def add_foreign_key(ddl: Ddl, row: Any, node: Any) -> ForeignKey:
    """Give a table a foreign key. Rows that are there are the caller's to check."""
    key = work_out(ddl, row, node)
    if row.relkind == "p" or key.referenced.relkind == "p":
        from pgtool.commands.partfkeys import add_partitioned_foreign_key

        add_partitioned_foreign_key(ddl, key)
        return key
    constraint = store(ddl, key)
    if key.enforced:
        action_triggers(ddl, key, constraint)
        ddl.advance()
        check_triggers(ddl, key, constraint)
    ddl.advance()
    return key


