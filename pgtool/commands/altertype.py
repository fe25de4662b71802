"""ALTER COLUMN TYPE: the column, what depends on it, the rows.

Indexes and constraints over the column are written down as SQL, dropped, and made again when
the rows have their new values. Rows are rewritten unless every old value is a new one as it
lies. Views, triggers and generated columns over the column forbid the change.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.deletion import drop_statistics
from pgtool.catalog.dependency import (
    NORMAL,
    delete_dependencies_of,
    dependencies_of,
    record,
    referencing,
)
from pgtool.catalog.missing import missing_datum
from pgtool.catalog.pg_attrdef import default_of, store_default
from pgtool.commands.altercolumns import column_of
from pgtool.commands.alteridentity import INTEGERS, NOT_INTEGER, set_identity_type
from pgtool.commands.altertable import AlterTable
from pgtool.commands.comment import store_comment
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.exprs import relation_state
from pgtool.commands.indexcmds import children_of, forget_empty
from pgtool.commands.rewrite import missing_array
from pgtool.commands.tabledef import check_column_type
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.ruleutils.constraints import constraint_text
from pgtool.functions.ruleutils.deparser import INDENT
from pgtool.functions.ruleutils.exprs import strip_implicit
from pgtool.functions.ruleutils.indexes import index_text
from pgtool.functions.sysfuncs.describe import describe
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import CoerceToDomain, FuncExpr, RelabelType, Var
from pgtool.nodes.text import text_to_node
from pgtool.sql.analyze.coerce import Context, coerce_to_target
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.analyze.typenames import collation_oid, typename_type

__all__ = ["alter_type", "check_type", "rebuild"]

VARCHAR_LENGTH, NUMERIC_LENGTH = 669, 1703
TIMESTAMPTZ_TIMESTAMP, TIMESTAMP_TIMESTAMPTZ = 2027, 2028
VARHDRSZ = 4


def _target(alter: AlterTable, row: Any, command: Any) -> tuple[int, int, int]:
    """(type, modifier, collation) that a column gets."""
    ddl, node = alter.ddl, command.def_
    typid, typmod = typename_type(ddl.state(), node.typeName)
    check_column_type(ddl, command.name, typid)
    collation = ddl.types.info(typid).typcollation
    if node.collClause is not None:
        names = [part.sval for part in node.collClause.collname]
        collation = collation_oid(ddl.state(), names, node.collClause.location)
        if not ddl.types.info(typid).typcollation:
            shown = ddl.types.format_type(typid)
            raise SqlError(f"collations are not supported by type {shown}", "42804")
    return typid, typmod, collation


def _transform(
    alter: AlterTable, row: Any, column: Any, command: Any, target: tuple[int, int, int]
) -> Any:
    """The expression that gives a row's new value."""
    ddl, node = alter.ddl, command.def_
    state = relation_state(ddl, row)
    using = node.raw_default
    if using is not None:
        expr = transform_expr(state, using, "TRANSFORM")
    else:
        expr = Var(
            varno=1, varattno=column.attnum, vartype=column.atttypid, vartypmod=column.atttypmod,
            varcollid=column.attcollation, varnosyn=1, varattnosyn=column.attnum,
        )  # fmt: skip
    made = coerce_to_target(
        state, expr, expr_type(expr), target[0], target[1], Context.assignment,
        CoercionForm.COERCE_IMPLICIT_CAST, -1,
    )  # fmt: skip
    shown = ddl.types.format_type(target[0])
    if made is None and using is not None:
        raise SqlError(
            f'result of USING clause for column "{column.attname}" cannot be cast automatically '
            f"to type {shown}", "42804", hint="You might need to add an explicit cast.")
    if made is None:
        from pgtool.types.names import quote_identifier

        full = ddl.types.format_type(target[0], target[1])
        name = quote_identifier(column.attname)
        raise SqlError(
            f'column "{column.attname}" cannot be cast automatically to type {shown}', "42804",
            hint=f'You might need to specify "USING {name}::{full}".')  # fmt: skip
    assign_collations(state, made)
    return made


def _needs_rewrite(alter: AlterTable, column: Any, expr: Any, target: tuple[int, int, int]) -> bool:
    """Whether an old value is not a new one as it lies."""
    ddl = alter.ddl
    while True:
        if isinstance(expr, Var) and expr.varattno == column.attnum:
            return False
        if isinstance(expr, RelabelType):
            expr = expr.arg
        elif isinstance(expr, CoerceToDomain):
            row = ddl.cache.type(expr.resulttype)
            if row.typnotnull or ddl.cache.lookup("pg_constraint", "contypid", row.oid):
                return True
            expr = expr.arg
        elif isinstance(expr, FuncExpr) and _only_length(ddl, expr, column, target):
            expr = expr.args[0]
        else:
            return True


def _only_length(ddl: Any, expr: FuncExpr, column: Any, target: tuple[int, int, int]) -> bool:
    """Whether a conversion only checks a length that no old value can break."""
    old, new = column.atttypmod, target[1]
    if expr.funcid == VARCHAR_LENGTH:
        return new < 0 or (0 <= old <= new)
    if expr.funcid == NUMERIC_LENGTH:
        if new < VARHDRSZ:
            return True
        if old < VARHDRSZ:
            return False
        one, two = old - VARHDRSZ, new - VARHDRSZ
        scales = (one & 0x7FF, two & 0x7FF)
        return scales[0] == scales[1] and one >> 16 <= two >> 16
    if expr.funcid in (TIMESTAMPTZ_TIMESTAMP, TIMESTAMP_TIMESTAMPTZ):
        return str(ddl.session.get("timezone")).upper() in ("UTC", "GMT")
    return False


def check_type(
    alter: AlterTable, row: Any, command: Any, recurse: bool, below: bool = False
) -> None:
    """ALTER COLUMN … TYPE, before anything is done."""
    ddl = alter.ddl
    at = command.def_.location + 1 or None
    column = column_of(alter, row, command.name)
    own = column.attidentity and not row.relispartition
    if own and typename_type(ddl.state(), command.def_.typeName)[0] not in INTEGERS:
        raise SqlError(NOT_INTEGER, "22023")
    if column.attgenerated and command.def_.raw_default is not None:
        raise SqlError("cannot specify USING when altering type of generated column", "42611",
                       f'Column "{column.attname}" is a generated column.', position=at)
    if column.attinhcount > 0 and not below:
        raise SqlError(f'cannot alter inherited column "{command.name}"', "42P16", position=at)
    if below:
        links = ddl.cache.lookup("pg_inherits", "inhrelid", row.oid)
        if column.attinhcount > sum(link.inhparent in alter.retyping for link in links):
            raise SqlError(f'cannot alter inherited column "{command.name}" of relation '
                           f'"{row.relname}"', "42P16")  # fmt: skip
    key = ddl.cache.one("pg_partitioned_table", "partrelid", row.oid)
    if key is not None and column.attnum in key.partattrs:
        raise SqlError(f'cannot alter column "{command.name}" because it is part of the partition '
                       f'key of relation "{row.relname}"', "42P16", position=at)
    target = _target(alter, row, command)
    if row.relkind in "rp":
        _transform(alter, row, column, command, target)
    children = children_of(ddl, row.oid)
    if children and not recurse:
        raise SqlError(
            f'type of inherited column "{command.name}" must be changed in child tables too',
            "42P16")  # fmt: skip
    if not below:
        alter.retyping = set(_all_below(ddl, row.oid))
    for child in children:
        check_type(alter, ddl.relation_row(child), command, True, True)


def _all_below(ddl: Any, relid: int) -> list[int]:
    """A table and all that inherit from it."""
    return [relid, *(oid for child in children_of(ddl, relid) for oid in _all_below(ddl, child))]


def alter_type(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """ALTER COLUMN … TYPE."""
    ddl = alter.ddl
    column = column_of(alter, row, command.name)
    work = alter.work(row.oid)
    if int(column.attnum) in work.retyped:
        raise SqlError(f'cannot alter type of column "{command.name}" twice', "0A000")
    work.retyped.add(int(column.attnum))
    target = _target(alter, row, command)
    if row.relkind in "rp":
        expr = _transform(alter, row, column, command, target)
        if column.attgenerated != "v" and _needs_rewrite(alter, column, expr, target):
            work.rewrite = True
            work.new_values[int(column.attnum)] = expr
            work.converted.add(int(column.attnum))
    elif command.def_.raw_default is not None:
        raise SqlError(f'"{row.relname}" is not a table', "42809")
    else:
        refuse_used_type(ddl, row.reltype, row.relname)
    remember(alter, row, column)
    _change(alter, row, column, target)
    if column.attidentity and not row.relispartition:
        set_identity_type(alter, row, column, command.def_.typeName)
    for child in children_of(ddl, row.oid):
        alter_type(alter, ddl.relation_row(child), command, True)


def refuse_used_type(ddl: Any, typid: int, name: str) -> None:
    """SqlError where a stored column holds values of a type, of arrays or rows of it."""
    for found in referencing(ddl.writer, Address(c.TYPE, typid)):
        if found.classid == c.TYPE:
            refuse_used_type(ddl, found.objid, name)
        elif found.classid == c.RELATION and found.objsubid > 0:
            relation = ddl.relation_row(found.objid)
            column = next(
                (a for a in ddl.attributes(found.objid) if a.attnum == found.objsubid), None
            )
            if column is None or column.attisdropped or column.atttypid != typid:
                continue
            if relation.relkind in "rmp":
                raise SqlError(f'cannot alter type "{name}" because column '
                               f'"{relation.relname}.{column.attname}" uses it', "0A000")
            if relation.reltype:
                refuse_used_type(ddl, relation.reltype, name)


# -- what depends on the column ----------------------------------------------------------------


def remember(alter: AlterTable, row: Any, column: Any, *, new_type: bool = True) -> None:
    """Write down and drop indexes and constraints over the column.

    A column that gets a ``new_type`` may have nothing else that depends on it.
    """
    ddl = alter.ddl
    own = Address(c.RELATION, row.oid, int(column.attnum))
    dropped: list[Address] = []
    for found in referencing(ddl.writer, own):
        address = Address(found.classid, found.objid)
        if found.classid == c.RELATION:
            relation = ddl.cache.one("pg_class", "oid", found.objid)
            if relation is not None and relation.relkind in "iI":
                _index(alter, relation, dropped)
            elif relation is not None and relation.relkind == "S":
                continue
            elif found.objsubid:
                _generated(ddl, row, column, found)
        elif found.classid == c.CONSTRAINT:
            _constraint(alter, found.objid, dropped)
        elif found.classid == c.ATTR_DEFAULT:
            default = ddl.cache.one("pg_attrdef", "oid", found.objid)
            if new_type and (default.adrelid, default.adnum) != (row.oid, column.attnum):
                _generated(ddl, row, column, found, default)
        elif new_type:
            _refuse(ddl, address, column, row)
    # Foreign keys of other tables lean on the index of a key that goes.
    for address in list(dropped):
        if address.classid == c.CONSTRAINT:
            index = ddl.cache.one("pg_constraint", "oid", address.objid).conindid
            for key in ddl.cache.lookup("pg_constraint", "conindid", index):
                if key.contype == "f":
                    _constraint(alter, key.oid, dropped)
    if dropped:
        drop_objects(ddl, dropped, False)


def _refuse(ddl: Any, address: Address, column: Any, row: Any) -> None:
    words = {
        c.REWRITE: "used by a view or rule", c.TRIGGER: "used in a trigger definition",
        c.POLICY: "used in a policy definition", c.PROCEDURE: "used by a function or procedure",
        c.PUBLICATION_REL: "used by a publication WHERE clause",
    }.get(address.classid)  # fmt: skip
    if words is None:
        raise Unsupported(f"ALTER COLUMN TYPE with {describe(ddl.session, *address)}")
    raise SqlError(
        f"cannot alter type of a column {words}", "0A000",
        f'{describe(ddl.session, *address)} depends on column "{column.attname}"')


def _generated(ddl: Any, row: Any, column: Any, found: Any, default: Any = None) -> None:
    number = default.adnum if default is not None else found.objsubid
    name = ddl.attributes(row.oid)[number - 1].attname
    raise SqlError("cannot alter type of a column used by a generated column", "0A000",
                   f'Column "{column.attname}" is used by generated column "{name}".')


def _index(alter: AlterTable, relation: Any, dropped: list[Address]) -> None:
    ddl = alter.ddl
    address = Address(c.RELATION, relation.oid)
    if address in dropped:
        return
    for found in ddl.cache.lookup("pg_constraint", "conindid", relation.oid):
        if found.contype in "pux":
            _constraint(alter, found.oid, dropped)
            return
    dropped.append(address)
    if relation.relispartition:
        return  # it comes again with the one above it
    facts = ddl.cache.one("pg_index", "indexrelid", relation.oid)
    text = index_text(ddl.session, relation.oid, INDENT)
    alter.rebuilt.append(("index", facts.indrelid, text, _comment(ddl, address), relation.relname))


def _constraint(alter: AlterTable, oid: int, dropped: list[Address]) -> None:
    ddl = alter.ddl
    address = Address(c.CONSTRAINT, oid)
    if address in dropped:
        return
    row = ddl.cache.one("pg_constraint", "oid", oid)
    if row.contype == "n":
        return
    if row.conparentid and row.contype == "f":
        # It goes with the whole's, and comes again with it.
        _constraint(alter, row.conparentid, dropped)
        return
    if row.coninhcount and row.conislocal:
        raise Unsupported("ALTER COLUMN TYPE with a constraint that is inherited and local")
    dropped.append(address)
    if row.coninhcount:
        return  # the parent's is made again for its children, too
    text = constraint_text(ddl.session, oid, 0)
    alter.rebuilt.append(
        ("constraint", row.conrelid, text, _comment(ddl, address), row.conname)
    )


def _comment(ddl: Any, address: Address) -> str | None:
    key = ("objoid", "classoid", "objsubid")
    found = ddl.cache.one("pg_description", key, (address.objid, address.classid, 0))
    return None if found is None else str(found.description)


def rebuild(alter: AlterTable) -> None:
    """Make the dropped indexes and constraints again when the rows are there."""
    waiting, alter.rebuilt = alter.rebuilt, []
    for kind in ("index", "constraint"):
        # Foreign keys come last: they need the keys.
        for item in sorted(waiting, key=lambda item: item[2].startswith("FOREIGN KEY")):
            if item[0] == kind:
                alter.late.append(lambda item=item: _make_again(alter, item))


def _make_again(alter: AlterTable, item: tuple[str, int, str, str | None, str]) -> None:
    from pgtool.commands.indexcmds import IndexPlan, define_index
    from pgtool.commands.query import qualified
    from pgtool.sql.parse import parse
    from pgtool.types.names import quote_identifier

    ddl = alter.ddl
    kind, relid, text, comment, name = item
    row = ddl.relation_row(relid)
    if kind == "index":
        node: Any = parse(text)[0].stmt
        oid, _constraint_oid = define_index(ddl, row, IndexPlan(
            node.indexParams, node.indexIncludingParams, node.idxname, node.accessMethod,
            node.whereClause, node.options, node.unique,
            nulls_not_distinct=node.nulls_not_distinct,
        ))  # fmt: skip
        address = Address(c.RELATION, oid)
    else:
        statement = (f"ALTER TABLE ONLY {qualified(ddl, row)} ADD CONSTRAINT "
                     f"{quote_identifier(name)} {text}")  # fmt: skip
        node = parse(statement)[0].stmt
        AlterTable(ddl).run(row, node.cmds, True)
        found = ddl.cache.one("pg_constraint", ("conrelid", "conname"), (relid, name))
        address = Address(c.CONSTRAINT, found.oid)
    if comment is not None:
        store_comment(ddl, address, comment)
    ddl.advance()
    if alter.work(relid).rewrite:
        oid = address.objid
        if address.classid == c.CONSTRAINT:
            oid = ddl.cache.one("pg_constraint", "oid", oid).conindid
        forget_empty(ddl, oid)


# -- the column itself ---------------------------------------------------------------------------


def _change(alter: AlterTable, row: Any, column: Any, target: tuple[int, int, int]) -> None:
    ddl, writer = alter.ddl, alter.ddl.writer
    typid, typmod, collation = target
    expr = _converted_default(alter, row, column, target)
    info = ddl.types.info(typid)
    for found in dependencies_of(writer, Address(c.RELATION, row.oid)):
        if found.objsubid == column.attnum and found.refclassid in (c.TYPE, c.COLLATION):
            writer.delete("pg_depend", found)
    changes: dict[str, Any] = {
        "atttypid": typid, "atttypmod": typmod, "attcollation": collation, "attndims": 0,
        "attlen": info.typlen, "attbyval": info.typbyval, "attalign": info.typalign,
        "attstorage": info.typstorage, "attcompression": "",
    }  # fmt: skip
    if int(column.attnum) not in alter.work(row.oid).new_values:
        changes["attmissingval"] = _missing_as(ddl, column, typid)
    writer.update("pg_attribute", column, **changes)
    own = Address(c.RELATION, row.oid, int(column.attnum))
    record(writer, own, Address(c.TYPE, typid), NORMAL)
    if collation and collation != c.DEFAULT_COLLATION:
        record(writer, own, Address(c.COLLATION, collation), NORMAL)
    drop_statistics(writer, row.oid, int(column.attnum))
    ddl.advance()
    if expr is not None:
        old = default_of(writer, row.oid, column.attnum)
        if column.attgenerated:
            # The column cannot do without its expression: it would refuse to let it go.
            delete_dependencies_of(writer, Address(c.ATTR_DEFAULT, old.oid), shared=False)
            ddl.advance()
        drop_objects(ddl, [Address(c.ATTR_DEFAULT, old.oid)], False)
        store_default(writer, row.oid, int(column.attnum), expr)
        ddl.advance()


def _missing_as(ddl: Any, column: Any, typid: int) -> bytes | None:
    """The missing value of a column whose values stay as they are, under another type."""
    if not column.atthasmissing:
        return None
    datum = missing_datum(column.attmissingval, column)
    assert datum is not None
    return missing_array(ddl, typid, datum)


def _converted_default(
    alter: AlterTable, row: Any, column: Any, target: tuple[int, int, int]
) -> Any:
    """The default as one of the new type."""
    ddl = alter.ddl
    found = default_of(ddl.writer, row.oid, column.attnum)
    if found is None:
        return None
    expr = strip_implicit(text_to_node(found.adbin))
    made = coerce_to_target(
        ddl.state(), expr, expr_type(expr), target[0], target[1], Context.assignment,
        CoercionForm.COERCE_IMPLICIT_CAST, -1,
    )  # fmt: skip
    if made is None:
        shown = ddl.types.format_type(target[0])
        what = "generation expression" if column.attgenerated else "default"
        raise SqlError(f'{what} for column "{column.attname}" cannot be cast automatically to '
                       f"type {shown}", "42804")  # fmt: skip
    return made
