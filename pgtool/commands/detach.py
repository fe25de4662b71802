"""ALTER TABLE … DETACH PARTITION: a partition becomes a table of its own.

What it had from its parent (columns, indexes, foreign keys) is its own from then on.
"""

from __future__ import annotations

from typing import Any

from pgtool.commands.constraints import add_checks
from pgtool.commands.context import Ddl
from pgtool.commands.inherit import remove_parent
from pgtool.commands.partfkeys import check_unreferred, detach_foreign_keys
from pgtool.commands.partindexes import detach_indexes
from pgtool.commands.tabledef import CheckPlan
from pgtool.errors import SqlError
from pgtool.functions.ruleutils.partconstraint import partition_constraint
from pgtool.nodes.enums import BoolExprType, NullTestType
from pgtool.nodes.exprs import BoolExpr, NullTest, Var
from pgtool.nodes.text import text_to_node
from pgtool.sql.planner.base import Glob
from pgtool.sql.planner.fold import fold
from pgtool.sql.planner.implied import implied

__all__ = ["detach", "finish_detaching"]

HASH = "h"


def detach(alter: Any, parent: Any, command: Any, recurse: bool) -> None:
    """DETACH PARTITION."""
    ddl, node = alter.ddl, command.def_
    if node.concurrent:
        ddl.engine.transactions.prevent_in_block("ALTER TABLE ... DETACH CONCURRENTLY")
        if ddl.cache.one("pg_partitioned_table", "partrelid", parent.oid).partdefid:
            raise SqlError("cannot detach partitions concurrently when a default partition exists",
                           "55000")  # fmt: skip
    row = ddl.open_table(node.name)
    if row.relispartition:
        check_unreferred(ddl, row)
    if node.concurrent:
        _keep_bounds(ddl, row, parent)
        row = ddl.relation_row(row.oid)
    _part(ddl, row, parent)


def finish_detaching(alter: Any, parent: Any, command: Any, recurse: bool) -> None:
    """DETACH PARTITION … FINALIZE, of one that was broken off halfway."""
    ddl = alter.ddl
    row = ddl.open_table(command.def_.name)
    links = ddl.cache.lookup("pg_inherits", "inhrelid", row.oid)
    if row.relispartition and not any(link.inhdetachpending for link in links):
        raise SqlError(f'cannot complete detaching partition "{row.relname}"', "55000",
                       "There's no pending concurrent detach.")  # fmt: skip
    _part(ddl, row, parent)


def _part(ddl: Ddl, row: Any, parent: Any) -> None:
    remove_parent(ddl, row, parent, True)
    for a in ddl.attributes(row.oid):
        if a.attidentity:
            ddl.writer.update("pg_attribute", a, attidentity="")
    ddl.writer.update("pg_class", row, relispartition=False, relpartbound=None)
    key = ddl.cache.one("pg_partitioned_table", "partrelid", parent.oid)
    if key.partdefid == row.oid:
        ddl.writer.update("pg_partitioned_table", key, partdefid=0)
    ddl.advance()
    detach_indexes(ddl, row)
    detach_foreign_keys(ddl, ddl.relation_row(row.oid))


def _keep_bounds(ddl: Ddl, row: Any, parent: Any) -> None:
    """What is detached concurrently keeps its bounds as a CHECK, unless others say as much."""
    key = ddl.cache.one("pg_partitioned_table", "partrelid", parent.oid)
    if key.partstrat == HASH:
        return
    glob = Glob(ddl.session)
    tests = fold(glob, partition_constraint(ddl.session, row.oid))
    known: list[Any] = [
        NullTest(arg=_column(a), nulltesttype=NullTestType.IS_NOT_NULL, argisrow=False)
        for a in ddl.attributes(row.oid) if a.attnotnull
    ]  # fmt: skip
    for found in ddl.cache.lookup("pg_constraint", "conrelid", row.oid):
        if found.contype == "c" and found.convalidated:
            known.append(fold(glob, text_to_node(found.conbin)))
    if tests and not implied(glob, tests, known):
        both = tests[0] if len(tests) == 1 else BoolExpr(boolop=BoolExprType.AND_EXPR, args=tests)
        add_checks(ddl, row, [CheckPlan(None, cooked=both)])
        ddl.advance()


def _column(row: Any) -> Var:
    return Var(
        varno=1, varattno=row.attnum, vartype=row.atttypid, vartypmod=row.atttypmod,
        varcollid=row.attcollation, varnosyn=1, varattnosyn=row.attnum,
    )  # fmt: skip
