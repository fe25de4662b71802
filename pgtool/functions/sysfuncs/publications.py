"""pg_get_publication_tables: what publications publish, table by table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.sysfuncs.objects import (
    pg_partition_ancestors,
    pg_partition_tree,
    pg_relation_is_publishable,
)
from pgtool.functions.values import ArrayValue

__all__: list[str] = []

INT2OID = 21
#: The first major whose function takes several publications and gives columns and filters.
FIRST_OF_MANY = 16


@builtin("pg_get_publication_tables", call=True, returns_set=True)
def pg_get_publication_tables(call: Call, names: Any) -> Iterator[tuple[Any, ...]]:
    """Publication, table, columns, row filter."""
    session = call.session
    if session.settings.major < FIRST_OF_MANY:
        raise Unsupported("function pg_get_publication_tables of this major")
    found: list[tuple[Any, int]] = []
    for name in names.elements:
        publication = session.cache.one("pg_publication", "pubname", name)
        if publication is None:
            raise SqlError(f'publication "{name}" does not exist', "42704")
        found += [(publication, relid) for relid in _relations(call, publication)]
    if any(publication.pubviaroot for publication, _relid in found):
        # What is published through a partitioned table is not published once more.
        listed = {relid for _publication, relid in found}
        found = [
            pair for pair in found
            if not listed.intersection(list(pg_partition_ancestors(call, pair[1]))[1:])
        ]  # fmt: skip
    for publication, relid in found:
        yield publication.oid, relid, *_columns(session, publication, relid)


def _relations(call: Call, publication: Any) -> list[int]:
    """The tables of a publication, partitioned ones by their leaves or as they are."""
    cache = call.session.cache
    if publication.puballtables:
        rows = [row for row in cache.rows("pg_class") if row.relkind in "rp"]
        out = [
            row.oid for row in rows
            if (not row.relispartition if publication.pubviaroot else row.relkind == "r")
        ]  # fmt: skip
    else:
        members = cache.lookup("pg_publication_rel", "prpubid", publication.oid)
        named = [row.prrelid for row in members]
        for member in cache.lookup("pg_publication_namespace", "pnpubid", publication.oid):
            rows = cache.lookup("pg_class", "relnamespace", member.pnnspid)
            named += [row.oid for row in rows if row.relkind in "rp"]
        out = []
        for relid in named:
            out += [relid] if publication.pubviaroot else _leaves(call, relid)
    return [
        relid for relid in dict.fromkeys(out) if pg_relation_is_publishable(call, relid)
    ]


def _leaves(call: Call, relid: int) -> list[int]:
    tree = [found for found, _parent, leaf, _level in pg_partition_tree(call, relid) if leaf]
    return tree or [relid]


def _columns(session: Session, publication: Any, relid: int) -> tuple[Any, Any]:
    """The columns of a table that are published, and its row filter."""
    cache = session.cache
    table = cache.one("pg_class", "oid", relid)
    schema = table.relnamespace if table is not None else 0
    whole = publication.puballtables or cache.one(
        "pg_publication_namespace", ("pnnspid", "pnpubid"), (schema, publication.oid)
    ) is not None
    member = None if whole else cache.one(
        "pg_publication_rel", ("prrelid", "prpubid"), (relid, publication.oid)
    )  # fmt: skip
    numbers = list(member.prattrs) if member is not None and member.prattrs else []
    if not numbers:
        generated = ("", "s") if getattr(publication, "pubgencols", "n") == "s" else ("",)
        numbers = sorted(
            row.attnum for row in cache.lookup("pg_attribute", "attrelid", relid)
            if row.attnum > 0 and not row.attisdropped
            and str(row.attgenerated).strip("\0") in generated
        )  # fmt: skip
    attrs = ArrayValue(INT2OID, (len(numbers),), (0,), numbers) if numbers else None
    return attrs, member.prqual if member is not None else None
