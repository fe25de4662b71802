"""Partitioning: pg_get_partkeydef and the bounds of partitions."""

from __future__ import annotations

from typing import Any

from pgtool.functions.nodetypes import expr_collation, expr_type
from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.calls import looks_like_call
from pgtool.functions.ruleutils.deparser import INDENT, Deparser, handles
from pgtool.functions.ruleutils.entry import read_tree, relation_expr
from pgtool.functions.ruleutils.exprs import constant
from pgtool.functions.ruleutils.names import Names
from pgtool.nodes.enums import PartitionRangeDatumKind

_STRATEGIES = {"h": "HASH", "l": "LIST", "r": "RANGE"}
_LIMITS = {
    PartitionRangeDatumKind.PARTITION_RANGE_DATUM_MINVALUE: "MINVALUE",
    PartitionRangeDatumKind.PARTITION_RANGE_DATUM_MAXVALUE: "MAXVALUE",
}


@builtin("pg_get_partkeydef", call=True)
def pg_get_partkeydef(call: Call, oid: int) -> str | None:
    """What stands after PARTITION BY."""
    row = call.session.cache.one("pg_partitioned_table", "partrelid", oid)
    if row is None:
        return None
    return f"{_STRATEGIES[row.partstrat]} ({', '.join(_keys(call.session, row, True))})"


def partition_key_columns(session: Any, oid: int) -> str:
    """The key's columns and expressions alone, as errors name them."""
    row = session.cache.one("pg_partitioned_table", "partrelid", oid)
    return ", ".join(_keys(session, row, False))


def _keys(session: Any, row: Any, whole: bool) -> list[str]:
    """Each key column; ``whole``: with its collation and operator class."""
    oid = row.partrelid
    names = Names(session)
    exprs = iter(read_tree(session, row.partexprs) if row.partexprs else ())
    keys = []
    for i, number in enumerate(row.partattrs):
        if number:
            a = names.attribute(oid, number)
            text, typid, collation = names.quote(a.attname), a.atttypid, a.attcollation
        else:
            expr = next(exprs)
            text = relation_expr(session, expr, oid, INDENT)
            text = text if looks_like_call(expr) else f"({text})"
            typid, collation = expr_type(expr), expr_collation(expr)
        if whole:
            wanted = row.partcollation[i]
            if wanted and wanted != collation:
                text += " COLLATE " + names.collation(wanted)
            text += names.opclass(row.partclass[i], typid)
        keys.append(text)
    return keys


@handles("PartitionBoundSpec")
def _bound(d: Deparser, node: Any, _implicit: bool) -> None:
    if node.is_default:
        d.put("DEFAULT")
    elif node.strategy == "h":
        d.put(f"FOR VALUES WITH (modulus {node.modulus}, remainder {node.remainder})")
    elif node.strategy == "l":
        d.put("FOR VALUES IN (")
        for i, value in enumerate(node.listdatums):
            d.put(", " if i else "")
            constant(d, value, -1)
        d.put(")")
    else:
        d.put("FOR VALUES FROM ")
        _range(d, node.lowerdatums)
        d.put(" TO ")
        _range(d, node.upperdatums)


def _range(d: Deparser, datums: list[Any]) -> None:
    d.put("(")
    for i, datum in enumerate(datums):
        d.put(", " if i else "")
        word = _LIMITS.get(datum.kind)
        if word is not None:
            d.put(word)
        else:
            constant(d, datum.value, -1)
    d.put(")")
