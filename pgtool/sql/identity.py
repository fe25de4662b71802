"""Sequences that columns own: those of identity columns, found through pg_depend."""

from __future__ import annotations

from pgtool.errors import CorruptData
from pgtool.functions.session import Session

__all__ = ["identity_sequence"]

PG_CLASS_OID = 1259
INTERNAL = "i"


def identity_sequence(session: Session, relid: int, attnum: int) -> int:
    """The OID of the sequence behind an identity column (a partition's: its root's)."""
    cache = session.cache
    relation = session.database.relation(relid)
    name = relation.attributes[attnum - 1].attname
    while relation.relispartition:
        parent = cache.lookup("pg_inherits", "inhrelid", relid)[0].inhparent
        relid, relation = parent, session.database.relation(parent)
        attnum = next(a.attnum for a in relation.columns if a.attname == name)
    for row in cache.lookup("pg_depend", "refobjid", relid):
        if (row.classid == PG_CLASS_OID and row.refclassid == PG_CLASS_OID
                and row.refobjsubid == attnum and row.deptype == INTERNAL):  # fmt: skip
            found = session.database.relation(row.objid)
            if found.relkind == "S":
                return int(row.objid)
    raise CorruptData(f"no sequence of identity column {attnum} of relation {relid}",
                      file="pg_depend")  # fmt: skip
