"""CREATE INDEX, and the indexes of PRIMARY KEY and UNIQUE constraints.

:func:`define_index` works out columns, operator classes and names, makes the index and fills
it; on a partitioned table it goes on to the partitions, where an equal index that is there is
attached instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.catalog.index import IndexColumn, IndexSpec, index_create
from pgtool.catalog.inplace import update_inplace
from pgtool.catalog.pg_constraint import choose_relation_name
from pgtool.commands.context import Ddl, begin, plural
from pgtool.commands.exprs import cook_index_expr, cook_predicate, vars_of
from pgtool.commands.reloptions import read_options
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.ruleutils.names import Names
from pgtool.nodes.exprs import Var
from pgtool.nodes.raw_enums import SortByDir, SortByNulls
from pgtool.sql.analyze.coerce import Context, can_coerce
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.analyze.target import figured_name
from pgtool.sql.analyze.typenames import collation_oid
from pgtool.sql.answer import Outcome
from pgtool.sql.planner.base import Glob
from pgtool.sql.planner.fold import fold

__all__ = ["IndexPlan", "create", "define_index"]

INDOPTION_DESC, INDOPTION_NULLS_FIRST = 1, 2
MAX_KEYS = 32
NAMEDATALEN = 64
_AMS = {"btree": "btree", "hash": "hash", "gist": "gist", "gin": "gin", "brin": "brin"}


@dataclass
class IndexPlan:
    """What is wanted: IndexElem nodes of key columns and of those only included."""

    keys: list[Any]
    including: list[Any] = field(default_factory=list)
    name: str | None = None
    access_method: str = "btree"
    where: Any = None
    options: list[Any] = field(default_factory=list)
    unique: bool = False
    primary: bool = False
    nulls_not_distinct: bool = False
    constraint: bool = False
    deferrable: bool = False
    deferred: bool = False
    tablespace: str | None = None
    parent: int = 0
    parent_constraint: int = 0
    only: bool = False
    #: Whether it is filled (and becomes valid) only after the transaction.
    later: bool = False
    #: Analyzed expressions and predicate, for an index like another.
    cooked: tuple[list[Any], Any] | None = None
    opclasses: list[int] | None = None
    collations: list[int] | None = None


def column_names(plan: IndexPlan) -> list[str]:
    """The names of an index's columns, made unique."""
    out: list[str] = []
    for elem in (*plan.keys, *plan.including):
        base = elem.indexcolname or elem.name or figured_name(elem.expr) or "expr"
        name, number = base, 1
        while name in out:
            tail = str(number)
            name = base[: NAMEDATALEN - 1 - len(tail)] + tail
            number += 1
        out.append(name)
    return out


def choose_index_name(ddl: Ddl, row: Any, plan: IndexPlan, names: list[str]) -> str:
    """A name for an index that has none."""
    space = row.relnamespace
    if plan.primary:
        return choose_relation_name(ddl.writer, row.relname, None, "pkey", space, True)
    addition = ""
    for name in names:
        addition = f"{addition}_{name}" if addition else name
        if len(addition) >= NAMEDATALEN:
            break
    label = "key" if plan.constraint else "idx"
    return choose_relation_name(
        ddl.writer, row.relname, addition, label, space, plan.constraint
    )


class _Columns:
    """Works out the columns of one index."""

    def __init__(self, ddl: Ddl, row: Any, plan: IndexPlan, am: Any) -> None:
        self.ddl, self.row, self.plan, self.am = ddl, row, plan, am
        self.exprs: list[Any] = []
        self.names = Names(ddl.session)

    def all(self, names: list[str]) -> list[IndexColumn]:
        """Every column."""
        out = []
        count = len(self.plan.keys)
        for place, (elem, name) in enumerate(
            zip([*self.plan.keys, *self.plan.including], names, strict=True)
        ):
            column = self._attribute(elem, name, place >= count)
            if place < count:
                self._how(elem, column, place)
            else:
                self._check_included(elem)
                column.collation = 0
            out.append(column)
        return out

    @staticmethod
    def _check_included(elem: Any) -> None:
        for given, what in ((elem.collation, "a collation"), (elem.opclass, "an operator class"),
                            (elem.ordering, "ASC/DESC options"),
                            (elem.nulls_ordering, "NULLS FIRST/LAST options")):  # fmt: skip
            if given:
                order = what.startswith(("ASC", "NULLS"))
                raise SqlError(f"including column does not support {what}",
                               "42P17" if order else "0A000")  # fmt: skip

    def _attribute(self, elem: Any, name: str, included: bool) -> IndexColumn:
        ddl = self.ddl
        if elem.name is not None:
            system = ddl.attribute(self.row.oid, elem.name)
            if system is not None and system.attnum < 0:
                self._opclass(elem, system.atttypid)
            return self._plain(elem.name, name)
        if included:
            raise SqlError("expressions are not supported in included columns", "0A000")
        if self.plan.cooked is not None:
            expr = self.plan.cooked[0][len(self.exprs)]
        else:
            expr = cook_index_expr(ddl, elem.expr, self.row)
        if isinstance(expr, Var) and expr.varattno > 0:
            attribute = ddl.attributes(self.row.oid)[expr.varattno - 1]
            return self._plain(attribute.attname, name)
        self.exprs.append(expr)
        return IndexColumn(0, name, expr_type(expr), expr_typmod(expr),
                           expr_collation(expr))  # fmt: skip

    def _plain(self, column: str, name: str) -> IndexColumn:
        found = self.ddl.attribute(self.row.oid, column)
        if found is None or found.attnum <= 0:
            if found is not None:
                raise SqlError("index creation on system columns is not supported", "0A000")
            where = "named in key " if self.plan.constraint else ""
            raise SqlError(f'column "{column}" {where}does not exist', "42703")
        return IndexColumn(
            found.attnum, name, found.atttypid, found.atttypmod, found.attcollation,
            ndims=found.attndims, storage=found.attstorage, compression=found.attcompression,
        )  # fmt: skip

    def _how(self, elem: Any, column: IndexColumn, place: int) -> None:
        """Collation, operator class and order."""
        ddl, info = self.ddl, self.ddl.types.info(column.typid)
        if elem.collation:
            parts = [part.sval for part in elem.collation]
            column.collation = collation_oid(ddl.state(), parts, -1)
        if self.plan.collations is not None:
            column.collation = self.plan.collations[place]
        collatable = bool(info.typcollation)
        if collatable and not column.collation:
            raise SqlError("could not determine which collation to use for index expression",
                           "42P22", hint="Use the COLLATE clause to set the collation explicitly.")
        if not collatable and column.collation:
            raise SqlError(
                f"collations are not supported by type {ddl.types.format_type(column.typid)}",
                "42804")  # fmt: skip
        if self.plan.opclasses is not None:
            column.opclass = self.plan.opclasses[place]
        else:
            column.opclass = self._opclass(elem, column.typid)
        if elem.opclassopts:
            raise Unsupported("operator class options")
        descending = elem.ordering == SortByDir.SORTBY_DESC
        first = elem.nulls_ordering == SortByNulls.SORTBY_NULLS_FIRST or (
            descending and elem.nulls_ordering == SortByNulls.SORTBY_NULLS_DEFAULT
        )
        if self.am.amname != "btree":
            for given, what in ((elem.ordering, "ASC/DESC"), (elem.nulls_ordering, "NULLS")):
                if given:
                    extra = " FIRST/LAST" if what == "NULLS" else ""
                    raise SqlError(f'access method "{self.am.amname}" does not support '
                                   f"{what}{extra} options", "0A000")  # fmt: skip
            return
        column.option = INDOPTION_DESC * descending | INDOPTION_NULLS_FIRST * first

    def _opclass(self, elem: Any, typid: int) -> int:
        ddl, shown = self.ddl, self.ddl.types.format_type(typid)
        method = self.am.amname
        if not elem.opclass:
            found = self.names.default_opclass(typid, self.am.oid)
            if not found:
                raise SqlError(
                    f'data type {shown} has no default operator class for access method "{method}"',
                    "42704", hint="You must specify an operator class for the index or define a "
                    "default operator class for the data type.",
                )  # fmt: skip
            return found
        schema, name = ddl.split([part.sval for part in elem.opclass])
        spaces = [ddl.namespace(schema)] if schema else ddl.session.search_path
        for space in spaces:
            key = ("opcmethod", "opcname", "opcnamespace")
            row = ddl.cache.one("pg_opclass", key, (self.am.oid, name, space))
            if row is not None:
                if not can_coerce(ddl.state(), [typid], [row.opcintype], Context.implicit):
                    raise SqlError(f'operator class "{name}" does not accept data type {shown}',
                                   "42804")  # fmt: skip
                return int(row.oid)
        raise SqlError(f'operator class "{name}" does not exist for access method "{method}"',
                       "42704")  # fmt: skip


def _check_table(ddl: Ddl, row: Any) -> None:
    if row.relkind in "iI":
        noun = "partitioned indexes" if row.relkind == "I" else "indexes"
        raise SqlError(f'cannot open relation "{row.relname}"', "42809",
                       f"This operation is not supported for {noun}.")  # fmt: skip
    if row.relkind not in "rmp":
        raise SqlError(
            f'cannot create index on relation "{row.relname}"', "42809",
            f"This operation is not supported for {plural(row.relkind)}.")  # fmt: skip
    ddl.check_owner(row)


def _access_method(ddl: Ddl, plan: IndexPlan) -> Any:
    name = "gist" if plan.access_method == "rtree" else plan.access_method
    am = ddl.cache.one("pg_am", "amname", name)
    if am is None or am.amtype != "i":
        raise SqlError(f'access method "{name}" does not exist', "42704")
    if am.amname != "btree":
        if plan.unique:
            raise SqlError(f'access method "{name}" does not support unique indexes', "0A000")
        raise Unsupported(f"CREATE INDEX USING {name}")
    return am


def _check_columns(
    ddl: Ddl, row: Any, plan: IndexPlan, made: list[IndexColumn], exprs: list[Any]
) -> None:
    """Columns that an index cannot have; what fails for every row fails here."""
    attributes = ddl.attributes(row.oid)
    if any(column.attnum and attributes[column.attnum - 1].attgenerated == "v" for column in made):
        raise _virtual(plan)
    for var in vars_of(exprs):
        if var.varattno < 0:
            raise SqlError("index creation on system columns is not supported", "0A000")
        if var.varattno and attributes[var.varattno - 1].attgenerated == "v":
            raise _virtual(plan)
    fold(Glob(ddl.session), exprs)


def _virtual(plan: IndexPlan) -> SqlError:
    what = ("primary keys" if plan.primary else "unique constraints"
            if plan.constraint else "indexes")  # fmt: skip
    return SqlError(f"{what} on virtual generated columns are not supported", "0A000")


def define_index(ddl: Ddl, row: Any, plan: IndexPlan) -> tuple[int, int]:
    """Make an index on a relation; (its OID, its constraint's OID or 0)."""
    _check_table(ddl, row)
    if len(plan.keys) + len(plan.including) > MAX_KEYS:
        raise SqlError(f"cannot use more than {MAX_KEYS} columns in an index", "54011")
    am = _access_method(ddl, plan)
    partitioned = row.relkind == "p"
    options = read_options(plan.options, _AMS[am.amname])
    names = column_names(plan)
    columns = _Columns(ddl, row, plan, am)
    made = columns.all(names)
    if plan.cooked is not None:
        predicate = plan.cooked[1]
    else:
        predicate = None if plan.where is None else cook_predicate(ddl, plan.where, row)
    if partitioned and plan.unique:
        check_partition_key(ddl, row, plan, made, columns.exprs)
    _check_columns(ddl, row, plan, made, [*columns.exprs, predicate])
    name = plan.name or choose_index_name(ddl, row, plan, names)
    spec = IndexSpec(
        name, row, made, len(plan.keys), am.oid,
        ddl.tablespace_oid(plan.tablespace) if plan.tablespace else 0, columns.exprs, predicate,
        plan.unique, plan.primary, plan.nulls_not_distinct,
        constraint="" if not plan.constraint else "p" if plan.primary else "u",
        deferrable=plan.deferrable, deferred=plan.deferred, parent=plan.parent,
        parent_constraint=plan.parent_constraint,
        options=options, partitioned=partitioned,
        valid=not plan.later and not (partitioned and plan.only and children_of(ddl, row.oid)),
        ready=not plan.later,
        is_local=not plan.parent_constraint, inhcount=1 if plan.parent_constraint else 0,
        no_inherit=not plan.parent_constraint,
    )  # fmt: skip
    oid, constraint = index_create(ddl.writer, spec)
    if plan.deferrable and constraint:
        from pgtool.commands.trigger import unique_recheck_trigger

        unique_recheck_trigger(ddl, row, constraint, oid, plan.primary, plan.deferred)
    ddl.advance()
    if partitioned:
        update_inplace(ddl.writer, "pg_class", ddl.relation_row(row.oid), relhasindex=True)
        if not plan.only:
            from pgtool.commands.partition import index_partitions

            index_partitions(ddl, row, oid, constraint, plan)
    else:
        if not plan.later:
            ddl.store.build_index(oid)
            ddl.advance()
        update_inplace(ddl.writer, "pg_class", ddl.relation_row(row.oid), relhasindex=True)
    return oid, constraint


def forget_empty(ddl: Ddl, oid: int) -> None:
    """The server fills the index of a rewritten table in a second step, which tells no size of
    an empty one."""
    row = ddl.cache.one("pg_class", "oid", oid)
    if row is not None and row.relkind == "i" and row.reltuples == 0:
        ddl.writer.update("pg_class", row, relpages=0, reltuples=-1.0)
        ddl.advance()


def children_of(ddl: Ddl, relid: int) -> list[int]:
    """The direct children, by OID."""
    rows = ddl.cache.lookup("pg_inherits", "inhparent", relid)
    return sorted(int(row.inhrelid) for row in rows)


def check_partition_key(
    ddl: Ddl, row: Any, plan: IndexPlan, columns: list[IndexColumn], exprs: list[Any]
) -> None:
    """A unique index over partitions must hold the partition key."""
    key = ddl.cache.one("pg_partitioned_table", "partrelid", row.oid)
    what = "PRIMARY KEY" if plan.primary else "UNIQUE"
    if key.partexprs is not None:
        raise SqlError(f"unsupported {what} constraint with partition key definition", "0A000",
                       f"{what} constraints cannot be used when partition keys include "
                       "expressions.")  # fmt: skip
    have = {column.attnum for column in columns[: len(plan.keys)]}
    for number in key.partattrs:
        if number not in have:
            name = ddl.attributes(row.oid)[number - 1].attname
            raise SqlError(
                "unique constraint on partitioned table must include all partitioning columns",
                "0A000", f'{what} constraint on table "{row.relname}" lacks column "{name}" which '
                "is part of the partition key.",
            )  # fmt: skip


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE INDEX."""
    ddl = begin(engine, text)
    if raw.concurrent:
        engine.transactions.prevent_in_block("CREATE INDEX CONCURRENTLY")
    row = ddl.find_relation(raw.relation)
    if raw.excludeOpNames:
        raise Unsupported("EXCLUDE")
    _check_table(ddl, row)
    if raw.concurrent and row.relkind == "p":
        raise SqlError(f'cannot create index on partitioned table "{row.relname}" concurrently',
                       "0A000")  # fmt: skip
    ddl.check_unused(row, "CREATE INDEX")
    if raw.if_not_exists and raw.idxname:
        key = (raw.idxname, row.relnamespace)
        if ddl.cache.one("pg_class", ("relname", "relnamespace"), key) is not None:
            ddl.notice(f'relation "{raw.idxname}" already exists, skipping', "42P07")
            return ddl.done("CREATE INDEX")
    oid, _constraint = define_index(ddl, row, IndexPlan(
        raw.indexParams, raw.indexIncludingParams, raw.idxname, raw.accessMethod or "btree",
        raw.whereClause, raw.options, raw.unique, nulls_not_distinct=raw.nulls_not_distinct,
        tablespace=raw.tableSpace, only=not raw.relation.inh, later=raw.concurrent,
    ))  # fmt: skip
    if raw.concurrent:
        # What is known of the index stays, also where the rows do not let it be built.
        engine.transactions.commit()
        engine.transactions.start_statement()
        begin(engine, text).store.build_index(oid)
    return ddl.done("CREATE INDEX")


