"""CREATE DOMAIN, ALTER DOMAIN."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog import pg_type
from pgtool.catalog.classids import Address
from pgtool.catalog.pg_constraint import ConstraintSpec, choose_constraint_name, create_constraint
from pgtool.commands.altertype import refuse_used_type
from pgtool.commands.context import Ddl, begin
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.exprs import cook_default, without_place
from pgtool.commands.ownership import check_ownership
from pgtool.commands.query import expression_text, names_of, qualified, rows_of
from pgtool.commands.tabledef import merge_attributes
from pgtool.commands.typecmds import add_array_type, new_type_name
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.ruleutils.entry import relation_expr
from pgtool.nodes.base import mutate
from pgtool.nodes.exprs import CoerceToDomainValue, Const, Var
from pgtool.nodes.raw import ColumnRef
from pgtool.nodes.raw_enums import ConstrType as Kind
from pgtool.nodes.raw_enums import DropBehavior
from pgtool.nodes.text import node_to_text, text_to_node
from pgtool.sql.analyze.coerce import coerce_to_boolean
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.typenames import collation_oid, typename_type
from pgtool.sql.answer import Outcome

__all__ = ["alter", "create"]

DOMAIN_IN, DOMAIN_RECV = 2597, 2598
_COPIED = ("typlen", "typbyval", "typalign", "typstorage", "typcategory", "typdelim", "typoutput",
           "typsend", "typanalyze")  # fmt: skip


class _Column:
    """What a default is coerced to."""

    def __init__(self, name: str, typid: int, typmod: int) -> None:
        self.attname, self.atttypid, self.atttypmod = name, typid, typmod


def _default_columns(ddl: Ddl, expr: Any) -> dict[str, Any]:
    """typdefaultbin and typdefault of a default; nothing for NULL."""
    if expr is None or (isinstance(expr, Const) and expr.constisnull):
        return {"typdefaultbin": None, "typdefault": None}
    return {"typdefaultbin": node_to_text(expr), "typdefault": relation_expr(
        ddl.session, expr, 0, 0)}  # fmt: skip


def cook_domain_check(ddl: Ddl, raw: Any, typid: int, typmod: int, collation: int) -> Any:
    """A CHECK over VALUE."""

    def value(node: Any) -> Any:
        if isinstance(node, ColumnRef) and [getattr(f, "sval", "") for f in node.fields] == [
            "value"
        ]:
            return CoerceToDomainValue(
                typeId=typid, typeMod=typmod, collation=collation, location=node.location
            )
        return mutate(node, value)

    state = ddl.state()
    with without_place():
        expr = coerce_to_boolean(state, transform_expr(state, value(raw), "CHECK"), "CHECK")
    assign_collations(state, expr)
    return expr


def _add_check(ddl: Ddl, row: Any, node: Any, base: tuple[int, int, int], taken: set[str]) -> None:
    name = node.conname or choose_constraint_name(
        ddl.writer, row.typname, None, "check", row.typnamespace, taken
    )
    if ddl.cache.one("pg_constraint", ("contypid", "conname"), (row.oid, name)) is not None:
        raise SqlError(f'constraint "{name}" for domain "{row.typname}" already exists', "42710")
    taken.add(name)
    expr = cook_domain_check(ddl, node.raw_expr, *base)
    create_constraint(ddl.writer, ConstraintSpec(
        name, row.typnamespace, "c", typid=row.oid, expr=expr, validated=not node.skip_validation,
    ))  # fmt: skip


def _add_not_null(ddl: Ddl, row: Any, node: Any, taken: set[str]) -> None:
    name = (node.conname if node is not None else None) or choose_constraint_name(
        ddl.writer, row.typname, None, "not_null", row.typnamespace, taken
    )
    taken.add(name)
    create_constraint(ddl.writer, ConstraintSpec(name, row.typnamespace, "n", typid=row.oid))


def _sorted_out(constraints: list[Any]) -> dict[str, Any]:
    """The constraints of CREATE DOMAIN by kind; refused where they contradict."""
    out: dict[str, Any] = {"checks": [], "null": None, "default": None}
    for node in merge_attributes(constraints):
        kind = node.contype
        if kind == Kind.CONSTR_DEFAULT:
            if out["default"] is not None:
                raise SqlError("multiple default expressions", "42601")
            out["default"] = node.raw_expr
        elif kind in (Kind.CONSTR_NULL, Kind.CONSTR_NOTNULL):
            if out["null"] is not None and out["null"].contype != kind:
                raise SqlError("conflicting NULL/NOT NULL constraints", "42601")
            out["null"] = node
        elif kind == Kind.CONSTR_CHECK:
            out["checks"].append(node)
        else:
            word = {Kind.CONSTR_UNIQUE: "unique", Kind.CONSTR_PRIMARY: "primary key",
                    Kind.CONSTR_FOREIGN: "foreign key",
                    Kind.CONSTR_EXCLUSION: "exclusion"}.get(kind)  # fmt: skip
            if word is None:
                raise Unsupported(f"constraint {kind.name} of a domain")
            raise SqlError(f"{word} constraints not possible for domains", "42601")
    return out


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE DOMAIN."""
    ddl = begin(engine, text)
    namespace, name = new_type_name(ddl, raw.domainname)
    basetype, typmod = typename_type(ddl.state(), raw.typeName)
    base = ddl.cache.type(basetype)
    shown = ddl.types.format_type(basetype)
    if base.typtype not in "bcderm":
        raise SqlError(f'"{shown}" is not a valid base type for a domain', "42804")
    collation = base.typcollation
    if raw.collClause is not None:
        names = [part.sval for part in raw.collClause.collname]
        collation = collation_oid(ddl.state(), names, raw.collClause.location)
        if not base.typcollation:
            raise SqlError(f"collations are not supported by type {shown}", "42804")
    parts = _sorted_out(raw.constraints)
    expr = None
    if parts["default"] is not None:
        expr = cook_default(ddl, parts["default"], _Column(name, basetype, typmod))
    not_null = parts["null"] is not None and parts["null"].contype == Kind.CONSTR_NOTNULL
    writer = ddl.writer
    array, oid = writer.new_oid("pg_type"), writer.new_oid("pg_type")
    columns = {key: getattr(base, key) for key in _COPIED}
    if parts["default"] is None and base.typdefaultbin:
        # A domain over a domain begins with the default of that.
        columns |= {"typdefault": base.typdefault, "typdefaultbin": base.typdefaultbin}
        expr = text_to_node(base.typdefaultbin)
    else:
        columns |= _default_columns(ddl, expr)
    row = pg_type.base_row(
        name, namespace, ddl.owner, oid, typtype="d", typarray=array, typinput=DOMAIN_IN,
        typreceive=DOMAIN_RECV, typbasetype=basetype, typtypmod=typmod, typnotnull=not_null,
        typndims=len(raw.typeName.arrayBounds), typcollation=collation, **columns,
    )  # fmt: skip
    pg_type.create_type(writer, row, default=expr if columns["typdefaultbin"] else None)
    add_array_type(ddl, row, array)
    ddl.advance()
    made = ddl.cache.type(oid)
    taken: set[str] = set()
    for node in parts["checks"]:
        _add_check(ddl, made, node, (basetype, typmod, base.typcollation), taken)
    if not_null:
        _add_not_null(ddl, made, parts["null"], taken)
    return ddl.done("CREATE DOMAIN")


def alter(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER DOMAIN."""
    ddl = begin(engine, text)
    oid = ddl.type_oid(raw.typeName)
    row = ddl.cache.type(oid)
    if row.typtype != "d":
        raise SqlError(f"{ddl.types.format_type(oid)} is not a domain", "42809")
    check_ownership(ddl, Address(c.TYPE, oid))
    handler = _ALTER.get(raw.subtype)
    if handler is None:
        raise Unsupported("this form of ALTER DOMAIN")
    handler(ddl, row, raw)
    return ddl.done("ALTER DOMAIN")


def _alter_default(ddl: Ddl, row: Any, raw: Any) -> None:
    expr = None
    if raw.def_ is not None:
        expr = cook_default(ddl, raw.def_, _Column(row.typname, row.typbasetype, row.typtypmod))
    columns = _default_columns(ddl, expr)
    ddl.writer.update("pg_type", row, **columns)
    pg_type.replace_default(ddl.writer, row, expr if columns["typdefaultbin"] else None)


def _drop_not_null(ddl: Ddl, row: Any, _raw: Any) -> None:
    if not row.typnotnull:
        return
    for found in ddl.cache.lookup("pg_constraint", "contypid", row.oid):
        if found.contype == "n":
            drop_objects(ddl, [Address(c.CONSTRAINT, found.oid)], False)
    ddl.writer.update("pg_type", row, typnotnull=False)


def _set_not_null(ddl: Ddl, row: Any, _raw: Any) -> None:
    if row.typnotnull:
        return
    _verify_not_null(ddl, row)
    _add_not_null(ddl, row, None, set())
    ddl.writer.update("pg_type", row, typnotnull=True)


def _columns_of(ddl: Ddl, row: Any) -> list[tuple[Any, Any]]:
    """(table, column) of everything stored that is of a domain, or of one over it."""
    out = []
    for found in ddl.cache.lookup("pg_attribute", "atttypid", row.oid):
        relation = ddl.relation_row(found.attrelid)
        if relation.relkind in "rm" and not found.attisdropped:
            out.append((relation, found))
        elif relation.relkind == "c":
            refuse_used_type(ddl, relation.reltype, row.typname)
    if row.typarray:
        refuse_used_type(ddl, row.typarray, row.typname)
    for above in ddl.cache.lookup("pg_type", "typbasetype", row.oid):
        out += _columns_of(ddl, above)
    return out


def _verify_not_null(ddl: Ddl, row: Any) -> None:
    """No stored value of the domain is NULL."""
    for relation, column in _columns_of(ddl, row):
        (name,) = names_of(ddl, relation.oid, (int(column.attnum),))
        text = f"SELECT 1 FROM ONLY {qualified(ddl, relation)} WHERE {name} IS NULL LIMIT 1"
        if next(rows_of(ddl, text), None):
            raise SqlError(f'column "{column.attname}" of table "{relation.relname}" contains '
                           "null values", "23502")  # fmt: skip


def _verify_check(ddl: Ddl, row: Any, expr: Any) -> None:
    """Every stored value of the domain satisfies a new CHECK."""
    for relation, column in _columns_of(ddl, row):

        def value(node: Any, column: Any = column) -> Any:
            if isinstance(node, CoerceToDomainValue):
                return Var(varno=1, varattno=int(column.attnum), vartype=node.typeId,
                           vartypmod=node.typeMod, varcollid=node.collation, varnosyn=1,
                           varattnosyn=int(column.attnum))  # fmt: skip
            return mutate(node, value)

        condition = expression_text(ddl, relation, value(expr))
        text = f"SELECT 1 FROM ONLY {qualified(ddl, relation)} WHERE NOT ({condition}) LIMIT 1"
        if next(rows_of(ddl, text), None):
            raise SqlError(f'column "{column.attname}" of table "{relation.relname}" contains '
                           "values that violate the new constraint", "23514")  # fmt: skip


def _add_constraint(ddl: Ddl, row: Any, raw: Any) -> None:
    node = raw.def_
    if node.contype == Kind.CONSTR_NOTNULL:
        _set_not_null(ddl, row, raw)
        return
    if node.contype != Kind.CONSTR_CHECK:
        _sorted_out([node])
        raise Unsupported("this constraint of a domain")
    collation = ddl.types.info(row.typbasetype).typcollation
    base = (row.typbasetype, row.typtypmod, collation)
    if not node.skip_validation:
        _verify_check(ddl, row, cook_domain_check(ddl, node.raw_expr, *base))
    _add_check(ddl, row, node, base, set())


def _drop_constraint(ddl: Ddl, row: Any, raw: Any) -> None:
    key = ("contypid", "conname")
    found = ddl.cache.one("pg_constraint", key, (row.oid, raw.name))
    shown = ddl.types.format_type(row.oid)
    if found is None:
        message = f'constraint "{raw.name}" of domain "{shown}" does not exist'
        if not raw.missing_ok:
            raise SqlError(message, "42704")
        ddl.notice(f"{message}, skipping")
        return
    if found.contype == "n":
        ddl.writer.update("pg_type", row, typnotnull=False)
    cascade = raw.behavior == DropBehavior.DROP_CASCADE
    drop_objects(ddl, [Address(c.CONSTRAINT, found.oid)], cascade)


def _validate(ddl: Ddl, row: Any, raw: Any) -> None:
    key = ("contypid", "conname")
    found = ddl.cache.one("pg_constraint", key, (row.oid, raw.name))
    shown = ddl.types.format_type(row.oid)
    if found is None:
        raise SqlError(f'constraint "{raw.name}" of domain "{shown}" does not exist', "42704")
    if found.contype != "c":
        raise SqlError(f'constraint "{raw.name}" of domain "{shown}" is not a check constraint',
                       "42809")  # fmt: skip
    _verify_check(ddl, row, text_to_node(found.conbin))
    if not found.convalidated:
        ddl.writer.update("pg_constraint", found, convalidated=True)


_ALTER = {
    "T": _alter_default, "N": _drop_not_null, "O": _set_not_null, "C": _add_constraint,
    "X": _drop_constraint, "V": _validate,
}  # fmt: skip
