"""Rows of pg_constraint and what they depend on; names for constraints that have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import AUTO, NORMAL, record
from pgtool.catalog.exprdeps import record_expression, record_on_relation
from pgtool.catalog.indexing import CatalogWriter
from pgtool.catalog.pg_type import NAMEDATALEN, cut
from pgtool.nodes.text import node_to_text

__all__ = ["ConstraintSpec", "choose_constraint_name", "create_constraint", "make_object_name"]


@dataclass
class ConstraintSpec:
    """A constraint to be made; ``kind`` is pg_constraint's contype."""

    name: str
    namespace: int
    kind: str
    relid: int = 0
    keys: tuple[int, ...] = ()
    #: Key columns of an index with INCLUDE columns: all of them, for the dependencies.
    all_keys: tuple[int, ...] = ()
    typid: int = 0
    index: int = 0
    deferrable: bool = False
    deferred: bool = False
    enforced: bool = True
    validated: bool = True
    parent: int = 0
    foreign_relid: int = 0
    foreign_keys: tuple[int, ...] = ()
    pf_eq_ops: tuple[int, ...] = ()
    pp_eq_ops: tuple[int, ...] = ()
    ff_eq_ops: tuple[int, ...] = ()
    update_action: str = " "
    delete_action: str = " "
    delete_columns: tuple[int, ...] = ()
    match: str = " "
    excl_ops: tuple[int, ...] = ()
    expr: Any = None
    is_local: bool = True
    inhcount: int = 0
    no_inherit: bool = False
    period: bool = False


def create_constraint(writer: CatalogWriter, spec: ConstraintSpec) -> int:
    """Store a constraint; its OID."""
    oid = writer.new_oid("pg_constraint")
    writer.insert("pg_constraint", {
        "oid": oid, "conname": spec.name, "connamespace": spec.namespace, "contype": spec.kind,
        "condeferrable": spec.deferrable, "condeferred": spec.deferred,
        "conenforced": spec.enforced, "convalidated": spec.validated, "conrelid": spec.relid,
        "contypid": spec.typid, "conindid": spec.index, "conparentid": spec.parent,
        "confrelid": spec.foreign_relid, "confupdtype": spec.update_action,
        "confdeltype": spec.delete_action, "confmatchtype": spec.match,
        "conislocal": spec.is_local, "coninhcount": spec.inhcount,
        "connoinherit": spec.no_inherit, "conperiod": spec.period,
        "conkey": spec.keys or None, "confkey": spec.foreign_keys or None,
        "conpfeqop": spec.pf_eq_ops or None, "conppeqop": spec.pp_eq_ops or None,
        "conffeqop": spec.ff_eq_ops or None, "confdelsetcols": spec.delete_columns or None,
        "conexclop": spec.excl_ops or None,
        "conbin": None if spec.expr is None else node_to_text(spec.expr),
    })  # fmt: skip
    _dependencies(writer, spec, Address(c.CONSTRAINT, oid))
    return oid


def _dependencies(writer: CatalogWriter, spec: ConstraintSpec, own: Address) -> None:
    if spec.relid:
        columns = spec.all_keys or spec.keys
        targets = [Address(c.RELATION, spec.relid, n) for n in columns if n > 0]
        record(writer, own, targets or [Address(c.RELATION, spec.relid)], AUTO)
    if spec.typid:
        record(writer, own, Address(c.TYPE, spec.typid), AUTO)
    if spec.foreign_relid:
        targets = [Address(c.RELATION, spec.foreign_relid, n) for n in spec.foreign_keys]
        record(writer, own, targets or [Address(c.RELATION, spec.foreign_relid)], NORMAL)
    if spec.index and spec.kind == "f":
        record(writer, own, Address(c.RELATION, spec.index), NORMAL)
    operators = [*spec.pf_eq_ops]
    for pf, other in (*zip(spec.pf_eq_ops, spec.pp_eq_ops), *zip(spec.pf_eq_ops, spec.ff_eq_ops)):
        if pf != other:
            operators.append(other)
    record(writer, own, [Address(c.OPERATOR, oid) for oid in operators], NORMAL)
    if spec.expr is not None:
        if spec.relid:
            record_on_relation(writer, own, spec.expr, spec.relid, NORMAL, NORMAL)
        else:
            record_expression(writer, own, spec.expr, [], NORMAL)


def constraints_of(writer: CatalogWriter, relid: int) -> list[Any]:
    """A relation's constraints, by name."""
    rows = writer.cache.lookup("pg_constraint", "conrelid", relid)
    return sorted(rows, key=lambda row: str(row.conname))


def named(writer: CatalogWriter, relid: int, name: str) -> Any:
    """A relation's constraint by name, or None."""
    return writer.row("pg_constraint", ("conrelid", "conname"), (relid, name))


def not_null_of(writer: CatalogWriter, relid: int, number: int) -> Any:
    """The NOT NULL constraint of a column, or None."""
    for row in writer.cache.lookup("pg_constraint", "conrelid", relid):
        if row.contype == "n" and row.conkey == (number,):
            return row
    return None


def make_object_name(writer: CatalogWriter, one: str, two: str | None, label: str | None) -> str:
    """name1_name2_label, the names cut so that it fits: the longer one first."""
    overhead = (1 if two is not None else 0) + (len(label) + 1 if label else 0)
    encode = writer.database.encoding.encode
    room = NAMEDATALEN - 1 - overhead
    first, second = len(encode(one)), len(encode(two or ""))
    while first + second > room:
        if first > second:
            first -= 1
        else:
            second -= 1
    parts = [cut(writer, one, first)]
    if two is not None:
        parts.append(cut(writer, two, second))
    if label:
        parts.append(label)
    return "_".join(parts)


def choose_relation_name(
    writer: CatalogWriter, one: str, two: str | None, label: str, namespace: int,
    constraint: bool = False, taken: set[str] | None = None,
) -> str:  # fmt: skip
    """name1_name2_label, with a number behind where that is a relation already."""
    number = 0
    while True:
        name = make_object_name(writer, one, two, label + (str(number) if number else ""))
        key = (name, namespace)
        if (
            name not in (taken or ())
            and writer.row("pg_class", ("relname", "relnamespace"), key) is None
            and not (constraint and _in_namespace(writer, name, namespace))
        ):
            return name
        number += 1


def _in_namespace(writer: CatalogWriter, name: str, namespace: int) -> bool:
    key = ("conname", "connamespace")
    return writer.row("pg_constraint", key, (name, namespace)) is not None


def choose_constraint_name(
    writer: CatalogWriter, one: str, two: str | None, label: str, namespace: int,
    taken: set[str] | list[str] = frozenset(),  # type: ignore[assignment]
) -> str:  # fmt: skip
    """Likewise for constraints: free among those of the schema and those in ``taken``."""
    number = 0
    while True:
        name = make_object_name(writer, one, two, label + (str(number) if number else ""))
        if name not in taken and not _in_namespace(writer, name, namespace):
            return name
        number += 1
