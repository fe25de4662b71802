"""A cluster: the data directory, its transactions, its shared catalogs, its databases."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pgtool.access.damage import Damage, accept_gaps, strict
from pgtool.access.heap.scan import HeapScan
from pgtool.access.heap.visible import AtRest
from pgtool.access.toast import Detoaster
from pgtool.catalog import bootstrap, whole
from pgtool.catalog.database import Database
from pgtool.catalog.mapping import read_map
from pgtool.catalog.table import CatalogTable
from pgtool.errors import CorruptData, UserError
from pgtool.storage.datadir import ClusterState, DataDirectory
from pgtool.storage.smgr import GLOBALTABLESPACE_OID, RelFileLocator
from pgtool.transam.cluster import Transactions
from pgtool.transam.recovery.opening import open_recovered
from pgtool.types.encoding import UTF8

if TYPE_CHECKING:
    from pgtool.transam.instance import Instance
    from pgtool.transam.snapshot import Snapshot
    from pgtool.transam.xact import Xact

INVALID_DATABASE_CONNLIMIT = -2


#: Clusters with sessions that write: closed when the process ends, if nobody did before.
_open_clusters: weakref.WeakSet[Cluster] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for cluster in list(_open_clusters):
        cluster.stop_writing()


class Reading:
    """What one command reads by; a scan that meets another one looks at its file anew.

    The snapshot is taken when something is read, as of the command id of the beginning.
    """

    def __init__(self, xact: Xact, latest: bool = False) -> None:
        self.xact = xact
        self.latest = latest
        self.cid = xact.cid(False)
        self._snapshot: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The command's snapshot."""
        if self._snapshot is None:
            self._snapshot = self._taken()
        return self._snapshot

    def _taken(self) -> Snapshot:
        xact = self.xact
        found = xact.latest_snapshot() if self.latest else xact.snapshot()
        return found.with_cid(self.cid)

    @cached_property
    def sees(self) -> AtRest:
        """The same for scans."""
        return AtRest(self.snapshot)


class Cluster:
    """An opened cluster. Reading never writes; nothing is kept open between reads."""

    def __init__(
        self,
        root: str,
        *,
        inconsistent: bool = False,
        damage: Damage = strict,
        verify_checksums: bool = True,
        directory: DataDirectory | None = None,
    ) -> None:
        """``damage`` is told of damaged pages and rows of catalogs, which are then left out.

        ``directory`` is the directory as somebody has opened (or recovered) it already.
        """
        self.damage = damage
        #: Looks on at an instance that this process runs already, until this session writes.
        self._observer: Xact | None = None
        self.directory: DataDirectory = directory or self._join(root) or open_recovered(
            root, inconsistent=inconsistent
        )
        self.directory.verify = verify_checksums
        self.major = self.directory.major
        self.control = self.directory.control
        at_rest = self.directory.state.reason is None
        self.transactions = Transactions(
            self.directory.backend, self.major, self.control, at_rest
        )
        rules = self.transactions.visibility
        self._at_rest = AtRest(rules)
        self._catalogs_at_rest = AtRest(rules, keep_doubtful=damage is not strict)
        #: The running instance once this session writes (or another one of this process does).
        self.instance: Instance | None = None
        #: The session's transaction, and what its current command reads by.
        self.xact: Xact | None = None
        self.reading: Reading | None = None
        self._databases: dict[int, Database] = {}

    # -- writing ---------------------------------------------------------------------

    def _join(self, root: str) -> DataDirectory | None:
        """The directory as an instance of this process has it; None where none runs on it."""
        module = sys.modules.get("pgtool.transam.instance")
        instance = module and module.running_instance(root)
        if not instance:
            return None
        from pgtool.transam.xact import Xact

        self._observer = Xact(instance)
        state = ClusterState("open for writing in this process")
        return DataDirectory(instance.pooled, instance.major, instance.control, state)

    @property
    def root(self) -> str:
        """The data directory's real path."""
        return os.path.realpath(self.directory.backend.root)

    def start_writing(self, database: Database) -> Xact:
        """Open the directory for writing, or join those of this process that have it open.

        Returns the transaction state of the session on ``database``.
        """
        from pgtool.transam.instance import Instance, running_instance

        assert self.xact is None
        checkpoint = self.control.checkPoint
        instance = running_instance(self.root) or Instance.start(self.root)
        if self._observer is None and instance.control.checkPoint != checkpoint:
            self._forget()  # somebody else wrote since this cluster was opened
        self.instance = instance
        self.directory.backend = instance.pooled
        self.directory.control = self.control = instance.control
        self.xact = instance.session(database.oid, database.tablespace)
        _open_clusters.add(self)
        return self.xact

    def _forget(self) -> None:
        """What was read of catalogs may be old."""
        for kept in ("relmap", "pg_database", "roles", "tablespaces"):
            self.__dict__.pop(kept, None)
        for database in self._databases.values():
            database.invalidate()

    def stop_writing(self) -> None:
        """End the session's part in the instance; with the last session it shuts down."""
        instance, xact = self.instance, self.xact
        self.instance = self.xact = self.reading = None
        _open_clusters.discard(self)
        if instance is None:
            return
        try:
            if xact is not None:
                instance.end_session(xact)
        finally:
            if not instance.sessions:
                instance.shutdown()

    @property
    def sees(self) -> AtRest:
        """What a scan sees: the current command's snapshot, or the directory at rest."""
        if self.reading is not None:
            return self.reading.sees
        return self._newest(self._at_rest)

    def _newest(self, at_rest: AtRest) -> AtRest:
        """All that has been done up to now; ``at_rest`` where nobody writes."""
        looking = self.xact or self._observer
        return at_rest if looking is None else AtRest(looking.latest_snapshot())

    @property
    def catalog_snapshot(self) -> AtRest:
        """What catalogs are read by: when writing, all that was done up to this command.

        Rows of doubtful fate are kept where damage is tolerated: without them nothing
        of a damaged cluster could be found. Those of users' tables never are.
        """
        return self._newest(self._catalogs_at_rest)

    @contextmanager
    def read_latest(self) -> Iterator[Reading]:
        """Let scans see everything that has been done up to now, for a while."""
        assert self.xact is not None
        outer, self.reading = self.reading, Reading(self.xact, latest=True)
        try:
            yield self.reading
        finally:
            self.reading = outer

    @property
    def warnings(self) -> list[str]:
        """What a user should know before believing what is read."""
        return self.directory.warnings

    @cached_property
    def relmap(self) -> dict[int, int]:
        """OID → file number of the shared catalogs."""
        return read_map(self.directory.backend, "global", self.damage)

    def shared(self, name: str) -> CatalogTable:
        """A shared catalog that is known beforehand (without out-of-line values)."""
        known = bootstrap.catalogs(self.major)[name]
        if known.oid not in self.relmap:
            raise CorruptData(f"{name} is not in the shared relation map", file="global")
        where = RelFileLocator(GLOBALTABLESPACE_OID, 0, self.relmap[known.oid])
        scan = HeapScan(
            self.directory.file(where), known.attrs, self.catalog_snapshot,
            Detoaster(None), self.directory.checksums, self.damage,
        )  # fmt: skip
        accept_gaps(scan.file, self.damage)
        plain = {a.attname for a in known.attrs if a.attlen > 0}
        table = CatalogTable(scan, known.types, UTF8, plain)
        self.check_whole(scan, where, self.relmap.get(bootstrap.INDEXES[known.oid]))
        return table

    def check_whole(self, scan: HeapScan, where: RelFileLocator, index: int | None) -> None:
        """After a catalog was read: tell what it lacks. ``index`` is the file of its index."""
        if self.xact is None and self._observer is None:
            place = None if index is None else where._replace(rel=index)
            whole.check(self.directory, scan, whole.witnesses(self.directory, where, place))

    @cached_property
    def pg_database(self) -> CatalogTable:
        """pg_database, without its variable-width columns."""
        return self.shared("pg_database")

    @cached_property
    def roles(self) -> dict[int, str]:
        """OID → name of every role."""
        return {row["oid"]: row["rolname"] for row in self.shared("pg_authid")}

    @cached_property
    def tablespaces(self) -> dict[int, str]:
        """OID → name of every tablespace."""
        return {row["oid"]: row["spcname"] for row in self.shared("pg_tablespace")}

    def databases(self) -> list[dict[str, Any]]:
        """The rows of pg_database, by name."""
        return sorted(self.pg_database, key=lambda row: str(row["datname"]))

    def database(self, name: str) -> Database:
        """The database of this name; UserError where there is none."""
        for row in self.databases():
            if row["datname"] == name:
                return self.database_of(row["oid"])
        raise UserError(f'database "{name}" does not exist')

    def database_of(self, oid: int) -> Database:
        """The database with this OID."""
        if oid not in self._databases:
            row = self.pg_database.find("oid", oid)
            if row is None:
                raise UserError(f"database with OID {oid} does not exist")
            facts = self.pg_database.row(row)
            if facts["datconnlimit"] == INVALID_DATABASE_CONNLIMIT:
                raise UserError(f'database "{facts["datname"]}" is half dropped')
            self._databases[oid] = Database(self, facts)
        return self._databases[oid]
