"""After VACUUM: how old the database's oldest row is, and what the cluster can forget.

pg_database.datfrozenxid and datminmxid become the oldest of pg_class'; the oldest of all
databases then bounds which xids and multixacts can still be asked for, so pg_xact,
pg_commit_ts and pg_multixact are cut, and the limits against wraparound move on.
"""

from __future__ import annotations

from typing import Any

from formats.slru import FIRST_MULTIXACT_ID
from formats.units import FIRST_NORMAL_XID
from pgtool.catalog.inplace import update_inplace
from pgtool.transam.xid import multi_precedes, precedes

__all__ = ["update_database_ages"]

_WITH_XIDS = "rmt"


def update_database_ages(run: Any) -> None:
    """Bring pg_database up to date, then forget what no database needs."""
    session, instance = run.session, run.instance
    xid = instance.procarray.oldest_xmin()
    multi = instance.oldest_member()
    next_xid, next_multi = instance.varsup.next_xid, instance.multixact.next_multi
    for row in session.cache.rows("pg_class"):
        if row.relkind not in _WITH_XIDS:
            continue
        if row.relfrozenxid >= FIRST_NORMAL_XID:
            if precedes(next_xid, row.relfrozenxid):
                return  # an age from the future: nothing can be concluded
            if precedes(row.relfrozenxid, xid):
                xid = row.relfrozenxid
        if row.relminmxid >= FIRST_MULTIXACT_ID:
            if multi_precedes(next_multi, row.relminmxid):
                return
            if multi_precedes(row.relminmxid, multi):
                multi = row.relminmxid
    ddl = run.ddl
    row = session.cache.one("pg_database", "oid", session.database.oid)
    changes = {}
    if precedes(row.datfrozenxid, xid) or precedes(next_xid, row.datfrozenxid):
        changes["datfrozenxid"] = xid
    if multi_precedes(row.datminmxid, multi) or multi_precedes(next_multi, row.datminmxid):
        changes["datminmxid"] = multi
    if changes:
        update_inplace(ddl.writer, "pg_database", row, **changes)
    if changes or _limits_are_old(instance):
        _forget(session, instance, next_xid, next_multi)


def _limits_are_old(instance: Any) -> bool:
    """Whether the limits are due to be computed anew in any case."""
    limits = instance.varsup.limits
    return not precedes(instance.varsup.next_xid, limits.vacuum)


def _forget(session: Any, instance: Any, next_xid: int, next_multi: int) -> None:
    """Cut transaction status by the oldest of all databases."""
    xid = multi = None
    xid_database = multi_database = 0
    for row in session.cache.rows("pg_database"):
        if precedes(next_xid, row.datfrozenxid) or multi_precedes(next_multi, row.datminmxid):
            return
        if xid is None or precedes(row.datfrozenxid, xid):
            xid, xid_database = int(row.datfrozenxid), int(row.oid)
        if multi is None or multi_precedes(row.datminmxid, multi):
            multi, multi_database = int(row.datminmxid), int(row.oid)
    if xid is None or multi is None:
        return
    instance.commit_ts.advance_oldest(xid)
    instance.clog.truncate(xid, xid_database)
    instance.commit_ts.truncate(xid)
    instance.multixact.truncate(multi, multi_database)
    instance.varsup.set_limits(
        xid, xid_database, instance.settings.autovacuum_freeze_max_age
    )
