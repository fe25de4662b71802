"""ALTER TABLE's commands on constraints: add, drop, alter, validate."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import INTERNAL, record
from pgtool.catalog.pg_constraint import ConstraintSpec, create_constraint, named, not_null_of
from pgtool.commands.alternotnull import check_droppable, ensure_not_null
from pgtool.commands.altertable import AlterTable
from pgtool.commands.constraints import add_checks, check_name
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.exprs import cook_check, without_place
from pgtool.commands.fkeys import ForeignKey, add_foreign_key
from pgtool.commands.indexcmds import IndexPlan, children_of, define_index, forget_empty
from pgtool.commands.rename import rename_relation
from pgtool.commands.tabledef import CheckPlan
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import ConstrType as Kind
from pgtool.nodes.raw_enums import DropBehavior

__all__ = ["add_constraint", "check_later", "drop_constraint", "parts_of", "stored_key",
           "validate_constraint"]  # fmt: skip


def later_index(alter: AlterTable, relid: int, plan: IndexPlan) -> None:
    """An index whose making must wait until the table has its final rows."""
    ddl = alter.ddl
    row = ddl.relation_row(relid)
    if plan.primary:
        _check_no_primary(alter, row)
        for elem in plan.keys:
            column = ddl.attribute(relid, elem.name)
            if column is None or column.attnum <= 0:
                raise SqlError(f'column "{elem.name}" of relation "{row.relname}" does not exist',
                               "42703")  # fmt: skip
            if plan.only:
                _check_below(alter, row, elem.name)
            _check_compatible(alter, row, column)
            ensure_not_null(alter, row, column, claim=False)
        ddl.advance()

    def build() -> None:
        if plan.primary:
            _check_no_primary(alter, ddl.relation_row(relid))
        oid, _constraint = define_index(ddl, ddl.relation_row(relid), plan)
        if alter.work(relid).rewrite:
            forget_empty(ddl, oid)

    if alter.work(relid).rewrite:
        alter.late.insert(0, build)
    else:
        build()


def _check_compatible(alter: AlterTable, row: Any, column: Any) -> None:
    """A primary key needs a NOT NULL constraint that holds for all rows, children's too."""
    found = not_null_of(alter.ddl.writer, row.oid, int(column.attnum))
    if found is None or (found.convalidated and not found.connoinherit):
        return
    mark, way = (
        ("NO INHERIT", "make the existing constraint inheritable using ALTER TABLE ... ALTER "
         "CONSTRAINT ... INHERIT.") if found.connoinherit
        else ("NOT VALID", "validate it using ALTER TABLE ... VALIDATE CONSTRAINT.")
    )  # fmt: skip
    raise SqlError(
        f'cannot create primary key on column "{column.attname}"', "55000",
        f'The constraint "{found.conname}" on column "{column.attname}" of table "{row.relname}", '
        f"marked {mark}, is incompatible with a primary key.", f"You might need to {way}",
    )  # fmt: skip


def _check_below(alter: AlterTable, row: Any, name: str) -> None:
    """ONLY: a key's column must be NOT NULL in the children already."""
    for child in children_of(alter.ddl, row.oid):
        if not alter.ddl.attribute(child, name).attnotnull:
            shown = alter.ddl.relation_row(child).relname
            raise SqlError(f'column "{name}" of table "{shown}" is not marked NOT NULL', "XX000")


def _check_no_primary(alter: AlterTable, row: Any) -> None:
    for index in alter.ddl.cache.lookup("pg_index", "indrelid", row.oid):
        if index.indisprimary:
            raise SqlError(
                f'multiple primary keys for table "{row.relname}" are not allowed', "42P16")


def check_later(alter: AlterTable, key: ForeignKey) -> None:
    """Look for rows without a partner when the statement's commands ran."""
    if not key.validated or not key.enforced:
        return

    def check() -> None:
        from pgtool.commands.rewrite import verify_foreign_key

        verify_foreign_key(alter.ddl, key)

    alter.late.append(check)


def add_constraint(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """ADD CONSTRAINT of any kind."""
    from pgtool.commands.tablecmds import key_plan

    ddl, node = alter.ddl, command.def_
    kind = node.contype
    if kind in (Kind.CONSTR_PRIMARY, Kind.CONSTR_UNIQUE):
        if node.without_overlaps:
            raise Unsupported("WITHOUT OVERLAPS")
        if node.indexname:
            _use_index(alter, row, node)
            return
        plan = key_plan(node)
        plan.only = not recurse
        later_index(alter, row.oid, plan)
    elif kind == Kind.CONSTR_FOREIGN:
        if not recurse and row.relkind == "p":
            raise SqlError(
                "cannot use ONLY for foreign key on partitioned table "
                f'"{row.relname}" referencing relation "{node.pktable.relname}"', "42809")
        if alter.late:
            # Keys that it refers to may be among what is to be made again.
            alter.late.append(lambda: _add_last(alter, row.oid, node))
        else:
            check_later(alter, add_foreign_key(ddl, row, node))
    elif kind == Kind.CONSTR_CHECK:
        _add_check(alter, row, node, recurse)
    elif kind == Kind.CONSTR_NOTNULL:
        name = node.keys[0].sval
        column = ddl.attribute(row.oid, name)
        if column is None or column.attnum <= 0:
            raise SqlError(f'column "{name}" of relation "{row.relname}" does not exist', "42703")
        if children_of(ddl, row.oid) and not recurse and not node.is_no_inherit:
            raise SqlError("constraint must be added to child tables too", "42P16",
                           hint="Do not specify the ONLY keyword.")  # fmt: skip
        ensure_not_null(alter, row, column, node.conname, no_inherit=node.is_no_inherit,
                        validated=not node.skip_validation)  # fmt: skip
    else:
        raise Unsupported(f"ADD CONSTRAINT {kind.name}")


def _add_last(alter: AlterTable, relid: int, node: Any) -> None:
    """A foreign key added when the rest of the statement is done."""
    from pgtool.commands.rewrite import verify_foreign_key

    ddl = alter.ddl
    key = add_foreign_key(ddl, ddl.relation_row(relid), node)
    ddl.advance()
    if key.validated and key.enforced:
        verify_foreign_key(ddl, key)


def _add_check(alter: AlterTable, row: Any, node: Any, recurse: bool) -> None:
    ddl = alter.ddl
    with without_place():
        expr = cook_check(ddl, node.raw_expr, row)
    children = children_of(ddl, row.oid)
    if children and not recurse and not node.is_no_inherit:
        raise SqlError("constraint must be added to child tables too", "42P16")
    name = node.conname or check_name(ddl, row, expr, set())
    _check_everywhere(alter, row, node, name, expr, inherited=False)


def _check_everywhere(
    alter: AlterTable, row: Any, node: Any, name: str, expr: Any, *, inherited: bool
) -> None:
    from pgtool.commands.exprs import renumbered

    ddl = alter.ddl
    valid = not node.skip_validation and node.is_enforced
    plan = CheckPlan(
        name, cooked=expr, no_inherit=node.is_no_inherit, is_local=not inherited,
        inhcount=int(inherited), enforced=node.is_enforced, validated=valid,
    )  # fmt: skip
    made = add_checks(ddl, row, [plan])
    if valid:
        alter.work(row.oid).checks += made
    ddl.advance()
    if node.is_no_inherit:
        return
    for child in children_of(ddl, row.oid):
        below = ddl.relation_row(child)
        numbers = column_numbers(ddl, row.oid, child)
        _check_everywhere(alter, below, node, name, renumbered(expr, numbers), inherited=True)


def column_numbers(ddl: Any, parent: int, child: int) -> dict[int, int]:
    """The parent's column numbers → the child's, by name."""
    own = {a.attname: int(a.attnum) for a in ddl.attributes(child) if not a.attisdropped}
    return {
        int(a.attnum): own[a.attname] for a in ddl.attributes(parent) if not a.attisdropped
    }  # fmt: skip


def _use_index(alter: AlterTable, row: Any, node: Any) -> None:
    """PRIMARY KEY or UNIQUE USING INDEX."""
    ddl = alter.ddl
    at = node.location + 1 or None
    key = ("relname", "relnamespace")
    index = ddl.cache.one("pg_class", key, (node.indexname, row.relnamespace))
    if index is None or index.relkind != "i":
        raise SqlError(f'index "{node.indexname}" does not exist', "42704", position=at)
    facts = ddl.cache.one("pg_index", "indexrelid", index.oid)
    if facts.indrelid != row.oid:
        raise SqlError(
            f'index "{node.indexname}" does not belong to table "{row.relname}"', "55000",
            position=at)  # fmt: skip
    for bad, message in (
        (ddl.cache.lookup("pg_constraint", "conindid", index.oid),
         f'index "{node.indexname}" is already associated with a constraint'),
        (not facts.indisvalid, f'index "{node.indexname}" is not valid'),
    ):  # fmt: skip
        if bad:
            raise SqlError(message, "55000", position=at)
    for bad, message in (
        (not facts.indisunique, f'"{node.indexname}" is not a unique index'),
        (facts.indexprs is not None, f'index "{node.indexname}" contains expressions'),
        (facts.indpred is not None, f'"{node.indexname}" is a partial index'),
    ):  # fmt: skip
        if bad:
            raise SqlError(message, "42809", "Cannot create a primary key or unique constraint "
                           "using such an index.", position=at)  # fmt: skip
    primary = node.contype == Kind.CONSTR_PRIMARY
    columns = facts.indkey[: facts.indnkeyatts]
    if primary:
        _check_no_primary(alter, row)
        for number in columns:
            ensure_not_null(alter, row, ddl.attributes(row.oid)[number - 1])
    name = node.conname or node.indexname
    if name != node.indexname:
        ddl.notice(f'ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "{node.indexname}" '
                   f'to "{name}"')  # fmt: skip
        rename_relation(ddl, index, name)
    constraint = create_constraint(ddl.writer, ConstraintSpec(
        name, row.relnamespace, "p" if primary else "u", row.oid, tuple(columns),
        tuple(facts.indkey), index=index.oid, deferrable=node.deferrable,
        deferred=node.initdeferred, no_inherit=True,
    ))  # fmt: skip
    own = Address(c.RELATION, index.oid)
    for found in ddl.cache.lookup("pg_depend", ("classid", "objid"), (c.RELATION, index.oid)):
        if found.deptype == "a" and found.refclassid == c.RELATION:
            ddl.writer.delete("pg_depend", found)
    record(ddl.writer, own, Address(c.CONSTRAINT, constraint), INTERNAL)
    changes: dict[str, Any] = {"indisprimary": primary} if primary else {}
    if node.deferrable:
        changes["indimmediate"] = False
        from pgtool.commands.trigger import unique_recheck_trigger

        unique_recheck_trigger(ddl, row, constraint, index.oid, primary, node.initdeferred)
    if changes:
        ddl.writer.update("pg_index", facts, **changes)


# -- DROP ------------------------------------------------------------------------------------


def drop_constraint(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """DROP CONSTRAINT."""
    found = named(alter.ddl.writer, row.oid, command.name)
    if found is None:
        message = f'constraint "{command.name}" of relation "{row.relname}" does not exist'
        if not command.missing_ok:
            raise SqlError(message, "42704")
        alter.ddl.notice(f"{message}, skipping")
        return
    drop_constraint_row(alter, row, found, command.behavior, recurse)


def drop_constraint_row(
    alter: AlterTable, row: Any, found: Any, behavior: Any, recurse: bool, below: bool = False
) -> None:
    """A constraint goes, in the children too where they have it from here only."""
    ddl = alter.ddl
    if found.coninhcount > 0 and not below:
        raise SqlError(
            f'cannot drop inherited constraint "{found.conname}" of relation "{row.relname}"',
            "42P16")  # fmt: skip
    if found.contype == "n":
        column = ddl.attributes(row.oid)[found.conkey[0] - 1]
        check_droppable(alter, row, column)
        if column.attidentity:
            raise SqlError(
                f'column "{column.attname}" of relation "{row.relname}" is an identity column',
                "55000")  # fmt: skip
        ddl.writer.update("pg_attribute", column, attnotnull=False)
    name, kind, keys = found.conname, found.contype, found.conkey
    no_inherit = found.connoinherit
    names = [ddl.attributes(row.oid)[n - 1].attname for n in keys or ()]
    drop_objects(ddl, [Address(c.CONSTRAINT, found.oid)], behavior == DropBehavior.DROP_CASCADE)
    if kind not in "cn" or no_inherit:
        return
    for child in children_of(ddl, row.oid):
        relation = ddl.relation_row(child)
        own = _child_constraint(alter, relation, kind, name, names)
        if own.coninhcount <= 0:
            raise SqlError(f"relation {child} has non-inherited constraint {name!r}", "XX000")
        if recurse and own.coninhcount == 1 and not own.conislocal:
            drop_constraint_row(alter, relation, own, behavior, True, below=True)
        else:
            changes: dict[str, Any] = {"coninhcount": own.coninhcount - 1}
            if not recurse:
                changes["conislocal"] = True
            ddl.writer.update("pg_constraint", own, **changes)


def validate_key(alter: AlterTable, found: Any, referenced: int) -> None:
    """Mark a foreign key and its parts as valid; the rows of every table are looked at later."""
    row = alter.ddl.relation_row(found.conrelid)
    if row.relkind == "r" and found.confrelid == referenced:
        check_later(alter, stored_key(alter, row, found))
    alter.ddl.writer.update("pg_constraint", found, convalidated=True)
    for part in parts_of(alter, found):
        if not part.convalidated:
            validate_key(alter, part, referenced)


def parts_of(alter: AlterTable, found: Any) -> list[Any]:
    """The constraints that stand for partitions of either side of a foreign key."""
    parts = alter.ddl.cache.lookup("pg_constraint", "conparentid", found.oid)
    return sorted((part for part in parts if part.contype == "f"), key=lambda part: int(part.oid))


def stored_key(alter: AlterTable, row: Any, found: Any) -> ForeignKey:
    """A foreign key that is there, as one that was worked out."""
    return ForeignKey(
        found.conname, row, found.conkey, alter.ddl.relation_row(found.confrelid), found.confkey,
        found.conindid, found.conpfeqop, found.conppeqop, found.conffeqop, found.confmatchtype,
        found.confupdtype, found.confdeltype, found.confdelsetcols or (), found.condeferrable,
        found.condeferred,
    )  # fmt: skip


def _child_constraint(alter: AlterTable, row: Any, kind: str, name: str, names: list[str]) -> Any:
    ddl = alter.ddl
    if kind == "n":
        return not_null_of(ddl.writer, row.oid, ddl.attribute(row.oid, names[0]).attnum)
    return named(ddl.writer, row.oid, name)


# -- VALIDATE, ALTER -------------------------------------------------------------------------


def validate_constraint(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """VALIDATE CONSTRAINT."""
    from pgtool.nodes.text import text_to_node

    ddl = alter.ddl
    found = named(ddl.writer, row.oid, command.name)
    if found is None:
        raise SqlError(
            f'constraint "{command.name}" of relation "{row.relname}" does not exist', "42704")
    if found.contype not in "fcn":
        raise SqlError(f'cannot validate constraint "{command.name}" of relation "{row.relname}"',
                       "42809", "This operation is not supported for this type of constraint.")
    if not found.conenforced:
        raise SqlError("cannot validate NOT ENFORCED constraint", "42P16")
    if found.convalidated:
        return
    if found.contype == "f":
        validate_key(alter, found, found.confrelid)
        return
    elif found.contype == "c":
        alter.work(row.oid).checks.append((found.conname, text_to_node(found.conbin)))
    else:
        alter.work(row.oid).not_nulls.append(found.conkey[0])
    ddl.writer.update("pg_constraint", found, convalidated=True)
    if found.connoinherit:
        return
    names = [ddl.attributes(row.oid)[n - 1].attname for n in found.conkey or ()]
    for child in children_of(ddl, row.oid):
        relation = ddl.relation_row(child)
        own = _child_constraint(alter, relation, found.contype, found.conname, names)
        if not recurse:
            raise SqlError("constraint must be validated on child tables too", "42P16")
        if not own.convalidated:
            below = command.copy(name=own.conname)
            validate_constraint(alter, relation, below, True)
