"""Foreign keys of and to partitioned tables.

The constraint of the whole has a child in every partition of the referencing table, and one
for every partition of the referenced table; the triggers of children have the whole's as
parents.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.deletion import delete_object
from pgtool.catalog.dependency import (
    INTERNAL,
    PARTITION_PRI,
    PARTITION_SEC,
    delete_dependencies_of,
    dependencies_of,
    record,
)
from pgtool.catalog.pg_constraint import choose_constraint_name, named
from pgtool.commands.alterconstraints import column_numbers
from pgtool.commands.context import Ddl
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.fkeys import ForeignKey, action_triggers, check_triggers, store
from pgtool.commands.partbounds import partitions_of
from pgtool.commands.rewrite import referring_values
from pgtool.errors import SqlError, Unsupported

__all__ = ["add_partitioned_foreign_key", "check_unreferred", "clone_foreign_keys",
           "detach_foreign_keys"]  # fmt: skip

CHECKS = (1644, 1645)  # the functions of triggers of the referencing side
#: What two foreign keys agree in that can become one.
_SAME = ("confrelid", "confkey", "confmatchtype", "confupdtype", "confdeltype", "condeferrable",
         "condeferred", "conenforced")  # fmt: skip


def add_partitioned_foreign_key(ddl: Ddl, key: ForeignKey) -> None:
    """A new foreign key where either side is partitioned."""
    constraint = store(ddl, key)
    _referenced(ddl, key, constraint, (0, 0), key.name)
    _referencing(ddl, key, constraint, (0, 0), key.name)


def _free_name(ddl: Ddl, key: ForeignKey, name: str) -> str:
    """A name for a part's constraint: the whole's, or one made of it where the table has that."""
    if named(ddl.writer, key.table.oid, name) is None:
        return name
    return choose_constraint_name(ddl.writer, name, None, "", key.table.relnamespace)


def _moved(numbers: tuple[int, ...], how: dict[int, int]) -> tuple[int, ...]:
    return tuple(how[number] for number in numbers)


def _index_part(ddl: Ddl, index: int, table: int) -> int:
    """The part of a partitioned index that belongs to a partition."""
    for found in ddl.cache.lookup("pg_inherits", "inhparent", index):
        facts = ddl.cache.one("pg_index", "indexrelid", found.inhrelid)
        if facts is not None and facts.indrelid == table:
            return int(found.inhrelid)
    raise Unsupported("a referenced partition without its part of the key's index")


def _referenced(
    ddl: Ddl, key: ForeignKey, constraint: int, parents: tuple[int, int], whole: str
) -> None:
    """Action triggers of the referenced table, and children for its partitions."""
    triggers = action_triggers(ddl, key, constraint, parents) if key.enforced else (0, 0)
    ddl.advance()
    if key.referenced.relkind != "p":
        return
    for child in partitions_of(ddl, key.referenced.oid):
        _referenced_part(ddl, key, constraint, ddl.relation_row(child), triggers, whole)


def _referenced_part(
    ddl: Ddl, key: ForeignKey, parent: int, partition: Any, triggers: tuple[int, int],
    whole: str,
) -> None:
    numbers = column_numbers(ddl, key.referenced.oid, partition.oid)
    part = replace(
        key, referenced=partition, keys=_moved(key.keys, numbers),
        index=_index_part(ddl, key.index, partition.oid),
    )  # fmt: skip
    part.name = _free_name(ddl, part, whole)
    constraint = store(ddl, part, parent, local=False)
    record(ddl.writer, Address(c.CONSTRAINT, constraint), Address(c.CONSTRAINT, parent), INTERNAL)
    ddl.advance()
    _referenced(ddl, part, constraint, triggers, whole)


def _referencing(
    ddl: Ddl, key: ForeignKey, constraint: int, parents: tuple[int, int], whole: str
) -> None:
    """Check triggers of the referencing table, and children in its partitions."""
    triggers = check_triggers(ddl, key, constraint, parents) if key.enforced else (0, 0)
    ddl.advance()
    if key.table.relkind != "p":
        return
    for child in partitions_of(ddl, key.table.oid):
        _referencing_part(ddl, key, constraint, ddl.relation_row(child), triggers, whole)


def _referencing_part(
    ddl: Ddl, key: ForeignKey, parent: int, partition: Any, triggers: tuple[int, int],
    whole: str,
) -> None:
    numbers = column_numbers(ddl, key.table.oid, partition.oid)
    # The server leaves the columns of ON DELETE SET as the whole's are numbered.
    part = replace(key, table=partition, columns=_moved(key.columns, numbers))
    part.name = _free_name(ddl, part, whole)
    constraint = store(ddl, part, parent, local=False)
    own = Address(c.CONSTRAINT, constraint)
    record(ddl.writer, own, Address(c.CONSTRAINT, parent), PARTITION_PRI)
    record(ddl.writer, own, Address(c.RELATION, partition.oid), PARTITION_SEC)
    ddl.advance()
    _referencing(ddl, part, constraint, triggers, whole)


# -- new partitions ------------------------------------------------------------------------------


def _stored(ddl: Ddl, found: Any) -> ForeignKey:
    """A pg_constraint row as a worked-out key."""
    return ForeignKey(
        found.conname, ddl.relation_row(found.conrelid), found.conkey,
        ddl.relation_row(found.confrelid), found.confkey, found.conindid, found.conpfeqop,
        found.conppeqop, found.conffeqop, found.confmatchtype, found.confupdtype,
        found.confdeltype, found.confdelsetcols or (), found.condeferrable, found.condeferred,
        found.conenforced, found.convalidated,
    )  # fmt: skip


def _triggers(ddl: Ddl, constraint: int, table: int, functions: tuple[str, str]) -> (
    tuple[int, int]
):  # fmt: skip
    """The two triggers of a constraint on a table: by the events they fire on."""
    events = {"INSERT": 4, "DELETE": 8, "UPDATE": 16}
    out = [0, 0]
    check = functions == ("INSERT", "UPDATE")
    for row in ddl.cache.lookup("pg_trigger", "tgconstraint", constraint):
        if row.tgrelid != table or (row.tgfoid in CHECKS) != check:
            continue
        for place, event in enumerate(functions):
            if row.tgtype & events[event]:
                out[place] = int(row.oid)
    return out[0], out[1]


def clone_foreign_keys(ddl: Ddl, row: Any, parent: Any) -> None:
    """A partition gets the foreign keys of its parent, and those that refer to it."""
    for found in sorted(
        ddl.cache.lookup("pg_constraint", "confrelid", parent.oid), key=lambda f: int(f.oid)
    ):
        if found.contype == "f" and not _has_parent_over(ddl, found, parent):
            triggers = _triggers(ddl, found.oid, parent.oid, ("DELETE", "UPDATE"))
            key = _stored(ddl, found)
            _referenced_part(ddl, key, found.oid, row, triggers, key.name)
    for found in sorted(
        ddl.cache.lookup("pg_constraint", "conrelid", parent.oid), key=lambda f: int(f.oid)
    ):
        if found.contype != "f" or _is_referenced_side(ddl, found):
            continue
        key = _stored(ddl, found)
        triggers = _triggers(ddl, found.oid, parent.oid, ("INSERT", "UPDATE"))
        own = _matching(ddl, row, parent, found)
        if own is not None:
            _adopt(ddl, own, found, row, triggers)
        else:
            _referencing_part(ddl, key, found.oid, row, triggers, key.name)


def _adopt(ddl: Ddl, own: Any, found: Any, row: Any, parents: tuple[int, int]) -> None:
    """A table's own foreign key becomes the part of its new parent's equal one."""
    if found.convalidated and not own.convalidated:
        raise Unsupported("attaching a table whose foreign key is not validated")
    address = Address(c.CONSTRAINT, own.oid)
    for part in ddl.cache.lookup("pg_constraint", "conparentid", own.oid):
        if part.conrelid == row.oid:  # it stands for a partition of the referenced table
            part_address = Address(c.CONSTRAINT, part.oid)
            delete_dependencies_of(ddl.writer, part_address)
            ddl.advance()
            drop_objects(ddl, [part_address], False)
    for trigger in ddl.cache.lookup("pg_trigger", "tgconstraint", own.oid):
        if trigger.tgrelid == own.confrelid and trigger.tgfoid not in CHECKS:
            delete_object(ddl.writer, Address(c.TRIGGER, trigger.oid))
    ddl.advance()
    ddl.writer.update("pg_constraint", ddl.cache.one("pg_constraint", "oid", own.oid),
                      conislocal=False, coninhcount=own.coninhcount + 1, conparentid=found.oid)
    record(ddl.writer, address, Address(c.CONSTRAINT, found.oid), PARTITION_PRI)
    record(ddl.writer, address, Address(c.RELATION, row.oid), PARTITION_SEC)
    ddl.advance()
    for child, parent in zip(_triggers(ddl, own.oid, row.oid, ("INSERT", "UPDATE")), parents):
        trigger = ddl.cache.one("pg_trigger", "oid", child)
        if trigger is None:
            continue  # a key that is not enforced has none
        ddl.writer.update("pg_trigger", trigger, tgparentid=parent)
        record(ddl.writer, Address(c.TRIGGER, child), Address(c.TRIGGER, parent), PARTITION_PRI)
        record(ddl.writer, Address(c.TRIGGER, child), Address(c.RELATION, row.oid), PARTITION_SEC)
    ddl.advance()


def _has_parent_over(ddl: Ddl, found: Any, parent: Any) -> bool:
    """Whether a constraint is the child of one that refers to this very table."""
    above = ddl.cache.one("pg_constraint", "oid", found.conparentid) if found.conparentid else None
    return above is not None and above.confrelid == parent.oid


def _is_referenced_side(ddl: Ddl, found: Any) -> bool:
    """Whether a constraint stands for a partition of the referenced table only."""
    above = ddl.cache.one("pg_constraint", "oid", found.conparentid) if found.conparentid else None
    return above is not None and above.conrelid == found.conrelid


def _matching(ddl: Ddl, row: Any, parent: Any, found: Any) -> Any:
    numbers = column_numbers(ddl, parent.oid, row.oid)
    wanted = _moved(found.conkey, numbers)
    for own in ddl.cache.lookup("pg_constraint", "conrelid", row.oid):
        if (
            own.contype == "f" and own.conkey == wanted and not own.conparentid
            and all(getattr(own, name) == getattr(found, name) for name in _SAME)
        ):  # fmt: skip
            return own
    return None


def check_unreferred(ddl: Ddl, row: Any) -> None:
    """A partition can only leave if no row refers to one of its rows."""
    keys = ddl.cache.lookup("pg_constraint", "confrelid", row.oid)
    for found in sorted(keys, key=lambda f: int(f.oid)):
        if found.contype != "f" or not _is_referenced_side(ddl, found):
            continue
        key = _stored(ddl, found)
        values = referring_values(ddl, key)
        if values is not None:
            columns = ", ".join(
                ddl.attributes(key.table.oid)[number - 1].attname for number in key.columns
            )
            raise SqlError(
                f'removing partition "{row.relname}" violates foreign key constraint "{key.name}"',
                "23503", f"Key ({columns})=({', '.join(map(str, values))}) is still referenced "
                f'from table "{key.table.relname}".',
            )  # fmt: skip


def detach_foreign_keys(ddl: Ddl, row: Any) -> None:
    """A detached partition keeps its foreign keys as its own; who refers to it is let go."""
    for found in ddl.cache.lookup("pg_constraint", "confrelid", row.oid):
        if found.contype == "f" and _is_referenced_side(ddl, found):
            address = Address(c.CONSTRAINT, found.oid)
            delete_dependencies_of(ddl.writer, address)
            ddl.advance()
            drop_objects(ddl, [address], False)
            ddl.advance()
    for found in ddl.cache.lookup("pg_constraint", "conrelid", row.oid):
        if found.contype != "f" or not found.conparentid:
            continue
        key = _stored(ddl, found)
        own = Address(c.CONSTRAINT, found.oid)
        ddl.writer.update("pg_constraint", found, conislocal=True, coninhcount=0, conparentid=0)
        for dependency in dependencies_of(ddl.writer, own):
            if dependency.deptype in (PARTITION_PRI, PARTITION_SEC):
                ddl.writer.delete("pg_depend", dependency)
        for trigger in ddl.cache.lookup("pg_trigger", "tgconstraint", found.oid):
            if trigger.tgparentid:
                ddl.writer.update("pg_trigger", trigger, tgparentid=0)
                for dependency in dependencies_of(ddl.writer, Address(c.TRIGGER, trigger.oid)):
                    if dependency.deptype in (PARTITION_PRI, PARTITION_SEC):
                        ddl.writer.delete("pg_depend", dependency)
        ddl.advance()
        _referenced(ddl, key, found.oid, (0, 0), key.name)
