"""Partition bounds: analysis of FOR VALUES, overlaps, rows that a bound excludes."""

from __future__ import annotations

from typing import Any

from pgtool.commands.context import Ddl
from pgtool.commands.query import evaluate, up_to_here
from pgtool.errors import SqlError
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.enums import PartitionRangeDatumKind as Datum
from pgtool.nodes.exprs import Const
from pgtool.nodes.query import PartitionBoundSpec, PartitionRangeDatum
from pgtool.nodes.text import text_to_node
from pgtool.sql.analyze.coerce import Context, coerce_to_target, make_const
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.nodetypes import expr_location, expr_type, expr_typmod
from pgtool.sql.executor.context import Context as Running
from pgtool.sql.executor.partitions import Conversion, Router
from pgtool.sql.executor.scalar import const_value
from pgtool.sql.executor.scope import Env
from pgtool.sql.executor.written import Row, RowShape

__all__ = ["check_new_bound", "partitions_of", "transform_bound", "verify_default",
           "verify_partition"]  # fmt: skip

INVALID_TABLE_DEFINITION, INVALID_OBJECT_DEFINITION = "42P16", "42P17"
_LIMITS = {"minvalue": Datum.PARTITION_RANGE_DATUM_MINVALUE,
           "maxvalue": Datum.PARTITION_RANGE_DATUM_MAXVALUE}  # fmt: skip
_WORDS = {"h": "hash", "l": "list", "r": "range"}
CHECK_VIOLATION = "23514"


class _Columns:
    """Types and names of a partition key's columns."""

    def __init__(self, ddl: Ddl, parent: Any) -> None:
        from pgtool.functions.ruleutils.entry import relation_expr
        from pgtool.sql.analyze.nodetypes import expr_collation

        key = self.key = ddl.cache.one("pg_partitioned_table", "partrelid", parent.oid)
        exprs = iter(text_to_node(key.partexprs) if key.partexprs else ())
        attributes = ddl.attributes(parent.oid)
        self.columns: list[tuple[str, int, int, int]] = []
        for number, collation in zip(key.partattrs, key.partcollation, strict=True):
            if number:
                a = attributes[number - 1]
                self.columns.append((a.attname, a.atttypid, a.atttypmod, collation))
            else:
                expr = next(exprs)
                name = relation_expr(ddl.session, expr, parent.oid, 0)
                made = expr_type(expr), expr_typmod(expr), collation or expr_collation(expr)
                self.columns.append((name, *made))


def transform_bound(ddl: Ddl, parent: Any, raw: Any) -> PartitionBoundSpec:
    """FOR VALUES … as it is stored."""
    columns = _Columns(ddl, parent)
    letter = columns.key.partstrat
    at = raw.location + 1 or None
    out = PartitionBoundSpec(
        strategy=letter, is_default=raw.is_default, location=raw.location
    )
    if raw.is_default:
        if letter == "h":
            raise SqlError("a hash-partitioned table may not have a default partition",
                           INVALID_TABLE_DEFINITION)  # fmt: skip
        return out
    if raw.strategy != letter:
        raise SqlError(f"invalid bound specification for a {_WORDS[letter]} partition",
                       INVALID_TABLE_DEFINITION, position=at)  # fmt: skip
    if letter == "h":
        if raw.modulus <= 0:
            raise SqlError("modulus for hash partition must be an integer value greater than zero",
                           INVALID_TABLE_DEFINITION)  # fmt: skip
        if raw.remainder < 0:
            raise SqlError("remainder for hash partition must be an integer value greater than or "
                           "equal to zero", INVALID_TABLE_DEFINITION)  # fmt: skip
        if raw.remainder >= raw.modulus:
            raise SqlError("remainder for hash partition must be less than modulus",
                           INVALID_TABLE_DEFINITION)  # fmt: skip
        out.modulus, out.remainder = raw.modulus, raw.remainder
    elif letter == "l":
        _list(ddl, columns, raw, out)
    else:
        _range(ddl, columns, raw, out)
    return out


def _list(ddl: Ddl, columns: _Columns, raw: Any, out: PartitionBoundSpec) -> None:
    for node in raw.listdatums:
        value = _value(ddl, columns.columns[0], node)
        if not any(value == known for known in out.listdatums):
            out.listdatums.append(value)


def _range(ddl: Ddl, columns: _Columns, raw: Any, out: PartitionBoundSpec) -> None:
    for nodes, word in ((raw.lowerdatums, "FROM"), (raw.upperdatums, "TO")):
        if len(nodes) != len(columns.columns):
            raise SqlError(f"{word} must specify exactly one value per partitioning column",
                           INVALID_TABLE_DEFINITION)  # fmt: skip
    out.lowerdatums = _side(ddl, columns, raw.lowerdatums)
    out.upperdatums = _side(ddl, columns, raw.upperdatums)


def _side(ddl: Ddl, columns: _Columns, nodes: list[Any]) -> list[PartitionRangeDatum]:
    out: list[PartitionRangeDatum] = []
    for node, column in zip(nodes, columns.columns, strict=True):
        limit = _limit(node)
        if out and out[-1].kind != Datum.PARTITION_RANGE_DATUM_VALUE and limit != out[-1].kind:
            word = "MAXVALUE" if out[-1].kind == Datum.PARTITION_RANGE_DATUM_MAXVALUE else (
                "MINVALUE")  # fmt: skip
            raise SqlError(f"every bound following {word} must also be {word}", "42804",
                           position=expr_location(node) + 1 or None)  # fmt: skip
        if limit is not None:
            out.append(PartitionRangeDatum(kind=limit, location=expr_location(node)))
            continue
        value = _value(ddl, column, node)
        if value.constisnull:
            raise SqlError("cannot specify NULL in range bound", INVALID_OBJECT_DEFINITION)
        out.append(PartitionRangeDatum(
            kind=Datum.PARTITION_RANGE_DATUM_VALUE, value=value, location=expr_location(node)
        ))  # fmt: skip
    return out


def _limit(node: Any) -> Any:
    if type(node).__name__ == "PartitionRangeDatum":
        return None if node.kind == Datum.PARTITION_RANGE_DATUM_VALUE else node.kind
    if type(node).__name__ == "ColumnRef" and len(node.fields) == 1:
        return _LIMITS.get(getattr(node.fields[0], "sval", "").lower())
    return None


def _value(ddl: Ddl, column: tuple[str, int, int, int], raw: Any) -> Const:
    """A bound's expression as a constant of the key column's type."""
    name, typid, typmod, collation = column
    if type(raw).__name__ == "ColumnRef":
        raise SqlError("cannot use column reference in partition bound expression", "0A000",
                       position=raw.location + 1 or None)  # fmt: skip
    state = ddl.state()
    expr = transform_expr(state, raw, "PARTITION BOUND")
    made = coerce_to_target(
        state, expr, expr_type(expr), typid, typmod, Context.assignment,
        CoercionForm.COERCE_IMPLICIT_CAST, -1,
    )  # fmt: skip
    if made is None:
        shown = ddl.types.format_type(typid)
        raise SqlError(f'specified value cannot be cast to type {shown} for column "{name}"',
                       "42804", position=expr_location(expr) + 1 or None)  # fmt: skip
    assign_collations(state, made)
    if isinstance(made, Const):
        return made.copy(constcollid=collation)
    value = make_const(state, typid, evaluate(ddl, made), typmod)
    value.constcollid, value.location = collation, expr_location(expr)
    return value


# -- overlaps ------------------------------------------------------------------------------------


def _router(ddl: Ddl, parent: Any) -> Router:
    return Router(Env(ddl.session), ddl.database.relation(parent.oid))


def partitions_of(ddl: Ddl, oid: int) -> list[int]:
    """The partitions of a table in the order of their bounds."""
    return Router(Env(ddl.session), ddl.database.relation(oid)).in_order()


def _name(ddl: Ddl, oid: int) -> str:
    return str(ddl.relation_row(oid).relname)


def check_new_bound(ddl: Ddl, parent: Any, row: Any, bound: PartitionBoundSpec) -> None:
    """The bound meets no other partition's."""
    env = Env(ddl.session)
    relation = ddl.database.relation(parent.oid)
    others = ddl.database.children
    children = others[parent.oid] = [oid for oid in others.get(parent.oid, []) if oid != row.oid]
    router = Router(env, relation)
    del children
    ddl.database.__dict__.pop("children", None)
    if bound.is_default:
        if router.default:
            raise SqlError(
                f'partition "{row.relname}" conflicts with existing default partition '
                f'"{_name(ddl, router.default)}"', INVALID_OBJECT_DEFINITION,
                position=bound.location + 1 or None)  # fmt: skip
        return
    check = {"h": _check_hash, "l": _check_list, "r": _check_range}[bound.strategy]
    clash, location = check(env, router, row, bound)
    if clash:
        raise SqlError(
            f'partition "{row.relname}" would overlap partition "{_name(ddl, clash)}"',
            INVALID_OBJECT_DEFINITION, position=location + 1 or None)  # fmt: skip


#: The partition in the way, 0 for none, and where the bound says so.
_Clash = tuple[int, int]


def _check_hash(env: Env, router: Router, row: Any, bound: Any) -> _Clash:
    parts = sorted((modulus, remainder, oid) for oid, (modulus, remainder) in router.parts)
    before = [part for part in parts if part[:2] <= (bound.modulus, bound.remainder)]
    # The neighbours by modulus and remainder are those that are compared and named.
    for modulus, _remainder, oid in before[-1:] + parts[len(before) :][:1]:
        big, small = max(modulus, bound.modulus), min(modulus, bound.modulus)
        if big % small:
            what = "divisible by" if modulus < bound.modulus else "a factor of"
            name = env.session.cache.one("pg_class", "oid", oid).relname
            raise SqlError(
                "every hash partition modulus must be a factor of the next larger modulus",
                INVALID_OBJECT_DEFINITION,
                f"The new modulus {bound.modulus} is not {what} {modulus}, the modulus of "
                f'existing partition "{name}".',
            )  # fmt: skip
    for oid, (modulus, remainder) in router.parts:
        small = min(modulus, bound.modulus)
        if remainder % small == bound.remainder % small:
            return oid, bound.location
    return 0, -1


def _check_list(env: Env, router: Router, row: Any, bound: Any) -> _Clash:
    for datum in bound.listdatums:
        found = router._listed(const_value(env, datum))
        if found:
            return found, datum.location
    return 0, -1


def _check_range(env: Env, router: Router, row: Any, bound: Any) -> _Clash:
    lower, upper = router._side(bound.lowerdatums), router._side(bound.upperdatums)
    sign, place = router.compare_sides(lower, upper)
    if sign >= 0:
        from pgtool.functions.ruleutils.deparser import INDENT, Deparser
        from pgtool.functions.ruleutils.names import Names
        from pgtool.functions.ruleutils.partitions import _range as write

        def shown(datums: list[Any]) -> str:
            d = Deparser(Names(env.session), [], INDENT)
            write(d, datums)
            return d.text

        raise SqlError(
            f'empty range bound specified for partition "{row.relname}"',
            INVALID_OBJECT_DEFINITION, f"Specified lower bound {shown(bound.lowerdatums)} is "
            f"greater than or equal to upper bound {shown(bound.upperdatums)}.",
            position=bound.lowerdatums[place].location + 1 or None,
        )  # fmt: skip
    parts = dict(router.parts)
    for oid in router.in_order():
        if oid == router.default:
            continue
        low, high = parts[oid]
        above = router.compare_sides(low, upper)
        if router.compare_sides(lower, high)[0] < 0 and above[0] < 0:
            inside, place = router.compare_sides(lower, low)
            if inside < 0:
                return oid, bound.upperdatums[above[1]].location
            return oid, bound.lowerdatums[place if inside else 0].location
    return 0, -1


# -- rows ----------------------------------------------------------------------------------------


def _leaves(ddl: Ddl, oid: int) -> list[int]:
    row = ddl.relation_row(oid)
    if row.relkind != "p":
        return [oid]
    return [leaf for child in ddl.database.children.get(oid, []) for leaf in _leaves(ddl, child)]


def _misplaced(ddl: Ddl, parent: Any, oid: int) -> bool:
    """Whether a row below a partition belongs elsewhere."""
    router = _router(ddl, parent)
    env = router.env
    running = Running(ddl.session)
    for leaf in _leaves(ddl, oid):
        relation = ddl.database.relation(leaf)
        shape = RowShape(env, relation)
        convert = Conversion(shape, router.shape)
        with up_to_here(ddl):
            for batch in ddl.database.scan(relation).batches(range(len(relation.attributes))):
                for place in range(len(batch)):
                    row = Row(shape, [column.datum(place) for column in batch.columns])
                    if router.find(convert(row), running) != oid:
                        return True
    return False


def verify_partition(ddl: Ddl, parent: Any, row: Any) -> None:
    """The rows of an attached table belong to it."""
    if _misplaced(ddl, parent, row.oid):
        raise SqlError(
            f'partition constraint of relation "{row.relname}" is violated by some row',
            CHECK_VIOLATION)  # fmt: skip


def verify_default(ddl: Ddl, parent: Any, default: int) -> None:
    """No row of the default partition belongs to the new one."""
    if _misplaced(ddl, parent, default):
        raise SqlError(
            f'updated partition constraint for default partition "{_name(ddl, default)}" would be '
            "violated by some row", CHECK_VIOLATION)  # fmt: skip
