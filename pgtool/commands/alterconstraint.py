"""ALTER TABLE … ALTER CONSTRAINT: when a foreign key is checked, whether it is, and whether
children inherit a NOT NULL constraint.

What holds for the whole holds for the parts that stand for partitions, with their triggers.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.deletion import delete_object
from pgtool.catalog.pg_constraint import named, not_null_of
from pgtool.commands.alterconstraints import check_later, parts_of, stored_key
from pgtool.commands.alternotnull import ensure_not_null
from pgtool.commands.altertable import AlterTable
from pgtool.commands.fkeys import (
    ACTIONS,
    CHECK_INS,
    CHECK_UPD,
    action_triggers,
    check_triggers,
)
from pgtool.commands.indexcmds import children_of
from pgtool.errors import SqlError

__all__ = ["alter_constraint"]

#: The functions of triggers that can wait: those that check, and those that do no action.
_LATE = (CHECK_INS, CHECK_UPD, *ACTIONS["a"])
_NO_TRIGGERS = (0, 0)


def alter_constraint(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """ALTER CONSTRAINT."""
    node = command.def_
    _check(alter, row, node, recurse)
    found = named(alter.ddl.writer, row.oid, node.conname)
    if node.alterEnforceability and node.is_enforced != found.conenforced:
        _enforce(alter, found, node, found.confrelid)
    elif node.alterDeferrability and (node.deferrable, node.initdeferred) != (
        found.condeferrable, found.condeferred
    ):  # fmt: skip
        _defer(alter, found, node)
    if node.alterInheritability:
        _inherit(alter, row, found, node.noinherit)


def _check(alter: AlterTable, row: Any, node: Any, recurse: bool) -> None:
    """The constraint is there, and of a kind that can be changed like this."""
    if row.relkind == "p" and not recurse and (node.alterEnforceability or node.alterDeferrability):
        raise SqlError("constraint must be altered in child tables too", "42P16",
                       hint="Do not specify the ONLY keyword.")  # fmt: skip
    name, on = f'constraint "{node.conname}"', f'relation "{row.relname}"'
    found = named(alter.ddl.writer, row.oid, node.conname)
    if found is None:
        raise SqlError(f"{name} of {on} does not exist", "42704")
    if node.alterDeferrability and found.contype != "f":
        raise SqlError(f"{name} of {on} is not a foreign key constraint", "42809")
    if node.alterEnforceability and found.contype != "f":
        raise SqlError(f"cannot alter enforceability of {name} of {on}", "42809")
    if node.alterInheritability and found.contype != "n":
        raise SqlError(f"{name} of {on} is not a not-null constraint", "42809")
    if node.alterInheritability and node.noinherit and found.coninhcount:
        raise SqlError(f"cannot alter inherited {name} on {on}", "55000")
    if found.conparentid and not node.alterInheritability:
        above = found
        while above.conparentid:
            above = alter.ddl.cache.one("pg_constraint", "oid", above.conparentid)
        raise SqlError(
            f"cannot alter {name} on {on}", "55000",
            f'Constraint "{node.conname}" is derived from constraint "{above.conname}" of relation '
            f'"{alter.ddl.relation_row(above.conrelid).relname}".',
            "You may alter the constraint it derives from instead.",
        )  # fmt: skip


# -- foreign keys ------------------------------------------------------------------------------


def _defer(alter: AlterTable, found: Any, node: Any) -> None:
    writer = alter.ddl.writer
    writer.update("pg_constraint", found, condeferrable=node.deferrable,
                  condeferred=node.initdeferred)  # fmt: skip
    for trigger in alter.ddl.cache.lookup("pg_trigger", "tgconstraint", found.oid):
        if trigger.tgfoid in _LATE:
            writer.update("pg_trigger", trigger, tgdeferrable=node.deferrable,
                          tginitdeferred=node.initdeferred)  # fmt: skip
    for part in parts_of(alter, found):
        _defer(alter, part, node)


def _enforce(
    alter: AlterTable, found: Any, node: Any, referenced: int,
    actions: tuple[int, int] = _NO_TRIGGERS, checks: tuple[int, int] = _NO_TRIGGERS,
    top: bool = True,
) -> None:  # fmt: skip
    """Give a foreign key its triggers, or take them; ``actions`` and ``checks`` are those of
    the constraint above."""
    ddl = alter.ddl
    changes: dict[str, Any] = {"conenforced": node.is_enforced, "convalidated": node.is_enforced}
    if node.alterDeferrability:
        changes |= {"condeferrable": node.deferrable, "condeferred": node.initdeferred}
    row = ddl.relation_row(found.conrelid)
    # The triggers wait as long as they did before, whatever else the command says of that.
    key = stored_key(alter, row, found)
    ddl.writer.update("pg_constraint", found, **changes)
    ddl.advance()
    if not node.is_enforced:
        for trigger in ddl.cache.lookup("pg_trigger", "tgconstraint", found.oid):
            delete_object(ddl.writer, Address(c.TRIGGER, trigger.oid))
        for part in parts_of(alter, found):
            _enforce(alter, part, node, referenced)
        return
    own_table = top or found.confrelid == referenced
    if row.relkind == "r" and own_table:
        check_later(alter, key)
    mine = _NO_TRIGGERS
    if top or not own_table:
        mine = action_triggers(ddl, key, found.oid, actions)
    checking = check_triggers(ddl, key, found.oid, checks) if own_table else _NO_TRIGGERS
    ddl.advance()
    for part in parts_of(alter, found):
        _enforce(alter, part, node, referenced, mine, checking, top=False)


# -- NOT NULL ----------------------------------------------------------------------------------


def _inherit(alter: AlterTable, row: Any, found: Any, noinherit: bool) -> None:
    """Children get the constraint, or keep what they have as their own."""
    if bool(found.connoinherit) == noinherit:
        return
    ddl = alter.ddl
    ddl.writer.update("pg_constraint", found, connoinherit=noinherit)
    ddl.advance()
    name = ddl.attributes(row.oid)[found.conkey[0] - 1].attname
    for child in children_of(ddl, row.oid):
        column = ddl.attribute(child, name)
        if noinherit:
            own = not_null_of(ddl.writer, child, column.attnum)
            ddl.writer.update("pg_constraint", own, conislocal=True,
                              coninhcount=own.coninhcount - 1)  # fmt: skip
        else:
            ensure_not_null(alter, ddl.relation_row(child), column, found.conname, local=False)
